// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISignal} from "../interfaces/IFeeds.sol";
import {SWad, Timestamp} from "../types/Units.sol";

/// An opinion that anyone states: simulation only.
contract MockSignal is ISignal {
    event SignalPosted(SWad value, Timestamp time);

    int128 private value;
    uint64 private time;

    function post(int128 value_, uint64 time_) external {
        (value, time) = (value_, time_);
        emit SignalPosted(SWad.wrap(value_), Timestamp.wrap(time_));
    }

    function latest() external view returns (int256, uint256) {
        return (value, time);
    }
}
