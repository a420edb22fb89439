// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ONE, floorDiv} from "../types/Units.sol";

/// Prices and funding of a perpetual exchange whose skew (longs - shorts) makes the price, as in Synthetix perps v2.
/// Everything in 1e18; raw integers inside.
library PerpMath {
    int256 private constant UNIT = int256(ONE);
    uint256 private constant DAY = 86_400;

    /// @notice Average price of a fill: index * (1 + (skew + size / 2) / scale); zero if that is not positive.
    /// Rounded up for a buyer and down for a seller.
    function fill(uint256 index, int256 skew, int256 size, uint256 scale) internal pure returns (uint256) {
        int256 twice = 2 * (int256(scale) + skew) + size;
        if (twice <= 0) return 0;
        return size > 0
            ? FixedPointMathLib.fullMulDivUp(index, uint256(twice), 2 * scale)
            : FixedPointMathLib.fullMulDiv(index, uint256(twice), 2 * scale);
    }

    /// @notice The fee moved into the price: price * (1 + fee) for a buyer, price * (1 - fee) for a seller.
    function withFee(uint256 price, uint256 fee, bool buys) internal pure returns (uint256) {
        return buys
            ? FixedPointMathLib.fullMulDivUp(price, ONE + fee, ONE)
            : FixedPointMathLib.fullMulDiv(price, ONE - fee, ONE);
    }

    /// @notice Change of the daily funding rate per day: maxVelocity * clamp(skew / scale, -1, 1).
    function velocity(int256 skew, uint256 scale, uint256 maxVelocity) internal pure returns (int256) {
        int256 ratio = FixedPointMathLib.clamp(skew * UNIT / int256(scale), -UNIT, UNIT);
        return ratio * int256(maxVelocity) / UNIT;
    }

    /// @notice Rate after `elapsed` seconds and the funding that one long underlying paid meanwhile, in quote:
    /// index * (rate * t + velocity * t^2 / 2), t in days.
    function accrue(int256 rate, int256 velocity_, uint256 elapsed, uint256 index)
        internal
        pure
        returns (int256 newRate, int256 paid)
    {
        int256 t = int256(elapsed * ONE / DAY);
        newRate = rate + velocity_ * t / UNIT;
        paid = floorDiv((rate + newRate) * t, 2 * UNIT) * int256(index) / UNIT;
    }
}
