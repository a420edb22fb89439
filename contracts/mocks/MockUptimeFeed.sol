// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// Chainlink's uptime feed of an L2's sequencer: answer 0 = up, 1 = down, startedAt = since when. Anyone posts.
contract MockUptimeFeed {
    event StatusUpdated(bool up, uint256 since);

    uint80 public latestRound;
    bool public up;
    uint256 public since;

    constructor() {
        post(true, 1);
    }

    function post(bool up_, uint256 since_) public {
        ++latestRound;
        (up, since) = (up_, since_);
        emit StatusUpdated(up_, since_);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (latestRound, up ? int256(0) : int256(1), since, block.timestamp, latestRound);
    }
}
