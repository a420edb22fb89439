// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ONE, YEAR} from "../types/Units.sol";
import {Black76} from "./Black76.sol";

/// One expiry's book in memory, and its value and Greeks at a shift.
///
/// Inside, quantities are lots (1e-6 contract), money is lots * wad, shifts and vols are Q64, ln and sqrt(time) Q96.
/// Everything that is proportional to vega is kept in units of `scale` = F sqrt(T) / sqrt(2 pi), the vega of an
/// option with d1 = 0: a strike's vega is scale * E with E = exp(-d1^2 / 2).
library BookMath {
    uint256 internal constant Q64 = 1 << 64;
    uint256 internal constant LOT = 1e12;
    uint256 internal constant LOTS = 1e6;
    uint256 internal constant NONE = type(uint256).max;
    uint256 private constant DENSITY = 398942280401432678; // 1 / sqrt(2 pi)

    /// @dev One strike. By parity only the sum of calls and puts matters to the shift.
    struct Strike {
        int256 q; // traders' net calls plus puts, lots
        uint256 strike; // wad
        int256 ln; // ln(F / K), Q96
        uint256 anchor; // Q64
        uint256 weight; // Q64
    }

    struct Book {
        uint256 spot; // wad
        uint256 secondsLeft; // 0 = expired: options are worth intrinsic
        uint256 rootTime; // sqrt(T in years), Q96
        uint256 scale; // wad
        uint256 impact; // V, wad
        int256 stiffness; // V in units of scale: lots per vol, Q64
        int256 limit; // U_eff, Q64
        int256 puts; // sum of put positions, lots
        int256 putStrikes; // sum of put position * strike, lots * wad
        Strike[] strikes;
    }

    /// @dev Sums over the strikes at a shift; g and h are the first two derivatives of the objective by the shift.
    struct Sums {
        int256 value; // sum q call, lots * wad
        int256 delta; // sum q N(d1), lots * wad
        int256 vega; // sum q E, lots, Q64
        int256 gamma; // sum q E / s, lots, Q64
        int256 theta; // sum q E sigma, lots, Q64
        int256 g; // sum q w E - stiffness u, lots, Q64
        int256 h; // its derivative by u
        uint256 size; // sum |q|, lots
    }

    /// @dev One option of a strike at a shift.
    struct Point {
        uint256 call; // wad
        uint256 delta; // N(d1), wad
        uint256 density; // E, Q64
        uint256 sigma; // Q64
        uint256 total; // sigma sqrt(T), Q96
        uint256 lean; // w E, Q64
    }

    /// @notice Sets what depends on spot and time. Strikes, impact and limit are set by the caller.
    function place(Book memory x, uint256 spot, uint256 secondsLeft) internal pure {
        x.spot = spot;
        x.secondsLeft = secondsLeft;
        x.rootTime = Black76.sqrtYears(secondsLeft);
        x.scale = ((spot * x.rootTime) >> 96) * DENSITY / ONE;
        // An expiry whose options have no vega left has no shift.
        x.stiffness = x.scale == 0 ? int256(0) : int256(x.impact * LOTS * Q64 / x.scale);
    }

    /// @notice Whether trades move the vols of this expiry now.
    function moves(Book memory x) internal pure returns (bool) {
        return x.stiffness != 0 && x.limit != 0;
    }

    function sigmaAt(Strike memory k, int256 u) internal pure returns (uint256) {
        unchecked {
            return uint256(int256(k.anchor) + ((u * int256(k.weight)) >> 64));
        }
    }

    /// @notice Prices every strike with a position, and strike j.
    function sums(Book memory x, int256 u, uint256 j) internal pure returns (Sums memory s, Point memory point) {
        uint256 n = x.strikes.length;
        for (uint256 i; i < n; ++i) {
            Strike memory k = x.strikes[i];
            if (i == j) {
                _price(x, k, u, point);
                _add(s, k, point);
            } else if (k.q != 0) {
                Point memory p;
                _price(x, k, u, p);
                _add(s, k, p);
            }
        }
        unchecked {
            s.g -= (x.stiffness * u) >> 64;
            s.h -= x.stiffness;
        }
    }

    /// @notice The objective sum q P - V u^2 / 2 at the shift of `s`, puts included; lots * wad.
    function objective(Book memory x, Sums memory s, int256 u) internal pure returns (int256) {
        int256 parity = x.putStrikes - x.puts * int256(x.spot);
        return s.value + parity - int256((x.impact * LOTS * uint256(u * u)) >> 129);
    }

    // ------------------------------------------------------------ one strike

    function _price(Book memory x, Strike memory k, int256 u, Point memory p) private pure {
        p.sigma = sigmaAt(k, u);
        if (x.secondsLeft == 0) {
            (p.call,, p.delta) = Black76.intrinsic(x.spot, k.strike);
            return;
        }
        unchecked {
            p.total = (p.sigma * x.rootTime) >> 64;
            (int256 d1, int256 d2) = Black76.moneyness(k.ln, p.total);
            (uint256 mantissa, uint256 shift) = Black76.expHalfSquare(d1);
            (p.call,, p.delta) = Black76.valueAt(x.spot, k.strike, d1, d2, mantissa, shift);
            p.density = mantissa >> shift;
            p.lean = (p.density * k.weight) >> 64;
        }
    }

    function _add(Sums memory s, Strike memory k, Point memory p) private pure {
        unchecked {
            int256 q = k.q;
            s.value += q * int256(p.call);
            s.delta += q * int256(p.delta);
            s.size += FixedPointMathLib.abs(q);
            if (p.density == 0) return;
            s.vega += q * int256(p.density);
            s.gamma += q * int256((p.density << 96) / p.total);
            s.theta += q * int256((p.density * p.sigma) >> 64);
            s.g += q * int256(p.lean);
            s.h += q * bendOf(k, p);
        }
    }

    /// @dev d(w E)/du = w^2 E d1 d2 / sigma, with d1 d2 = (ln / s)^2 - s^2 / 4. Q64.
    function bendOf(Strike memory k, Point memory p) internal pure returns (int256) {
        unchecked {
            int256 mid = (k.ln << 64) / int256(p.total);
            int256 half = int256(p.total >> 33);
            int256 both = (mid * mid - half * half) >> 64;
            return ((int256(p.lean * k.weight / p.sigma) * both) >> 64);
        }
    }

    // ------------------------------------------------------------ Greeks of the traders' book, wads

    function vegaOf(Book memory x, int256 density) internal pure returns (int256) {
        return (density * int256(x.scale)) >> 64;
    }

    /// @notice sum q phi / (F s); `gamma` as in Sums.
    function gammaOf(Book memory x, int256 gamma) internal pure returns (int256) {
        return (gamma * int256(DENSITY) / int256(x.spot) * int256(ONE)) >> 64;
    }

    /// @notice -sum q F phi sigma / (2 sqrt T) per year; `theta` as in Sums.
    function thetaOf(Book memory x, int256 theta) internal pure returns (int256) {
        if (x.secondsLeft == 0) return 0;
        return -((theta * int256(x.scale)) >> 64) * int256(YEAR) / int256(2 * x.secondsLeft);
    }
}
