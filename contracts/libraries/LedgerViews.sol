// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {ExpiryBook} from "../types/Types.sol";
import {SWad, Timestamp, Wad} from "../types/Units.sol";
import {AnchorPack} from "./AnchorPack.sol";
import {BookMath} from "./BookMath.sol";
import {LedgerStore} from "./LedgerStore.sol";
import {StressMath} from "./StressMath.sol";

/// The ledger's wide views.
library LedgerViews {
    using LedgerStore for LedgerStore.Entry;

    function book(LedgerStore.Entry storage e, Timestamp expiry) internal view returns (ExpiryBook memory b) {
        bytes memory data = SSTORE2.read(e.data);
        b.expiry = expiry;
        b.impact = Wad.wrap(LedgerStore.impactOf(data));
        b.shift = BookMath.toWad(e.shiftOf());
        b.refreshedAt = Timestamp.wrap(e.refTime);
        b.refreshedSpot = Wad.wrap(e.refSpotOf());
        b.liability = e.liabilityOf();
        b.greeks = e.greeksOf();
        uint256[2] memory nodes = e.nodes;
        for (uint256 i; i < StressMath.NODES; ++i) {
            b.nodes[i] = SWad.wrap(StressMath.nodeAt(nodes, i) * int256(BookMath.LOT));
        }
        (b.anchors, b.weights) = AnchorPack.unpack(e.anchors, LedgerStore.countOf(data));
        (b.strikes, b.net) = _positions(e, data);
    }

    function vols(LedgerStore.Entry storage e) internal view returns (Wad[] memory strikes, Wad[] memory sigma) {
        bytes memory data = SSTORE2.read(e.data);
        uint256 n = LedgerStore.countOf(data);
        int256 shift = e.shiftOf();
        (strikes, sigma) = (new Wad[](n), new Wad[](n));
        for (uint256 i; i < n; ++i) {
            (strikes[i], sigma[i]) = (Wad.wrap(LedgerStore.strikeOf(data, i)), e.volAt(i, shift));
        }
    }

    function _positions(LedgerStore.Entry storage e, bytes memory data)
        private
        view
        returns (Wad[] memory strikes, SWad[] memory net)
    {
        uint256 n = LedgerStore.countOf(data);
        (strikes, net) = (new Wad[](n), new SWad[](n));
        uint256 word;
        unchecked {
            for (uint256 i; i < n; (++i, word >>= 64)) {
                if (i & 3 == 0) word = e.net[i >> 2];
                strikes[i] = Wad.wrap(LedgerStore.strikeOf(data, i));
                net[i] = SWad.wrap(int64(uint64(word)) * int256(BookMath.LOT));
            }
        }
    }
}
