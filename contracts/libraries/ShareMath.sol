// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ONE} from "../types/Units.sol";

/// Shares against net asset value. A millionth of a billionth of a virtual share at price 1 takes part in every
/// gain, so that whoever inflates the price of a dust supply gives the inflation away (OpenZeppelin's ERC-4626).
library ShareMath {
    /// wei of shares and of quote; the part of the pool that they own is about 1e-12 / supply.
    uint256 internal constant VIRTUAL = 1e6;

    /// @notice NAV per share; 1 without shares; 0 when nothing is left.
    function price(int256 nav, uint256 supply) internal pure returns (uint256) {
        if (supply == 0) return ONE;
        return FixedPointMathLib.fullMulDiv(_assets(nav), ONE, supply + VIRTUAL);
    }

    /// @notice Shares for `amount` quote, rounded down. `nav` > 0 unless supply is zero.
    function toShares(uint256 amount, int256 nav, uint256 supply) internal pure returns (uint256) {
        if (supply == 0) return amount;
        return FixedPointMathLib.fullMulDiv(amount, supply + VIRTUAL, _assets(nav));
    }

    /// @notice Quote for `shares`, rounded down.
    function toAmount(uint256 shares, int256 nav, uint256 supply) internal pure returns (uint256) {
        return FixedPointMathLib.fullMulDiv(shares, _assets(nav), supply + VIRTUAL);
    }

    function _assets(int256 nav) private pure returns (uint256) {
        return nav > 0 ? uint256(nav) + VIRTUAL : 0;
    }
}
