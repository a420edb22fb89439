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
    int256 private constant NEAR_TRADE = 184467440737095516; // 0.01
    int256 private constant NEAR_MOVE = 18446744073709551; // 0.001
    int256 private constant NEAR_ROOT = 1844674407370955; // 0.0001
    int256 private constant FAR_MOVE = 1844674407370955161; // 0.1: further, the cubic says nothing
    /// A maximiser is accepted within this distance (1e-9) or at the limit.
    int256 private constant CLOSE = 18446744073;
    int256 private constant TINY = 1 << 38; // 1.5e-8
    uint256 private constant SCAN = 16;
    uint256 private constant MAX_STEPS = 100;

    /// @dev Derivatives 0 to 3 by the shift of sum q w E, less the stiffness; lots, Q64.
    struct Jet {
        int256 g0;
        int256 g1;
        int256 g2;
        int256 g3;
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
        // the maximiser lies strictly between low and high
        (int256 low, int256 high) = (-x.limit - 1, x.limit + 1);
        if (concave) u = _clamp(u, x.limit);
        else (low, u, high) = _scan(x);
        Jet memory jet;
        for (uint256 i; i < MAX_STEPS; ++i) {
            _sweep(x, u, BookMath.NONE, jet, jet);
            if (jet.g0 == 0) return u;
            if (jet.g0 > 0) low = u;
            else high = u;
            (int256 next, bool done) = _step(jet, u, low, high, x.limit);
            if (done) return next;
            u = next;
        }
        return u;
    }

    /// @dev The next trial within the bracket: the cubic's root when it is near, which then is the maximiser but for
    /// some 1e-12 (the objective misses the square of that), else a Newton step.
    function _step(Jet memory jet, int256 u, int256 low, int256 high, int256 limit)
        private
        pure
        returns (int256 next, bool done)
    {
        (next, done) = _root(jet, u, limit, NEAR_ROOT);
        if (!done) next = _newton(jet, u, low, high, limit);
    }

    // ------------------------------------------------------------ the three ways

    /// @dev No impact: the vols do not move, the price is plain Black-76 to the wei.
    function _flat(BookMath.Book memory x, uint256 j, int256 dq) private pure returns (Solution memory r) {
        BookMath.Strike memory k = x.strikes[j];
        k.q += dq;
        (r.sums, r.point) = BookMath.sums(x, 0, j);
        (r.point.call,,) = Black76.price(x.spot, k.strike, x.secondsLeft, (k.anchor * 1e18 + (1 << 63)) >> 64);
        r.cost = dq * int256(r.point.call);
    }

    /// @dev One sweep at u, one at the new shift. False, with the book unchanged, when the shifts are not near.
    function _near(BookMath.Book memory x, uint256 j, int256 dq, int256 u, Solution memory r)
        private
        pure
        returns (bool ok)
    {
        Jet memory old;
        Jet memory one;
        (u, ok) = _centre(x, j, u, old, one, r);
        if (!ok) return false;
        (r.swept, ok) = _root(_plus(old, one, dq), u, x.limit, NEAR_TRADE);
        if (!ok) return false;
        x.strikes[j].q += dq;
        if (_settle(x, j, u, r)) {
            r.cost = _nearCost(x, old, j, dq, u, r);
            return true;
        }
        x.strikes[j].q -= dq;
        return false;
    }

    /// @dev Sweeps the old book at a shift within NEAR_MOVE of its maximiser, which is returned in `r.before`.
    function _centre(BookMath.Book memory x, uint256 j, int256 u, Jet memory old, Jet memory one, Solution memory r)
        private
        pure
        returns (int256, bool ok)
    {
        u = _clamp(u, x.limit);
        for (uint256 i; i < 3; ++i) {
            _sweep(x, u, j, old, one);
            (r.before, ok) = _root(old, u, x.limit, FAR_MOVE);
            if (!ok) return (u, false);
            if (FixedPointMathLib.dist(r.before, u) <= uint256(NEAR_MOVE)) return (u, true);
            u = r.before;
        }
        return (u, false);
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
        r.cost = BookMath.objective(x, r.sums, r.later) - start + _grain(x, 2 * (x.size + FixedPointMathLib.abs(dq)), j);
    }

    // ------------------------------------------------------------ cost

    function _nearCost(
        BookMath.Book memory x,
        Jet memory old,
        uint256 j,
        int256 dq,
        int256 u,
        Solution memory r
    ) private pure returns (int256) {
        unchecked {
            (int256 back, int256 forth) = (r.before - u, r.swept - u);
            (int256 integral, uint256 doubt) = _correction(old, r, dq, forth);
            integral += _integral(old, forth) - _integral(old, back);
            // what the last Newton step, from `swept` to `later`, still gains
            integral += (r.sums.g * (r.later - r.swept)) >> 65;
            uint256 lots = FixedPointMathLib.abs(dq);
            uint256 noise = FixedPointMathLib.abs(forth) + FixedPointMathLib.abs(back);
            doubt += _tail(x, u, back) + (_tail(x, u, forth) >> 8) + 2;
            lots += (x.size + lots) * noise >> 64;
            return dq * int256(r.point.call) + (((integral + int256(doubt)) * int256(x.scale)) >> 64)
                + _grain(x, lots, j);
        }
    }

    /// @dev Hermite correction of the integral from g and its derivative at the new shift, and what may be missing.
    function _correction(Jet memory old, Solution memory r, int256 dq, int256 d)
        private
        pure
        returns (int256 fix, uint256 doubt)
    {
        unchecked {
            int256 miss = r.sums.g - dq * r.point.lean - _value(old, d);
            int256 bend = r.sums.h - dq * r.point.bend - _slope(old, d);
            int256 first = (miss * d >> 64) / 3;
            int256 second = ((bend * d >> 64) * d >> 64) / 30;
            return (first - second, (FixedPointMathLib.abs(first) + FixedPointMathLib.abs(second)) >> 3);
        }
    }

    /// @dev Rounding of the pricing library: 2e-17 of spot plus strike per contract, and a lot * wei. Lots * wad.
    function _grain(BookMath.Book memory x, uint256 lots, uint256 j) private pure returns (int256) {
        unchecked {
            return int256(lots * (x.spot + x.strikes[j].strike) / 5e16 + BookMath.LOTS);
        }
    }

    /// @dev Largest remainder of the cubic's integral over |d|: |d|^5 / 120 times the fourth derivative, which is at
    /// most size (58 + 9 s^4) / sigma^4 (the maximum of |E| times its quartic in d1 d2, searched over all d1 and s).
    function _tail(BookMath.Book memory x, int256 u, int256 d) private pure returns (uint256) {
        unchecked {
            uint256 a = FixedPointMathLib.abs(d);
            uint256 reach = FixedPointMathLib.abs(u) + a;
            uint256 limit = uint256(x.limit);
            // least sigma within reach of u, and d / sigma there
            a = (a << 64) / (x.low + limit - FixedPointMathLib.min(reach, limit));
            uint256 s2 = ((x.high * x.rootTime) >> 96) ** 2 >> 64;
            uint256 quartic = (58 << 64) + 9 * (s2 * s2 >> 64);
            uint256 power = (a * a) >> 64;
            power = (((power * power) >> 64) * FixedPointMathLib.abs(d)) >> 64;
            // below 2^67 2^64 2^89; shifted last, since the first two alone may be less than a lot
            return (x.size * power * (quartic / 120) >> 64) + 1;
        }
    }

    // ------------------------------------------------------------ sweeps

    /// @dev Jets of the book's objective and of one lot of strike j.
    function _sweep(BookMath.Book memory x, int256 u, uint256 j, Jet memory all, Jet memory one) private pure {
        (BookMath.Strike memory k, uint256 n) = BookMath.first(x);
        uint256 rootTime = x.rootTime;
        unchecked {
            (all.g0, all.g1, all.g2, all.g3) = (-((x.stiffness * u) >> 64), -x.stiffness, 0, 0);
            for (uint256 i; i < n; (++i, k = BookMath.next(k))) {
                if (i == j) {
                    (one.g0, one.g1, one.g2, one.g3) = (0, 0, 0, 0);
                    _addJet(one, k, 1, rootTime, u);
                }
                if (k.q != 0) _addJet(all, k, k.q, rootTime, u);
            }
        }
    }

    function _addJet(Jet memory all, BookMath.Strike memory k, int256 q, uint256 rootTime, int256 u) private pure {
        unchecked {
            uint256 sigma = BookMath.sigmaAt(k, u);
            uint256 total = (sigma * rootTime) >> 64;
            (int256 d1, int256 d2) = Black76.moneyness(k.ln, total);
            (uint256 mantissa, uint256 shift) = Black76.expHalfSquare(d1);
            uint256 weight = k.weight;
            mantissa = ((mantissa >> shift) * weight) >> 64;
            if (mantissa == 0) return;
            _addPowers(all, q, mantissa, FixedPointMathLib.rawDiv(weight << 64, sigma), (d1 * d2) >> 64, total);
        }
    }

    /// @dev Adds q times e = w E and its derivatives by u. With r = w / sigma and b = d1 d2: r b, r^2 (b^2 - 3b - s^2),
    /// r^3 (b^3 - 9b^2 - 3b s^2 + 12b + 3s^2).
    function _addPowers(Jet memory all, int256 q, uint256 e, uint256 r, int256 b, uint256 total) private pure {
        assembly ("memory-safe") {
            let b2 := sar(64, mul(b, b))
            let s2 := shr(128, mul(total, total))
            mstore(all, add(mload(all), mul(q, e)))
            e := shr(64, mul(e, r))
            mstore(add(all, 0x20), add(mload(add(all, 0x20)), mul(q, sar(64, mul(e, b)))))
            e := shr(64, mul(e, r))
            let p := sub(b2, add(mul(3, b), s2))
            mstore(add(all, 0x40), add(mload(add(all, 0x40)), mul(q, sar(64, mul(e, p)))))
            e := shr(64, mul(e, r))
            p := add(sub(b2, mul(3, add(s2, mul(3, b)))), 0xc0000000000000000) // + 12
            p := add(sar(64, mul(b, p)), mul(3, s2))
            mstore(add(all, 0x60), add(mload(add(all, 0x60)), mul(q, sar(64, mul(e, p)))))
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

    /// @dev Where the cubic around u is zero, or the limit; not ok beyond `reach` or where it does not fall.
    function _root(Jet memory p, int256 u, int256 limit, int256 reach) private pure returns (int256 root, bool ok) {
        unchecked {
            root = u;
            for (uint256 i; i < 3; ++i) {
                int256 slope = _slope(p, root - u);
                if (slope >= 0) return (root, false);
                int256 last = root;
                root = _clamp(root - _ratio(_value(p, root - u), slope), limit);
                if (FixedPointMathLib.dist(root, u) > uint256(reach)) return (root, false);
                if (FixedPointMathLib.dist(root, last) < uint256(TINY)) break; // the next would be its square
            }
            return (root, true);
        }
    }

    // ------------------------------------------------------------ steps

    function _ratio(int256 n, int256 m) private pure returns (int256) {
        return FixedPointMathLib.rawSDiv(n << 64, m);
    }

    function _clamp(int256 u, int256 limit) private pure returns (int256) {
        return FixedPointMathLib.clamp(u, -limit, limit);
    }

    /// @dev A Newton step, at most to the limit; where the slope does not fall or the step leaves the bracket, its
    /// middle. A step of less than CLOSE is always taken.
    function _newton(Jet memory jet, int256 u, int256 low, int256 high, int256 limit) private pure returns (int256) {
        if (jet.g1 < 0) {
            int256 next = _clamp(u - _ratio(jet.g0, jet.g1), limit);
            if (next > low && next < high || FixedPointMathLib.dist(next, u) < uint256(CLOSE >> 4)) return next;
        }
        return _clamp((low + high) >> 1, limit);
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
        low = FixedPointMathLib.max(best - step, -x.limit - 1);
        high = FixedPointMathLib.min(best + step, x.limit + 1);
    }
}
