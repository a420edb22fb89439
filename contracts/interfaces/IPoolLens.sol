// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Auction, BookGreeks, HedgeDecision, Leg, MarginView, Mode, NavParts, OracleView, Solvency, Tranches} from
    "../types/Types.sol";
import {SWad, Timestamp, Wad} from "../types/Units.sol";

/// @title The whole pool in a few reads
/// @notice Views for off-chain readers; no contract of the protocol depends on it. Signals and boards are what traders
/// and keepers decide by; the statement, which values the whole book, is what the pool is worth.
interface IPoolLens {
    struct Signals {
        Timestamp time;
        Mode mode;
        OracleView oracle;
        uint80 pushRound;
        Wad pushPrice; // answer of that round, 0 before the first
        Timestamp pushTime;
        BookGreeks greeks;
        Timestamp stale;
        SWad hedgeSize;
        SWad hedgePending; // ordered and not yet filled
        HedgeDecision hedge;
        Wad insurance;
        Wad stock; // underlying that the pool took for debts
        Wad stockPrice; // what a unit of it costs now; zero while no feed lives
        uint256 open; // bit i: the i-th board takes new positions now
    }

    struct Statement {
        Wad twap;
        NavParts nav;
        Solvency solvency;
        SWad worstStressNav;
        Wad hedgeShortfall;
        Timestamp lastHedge;
        Wad freeLiquidity;
        Wad sharePrice;
        Wad totalShares;
        Tranches tranches; // all zero where there is one class of LP shares
        Wad pendingDeposits;
        Wad pendingWithdrawals;
        Wad totalBalances;
        Wad totalUnits; // underlying of all accounts
        uint256 accounts;
        uint256 liveInsolvent;
    }

    /// @dev Nothing here depends on the time or the oracle's price: it changes in transactions only.
    struct Board {
        Timestamp expiry;
        bool swept;
        Timestamp refreshedAt;
        Wad settlement; // 0 until settled
        Wad scale; // payout scale, once shorts are swept
        SWad shift;
        Wad impact;
        SWad liability; // this and the Greeks as last refreshed
        SWad delta;
        SWad gamma;
        SWad vega;
        Wad[] strikes;
        Wad[] vols; // at the present shift
        Wad[] anchors; // without it
        SWad[] net;
    }

    struct AccountState {
        address account;
        MarginView margin;
        bool liquidatable;
        Auction auction;
        Wad lpShares;
        Wad juniorShares;
        Wad wallet; // quote held outside the protocol
        Wad underlyingWallet; // likewise underlying, where it is taken as collateral
        Leg[] legs;
    }

    function signals() external view returns (Signals memory);

    function statement() external view returns (Statement memory);

    /// @notice The boards of these expiries; of all that are listed, in their order, where none is named.
    function boards(Timestamp[] calldata expiries) external view returns (Board[] memory);

    function accounts(address[] calldata list) external view returns (AccountState[] memory);
}
