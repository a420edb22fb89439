// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// A Uniswap v3 pool inside its present tick range is a constant product of virtual reserves.
library UniswapMath {
    using FixedPointMathLib for uint256;

    uint160 internal constant MIN_SQRT = 4295128740; // one inside v3-core's bounds
    uint160 internal constant MAX_SQRT = 1461446703485210103287273052203988822378723970341;
    uint256 private constant Q96 = 1 << 96;
    uint256 private constant PIPS = 1e6;
    /// ln 1.0001 in wads.
    int256 private constant LN_TICK = 99995000333308;

    /// @notice Virtual reserves in token units.
    function reserves(uint160 sqrtPrice, uint128 liquidity) internal pure returns (uint256 zero, uint256 one) {
        if (sqrtPrice == 0) return (0, 0);
        zero = FixedPointMathLib.fullMulDiv(liquidity, Q96, sqrtPrice);
        one = FixedPointMathLib.fullMulDiv(liquidity, sqrtPrice, Q96);
    }

    /// @notice Input for exactly `amountOut`, fee (in pips) included, rounded up; 0 if the reserves do not have it.
    function inputFor(uint256 amountOut, uint256 reserveIn, uint256 reserveOut, uint256 fee)
        internal
        pure
        returns (uint256)
    {
        if (amountOut >= reserveOut) return 0;
        uint256 net = FixedPointMathLib.fullMulDivUp(reserveIn, amountOut, reserveOut - amountOut);
        return FixedPointMathLib.fullMulDivUp(net, PIPS, PIPS - fee);
    }

    /// @notice Output of exactly `amountIn`, fee included, rounded down.
    function outputOf(uint256 amountIn, uint256 reserveIn, uint256 reserveOut, uint256 fee)
        internal
        pure
        returns (uint256)
    {
        uint256 net = FixedPointMathLib.fullMulDiv(amountIn, PIPS - fee, PIPS);
        return reserveIn == 0 ? 0 : FixedPointMathLib.fullMulDiv(reserveOut, net, reserveIn + net);
    }

    /// @notice sqrt(one / zero) 2^96 for amounts of equal value.
    function sqrtOf(uint256 zero, uint256 one) internal pure returns (uint160) {
        return uint160(FixedPointMathLib.sqrt(FixedPointMathLib.fullMulDiv(one, 1 << 192, zero)));
    }

    /// @notice ln(ratio) in ticks, rounded toward minus infinity to a multiple of `spacing`.
    function ticksOf(uint256 ratio, int24 spacing) internal pure returns (int24) {
        int256 ticks = FixedPointMathLib.lnWad(int256(ratio)) / LN_TICK;
        return floorTo(int24(ticks), spacing);
    }

    function floorTo(int24 tick, int24 spacing) internal pure returns (int24 floored) {
        floored = tick / spacing * spacing;
        if (floored > tick) floored -= spacing;
    }
}
