// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {IVolSurface} from "./interfaces/IVolSurface.sol";
import {AnchorPack} from "./libraries/AnchorPack.sol";
import {Black76} from "./libraries/Black76.sol";
import {FeedReader} from "./libraries/FeedReader.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {Svi} from "./libraries/Svi.sol";
import {PricingParams} from "./types/Params.sol";
import {Addresses, SviSlice} from "./types/Types.sol";
import {ONE, Timestamp, Wad, YEAR, blockTime} from "./types/Units.sol";

contract VolSurface is IVolSurface {
    using FeedReader for address;
    using Svi for SviSlice;

    /// @dev One slot. gap and confidence are wads.
    struct Head {
        uint32 updatedAt;
        uint32 feedAt; // publication time of the slice that the last update used
        uint64 gap;
        uint64 confidence;
        bool arbitrageFree;
    }

    /// @dev An update in progress; times are wad years to expiry.
    struct Move {
        bool usable; // the feed answered with a slice that can be computed with
        SviSlice slice;
        SviSlice earlier;
        Timestamp feedAt;
        uint256 confidence;
        int256 time;
        int256 earlierTime; // 0 = no earlier expiry to compare with
        uint256 spot;
        uint256 step; // largest move of an anchor in units of the packing
        uint256 gap;
        bool arbitrageFree;
    }

    address private immutable MARKET;
    IOracleGuard private immutable ORACLE;
    address private immutable FEED;
    address private immutable PARAMS;
    uint256 private immutable WIDTH;
    uint256 private immutable SPEED;
    uint256 private immutable MAX_GAP;
    uint256 private immutable MAX_AGE;
    uint256 private immutable MIN_VOL;
    uint256 private immutable MAX_VOL;

    mapping(Timestamp => Head) private _heads;
    mapping(Timestamp => uint256[3]) private _words;
    mapping(Timestamp => address) private _strikes; // data contracts
    Timestamp[] private _listed;

    constructor(Addresses memory book, PricingParams memory params_, address volFeed) {
        ParamBounds.check(params_);
        MARKET = book.market;
        ORACLE = IOracleGuard(book.oracle);
        FEED = volFeed;
        PARAMS = SSTORE2.write(abi.encode(params_));
        WIDTH = params_.weightWidth.raw();
        SPEED = params_.anchorSpeed.raw();
        MAX_GAP = params_.maxFeedGap.raw();
        MAX_AGE = params_.volMaxAge.rawSeconds();
        MIN_VOL = params_.minVol.raw();
        MAX_VOL = params_.maxVol.raw();
    }

    function params() external view returns (PricingParams memory) {
        return abi.decode(SSTORE2.read(PARAMS), (PricingParams));
    }

    function list(Timestamp expiry, Wad[] calldata strikes) external {
        if (msg.sender != MARKET) revert OnlyMarket(msg.sender);
        if (strikes.length > AnchorPack.MAX) revert TooManyStrikes(strikes.length, AnchorPack.MAX);
        _forgetExpired();
        _listed.push(expiry);
        _strikes[expiry] = SSTORE2.write(abi.encode(strikes));
        _update(expiry, true);
    }

    function update(Timestamp expiry) external returns (uint256[3] memory, Wad) {
        if (_strikes[expiry] == address(0)) revert UnknownExpiry(expiry);
        if (blockTime() < expiry) return _update(expiry, false);
        return (_words[expiry], ORACLE.read().price);
    }

    function packed(Timestamp expiry) external view returns (uint256[3] memory) {
        return _words[expiry];
    }

    function anchors(Timestamp expiry) external view returns (Wad[] memory vols, Wad[] memory weights) {
        return AnchorPack.unpack(_words[expiry], _strikesOf(expiry).length);
    }

    function status(Timestamp expiry) external view returns (bool open, Wad gap, Wad confidence) {
        Head memory head = _heads[expiry];
        bool fresh = MAX_AGE == 0 || block.timestamp <= head.feedAt + MAX_AGE;
        bool close = MAX_GAP == 0 || head.gap <= MAX_GAP;
        open = head.arbitrageFree && fresh && close;
        return (open, Wad.wrap(head.gap), Wad.wrap(head.confidence));
    }

    // ------------------------------------------------------------ update

    /// @dev A feed that does not answer, or with a slice that cannot be computed with, leaves the anchors and makes the
    /// expiry reduce-only; it stops no refresh.
    function _update(Timestamp expiry, bool first) private returns (uint256[3] memory words, Wad spot) {
        Move memory move = _start(expiry, first);
        (words, spot) = (_words[expiry], Wad.wrap(move.spot));
        Wad[] memory strikes = _strikesOf(expiry);
        if (move.usable) _moveAnchors(move, words, strikes);
        else if (first) revert BadSlice(expiry);
        _store(expiry, move, words, strikes.length);
    }

    function _store(Timestamp expiry, Move memory move, uint256[3] memory words, uint256 count) private {
        _words[expiry] = words;
        _heads[expiry] = Head({
            updatedAt: uint32(block.timestamp),
            feedAt: uint32(Timestamp.unwrap(move.feedAt)),
            gap: uint64(move.gap),
            confidence: uint64(move.confidence),
            arbitrageFree: move.arbitrageFree
        });
        emit AnchorsUpdated(expiry, AnchorPack.vols(words, count), Wad.wrap(move.gap), Wad.wrap(move.confidence));
    }

    function _start(Timestamp expiry, bool first) private view returns (Move memory move) {
        _ask(move, expiry, first);
        move.time = _years(expiry);
        move.spot = ORACLE.read().price.raw();
        if (move.spot == 0) revert NoPrice();
        move.step = first ? type(uint256).max : _step(_heads[expiry].updatedAt);
        _setEarlier(move, expiry);
    }

    function _ask(Move memory move, Timestamp expiry, bool first) private view {
        uint256 time;
        (move.usable, move.slice, move.confidence, time) = FEED.slice(expiry);
        if (first && !move.usable) revert NoVolFeed(expiry);
        if (!move.usable) (move.confidence, time) = (_heads[expiry].confidence, _heads[expiry].feedAt);
        move.confidence = FixedPointMathLib.min(move.confidence, ONE);
        move.feedAt = Timestamp.wrap(uint64(time));
        move.usable = move.usable && move.slice.sane();
    }

    /// @dev How far an anchor may move now, in units of the packing; unlimited when the speed is 0.
    function _step(uint256 updatedAt) private view returns (uint256) {
        if (SPEED == 0) return type(uint256).max;
        return SPEED * (block.timestamp - updatedAt) / (3600 * AnchorPack.VOL_UNIT);
    }

    function _moveAnchors(Move memory move, uint256[3] memory words, Wad[] memory strikes) private view {
        move.arbitrageFree = true;
        uint256 gap;
        for (uint256 i; i < strikes.length; ++i) {
            int256 k = Black76.lnRatio(strikes[i].raw(), move.spot) * int256(ONE) >> 96;
            uint256 target = _target(move, k);
            uint256 vol = _toward(move.step, AnchorPack.rawVolAt(words, i), target);
            gap = FixedPointMathLib.max(gap, FixedPointMathLib.dist(vol, target));
            AnchorPack.set(words, i, vol, _weight(k));
        }
        move.gap = gap * AnchorPack.VOL_UNIT;
    }

    /// @dev The slice's vol at k in units of the packing; notes what arbitrage the slice allows there.
    function _target(Move memory move, int256 k) private view returns (uint256) {
        Svi.Jet memory j = move.slice.jet(k);
        if (move.arbitrageFree) move.arbitrageFree = Svi.noButterfly(j, k, move.time) && _noCalendar(move, j.v, k);
        return AnchorPack.toRawVol(FixedPointMathLib.clamp(Svi.volOf(j.v).raw(), MIN_VOL, MAX_VOL));
    }

    function _noCalendar(Move memory move, int256 v, int256 k) private pure returns (bool) {
        if (move.earlierTime == 0) return true;
        return Svi.noCalendar(move.earlier.variance(k), move.earlierTime, v, move.time);
    }

    function _toward(uint256 step, uint256 from, uint256 target) private pure returns (uint256) {
        if (FixedPointMathLib.dist(from, target) <= step) return target;
        return target > from ? from + step : from - step;
    }

    /// @dev 1 / (1 + (k / width)^2).
    function _weight(int256 k) private view returns (Wad) {
        unchecked {
            uint256 x = FixedPointMathLib.abs(k) * ONE / WIDTH;
            return Wad.wrap(ONE * ONE / (ONE + x * x / ONE));
        }
    }

    // ------------------------------------------------------------ expiries

    /// @dev Of two expiries whose slices cross, the later one becomes reduce-only: one leg is enough.
    function _setEarlier(Move memory move, Timestamp expiry) private view {
        Timestamp earlier = _earlierThan(expiry);
        if (Timestamp.unwrap(earlier) == 0) return;
        bool ok;
        (ok, move.earlier,,) = FEED.slice(earlier);
        if (ok && move.earlier.sane()) move.earlierTime = _years(earlier);
    }

    function _earlierThan(Timestamp expiry) private view returns (Timestamp earlier) {
        uint256 count = _listed.length;
        for (uint256 i; i < count; ++i) {
            Timestamp other = _listed[i];
            if (other < expiry && other > earlier && other > blockTime()) earlier = other;
        }
    }

    function _forgetExpired() private {
        for (uint256 i = _listed.length; i > 0; --i) {
            if (_listed[i - 1] > blockTime()) continue;
            _listed[i - 1] = _listed[_listed.length - 1];
            _listed.pop();
        }
    }

    function _years(Timestamp expiry) private view returns (int256) {
        return int256(expiry.since(blockTime()) * ONE / YEAR);
    }

    function _strikesOf(Timestamp expiry) private view returns (Wad[] memory) {
        address pointer = _strikes[expiry];
        if (pointer == address(0)) revert UnknownExpiry(expiry);
        return abi.decode(SSTORE2.read(pointer), (Wad[]));
    }
}
