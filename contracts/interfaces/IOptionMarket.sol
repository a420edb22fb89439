// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketParams} from "../types/Params.sol";
import {Leg, Mode, TradeResult} from "../types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../types/Units.sol";

/// @title Accounts and trades
/// @notice Holds the traders' quote; every trade has the pool as counterparty. One account per address. An account
/// is a balance and at most `maxLegs` legs; premiums and payoffs move its balance.
/// Dependencies must guarantee: the quote token moves exactly what it is asked to (no fee on transfer, no rebasing).
interface IOptionMarket {
    event Deposited(address indexed account, Wad amount);
    event Withdrawn(address indexed account, Wad amount);
    event ExpiryListed(Timestamp indexed expiry, Wad[] strikes, Wad impact);
    event Traded(
        address indexed account, SeriesId indexed id, SWad size, TradeResult result, SWad position, Wad spot
    );
    /// @notice Tokens went to the vault (negative: came from it) and to the insurance fund.
    event Squared(SWad toVault, Wad toInsurance);
    /// @notice Part of an account moved to a bidder of its liquidation.
    event SliceMoved(address indexed from, address indexed to, Wad balance);
    /// @notice The pool closed an account at its own price.
    event ClosedByPool(address indexed account, SWad cost, Wad paid);
    /// @notice An account left `loss`: the insurance fund paid `insured`, the pool bears the rest.
    /// cause: 0 settlement, 1 close by the pool
    event BadDebt(address indexed account, Wad loss, Wad insured, uint8 cause);
    event ExpirySettled(Timestamp indexed expiry, Wad price, SWad liability);
    event ShortsSwept(Timestamp indexed expiry, Wad longs, Wad shorts, Wad collected, Wad scale);
    event AccountSettled(address indexed account, Timestamp indexed expiry, SWad owed, Wad paid);

    error OnlyLister(address caller);
    error OnlyAuction(address caller);
    error OnlyCollateral(address caller);
    error BadExpiry(Timestamp expiry, Timestamp time);
    error ModeForbids(Mode mode);
    error NotTradeable(SeriesId id);
    error ExpiryReduceOnly(Timestamp expiry);
    error Cutoff(Timestamp expiry, Timestamp time);
    error SizeTooSmall(SWad size, Wad minimum);
    error StaleGreeks(Timestamp expiry);
    /// @notice The trade costs more (yields less) than the trader's limit.
    error LimitExceeded(SWad cash, SWad limit);
    error InsufficientBalance(Wad balance, Wad required);
    error InsufficientMargin(SWad equity, Wad required);
    error TooManyLegs(uint256 legs, Wad limit);
    error DeltaOutOfRange(Wad delta, Wad low, Wad high);
    error AccountDeltaLimit(Wad dollars, Wad limit);
    error GammaLimit(Wad dollars, Wad limit);
    error VegaLimit(Wad dollars, Wad limit);
    error StressLimit(SWad navAfter, SWad floor);
    error NotSettled(Timestamp expiry);
    error AlreadySettled(Timestamp expiry);
    /// @notice The account has legs of an expiry that must be settled and swept first.
    error SweepFirst(Timestamp expiry);
    /// @notice An expiry whose prices move with trades needs money in the pool when it is listed.
    error NoPoolMoney(SWad nav);
    error AmountTooSmall(Wad amount, Wad unit);

    function params() external view returns (MarketParams memory);

    /// @notice The ITradeRules of this market.
    function rules() external view returns (address);

    /// @notice Lists an expiry. Only the lister; the vol feed must have a slice for it.
    function list(Timestamp expiry, Wad[] calldata strikes) external;

    function deposit(Wad amount) external;

    /// @notice Takes quote out; an account with shorts must keep its initial margin.
    function withdraw(Wad amount) external;

    /// @notice Buys (size > 0) or sells `size` contracts. `limit` bounds the signed cash of the trade: the trader
    /// pays at most `limit` (a negative limit asks to receive at least -limit).
    function trade(SeriesId id, SWad size, SWad limit) external returns (TradeResult memory);

    /// @notice What `trade` would charge, by the same calculation; checks no limit.
    function quote(SeriesId id, SWad size) external view returns (TradeResult memory);

    /// @notice Fixes the settlement price and freezes the book of an expiry. Anyone. `roundId` as in the guard.
    function settleExpiry(Timestamp expiry, uint80 roundId) external;

    /// @notice Settles up to `max` accounts of a settled expiry: first every debtor pays, then the payout scale is
    /// snapshotted, then every creditor is credited payoff times scale. Anyone.
    /// Returns done: nothing is left to do for this expiry
    function sweep(Timestamp expiry, uint256 max) external returns (bool done);

    // ------------------------------------------------------------ liquidation (only the auction)

    /// @notice Moves `fraction` of all legs and of the balance less `keep` from one account to another; `payment`
    /// flows from `to` to `from` (negative: the insurance fund has paid `to` instead). `penalty` leaves `to` for
    /// the insurance fund and the vault. `to` must meet its initial margin at `spot` afterwards.
    function moveSlice(
        address from, address to, Wad fraction, Wad keep, SWad payment, Wad toInsurance, Wad toVault, Wad spot
    ) external;

    /// @notice The pool closes an account at `volFactor` times its vols, or at what the book loses with its impact where
    /// that is more; what the collateral cannot pay is bad debt.
    function closeForPool(address account, Wad volFactor) external;

    // ------------------------------------------------------------ underlying (only IUnderlyingCollateral)

    /// @notice The underlying of an account has changed: whether it has `any`, and whether something goes `out`, so that
    /// it must keep its initial margin. It pays the vault `paid` for what it buys of the pool's stock.
    function noteUnderlying(address account, bool any, bool out, Wad paid) external;

    // ------------------------------------------------------------ anyone

    /// @notice Recomputes what the account's debts exceed its collateral by, now and at the stress nodes. Anyone.
    function touch(address account) external;

    /// @notice Hands tokens over that trades have only booked: to the vault or from it, and to the insurance fund. A
    /// trade moves books alone; who pays tokens out and has too few calls this first. Anyone.
    function square() external;

    // ------------------------------------------------------------ views

    /// @notice Tokens that `square` would hand over now; toVault negative: the vault hands over.
    function handovers() external view returns (SWad toVault, Wad toInsurance);

    function balanceOf(address account) external view returns (Wad);

    /// @notice Legs, quote and underlying of an account.
    function accountOf(address account) external view returns (Leg[] memory legs, Wad balance, Wad units);
    function legsOf(address account) external view returns (Leg[] memory);
    function accountCount() external view returns (uint256);
    function accountAt(uint256 index) external view returns (address);

    /// @notice Sum of long and of short positions of a series, contracts.
    function openInterest(SeriesId id) external view returns (Wad longs, Wad shorts);

    /// @notice The same of an expiry's first `strikes` strikes, a word each, packed as in the library Packing.
    function interestOf(Timestamp expiry, uint256 strikes) external view returns (uint256[] memory words);

    /// @notice Sum over accounts of what they owe beyond their collateral, now and at the stress nodes, as touched.
    function uncovered() external view returns (Wad current, Wad[8] memory nodes);

    /// @notice Settled but unswept: owed to longs less owed by shorts.
    function settledOwed() external view returns (SWad);

    /// @notice Gross value of longs and shorts at `spot`, unpaid settled ones included.
    function grossMarks(Wad spot) external view returns (Wad longs, Wad shorts);

    /// Returns price: zero until settled
    /// Returns scale: of payouts, valid once shorts are swept
    function settlementOf(Timestamp expiry)
        external
        view
        returns (Wad price, Wad scale, bool shortsSwept, bool done);

    /// @notice Payoff of one contract of a settled series, a multiple of 1e6 wei so that lots multiply exactly.
    /// Returns settled: false before settlement, payoff is then zero
    function payoffOf(SeriesId id) external view returns (bool settled, Wad payoff);

    /// @notice Expiries that are listed and not yet settled and swept to the end, in order of listing.
    function liveExpiries() external view returns (Timestamp[] memory);

    /// @notice Sum of all balances: what the contract owes to accounts.
    function totalBalances() external view returns (Wad);
}
