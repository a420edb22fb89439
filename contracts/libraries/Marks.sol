// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {Leg} from "../types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, blockTime} from "../types/Units.sol";
import {Black76} from "./Black76.sol";
import {Packing} from "./Packing.sol";

/// What positions are worth outside margin: to the pool that closes them, and gross over the whole market. A contract of
/// its own because of the limit on a contract's size. By the vols before the block's trades: a trade before and one after
/// must not move what others are paid.
library Marks {
    using Packing for uint256;

    uint256 private constant MAX_STRIKES = 12; // of an expiry
    uint256 private constant LOTS = ONE / Packing.LOT; // in a contract

    /// @notice As IMarginEngine.closeCost.
    function closeCost(IGreekLedger ledger, Leg[] calldata legs, Wad spot, Wad volFactor)
        external
        view
        returns (SWad)
    {
        int256 cost;
        for (uint256 i; i < legs.length; ++i) {
            bool short = legs[i].size.isNegative();
            Wad factor = short ? volFactor : Wad.wrap(ONE * ONE / volFactor.raw());
            cost += -legs[i].size.mulWadS(_valueAt(ledger, legs[i].id, spot, factor)).rawS();
        }
        return SWad.wrap(cost);
    }

    function _valueAt(IGreekLedger ledger, SeriesId id, Wad spot, Wad volFactor) private view returns (Wad) {
        Timestamp expiry = id.expiryOf();
        uint256 word = ledger.volsAt(expiry, id.strikeIndexOf(), 1, true)[0];
        uint256 left = expiry.since(blockTime());
        uint256 vol = Wad.wrap(uint128(word)).mulDown(volFactor).raw();
        (uint256 call, uint256 put,) = Black76.price(spot.raw(), word >> 128, left, vol);
        return Wad.wrap(id.isCallOf() ? call : put);
    }

    /// @notice As IMarginEngine.openMarks.
    function openMarks(IGreekLedger ledger, IOptionMarket market, Wad spot)
        external
        view
        returns (Wad longs, Wad shorts)
    {
        Timestamp[] memory expiries = ledger.expiries();
        for (uint256 i; i < expiries.length; ++i) {
            (Wad long, Wad short) = _marksOf(ledger, market, expiries[i], spot);
            (longs, shorts) = (longs + long, shorts + short);
        }
    }

    /// @dev What the pool owes is rounded up, what it is owed down. Only strikes that somebody holds are priced.
    function _marksOf(IGreekLedger ledger, IOptionMarket market, Timestamp expiry, Wad spot)
        private
        view
        returns (Wad long, Wad short)
    {
        uint256[] memory words = market.interestOf(expiry, MAX_STRIKES);
        (uint256 places, uint256 held) = _held(words);
        if (held == 0) return (long, short);
        uint256[] memory priced = ledger.volsAt(expiry, places, held, true);
        uint256 left = expiry.since(blockTime());
        for (uint256 i; i < held; (++i, places >>= 8)) {
            uint256 word = words[uint8(places)];
            (uint256 call, uint256 put,) = Black76.price(spot.raw(), priced[i] >> 128, left, uint128(priced[i]));
            long = long + _sizeUp(word.longLots(true), call) + _sizeUp(word.longLots(false), put);
            short = short + _sizeDown(word.shortLots(true), call) + _sizeDown(word.shortLots(false), put);
        }
    }

    /// @dev Places of the words that are not zero, a byte each, first in the lowest, and their number.
    function _held(uint256[] memory words) private pure returns (uint256 places, uint256 count) {
        for (uint256 i; i < words.length; ++i) {
            if (words[i] != 0) places |= i << 8 * count++;
        }
    }

    function _sizeUp(uint256 lots, uint256 price) private pure returns (Wad) {
        return Wad.wrap((lots * price + LOTS - 1) / LOTS);
    }

    function _sizeDown(uint256 lots, uint256 price) private pure returns (Wad) {
        return Wad.wrap(lots * price / LOTS);
    }
}
