// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {VaultParams} from "../types/Params.sol";
import {Mode, NavParts, Solvency, Tranches} from "../types/Types.sol";
import {SWad, Timestamp, Wad} from "../types/Units.sol";

/// @title The liquidity providers' pool
/// @notice Holds the pool's cash, issues shares at NAV, queues deposits and withdrawals, states solvency.
interface ILPVault {
    event Credited(address indexed from, Wad amount, Wad cash);
    event Debited(address indexed to, Wad amount, Wad cash);
    event DepositRequested(uint256 indexed id, address indexed lp, Wad amount, Timestamp readyAt, bool junior);
    event WithdrawalRequested(uint256 indexed id, address indexed lp, Wad shares, Timestamp readyAt, bool junior);
    event DepositProcessed(
        uint256 indexed id, address indexed lp, Wad amount, Wad shares, Wad sharePrice, bool junior
    );
    event WithdrawalProcessed(
        uint256 indexed id, address indexed lp, Wad shares, Wad amount, Wad sharePrice, bool junior
    );
    /// @notice Of a gain since the last time, this became the seniors' claim; the rest is the juniors'.
    event GainDivided(Wad gain, Wad toSenior, Wad claim, Wad high);
    /// @notice Junior shares were worth nothing when it was the request's turn: it was given back.
    event RequestReturned(uint256 indexed id, address indexed lp, Wad amount);
    event RequestCancelled(uint256 indexed id, address indexed lp, Wad amount);
    /// @notice The token refused a payment (a blocked address, say): it waits for `claim`, the queue goes on.
    event PaymentKept(address indexed to, Wad amount);
    event Claimed(address indexed to, Wad amount);
    /// @notice The pool cannot pay gross longs in full.
    event Insolvent(Wad scale, Wad shortfall);
    event Recovered(Wad scale);

    error OnlyProtocol(address caller);
    error InsufficientCash(Wad cash, Wad requested);
    error InsufficientShares(Wad shares, Wad requested);
    error AmountTooSmall(Wad amount, Wad minimum);
    error NotYours(uint256 id, address lp);
    error AlreadyClosed(uint256 id);
    error QueueWaits(Mode mode);
    /// @notice This pool has one class of shares.
    error TranchesOff();
    /// @notice Shares are approved by their owner's transaction only.
    error NoPermit();
    /// @notice Stale, or past its expiry and its debtors not yet swept.
    error StaleGreeks(Timestamp expiry);
    /// @notice Insolvent auctions are open: nobody leaves ahead of a known loss.
    error LossPending(uint256 auctions);

    function params() external view returns (VaultParams memory);

    // ------------------------------------------------------------ cash (only contracts of the protocol)

    /// @notice Books quote that was already transferred here.
    function credit(Wad amount) external;

    function debit(address to, Wad amount) external;

    // ------------------------------------------------------------ liquidity providers

    /// @notice Queues a deposit (its quote is taken now) or a withdrawal (its shares are). Ids of deposits are even,
    /// of withdrawals odd, each counting up in order of service. With a delay of zero a request is served at once if
    /// the queue allows. Refused when FROZEN or WIND_DOWN.
    /// The plain functions are for senior shares, which are the only ones where tranches are off; both classes wait in
    /// the same queue. A junior request whose turn comes while junior shares are worth nothing is given back.
    function requestDeposit(Wad amount) external returns (uint256 id);
    function requestWithdrawal(Wad shares) external returns (uint256 id);
    function requestJuniorDeposit(Wad amount) external returns (uint256 id);
    function requestJuniorWithdrawal(Wad shares) external returns (uint256 id);

    /// @notice Returns what is left of the caller's own request. Always allowed.
    function cancel(uint256 id) external;

    /// @notice Serves up to `max` ready requests of each queue in order, as far as free liquidity goes. Anyone.
    /// Deposits enter at the high NAV, withdrawals leave at the low NAV less the fee, in whole or in part. Refused
    /// while a mode other than NORMAL holds, Greeks are stale, an expired expiry is not swept or an insolvent auction
    /// is open; a withdrawal that has waited `maxWait` is paid even then, unless FROZEN, and from the buffer too.
    /// Cancelled withdrawals at the head are passed over in any mode: then 0 is returned where nothing can be served.
    function process(uint256 max) external returns (uint256 served);

    /// @notice Pays what the token refused to pay earlier. Anyone.
    function claim(address to) external;

    /// @notice An open request: what is left of it; zero lp once closed.
    function requestOf(uint256 id) external view returns (address lp, Wad amount, Timestamp readyAt);

    /// @notice Whether an open request is for junior shares.
    function isJunior(uint256 id) external view returns (bool);

    /// @notice Next ids to be served and next to be given, of deposits and of withdrawals.
    function queues() external view returns (uint256 deposit, uint256 depositEnd, uint256 withdrawal, uint256 withdrawalEnd);

    // ------------------------------------------------------------ statements

    /// @notice Emits Insolvent or Recovered when the live scale crosses one. Anyone; the breaker calls it.
    function assess() external returns (Solvency memory);

    function solvency() external view returns (Solvency memory);

    /// @notice NAV by part, the book revalued exactly at the oracle price.
    function navParts() external view returns (NavParts memory);

    /// @notice NAV from the ledger's stored values: cheap, for limits inside trades.
    function navFast(Wad spot) external view returns (SWad);

    /// @notice Lowest NAV over the stress nodes: cash + hedge equity at the node's spot - what the book then owes
    /// (`nodes`, see IGreekLedger.aggregate) - what shorts could then not pay.
    function worstStress(Wad spot, SWad[8] calldata nodes) external view returns (SWad);

    /// @notice Whether the last assessment found the scale below one.
    function insolvent() external view returns (bool);

    function cash() external view returns (Wad);

    /// @notice Hands tokens to the market that were debited to it earlier. Only the market, from `square`.
    function handOver(Wad amount) external;

    /// @notice What withdrawals may take now: min(cash less what settled longs wait for, worst stressed
    /// NAV) less the buffer, at least zero.
    function freeLiquidity() external view returns (Wad);

    /// @notice NAV / total shares; 1 when there are none. Deposits and withdrawals of either class do not move it.
    function sharePrice() external view returns (Wad);

    /// @notice Senior shares; the junior ones are a token of their own.
    function sharesOf(address lp) external view returns (Wad);

    /// @notice Shares of the pool as a whole: all shares where there is one class; with two, a number of which deposits
    /// issue and withdrawals redeem as much as their part of NAV.
    function totalShares() external view returns (Wad);

    /// @notice The IJuniorShares of this vault; zero where tranches are off.
    function junior() external view returns (address);

    /// @notice What each class is worth at `nav`.
    function split(SWad nav) external view returns (Tranches memory);
    function pendingDeposits() external view returns (Wad);
    function pendingWithdrawals() external view returns (Wad shares);

    // ------------------------------------------------------------ in the words of ERC-4626 and ERC-7540

    /// @notice In token units and shares of the senior class, at the oracle's price; what a request gets is decided when
    /// it is served, at the worse side. There is no claim step: what is served is paid.
    function asset() external view returns (address);
    function totalAssets() external view returns (uint256 units);
    function convertToShares(uint256 units) external view returns (uint256 shares);
    function convertToAssets(uint256 shares) external view returns (uint256 units);

    /// @notice What is left of an open request of `lp`; zero if it is another's, of the other kind or closed.
    function pendingDepositRequest(uint256 id, address lp) external view returns (uint256 units);
    function pendingRedeemRequest(uint256 id, address lp) external view returns (uint256 shares);
}
