// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib as M} from "solady/utils/FixedPointMathLib.sol";

import {OptionGreeks} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";

/// Black (1976) price and Greeks of European options on a forward; no discounting.
///
/// Prices and volatilities are wads, time is in seconds. "Q64" means a number times 2^64. Logarithms and total
/// volatilities vol * sqrt(T) are Q96, because they may be small and their quotient counts; the rest is Q64.
///
/// One exponential serves both normal distributions, because F phi(d1) = K phi(d2). With A = F exp(-d1^2/2) and
/// R(x) = N(-x) exp(x^2/2), which falls slowly from 1/2, the out-of-the-money option is worth
///     A |R(|d1|) - R(|d2|)|              if d1 and d2 have the same sign,
///     min(F, K) - A (R(|d1|) + R(|d2|))  otherwise,
/// so that tails are accurate relative to the price itself. The other option follows by parity.
///
/// Against exact arithmetic, for 1 s to 2 years, vol 1 % to 500 % and K/F from 0.01 to 100: absolute error
/// <= 1e-17 max(F, K) + 2 wei; relative error <= 1e-11 where the price is >= 1e-9 F and >= 1e12 wei. Beyond that
/// domain the absolute error stays; at expiry a price is intrinsic.
library Black76 {
    /// @dev A forward or strike is not below 2^96 wei, or one of them is zero before expiry.
    error PriceOutOfRange(uint256 forward, uint256 strike);

    /// Volatility is clamped to this range: 0.001 % to 10,000 %.
    uint256 internal constant MIN_VOL = 1e13;
    uint256 internal constant MAX_VOL = 100e18;

    /// Below this vol * sqrt(T) (Q96, 2.3e-10) an option is worth its intrinsic value.
    uint256 private constant MIN_TOTAL_VOL = 1 << 64;

    uint256 private constant LN2_Q96 = 0xb17217f7d1cf79abc9e3b398;
    uint256 private constant HALF_PER_LN2_Q90 = 0x2e2a8eca5705fc2eefa1ffb; // 1 / (2 ln 2)
    uint256 private constant VARIANCE_Q16 = 0xb507e9b40e775828; // 2^(192 + 16) / (1e36 YEAR)
    uint256 private constant SECOND_Q192 = 0x883148f5cb1270b85273b667ae1cfdf5d70ac5a1ed; // 2^192 / YEAR
    uint256 private constant DENSITY = 0x58953e3ed363066; // 1 / sqrt(2 pi), 1e18
    uint256 private constant DECAY_Q64 = 0x5ffc59e09b4e7c8c7e1b13; // YEAR / (2 sqrt(2 pi))

    // Rational minimax approximations P/Q with positive coefficients. Each word holds the coefficient of one power:
    // P's in the upper, Q's in the lower 128 bits, both Q64. One multiplication by t <= 2^63 (Q63) then advances both
    // polynomials, since a lane never exceeds 2^64; LANES clears what the upper lane's product spills below it.
    // Made and checked by tools/black76_coefficients.py.
    uint256 private constant LANES = 0xffffffffffffffffffffffffffffffff0000000000000001ffffffffffffffff;

    // R(x) = t P(t)/Q(t), t = 2/(2 + x): degree 8/8, relative error <= min(2.3e-18 / N(-x), 2.3e-13) up to x = 12.
    uint256 private constant MILLS_0 = 0xcf648b4c09cbfd0000000000000000040fb6930f891ec7;
    uint256 private constant MILLS_1 = 0x305ee2ab2e0130800000000000000000b18316176413d54;
    uint256 private constant MILLS_2 = 0x939680590d0655d0000000000000000201a7767ab55f888;
    uint256 private constant MILLS_3 = 0x12125d425b41cfca00000000000000003127429c1118d730;
    uint256 private constant MILLS_4 = 0x1b70d65553d1418700000000000000003ee07272306ab0a2;
    uint256 private constant MILLS_5 = 0x1ed1cd42cfb8f042000000000000000034392bc75ac1e13f;
    uint256 private constant MILLS_6 = 0x18ec44209652137400000000000000001f69faa7d6b730a0;
    uint256 private constant MILLS_7 = 0xdad8c10807802b500000000000000000b2867d56cc1dfad;
    uint256 private constant MILLS_8 = 0x27438daafa406000000000000000001ea5d50ef2131fe;

    // atanh(w)/w = P(v)/Q(v), v = 1 - w^2, for |w| <= 1/3: degree 4/4, relative error <= 2.3e-19.
    uint256 private constant ATANH_0 = 0x6d5c080b27a2226000000000000000002646d0e24befb46;
    uint256 private constant ATANH_1 = 0x4ca51d77a8f0c22800000000000000002d8c095c930d403a;
    uint256 private constant ATANH_2 = 0x82228a8efd49801600000000000000007e6f9308c6e43bea;
    uint256 private constant ATANH_3 = 0x2922c5c85b9369e700000000000000004a43e99aeb9fd159;
    uint256 private constant ATANH_4 = 0x13fd1b04bb831b80000000000000000075c0cf195afb73d;
    uint256 private constant ATANH_MAX_Q63 = 0xe38e38e38e38e38; // 1/9: the largest w^2

    // 2^-r = (Q - r P)/(Q + r P) in z = r^2, |r| <= 1/2: degree 2/2, divided by Q's leading coefficient so that
    // Q = z^2 + EXP_Q1 z + EXP_Q0; relative error <= 5e-18. Q64.
    uint256 private constant EXP_P0 = 0x5e9dc405f87f51eef12;
    uint256 private constant EXP_P1 = 0x1433a0776d8461cdbb;
    uint256 private constant EXP_P2 = 0x5e983e0fa40f00d;
    uint256 private constant EXP_Q0 = 0x111013e1870376167ecc;
    uint256 private constant EXP_Q1 = 0xe92d7d896867c722e3;

    /// Call, put and N(d1). Forward and strike in [1, 2^96) wei, secondsLeft < 2^48.
    function price(uint256 forward, uint256 strike, uint256 secondsLeft, uint256 vol)
        internal
        pure
        returns (uint256 call, uint256 put, uint256 callDelta)
    {
        return priceAt(forward, strike, totalVol(secondsLeft, clampVol(vol)));
    }

    /// The same from total volatility vol * sqrt(T) (Q96).
    function priceAt(uint256 forward, uint256 strike, uint256 total)
        internal
        pure
        returns (uint256 call, uint256 put, uint256 callDelta)
    {
        checkRange(forward, strike);
        if (total < MIN_TOTAL_VOL) return intrinsic(forward, strike);
        (int256 d1, int256 d2) = moneyness(lnRatio(forward, strike), total);
        (uint256 mantissa, uint256 shift) = expHalfSquare(d1);
        return valueAt(forward, strike, d1, d2, mantissa, shift);
    }

    /// Value and all Greeks; theta per year, vega per 1.00 of vol. All but the values and delta are 0 at expiry.
    function greeks(uint256 forward, uint256 strike, uint256 secondsLeft, uint256 vol)
        internal
        pure
        returns (OptionGreeks memory g)
    {
        greeksInto(g, forward, strike, secondsLeft, vol);
    }

    /// The same, written over `g`: a loop then needs memory once.
    function greeksInto(OptionGreeks memory g, uint256 forward, uint256 strike, uint256 secondsLeft, uint256 vol)
        internal
        pure
    {
        checkRange(forward, strike);
        vol = clampVol(vol);
        uint256 total = totalVol(secondsLeft, vol);
        if (total < MIN_TOTAL_VOL) return _setIntrinsic(g, forward, strike);
        (int256 d1, int256 d2) = moneyness(lnRatio(forward, strike), total);
        (uint256 mantissa, uint256 shift) = expHalfSquare(d1);
        unchecked {
            int256 slope = M.rawSDiv(d2 * int256(ONE), int256(vol)); // d2 / vol
            _setGammaVanna(g, forward * total, mantissa * DENSITY >> shift, slope);
            _setVegaThetaVolga(g, (forward * mantissa >> shift + 32) * total >> 96, secondsLeft, vol, d1, slope);
        }
        _setValue(g, forward, strike, d1, d2, mantissa, shift);
    }

    /// Values at expiry; the delta of a call that is exactly at the money is 0.
    function intrinsic(uint256 forward, uint256 strike)
        internal
        pure
        returns (uint256 call, uint256 put, uint256 callDelta)
    {
        unchecked {
            return forward > strike ? (forward - strike, uint256(0), ONE) : (uint256(0), strike - forward, uint256(0));
        }
    }

    function checkRange(uint256 forward, uint256 strike) internal pure {
        unchecked {
            if ((forward | strike) >> 96 != 0) revert PriceOutOfRange(forward, strike);
        }
    }

    function clampVol(uint256 vol) internal pure returns (uint256) {
        unchecked {
            if (vol - MIN_VOL > MAX_VOL - MIN_VOL) return vol < MIN_VOL ? MIN_VOL : MAX_VOL; // below, vol - MIN_VOL wraps
            return vol;
        }
    }

    /// vol * sqrt(T), Q96; vol at most MAX_VOL.
    function totalVol(uint256 secondsLeft, uint256 vol) internal pure returns (uint256) {
        unchecked {
            return M.sqrt(vol * vol * secondsLeft * VARIANCE_Q16 >> 16);
        }
    }

    /// sqrt(T in years), Q96.
    function sqrtYears(uint256 secondsLeft) internal pure returns (uint256) {
        unchecked {
            return M.sqrt(secondsLeft * SECOND_Q192);
        }
    }

    /// ln(a / b), Q96, for a and b in [1, 2^96); relative error 3e-19 and a few units.
    function lnRatio(uint256 a, uint256 b) internal pure returns (int256 ln) {
        unchecked {
            int256 w = _atanhArgument(a, b);
            uint256 z = uint256(w * w) >> 129;
            if (z > ATANH_MAX_Q63) {
                (a, b, ln) = _halve(a, b);
                w = _atanhArgument(a, b);
                z = uint256(w * w) >> 129;
            }
            uint256 pq = _atanhLanes((1 << 63) - z);
            ln += M.rawSDiv(w * int256(pq >> 127), int256(uint256(uint128(pq))));
        }
    }

    /// d1 and d2, Q64, from ln(F/K) and total volatility (> 0), both Q96.
    function moneyness(int256 ln, uint256 total) internal pure returns (int256 d1, int256 d2) {
        unchecked {
            int256 mid = M.rawSDiv(ln << 64, int256(total));
            int256 half = int256(total >> 33);
            return (mid + half, mid - half);
        }
    }

    /// exp(-d^2/2) = mantissa 2^-shift; d Q64, mantissa Q64 in (0.7, 1.42). `mantissa >> shift` is the value in Q64.
    function expHalfSquare(int256 d) internal pure returns (uint256 mantissa, uint256 shift) {
        unchecked {
            uint256 bits = (uint256(d * d) >> 64) * HALF_PER_LN2_Q90 >> 90; // d^2 / (2 ln 2)
            shift = bits + (1 << 63) >> 64;
            int256 r = int256(bits - (shift << 64));
            uint256 z = uint256(r * r) >> 64;
            int256 p = r * int256(EXP_P0 + (z * (EXP_P1 + (z * EXP_P2 >> 64)) >> 64)) >> 64;
            int256 q = int256(EXP_Q0 + (z * (z + EXP_Q1) >> 64));
            mantissa = M.rawDiv(uint256(q - p) << 64, uint256(q + p));
        }
    }

    /// R(x) = N(-x) exp(x^2/2), Q63, for x >= 0 in Q64.
    function mills(uint256 x) internal pure returns (uint256) {
        unchecked {
            uint256 t = M.rawDiv(1 << 128, x + (2 << 64));
            uint256 pq = _step(MILLS_8, t, MILLS_7);
            pq = _step(pq, t, MILLS_6);
            pq = _step(pq, t, MILLS_5);
            pq = _step(pq, t, MILLS_4);
            pq = _step(pq, t, MILLS_3);
            pq = _step(pq, t, MILLS_2);
            pq = _step(pq, t, MILLS_1);
            pq = _step(pq, t, MILLS_0);
            return M.rawDiv(t * (pq >> 128), uint128(pq));
        }
    }

    /// One Horner step of both lanes: lane * t + coefficient.
    function _step(uint256 lanes, uint256 t, uint256 coefficients) private pure returns (uint256) {
        unchecked {
            return (lanes * t >> 63 & LANES) + coefficients;
        }
    }

    function _atanhLanes(uint256 v) private pure returns (uint256 pq) {
        pq = _step(ATANH_4, v, ATANH_3);
        pq = _step(pq, v, ATANH_2);
        pq = _step(pq, v, ATANH_1);
        pq = _step(pq, v, ATANH_0);
    }

    /// (a - b) / (a + b), Q96.
    function _atanhArgument(uint256 a, uint256 b) private pure returns (int256) {
        unchecked {
            return M.rawSDiv(int256(a - b) << 96, int256(a + b));
        }
    }

    /// Doubles the smaller number until the ratio is in [1/2, 2]; `ln` is what that took away.
    function _halve(uint256 a, uint256 b) private pure returns (uint256, uint256, int256 ln) {
        if (a == 0 || b == 0) revert PriceOutOfRange(a, b);
        unchecked {
            for (; a > 2 * b; b *= 2) ln += int256(LN2_Q96);
            for (; b > 2 * a; a *= 2) ln -= int256(LN2_Q96);
            return (a, b, ln);
        }
    }

    /// Values and N(d1) from d1, d2 and `expHalfSquare(d1)`; BookMath's sweeps use it.
    function valueAt(uint256 forward, uint256 strike, int256 d1, int256 d2, uint256 mantissa, uint256 shift)
        internal
        pure
        returns (uint256 call, uint256 put, uint256 callDelta)
    {
        unchecked {
            uint256 r1 = mills(M.abs(d1));
            uint256 r2 = mills(M.abs(d2));
            callDelta = mantissa * r1 * ONE >> shift + 127;
            mantissa = forward * mantissa >> shift; // A
            if (forward > strike) {
                put = d2 < 0 ? strike - (mantissa * (r1 + r2) >> 127) : mantissa * (r2 - r1) >> 127;
                return (put + forward - strike, put, ONE - callDelta);
            }
            if (d1 > 0) {
                call = forward - (mantissa * (r1 + r2) >> 127);
                return (call, call + strike - forward, ONE - callDelta);
            }
            call = mantissa * (r1 - r2) >> 127;
            return (call, call + strike - forward, callDelta);
        }
    }

    function _setValue(
        OptionGreeks memory g,
        uint256 forward,
        uint256 strike,
        int256 d1,
        int256 d2,
        uint256 mantissa,
        uint256 shift
    ) private pure {
        (uint256 call, uint256 put, uint256 callDelta) = valueAt(forward, strike, d1, d2, mantissa, shift);
        (g.call, g.put, g.callDelta) = (Wad.wrap(call), Wad.wrap(put), Wad.wrap(callDelta));
    }

    function _setIntrinsic(OptionGreeks memory g, uint256 forward, uint256 strike) private pure {
        (uint256 call, uint256 put, uint256 callDelta) = intrinsic(forward, strike);
        (g.call, g.put, g.callDelta) = (Wad.wrap(call), Wad.wrap(put), Wad.wrap(callDelta));
        (g.gamma, g.vega) = (Wad.wrap(0), Wad.wrap(0));
        (g.theta, g.vanna, g.volga) = (SWad.wrap(0), SWad.wrap(0), SWad.wrap(0));
    }

    /// gamma = phi / (F s), vanna = -phi d2 / vol; `forwardTotal` F s (Q96 wad), `phi` Q64 wad, `slope` d2 / vol (Q64).
    function _setGammaVanna(OptionGreeks memory g, uint256 forwardTotal, uint256 phi, int256 slope) private pure {
        unchecked {
            g.gamma = Wad.wrap(M.rawDiv(phi * (ONE << 32), forwardTotal));
            g.vanna = SWad.wrap(-(int256(phi) * slope >> 128));
        }
    }

    /// vega = F phi s / vol, theta = -F phi s / (2 T), volga = vega d1 d2 / vol; `base` = F exp(-d1^2/2) s (Q32 wad).
    function _setVegaThetaVolga(
        OptionGreeks memory g,
        uint256 base,
        uint256 secondsLeft,
        uint256 vol,
        int256 d1,
        int256 slope
    ) private pure {
        unchecked {
            uint256 vegaQ32 = M.rawDiv(base * DENSITY, vol);
            g.vega = Wad.wrap(vegaQ32 >> 32);
            g.theta = SWad.wrap(-int256(M.rawDiv(base * DECAY_Q64, secondsLeft << 96)));
            g.volga = SWad.wrap((int256(vegaQ32) * d1 >> 64) * slope >> 96);
        }
    }
}
