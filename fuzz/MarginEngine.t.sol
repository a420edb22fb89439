// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leg, MarginView} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

contract MarginEngineTest is World {
    Timestamp internal week;
    Timestamp internal month;

    function setUp() public {
        deploy();
        fundPool(address(0x19), 1_000_000e18);
        week = list(7 * DAY);
        month = list(28 * DAY);
    }

    function _one(SeriesId id, int256 size) private pure returns (Leg[] memory legs) {
        legs = new Leg[](1);
        legs[0] = Leg(id, SWad.wrap(size));
    }

    function _random(uint256 seed, uint256 count) private view returns (Leg[] memory legs) {
        legs = new Leg[](count);
        for (uint256 i; i < count; ++i) {
            uint256 r = uint256(keccak256(abi.encode(seed, i)));
            SeriesId id = seriesId(r % 2 == 0 ? week : month, i % 5, r >> 8 & 1 == 1);
            int256 size = bound(int256(r >> 16 & type(uint128).max), -20e18, 20e18) / 1e12 * 1e12;
            legs[i] = Leg(id, SWad.wrap(size == 0 ? int256(1e18) : size));
        }
    }

    function _margin(Leg[] memory legs, uint256 balance, uint256 spot) private view returns (MarginView memory) {
        return margin.marginFor(legs, Wad.wrap(balance), Wad.wrap(0), Wad.wrap(spot));
    }

    function test_margin_longOnly_needsNone() public view {
        MarginView memory m = _margin(_one(call(week, 2), 5e18), 100e18, SPOT);
        eq(m.initialMargin, 0, "IM");
        check(m.mark.isNegative() && m.equity.rawS() > 100e18, "a long counts as equity");
    }

    function test_margin_shortPut_neverAboveItsStrike() public view {
        // at a spot of 1: the put's mark is almost its strike, no loss is left
        MarginView memory m = _margin(_one(put(week, 2), -1e18), 0, 1e18);
        check(m.mark.rawS() + int256(m.initialMargin.raw()) <= 2000e18, "covered in full");
        check(m.mark.rawS() > 1990e18, "deep in the money");
    }

    function test_margin_creditSpread_neverAboveItsWidth() public view {
        Leg[] memory legs = new Leg[](2);
        legs[0] = Leg(call(week, 3), SWad.wrap(-1e18));
        legs[1] = Leg(call(week, 4), SWad.wrap(1e18));
        MarginView memory m = _margin(legs, 0, SPOT);
        check(m.mark.rawS() + int256(m.initialMargin.raw()) <= 200e18, "width");
        MarginView memory naked = _margin(_one(call(week, 3), -1e18), 0, SPOT);
        check(m.initialMargin < naked.initialMargin, "netting");
    }

    function testFuzz_margin_ordered_aboveIntrinsic_monotone(uint256 seed, uint8 count, uint256 spot) public view {
        spot = bound(spot, 200e18, 20_000e18);
        Leg[] memory legs = _random(seed, 1 + count % 8);
        MarginView memory m = _margin(legs, 1000e18, spot);
        check(m.initialMargin >= m.bufferMargin && m.bufferMargin >= m.maintenanceMargin, "IM >= BM >= MM");
        MarginView memory richer = _margin(legs, 1001e18, spot);
        eq(richer.equity.rawS() - m.equity.rawS(), 1e18, "health is monotone in collateral");
        eq(richer.maintenanceMargin, m.maintenanceMargin.raw(), "requirement is not");
        check(m.mark.rawS() + int256(m.maintenanceMargin.raw()) >= _intrinsic(legs, spot) - 8, "MM >= intrinsic");
    }

    /// What the legs would owe if they expired now; netting inside an expiry only.
    function _intrinsic(Leg[] memory legs, uint256 spot) private pure returns (int256 owed) {
        bool shorts;
        for (uint256 i; i < legs.length; ++i) {
            shorts = shorts || legs[i].size.isNegative();
            int256 strike = int256(1600e18 + 200e18 * legs[i].id.strikeIndexOf());
            int256 payoff = legs[i].id.isCallOf() ? int256(spot) - strike : strike - int256(spot);
            if (payoff > 0) owed -= legs[i].size.rawS() * payoff / 1e18;
        }
        if (!shorts) return type(int256).min / 2;
    }

    /// Exposure is what margin's marks say, and its nodes agree with the ledger's own values right after a refresh.
    function testFuzz_exposure_agreesWithLedgerNodes(uint256 seed, uint8 count) public view {
        Leg[] memory legs = _random(seed, 1 + count % 8);
        legs[0].size = SWad.wrap(-1e18);
        (Wad current, Wad[8] memory nodes) = margin.exposureFor(legs, Wad.wrap(0), Wad.wrap(0), Wad.wrap(SPOT));
        int256 mark = _margin(legs, 0, SPOT).mark.rawS();
        eq(current, mark > 0 ? uint256(mark) : 0, "current");
        int256[8] memory owed;
        for (uint256 i; i < legs.length; ++i) {
            Wad[8] memory values = ledger.nodeValues(legs[i].id);
            for (uint256 k; k < 8; ++k) owed[k] -= legs[i].size.rawS() * int256(values[k].raw()) / 1e18;
        }
        for (uint256 k; k < 8; ++k) {
            near(int256(nodes[k].raw()), owed[k] > 0 ? owed[k] : int256(0), 1e10, "node");
        }
    }
}
