// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {Black76} from "./Black76.sol";
import {BookMath} from "./BookMath.sol";

/// An upper bound of sum q w^2 volga over every shift in [-limit, limit]: below V the objective of the cost function
/// is strictly concave there and its maximiser unique.
///
/// Of one strike, with y = (ln / s)^2 and s = sigma sqrt(T) in [s0, s1] over the clamp,
///     volga / scale = E (y - s^2/4) / sigma,  E = sqrt(K/F) exp(-y/2) exp(-s^2/8).
/// Positions q > 0 are bounded by dropping s^2: y exp(-y/2) / s = d^3 exp(-d^2/2) / |ln| with d = sqrt(y), largest at
/// d = sqrt 3; positions q < 0 by dropping y: s exp(-s^2/8) / 4, largest at s = 2.
library Curvature {
    /// A bound below this share of V proves that the maximiser is unique. Wad.
    uint256 internal constant CONCAVE = 0.99e18;

    uint256 private constant PEAK = 21387493064623675815; // 3^1.5 exp(-1.5), Q64
    uint256 private constant HUMP = 13572355802537770550; // 2 exp(-1), Q64: max of y exp(-y/2)
    uint256 private constant SWELL = 22377031705154330600; // 2 exp(-0.5), Q64: max of s exp(-s^2/8)
    uint256 private constant ROOT3 = 31950697969885030203; // sqrt 3, Q64

    /// @notice The bound for the book and for the book plus dq of strike j; lots per vol, Q64, like `stiffness`.
    /// Three bounds, each sharper and dearer than the one before, until both are at most `enough`.
    function bounds(BookMath.Book memory x, uint256 j, int256 dq, uint256 enough)
        internal
        pure
        returns (uint256 before, uint256 later)
    {
        uint256 unit = _coarse(x);
        unchecked {
            before = x.size * unit;
            later = (x.size + FixedPointMathLib.abs(dq)) * unit;
        }
        if (later <= enough) return (before, later);
        (before, later) = _total(x, j, dq, false);
        if (FixedPointMathLib.max(before, later) > enough) (before, later) = _total(x, j, dq, true);
    }

    /// @dev Of any strike, by the least and the largest vol and the highest strike: y exp(-y/2) / sigma and sigma T/4.
    function _coarse(BookMath.Book memory x) private pure returns (uint256 unit) {
        unchecked {
            unit = HUMP * BookMath.Q64 / x.low;
            uint256 time = (x.rootTime * x.rootTime) >> 128;
            unit = FixedPointMathLib.max(unit, (x.high * time) >> 66) + 1;
            uint256 top = x.strikes[x.strikes.length - 1].strike;
            if (top > x.spot) unit = unit * top / x.spot + 1;
        }
    }

    function _total(BookMath.Book memory x, uint256 j, int256 dq, bool sharp)
        private
        pure
        returns (uint256 before, uint256 later)
    {
        uint256 n = x.strikes.length;
        for (uint256 i; i < n; ++i) {
            BookMath.Strike memory k = x.strikes[i];
            int256 q = i == j ? k.q + dq : k.q;
            if (k.q == 0 && q == 0) continue;
            uint256 old = _of(x, k, k.q, sharp);
            before += old;
            later += i == j ? _of(x, k, q, sharp) : old;
        }
    }

    function _of(BookMath.Book memory x, BookMath.Strike memory k, int256 q, bool sharp)
        private
        pure
        returns (uint256)
    {
        if (q == 0) return 0;
        uint256 unit = q > 0 ? _long(x, k, sharp) : _short(x, k);
        unchecked {
            // sqrt(T), w^2 and sqrt(K / F) <= max(1, K / F)
            unit = (unit * x.rootTime) >> 96;
            unit = (((unit * k.weight) >> 64) * k.weight) >> 64;
            if (k.strike > x.spot) unit = sharp ? _timesRoot(unit, k.strike, x.spot) : unit * k.strike / x.spot;
            return FixedPointMathLib.abs(q) * (unit + 1);
        }
    }

    function _timesRoot(uint256 unit, uint256 strike, uint256 spot) private pure returns (uint256) {
        unchecked {
            return (unit * (FixedPointMathLib.sqrt((strike << 128) / spot) + 1)) >> 64;
        }
    }

    /// @dev sup of (1/s) y exp(-y/2), Q64.
    function _long(BookMath.Book memory x, BookMath.Strike memory k, bool sharp) private pure returns (uint256) {
        unchecked {
            uint256 ln = FixedPointMathLib.abs(k.ln) >> 32;
            uint256 s0 = _total64(x, k, -x.limit);
            uint256 dHigh = (ln << 64) / s0 + 1;
            uint256 quick = FixedPointMathLib.min((dHigh * dHigh) >> 64, HUMP) * BookMath.Q64 / s0;
            if (ln < 1 << 32) return quick;
            if (!sharp) return FixedPointMathLib.min(quick, (PEAK << 64) / ln);
            return FixedPointMathLib.min(quick, _peakWithin(ln, (ln << 64) / _total64(x, k, x.limit), dHigh));
        }
    }

    /// @dev max over d in [low, high] of d^3 exp(-d^2/2) / |ln|, Q64.
    function _peakWithin(uint256 ln, uint256 low, uint256 high) private pure returns (uint256) {
        unchecked {
            uint256 d = FixedPointMathLib.clamp(ROOT3, low, high);
            if (d > 16 << 64) return 0;
            (uint256 mantissa, uint256 shift) = Black76.expHalfSquare(int256(d));
            uint256 cube = (((d * d) >> 64) * d) >> 64;
            return ((cube * mantissa) >> shift) / ln + 2;
        }
    }

    /// @dev sup of (s / 4) exp(-s^2/8), Q64.
    function _short(BookMath.Book memory x, BookMath.Strike memory k) private pure returns (uint256) {
        return FixedPointMathLib.min(_total64(x, k, x.limit), SWELL) / 4;
    }

    /// @dev sigma sqrt(T) at a shift, Q64, at least one unit.
    function _total64(BookMath.Book memory x, BookMath.Strike memory k, int256 u) private pure returns (uint256) {
        unchecked {
            return ((BookMath.sigmaAt(k, u) * x.rootTime) >> 96) + 1;
        }
    }
}
