// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarginParams} from "../types/Params.sol";
import {Leg, MarginView} from "../types/Types.sol";
import {SWad, Wad} from "../types/Units.sol";

/// @title Margin requirements
/// @notice Stateless views. Scenario margin with netting inside an expiry. Requirements are on equity:
/// equity = balance + credit - mark, mark = value the legs owe (longs negative). Accounts without shorts need none.
///
/// Underlying stands behind the legs in every scenario at that scenario's spot: first one unit behind each call sold
/// net, nearest expiry first and in full, then the rest, less the haircut, behind the nearest expiry. `credit` is what it
/// counts for at spot. Calls covered in full never need more than their cover.
interface IMarginEngine {
    function params() external view returns (MarginParams memory);

    /// @notice Requirements of an account of the market at the oracle price.
    function marginOf(address account) external view returns (MarginView memory);

    /// @notice The same at a given spot and by the vols before the block's trades: what liquidation goes by, so that no
    /// trade before and after makes an account poorer for a moment.
    function steadyMargin(address account, Wad spot) external view returns (MarginView memory);

    /// @notice The same for given legs, balance, units of underlying and spot.
    function marginFor(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (MarginView memory);

    /// @notice Below maintenance at the oracle price and at the side of the band that favours the account, by the same vols.
    function liquidatable(address account) external view returns (bool, MarginView memory);

    /// @notice Debt beyond the collateral, now and at the eight stress nodes: max(0, mark - balance - underlying less
    /// the haircut at the node's spot).
    function exposureFor(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (Wad current, Wad[8] memory nodes);

    /// @notice The same as the market stores it: packed as in Packing.exposure.
    function exposureWords(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (uint256[2] memory exposure);

    /// @notice All that the market asks after an account took on risk, in one pass: whether it meets its initial margin
    /// (always, when margin is off), its equity and what that requires, and its exposure as in `exposureWords`.
    /// Underlying counts at the low side of the oracle's band in the margin.
    function assess(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (bool ok, SWad equity, Wad required, uint256[2] memory exposure);

    /// @notice What the pool charges for closing `legs` itself: shorts bought back at vol times `volFactor`, longs
    /// taken at vol divided by it; + the account pays.
    function closeCost(Leg[] calldata legs, Wad spot, Wad volFactor) external view returns (SWad);

    /// @notice Gross value of all open long and of all open short positions of the market; after expiry: intrinsic.
    function openMarks(Wad spot) external view returns (Wad longs, Wad shorts);
}
