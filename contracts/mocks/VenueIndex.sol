// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Wad} from "../types/Units.sol";
import {PerpVenue} from "./PerpVenue.sol";

/// Posts one market's reference price to every mock venue of a router: simulation only.
contract VenueIndex {
    address[] public venues;

    constructor(address[] memory venues_) {
        venues = venues_;
    }

    function postIndex(Wad price, Wad depth, bool open) external {
        for (uint256 i; i < venues.length; ++i) {
            PerpVenue(venues[i]).postIndex(price, depth, open);
        }
    }
}
