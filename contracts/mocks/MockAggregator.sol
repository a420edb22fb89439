// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPushFeed} from "../interfaces/IFeeds.sol";

/// A live feed as a fork finds it: Chainlink's interface, an owner in the first slot, rounds that count by phase, and
/// a price that only the owner transmits.
contract MockAggregator is IPushFeed {
    struct Round {
        int256 answer;
        uint256 updatedAt;
    }

    error OnlyOwner(address caller);

    uint80 private constant PHASE = uint80(7) << 64;

    address public owner;
    uint64 private _rounds;
    uint8 public decimals;
    mapping(uint80 => Round) private _round;

    constructor(uint8 decimals_) {
        (owner, decimals) = (msg.sender, decimals_);
    }

    function transmit(int256 answer, uint256 updatedAt) external {
        if (msg.sender != owner) revert OnlyOwner(msg.sender);
        _round[PHASE | ++_rounds] = Round(answer, updatedAt);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return getRoundData(PHASE | _rounds);
    }

    function getRoundData(uint80 id) public view returns (uint80, int256, uint256, uint256, uint80) {
        Round memory round = _round[id];
        return (id, round.answer, round.updatedAt, round.updatedAt, id);
    }
}
