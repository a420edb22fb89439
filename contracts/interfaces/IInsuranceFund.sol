// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {InsuranceParams} from "../types/Params.sol";
import {Wad} from "../types/Units.sol";

/// @title First-loss money
interface IInsuranceFund {
    event Credited(address indexed from, Wad amount, Wad balance);
    event Covered(Wad loss, Wad paid, Wad balance);
    event BountyPaid(address indexed to, Wad amount, Wad balance);

    error OnlyProtocol(address caller);

    function params() external view returns (InsuranceParams memory);

    function balance() external view returns (Wad);

    /// @notice Anyone may give.
    function donate(Wad amount) external;

    /// @notice Books quote that a contract of the protocol has already transferred here.
    function credit(Wad amount) external;

    /// @notice Pays the vault for a bad debt, within the share allowed per loss and day (no cap when the pool is
    /// insolvent). Only the market.
    function cover(Wad loss, bool uncapped) external returns (Wad paid);

    /// @notice Pays a liquidation bounty into the market's custody, at most `available`. Only the auction.
    function payBounty(address to, Wad amount) external returns (Wad paid);

    /// @notice Largest loss or bounty that would be paid now.
    function available() external view returns (Wad);
}
