// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BookChange, BookGreeks, ExpiryBook, OptionGreeks} from "../types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../types/Units.sol";

/// @title The pool's book
/// @notice Traders' net position per strike, priced by the convex cost function
/// C(q) = max over |u| <= U of [ sum q_i P_i(u) - V u^2 / 2 ] where P_i is Black-76 at anchor_i + u weight_i; Greeks
/// and stress values of each expiry, kept live: a trade writes its own expiry back, `refresh` any other.
/// Signs: net positions are traders'; Greeks are the pool's.
interface IGreekLedger {
    event Listed(Timestamp indexed expiry, Wad[] strikes, Wad impact);
    event Refreshed(Timestamp indexed expiry, Wad spot, SWad shift, SWad liability, BookGreeks greeks);
    event Removed(Timestamp indexed expiry, SWad liability);

    error OnlyMarket(address caller);
    error AlreadyListed(Timestamp expiry);
    error UnknownExpiry(Timestamp expiry);
    error UnknownSeries(SeriesId id);
    error TooManyExpiries(uint256 count, uint256 limit);
    /// @notice Beyond 2106.
    error ExpiryTooFar(Timestamp expiry);
    error TooManyStrikes(uint256 count, uint256 limit);
    error StrikesNotSorted(Wad lower, Wad upper);
    error SizeNotInLots(SWad size);
    error PositionOverflow(SWad size);
    /// @notice The maximiser might not be unique after this trade.
    error CurvatureLimit(Wad curvature, Wad limit);
    /// @notice A risk-increasing trade may not end at the clamp of the shift.
    error ShiftLimit(SWad shift, Wad limit);

    /// @notice Only the market. Anchors must be listed in the surface first. Strikes strictly increasing, <= 12.
    function list(Timestamp expiry, Wad[] calldata strikes, Wad impact) external;

    /// @notice Books a trade of `size` (+ the trader buys) at `spot` and returns its cost. Only the market.
    /// `opening` trades respect the curvature and shift limits; others never fail for them.
    function trade(SeriesId id, SWad size, Wad spot, bool opening) external returns (BookChange memory);

    /// @notice What `trade` would return, by the same calculation.
    function preview(SeriesId id, SWad size, Wad spot) external view returns (BookChange memory);

    /// @notice Updates the anchors and revalues an expiry at the oracle price. Anyone.
    function refresh(Timestamp expiry) external;

    /// @notice Drops a settled expiry. Only the market.
    function remove(Timestamp expiry) external;

    /// @notice In order of time.
    function expiries() external view returns (Timestamp[] memory);

    function book(Timestamp expiry) external view returns (ExpiryBook memory);

    /// @notice Stored values of all expiries moved to (spot, now): delta and liability to second order in spot and
    /// first in time, stress nodes as stored. Cheap; exact right after refreshes.
    /// Nodes, like the liability, are what the pool owes: traders' net value at the node's state, and `stressGap` of
    /// spot more for each option that the pool is net long of, so that the worst node bounds the states between them.
    /// Node spots are those of the last refresh times 0.7, 0.85, 1, 1.15, 1.3 with vol up, 0.85, 1, 1.15 with vol down.
    /// `stale` is the first expiry whose last refresh is too old or too far away; zero when all are fresh. A trade does
    /// not count as a refresh: it renews neither the anchors nor the nodes.
    function aggregate(Wad spot)
        external
        view
        returns (BookGreeks memory greeks, SWad liability, SWad[8] memory nodes, Timestamp stale);

    /// @notice The aggregate's delta and gamma from one stored word, and whether all expiries are fresh at `spot`; within
    /// a millionth of the limit it may say no.
    function glance(Wad spot) external view returns (bool fresh, SWad delta, SWad gamma);

    /// @notice Stored vega of one expiry's book, pool perspective, per 1.00 of vol: for the market's vega limit.
    function vegaOf(Timestamp expiry) external view returns (SWad);

    /// @notice sum of C(q) over all expiries, revalued exactly at `spot` and now. Costly; for views and LP flow.
    function liabilityAt(Wad spot) external view returns (SWad);

    /// @notice Volatility of each strike at the stored shift.
    function vols(Timestamp expiry) external view returns (Wad[] memory strikes, Wad[] memory sigma);

    /// @notice The same for chosen strikes only, cheaper for margin. `places`: their indices, a byte each, first in the
    /// lowest. `steady`: at the shift before the block's trades.
    /// Returns words: strike << 128 | volatility, wads
    function volsAt(Timestamp expiry, uint256 places, uint256 count, bool steady)
        external
        view
        returns (uint256[] memory words);

    /// @notice How far the block's trades have moved the shift.
    function drift(Timestamp expiry) external view returns (Wad);

    /// @notice Black-76 of one series at its present volatility and `spot`. After expiry: intrinsic.
    function valueOf(SeriesId id, Wad spot) external view returns (OptionGreeks memory greeks, Wad iv);

    /// @notice Value of one contract of a series at the 8 stress nodes of its expiry.
    function nodeValues(SeriesId id) external view returns (Wad[8] memory);

    function strikeOf(SeriesId id) external view returns (Wad);
}
