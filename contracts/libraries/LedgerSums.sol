// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {BookGreeks} from "../types/Types.sol";
import {ONE, SWad, YEAR} from "../types/Units.sol";
import {LedgerStore} from "./LedgerStore.sol";

/// The whole book but its stress nodes in two words, however many expiries there are; the first alone tells a keeper
/// that nothing is to be done. By Taylor an expiry's liability is quadratic in spot and linear in time, its delta linear
/// in spot, so sums of coefficients state the book at any spot and time. What an expiry adds is a function of its stored
/// words, so that taking it out again is exact. All expiries are fresh while `oldest` is young enough and spot lies in
/// [low, high].
library LedgerSums {
    using LedgerStore for LedgerStore.Entry;
    using FixedPointMathLib for int256;

    struct Total {
        uint256 word; // int96 level, underlying | int64 gamma, 1e-9 | uint32 oldest, low, high; the last two are floats
        uint256 money; // int112 base, quote | int68 theta, 1e-9 | int76 vega, 1e-9
    }

    /// @dev What one expiry adds, in the words' units: delta is level + gamma S, the liability base - level S -
    /// gamma S^2 / 2 - theta t; t in years since 1970.
    struct Part {
        int256 level;
        int256 gamma;
        int256 base;
        int256 theta;
        int256 vega;
    }

    uint256 private constant RANGE = (1 << 96) - 1; // oldest, low, high
    int256 private constant FINE = 1e9;
    uint256 private constant THETA = (1 << 68) - 1;
    uint256 private constant VEGA = (1 << 76) - 1;
    uint256 private constant MANTISSA = 24;
    /// Eight of them fit: five billion underlying, 3e14 quote. The sums are wrong beyond.
    int256 private constant MOST = 1 << 92;
    int256 private constant MOST_BASE = 1 << 108;

    function part(LedgerStore.Entry storage e) internal view returns (Part memory p) {
        LedgerStore.Statement memory s = e.statement();
        unchecked {
            int256 spot = int256(s.spot);
            int256 bend = s.gamma * spot / int256(ONE);
            int256 base = s.liability + (s.delta - bend / 2) * spot / int256(ONE) + _aged(s.theta, s.time);
            (p.level, p.gamma) = ((s.delta - bend).clamp(-MOST, MOST), s.gamma / FINE);
            (p.base, p.theta, p.vega) = (base.clamp(-MOST_BASE, MOST_BASE), s.theta / FINE, s.vega / FINE);
        }
    }

    function replace(Total storage t, Part memory old, Part memory next) internal {
        (uint256 word, uint256 money) = (t.word, t.money);
        unchecked {
            uint256 level = uint256(_level(word) - old.level + next.level);
            uint256 gamma = uint64(int64(_gamma(word) - old.gamma + next.gamma));
            t.word = level << 160 | gamma << 96 | word & RANGE;
            uint256 base = uint256(_base(money) - old.base + next.base);
            uint256 theta = uint256(_theta(money) - old.theta + next.theta) & THETA;
            t.money = base << 144 | theta << 76 | uint256(_vega(money) - old.vega + next.vega) & VEGA;
        }
    }

    /// @notice Delta and gamma at `spot`, of `Total.word`.
    function greeks(uint256 word, uint256 spot) internal pure returns (SWad delta, SWad gamma) {
        unchecked {
            int256 bend = _gamma(word) * FINE;
            return (SWad.wrap(_level(word) + bend * int256(spot) / int256(ONE)), SWad.wrap(bend));
        }
    }

    /// @notice The book at `spot` and now, before any of its expiries.
    function moved(Total storage t, uint256 spot) internal view returns (BookGreeks memory g, SWad liability) {
        uint256 money = t.money;
        (g.delta, g.gamma) = greeks(t.word, spot);
        unchecked {
            (g.theta, g.vega) = (SWad.wrap(_theta(money) * FINE), SWad.wrap(_vega(money) * FINE));
            // level S + gamma S^2 / 2, from the delta at spot
            int256 half = g.gamma.rawS() * int256(spot) / int256(2 * ONE);
            int256 gain = (g.delta.rawS() - half) * int256(spot) / int256(ONE);
            liability = SWad.wrap(_base(money) - gain - _aged(g.theta.rawS(), block.timestamp));
        }
    }

    function _aged(int256 theta, uint256 time) private pure returns (int256) {
        unchecked {
            return theta * int256(time) / int256(YEAR);
        }
    }

    function _level(uint256 word) private pure returns (int256) {
        return int256(word) >> 160;
    }

    function _gamma(uint256 word) private pure returns (int256) {
        return int64(uint64(word >> 96));
    }

    function _base(uint256 money) private pure returns (int256) {
        return int256(money) >> 144;
    }

    function _theta(uint256 money) private pure returns (int256) {
        return int256(money << 112) >> 188;
    }

    function _vega(uint256 money) private pure returns (int256) {
        return int256(money << 180) >> 180;
    }

    // ------------------------------------------------------------ freshness

    /// @dev The range rounded inwards.
    function setRange(Total storage t, uint256 oldest, uint256 low, uint256 high) internal {
        unchecked {
            uint256 range = uint256(uint32(oldest)) << 64 | _pack(low + (low >> 22) + 1) << 32 | _pack(high);
            t.word = t.word & ~RANGE | range;
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
