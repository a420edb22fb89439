// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SWad, SeriesId, Wad} from "../types/Units.sol";

/// The market's packed words. A lot is 1e-6 contract; sizes in storage are whole lots.
library Packing {
    uint256 internal constant LOT = 1e12;
    uint256 private constant HALF = 128;
    uint256 private constant LANE = 85;
    uint256 private constant LANE_MAX = (1 << 84) - 1; // the spare bit takes the pool's sum
    uint256 private constant EXPOSURE_UNIT = 1e9;

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

    // ------------------------------------------------------------ open interest: long lots << 128 | short lots

    /// @notice Moves one account's position in a series from `from` to `to` lots.
    function moveInterest(uint256 word, int256 from, int256 to) internal pure returns (uint256) {
        return word - _interest(from) + _interest(to);
    }

    function longLots(uint256 word) internal pure returns (uint256) {
        return word >> HALF;
    }

    function shortLots(uint256 word) internal pure returns (uint256) {
        return uint128(word);
    }

    function _interest(int256 lots) private pure returns (uint256) {
        return lots >= 0 ? uint256(lots) << HALF : uint256(-lots);
    }

    // ------------------------------------------------------------ exposure: now and 8 nodes, 9 lanes in 3 words

    /// @notice Lanes of 85 bits in units of 1e-9 quote, rounded up; words of accounts add up to the pool's.
    function exposure(Wad current, Wad[8] memory nodes) internal pure returns (uint256[3] memory words) {
        words[0] = _lane(current, 0) | _lane(nodes[0], 1) | _lane(nodes[1], 2);
        words[1] = _lane(nodes[2], 0) | _lane(nodes[3], 1) | _lane(nodes[4], 2);
        words[2] = _lane(nodes[5], 0) | _lane(nodes[6], 1) | _lane(nodes[7], 2);
    }

    /// @notice Lane i of three words: 0 = now, 1.. = nodes.
    function exposureAt(uint256[3] memory words, uint256 i) internal pure returns (Wad) {
        uint256 lane = words[i / 3] >> LANE * (i % 3) & ((1 << LANE) - 1);
        return Wad.wrap(lane * EXPOSURE_UNIT);
    }

    function _lane(Wad amount, uint256 i) private pure returns (uint256) {
        uint256 units = (amount.raw() + EXPOSURE_UNIT - 1) / EXPOSURE_UNIT;
        return (units > LANE_MAX ? LANE_MAX : units) << LANE * i;
    }
}
