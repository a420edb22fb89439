// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketParams} from "../contracts/types/Params.sol";
import {BookGreeks} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

/// The book in one word says what the sum over expiries says, after any life of the book.
contract LedgerSumsTest is World {
    address private constant LP = address(0x19);
    address private constant TRADER = address(0xA1);

    Timestamp[3] private boards;

    function setUp() public {
        deploy();
        fundPool(LP, 5_000_000e18);
        fund(TRADER, 2_000_000e18);
        for (uint256 i; i < 3; ++i) {
            boards[i] = list((i + 1) * 2 * DAY);
        }
    }

    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        (p.maxDelta, p.accountDeltaLimit, p.gammaLimit, p.vegaLimit) = (_w(0), _w(0), _w(0), _w(0));
        p.maxLegs = _w(8e18);
    }

    /// forge-config: default.fuzz.runs = 40
    /// forge-config: lite.fuzz.runs = 20
    function testFuzz_glance_afterAnyLife_isTheAggregate(uint256 seed) public {
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
        else if (boards[board].rawTime() > block.timestamp) ledger.refresh(boards[board]);
    }

    function _deal(uint256 draw, uint256 board) private {
        int256 size = bound(int256(draw >> 17), -30e18, 30e18) / 1e12 * 1e12;
        vm.prank(TRADER);
        try market.trade(seriesId(boards[board], draw % 5, draw >> 8 & 1 == 0), SWad.wrap(size), SWad.wrap(NO_LIMIT)) {}
        catch {}
    }

    function _move(uint256 draw) private {
        wait(draw % 400);
        post(spotNow * (992 + (draw >> 16) % 17) / 1000);
    }

    /// What is fresh within a millionth of the limits is left open.
    function _compare(uint256 spot) private view {
        (bool fresh, SWad delta, SWad gamma) = ledger.glance(_w(spot));
        (BookGreeks memory all,,, Timestamp stale) = ledger.aggregate(_w(spot));
        near(delta.rawS(), all.delta.rawS(), 10, "delta");
        eq(gamma, all.gamma.rawS(), "gamma");
        if (fresh) eq(stale.rawTime(), 0, "said to be fresh");
        else if (stale.rawTime() == 0) check(!_inside(spot), "fresh, and not said");
    }

    function _inside(uint256 spot) private view returns (bool) {
        (,,, Timestamp below) = ledger.aggregate(_w(spot * 999_999 / 1_000_000));
        (,,, Timestamp above) = ledger.aggregate(_w(spot * 1_000_001 / 1_000_000));
        return below.rawTime() == 0 && above.rawTime() == 0;
    }

    function test_glance_afterAnExpiryIsGone_forgetsIt() public {
        trade(TRADER, call(boards[0], 2), 20e18);
        trade(TRADER, call(boards[1], 2), -5e18);
        wait(2 * DAY);
        post(spotNow);
        market.settleExpiry(boards[0], round);
        market.sweep(boards[0], 10);
        refreshAll();
        _compare(spotNow);
        (, SWad delta,) = ledger.glance(_w(spotNow));
        check(delta.rawS() > 2e18 && delta.rawS() < 3e18, "5 at-the-money calls are left");
    }
}
