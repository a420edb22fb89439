// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOptionMarket} from "../contracts/interfaces/IOptionMarket.sol";
import {IUnderlyingCollateral} from "../contracts/interfaces/IUnderlyingCollateral.sol";
import {ExactTransfer} from "../contracts/libraries/ExactTransfer.sol";
import {TokenUnits} from "../contracts/libraries/TokenUnits.sol";
import {MockToken} from "../contracts/mocks/MockToken.sol";
import {CollateralParams, HedgeParams, MarketParams} from "../contracts/types/Params.sol";
import {BidPreview, Leg, MarginView, Mode, NavParts} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../contracts/types/Units.sol";
import {FeeToken} from "./FeeToken.sol";
import {MarketBase} from "./OptionMarket.t.sol";

abstract contract UnderlyingBase is MarketBase {
    address internal constant CAROL = address(0xCA);

    function collateralParams() internal view virtual override returns (CollateralParams memory) {
        return CollateralParams({cap: _w(500e18), discount: _w(discount()), saleTime: _s(3600)});
    }

    function discount() internal pure virtual returns (uint256) {
        return 0;
    }

    function hedgeParams() internal view override returns (HedgeParams memory p) {
        p = super.hedgeParams();
        p.gateSlack = _w(0);
    }

    function marketParams() internal view virtual override returns (MarketParams memory p) {
        p = super.marketParams();
        (p.accountDeltaLimit, p.stressFloor, p.gammaLimit, p.vegaLimit) = (_w(0), _w(0), _w(0), _w(0));
    }

    function unitsOf(address who) internal view returns (uint256 units) {
        (,, Wad held) = market.accountOf(who);
        eq(collateral.unitsOf(who), held.raw(), "the market asks whenever there is something");
        return held.raw();
    }

    /// T-1 of the underlying: every account's units and the stock, nothing else.
    function conservedUnits() internal {
        conserved();
        uint256 sum;
        for (uint256 i; i < market.accountCount(); ++i) sum += unitsOf(market.accountAt(i));
        eq(collateral.totalUnits(), sum, "T-1: sum of units");
        uint256 unit = 10 ** (18 - underlying.decimals());
        eq(underlying.balanceOf(address(collateral)) * unit, sum + collateral.stock().raw(), "T-1: tokens");
    }

    /// Five calls sold against as many units; what she holds in quote then.
    function _coverCalls() internal returns (uint256) {
        pledge(CAROL, 5e18);
        trade(CAROL, call(week, 4), -5e18);
        return balance(CAROL);
    }

    function _settle(uint256 price) internal {
        step(7 * DAY, price);
        market.settleExpiry(week, round);
        market.sweep(week, 100);
    }

    function takeOut(address who, uint256 amount) internal {
        vm.prank(who);
        collateral.withdrawUnderlying(_w(amount));
    }
}

contract UnderlyingCollateralTest is UnderlyingBase {
    // ------------------------------------------------------------ in and out

    function test_deposit_countsLessTheHaircut() public {
        pledge(CAROL, 3e18);
        MarginView memory m = margin.marginOf(CAROL);
        eq(m.units, 3e18, "units");
        eq(m.credit, 4800e18, "3 x 2000 x 0.8");
        eq(m.equity, 4800e18, "equity");
        eq(m.initialMargin, 0, "nothing to hold");
        takeOut(CAROL, 3e18);
        eq(unitsOf(CAROL), 0, "out");
        eq(underlying.balanceOf(CAROL), 3e18, "and back");
        conservedUnits();
    }

    function test_deposit_refusals() public {
        underlying.mint(CAROL, 600e18);
        vm.startPrank(CAROL);
        underlying.approve(address(collateral), type(uint256).max);
        collateral.depositUnderlying(_w(500e18));
        vm.expectRevert(abi.encodeWithSelector(IUnderlyingCollateral.UnderlyingCap.selector, 501e18, 500e18));
        collateral.depositUnderlying(_w(1e18));
        vm.expectPartialRevert(IUnderlyingCollateral.AmountTooSmall.selector);
        collateral.depositUnderlying(_w(0));
        vm.expectRevert(abi.encodeWithSelector(IUnderlyingCollateral.InsufficientUnderlying.selector, 500e18, 501e18));
        collateral.withdrawUnderlying(_w(501e18));
        vm.expectPartialRevert(IUnderlyingCollateral.OnlyMarket.selector);
        collateral.move(CAROL, BOB, _w(1e18));
        vm.expectPartialRevert(IUnderlyingCollateral.OnlyMarket.selector);
        collateral.take(CAROL, _w(1e18), _w(1e18));
        vm.expectPartialRevert(IOptionMarket.OnlyCollateral.selector);
        market.noteUnderlying(CAROL, false, false, _w(0));
        vm.stopPrank();
    }

    function test_withdraw_keepsTheInitialMargin_andWaitsForAPrice() public {
        pledge(CAROL, 2e18);
        trade(CAROL, call(week, 3), -1e18);
        MarginView memory m = margin.marginOf(CAROL);
        check(m.equity >= m.initialMargin.signed(), "covered");
        vm.prank(CAROL);
        vm.expectPartialRevert(IOptionMarket.InsufficientMargin.selector);
        collateral.withdrawUnderlying(_w(2e18));
        uint256 id = vm.snapshotState();
        takeOut(CAROL, 1e18); // the call stays covered
        vm.revertToState(id);
        wait(DAY);
        check(oracle.read().mode == Mode.FROZEN, "no feed lives");
        vm.prank(CAROL);
        vm.expectPartialRevert(IOptionMarket.ModeForbids.selector);
        collateral.withdrawUnderlying(_w(1e18));
        conservedUnits();
    }

    /// Without units nothing is asked: the initial margin is that of quote alone.
    function test_trade_needsTheUnits() public {
        refuse(CAROL, call(week, 3), -1e18, IOptionMarket.InsufficientMargin.selector);
        pledge(CAROL, 1e18);
        trade(CAROL, call(week, 3), -1e18);
        refuse(CAROL, call(week, 3), -15e18, IOptionMarket.InsufficientMargin.selector);
    }

    /// An account posts at the low side of the band.
    function test_open_countsUnitsAtTheLowSide() public {
        pledge(CAROL, 1e18);
        Leg[] memory legs = new Leg[](1);
        legs[0] = Leg(put(week, 2), SWad.wrap(-1e18));
        (, SWad exact,,) = margin.assess(legs, _w(0), _w(1e18), _w(SPOT));
        SWad mark = margin.marginFor(legs, _w(0), _w(1e18), _w(SPOT)).mark;
        pull.post(PULL_ID, int64(uint64(SPOT / 1e10)), 5e8, -8, block.timestamp);
        uint256 low = oracle.read().low.raw();
        check(low < SPOT, "a band");
        (, SWad wide,,) = margin.assess(legs, _w(0), _w(1e18), _w(SPOT));
        eq((exact + mark).positive(), 1600e18, "at the price");
        near((wide + mark).rawS(), int256(low * 8 / 10), 2, "at the low side");
    }

    // ------------------------------------------------------------ covered calls

    /// One unit behind each call: no rise ever liquidates, no stress node is uncovered.
    function test_coveredCall_isNeverLiquidated() public {
        _coverCalls();
        for (uint256 spot = 2000e18; spot <= 12_000e18; spot += 2000e18) {
            step(600, spot);
            MarginView memory m = margin.marginOf(CAROL);
            (bool below,) = margin.liquidatable(CAROL);
            check(!below && m.equity >= m.bufferMargin.signed(), "healthy");
            market.touch(CAROL);
            (Wad current,) = market.uncovered();
            // the pool counts on units less the haircut
            int256 owed = m.mark.rawS() - int256(m.balance.raw()) - int256(4 * spot);
            near(int256(current.raw()), owed > 0 ? owed : int256(0), 1e10, "uncovered less the haircut");
        }
    }

    /// Settled at 10,000: each call owes 7600, the account sold them for little. The pool takes units, the rest is hers.
    function test_settle_coveredCall_paysInUnits() public {
        uint256 had = _coverCalls();
        _settle(10_000e18);
        uint256 taken = collateral.stock().raw();
        near(int256(taken), int256((38_000e18 - had) / 10_000), 1e4, "what the balance does not pay, at the price");
        eq(unitsOf(CAROL), 5e18 - taken, "the rest is hers");
        eq(balance(CAROL), 0, "the balance went first");
        eq(market.settledOwed().rawS(), 0, "nothing is owed");
        NavParts memory nav = vault.navParts();
        near(int256(nav.underlying.raw()), int256(taken * 8000), 1e6, "counted less the haircut");
        takeOut(CAROL, 5e18 - taken);
        conservedUnits();
    }

    function test_settle_withoutAFeed_takesAtTheSettlementPrice() public {
        uint256 had = _coverCalls();
        step(7 * DAY, 4000e18);
        market.settleExpiry(week, round);
        wait(DAY);
        check(oracle.read().confidence.isZero(), "no feed lives");
        market.sweep(week, 100);
        near(int256(collateral.stock().raw()), int256((8_000e18 - had) / 4000), 1e4, "at 4000");
        conservedUnits();
    }

    /// Units worth less than the debt: all of them go, the rest is bad debt.
    function test_settle_unitsDoNotCover_theRestIsBadDebt() public {
        pledge(CAROL, 4e18);
        trade(CAROL, put(week, 2), -6e18);
        uint256 had = balance(CAROL);
        step(7 * DAY, 1000e18);
        insure(50_000e18);
        uint256 before = insurance.balance().raw();
        market.settleExpiry(week, round);
        market.sweep(week, 100);
        eq(unitsOf(CAROL), 0, "all of them");
        eq(collateral.stock(), 4e18, "all of them");
        // 6 x 1000 owed, 4 x 1000 in units
        near(int256(before - insurance.balance().raw()), int256(2_000e18 - had), 2e12, "the fund pays the rest");
        conservedUnits();
    }

    // ------------------------------------------------------------ liquidation

    /// Short puts on underlying: both fall together.
    function _distress() private {
        pledge(CAROL, 6e18);
        trade(CAROL, put(week, 2), -10e18);
        step(60, 1500e18);
        MarginView memory m = margin.marginOf(CAROL);
        check(m.equity < m.maintenanceMargin.signed() && m.equity.rawS() > 0, "in distress, not under water");
    }

    function _bid(address who, uint256 fraction) private returns (BidPreview memory p) {
        p = auction.preview(CAROL, _w(fraction));
        uint32 nonce = auction.auctionOf(CAROL).nonce;
        vm.prank(who);
        auction.bid(CAROL, _w(fraction), p.payment, nonce);
    }

    /// f = (BM - E) / (BM - charge - W (1 - d) + W - E), the bidder pays f d W for f of the units.
    function test_bid_movesTheShareOfUnits_andRestoresTheBuffer() public {
        _distress();
        auction.start(CAROL);
        wait(300);
        MarginView memory m = margin.marginOf(CAROL);
        int256 worth = int256(m.balance.raw() + 6 * 1500e18) - m.mark.rawS();
        near(worth - m.equity.rawS(), 0.2e18 * 6 * 1500, 1e6, "the haircut");
        int256 slope = int256(m.bufferMargin.raw()) - 11.5e18 - worth / 10 + worth - m.equity.rawS();
        int256 f = (int256(m.bufferMargin.raw()) - m.equity.rawS()) * 1e18 / slope;
        uint256 had = balance(BOB);
        BidPreview memory p = _bid(BOB, 1e18);
        near(int256(p.fraction.raw()), f, 1e3, "f_max");
        near(p.payment.rawS(), f * worth / 1e18 * 9 / 10, 2e12, "f d W");
        near(int256(unitsOf(BOB)), 6 * f, 1e4, "f of the units");
        eq(unitsOf(BOB) + unitsOf(CAROL), 6e18, "none is lost");
        check(balance(BOB) < had, "paid for");
        m = margin.marginOf(CAROL);
        check(m.equity >= m.bufferMargin.signed(), "A-1");
        near(m.equity.rawS(), int256(m.bufferMargin.raw()), 1e15, "exactly");
        conservedUnits();
    }

    function test_bid_twice_leavesNoUnitsBehind() public {
        _distress();
        auction.start(CAROL);
        wait(3600);
        _bid(BOB, 0.1e18);
        uint256 left = unitsOf(CAROL);
        near(int256(left), 5.4e18, 2, "a tenth");
        step(60, 1000e18);
        auction.start(CAROL);
        wait(900);
        check(auction.auctionOf(CAROL).insolvent, "under water by now");
        insure(20_000e18);
        BidPreview memory p = _bid(ALICE, 1e18);
        check(p.insolvent && p.payment.isNegative(), "paid by the fund");
        eq(unitsOf(CAROL) + market.legsOf(CAROL).length + balance(CAROL), 0, "nothing left");
        eq(unitsOf(ALICE), left, "all of them");
        conservedUnits();
    }

    /// The pool closes: quote first, then units at the low price; NAV loses the haircut on them and no more.
    function test_closeInsolvent_takesUnits() public {
        insure(100_000e18);
        _distress();
        step(60, 1000e18);
        auction.start(CAROL);
        check(auction.auctionOf(CAROL).insolvent, "under water");
        wait(1800);
        post(1000e18);
        refreshAll();
        market.touch(CAROL);
        int256 nav = vault.navParts().nav.rawS();
        uint256 fundBefore = insurance.balance().raw();
        (Wad uncovered,) = market.uncovered();
        auction.closeInsolvent(CAROL);
        eq(unitsOf(CAROL) + balance(CAROL), 0, "she paid what she had");
        eq(collateral.stock(), 6e18, "the pool has the units");
        int256 insured = int256(fundBefore - insurance.balance().raw());
        // uncovered counted the units less the haircut, the loss counts them in full: NAV is what it was, but the cover
        near(insured, int256(uncovered.raw()) - 0.2e18 * 6 * 1000, 0.5e18, "the loss beyond the units in full");
        near(vault.navParts().nav.rawS() - nav, insured, 0.01e18, "only the cover is new");
        conservedUnits();
    }

    // ------------------------------------------------------------ the stock

    function _stock() private returns (uint256 stock) {
        _coverCalls();
        _settle(10_000e18);
        return collateral.stock().raw();
    }

    function test_price_path_byHand() public {
        _stock();
        eq(collateral.price(), 12_000e18, "spot x 1.2");
        wait(1800);
        eq(collateral.price(), 10_000e18, "half of the time");
        wait(1800);
        eq(collateral.price(), 8_000e18, "spot x 0.8");
        wait(60);
        eq(collateral.price(), 8_000e18, "stays");
    }

    /// Leftovers that nobody buys for a month are ripe, not thirty days over: what comes in starts at the high side.
    function test_price_ofFreshStock_besideOldDust() public {
        uint256 stock = _stock();
        wait(3600);
        post(10_000e18);
        vm.prank(BOB);
        collateral.buy(_w(stock - 0.05e18), _w(10_000e18));
        step(30 * DAY, 10_000e18);
        Timestamp next = listAround(7 * DAY, 10_000e18);
        pledge(address(0xDA), 3e18);
        trade(address(0xDA), call(next, 4), -3e18);
        step(7 * DAY, 20_000e18);
        market.settleExpiry(next, round);
        market.sweep(next, 100);
        uint256 all = collateral.stock().raw();
        check(all > 0.5e18, "fresh stock");
        uint256 elapsed = 3600 * 0.05e18 / all; // the mean of an hour and nothing
        near(int256(collateral.price().raw()), int256(24_000e18 - 8_000e18 * elapsed / 3600), 3e18, "near the high side");
    }

    function test_buy_paysThePool() public {
        uint256 stock = _stock();
        wait(1800);
        int256 nav = vault.navParts().nav.rawS();
        uint256 cash = vault.cash().raw();
        uint256 had = balance(BOB);
        vm.prank(BOB);
        vm.expectPartialRevert(IUnderlyingCollateral.PriceAboveLimit.selector);
        collateral.buy(_w(1e18), _w(9_999e18));
        vm.prank(BOB);
        collateral.buy(_w(1e18), _w(10_000e18));
        eq(underlying.balanceOf(BOB), 1e18, "his");
        eq(had - balance(BOB), 10_000e18, "paid");
        eq(vault.cash().raw() - cash, 10_000e18, "to the pool");
        near(vault.navParts().nav.rawS() - nav, 2_000e18, 1e6, "the haircut comes back");
        vm.prank(BOB);
        collateral.buy(_w(100e18), _w(10_000e18)); // what is left
        eq(underlying.balanceOf(BOB), stock, "all");
        vm.prank(BOB);
        vm.expectPartialRevert(IUnderlyingCollateral.InsufficientUnderlying.selector);
        collateral.buy(_w(1e18), _w(10_000e18));
        conservedUnits();
    }

    function test_buy_needsMoneyAndMargin() public {
        _stock();
        wait(1800);
        vm.prank(address(9));
        vm.expectPartialRevert(IOptionMarket.InsufficientBalance.selector);
        collateral.buy(_w(1e18), _w(10_000e18));
        wait(DAY);
        vm.prank(BOB);
        vm.expectRevert(IUnderlyingCollateral.NoPrice.selector);
        collateral.buy(_w(1e18), _w(10_000e18));
    }

    /// Less its haircut the stock is worth 8,000 a unit, and 5,600 where spot is 30 % lower.
    function test_worstStress_countsTheStockThatFallsWithSpot() public {
        int256 stock = int256(_stock());
        SWad[8] memory book;
        near(vault.worstStress(_w(10_000e18), book).rawS(), int256(vault.cash().raw()) + stock * 5_600, 1e6, "worst");
    }

    function test_deposit_besideStock_paysForIt() public {
        _stock();
        uint256 price = vault.sharePrice().raw();
        fundPool(address(0xDA), 100_000e18);
        uint256 worth = vault.sharesOf(address(0xDA)).raw() * price / 1e18;
        check(worth <= 100_000e18 && worth > 99_000e18, "at its price, or up to the haircut above");
        near(vault.navFast(_w(10_000e18)).rawS(), vault.navParts().nav.rawS(), 1e6, "fast");
        Wad assets = vault.solvency().assets - insurance.balance();
        near(int256(assets.raw()), vault.navParts().nav.rawS(), 1e6, "behind longs, too");
        eq(vault.freeLiquidity(), vault.cash().raw(), "all cash: nothing is listed, and the stock adds to it");
    }

    /// Dust does not put the price up again; as much again puts it half way up.
    function test_stock_addedLater_movesTheClockInProportion() public {
        uint256 stock = _stock();
        wait(1800);
        vm.prank(address(market));
        collateral.take(CAROL, _w(1e12), _w(10_000e18));
        near(int256(collateral.price().raw()), 10_000e18, 1e18, "dust");
        pledge(CAROL, stock);
        vm.prank(address(market));
        collateral.take(CAROL, _w(stock * 10_000), _w(10_000e18));
        near(int256(collateral.price().raw()), 11_000e18, 2e18, "half of it is new");
    }

    // ------------------------------------------------------------ properties

    /// M-3: a unit more never makes an account less healthy, whatever it covers.
    function testFuzz_health_risesWithUnits(uint256 seed, uint256 units, uint256 spot) public view {
        Leg[] memory legs = new Leg[](1 + seed % 6);
        for (uint256 i; i < legs.length; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            int256 size = int256(draw >> 8) % 5e18 / 1e12 * 1e12;
            legs[i] = Leg(draw % 2 == 0 ? call(week, i % 5) : put(week, i % 5), SWad.wrap(size == 0 ? -1e18 : size));
        }
        units = bound(units, 0, 10e18);
        spot = bound(spot, 500e18, 8_000e18);
        MarginView memory less = margin.marginFor(legs, _w(0), _w(units), _w(spot));
        MarginView memory more = margin.marginFor(legs, _w(0), _w(units + 1e18), _w(spot));
        check(_slack(more, more.maintenanceMargin) >= _slack(less, less.maintenanceMargin) - 100, "maintenance");
        check(_slack(more, more.initialMargin) >= _slack(less, less.initialMargin) - 100, "initial");
        check(more.initialMargin >= more.bufferMargin && more.bufferMargin >= more.maintenanceMargin, "order");
        near(more.mark.rawS(), less.mark.rawS(), 0, "the mark is of the legs");
        eq(more.equity.rawS(), int256(more.credit.raw()) - more.mark.rawS(), "equity");
        check(more.credit.raw() <= (units + 1e18) * spot / 1e18, "never more than in full");
        check(more.credit.raw() + 1e4 >= (units + 1e18) * spot / 1e18 * 8 / 10, "never less than the haircut leaves");
    }

    function _slack(MarginView memory m, Wad need) private pure returns (int256) {
        return m.equity.rawS() - int256(need.raw());
    }
}

/// A whole pool that cannot pay: units of accounts are not the pool's.
contract UnderlyingWindDownTest is UnderlyingBase {
    function marketParams() internal view override returns (MarketParams memory p) {
        (p.maxLegs, p.minSize) = (_w(8e18), _w(1e12));
    }

    function test_windDown_everybodyGetsTheirUnitsOut() public {
        pledge(BOB, 10e18); // no position
        pledge(CAROL, 3e18);
        trade(CAROL, call(week, 4), -3e18);
        trade(ALICE, call(week, 4), 400e18);
        step(7 * DAY, 6000e18);
        market.settleExpiry(week, round);
        check(!market.sweep(week, 100), "waits for what the stock will bring");
        (, Wad scale, bool swept,) = market.settlementOf(week);
        check(swept && scale.raw() < 1e18 && scale.raw() > 0, "insolvent");
        uint256 left = unitsOf(CAROL);
        takeOut(BOB, 10e18);
        takeOut(CAROL, left);
        check(left > 1e18, "6000 - 2400 of 6000 each is owed");
        Wad stock = collateral.stock();
        vm.prank(BOB);
        collateral.buy(stock, _w(7_200e18));
        check(market.sweep(week, 100), "and goes on");
        vm.startPrank(ALICE);
        market.withdraw(market.balanceOf(ALICE));
        vm.stopPrank();
        eq(market.settledOwed().rawS(), 0, "nothing is owed");
        eq(underlying.balanceOf(address(collateral)), 0, "nothing is stuck");
        conservedUnits();
    }
}

/// What is taken for a debt is taken at the low price less the discount.
contract DiscountTest is UnderlyingBase {
    function discount() internal pure override returns (uint256) {
        return 0.02e18;
    }

    function test_settle_withADiscount_takesMoreUnits() public {
        uint256 had = _coverCalls();
        _settle(10_000e18);
        near(int256(collateral.stock().raw()), int256((38_000e18 - had) / 9_800), 1e4, "at 9,800");
        eq(market.settledOwed().rawS(), 0, "nothing is owed");
        conservedUnits();
    }
}

/// Six decimals: roundings are to whole units of the token.
contract CoarseUnderlyingTest is UnderlyingBase {
    function newUnderlying() internal override returns (MockToken) {
        return new MockToken("Coarse", "C", 6);
    }

    function test_units_areWhole() public {
        underlying.mint(CAROL, 10e6);
        vm.startPrank(CAROL);
        underlying.approve(address(collateral), type(uint256).max);
        collateral.depositUnderlying(_w(1.0000009e18));
        vm.stopPrank();
        eq(unitsOf(CAROL), 1e18, "a fraction of a unit is not taken");
        trade(CAROL, call(week, 4), -1e18);
        _settle(3456.789e18);
        eq(collateral.stock().raw() % 1e12, 0, "whole units");
        conservedUnits();
    }
}

contract FineUnderlyingTest is UnderlyingBase {
    function newUnderlying() internal override returns (MockToken) {
        return new MockToken("Five", "F", 5);
    }

    function setUp() public override {}

    function test_deploy_fewDecimals_areRefused() public {
        vm.expectRevert(abi.encodeWithSelector(TokenUnits.UnsupportedDecimals.selector, 5));
        this.start();
    }

    function start() external {
        deploy();
    }
}

contract FeeUnderlyingTest is UnderlyingBase {
    function newUnderlying() internal override returns (MockToken) {
        return new FeeToken("Fee ether", "FEE", 18);
    }

    function test_deposit_ofATokenThatKeepsAPart_isRefused() public {
        underlying.mint(CAROL, 1e18);
        vm.startPrank(CAROL);
        underlying.approve(address(collateral), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ExactTransfer.ShortTransfer.selector, 0.99e18, 1e18));
        collateral.depositUnderlying(_w(1e18));
        vm.stopPrank();
    }
}
