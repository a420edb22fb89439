// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {BookGreeks} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";
import {AnchorPack} from "./AnchorPack.sol";
import {Black76} from "./Black76.sol";
import {BookMath} from "./BookMath.sol";

/// How an expiry's book is stored: 13 slots and a data contract. Packed units: lots (1e-6 contract), shifts Q64,
/// vega and theta 1e-9 quote, gamma 1e-12, node values 1e-6 quote; the rest wads.
library LedgerStore {
    using FixedPointMathLib for uint256;
    using FixedPointMathLib for int256;

    struct Entry {
        address data; // V, then strike and ln(strike / first strike) of each
        int80 shift; // u* at the last trade or refresh
        // the last refresh, which fixes the stress nodes
        int80 refShift;
        uint96 refSpot;
        uint32 refTime;
        // C(q) and the traders' Greeks at the last trade or refresh
        int96 liability;
        int88 delta;
        int72 vega;
        uint96 spot;
        uint32 time;
        int72 theta;
        int56 gamma;
        uint256[2] nodes; // eight int64
        int80 puts; // sum of put positions, lots
        int176 putStrikes; // sum of put position * strike, lots * wad
        uint256[3] net; // calls plus puts per strike, int64 lots
        uint256[3] anchors; // as of the last refresh, see AnchorPack
    }

    uint256 private constant FINE = 1e9;
    uint256 private constant GAMMA_UNIT = 1e6;

    // ------------------------------------------------------------ static data

    function writeData(Wad[] calldata strikes, Wad impact) internal returns (address) {
        bytes memory data = abi.encodePacked(impact.raw());
        for (uint256 i; i < strikes.length; ++i) {
            int256 ln = Black76.lnRatio(strikes[i].raw(), strikes[0].raw());
            data = abi.encodePacked(data, strikes[i].raw(), ln);
        }
        return SSTORE2.write(data);
    }

    function countOf(bytes memory data) internal pure returns (uint256) {
        return data.length / 64;
    }

    function impactOf(bytes memory data) internal pure returns (uint256) {
        return _word(data, 0);
    }

    function strikeOf(bytes memory data, uint256 i) internal pure returns (uint256) {
        return _word(data, 1 + 2 * i);
    }

    function _word(bytes memory data, uint256 i) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 32), shl(5, i)))
        }
    }

    // ------------------------------------------------------------ book

    /// @notice The book at a spot and time; `maxShift` is the cap of |u|, wad.
    function load(Entry storage e, uint256 spot, uint256 secondsLeft, uint256 maxShift)
        internal
        view
        returns (BookMath.Book memory x)
    {
        bytes memory data = SSTORE2.read(e.data);
        uint256 n = countOf(data);
        x.impact = impactOf(data);
        BookMath.place(x, spot, secondsLeft);
        (x.puts, x.putStrikes) = (e.puts, e.putStrikes);
        x.strikes = new BookMath.Strike[](n);
        int256 ln = Black76.lnRatio(spot, strikeOf(data, 0));
        (x.low, x.high) = (type(uint256).max, 0);
        for (uint256 i; i < n; i += 4) {
            _loadFour(x, data, i, ln, e.net[i / 4], e.anchors[i / 4]);
        }
        _setLimit(x, maxShift);
    }

    function _loadFour(BookMath.Book memory x, bytes memory data, uint256 i, int256 ln, uint256 net, uint256 anchors)
        private
        pure
    {
        unchecked {
            uint256 end = x.strikes.length.min(i + 4);
            for (; i < end; ++i) {
                BookMath.Strike memory k = x.strikes[i];
                _fill(k, data, i, ln, net, anchors);
                x.size += k.q.abs();
                x.low = x.low.min(k.anchor);
                x.high = x.high.max(k.anchor);
                (net, anchors) = (net >> 64, anchors >> 64);
            }
        }
    }

    function _fill(BookMath.Strike memory k, bytes memory data, uint256 i, int256 ln, uint256 net, uint256 anchors)
        private
        pure
    {
        unchecked {
            k.q = int64(uint64(net));
            k.strike = _word(data, 1 + 2 * i);
            k.ln = ln - int256(_word(data, 2 + 2 * i));
            _setVol(k, anchors);
        }
    }

    /// @dev Anchor and weight from a lane of AnchorPack, to Q64, the anchor rounded up.
    function _setVol(BookMath.Strike memory k, uint256 lane) private pure {
        unchecked {
            k.anchor = (uint256(uint32(lane)) << 64) * AnchorPack.VOL_UNIT / ONE + 1;
            k.weight = (uint256(uint32(lane >> 32)) << 64) * AnchorPack.WEIGHT_UNIT / ONE;
        }
    }

    /// @dev U_eff = min(cap, least anchor / 2, room below the largest vol that is priced). On entry `low` and `high`
    /// are the least and largest anchor.
    function _setLimit(BookMath.Book memory x, uint256 maxShift) private pure {
        uint256 room = ((Black76.MAX_VOL << 64) / ONE).zeroFloorSub(x.high);
        uint256 limit = ((maxShift << 64) / ONE).min(x.low / 2).min(room);
        x.limit = int256(limit);
        x.low -= limit;
        x.high += limit;
    }

    function setNet(Entry storage e, uint256 i, int256 lots) internal {
        uint256 shift = 64 * (i % 4);
        uint256 word = e.net[i / 4];
        e.net[i / 4] = (word & ~(uint256(type(uint64).max) << shift)) | uint256(uint64(int64(lots))) << shift;
    }

    /// @notice Vol of strike i at a shift.
    function volAt(Entry storage e, uint256 i, int256 shift) internal view returns (Wad) {
        uint256 lane = e.anchors[i / 4] >> 64 * (i % 4);
        BookMath.Strike memory k;
        _setVol(k, lane);
        return Wad.wrap((BookMath.sigmaAt(k, shift) * ONE) >> 64);
    }

    // ------------------------------------------------------------ Greeks

    /// @notice Writes the Greeks of the book at a shift. A Greek that does not fit is stored as the largest that does.
    function writeGreeks(Entry storage e, BookMath.Book memory x, BookMath.Sums memory s, int256 u) internal {
        e.shift = int80(u);
        e.liability = int96(_fit(BookMath.liability(x, s, u), 96));
        e.delta = int88(_fit((s.delta - x.puts * int256(ONE)) / int256(BookMath.LOTS), 88));
        e.vega = int72(_fit(BookMath.vegaOf(x, s.vega) / int256(BookMath.LOTS * FINE), 72));
        e.spot = uint96(x.spot);
        e.time = uint32(block.timestamp);
        e.theta = int72(_fit(BookMath.thetaOf(x, s.theta) / int256(BookMath.LOTS * FINE), 72));
        e.gamma = int56(_fit(BookMath.gammaOf(x, s.gamma) / int256(BookMath.LOTS * GAMMA_UNIT), 56));
    }

    /// @notice The pool's Greeks, as stored.
    function greeksOf(Entry storage e) internal view returns (BookGreeks memory g) {
        g.delta = SWad.wrap(-int256(e.delta));
        g.gamma = SWad.wrap(-int256(e.gamma) * int256(GAMMA_UNIT));
        g.vega = SWad.wrap(-int256(e.vega) * int256(FINE));
        g.theta = SWad.wrap(-int256(e.theta) * int256(FINE));
    }

    function _fit(int256 value, uint256 bits) private pure returns (int256) {
        int256 top = int256((1 << (bits - 1)) - 1);
        return FixedPointMathLib.clamp(value, -top, top);
    }
}
