// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CollateralParams} from "../types/Params.sol";
import {Wad} from "../types/Units.sol";

/// @title Underlying as collateral
/// @notice Holds the underlying that accounts of the market post, and what of it the pool took for debts (the stock)
/// until somebody buys it. The market knows with its account whether there is any; margin asks how much.
/// Dependencies must guarantee: the token moves exactly what it is asked to (no fee on transfer, no rebasing).
interface IUnderlyingCollateral {
    event UnderlyingDeposited(address indexed account, Wad amount);
    event UnderlyingWithdrawn(address indexed account, Wad amount);
    /// @notice Part of an account moved to a bidder of its liquidation.
    event UnderlyingMoved(address indexed from, address indexed to, Wad amount);
    /// @notice The pool took underlying for `value` of what the account owed it.
    event UnderlyingTaken(address indexed account, Wad amount, Wad price, Wad value);
    event UnderlyingSold(address indexed buyer, Wad amount, Wad price, Wad paid);

    error OnlyMarket(address caller);
    error UnderlyingCap(Wad held, Wad cap);
    error InsufficientUnderlying(Wad held, Wad required);
    error AmountTooSmall(Wad amount, Wad unit);
    error PriceAboveLimit(Wad price, Wad limit);
    error NoPrice();

    function params() external view returns (CollateralParams memory);

    /// @notice Posts underlying to the caller's account.
    function depositUnderlying(Wad amount) external;

    /// @notice Takes underlying out, under the rules for quote: an account with shorts must keep its initial margin.
    function withdrawUnderlying(Wad amount) external;

    /// @notice Buys underlying of the stock, for a price per unit of at most `limit`; paid from the caller's balance in
    /// the market. The price falls from the oracle's high side times 1 + haircut to its low side times 1 - haircut in
    /// `saleTime`; what comes in meanwhile moves the start on in proportion.
    function buy(Wad amount, Wad limit) external;

    // ------------------------------------------------------------ only the market

    /// @notice Moves `fraction` of one account's underlying to another, rounded down.
    /// Returns left: the first has underlying left
    /// Returns moved: the second got some
    function move(address from, address to, Wad fraction) external returns (bool left, bool moved);

    /// @notice The pool takes as much of an account's underlying as `owed` is worth at `low` less the discount, or all.
    /// Returns value: what of `owed` is paid
    /// Returns left: the account has underlying left
    function take(address account, Wad owed, Wad low) external returns (Wad value, bool left);

    // ------------------------------------------------------------ views

    function unitsOf(address account) external view returns (Wad);

    /// @notice Underlying of all accounts.
    function totalUnits() external view returns (Wad);

    /// @notice Underlying that the pool took and has not sold.
    function stock() external view returns (Wad);

    /// @notice What the stock is worth at `spot`, and that less the haircut.
    function stockValue(Wad spot) external view returns (Wad full, Wad sure);

    /// @notice What `buy` asks for a unit now; zero while no feed lives.
    function price() external view returns (Wad);
}
