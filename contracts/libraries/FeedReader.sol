// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPullFeed, IPushFeed} from "../interfaces/IFeeds.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// Reads feeds that may revert, lie in their encoding, return too much or burn gas: the answer is then "void".
library FeedReader {
    /// A price in wad with its half-width (0 for a push feed) and its publication time.
    struct Reading {
        bool valid;
        uint256 price;
        uint256 conf;
        uint256 time;
    }

    /// @notice The caller gave too little gas to tell a dead feed from a starved one.
    error NotEnoughGas(uint256 left);

    /// Prices above a billion quote are taken for garbage, which keeps every later product far from overflow.
    uint256 internal constant MAX_PRICE = 1e27;
    uint256 internal constant FEED_GAS = 100_000;

    /// @param scale wads per unit of the feed's answer
    function push(address feed, uint256 scale) internal view returns (Reading memory) {
        return _round(feed, scale, abi.encodeCall(IPushFeed.latestRoundData, ()));
    }

    function pushRound(address feed, uint256 scale, uint80 id) internal view returns (Reading memory) {
        return _round(feed, scale, abi.encodeCall(IPushFeed.getRoundData, (id)));
    }

    function pull(address feed, bytes32 id) internal view returns (Reading memory reading) {
        (bool ok, bytes memory data) = _ask(feed, abi.encodeCall(IPullFeed.getPriceUnsafe, (id)), 128);
        if (!ok) return reading;
        (int256 price, uint256 conf, int256 expo, uint256 time) = abi.decode(data, (int256, uint256, int256, uint256));
        if (expo < -18 || expo > 9 || conf > type(uint64).max) return reading;
        uint256 scale = 10 ** uint256(expo + 18);
        reading = _reading(price, scale, time);
        reading.conf = conf * scale;
        if (reading.conf >= reading.price) reading.valid = false;
    }

    function _round(address feed, uint256 scale, bytes memory call) private view returns (Reading memory reading) {
        (bool ok, bytes memory data) = _ask(feed, call, 160);
        if (!ok) return reading;
        (, int256 answer,, uint256 time,) = abi.decode(data, (uint256, int256, uint256, uint256, uint256));
        return _reading(answer, scale, time);
    }

    function _reading(int256 answer, uint256 scale, uint256 time) private view returns (Reading memory reading) {
        reading.time = time;
        if (answer <= 0 || uint256(answer) > MAX_PRICE / scale) return reading;
        reading.price = uint256(answer) * scale;
        reading.valid = time > 0 && time <= block.timestamp;
    }

    function _ask(address feed, bytes memory call, uint16 size) private view returns (bool ok, bytes memory data) {
        (ok,, data) = LibCall.tryStaticCall(feed, FEED_GAS, size, call);
        if (!ok && gasleft() < FEED_GAS / 63) revert NotEnoughGas(gasleft());
        ok = ok && data.length == size;
    }
}
