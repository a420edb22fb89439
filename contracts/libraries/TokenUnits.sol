// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// Conversions between wads and a token's own units; the only place that knows a token's decimals.
library TokenUnits {
    error UnsupportedDecimals(uint8 decimals);

    /// @notice Wads in one unit of a token: every amount of quote that moves is a multiple of it.
    function unitOf(uint8 decimals) internal pure returns (uint256) {
        if (decimals > 18) revert UnsupportedDecimals(decimals);
        return 10 ** (18 - decimals);
    }

    /// @notice `amount` in token units, rounded down (up) to a whole unit.
    function toTokenDown(uint256 amount, uint256 unit) internal pure returns (uint256) {
        return amount / unit;
    }

    function toTokenUp(uint256 amount, uint256 unit) internal pure returns (uint256) {
        return (amount + unit - 1) / unit;
    }

    /// @notice The wad amount rounded to a whole token unit, still in wads.
    function floorUnit(uint256 amount, uint256 unit) internal pure returns (uint256) {
        return amount - amount % unit;
    }

    function ceilUnit(uint256 amount, uint256 unit) internal pure returns (uint256) {
        return toTokenUp(amount, unit) * unit;
    }
}
