// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {Black76} from "./Black76.sol";
import {BookMath} from "./BookMath.sol";

/// The convex cost function C(q) = max over |u| <= limit of F_q(u) = sum q P(u) - V u^2 / 2, and its solver.
///
/// For any u0 and u1, with g the derivative of the old book's objective,
///     F_new(u1) - F_old(u0) = dq P_j(u1) + integral of g from u0 to u1,
/// so that only the traded strike's price enters the cost. One sweep gives g and three derivatives by u; from these
/// follow both maximisers and the integral while the shifts stay `NEAR`. The sweep at the new shift, which the Greeks
/// need anyway, then corrects the integral and proves the maximiser. Further away, or where the objective is not
/// known to be concave, both objectives are priced in full at maximisers found by bracketed Newton steps.
///
/// The cost is rounded up, against the trader, by `_margin`. Units as in BookMath.
library DualCost {
    /// Largest shift by a trade, and by moves of spot and time, for which one sweep is used. Q64.
    int256 internal constant NEAR_TRADE = 184467440737095516; // 0.01
    int256 internal constant NEAR_MOVE = 18446744073709551; // 0.001
    /// A maximiser is accepted within this distance (1e-9) or at the limit.
    int256 private constant CLOSE = 18446744073;
    uint256 private constant SCAN = 16;
    uint256 private constant MAX_STEPS = 100;

    /// @dev Derivatives 0 to 3 by the shift of sum q w E, less the stiffness; lots, Q64.
    struct Jet {
        int256 g0;
        int256 g1;
        int256 g2;
        int256 g3;
        uint256 g4; // bound of the fourth within NEAR_TRADE
    }

    /// @dev What a trade does. `sums` and `point` are of the new book at `swept`, which is within 1e-9 of `later`.
    struct Solution {
        int256 cost; // lots * wad, of calls; rounded up
        int256 before; // maximiser of the old book
        int256 later; // of the new book
        int256 swept;
        BookMath.Sums sums;
        BookMath.Point point;
    }

    /// @notice Cost and shift of buying dq lots of calls on strike j. `u` is the last known shift. On return the
    /// book holds the new position.
    /// `concave`: the objectives of both books are known to be strictly concave.
    function trade(BookMath.Book memory x, uint256 j, int256 dq, int256 u, bool concave)
        internal
        pure
        returns (Solution memory r)
    {
        if (!BookMath.moves(x)) return _flat(x, j, dq);
        if (concave && _near(x, j, dq, u, r)) return r;
        _far(x, j, dq, u, concave, r);
    }

    /// @notice The maximiser of the book's objective; `u` is where to start.
    function maximise(BookMath.Book memory x, int256 u, bool concave) internal pure returns (int256) {
        if (!BookMath.moves(x)) return 0;
        (int256 low, int256 high) = (-x.limit, x.limit);
        if (concave) u = _clamp(u, x.limit);
        else (low, u, high) = _scan(x);
        for (uint256 i; i < MAX_STEPS; ++i) {
            (Jet memory jet,) = _sweep(x, u, BookMath.NONE);
            if (jet.g0 > 0) low = u;
            else high = u;
            int256 next = _clamp(_newton(jet.g0, jet.g1, u, low, high), x.limit);
            if (FixedPointMathLib.dist(next, u) <= uint256(CLOSE >> 4)) return next;
            u = next;
        }
        return u;
    }

    // ------------------------------------------------------------ the three ways

    /// @dev No impact: the vols do not move.
    function _flat(BookMath.Book memory x, uint256 j, int256 dq) private pure returns (Solution memory r) {
        x.strikes[j].q += dq;
        (r.sums, r.point) = BookMath.sums(x, 0, j);
        r.cost = dq * int256(r.point.call);
    }

    /// @dev One sweep at u, one at the new shift. False, with the book unchanged, when the shifts are not near.
    function _near(BookMath.Book memory x, uint256 j, int256 dq, int256 u, Solution memory r)
        private
        pure
        returns (bool)
    {
        u = _clamp(u, x.limit);
        (Jet memory old, Jet memory one) = _sweep(x, u, j);
        (int256 move, bool ok) = _root(old, NEAR_MOVE);
        if (!ok) return false;
        r.before = _clamp(u + move, x.limit);
        Jet memory both = _plus(old, one, dq);
        (move, ok) = _root(both, NEAR_TRADE);
        if (!ok) return false;
        r.swept = _clamp(u + move, x.limit);
        x.strikes[j].q += dq;
        if (_settle(x, j, u, r)) {
            r.cost = _nearCost(x, old, one, j, dq, u, r);
            return true;
        }
        x.strikes[j].q -= dq;
        return false;
    }

    /// @dev Sweeps the new book at `swept` until its maximiser is proved; false if that leads away from u.
    function _settle(BookMath.Book memory x, uint256 j, int256 u, Solution memory r) private pure returns (bool) {
        for (uint256 i; i < 4; ++i) {
            (r.sums, r.point) = BookMath.sums(x, r.swept, j);
            r.later = _clamp(r.swept - _ratio(r.sums.g, r.sums.h), x.limit);
            if (FixedPointMathLib.dist(r.later, r.swept) <= uint256(CLOSE)) return true;
            if (FixedPointMathLib.dist(r.later, u) > uint256(NEAR_TRADE)) return false;
            r.swept = r.later;
        }
        return false;
    }

    function _far(BookMath.Book memory x, uint256 j, int256 dq, int256 u, bool concave, Solution memory r)
        private
        pure
    {
        r.before = maximise(x, u, concave);
        (BookMath.Sums memory old,) = BookMath.sums(x, r.before, j);
        int256 start = BookMath.objective(x, old, r.before);
        x.strikes[j].q += dq;
        r.later = maximise(x, r.before, concave);
        r.swept = r.later;
        (r.sums, r.point) = BookMath.sums(x, r.later, j);
        r.cost = BookMath.objective(x, r.sums, r.later) - start + _grain(x, old.size + r.sums.size, j);
    }

    // ------------------------------------------------------------ cost

    function _nearCost(
        BookMath.Book memory x,
        Jet memory old,
        Jet memory,
        uint256 j,
        int256 dq,
        int256 u,
        Solution memory r
    ) private pure returns (int256) {
        (int256 back, int256 forth) = (r.before - u, r.swept - u);
        (int256 fix, uint256 doubt) = _correction(old, r, j, x, dq, forth);
        int256 integral = _integral(old, forth) - _integral(old, back) + fix;
        // what the last Newton step, from `swept` to `later`, still gains
        int256 gain = r.later == r.swept ? int256(0) : (r.sums.g * (r.later - r.swept)) >> 65;
        int256 money = ((integral + gain + 1) * int256(x.scale)) >> 64;
        doubt += _tail(old.g4, back) + (_tail(old.g4, forth) >> 8);
        uint256 noise = FixedPointMathLib.abs(dq) + (r.sums.size * (FixedPointMathLib.abs(forth) + FixedPointMathLib.abs(back)) >> 64);
        return dq * int256(r.point.call) + money + int256((doubt + 1) * x.scale >> 64) + _grain(x, noise, j);
    }

    /// @dev Hermite correction of the integral from g and its derivative at the new shift, and what may be missing.
    function _correction(
        Jet memory old,
        Solution memory r,
        uint256 j,
        BookMath.Book memory x,
        int256 dq,
        int256 d
    ) private pure returns (int256 fix, uint256 doubt) {
        unchecked {
            BookMath.Strike memory k = x.strikes[j];
            int256 miss = r.sums.g - dq * int256(r.point.lean) - _value(old, d);
            int256 bend = r.sums.h - dq * BookMath.bendOf(k, r.point) - _slope(old, d);
            int256 first = (miss * d >> 64) / 3;
            int256 second = ((bend * d >> 64) * d >> 64) / 30;
            return (first - second, (FixedPointMathLib.abs(first) + FixedPointMathLib.abs(second)) >> 3);
        }
    }

    /// @dev Rounding of the pricing library: 2e-17 of spot plus strike per contract, and a lot * wei. Lots * wad.
    function _grain(BookMath.Book memory x, uint256 lots, uint256 j) private pure returns (int256) {
        return int256(lots * (x.spot + x.strikes[j].strike) / 5e16 + BookMath.LOTS);
    }

    /// @dev |d|^5 g4 / 120.
    function _tail(uint256 g4, int256 d) private pure returns (uint256) {
        unchecked {
            uint256 a = FixedPointMathLib.abs(d);
            return ((((((((g4 * a) >> 64) * a) >> 64) * a) >> 64) * a) >> 64) * a / (120 << 64);
        }
    }

    // ------------------------------------------------------------ sweeps

    /// @dev Jets of the book's objective and of one lot of strike j.
    function _sweep(BookMath.Book memory x, int256 u, uint256 j) private pure returns (Jet memory all, Jet memory one) {
        uint256 n = x.strikes.length;
        for (uint256 i; i < n; ++i) {
            BookMath.Strike memory k = x.strikes[i];
            if (i == j) {
                _jet(k, x.rootTime, u, one);
                _accumulate(all, one, k.q);
            } else if (k.q != 0) {
                Jet memory other;
                _jet(k, x.rootTime, u, other);
                _accumulate(all, other, k.q);
            }
        }
        unchecked {
            all.g0 -= (x.stiffness * u) >> 64;
            all.g1 -= x.stiffness;
        }
    }

    function _accumulate(Jet memory all, Jet memory one, int256 q) private pure {
        unchecked {
            all.g0 += q * one.g0;
            all.g1 += q * one.g1;
            all.g2 += q * one.g2;
            all.g3 += q * one.g3;
            all.g4 += FixedPointMathLib.abs(q) * one.g4;
        }
    }

    function _plus(Jet memory a, Jet memory one, int256 q) private pure returns (Jet memory r) {
        unchecked {
            r.g0 = a.g0 + q * one.g0;
            r.g1 = a.g1 + q * one.g1;
            r.g2 = a.g2 + q * one.g2;
            r.g3 = a.g3 + q * one.g3;
        }
    }

    /// @dev w E and its derivatives by u. With r = w / sigma and b = d1 d2: r b, r^2 (b^2 - 3b - s^2),
    /// r^3 (b^3 - 9b^2 - 3b s^2 + 12b + 3s^2); the fourth is bounded by r^4 (58 + 9 s^4), times 8 for the interval.
    function _jet(BookMath.Strike memory k, uint256 rootTime, int256 u, Jet memory o) private pure {
        unchecked {
            uint256 sigma = BookMath.sigmaAt(k, u);
            uint256 total = (sigma * rootTime) >> 64;
            (int256 d1, int256 d2) = Black76.moneyness(k.ln, total);
            (uint256 mantissa, uint256 shift) = Black76.expHalfSquare(d1);
            int256 e = int256(((mantissa >> shift) * k.weight) >> 64);
            int256 r = int256((k.weight << 64) / sigma);
            int256 s2 = int256((total * total) >> 128);
            o.g4 = uint256(8 * ((((r * r >> 64) * (r * r >> 64)) >> 64) * ((58 << 64) + 9 * (s2 * s2 >> 64)) >> 64) * int256(k.weight) >> 64);
            if (e == 0) return;
            int256 b = (d1 * d2) >> 64;
            int256 bb = (b * b) >> 64;
            o.g0 = e;
            e = (e * r) >> 64;
            o.g1 = (e * b) >> 64;
            e = (e * r) >> 64;
            o.g2 = (e * (bb - 3 * b - s2)) >> 64;
            e = (e * r) >> 64;
            o.g3 = (e * (((b * (bb - 9 * b - 3 * s2 + (12 << 64))) >> 64) + 3 * s2)) >> 64;
        }
    }

    // ------------------------------------------------------------ cubic pieces

    function _value(Jet memory p, int256 d) private pure returns (int256) {
        unchecked {
            int256 t = p.g2 / 2 + ((p.g3 * d >> 64) / 6);
            return p.g0 + ((d * (p.g1 + (d * t >> 64))) >> 64);
        }
    }

    function _slope(Jet memory p, int256 d) private pure returns (int256) {
        unchecked {
            return p.g1 + ((d * (p.g2 + (d * p.g3 >> 65))) >> 64);
        }
    }

    function _integral(Jet memory p, int256 d) private pure returns (int256) {
        unchecked {
            int256 t = p.g2 / 6 + ((p.g3 * d >> 64) / 24);
            return (d * (p.g0 + ((d * (p.g1 / 2 + (d * t >> 64))) >> 64))) >> 64;
        }
    }

    /// @dev Root of the cubic by Newton; not ok beyond `reach` or where it does not fall.
    function _root(Jet memory p, int256 reach) private pure returns (int256 d, bool ok) {
        for (uint256 i; i < 3; ++i) {
            int256 slope = _slope(p, d);
            if (slope >= 0) return (0, false);
            d -= _ratio(_value(p, d), slope);
            if (d > reach || d < -reach) return (0, false);
        }
        return (d, true);
    }

    // ------------------------------------------------------------ steps

    function _ratio(int256 n, int256 m) private pure returns (int256) {
        return (n << 64) / m;
    }

    function _clamp(int256 u, int256 limit) private pure returns (int256) {
        return FixedPointMathLib.clamp(u, -limit, limit);
    }

    /// @dev A Newton step; where the slope does not fall or the step leaves the bracket, its middle.
    function _newton(int256 g, int256 h, int256 u, int256 low, int256 high) private pure returns (int256 next) {
        if (h < 0) {
            next = u - _ratio(g, h);
            if (next >= low && next <= high) return next;
        }
        return low + (high - low) / 2;
    }

    /// @dev The best point of a grid and its neighbours.
    function _scan(BookMath.Book memory x) private pure returns (int256 low, int256 best, int256 high) {
        int256 top = type(int256).min;
        int256 step = 2 * x.limit / int256(SCAN);
        for (uint256 i; i <= SCAN; ++i) {
            int256 u = FixedPointMathLib.min(-x.limit + step * int256(i), x.limit);
            (BookMath.Sums memory s,) = BookMath.sums(x, u, BookMath.NONE);
            int256 value = BookMath.objective(x, s, u);
            if (value > top) (top, best) = (value, u);
        }
        return (_clamp(best - step, x.limit), best, _clamp(best + step, x.limit));
    }
}
