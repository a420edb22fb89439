// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Wad} from "../types/Units.sol";

/// @title Junior shares of the pool
/// @notice An ERC-20 with 18 decimals. Only its vault issues, takes into the queue and burns.
interface IJuniorShares {
    function vault() external view returns (address);

    function mint(address to, Wad shares) external;

    /// @notice Into the vault's keeping, where requests wait; no allowance is needed.
    function take(address from, Wad shares) external;

    /// @notice Of the shares in the vault's keeping.
    function burn(Wad shares) external;
}
