// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {UniswapMath} from "../contracts/libraries/UniswapMath.sol";
import {Base} from "./Base.sol";

contract UniswapMathTest is Base {
    /// x y = 10^6 with x = y = 1000: 250 in make 1250 and 800, so 200 out; a fee of a fifth turns 312.5 into 250.
    function test_constantProduct_byHand() public pure {
        eq(UniswapMath.outputOf(250, 1000, 1000, 0), 200, "out");
        eq(UniswapMath.inputFor(200, 1000, 1000, 0), 250, "in");
        eq(UniswapMath.outputOf(3125, 10_000, 10_000, 200_000), 2000, "out, after the fee");
        eq(UniswapMath.inputFor(2000, 10_000, 10_000, 200_000), 3125, "in, with the fee");
        eq(UniswapMath.inputFor(1000, 1000, 1000, 0), 0, "more than there is");
        eq(UniswapMath.outputOf(1, 0, 1000, 0), 0, "nothing there");
    }

    function test_rounding_isAgainstTheTrader() public pure {
        eq(UniswapMath.outputOf(1, 1000, 1000, 0), 0, "0.999 down");
        eq(UniswapMath.inputFor(1, 1000, 1000, 0), 2, "1.001 up");
    }

    /// ln(2) / ln(1.0001) = 6931.8; a price of 4 has a square root of 2.
    function test_ticksAndRoots_byHand() public pure {
        eq(UniswapMath.ticksOf(2e18, 1), int256(6931), "ticks");
        eq(UniswapMath.ticksOf(2e18, 60), int256(6900), "whole steps");
        eq(UniswapMath.ticksOf(0.5e18, 60), int256(-6960), "downwards");
        eq(UniswapMath.floorTo(-6900, 60), int256(-6900), "already whole");
        eq(uint256(UniswapMath.sqrtOf(1e18, 4e18)), 2 << 96, "root");
        (uint256 zero, uint256 one) = UniswapMath.reserves(2 << 96, 1000);
        check(zero == 500 && one == 2000, "virtual reserves at a price of 4");
    }
}
