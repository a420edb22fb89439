// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGreekLedger} from "../contracts/interfaces/IGreekLedger.sol";
import {IHedgeManager} from "../contracts/interfaces/IHedging.sol";
import {IOptionMarket} from "../contracts/interfaces/IOptionMarket.sol";
import {HedgeParams, MarketParams, PricingParams} from "../contracts/types/Params.sol";
import {Leg, MarginView, Mode, TradeResult} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

abstract contract MarketBase is World {
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    address internal constant LP = address(0x19);
    Timestamp internal week;

    function setUp() public virtual {
        deploy();
        fundPool(LP, 1_000_000e18);
        week = list(7 * DAY);
        fund(ALICE, 100_000e18);
        fund(BOB, 100_000e18);
    }

    function refuse(address who, SeriesId id, int256 size, bytes4 reason) internal {
        vm.prank(who);
        vm.expectPartialRevert(reason);
        market.trade(id, SWad.wrap(size), SWad.wrap(NO_LIMIT));
    }

    function balance(address who) internal view returns (uint256) {
        return market.balanceOf(who).raw();
    }

    /// T-1: nothing is created or lost.
    function conserved() internal {
        market.square();
        eq(token.balanceOf(address(market)) * UNIT, market.totalBalances().raw(), "market holds the balances");
        eq(token.balanceOf(address(vault)) * UNIT, vault.cash().raw(), "vault holds the cash");
        eq(token.balanceOf(address(insurance)) * UNIT, insurance.balance().raw(), "fund holds its balance");
    }
}

contract OptionMarketTest is MarketBase {
    /// The hedge gate has its own test.
    function hedgeParams() internal view override returns (HedgeParams memory p) {
        p = super.hedgeParams();
        p.gateSlack = _w(0);
    }

    function test_trade_buy_movesPremiumAndFeeByHand() public {
        uint256 before = vault.cash().raw();
        TradeResult memory r = trade(ALICE, call(week, 2), 1e18);
        // at the money, 7 days, 80 %: 2000 * 0.398942 * 0.8 * sqrt(7 / 365) = 88.37 to first order
        near(r.premium.rawS(), 88.35e18, 0.1e18, "premium");
        // the larger of 0.5 % of the premium (0.44) and 0.06 % of spot times delta (0.53): 1.2 * delta
        near(int256(r.fee.raw()), 1.2e18 * r.delta.rawS() / 1e18, 10, "fee");
        check(r.cash.rawS() >= r.premium.rawS() + int256(r.fee.raw()), "rounded against the trader");
        check(r.cash.rawS() < r.premium.rawS() + int256(r.fee.raw()) + int256(UNIT), "by less than a unit");
        eq(balance(ALICE), 100_000e18 - uint256(r.cash.rawS()), "balance");
        uint256 insured = r.fee.raw() / 10 / UNIT * UNIT;
        eq(insurance.balance(), insured, "insurance share");
        eq(vault.cash(), before + uint256(r.cash.rawS()) - insured, "cash");
        conserved();
    }

    function test_trade_sell_paysThePremiumLessFee() public {
        uint256 before = vault.cash().raw();
        TradeResult memory r = trade(ALICE, put(week, 2), -1e18);
        check(r.premium.isNegative() && r.cash > r.premium, "receives less than the premium");
        near(r.premium.rawS(), -88.35e18, 0.1e18, "premium");
        eq(balance(ALICE), 100_000e18 + uint256(-r.cash.rawS()), "balance");
        eq(vault.cash(), before - uint256(-r.cash.rawS()) - insurance.balance().raw(), "cash");
        conserved();
    }

    function test_quote_equalsTrade() public {
        trade(BOB, call(week, 3), 3e18);
        TradeResult memory q = market.quote(call(week, 1), SWad.wrap(-2e18));
        TradeResult memory r = trade(ALICE, call(week, 1), -2e18);
        eq(q.cash.rawS(), r.cash.rawS(), "cash");
        eq(q.fee.raw(), r.fee.raw(), "fee");
        eq(q.shiftAfter.rawS(), r.shiftAfter.rawS(), "shift");
    }

    function test_trade_openAndClose_leavesNothingBehind() public {
        trade(ALICE, call(week, 2), -2e18);
        trade(ALICE, call(week, 2), 2e18);
        (Wad longs, Wad shorts) = market.openInterest(call(week, 2));
        eq(longs, 0, "longs");
        eq(shorts, 0, "shorts");
        eq(market.legsOf(ALICE).length, 0, "legs");
        (Wad current, Wad[8] memory nodes) = market.uncovered();
        eq(current, 0, "uncovered");
        for (uint256 i; i < 8; ++i) eq(nodes[i], 0, "node");
        check(balance(ALICE) < 100_000e18, "a round trip costs the fees");
    }

    /// What the pool could lose on an account is known again as soon as its money moves, without anybody's touch.
    function test_depositAndWithdraw_besideShorts_moveWhatIsUncovered() public {
        fund(address(7), 400e18);
        trade(address(7), call(week, 2), -1e18);
        uint256 poor = _worstUncovered();
        check(poor > 10e18, "400 quote do not cover a short call at every node");
        fund(address(7), 10_000e18);
        eq(_worstUncovered(), 0, "covered by the deposit");
        vm.prank(address(7));
        market.withdraw(_w(10_000e18));
        near(int256(_worstUncovered()), int256(poor), 1e6, "and uncovered again");
    }

    function _worstUncovered() private view returns (uint256 worst) {
        (, Wad[8] memory nodes) = market.uncovered();
        for (uint256 i; i < 8; ++i) worst = nodes[i].raw() > worst ? nodes[i].raw() : worst;
    }

    function test_trade_beyondLimit_isRefusedWithItsCash() public {
        TradeResult memory q = market.quote(call(week, 2), SWad.wrap(1e18));
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IOptionMarket.LimitExceeded.selector, q.cash, SWad.wrap(q.cash.rawS() - 1))
        );
        market.trade(call(week, 2), SWad.wrap(1e18), SWad.wrap(q.cash.rawS() - 1));
        vm.prank(ALICE);
        market.trade(call(week, 2), SWad.wrap(1e18), q.cash);
    }

    function test_trade_tooPoor_isRefused() public {
        fund(address(7), 10e18);
        refuse(address(7), call(week, 2), 1e18, IOptionMarket.InsufficientBalance.selector);
        refuse(address(7), call(week, 2), -1e18, IOptionMarket.InsufficientMargin.selector);
        refuse(address(8), call(week, 2), 1e18, IOptionMarket.InsufficientBalance.selector);
    }

    function test_trade_limitsRefuse() public {
        refuse(ALICE, call(week, 2), 0.001e18, IOptionMarket.SizeTooSmall.selector);
        refuse(ALICE, call(week, 2), 0, IOptionMarket.SizeTooSmall.selector);
        refuse(ALICE, call(week, 2), 1e18 + 1, IGreekLedger.SizeNotInLots.selector);
        refuse(ALICE, call(week, 7), 1e18, IGreekLedger.UnknownSeries.selector);
        // 2 % of 1,000,000 is 20,000: more than 10 underlyings of delta in one block, in two steps or one
        refuse(ALICE, call(week, 2), 25e18, IOptionMarket.AccountDeltaLimit.selector);
        trade(ALICE, call(week, 2), 15e18);
        refuse(ALICE, call(week, 2), 6e18, IOptionMarket.AccountDeltaLimit.selector);
        trade(BOB, call(week, 2), 6e18);
        vm.roll(block.number + 1);
        trade(ALICE, call(week, 2), 6e18);
    }

    function test_trade_nearExpiry_onlyReduces() public {
        trade(ALICE, call(week, 2), 1e18);
        step(7 * DAY - 7200, SPOT);
        refuse(ALICE, call(week, 2), 1e18, IOptionMarket.Cutoff.selector);
        trade(ALICE, call(week, 2), -1e18);
        step(7200, SPOT);
        refuse(ALICE, call(week, 2), 1e18, IOptionMarket.NotTradeable.selector);
    }

    function test_trade_farFromTheMoney_isRefused() public {
        step(6 * DAY, SPOT);
        refuse(ALICE, call(week, 4), 1e18, IOptionMarket.DeltaOutOfRange.selector);
    }

    function test_trade_staleOtherExpiry_refusesOpensOnly() public {
        Timestamp month = list(28 * DAY);
        trade(ALICE, call(week, 2), 1e18);
        wait(601);
        post(SPOT);
        refuse(ALICE, call(week, 2), 1e18, IOptionMarket.StaleGreeks.selector);
        trade(ALICE, call(week, 2), -1e18);
        refreshAll();
        trade(ALICE, call(month, 2), 1e18);
    }

    function test_trade_tooManyLegs_isRefused() public {
        Timestamp month = list(28 * DAY);
        for (uint256 i = 1; i < 5; ++i) {
            trade(ALICE, call(week, i), 0.1e18);
            trade(ALICE, put(week, i), 0.1e18);
        }
        refuse(ALICE, call(month, 2), 0.1e18, IOptionMarket.TooManyLegs.selector);
        eq(market.legsOf(ALICE).length, 8, "legs");
    }

    function test_trade_sellingTheCoverOfAShort_needsInitialMargin() public {
        fund(address(7), 450e18);
        trade(address(7), call(week, 3), 3e18);
        trade(address(7), call(week, 4), -3e18);
        refuse(address(7), call(week, 3), -3e18, IOptionMarket.InsufficientMargin.selector);
        trade(address(7), call(week, 4), 3e18);
        trade(address(7), call(week, 3), -3e18);
    }

    function test_trade_modes_followTheTable() public {
        trade(ALICE, call(week, 2), 2e18);
        trade(BOB, call(week, 2), -2e18);
        uint256 id = vm.snapshotState();
        breaker.tighten(Mode.REDUCE_ONLY);
        refuse(ALICE, call(week, 2), 1e18, IOptionMarket.ModeForbids.selector);
        trade(ALICE, call(week, 2), -1e18);
        trade(BOB, call(week, 2), 1e18);
        vm.revertToState(id);
        breaker.tighten(Mode.FROZEN); // the price is trusted, the guardian froze: exits stay open
        refuse(ALICE, call(week, 2), 1e18, IOptionMarket.ModeForbids.selector);
        trade(ALICE, call(week, 2), -1e18);
        vm.prank(BOB);
        market.withdraw(Wad.wrap(1e18));
        wait(DAY); // both feeds dead
        refuse(ALICE, call(week, 2), -1e18, IOptionMarket.ModeForbids.selector);
    }

    function test_trade_degradedOracle_closesAtTheWorseSide() public {
        trade(ALICE, call(week, 2), 2e18);
        trade(ALICE, put(week, 2), 2e18);
        wait(60);
        push.post(2000e8, block.timestamp);
        pull.post(PULL_ID, 2020e8, 0, -8, block.timestamp); // 1 % apart: degraded, band [2000, 2020]
        check(oracle.read().mode == Mode.REDUCE_ONLY, "degraded");
        eq(market.quote(call(week, 2), SWad.wrap(-1e18)).premium.rawS(), _cost(call(week, 2), -1e18, 2000e18), "call sold low");
        eq(market.quote(call(week, 2), SWad.wrap(1e18)).premium.rawS(), _cost(call(week, 2), 1e18, 2020e18), "call bought high");
        eq(market.quote(put(week, 2), SWad.wrap(-1e18)).premium.rawS(), _cost(put(week, 2), -1e18, 2020e18), "put sold high");
        trade(ALICE, call(week, 2), -2e18);
    }

    function _cost(SeriesId id, int256 size, uint256 spot) private view returns (int256) {
        return ledger.preview(id, SWad.wrap(size), Wad.wrap(spot)).cost.rawS();
    }

    function test_withdraw_belowInitialMargin_isRefused() public {
        trade(ALICE, call(week, 2), -10e18);
        MarginView memory m = margin.marginOf(ALICE);
        uint256 spare = uint256(m.equity.rawS() - int256(m.initialMargin.raw())) / UNIT * UNIT;
        vm.prank(ALICE);
        vm.expectPartialRevert(IOptionMarket.InsufficientMargin.selector);
        market.withdraw(Wad.wrap(spare + UNIT));
        vm.prank(ALICE);
        market.withdraw(Wad.wrap(spare));
        eq(token.balanceOf(ALICE) * UNIT, spare, "received");
        conserved();
    }

    function test_withdraw_frozenPrice_onlyWithoutShorts() public {
        trade(ALICE, call(week, 2), -1e18);
        trade(BOB, call(week, 2), 1e18);
        wait(DAY); // both feeds dead
        vm.prank(ALICE);
        vm.expectPartialRevert(IOptionMarket.ModeForbids.selector);
        market.withdraw(Wad.wrap(1e18));
        vm.prank(BOB);
        market.withdraw(Wad.wrap(1e18));
    }

    function test_list_byAStranger_orThePast_isRefused() public {
        Wad[] memory strikes = new Wad[](1);
        strikes[0] = Wad.wrap(2000e18);
        vm.prank(ALICE);
        vm.expectPartialRevert(IOptionMarket.OnlyLister.selector);
        market.list(Timestamp.wrap(uint64(block.timestamp + 1)), strikes);
        vm.expectPartialRevert(IOptionMarket.BadExpiry.selector);
        market.list(Timestamp.wrap(uint64(block.timestamp)), strikes);
    }

    function test_list_impactIsSharedBeyondThreeExpiries() public {
        uint256 first = ledger.book(week).impact.raw();
        near(int256(first), 1_000_000e18, 1e12, "V = impact NAV");
        list(14 * DAY);
        list(21 * DAY);
        Timestamp fourth = list(28 * DAY);
        near(int256(ledger.book(fourth).impact.raw()), 750_000e18, 1e12, "V = impact NAV 3 / 4");
    }

    function test_moveSlice_byAStranger_isRefused() public {
        vm.expectPartialRevert(IOptionMarket.OnlyAuction.selector);
        market.moveSlice(ALICE, BOB, Wad.wrap(1e18), Wad.wrap(0), SWad.wrap(0), Wad.wrap(0), Wad.wrap(0), Wad.wrap(2000e18));
        vm.expectPartialRevert(IOptionMarket.OnlyAuction.selector);
        market.closeForPool(ALICE, Wad.wrap(1e18));
    }

    /// The price of any trade leaves NAV where it was, but for the fee: C marks the book.
    function testFuzz_trade_addsItsFeeToNav(uint8 strike, bool isCall, int256 size) public {
        size = bound(size, -8e18, 8e18) / 1e12 * 1e12;
        if (size < 0.01e18 && size > -0.01e18) size = 1e18;
        trade(BOB, call(week, 3), 5e18);
        int256 before = vault.navParts().nav.rawS();
        uint256 fund_ = insurance.balance().raw();
        SeriesId id = seriesId(week, 1 + strike % 3, isCall);
        vm.roll(block.number + 1);
        TradeResult memory r = trade(ALICE, id, size);
        int256 gain = int256(r.fee.raw()) - int256(insurance.balance().raw() - fund_);
        // cost is rounded up by the ledger's proved bound (below 1e-9) and cash by a token unit
        near(vault.navParts().nav.rawS() - before, gain, 2e12, "NAV moves by the fee");
        eq(vault.navFast(Wad.wrap(SPOT)).rawS() - vault.navParts().nav.rawS() < 1e12, true, "fast NAV is near");
        conserved();
    }

    function eq(bool got, bool wanted, string memory what) internal pure {
        check(got == wanted, what);
    }
}

/// One limit on at a time.
abstract contract OneLimit is MarketBase {
    function marketParams() internal view virtual override returns (MarketParams memory p) {
        p = super.marketParams();
        (p.accountDeltaLimit, p.gammaLimit, p.vegaLimit, p.stressFloor) = (_w(0), _w(0), _w(0), _w(0));
    }

    function pricingParams() internal view override returns (PricingParams memory p) {
        p = super.pricingParams();
        p.impact = _w(100e18); // deep: curvature and shift do not bind
    }

    function hedgeParams() internal view virtual override returns (HedgeParams memory p) {
        p = super.hedgeParams();
        p.gateSlack = _w(0);
    }

    /// Alice buys until she is refused; returns why.
    function _buyUntilRefused(SeriesId id, int256 size) internal returns (bytes4) {
        fund(ALICE, 10_000_000e18);
        for (uint256 i; i < 200; ++i) {
            vm.prank(ALICE);
            try market.trade(id, SWad.wrap(size), SWad.wrap(NO_LIMIT)) {}
            catch (bytes memory reason) {
                return bytes4(reason);
            }
        }
        return 0;
    }
}

contract GammaLimitTest is OneLimit {
    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        p.gammaLimit = _w(0.005e18);
    }

    function test_trade_beyondGamma_isRefused_theOtherWayIsNot() public {
        check(_buyUntilRefused(call(week, 2), 5e18) == IOptionMarket.GammaLimit.selector, "gamma");
        trade(BOB, call(week, 2), -5e18);
        trade(ALICE, call(week, 2), 4e18);
        // |gamma| S^2 1 % is at its limit of 0.5 % of NAV
        int256 gamma = ledger.book(week).greeks.gamma.rawS();
        check(gamma < 0, "the pool is short gamma");
        check(uint256(-gamma) * 2000 * 2000 / 100 <= 0.00501e18 * 1_000_000, "within");
        check(uint256(-gamma) * 2000 * 2000 / 100 >= 0.004e18 * 1_000_000, "near");
    }
}

contract VegaLimitTest is OneLimit {
    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        p.vegaLimit = _w(0.0001e18);
    }

    function test_trade_beyondVega_isRefused_theOtherWayIsNot() public {
        check(_buyUntilRefused(call(week, 2), 5e18) == IOptionMarket.VegaLimit.selector, "vega");
        trade(BOB, call(week, 2), -5e18);
        trade(ALICE, call(week, 2), 4e18);
        // vega of an at-the-money week: 2000 * 0.3985 * sqrt(7 / 365) = 110.4 a contract; 100 a point are allowed
        int256 net = ledger.book(week).net[2].rawS();
        check(net > 80e18 && net < 92e18, "about 90 contracts");
    }
}

contract StressLimitTest is OneLimit {
    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        p.stressFloor = _w(0.55e18);
    }

    function test_trade_belowTheStressFloor_isRefused() public {
        check(_buyUntilRefused(call(week, 2), 50e18) == IOptionMarket.StressLimit.selector, "stress");
        // +30 %, vol up: each call costs the pool about 600 - 88; 45 % of NAV allows about 800 unhedged
        int256 net = ledger.book(week).net[2].rawS();
        check(net > 700e18 && net < 900e18, "about 800 contracts");
    }
}

contract HedgeGateTest is OneLimit {
    function hedgeParams() internal view override returns (HedgeParams memory p) {
        p = super.hedgeParams();
        p.gateSlack = _w(0.02e18);
    }

    function test_trade_beyondTheGate_isRefused_untilHedged() public {
        // nothing is known of the venue yet: only the slack, 2 % of NAV = 10 underlyings
        check(_buyUntilRefused(call(week, 2), 5e18) == IHedgeManager.HedgeCapacity.selector, "gate");
        trade(BOB, call(week, 2), -1e18);
        hedge.hedge();
        check(_buyUntilRefused(call(week, 2), 100e18) == IHedgeManager.HedgeCapacity.selector, "later");
        check(ledger.book(week).net[2].rawS() > 100e18, "capacity counts");
    }
}
