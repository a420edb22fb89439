// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AuctionParams} from "../types/Params.sol";
import {Auction, BidPreview, Mode} from "../types/Types.sol";
import {SWad, Seconds, Wad} from "../types/Units.sol";

/// @title Partial Dutch auctions of accounts under maintenance margin
/// @notice Solvent leg: a bidder takes a fraction of legs and collateral for a falling share of its equity.
/// Insolvent leg: the insurance fund pays a rising bounty; at the end the pool closes the account.
interface ILiquidationAuction {
    event AuctionStarted(address indexed account, SWad equity, Wad maintenanceMargin, bool insolvent);
    event AuctionTurnedInsolvent(address indexed account, SWad equity);
    event BidFilled(
        address indexed account, address indexed bidder, Wad fraction, SWad payment, Wad penalty, bool insolvent
    );
    event AuctionEnded(address indexed account, bool healthy);

    error Healthy(address account, SWad equity, Wad maintenanceMargin);
    error NoAuction(address account);
    error AuctionLive(address account);
    error SelfBid(address account);
    error WrongNonce(uint32 nonce, uint32 expected);
    error PriceAboveLimit(SWad payment, SWad limit);
    error NothingToFill(address account);
    error TooEarly(Seconds elapsed, Seconds required);
    error VolMoved(Wad moved, Wad limit);
    error ModeForbids(Mode mode);

    function params() external view returns (AuctionParams memory);

    /// @notice Starts the auction of an account below maintenance, or turns a live one insolvent when a bid is no
    /// longer worth the least bounty. Either shows the pool what the account cannot pay (IOptionMarket.touch). Anyone.
    /// A solvent auction ends by itself twice `slow` after its start; the account may then be sold again from the top.
    function start(address account) external;

    /// @notice Takes up to `fraction` of the account. `limit` bounds the signed payment; `expectedNonce` guards
    /// against another fill in between. Crumbs (less than `dust` of mark value, but not all there is) are refused.
    function bid(address account, Wad fraction, SWad limit, uint32 expectedNonce) external;

    /// @notice What `bid` would do now, by the same calculation.
    function preview(address account, Wad fraction) external view returns (BidPreview memory);

    /// @notice After the bounty time of the insolvent leg: the pool closes the account. Anyone, but not in a block whose
    /// trades have moved the vols of its legs by more than `closeDrift`.
    function closeInsolvent(address account) external;

    /// @notice Ends the auction of an account that is healthy again. Anyone.
    function end(address account) external;

    function auctionOf(address account) external view returns (Auction memory);

    function liveInsolvent() external view returns (uint256 count);
}
