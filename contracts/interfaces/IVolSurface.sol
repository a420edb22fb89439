// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PricingParams} from "../types/Params.sol";
import {SviSlice} from "../types/Types.sol";
import {Timestamp, Wad} from "../types/Units.sol";

/// @title Anchor volatilities
/// @notice Per expiry, the anchor of each listed strike: the feed's SVI slice, rate-limited, cached until the next
/// update, with the weight by which the shift of trades moves it.
interface IVolSurface {
    event AnchorsUpdated(Timestamp indexed expiry, Wad[] anchors, Wad maxGap, Wad confidence);

    error OnlyMarket(address caller);
    error NoVolFeed(Timestamp expiry);
    error UnknownExpiry(Timestamp expiry);
    error TooManyStrikes(uint256 count, uint256 limit);
    /// @notice The guard has never accepted a price.
    error NoPrice();
    /// @notice The feed's slice has numbers beyond what can be computed with.
    error BadSlice(Timestamp expiry);

    function params() external view returns (PricingParams memory);

    /// @notice Registers strikes; the first anchors are the feed's at once. Only the market.
    function list(Timestamp expiry, Wad[] calldata strikes) external;

    /// @notice Moves the anchors toward the feed within the speed limit. Anyone. The ledger's `refresh` calls it.
    /// Returns them as `packed` does, and the oracle's price.
    function update(Timestamp expiry) external returns (uint256[3] memory words, Wad spot);

    /// @notice Anchors and weights, packed four strikes a word: per strike uint32 anchor (1e-8 vol) and uint32
    /// weight (1e-9), strike i at bits 64 * (i % 4) of word i / 4, anchor in the low half.
    function packed(Timestamp expiry) external view returns (uint256[3] memory words);

    function anchors(Timestamp expiry) external view returns (Wad[] memory vols, Wad[] memory weights);

    /// @notice Whether opens are allowed: feed fresh, gap to the anchor small, slice free of static arbitrage.
    /// `gap` is the largest |feed - anchor| over the strikes at the last update, `confidence` the feed's.
    function status(Timestamp expiry) external view returns (bool open, Wad gap, Wad confidence);
}
