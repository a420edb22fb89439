// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// The highest value noted in the last twelve spells of `width` seconds, the present one included.
library RollingPeak {
    struct Buckets {
        uint256[12] slots; // value << 64 | number of the spell since 1970
    }

    uint256 internal constant COUNT = 12;
    uint256 private constant NUMBER = type(uint64).max;

    /// @param value below 2^192
    function note(Buckets storage self, uint256 value, uint256 width) internal {
        uint256 number = block.timestamp / width;
        uint256 slot = self.slots[number % COUNT];
        if (slot & NUMBER == number && slot >> 64 >= value) return;
        self.slots[number % COUNT] = value << 64 | number;
    }

    function peak(Buckets storage self, uint256 width) internal view returns (uint256 top) {
        uint256 number = block.timestamp / width;
        for (uint256 i; i < COUNT; ++i) {
            uint256 slot = self.slots[i];
            if ((slot & NUMBER) + COUNT > number) top = FixedPointMathLib.max(top, slot >> 64);
        }
    }
}
