// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BreakerParams} from "../types/Params.sol";
import {Mode} from "../types/Types.sol";
import {Timestamp, Wad} from "../types/Units.sol";

/// @title The one effective mode
/// @notice The worse of the oracle's mode and the breaker's own. Trips by itself, lifts by itself after its time-out
/// and a clear spell; the guardian may only tighten.
interface ICircuitBreaker {
    /// cause: 0 NAV drop (per share, so that deposits and withdrawals do not count), 1 hedge shortfall, 2 insurance,
    /// 3 free liquidity, 4 guardian, 5 insolvency
    event Tripped(uint8 indexed cause, Wad value, Wad limit, Timestamp until);
    event Lifted();
    event ModeChanged(Mode from, Mode to);

    error OnlyGuardian(address caller);
    error OnlyTighter(Mode present, Mode wanted);

    function params() external view returns (BreakerParams memory);

    /// @notice Re-examines every trigger and the pool's solvency. Anyone. While no price is trustworthy nothing is
    /// examined and no clear time runs. Reads stored values of the hedge only: a sick venue cannot make it revert.
    function poke() external returns (Mode);

    /// @notice The effective mode given the oracle's.
    function effective(Mode oracleMode) external view returns (Mode);

    /// @notice The effective mode now.
    function mode() external view returns (Mode);

    /// @notice Only the guardian: REDUCE_ONLY or FROZEN, if stricter than the breaker's own mode. Ends like a trip.
    function tighten(Mode wanted) external;

    /// Returns causes: bit i = trigger i was active at the last poke
    /// Returns clearSince: first clear poke after the last active one; zero while a trigger is active
    function state()
        external
        view
        returns (bool tripped, uint8 causes, Mode guardian, Timestamp until, Timestamp clearSince);
}
