// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPushFeed} from "../interfaces/IFeeds.sol";

/// A push feed with Chainlink's interface that keeps every round. Anyone posts; rounds count from 1.
contract MockPushFeed is IPushFeed {
    struct Round {
        int192 answer;
        uint64 updatedAt;
    }

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    uint8 public immutable decimals;
    uint80 public latestRound;
    mapping(uint80 => Round) private _rounds;

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    function post(int256 answer, uint256 updatedAt) external returns (uint80 id) {
        id = ++latestRound;
        _rounds[id] = Round(int192(answer), uint64(updatedAt));
        emit AnswerUpdated(answer, id, updatedAt);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return getRoundData(latestRound);
    }

    /// A round that was never posted is all zeros.
    function getRoundData(uint80 id) public view returns (uint80, int256, uint256, uint256, uint80) {
        Round memory round = _rounds[id];
        return (id, round.answer, round.updatedAt, round.updatedAt, id);
    }
}
