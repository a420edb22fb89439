// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SviSlice} from "../types/Types.sol";
import {Timestamp, Wad} from "../types/Units.sol";

/// @notice The part of Chainlink's aggregator interface that the guard reads.
interface IPushFeed {
    function decimals() external view returns (uint8);
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
    function getRoundData(uint80 id)
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}

/// @notice The part of Pyth's interface that the guard reads.
interface IPullFeed {
    struct Price {
        int64 price;
        uint64 conf;
        int32 expo;
        uint256 publishTime;
    }

    function getPriceUnsafe(bytes32 id) external view returns (Price memory);
}

/// @notice An opinion from off chain of where the pool's delta should be.
interface ISignal {
    /// Returns value: -1e18 = hold less delta, 1e18 = hold more; what lies beyond counts as these
    /// Returns time: when it was stated
    function latest() external view returns (int256 value, uint256 time);
}

/// @notice A feed of volatility slices, one per expiry.
interface IVolFeed {
    /// Returns slice: SVI of annualised variance
    /// Returns confidence: 1 = certain
    /// Returns updatedAt: 0 if the expiry was never posted
    function latestSlice(Timestamp expiry)
        external
        view
        returns (SviSlice memory slice, Wad confidence, Timestamp updatedAt);
}
