// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ONE, SWad} from "../types/Units.sol";
import {LedgerStore} from "./LedgerStore.sol";

/// The whole book in one word, so that one storage read tells a keeper that nothing is to be done. Delta by Taylor is
/// linear in spot, sum of (delta - gamma S_i) + S sum of gamma, so two numbers state it at any spot; what an expiry adds
/// is a function of its stored words, so that taking it out again is exact. All expiries are fresh while `oldest` is
/// young enough and spot lies in [low, high].
/// int96 level, underlying | int64 gamma, 1e-9 | uint32 oldest, low and high, the last two as floats.
library LedgerSums {
    using LedgerStore for LedgerStore.Entry;
    using FixedPointMathLib for int256;

    /// @dev What one expiry adds, in the word's units.
    struct Part {
        int256 level;
        int256 gamma;
    }

    uint256 private constant RANGE = (1 << 96) - 1; // oldest, low, high
    int256 private constant GAMMA_UNIT = 1e9;
    uint256 private constant MANTISSA = 24;
    /// Eight of them fit: five billion underlying. The sums are wrong beyond.
    int256 private constant MOST = 1 << 92;

    function part(LedgerStore.Entry storage e) internal view returns (Part memory p) {
        LedgerStore.Statement memory s = e.statement();
        unchecked {
            int256 level = s.delta - s.gamma * int256(s.spot) / int256(ONE);
            (p.level, p.gamma) = (level.clamp(-MOST, MOST), s.gamma / GAMMA_UNIT);
        }
    }

    function replaced(uint256 word, Part memory old, Part memory next) internal pure returns (uint256) {
        unchecked {
            uint256 level = uint256(_level(word) - old.level + next.level);
            uint256 gamma = uint64(int64(_gamma(word) - old.gamma + next.gamma));
            return level << 160 | gamma << 96 | word & RANGE;
        }
    }

    /// @notice At `spot`.
    function greeks(uint256 word, uint256 spot) internal pure returns (SWad delta, SWad gamma) {
        unchecked {
            int256 bend = _gamma(word) * GAMMA_UNIT;
            return (SWad.wrap(_level(word) + bend * int256(spot) / int256(ONE)), SWad.wrap(bend));
        }
    }

    function _level(uint256 word) private pure returns (int256) {
        return int256(word) >> 160;
    }

    function _gamma(uint256 word) private pure returns (int256) {
        return int64(uint64(word >> 96));
    }

    // ------------------------------------------------------------ freshness

    /// @dev The range rounded inwards.
    function ranged(uint256 word, uint256 oldest, uint256 low, uint256 high) internal pure returns (uint256) {
        unchecked {
            return word & ~RANGE | uint256(uint32(oldest)) << 64 | _pack(low + (low >> 22) + 1) << 32 | _pack(high);
        }
    }

    function inRange(uint256 word, uint256 spot, uint256 maxAge) internal view returns (bool) {
        unchecked {
            bool young = block.timestamp <= uint32(word >> 64) + maxAge;
            return young && spot >= _unpack(uint32(word >> 32)) && spot <= _unpack(uint32(word));
        }
    }

    /// @dev A float of 24 bits and an exponent, rounded down by less than 2^-23.
    function _pack(uint256 x) private pure returns (uint256) {
        uint256 bits = FixedPointMathLib.log2(x | 1);
        if (bits < MANTISSA) return x;
        uint256 shift = bits - MANTISSA + 1;
        return shift << MANTISSA | x >> shift;
    }

    function _unpack(uint256 f) private pure returns (uint256) {
        return (f & ((1 << MANTISSA) - 1)) << (f >> MANTISSA);
    }
}
