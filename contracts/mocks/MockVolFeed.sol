// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IVolFeed} from "../interfaces/IFeeds.sol";
import {SviSlice} from "../types/Types.sol";
import {Timestamp, Wad, blockTime} from "../types/Units.sol";

/// A feed of volatility slices that keeps the latest of each expiry, stamped with the block's time. Anyone posts.
contract MockVolFeed is IVolFeed {
    event SlicePosted(Timestamp indexed expiry, SviSlice slice, Wad confidence);

    struct Entry {
        SviSlice slice;
        Wad confidence;
        Timestamp updatedAt;
    }

    mapping(Timestamp => Entry) private _entries;

    function post(Timestamp expiry, SviSlice calldata slice, Wad confidence) external {
        _entries[expiry] = Entry(slice, confidence, blockTime());
        emit SlicePosted(expiry, slice, confidence);
    }

    function latestSlice(Timestamp expiry) external view returns (SviSlice memory, Wad, Timestamp) {
        Entry storage entry = _entries[expiry];
        return (entry.slice, entry.confidence, entry.updatedAt);
    }
}
