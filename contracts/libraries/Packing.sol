// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SWad, SeriesId, Wad} from "../types/Units.sol";

/// The market's packed words. A lot is 1e-6 contract; sizes in storage are whole lots.
library Packing {
    uint256 internal constant LOT = 1e12;
    uint256 private constant HALF = 128;
    uint256 private constant LANE = 64;
    uint256 private constant NOW_LANE = 102;
    uint256 private constant NODE_LANE = 51;
    uint256 private constant NODE_MASK = (1 << NODE_LANE) - 1;
    /// @dev No lane reaches this bit: a sum with it is never zero.
    uint256 internal constant IN_USE = 1 << 255;
    uint256 private constant NOW_UNIT = 1e9;
    uint256 private constant NODE_UNIT = 1e14;
    /// @dev What one account can show at most; the rest of a lane takes the pool's sum.
    uint256 private constant NOW_MAX = (1 << 90) - 1;
    uint256 private constant NODE_MAX = (1 << 45) - 1;

    // ------------------------------------------------------------ a leg: series id << 64 | lots as int64

    function leg(SeriesId id, int64 lots) internal pure returns (uint256) {
        return id.rawId() << 64 | uint64(lots);
    }

    function idOf(uint256 word) internal pure returns (SeriesId) {
        return SeriesId.wrap(word >> 64);
    }

    function lotsOf(uint256 word) internal pure returns (int64) {
        return int64(uint64(word));
    }

    function toLots(SWad size) internal pure returns (int64) {
        return SafeCastLib.toInt64(size.rawS() / int256(LOT));
    }

    function toSize(int256 lots) internal pure returns (SWad) {
        return SWad.wrap(lots * int256(LOT));
    }

    // ------------------------------------------------------------ open interest of a strike: from the highest bits the
    // call's long and short lots, the put's long and short lots, 64 bits each

    function strikeKey(SeriesId id) internal pure returns (uint256) {
        return id.rawId() >> 8;
    }

    /// @notice Moves one account's position in a series from `from` to `to` lots.
    function moveInterest(uint256 word, bool isCall, int256 from, int256 to) internal pure returns (uint256) {
        uint256 place = isCall ? HALF : 0;
        (uint256 long, uint256 short) = (longLots(word, isCall), shortLots(word, isCall));
        if (from > 0) long -= uint256(from);
        else short -= uint256(-from);
        if (to > 0) long += uint256(to);
        else short += uint256(-to);
        uint256 both = uint256(SafeCastLib.toUint64(long)) << LANE | SafeCastLib.toUint64(short);
        return word & ~(uint256(type(uint128).max) << place) | both << place;
    }

    function longLots(uint256 word, bool isCall) internal pure returns (uint256) {
        return uint64(isCall ? word >> HALF + LANE : word >> LANE);
    }

    function shortLots(uint256 word, bool isCall) internal pure returns (uint256) {
        return uint64(isCall ? word >> HALF : word);
    }

    // ------------------------------------------------------------ exposure: now and 8 nodes in two words

    /// @notice The debt of now in 102 bits of 1e-9 quote and three nodes, then five nodes; nodes in 51 bits of 1e-4
    /// quote. All rounded up, what is below zero is nothing; words of accounts add up to the pool's.
    function exposure(int256 current, int256[8] memory nodes) internal pure returns (uint256[2] memory words) {
        words[0] = _lanes(nodes, 0, 3) << NOW_LANE | _units(current, NOW_UNIT, NOW_MAX);
        words[1] = _lanes(nodes, 3, 8);
    }

    function exposureNow(uint256[2] memory words) internal pure returns (Wad) {
        return Wad.wrap((words[0] & ((1 << NOW_LANE) - 1)) * NOW_UNIT);
    }

    function exposures(uint256[2] memory words) internal pure returns (Wad[8] memory nodes) {
        unchecked {
            (uint256 low, uint256 high) = (words[0] >> NOW_LANE, words[1]);
            for (uint256 i; i < 3; (++i, low >>= NODE_LANE)) {
                nodes[i] = Wad.wrap((low & NODE_MASK) * NODE_UNIT);
            }
            for (uint256 i = 3; i < 8; (++i, high >>= NODE_LANE)) {
                nodes[i] = Wad.wrap((high & NODE_MASK) * NODE_UNIT);
            }
        }
    }

    function _lanes(int256[8] memory nodes, uint256 from, uint256 to) private pure returns (uint256 word) {
        unchecked {
            while (to != from) word = word << NODE_LANE | _units(nodes[--to], NODE_UNIT, NODE_MAX);
        }
    }

    function _units(int256 amount, uint256 unit, uint256 most) private pure returns (uint256) {
        if (amount <= 0) return 0;
        return FixedPointMathLib.min(FixedPointMathLib.divUp(uint256(amount), unit), most);
    }
}
