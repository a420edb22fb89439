// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {BookGreeks} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";
import {AnchorPack} from "./AnchorPack.sol";
import {Black76} from "./Black76.sol";
import {BookMath} from "./BookMath.sol";

/// How an expiry's book is stored: 13 slots and a data contract. A trade writes five slots, six if it is of puts, one more
/// if it is the first of its block.
/// Packed units: lots (1e-6 contract); shifts 1e-14; spots 1e-10 quote; vega and theta 1e-9 quote; gamma 1e-9; node
/// values 1e-6 quote; the rest wads.
library LedgerStore {
    using LedgerStore for Entry;
    using FixedPointMathLib for uint256;
    using FixedPointMathLib for int256;

    struct Entry {
        address data; // V, then strike and ln(strike / first strike) of each
        uint64 refSpot; // the last refresh, which fixes the stress nodes
        uint32 refTime;
        int48 refShift;
        int64 puts; // sum of put positions, lots
        int144 putStrikes; // sum of put position * strike, lots * wad
        uint256 money; // int96 C(q) | int88 traders' delta | int72 their vega: at the last trade or refresh
        uint256 rest; // uint64 spot | uint32 time | int64 theta | int48 gamma | int48 shift: likewise
        uint256[2] nodes; // eight int64
        uint256[3] net; // calls plus puts per strike, int64 lots
        uint256[3] anchors; // as of the last refresh, see AnchorPack
        uint256 opening; // IN_USE | int48 shift before the trades of the block of the last trade or refresh
    }

    /// @dev Numbers of `money` and `rest` without the shift, wads; spot and time are where the Greeks were taken.
    struct Statement {
        int256 liability;
        int256 delta;
        int256 gamma;
        int256 vega;
        int256 theta;
        uint256 spot;
        uint256 time;
    }

    uint256 private constant FINE = 1e9;
    uint256 private constant LANE = 0xffffffff;
    uint256 private constant IN_USE = 1 << 255;
    uint256 private constant Q64 = 1 << 64;
    /// One in units of AnchorPack.
    uint256 private constant VOLS = 1e8;
    uint256 private constant WEIGHTS = 1e9;
    uint256 private constant SPOT_UNIT = 1e8;
    int256 private constant SHIFT_UNIT = 1e14;

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
        x.impact = impactOf(data);
        BookMath.place(x, spot, secondsLeft);
        (x.puts, x.putStrikes) = (e.puts, e.putStrikes);
        uint256 n = countOf(data);
        x.strikes = _allocate(n);
        int256 ln = Black76.lnRatio(spot, strikeOf(data, 0));
        x.low = type(uint256).max;
        for (uint256 i; i < n; i += 4) {
            _loadFour(x, data, i, ln, e.net[i / 4], e.anchors[i / 4]);
        }
        _setLimit(x, maxShift);
    }

    /// @dev Strikes whose fields are not cleared: `_loadFour` writes every one.
    function _allocate(uint256 n) private pure returns (BookMath.Strike[] memory strikes) {
        assembly ("memory-safe") {
            strikes := mload(0x40)
            mstore(strikes, n)
            let slot := add(strikes, 32)
            let body := add(slot, shl(5, n))
            let end := add(body, mul(n, 160))
            mstore(0x40, end)
            for {} lt(body, end) { body := add(body, 160) } {
                mstore(slot, body)
                slot := add(slot, 32)
            }
        }
    }

    /// @dev Strikes i to i + 3. `low` and `high` gather the least and largest anchor.
    function _loadFour(BookMath.Book memory x, bytes memory data, uint256 i, int256 ln, uint256 net, uint256 anchors)
        private
        pure
    {
        unchecked {
            uint256 end = x.strikes.length.min(i + 4);
            (uint256 low, uint256 high, uint256 size) = (x.low, x.high, x.size);
            BookMath.Strike memory k = x.strikes[i];
            for (; i < end; ++i) {
                uint256 anchor = (anchors & LANE) * Q64 / VOLS + 1;
                assembly ("memory-safe") {
                    let q := signextend(7, net)
                    let source := add(add(data, 0x40), shl(6, i))
                    mstore(k, q)
                    mstore(add(k, 0x20), mload(source))
                    mstore(add(k, 0x40), sub(ln, mload(add(source, 0x20))))
                    mstore(add(k, 0x60), anchor)
                    mstore(add(k, 0x80), div(shl(64, and(shr(32, anchors), LANE)), WEIGHTS))
                    let sign := sar(255, q)
                    size := add(size, sub(xor(q, sign), sign))
                    k := add(k, 0xa0) // strikes lie one behind the other
                }
                if (anchor < low) low = anchor;
                if (anchor > high) high = anchor;
                (net, anchors) = (net >> 64, anchors >> 64);
            }
            (x.low, x.high, x.size) = (low, high, size);
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

    /// @notice Whether no strike has a net position and puts owe no parity.
    function isEmpty(Entry storage e) internal view returns (bool) {
        return e.net[0] | e.net[1] | e.net[2] == 0 && e.puts == 0 && e.putStrikes == 0;
    }

    function setNet(Entry storage e, uint256 i, int256 lots) internal {
        uint256 shift = 64 * (i % 4);
        uint256 word = e.net[i / 4];
        e.net[i / 4] = (word & ~(uint256(type(uint64).max) << shift)) | uint256(uint64(int64(lots))) << shift;
    }

    /// @notice Vol of strike i at a shift, wad.
    function volAt(Entry storage e, uint256 i, int256 shift) internal view returns (Wad) {
        unchecked {
            uint256 lane = e.anchors[i / 4] >> 64 * (i % 4);
            int256 anchor = int256((lane & LANE) * Q64 / VOLS + 1);
            int256 weight = int256((lane >> 32 & LANE) * Q64 / WEIGHTS);
            return Wad.wrap((uint256(anchor + (shift * weight >> 64)) * ONE) >> 64);
        }
    }

    // ------------------------------------------------------------ reference of the stress nodes

    /// @notice Fixes the state on which the nodes are built; what is read back is rounded.
    function setReference(Entry storage e, uint256 spot, int256 u) internal {
        (e.refSpot, e.refTime, e.refShift) = (uint64(spot / SPOT_UNIT), uint32(block.timestamp), int48(_packShift(u)));
    }

    function refSpotOf(Entry storage e) internal view returns (uint256) {
        return e.refSpot * SPOT_UNIT;
    }

    function refShiftOf(Entry storage e) internal view returns (int256) {
        return _unpackShift(e.refShift);
    }

    // ------------------------------------------------------------ Greeks

    /// @notice Writes the Greeks of the book at a shift. A number that does not fit is stored as the largest that does.
    /// `traded`: the shift is a trade's, so the block began with the one before.
    function writeGreeks(Entry storage e, BookMath.Book memory x, BookMath.Sums memory s, int256 u, bool traded) internal {
        int256 lots = int256(BookMath.LOTS);
        int256 fine = int256(BookMath.LOTS * FINE);
        uint256 rest = e.rest;
        if (uint32(rest >> 160) != uint32(block.timestamp)) {
            e.opening = IN_USE | (traded ? uint48(rest) : uint48(int48(_packShift(u))));
        }
        uint256 word = _put(0, BookMath.liability(x, s, u), 96);
        unchecked {
            word = _put(word, (s.delta - x.puts * int256(ONE)) / lots, 88);
            e.money = _put(word, BookMath.vegaOf(x, s.vega) / fine, 72);
            word = uint256(uint64(x.spot / SPOT_UNIT)) << 32 | uint32(block.timestamp);
            word = _put(word, BookMath.thetaOf(x, s.theta) / fine, 64);
            word = _put(word, BookMath.gammaOf(x, s.gamma) / fine, 48);
            e.rest = _put(word, _packShift(u), 48);
        }
    }

    /// @notice u* at the last trade or refresh, Q64.
    function shiftOf(Entry storage e) internal view returns (int256) {
        return _unpackShift(int48(uint48(e.rest)));
    }

    /// @notice The shift before the block's trades: nobody moves it within a transaction, or a bundle of them.
    function steadyShiftOf(Entry storage e) internal view returns (int256) {
        uint256 rest = e.rest;
        if (uint32(rest >> 160) == uint32(block.timestamp)) rest = e.opening;
        return _unpackShift(int48(uint48(rest)));
    }

    function liabilityOf(Entry storage e) internal view returns (SWad) {
        return SWad.wrap(int96(uint96(e.money >> 160)));
    }

    /// @notice What the last trade or refresh left, the pool's Greeks.
    function statement(Entry storage e) internal view returns (Statement memory s) {
        (uint256 money, uint256 rest) = (e.money, e.rest);
        unchecked {
            s.liability = int96(uint96(money >> 160));
            s.delta = -int256(int88(uint88(money >> 72)));
            s.vega = -int256(int72(uint72(money))) * int256(FINE);
            s.theta = -int256(int64(uint64(rest >> 96))) * int256(FINE);
            s.gamma = -int256(int48(uint48(rest >> 48))) * int256(FINE);
            (s.spot, s.time) = (uint64(rest >> 192) * SPOT_UNIT, uint32(rest >> 160));
        }
    }

    function greeksOf(Entry storage e) internal view returns (BookGreeks memory) {
        Statement memory s = e.statement();
        return BookGreeks(SWad.wrap(s.delta), SWad.wrap(s.gamma), SWad.wrap(s.vega), SWad.wrap(s.theta));
    }

    function vegaOf(Entry storage e) internal view returns (SWad) {
        return SWad.wrap(-int256(int72(uint72(e.money))) * int256(FINE));
    }

    /// @notice Adds the stress nodes, wads.
    function addNodes(Entry storage e, SWad[8] memory sums) internal view {
        uint256[2] storage nodes = e.nodes;
        uint256 lot = BookMath.LOT;
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 2) { i := add(i, 1) } {
                let word := sload(add(nodes.slot, i))
                let at := add(sums, shl(7, i))
                let end := add(at, 0x80)
                for {} lt(at, end) { at := add(at, 0x20) } {
                    mstore(at, add(mload(at), mul(lot, signextend(7, word))))
                    word := shr(64, word)
                }
            }
        }
    }

    /// @dev Appends a signed number of `bits` to a word.
    function _put(uint256 word, int256 value, uint256 bits) private pure returns (uint256) {
        unchecked {
            int256 top = int256((1 << (bits - 1)) - 1);
            return word << bits | uint256(value.clamp(-top, top)) & ((1 << bits) - 1);
        }
    }

    function _packShift(int256 u) private pure returns (int256) {
        unchecked {
            return (u * SHIFT_UNIT) >> 64;
        }
    }

    function _unpackShift(int256 packed) private pure returns (int256) {
        unchecked {
            return (packed << 64) / SHIFT_UNIT;
        }
    }
}
