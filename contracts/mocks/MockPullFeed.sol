// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPullFeed} from "../interfaces/IFeeds.sol";

/// A pull feed with Pyth's interface that keeps the latest price of each id, in one slot as Pyth does. Anyone posts.
contract MockPullFeed is IPullFeed {
    event PriceFeedUpdate(bytes32 indexed id, uint256 publishTime, int64 price, uint64 conf);

    error PriceFeedNotFound(bytes32 id);

    struct Stored {
        int64 price;
        uint64 conf;
        int32 expo;
        uint64 publishTime;
    }

    mapping(bytes32 => Stored) private _prices;

    function post(bytes32 id, int64 price, uint64 conf, int32 expo, uint256 publishTime) external {
        _prices[id] = Stored(price, conf, expo, uint64(publishTime));
        emit PriceFeedUpdate(id, publishTime, price, conf);
    }

    function getPriceUnsafe(bytes32 id) external view returns (Price memory) {
        Stored memory p = _prices[id];
        if (p.publishTime == 0) revert PriceFeedNotFound(id);
        return Price(p.price, p.conf, p.expo, p.publishTime);
    }
}
