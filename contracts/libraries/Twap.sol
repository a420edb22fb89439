// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// Time-weighted average of a price that holds from one record to the next, from cumulative observations in a ring.
/// Observations are at least window / 32 apart, so a window needs at most 34 of them whatever the block time, and the
/// ring reaches back 128 windows; the running sum is always kept up to the last record.
library Twap {
    struct Observation {
        uint64 time;
        uint192 cumulative; // sum of price times seconds since the first record, wad seconds
    }

    struct State {
        uint128 price; // in force since `time`
        uint64 time; // last record; 0 = none yet
        uint64 count; // observations ever written
        uint192 cumulative; // at `time`
        mapping(uint256 => Observation) ring;
    }

    uint256 internal constant SIZE = 4096;
    uint256 internal constant PER_WINDOW = 32;

    /// @notice Closes the spell of the last price and begins that of `price`. At most once a second.
    function record(State storage self, uint256 price, uint256 window) internal {
        uint256 time = self.time;
        uint256 sum = cumulativeNow(self);
        if (time == 0 || block.timestamp >= _last(self).time + window / PER_WINDOW) _write(self, sum);
        self.price = uint128(price);
        self.time = uint64(block.timestamp);
        self.cumulative = uint192(sum);
    }

    function cumulativeNow(State storage self) internal view returns (uint256) {
        return self.cumulative + uint256(self.price) * (block.timestamp - self.time);
    }

    /// @notice Average over the `window` that ends at `end`, as far back as the ring remembers; before that the first
    /// known price is taken. `end` <= now. Zero without a record.
    function average(State storage self, uint256 end, uint256 window) internal view returns (uint256) {
        if (self.time == 0) return 0;
        uint256 first = _at(self, _oldest(self)).time;
        if (end <= first) return _firstPrice(self);
        uint256 from = FixedPointMathLib.max(FixedPointMathLib.zeroFloorSub(end, window), first);
        return (cumulativeAt(self, end) - cumulativeAt(self, from)) / (end - from);
    }

    /// @notice The running sum at `time`, linear between observations. `time` in [oldest observation, now].
    function cumulativeAt(State storage self, uint256 time) internal view returns (uint256) {
        if (time >= self.time) return self.cumulative + uint256(self.price) * (time - self.time);
        uint256 index = _search(self, time);
        Observation memory a = _at(self, index);
        (uint256 bTime, uint256 bSum) = _next(self, index);
        return a.cumulative + FixedPointMathLib.fullMulDiv(bSum - a.cumulative, time - a.time, bTime - a.time);
    }

    /// @notice Time of the last record at or before `time` that the ring knows; 0 if there is none.
    function lastBy(State storage self, uint256 time) internal view returns (uint256) {
        if (self.time == 0 || self.time <= time) return self.time;
        uint256 found = _at(self, _search(self, time)).time;
        return found <= time ? found : 0;
    }

    /// @dev The last observation at or before `time`.
    function _search(State storage self, uint256 time) private view returns (uint256 low) {
        low = _oldest(self);
        uint256 high = self.count - 1;
        uint256 near = FixedPointMathLib.zeroFloorSub(high, PER_WINDOW + 1);
        if (near > low && _at(self, near).time <= time) low = near;
        while (low < high) {
            uint256 middle = (low + high + 1) / 2;
            if (_at(self, middle).time <= time) low = middle;
            else high = middle - 1;
        }
    }

    /// @dev What follows observation `index`: the next one, or the running sum.
    function _next(State storage self, uint256 index) private view returns (uint256 time, uint256 sum) {
        if (index + 1 == self.count) return (self.time, self.cumulative);
        Observation memory o = _at(self, index + 1);
        return (o.time, o.cumulative);
    }

    function _firstPrice(State storage self) private view returns (uint256) {
        Observation memory o = _at(self, _oldest(self));
        (uint256 time, uint256 sum) = _next(self, _oldest(self));
        return time == o.time ? self.price : (sum - o.cumulative) / (time - o.time);
    }

    function _write(State storage self, uint256 sum) private {
        self.ring[self.count % SIZE] = Observation(uint64(block.timestamp), uint192(sum));
        ++self.count;
    }

    function _last(State storage self) private view returns (Observation memory) {
        return _at(self, self.count - 1);
    }

    function _oldest(State storage self) private view returns (uint256) {
        return FixedPointMathLib.zeroFloorSub(self.count, SIZE);
    }

    function _at(State storage self, uint256 index) private view returns (Observation memory) {
        return self.ring[index % SIZE];
    }
}
