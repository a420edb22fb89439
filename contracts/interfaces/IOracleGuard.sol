// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {OracleParams} from "../types/Params.sol";
import {OracleView} from "../types/Types.sol";
import {Timestamp, Wad} from "../types/Units.sol";

/// @title What the protocol believes about spot
/// @notice Combines a push feed (Chainlink's AggregatorV3), a pull feed with a confidence interval (Pyth's) and a
/// TWAP of its own into a price, a band [low, high], a confidence and a mode. On a rollup an uptime feed (Chainlink's)
/// says whether the sequencer runs: while it does not, and for a grace period afterwards, nothing is priced (FROZEN,
/// confidence 0).
/// Dependencies must guarantee: feeds never call back; push rounds carry non-decreasing times.
interface IOracleGuard {
    event Poked(Wad price, Wad low, Wad high, Wad confidence, uint8 mode, Wad twap);
    event JumpDetected(Wad price, Wad twap, Timestamp until);
    event SettlementFixed(Timestamp indexed expiry, Wad price, uint80 roundId, bool fromTwap);
    /// @notice The guardian refused the round; the TWAP settles.
    event SettlementDisputed(Timestamp indexed expiry, Wad round, Wad average);

    error NotExpired(Timestamp expiry, Timestamp time);
    error WrongRound(uint80 roundId, Timestamp roundTime, Timestamp previousTime, Timestamp expiry);
    error NoSettlementPrice(Timestamp expiry);
    error OnlyGuardian(address caller);
    /// @notice The guardian may still ask for the fallback.
    error DisputeOpen(Timestamp expiry, Timestamp until);
    error DisputeOver(Timestamp expiry, Timestamp since);
    /// @notice There is no round that would settle, no average from before the expiry, or they agree within
    /// `degradedSpread`.
    error NothingToDispute(Timestamp expiry, Wad round, Wad average);

    function params() external view returns (OracleParams memory);

    /// @notice The guard's view at this block. Never reverts for a bad feed: mode FROZEN says so, and the price is
    /// then the last accepted one, or that of the one feed that is left. Confidence is 1 when trusted, falls to 0.1
    /// at the degraded limits, is 0.1 when FROZEN with a live feed (closes and liquidations can be priced inside
    /// [low, high]) and 0 when no feed is alive.
    function read() external view returns (OracleView memory);

    /// @notice Records an observation for the TWAP and the jump guard. Anyone may call, at most once a block counts.
    function poke() external returns (OracleView memory);

    function twap() external view returns (Wad);

    /// @notice Fixes the settlement price of `expiry` for ever: the push round `roundId` with
    /// time >= expiry > previous round's time; without such a round within heartbeat + pushGrace, the TWAP over the
    /// window that ends at expiry; the same after a day if `roundId` is after the expiry and
    /// the feed knows no round before it. Refused while the dispute window
    /// runs. Idempotent.
    function fixSettlement(Timestamp expiry, uint80 roundId) external returns (Wad price);

    /// @notice Fixes the TWAP instead, at once and for ever. Only the guardian, only within the dispute window after the
    /// expiry, and only where the round `roundId` that would settle is further from it than `degradedSpread`.
    function dispute(Timestamp expiry, uint80 roundId) external;

    /// Returns price: zero until fixed
    function settlementPrice(Timestamp expiry) external view returns (Wad price);
}
