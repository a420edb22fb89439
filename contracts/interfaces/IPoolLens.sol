// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Auction, BookGreeks, HedgeDecision, Leg, MarginView, Mode, NavParts, OracleView, Solvency, Tranches} from
    "../types/Types.sol";
import {SWad, Timestamp, Wad} from "../types/Units.sol";

/// @title The whole pool in one read
/// @notice Views for off-chain readers; no contract of the protocol depends on it.
interface IPoolLens {
    struct ExpiryState {
        Timestamp expiry;
        bool open; // opens allowed by the surface
        bool swept;
        Timestamp refreshedAt;
        Wad settlement; // 0 until settled
        Wad scale; // payout scale, once shorts are swept
        SWad shift;
        Wad impact;
        SWad liability;
        SWad delta;
        SWad gamma;
        SWad vega;
        Wad[] strikes;
        Wad[] vols; // at the present shift
        Wad[] anchors; // without it
        SWad[] net;
    }

    struct PoolState {
        Timestamp time;
        Mode mode;
        OracleView oracle;
        Wad twap;
        uint80 pushRound;
        Wad pushPrice; // answer of that round, 0 before the first
        Timestamp pushTime;
        NavParts nav;
        Solvency solvency;
        BookGreeks greeks;
        Timestamp stale;
        SWad worstStressNav;
        SWad hedgeSize;
        SWad hedgePending; // ordered and not yet filled
        HedgeDecision hedge;
        Wad hedgeShortfall;
        Timestamp lastHedge;
        Wad insurance;
        Wad freeLiquidity;
        Wad sharePrice;
        Wad totalShares;
        Tranches tranches; // all zero where there is one class of LP shares
        Wad pendingDeposits;
        Wad pendingWithdrawals;
        Wad totalBalances;
        uint256 accounts;
        uint256 liveInsolvent;
        ExpiryState[] expiries;
    }

    struct AccountState {
        address account;
        MarginView margin;
        bool liquidatable;
        Auction auction;
        Wad lpShares;
        Wad juniorShares;
        Wad wallet; // quote held outside the protocol
        Leg[] legs;
    }

    function snapshot() external view returns (PoolState memory);

    function accounts(address[] calldata list) external view returns (AccountState[] memory);
}
