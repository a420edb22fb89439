// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketParams} from "../contracts/types/Params.sol";
import {BookGreeks, ExpiryBook} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

/// The sums over the book say what its expiries say, after any life of the book.
contract LedgerSumsTest is World {
    address private constant LP = address(0x19);
    address private constant TRADER = address(0xA1);
    int256 private constant ONE = 1e18;

    Timestamp[3] private boards;
    /// Where and when each expiry's Greeks were taken.
    int256[3] private spots;
    uint256[3] private times;

    function setUp() public {
        deploy();
        fundPool(LP, 5_000_000e18);
        fund(TRADER, 2_000_000e18);
        for (uint256 i; i < 3; ++i) {
            boards[i] = list((i + 1) * 2 * DAY);
            _mark(i);
        }
    }

    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        (p.maxDelta, p.accountDeltaLimit, p.gammaLimit, p.vegaLimit) = (_w(0), _w(0), _w(0), _w(0));
        p.maxLegs = _w(8e18);
    }

    function _mark(uint256 board) private {
        (spots[board], times[board]) = (int256(spotNow), block.timestamp);
    }

    /// forge-config: default.fuzz.runs = 40
    /// forge-config: lite.fuzz.runs = 20
    function testFuzz_sums_afterAnyLife_areThoseOfTheExpiries(uint256 seed) public {
        for (uint256 i; i < 14; ++i) {
            _act(uint256(keccak256(abi.encode(seed, i))));
            _compare(spotNow);
            _compare(spotNow * (950 + uint256(keccak256(abi.encode(seed, i, "spot"))) % 100) / 1000);
        }
    }

    function _act(uint256 draw) private {
        uint256 kind = draw % 4;
        uint256 board = (draw >> 8) % 3;
        if (kind < 2) _deal(draw >> 16, board);
        else if (kind == 2) _move(draw >> 16);
        else _refresh(board);
    }

    function _refresh(uint256 board) private {
        if (boards[board].rawTime() <= block.timestamp) return;
        ledger.refresh(boards[board]);
        _mark(board);
    }

    function _deal(uint256 draw, uint256 board) private {
        int256 size = bound(int256(draw >> 17), -30e18, 30e18) / 1e12 * 1e12;
        vm.prank(TRADER);
        try market.trade(seriesId(boards[board], draw % 5, draw >> 8 & 1 == 0), SWad.wrap(size), SWad.wrap(NO_LIMIT)) {
            _mark(board);
        } catch {}
    }

    function _move(uint256 draw) private {
        wait(draw % 400);
        post(spotNow * (992 + (draw >> 16) % 17) / 1000);
    }

    /// Delta and liability by Taylor, expiry by expiry; what is fresh within a millionth of the limits is left open.
    function _compare(uint256 spot) private view {
        (bool fresh, SWad delta, SWad gamma) = ledger.glance(_w(spot));
        (BookGreeks memory all, SWad liability,, Timestamp stale) = ledger.aggregate(_w(spot));
        eq(delta, all.delta.rawS(), "delta at a glance");
        eq(gamma, all.gamma.rawS(), "gamma at a glance");
        int256[5] memory sums;
        for (uint256 i; i < 3; ++i) {
            _add(sums, i, int256(spot));
        }
        near(all.delta.rawS(), sums[0], 1e9, "delta");
        eq(all.gamma, sums[1], "gamma");
        eq(all.vega, sums[2], "vega");
        eq(all.theta, sums[3], "theta");
        near(liability.rawS(), sums[4], 1e12, "liability");
        eq(stale.rawTime(), _firstStale(spot, 0), "first stale");
        if (fresh) eq(stale.rawTime(), 0, "said to be fresh");
        else check(_firstStale(spot, 1) != 0 || _firstStale(spot, -1) != 0, "fresh, and not said");
    }

    function _add(int256[5] memory sums, uint256 board, int256 spot) private view {
        ExpiryBook memory b = ledger.book(boards[board]);
        (int256 delta, int256 gamma, int256 theta) =
            (b.greeks.delta.rawS(), b.greeks.gamma.rawS(), b.greeks.theta.rawS());
        int256 move = spot - spots[board];
        sums[0] += delta + gamma * move / ONE;
        sums[1] += gamma;
        sums[2] += b.greeks.vega.rawS();
        sums[3] += theta;
        sums[4] += b.liability.rawS() - delta * move / ONE - gamma * move / ONE * move / ONE / 2;
        sums[4] -= theta * int256(block.timestamp - times[board]) / 365 days;
    }

    /// With spot a millionth higher or lower.
    function _firstStale(uint256 spot, int256 millionths) private view returns (uint256) {
        spot = uint256(int256(spot) * (1e6 + millionths) / 1e6);
        for (uint256 i; i < 3; ++i) {
            ExpiryBook memory b = ledger.book(boards[i]);
            uint256 from = b.refreshedSpot.raw();
            uint256 gap = spot > from ? spot - from : from - spot;
            bool old = block.timestamp > b.refreshedAt.rawTime() + 600;
            if (old || gap * 100 > from) return boards[i].rawTime();
        }
        return 0;
    }

    function test_sums_pastAnExpiry_letItsTimeStandStill() public {
        trade(TRADER, call(boards[0], 2), 20e18);
        _mark(0);
        wait(2 * DAY - 600);
        post(spotNow);
        ledger.refresh(boards[0]);
        wait(600);
        (, SWad before,,) = ledger.aggregate(_w(spotNow));
        int256 theta = ledger.book(boards[1]).greeks.theta.rawS() + ledger.book(boards[2]).greeks.theta.rawS();
        wait(1000);
        (, SWad later,,) = ledger.aggregate(_w(spotNow));
        near(before.rawS() - later.rawS(), theta * 1000 / 365 days, 1e9, "theta of the others");
    }

    function test_sums_afterAnExpiryIsGone_forgetIt() public {
        trade(TRADER, call(boards[0], 2), 20e18);
        trade(TRADER, call(boards[1], 2), -5e18);
        wait(2 * DAY);
        post(spotNow);
        market.settleExpiry(boards[0], round);
        market.sweep(boards[0], 10);
        refreshAll();
        (BookGreeks memory all, SWad liability,,) = ledger.aggregate(_w(spotNow));
        ExpiryBook memory b = ledger.book(boards[1]);
        near(all.delta.rawS(), b.greeks.delta.rawS(), 1e9, "delta");
        near(liability.rawS(), b.liability.rawS(), 1e12, "liability");
        check(all.delta.rawS() > 2e18 && all.delta.rawS() < 3e18, "5 at-the-money calls are left");
    }
}
