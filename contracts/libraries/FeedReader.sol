// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPullFeed, IPushFeed, IVolFeed} from "../interfaces/IFeeds.sol";
import {SviSlice} from "../types/Types.sol";
import {SWad, Timestamp, Wad} from "../types/Units.sol";

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
        return _round(feed, scale, IPushFeed.latestRoundData.selector, 0, 4);
    }

    function pushRound(address feed, uint256 scale, uint80 id) internal view returns (Reading memory) {
        return _round(feed, scale, IPushFeed.getRoundData.selector, bytes32(uint256(id)), 36);
    }

    function pull(address feed, bytes32 id) internal view returns (Reading memory reading) {
        (bool ok, uint256[7] memory words) = _ask(feed, IPullFeed.getPriceUnsafe.selector, id, 36, 128);
        (uint256 conf, int256 expo) = (words[1], int256(words[2]));
        if (!ok || expo < -18 || expo > 9 || conf > type(uint64).max) return reading;
        uint256 scale = 10 ** uint256(expo + 18);
        reading = _reading(int256(words[0]), scale, words[3]);
        reading.conf = conf * scale;
        if (reading.conf >= reading.price) reading.valid = false;
    }

    /// @notice Chainlink's uptime feed of an L2's sequencer: answer 0 = up, and since when. A feed that is sick, or that
    /// has no valid round yet, says that it is not.
    function uptime(address feed) internal view returns (bool up, uint256 since) {
        (bool ok, uint256[7] memory words) = _ask(feed, IPushFeed.latestRoundData.selector, 0, 4, 160);
        since = words[2];
        up = ok && words[1] == 0 && since != 0 && since <= block.timestamp;
    }

    /// @notice A slice with its confidence and time; `ok` only if the feed answered and does not speak of the future.
    function slice(address feed, Timestamp expiry)
        internal
        view
        returns (bool ok, SviSlice memory found, uint256 confidence, uint256 time)
    {
        uint256[7] memory words;
        (ok, words) = _ask(feed, IVolFeed.latestSlice.selector, bytes32(uint256(expiry.rawTime())), 36, 224);
        found.a = SWad.wrap(int256(words[0]));
        found.b = Wad.wrap(words[1]);
        found.rho = SWad.wrap(int256(words[2]));
        found.m = SWad.wrap(int256(words[3]));
        found.sigma = Wad.wrap(words[4]);
        (confidence, time) = (words[5], words[6]);
        ok = ok && time > 0 && time <= block.timestamp;
    }

    function _round(address feed, uint256 scale, bytes4 selector, bytes32 argument, uint256 length)
        private
        view
        returns (Reading memory reading)
    {
        (bool ok, uint256[7] memory words) = _ask(feed, selector, argument, length, 160);
        if (!ok) return reading;
        return _reading(int256(words[1]), scale, words[3]);
    }

    function _reading(int256 answer, uint256 scale, uint256 time) private view returns (Reading memory reading) {
        reading.time = time;
        if (answer <= 0 || uint256(answer) > MAX_PRICE / scale) return reading;
        reading.price = uint256(answer) * scale;
        reading.valid = time > 0 && time <= block.timestamp;
    }

    /// @dev The first `size` bytes of the answer, as words; not ok if it is shorter.
    function _ask(address feed, bytes4 selector, bytes32 argument, uint256 length, uint256 size)
        private
        view
        returns (bool ok, uint256[7] memory words)
    {
        assembly ("memory-safe") {
            mstore(0, selector)
            mstore(4, argument)
            ok := staticcall(FEED_GAS, feed, 0, length, words, size)
        }
        if (!ok && gasleft() < FEED_GAS / 63) revert NotEnoughGas(gasleft());
        assembly ("memory-safe") {
            ok := and(ok, iszero(lt(returndatasize(), size)))
        }
    }
}
