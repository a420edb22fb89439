// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOptionMarket} from "../contracts/interfaces/IOptionMarket.sol";
import {Expiries} from "../contracts/libraries/Expiries.sol";
import {HedgeParams, InsuranceParams, MarginParams, MarketParams, PricingParams, VaultParams} from "../contracts/types/Params.sol";
import {Mode, Solvency, TradeResult} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../contracts/types/Units.sol";
import {MarketBase} from "./OptionMarket.t.sol";
import {World} from "./World.sol";

/// A plain pool: no fee, limit, margin, impact or hedge. Options are traded far out of the money for nothing, so that
/// every amount at settlement is a whole number that can be worked by hand: calls of strike 2400, settled at 3400.
contract SettlementTest is World {
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    address internal constant DAVE = address(0xDA);
    Timestamp internal soon;
    /// what rounding may move: a few token units per step
    uint256 internal constant DUST = 20e12;

    function pricingParams() internal view override returns (PricingParams memory p) {
        p = super.pricingParams();
        (p.impact, p.greekMaxAge, p.greekMaxMove) = (_w(0), _s(365 days), _w(1000e18));
    }

    function marketParams() internal view override returns (MarketParams memory p) {
        (p.maxLegs, p.minSize) = (_w(8e18), _w(1e12));
    }

    function marginParams() internal view override returns (MarginParams memory p) {
        (p.tailDown, p.tailUp) = (_w(0.5e18), _w(1.6e18));
    }

    function insuranceParams() internal view override returns (InsuranceParams memory) {
        return InsuranceParams({maxShare: _w(1e18), target: _w(0)});
    }

    function setUp() public {
        deploy();
        post(1000e18);
        soon = list(3600);
    }

    /// Alice is long 6, Dave 4, Bob short 4 with 1000 of collateral.
    function _open(uint256 pool, uint256 fund_) private {
        fundPool(address(0x19), pool);
        if (fund_ != 0) insure(fund_);
        fund(ALICE, 1e18);
        fund(DAVE, 1e18);
        fund(BOB, 1000e18);
        trade(ALICE, call(soon, 4), 6e18);
        trade(DAVE, call(soon, 4), 4e18);
        trade(BOB, call(soon, 4), -4e18);
    }

    function _settleAt(uint256 price) private {
        wait(3600);
        post(price);
        market.settleExpiry(soon, round);
    }

    function _balance(address who) private view returns (int256) {
        return int256(market.balanceOf(who).raw());
    }

    function test_settle_solvent_paysInFull_insuranceFirst() public {
        _open(8_600e18, 500e18);
        _settleAt(3400e18);
        check(market.sweep(soon, 100), "done");
        // Bob owes 4000, has 1000; the fund adds 500; 8600 + 1000 + 500 = 10100 >= 10000
        (, Wad scale, bool swept, bool done) = market.settlementOf(soon);
        eq(scale, 1e18, "scale");
        check(swept && done, "finished");
        near(_balance(ALICE), 6001e18, DUST, "Alice");
        near(_balance(DAVE), 4001e18, DUST, "Dave");
        near(_balance(BOB), 0, DUST, "Bob");
        eq(insurance.balance(), 0, "the fund paid first");
        near(int256(vault.cash().raw()), 100e18, DUST, "100 left");
        eq(market.settledOwed().rawS(), 0, "nothing owed");
        eq(market.liveExpiries().length, 0, "gone");
    }

    function test_settle_insolvent_scaleByHand() public {
        _open(7_500e18, 500e18);
        _settleAt(3400e18);
        // 7500 + 1000 + 500 = 9000 of 10000
        market.sweep(soon, 100);
        (, Wad scale,,) = market.settlementOf(soon);
        near(int256(scale.raw()), 0.9e18, 1e12, "scale");
        near(_balance(ALICE), 5401e18, DUST, "Alice: 6000 x 0.9 + 1");
        near(_balance(DAVE), 3601e18, DUST, "Dave: 4000 x 0.9 + 1");
        check(vault.cash().raw() < DUST, "the pool is empty");
        eq(market.settledOwed().rawS(), 0, "nothing owed");
        check(vault.insolvent(), "stated");
    }

    /// No debtor: the fund stands in at the payout, uncapped, because the pool itself lacks the money.
    function test_settle_insolvent_drawsTheWholeFund() public {
        fundPool(address(0x19), 8_000e18);
        insure(1_000e18);
        fund(ALICE, 1e18);
        trade(ALICE, call(soon, 4), 10e18);
        _settleAt(3400e18);
        market.sweep(soon, 100);
        (, Wad scale,,) = market.settlementOf(soon);
        near(int256(scale.raw()), 0.9e18, 1e12, "scale: (8000 + 1000) / 10000");
        near(_balance(ALICE), 9001e18, DUST, "Alice");
        check(insurance.balance().raw() < DUST && vault.cash().raw() < DUST, "all of it");
    }

    function test_sweep_inSmallSteps_isTheSame() public {
        _open(7_500e18, 500e18);
        _settleAt(3400e18);
        uint256 calls;
        while (!market.sweep(soon, 1)) ++calls;
        check(calls >= 4, "several calls");
        near(_balance(ALICE), 5401e18, DUST, "Alice");
        near(_balance(DAVE), 3601e18, DUST, "Dave");
        check(market.sweep(soon, 1), "idempotent");
    }

    /// Participants are bits at their accounts' indices, 256 to a word: here 1, 255, 256 and 1100 of 1,110 accounts.
    function _crowd() private {
        fundPool(address(0x19), 10_000e18);
        for (uint160 i = 1; i <= 1110; ++i) fund(address(0x10000 + i), 1e18);
        for (uint256 k; k < 4; ++k) trade(_holder(k), call(soon, 4), 1e18);
        _settleAt(3400e18);
    }

    function _holder(uint256 k) private pure returns (address) {
        return address(uint160(0x10000 + [uint256(1), 255, 256, 1100][k]));
    }

    function _checkPaid() private view {
        for (uint256 k; k < 4; ++k) near(_balance(_holder(k)), 1001e18, DUST, "paid once");
        eq(market.settledOwed().rawS(), 0, "nobody is left");
    }

    /// Each of the two passes counts four participants and three steps to another word.
    function test_sweep_acrossWordsOfAccounts_isBoundedAndMissesNobody() public {
        _crowd();
        check(!market.sweep(soon, 13), "one is left");
        check(_balance(_holder(3)) < 2e18, "the last one");
        check(market.sweep(soon, 1), "done");
        _checkPaid();
    }

    function test_sweep_acrossWordsOfAccounts_stepByStep() public {
        _crowd();
        uint256 calls = 1;
        while (!market.sweep(soon, 1)) ++calls;
        check(calls >= 8 && calls <= 15, "about a call for each participant and word");
        _checkPaid();
    }

    function test_sweep_nettedAccount_paysOnlyTheDifference() public {
        fundPool(address(0x19), 10_000e18);
        fund(ALICE, 3_000e18);
        trade(ALICE, call(soon, 4), 5e18); // worth 1000 each
        trade(ALICE, call(soon, 3), -6e18); // owes 1200 each
        _settleAt(3400e18);
        eq(market.settledOwed().rawS(), 5000e18 - 7200e18, "owed at settlement");
        market.sweep(soon, 100);
        near(_balance(ALICE), 3000e18 - 2200e18, DUST, "net debt paid");
    }

    /// Alice's 6 calls are worth 6000 and her short of strike 2200 costs 1200: 4800 of 8800 claims on 7920.
    function test_sweep_nettedCreditor_claimsTheDifference() public {
        fundPool(address(0x19), 7_920e18);
        fund(ALICE, 1_000e18);
        fund(DAVE, 1e18);
        trade(ALICE, call(soon, 4), 6e18);
        trade(ALICE, call(soon, 3), -1e18);
        trade(DAVE, call(soon, 4), 4e18);
        _settleAt(3400e18);
        market.sweep(soon, 100);
        (, Wad scale,,) = market.settlementOf(soon);
        near(int256(scale.raw()), 0.9e18, 1e12, "scale");
        near(_balance(ALICE), 1000e18 + 4320e18, DUST, "Alice: 4800 x 0.9");
        near(_balance(DAVE), 3601e18, DUST, "Dave: 4000 x 0.9");
        eq(market.settledOwed().rawS(), 0, "nothing owed");
    }

    function test_sweep_legsOfOtherExpiries_stay() public {
        Timestamp later = list(7200);
        fundPool(address(0x19), 20_000e18);
        fund(ALICE, 1e18);
        trade(ALICE, call(soon, 4), 6e18);
        trade(ALICE, call(later, 4), 4e18);
        _settleAt(3400e18);
        market.sweep(soon, 100);
        eq(market.legsOf(ALICE).length, 1, "one is gone");
        eq(market.legsOf(ALICE)[0].id.rawId(), call(later, 4).rawId(), "the other is not");
    }

    function test_grossMarks_settledLegsCountUntilSwept() public {
        _open(10_000e18, 0);
        _settleAt(3400e18);
        (Wad longs, Wad shorts) = market.grossMarks(Wad.wrap(3400e18));
        eq(longs, 10_000e18, "Alice's and Dave's");
        eq(shorts, 4_000e18, "Bob's");
        market.sweep(soon, 100);
        (longs, shorts) = market.grossMarks(Wad.wrap(3400e18));
        eq(longs.raw() + shorts.raw(), 0, "paid");
    }

    /// 8000 of the pool and 1000 of the fund for 9000 and 1000: whoever comes first, the fund gives what is lacking then.
    function test_sweep_drawsOnTheFundWhenCashIsGone() public {
        fundPool(address(0x19), 8_000e18);
        insure(1_000e18);
        fund(ALICE, 1e18);
        fund(DAVE, 1e18);
        trade(ALICE, call(soon, 4), 9e18);
        trade(DAVE, call(soon, 4), 1e18);
        _settleAt(3400e18);
        int256 paid;
        for (uint256 i; i < 10 && paid == 0; ++i) {
            market.sweep(soon, 1);
            paid = _balance(ALICE) + _balance(DAVE) - 2e18;
        }
        check(paid > 800e18, "one of them");
        int256 lacking = paid > 8_000e18 ? paid - 8_000e18 : int256(0);
        near(int256(insurance.balance().raw()), 1_000e18 - lacking, DUST, "no more than that");
    }

    function test_payoff_isRoundedDownToAMillionWei() public pure {
        eq(Expiries.payoff(3400e18 + 999_999, 2400e18, true), 1000e18, "call");
        eq(Expiries.payoff(2400e18 - 1_999_999, 3400e18, false), 1000e18 + 1e6, "put");
    }

    function test_settle_price_isFixedOnce() public {
        _open(10_000e18, 0);
        vm.expectRevert();
        market.settleExpiry(soon, round);
        _settleAt(3400e18);
        vm.expectPartialRevert(IOptionMarket.AlreadySettled.selector);
        market.settleExpiry(soon, round);
        post(100e18);
        (Wad price,,,) = market.settlementOf(soon);
        eq(price, 3400e18, "immutable");
        vm.expectPartialRevert(IOptionMarket.NotSettled.selector);
        market.sweep(Timestamp.wrap(1), 1);
    }

    /// NAV never jumps: not at settlement, not in the sweep; a bad debt was in it since the account was touched.
    function test_settle_navDoesNotJump() public {
        _open(20_000e18, 0);
        wait(3600);
        post(3400e18);
        market.touch(BOB);
        int256 nav = vault.navParts().nav.rawS();
        near(nav, 20_000e18 + 4000e18 - 3000e18 - 10_000e18, DUST, "20000 + 4000 owed - 3000 unpayable - 10000");
        market.settleExpiry(soon, round);
        near(vault.navParts().nav.rawS(), nav, DUST, "settle");
        for (uint256 i; i < 10; ++i) {
            market.sweep(soon, 1);
            near(vault.navParts().nav.rawS(), nav, DUST, "sweep");
        }
    }

    function test_windDown_closesAtTheScale() public {
        _open(7_500e18, 500e18);
        wait(60);
        post(3400e18);
        refreshAll();
        market.touch(BOB);
        breaker.poke();
        check(breaker.mode() == Mode.WIND_DOWN, "wound down");
        // assets 8000, Bob's 1000, longs 10000
        near(int256(vault.solvency().scale.raw()), 0.9e18, 1e12, "live scale");
        vm.prank(ALICE);
        vm.expectPartialRevert(IOptionMarket.ModeForbids.selector);
        market.trade(call(soon, 4), SWad.wrap(1e18), SWad.wrap(NO_LIMIT));
        TradeResult memory r = trade(ALICE, call(soon, 4), -1e18);
        near(r.cash.rawS(), -900e18, 1e15, "a long is paid its scale");
        near(int256(vault.solvency().scale.raw()), 0.9e18, 1e14, "which leaves the others theirs");
        r = trade(BOB, call(soon, 4), 0.5e18);
        near(r.cash.rawS(), 500e18, 1e15, "a short pays in full");
    }

    /// An early settlement takes no more than its share: a later expiry's longs count.
    function test_settle_laterExpiryIsNotDrained() public {
        Timestamp later = list(7200);
        fundPool(address(0x19), 9_000e18);
        fund(ALICE, 1e18);
        fund(DAVE, 1e18);
        trade(ALICE, call(soon, 4), 6e18);
        trade(DAVE, call(later, 4), 4e18);
        _settleAt(3400e18);
        market.sweep(soon, 100);
        near(_balance(ALICE), 5401e18, 1e15, "6000 x 9000 / 10000");
        wait(3600);
        post(3400e18);
        market.settleExpiry(later, round);
        market.sweep(later, 100);
        near(_balance(DAVE), 3601e18, 1e15, "4000 x 3600 / 4000");
    }
}

/// The same with everything on: settlement of a live world.
contract SettlementLiveTest is MarketBase {
    function test_margin_settledLegsOweTheirPayoff_untilSwept() public {
        trade(ALICE, call(week, 2), -2e18);
        step(7 * DAY, 2100e18);
        market.settleExpiry(week, round);
        eq(margin.marginOf(ALICE).mark.rawS(), 200e18, "2 x 100");
        Wad most = Wad.wrap(balance(ALICE) - 100e18);
        vm.prank(ALICE);
        vm.expectPartialRevert(IOptionMarket.InsufficientMargin.selector);
        market.withdraw(most);
        market.sweep(week, 10);
        eq(market.legsOf(ALICE).length, 0, "gone");
        uint256 all = balance(ALICE);
        vm.prank(ALICE);
        market.withdraw(Wad.wrap(all));
        conserved();
    }
}
