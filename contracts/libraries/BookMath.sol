// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ONE, SWad, YEAR, floorDiv} from "../types/Units.sol";
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
        uint256 size; // sum |q|, lots
        uint256 low; // least vol within the limit, Q64
        uint256 high; // largest vol within the limit, Q64
        Strike[] strikes; // one behind the other in memory
    }

    /// @dev Sums over the strikes at a shift; g and h are the first two derivatives of the objective by the shift.
    struct Sums {
        int256 value; // sum q call, lots * wad
        int256 delta; // sum q N(d1), lots * wad
        int256 vega; // sum q E, lots, Q64
        int256 gamma; // sum q E / sigma, lots, Q64
        int256 theta; // sum q E sigma, lots, Q64
        int256 g; // sum q w E - stiffness u, lots, Q64
        int256 h; // its derivative by u
    }

    /// @dev One option of a strike at a shift; the first seven fields in the order of Sums.
    struct Point {
        uint256 call; // wad
        uint256 delta; // N(d1), wad
        uint256 density; // E, Q64
        uint256 flat; // E / sigma, Q64
        uint256 decay; // E sigma, Q64
        int256 lean; // w E, Q64
        int256 bend; // its derivative by u: w^2 E d1 d2 / sigma
        uint256 sigma; // Q64
    }

    /// @notice Sets what depends on spot and time. Strikes, impact and limit are set by the caller.
    function place(Book memory x, uint256 spot, uint256 secondsLeft) internal pure {
        x.spot = spot;
        x.secondsLeft = secondsLeft;
        uint256 root = Black76.sqrtYears(secondsLeft);
        x.rootTime = root;
        x.scale = ((spot * root) >> 96) * DENSITY / ONE;
        // An expiry whose options have no vega left has no shift.
        x.stiffness = x.scale == 0 ? int256(0) : int256(x.impact * LOTS * Q64 / x.scale);
    }

    /// @notice Whether trades move the vols of this expiry now.
    function moves(Book memory x) internal pure returns (bool) {
        return x.stiffness != 0 && x.limit != 0;
    }

    /// @notice A share (wad) of the stiffness.
    function share(Book memory x, uint256 share_) internal pure returns (uint256) {
        return uint256(x.stiffness) * share_ / ONE;
    }

    function toWad(int256 shift) internal pure returns (SWad) {
        return SWad.wrap((shift * int256(ONE)) >> 64);
    }

    function sigmaAt(Strike memory k, int256 u) internal pure returns (uint256) {
        unchecked {
            return uint256(int256(k.anchor) + ((u * int256(k.weight)) >> 64));
        }
    }

    /// @notice The first strike and the number of strikes, which lie one behind the other in memory.
    function first(Book memory x) internal pure returns (Strike memory k, uint256 n) {
        Strike[] memory strikes = x.strikes;
        assembly ("memory-safe") {
            n := mload(strikes)
            k := mload(add(strikes, 0x20))
        }
    }

    function next(Strike memory k) internal pure returns (Strike memory after_) {
        assembly ("memory-safe") {
            after_ := add(k, 0xa0)
        }
    }

    /// @notice Prices every strike with a position, and strike j.
    function sums(Book memory x, int256 u, uint256 j) internal pure returns (Sums memory s, Point memory point) {
        Point memory other;
        (Strike memory k, uint256 n) = first(x);
        unchecked {
            for (uint256 i; i < n; (++i, k = next(k))) {
                if (i == j) _priceAndAdd(x, k, u, point, s);
                else if (k.q != 0) _priceAndAdd(x, k, u, other, s);
            }
            s.g -= (x.stiffness * u) >> 64;
            s.h -= x.stiffness;
        }
    }

    /// @notice The objective sum q P - V u^2 / 2 at the shift of `s`, puts included; lots * wad.
    function objective(Book memory x, Sums memory s, int256 u) internal pure returns (int256) {
        int256 parity = x.putStrikes - x.puts * int256(x.spot);
        return s.value + parity - int256((x.impact * LOTS * uint256(u * u)) >> 129);
    }

    /// @notice The objective in wads, rounded up: what the pool owes.
    function liability(Book memory x, Sums memory s, int256 u) internal pure returns (int256) {
        return -floorDiv(-objective(x, s, u), int256(LOTS));
    }

    // ------------------------------------------------------------ one strike

    function _priceAndAdd(Book memory x, Strike memory k, int256 u, Point memory p, Sums memory s) private pure {
        if (x.secondsLeft == 0) _expire(x, k, u, p);
        else _price(x, k, u, p);
        int256 q = k.q;
        assembly ("memory-safe") {
            // call, delta, E, E / sigma, E sigma, w E and its derivative: the fields of Sums in the order of Point
            mstore(s, add(mload(s), mul(q, mload(p))))
            mstore(add(s, 0x20), add(mload(add(s, 0x20)), mul(q, mload(add(p, 0x20)))))
            mstore(add(s, 0x40), add(mload(add(s, 0x40)), mul(q, mload(add(p, 0x40)))))
            mstore(add(s, 0x60), add(mload(add(s, 0x60)), mul(q, mload(add(p, 0x60)))))
            mstore(add(s, 0x80), add(mload(add(s, 0x80)), mul(q, mload(add(p, 0x80)))))
            mstore(add(s, 0xa0), add(mload(add(s, 0xa0)), mul(q, mload(add(p, 0xa0)))))
            mstore(add(s, 0xc0), add(mload(add(s, 0xc0)), mul(q, mload(add(p, 0xc0)))))
        }
    }

    function _expire(Book memory x, Strike memory k, int256 u, Point memory p) private pure {
        p.sigma = sigmaAt(k, u);
        (p.call,, p.delta) = Black76.intrinsic(x.spot, k.strike);
    }

    function _price(Book memory x, Strike memory k, int256 u, Point memory p) private pure {
        unchecked {
            uint256 weight = k.weight;
            uint256 sigma = uint256(int256(k.anchor) + ((u * int256(weight)) >> 64));
            (int256 d1, int256 d2) = Black76.moneyness(k.ln, (sigma * x.rootTime) >> 64);
            (uint256 mantissa, uint256 shift) = Black76.expHalfSquare(d1);
            (p.call,, p.delta) = Black76.valueAt(x.spot, k.strike, d1, d2, mantissa, shift);
            assembly ("memory-safe") {
                mantissa := shr(shift, mantissa)
                mstore(add(p, 0x40), mantissa)
                let flat := div(shl(64, mantissa), sigma)
                mstore(add(p, 0x60), flat)
                mstore(add(p, 0x80), shr(64, mul(mantissa, sigma)))
                mstore(add(p, 0xa0), shr(64, mul(mantissa, weight)))
                flat := shr(64, mul(shr(64, mul(flat, weight)), weight))
                mstore(add(p, 0xc0), sar(64, mul(flat, sar(64, mul(d1, d2)))))
                mstore(add(p, 0xe0), sigma)
            }
        }
    }

    // ------------------------------------------------------------ Greeks of the traders' book, wads. The sums are below
    // 2^67 lots times 2^81 (E / sigma at the least vol), spot and scale below 2^96: nothing overflows.

    function vegaOf(Book memory x, int256 density) internal pure returns (int256) {
        unchecked {
            return (density * int256(x.scale)) >> 64;
        }
    }

    /// @notice sum q phi / (F s); `gamma` as in Sums.
    function gammaOf(Book memory x, int256 gamma) internal pure returns (int256) {
        if (x.secondsLeft == 0) return 0;
        unchecked {
            return gamma * int256((DENSITY * ONE << 32) / x.rootTime) / int256(x.spot);
        }
    }

    /// @notice -sum q F phi sigma / (2 sqrt T) per year; `theta` as in Sums.
    function thetaOf(Book memory x, int256 theta) internal pure returns (int256) {
        if (x.secondsLeft == 0) return 0;
        unchecked {
            return -((theta * int256(x.scale)) >> 64) * int256(YEAR) / int256(2 * x.secondsLeft);
        }
    }
}
