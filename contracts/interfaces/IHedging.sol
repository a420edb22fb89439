// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {HedgeParams} from "../types/Params.sol";
import {HedgeDecision, HedgeInput, VenuePosition, VenueQuote} from "../types/Types.sol";
import {SWad, Timestamp, Wad} from "../types/Units.sol";

/// @title Decides when and how far to hedge
interface IHedgePolicy {
    function decide(HedgeInput calldata input) external view returns (HedgeDecision memory);
}

/// @title A place to trade underlying
/// @notice Positions are per caller. `quote` and `position` never revert.
interface IHedgeVenue {
    event VenueTraded(address indexed account, SWad size, Wad price, SWad position);
    event VenueMarginMoved(address indexed account, SWad amount, SWad equity);

    error VenuePaused();
    error VenueMargin(SWad equity, Wad required);
    error VenueLimit(Wad price, Wad limit);

    /// @notice Price of buying (+) or selling (-) `size` now.
    function quote(SWad size) external view returns (VenueQuote memory);

    /// @notice Trades; reverts if the price is worse than `limit`.
    function trade(SWad size, Wad limit) external returns (Wad price);

    function depositMargin(Wad amount) external;

    /// @notice Returns margin to the caller.
    function withdrawMargin(Wad amount) external;

    function position(address account) external view returns (VenuePosition memory);
}

/// @title A venue whose orders wait for somebody else's execution
interface IAsyncVenue is IHedgeVenue {
    event OrderPlaced(address indexed account, SWad size, Wad limit, Timestamp executableAt, Timestamp expiresAt);
    event OrderCancelled(address indexed account, SWad size, bytes reason);

    error OrderPending(address account, SWad size);
    error NoOrder(address account);
    error OrderNotReady(Timestamp time, Timestamp readyAt);

    /// @notice Ordered and neither filled nor cancelled; `position` does not contain it.
    function pendingOf(address account) external view returns (SWad size);

    /// @notice Fills an account's order at the price of now, or cancels it when it is too late or the price is worse
    /// than its limit. Anyone, once the delay is over.
    function execute(address account) external;

    /// @notice Cancels an order whose time is over. Anyone.
    function cancel(address account) external;
}

/// @title Keeps the pool's delta inside its policy's band, without an operator
interface IHedgeManager {
    event Hedged(
        SWad size, Wad price, SWad netBefore, SWad netAfter, SWad bookDelta, Wad band, SWad aim, Wad shortfall, SWad cost
    );
    event HedgeFailed(SWad wanted, bytes reason);
    event MarginMoved(SWad amount, SWad venueEquity, Wad leverage);
    event Synced(SWad size, SWad equity, Wad spot);

    error OnlyProtocol(address caller);
    error NothingToHedge(SWad net, Wad band);
    error HedgeModeForbids(uint8 mode);
    /// @notice A trade would leave more delta than band and venue capacity can take.
    error HedgeCapacity(Wad required, Wad available);

    function params() external view returns (HedgeParams memory);

    /// @notice Refreshes stale expiries within bounds, asks the policy, trades. Anyone. Never reverts for staleness.
    function hedge() external returns (SWad executed);

    /// @notice What `hedge` would decide now, by the same calculation.
    function preview() external view returns (HedgeDecision memory decision, HedgeInput memory input);

    /// @notice Reads the venue's position into storage; trades use the stored one. Anyone.
    function sync() external;

    /// @notice Stored venue position moved to `spot`: equity + size (spot - reference).
    function equityAt(Wad spot) external view returns (SWad);

    /// @notice The same with what it gains while spot doubles, and while spot rises by one quote.
    function lineAt(Wad spot) external view returns (SWad equity, SWad slope, SWad delta);

    /// @notice Venue's live statement.
    function equity() external view returns (SWad);
    function size() external view returns (SWad);

    /// @notice Delta that can still be hedged, as of the last hedge or sync; unlimited when off.
    function gate(SWad netDelta, Wad spot, Wad nav) external view;

    /// @notice Unhedged delta beyond the band at the last hedge, underlying.
    function shortfall() external view returns (Wad);
    function lastHedge() external view returns (Timestamp);

    /// @notice Ordered at a venue that fills later, and not filled yet.
    function pending() external view returns (SWad);

    /// @notice As stored at the last hedge or sync: position with orders, band, oracle price.
    function inventory() external view returns (SWad exposure, Wad band, Wad spot);
}
