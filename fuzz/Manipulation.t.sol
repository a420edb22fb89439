// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ILiquidationAuction} from "../contracts/interfaces/ILiquidationAuction.sol";
import {IOptionMarket} from "../contracts/interfaces/IOptionMarket.sol";
import {HedgeParams, MarketParams, VaultParams} from "../contracts/types/Params.sol";
import {BidPreview, MarginView, Mode, TradeResult} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

/// Trades before and after somebody else's fate, in one block: delta-neutral strangles move the vols that legs are marked
/// by and cost little. All limits are as in scenarios/base.toml.
contract PushTest is World {
    address private constant LP = address(0x19);
    address private constant CAROL = address(0xCA);
    address private constant MAL = address(0xBAD);
    address private constant BOB = address(0xB0B);
    uint256 private constant STEPS = 150;

    Timestamp private month;
    int256 private calls;
    int256 private puts;

    function setUp() public {
        deploy();
        fundPool(LP, 1_000_000e18);
        insure(20_000e18);
        month = Timestamp.wrap(uint64(block.timestamp + 30 * DAY));
        postVol(month, VOL);
        Wad[] memory strikes = new Wad[](12);
        for (uint256 i; i < 12; ++i) {
            strikes[i] = _w((i == 11 ? 3600 : 1200 + 200 * i) * 1e18);
        }
        market.list(month, strikes);
        hedge.sync();
        fund(MAL, 200_000e18);
        fund(BOB, 200_000e18);
        fund(CAROL, 40_000e18);
        for (uint256 i; i < 12; ++i) {
            step(12, SPOT);
            trade(CAROL, call(month, 4), -8e18);
            trade(CAROL, put(month, 4), -8e18);
        }
    }

    function _equity(address who) private view returns (int256) {
        return margin.marginOf(who).equity.rawS();
    }

    /// Spot rises until Carol has at most this.
    function _sinkTo(int256 equity, uint256 by) private returns (uint256 spot) {
        for (spot = SPOT; _equity(CAROL) > equity;) {
            spot += by;
            step(12, spot);
        }
    }

    /// From one account within its limit of delta; as far as the pool's limits let it.
    function _push(uint256 c, uint256 p) private returns (int256 wealth) {
        wealth = _equity(MAL) + _equity(BOB);
        int256 delta;
        for (uint256 i; i < STEPS; ++i) {
            bool isCall = delta <= 0;
            bytes memory data =
                abi.encodeCall(market.trade, (isCall ? call(month, c) : put(month, p), SWad.wrap(10e18), SWad.wrap(NO_LIMIT)));
            vm.prank(MAL);
            (bool ok, bytes memory answer) = address(market).call(data);
            if (!ok) break;
            delta += abi.decode(answer, (TradeResult)).delta.rawS() * 10;
            if (isCall) calls += 10e18;
            else puts += 10e18;
        }
        check(ledger.drift(month).raw() > 0.09e18, "the shift is pushed far");
    }

    /// What all of it has brought.
    function _unwind(uint256 c, uint256 p, int256 wealth) private returns (int256) {
        trade(MAL, call(month, c), -calls);
        trade(MAL, put(month, p), -puts);
        (calls, puts) = (0, 0);
        return _equity(MAL) + _equity(BOB) - wealth;
    }

    function _bid(uint256 fraction) private {
        uint32 nonce = auction.auctionOf(CAROL).nonce;
        vm.prank(BOB);
        auction.bid(CAROL, _w(fraction), SWad.wrap(NO_LIMIT), nonce);
    }

    function test_pushedMarks_liquidateNobodyWhoIsHealthy() public {
        MarginView memory m = margin.marginOf(CAROL);
        for (uint256 spot = SPOT; m.equity.rawS() > int256(m.maintenanceMargin.raw() * 104 / 100);) {
            step(12, spot += 2e18);
            m = margin.marginOf(CAROL);
        }
        int256 wealth = _push(8, 2);
        m = margin.marginOf(CAROL);
        check(m.equity.rawS() < int256(m.maintenanceMargin.raw()), "by the pushed vols she is below");
        vm.expectPartialRevert(ILiquidationAuction.Healthy.selector);
        auction.start(CAROL);
        check(_unwind(8, 2, wealth) < 0, "the push has cost its fees");
    }

    function test_pushedMarks_doNotTakeASolventAccountForNothing() public {
        _sinkTo(2_000e18, 2e18);
        auction.start(CAROL);
        check(!auction.auctionOf(CAROL).insolvent, "solvent");
        BidPreview memory honest = auction.preview(CAROL, _w(1e18));
        int256 wealth = _push(11, 4);
        check(_equity(CAROL) < 0, "by the pushed vols she is under water");
        vm.expectPartialRevert(ILiquidationAuction.AuctionLive.selector);
        auction.start(CAROL);
        BidPreview memory pushed = auction.preview(CAROL, _w(1e18));
        eq(pushed.payment.rawS(), honest.payment.rawS(), "the same price");
        check(!pushed.insolvent, "still solvent");
        _bid(1e18);
        check(_unwind(11, 4, wealth) < honest.payment.rawS() / 20, "no more than a bidder's due");
    }

    function test_pushedMarks_doNotRaiseTheBounty() public {
        uint256 spot = _sinkTo(0, 20e18);
        auction.start(CAROL);
        step(1790, spot);
        int256 honest = auction.preview(CAROL, _w(0.1e18)).payment.rawS();
        check(honest < 0, "a bounty");
        _push(11, 4);
        eq(auction.preview(CAROL, _w(0.1e18)).payment.rawS(), honest, "the same");
    }

    function test_closeByThePool_rightAfterAPush_waits() public {
        uint256 spot = _sinkTo(0, 20e18);
        auction.start(CAROL);
        check(auction.auctionOf(CAROL).insolvent, "insolvent");
        step(1800, spot);
        int256 wealth = _push(11, 4);
        vm.expectPartialRevert(ILiquidationAuction.VolMoved.selector);
        auction.closeInsolvent(CAROL);
        for (uint256 i; i < 3; ++i) {
            ledger.refresh(month); // makes no new beginning
        }
        vm.expectPartialRevert(ILiquidationAuction.VolMoved.selector);
        auction.closeInsolvent(CAROL);
        check(_unwind(11, 4, wealth) < 0, "nothing gained");
        auction.closeInsolvent(CAROL);
        eq(market.legsOf(CAROL).length, 0, "closed");
    }

    /// She tops up at once and nobody ends the auction: days later she is not sold at the end of its price.
    function test_auction_thatNobodyEnded_isForgotten() public {
        uint256 spot = SPOT;
        for (bool below; !below; (below,) = margin.liquidatable(CAROL)) {
            step(12, spot += 10e18);
        }
        auction.start(CAROL);
        fund(CAROL, 40_000e18);
        step(7200, spot);
        check(auction.auctionOf(CAROL).startedAt.rawTime() != 0, "live for as long again");
        step(12, spot);
        eq(auction.auctionOf(CAROL).startedAt.rawTime(), 0, "then over");
        vm.prank(BOB);
        vm.expectPartialRevert(ILiquidationAuction.NoAuction.selector);
        auction.bid(CAROL, _w(1e18), SWad.wrap(NO_LIMIT), 1);
        vm.expectPartialRevert(ILiquidationAuction.Healthy.selector);
        auction.start(CAROL);
        for (bool below; !below; (below,) = margin.liquidatable(CAROL)) {
            step(12, spot += 20e18);
        }
        auction.start(CAROL);
        eq(auction.preview(CAROL, _w(1e18)).discountedPrice, 0.98e18, "from the top");
    }

    /// Crumbs would void the others' nonce until the bounty is ripe.
    function test_bid_forACrumb_isRefused() public {
        _sinkTo(2_000e18, 2e18);
        auction.start(CAROL);
        uint32 nonce = auction.auctionOf(CAROL).nonce;
        vm.prank(BOB);
        vm.expectPartialRevert(ILiquidationAuction.NothingToFill.selector);
        auction.bid(CAROL, _w(1), SWad.wrap(NO_LIMIT), nonce);
        _bid(0.1e18);
        eq(auction.auctionOf(CAROL).nonce, nonce + 1, "a tenth is welcome");
    }
}

/// Trades do not wait for the hedge here.
abstract contract OpenGate is World {
    function hedgeParams() internal view override returns (HedgeParams memory p) {
        p = super.hedgeParams();
        p.gateSlack = _w(0);
    }
}

/// With a floor the scale is below one long before the pool is empty: no push of another board's vols fixes it there.
contract PushedScaleTest is OpenGate {
    address private constant LP = address(0x1);
    address private constant ALICE = address(0x2);
    address private constant MAL = address(0xBAD);

    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        (p.accountDeltaLimit, p.stressFloor, p.gammaLimit, p.maxDelta, p.minDelta) = (_w(0), _w(0), _w(0), _w(0), _w(0));
    }

    function vaultParams() internal view override returns (VaultParams memory p) {
        p = super.vaultParams();
        p.floor = _w(0.8e18);
    }

    function test_sweep_rightAfterAPush_fixesTheSameScale() public {
        deploy();
        fundPool(LP, 1_000_000e18);
        Timestamp one = list(2 * DAY);
        Timestamp two = listAround(60 * DAY, 3200e18);
        fund(ALICE, 50_000e18);
        fund(MAL, 500_000e18);
        trade(ALICE, call(one, 4), 240e18);
        vault.assess();
        uint256 owed = vault.cash().raw() + insurance.balance().raw() - 800_000e18 - 1_500e18;
        uint256 spot = (2400e18 + owed / 240) / 1e10 * 1e10;
        step(1 * DAY, spot);
        step(1 * DAY, spot);
        market.settleExpiry(one, round);
        eq(vault.solvency().scale, 1e18, "a little above the floor");
        trade(MAL, call(two, 4), 230e18);
        trade(MAL, put(two, 0), 230e18);
        check(ledger.drift(two).raw() > 0.1e18, "pushed");
        market.sweep(one, 100);
        (, Wad scale,,) = market.settlementOf(one);
        eq(scale, 1e18, "paid in full");
    }
}

contract WindDownNettingTest is OpenGate {
    address private constant ALICE = address(0x2);
    address private constant BOB = address(0x3);
    address private constant DAVE = address(0x4);

    function marketParams() internal pure override returns (MarketParams memory p) {
        (p.maxLegs, p.minSize) = (_w(8e18), _w(1e12));
    }

    /// Shorts taken over by a bid would cancel longs at par, while closing them pays the scale.
    function test_bid_inAWindDown_byWhoHoldsLongs_isRefused() public {
        deploy();
        fundPool(address(0x1), 110_000e18);
        Timestamp week = list(7 * DAY);
        fund(ALICE, 50_000e18);
        fund(DAVE, 50_000e18);
        fund(BOB, 85_000e18);
        trade(ALICE, call(week, 4), 200e18);
        trade(BOB, call(week, 4), -60e18);
        step(60, 3400e18);
        market.touch(BOB);
        breaker.poke();
        check(breaker.mode() == Mode.WIND_DOWN && vault.solvency().scale.raw() < 1e18, "wind-down");
        auction.start(BOB);
        uint32 nonce = auction.auctionOf(BOB).nonce;
        vm.prank(ALICE);
        vm.expectPartialRevert(IOptionMarket.ModeForbids.selector);
        auction.bid(BOB, _w(1e18), SWad.wrap(NO_LIMIT), nonce);
        vm.prank(DAVE);
        auction.bid(BOB, _w(1e18), SWad.wrap(NO_LIMIT), nonce);
    }
}
