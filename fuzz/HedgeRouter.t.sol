// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {HedgeManager} from "../contracts/hedging/HedgeManager.sol";
import {HedgeRouter} from "../contracts/hedging/HedgeRouter.sol";
import {RouterMargin} from "../contracts/hedging/RouterMargin.sol";
import {IAsyncVenue, IHedgeManager, IHedgeVenue} from "../contracts/interfaces/IHedging.sol";
import {AsyncPerpVenue} from "../contracts/mocks/AsyncPerpVenue.sol";
import {PerpVenue} from "../contracts/mocks/PerpVenue.sol";
import {AsyncParams, PerpParams, RouterParams} from "../contracts/types/Params.sol";
import {HedgeDecision, HedgeInput, Mode, VenuePosition, VenueQuote} from "../contracts/types/Types.sol";
import {SWad, Seconds, Wad} from "../contracts/types/Units.sol";
import {Vm} from "./Base.sol";
import {HedgeBase} from "./HedgeManager.t.sol";
import {VaultStub} from "./HedgeStubs.sol";

/// Quotes well, fills nothing.
contract RefusingVenue {
    int256 private immutable SIZE;
    int256 private immutable EQUITY;

    constructor(VenuePosition memory was) {
        (SIZE, EQUITY) = (was.size.rawS(), was.equity.rawS());
    }

    function quote(SWad) external pure returns (VenueQuote memory) {
        return VenueQuote(true, Wad.wrap(2000e18));
    }

    function position(address) external view returns (VenuePosition memory) {
        return VenuePosition(SWad.wrap(SIZE), SWad.wrap(EQUITY), Wad.wrap(0));
    }
}

abstract contract RouterBase is HedgeBase {
    HedgeRouter internal router;
    PerpVenue internal deep;
    PerpVenue internal thin;
    AsyncPerpVenue internal slow;

    function setUp() public virtual override {
        super.setUp();
        deep = new PerpVenue(address(token), _perp(100_000e18, 0.0005e18));
        thin = new PerpVenue(address(token), _perp(25_000e18, 0.0005e18));
        slow = new AsyncPerpVenue(
            address(token),
            _perp(100_000e18, 0.0003e18),
            AsyncParams(Seconds.wrap(10), Seconds.wrap(120), Wad.wrap(1e18))
        );
        address[] memory venues = new address[](3);
        (venues[0], venues[1], venues[2]) = (address(deep), address(thin), address(slow));
        _posts(2000e18);
        _wire(venues);
        for (uint256 i; i < 3; ++i) {
            token.mint(venues[i], 1e15);
        }
        slow.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), false); // closed unless a test opens it
    }

    function _perp(uint256 scale, uint256 fee) private pure returns (PerpParams memory) {
        return PerpParams(Wad.wrap(scale), Wad.wrap(fee), Wad.wrap(0), Wad.wrap(0.01e18), Wad.wrap(20e18));
    }

    /// The manager and its router know each other before they exist.
    function _wire(address[] memory venues) private {
        vault = new VaultStub(token);
        book.vault = address(vault);
        book.hedge = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 2);
        address policy = address(_band());
        router = new HedgeRouter(
            book,
            RouterParams(
                Wad.wrap(0.6e18), Wad.wrap(0.1e18), Seconds.wrap(3600), Wad.wrap(2e18), Wad.wrap(4e18), Wad.wrap(0.001e18)
            ),
            venues
        );
        manager = new HedgeManager(book, p, policy, address(router));
        eq(address(manager), book.hedge, "predicted");
        vault.setUp(manager, CASH);
    }

    function _posts(uint256 price) internal {
        oracle.set(price, Mode.NORMAL);
        deep.postIndex(Wad.wrap(price), Wad.wrap(1e18), true);
        thin.postIndex(Wad.wrap(price), Wad.wrap(1e18), true);
        slow.postIndex(Wad.wrap(price), Wad.wrap(1e18), true);
    }

    function _size(IHedgeVenue venue) internal view returns (int256) {
        return venue.position(address(router)).size.rawS();
    }

    function _checkRouter() internal view {
        eq(token.balanceOf(address(router)) * 1e12, router.held().raw(), "held = tokens");
        _checkTokens();
    }
}

contract HedgeRouterTest is RouterBase {
    bytes32 private constant TRADED = keccak256("VenueTraded(address,int256,uint256,int256)");

    // ------------------------------------------------------------ split

    /// Scales 4 : 1 at equal fees: 80 : 20 at best; the cap of 60 % binds.
    function test_hedge_twoVenues_splitsByImpactWithinTheCap() public {
        ledger.set(-105e18, -0.05e18);
        eq(manager.hedge(), 100e18, "executed");
        near(_size(deep), 60e18, 1e12, "cap");
        near(_size(thin), 40e18, 1e12, "rest");
        eq(manager.size(), 100e18, "sum");
        eq(manager.shortfall(), 0, "none");
        _checkRouter();
    }

    function test_trade_overTwoVenues_statesTheExposureAtBoth() public {
        ledger.set(-55e18, -0.05e18);
        manager.hedge();
        ledger.set(-105e18, -0.05e18);
        vm.recordLogs();
        manager.hedge();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 seen;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != address(router) || logs[i].topics[0] != TRADED) continue;
            (int256 size,, int256 exposure) = abi.decode(logs[i].data, (int256, uint256, int256));
            near(size, 50e18, 1e15, "this trade");
            near(exposure, 100e18, 1e15, "with the one before");
            ++seen;
        }
        eq(seen, 1, "one statement");
    }

    /// A margin of 1000 at a leverage of four backs two of a hundred; their price is 2000 and 5 bp.
    function test_trade_withLittleMargin_fillsWhatItBacksAtThePricePaid() public {
        vm.startPrank(address(manager));
        token.mint(address(manager), 1e9);
        token.approve(address(router), 1e9);
        router.depositMargin(Wad.wrap(1_000e18));
        Wad price = router.trade(SWad.wrap(100e18), Wad.wrap(type(uint256).max));
        near(router.position(address(manager)).size.rawS(), 2e18, 0.02e18, "filled");
        near(int256(price.raw()), 2001e18, 0.1e18, "price");
        vm.expectRevert(IHedgeVenue.VenuePaused.selector);
        router.trade(SWad.wrap(100e18), Wad.wrap(type(uint256).max));
    }

    function test_trade_sellingWithLittleMargin_fillsWhatItBacksAndNoMore() public {
        vm.startPrank(address(manager));
        token.mint(address(manager), 1e9);
        token.approve(address(router), 1e9);
        router.depositMargin(Wad.wrap(1_000e18));
        router.trade(SWad.wrap(-100e18), Wad.wrap(0));
        near(router.position(address(manager)).size.rawS(), -2e18, 0.02e18, "filled");
        vm.expectRevert(IHedgeVenue.VenuePaused.selector);
        router.trade(SWad.wrap(-100e18), Wad.wrap(0));
    }

    function test_hedge_otherVenueClosed_capDoesNotBind() public {
        thin.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), false);
        ledger.set(-105e18, -0.05e18);
        eq(manager.hedge(), 100e18, "executed");
        eq(_size(deep), 100e18, "all at one");
    }

    function testFuzz_quote_anySize_tradeExecutesAtIt(int256 size, int256 skew) public {
        size = bound(size, -300e18, 300e18);
        if (size < 1e15 && size > -1e15) return;
        deep.setSkew(SWad.wrap(bound(skew, -2000e18, 2000e18)));
        vm.startPrank(address(manager));
        token.mint(address(manager), 1e12);
        token.approve(address(router), 1e12);
        router.depositMargin(Wad.wrap(1_000_000e18));
        uint256 quoted = router.quote(SWad.wrap(size)).price.raw();
        uint256[] memory plan = router.preview(SWad.wrap(size));
        uint256 price = router.trade(SWad.wrap(size), Wad.wrap(size < 0 ? 0 : type(uint256).max)).raw();
        near(int256(price), int256(quoted), 1e10, "price");
        eq(_size(deep), size < 0 ? -int256(plan[0]) : int256(plan[0]), "preview = action");
        eq(router.position(address(manager)).size, size, "position");
    }

    /// H-1, H-2, H-3 behind a router.
    function testFuzz_hedge_anyBook_netEndsWithinBandPlusShortfall(int256 delta, uint256 depth, uint256 cash) public {
        vault.setUp(manager, bound(cash, 100e6, 1e12) * 1e12);
        deep.postIndex(Wad.wrap(2000e18), Wad.wrap(bound(depth, 0.001e18, 2e18)), true);
        ledger.set(bound(delta, -3000e18, 3000e18), -0.05e18);
        (HedgeDecision memory d, HedgeInput memory input) = manager.preview();
        if (!d.due) return;
        int256 executed = manager.hedge().rawS();
        check(executed == 0 || (executed > 0) == (input.bookDelta.rawS() < 0), "H-1");
        uint256 net = (input.bookDelta + manager.size()).absS().raw();
        check(net <= d.band.raw() + manager.shortfall().raw(), "H-2");
        uint256 notional = manager.size().absS().raw() * 2000;
        check(notional <= 4 * uint256(manager.equity().rawS()) + 1e6, "H-3");
        eq(token.balanceOf(address(router)) * 1e12, router.held().raw(), "held = tokens");
    }

    // ------------------------------------------------------------ failover

    function _backing(PerpVenue venue) private view returns (uint256) {
        VenuePosition memory one = venue.position(address(router));
        return (one.equity.positive().minWad(one.margin)).raw();
    }

    /// What backs trades elsewhere: what is held here and what living venues hold, gains aside.
    function test_position_margin_isWhatLivingVenuesHold() public {
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        _posts(2100e18);
        uint256 all = router.held().raw() + _backing(deep) + _backing(thin);
        check(_backing(deep) > 50_000e18 && _backing(thin) > 30_000e18, "60 and 40 at leverage two");
        eq(router.position(address(manager)).margin, all, "three places");
        uint256 less = all - _backing(thin);
        vm.etch(address(thin), hex"fe");
        eq(router.position(address(manager)).margin, less, "two");
    }

    function test_hedge_venueReverts_othersTakeOverAndItIsQuarantined() public {
        ledger.set(-55e18, -0.05e18);
        manager.hedge();
        bytes memory healthy = address(deep).code;
        vm.etch(address(deep), address(new RefusingVenue(deep.position(address(router)))).code);
        ledger.set(-105e18, -0.05e18);
        near(manager.hedge().rawS(), 50e18, 1e15, "done by the other");
        (, uint64 retryAt, bool proving,,,,,) = router.venues(0);
        check(proving && retryAt == T0 + 3600, "quarantined");
        vm.etch(address(deep), healthy);
        ledger.set(-125e18, -0.05e18);
        int256 before = _size(deep);
        manager.hedge();
        eq(_size(deep), before, "left alone");
        vm.warp(T0 + 3600);
        ledger.set(-225e18, -0.05e18);
        manager.hedge();
        near(_size(deep) - before, 10e18, 1e15, "a tenth of 100 on probation");
        (,, proving,,,,,) = router.venues(0);
        check(!proving, "restored");
        _checkRouter();
    }

    function test_hedge_allDead_recordsShortfallAndNavStays() public {
        ledger.set(-55e18, -0.05e18);
        manager.hedge();
        int256 nav = _nav();
        vm.etch(address(deep), hex"fe");
        vm.etch(address(thin), "");
        ledger.set(-105e18, -0.05e18);
        eq(manager.hedge(), 0, "nothing");
        eq(manager.size(), 50e18, "stored");
        eq(_nav(), nav, "NAV");
        near(int256(manager.shortfall().raw()), 50e18, 1e15, "recorded");
    }

    // ------------------------------------------------------------ margin

    function test_hedge_backToFlat_marginComesHome() public {
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        _posts(2500e18);
        ledger.set(-5e18, -0.05e18);
        breaker.set(Mode.WIND_DOWN);
        ledger.set(0, -0.05e18);
        manager.hedge();
        eq(manager.size(), 0, "flat");
        check(manager.equity().rawS() < 1e13, "all margin home");
        check(vault.cash().raw() > CASH + 49_000e18, "gained 100 * 500 less costs");
        _checkRouter();
    }

    /// What a venue holds already counts: 60 and 40 at 2000 and a leverage of two, after 30 and 20.
    function test_hedge_more_bringsEachVenueToItsTarget() public {
        ledger.set(-55e18, -0.05e18);
        manager.hedge();
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        near(deep.position(address(router)).equity.rawS(), 60_000e18, 600e18, "deep");
        near(thin.position(address(router)).equity.rawS(), 40_000e18, 600e18, "thin");
    }

    /// 60 and 40 at 2100 need 63,000 and 42,000 and have 3000 and 2000 more: a wish for 10,000 takes no more than that.
    function test_withdrawMargin_moreThanIsSpare_leavesVenuesTheirTarget() public {
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        _posts(2100e18);
        uint256 before = router.held().raw();
        uint256 cash = token.balanceOf(address(manager)) * 1e12;
        vm.prank(address(manager));
        router.withdrawMargin(Wad.wrap(10_000e18));
        near(deep.position(address(router)).equity.rawS(), 63_000e18, 10e18, "deep");
        near(thin.position(address(router)).equity.rawS(), 42_000e18, 10e18, "thin");
        near(int256(token.balanceOf(address(manager)) * 1e12 - cash - before), 5_000e18, 300e18, "paid");
        eq(router.held().raw(), 0, "all of it");
    }

    function test_withdrawMargin_lessThanIsSpare_takesOnlyWhatIsNotHere() public {
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        vm.startPrank(address(manager));
        router.withdrawMargin(router.held());
        token.mint(address(manager), 500e6);
        token.approve(address(router), 500e6);
        router.depositMargin(Wad.wrap(500e18));
        vm.stopPrank();
        _posts(2100e18);
        int256 before = deep.position(address(router)).equity.rawS();
        vm.prank(address(manager));
        router.withdrawMargin(Wad.wrap(1_500e18));
        eq(before - deep.position(address(router)).equity.rawS(), 1_000e18, "500 were here");
        eq(router.held().raw(), 0, "all paid");
    }

    /// 50 filled and 50 on order at the slow venue: both keep their margin.
    function test_withdrawMargin_orderWaits_keepsItsMargin() public {
        _onlySlow();
        ledger.set(-55e18, -0.05e18);
        manager.hedge();
        vm.warp(T0 + 10);
        slow.execute(address(router));
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        eq(slow.pendingOf(address(router)), 50e18, "waits");
        vm.prank(address(manager));
        router.withdrawMargin(Wad.wrap(90_000e18));
        check(slow.position(address(router)).equity.rawS() > 99_000e18, "100 at 2000 and a leverage of two");
    }

    function test_trade_byStranger_refuses() public {
        vm.expectPartialRevert(RouterMargin.OnlyManager.selector);
        router.trade(SWad.wrap(1e18), Wad.wrap(type(uint256).max));
        vm.expectPartialRevert(RouterMargin.OnlyManager.selector);
        router.withdrawMargin(Wad.wrap(1));
    }

    // ------------------------------------------------------------ orders that wait

    function _onlySlow() private {
        deep.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), false);
        thin.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), false);
        slow.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), true);
    }

    /// H-4: a pending order counts fully against another.
    function test_hedge_orderWaits_isNotSentTwiceAndNotInNav() public {
        _onlySlow();
        ledger.set(-105e18, -0.05e18);
        eq(manager.hedge(), 100e18, "ordered");
        eq(manager.size(), 0, "not filled");
        eq(slow.pendingOf(address(router)), 100e18, "waits");
        eq(_nav(), int256(CASH), "not in NAV");
        vm.expectRevert();
        manager.hedge();
        vm.expectPartialRevert(IAsyncVenue.OrderNotReady.selector);
        slow.execute(address(router));
        vm.warp(T0 + 10);
        slow.execute(address(router));
        eq(manager.size(), 100e18, "filled");
        manager.sync();
        eq(manager.shortfall(), 0, "as ordered");
        check(_nav() < int256(CASH), "paid");
    }

    /// A closed venue has no capacity; the band, a slack of 10 and half of what waits, on its own side, are left.
    function test_gate_orderWaits_halfOfItCountsWhereItHelps() public {
        _onlySlow();
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        slow.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), false);
        manager.sync();
        (, Wad band,) = manager.inventory();
        int256 slack = 10e18 + int256(band.raw());
        manager.gate(SWad.wrap(-50e18 - slack), Wad.wrap(2000e18), Wad.wrap(CASH));
        manager.gate(SWad.wrap(slack), Wad.wrap(2000e18), Wad.wrap(CASH));
        vm.expectPartialRevert(IHedgeManager.HedgeCapacity.selector);
        manager.gate(SWad.wrap(-50e18 - slack - 1), Wad.wrap(2000e18), Wad.wrap(CASH));
        vm.expectPartialRevert(IHedgeManager.HedgeCapacity.selector);
        manager.gate(SWad.wrap(slack + 1), Wad.wrap(2000e18), Wad.wrap(CASH));
    }

    /// H-4: whoever stops answering may yet fill; after the time of a quarantine the order counts as lost.
    function test_hedge_orderAtAVenueThatDied_isNotSentElsewhere() public {
        _onlySlow();
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        bytes memory code = address(slow).code;
        vm.etch(address(slow), hex"fe");
        deep.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), true);
        manager.sync();
        eq(manager.pending(), 100e18, "still counts");
        vm.expectRevert();
        manager.hedge();
        uint256 state = vm.snapshotState();
        vm.etch(address(slow), code);
        vm.warp(T0 + 10);
        slow.execute(address(router));
        manager.sync();
        eq(manager.size(), 100e18, "filled once");
        vm.revertToState(state);
        vm.warp(T0 + 3601);
        eq(manager.pending(), 0, "lost");
        eq(manager.hedge(), 100e18, "sent elsewhere, on fresh margin");
    }

    function test_cancel_orderTooOld_deltaBecomesShortfallAndIsOrderedAgain() public {
        _onlySlow();
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        vm.expectPartialRevert(IAsyncVenue.OrderNotReady.selector);
        slow.cancel(address(router));
        vm.warp(T0 + 121);
        slow.cancel(address(router));
        manager.sync();
        eq(manager.shortfall(), 100e18, "open again");
        eq(manager.hedge(), 100e18, "ordered again");
    }

    function test_execute_priceBeyondLimit_cancels() public {
        _onlySlow();
        ledger.set(-105e18, -0.05e18);
        vm.prank(address(router));
        slow.trade(SWad.wrap(1e18), Wad.wrap(2010e18));
        vm.warp(T0 + 10);
        slow.postIndex(Wad.wrap(2020e18), Wad.wrap(1e18), true);
        slow.execute(address(router));
        eq(slow.pendingOf(address(router)), 0, "gone");
        eq(_size(slow), 0, "not filled");
    }

    /// The delay risk of 10 bp outweighs the lower fee while the others are open.
    function test_hedge_slowVenueSlightlyCheaper_isNotChosen() public {
        slow.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), true);
        ledger.set(-6e18, -0.05e18);
        manager.hedge();
        eq(slow.pendingOf(address(router)), 0, "3 bp + 10 bp > 5 bp");
    }
}
