// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPullFeed} from "../interfaces/IFeeds.sol";

/// A pull feed with Pyth's interface that keeps the latest price of each id. Anyone posts.
contract MockPullFeed is IPullFeed {
    event PriceFeedUpdate(bytes32 indexed id, uint256 publishTime, int64 price, uint64 conf);

    error PriceFeedNotFound(bytes32 id);

    mapping(bytes32 => Price) private _prices;

    function post(bytes32 id, int64 price, uint64 conf, int32 expo, uint256 publishTime) external {
        _prices[id] = Price(price, conf, expo, publishTime);
        emit PriceFeedUpdate(id, publishTime, price, conf);
    }

    function getPriceUnsafe(bytes32 id) external view returns (Price memory price) {
        price = _prices[id];
        if (price.publishTime == 0) revert PriceFeedNotFound(id);
    }
}
