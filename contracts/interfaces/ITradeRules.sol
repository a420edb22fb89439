// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Wad} from "../types/Units.sol";

/// @title What the market remembers of trades for those who hedge and reward
interface ITradeRules {
    /// @notice Last block with an option trade of more than `largeTrade`.
    function largeTradeBlock() external view returns (uint256);

    /// @notice Last block in which an account traded options.
    function lastTradeBlock(address account) external view returns (uint256);

    /// @notice Inventory fees collected less rebates, of all accounts; never negative.
    function inventoryFees() external view returns (Wad);

    /// @notice The same of one account: what it can still get back.
    function inventoryPaid(address account) external view returns (Wad);
}
