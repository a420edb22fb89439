// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISignal} from "../interfaces/IFeeds.sol";

/// An opinion that anyone states: simulation only.
contract MockSignal is ISignal {
    event SignalPosted(int256 value, uint256 time);

    int128 private value;
    uint64 private time;

    function post(int128 value_, uint64 time_) external {
        (value, time) = (value_, time_);
        emit SignalPosted(value_, time_);
    }

    function latest() external view returns (int256, uint256) {
        return (value, time);
    }
}
