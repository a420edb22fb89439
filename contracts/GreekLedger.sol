// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibRLP} from "solady/utils/LibRLP.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {IVolSurface} from "./interfaces/IVolSurface.sol";
import {Black76} from "./libraries/Black76.sol";
import {BookMath} from "./libraries/BookMath.sol";
import {Calendar} from "./libraries/Calendar.sol";
import {LedgerRefresh} from "./libraries/LedgerRefresh.sol";
import {LedgerStore} from "./libraries/LedgerStore.sol";
import {LedgerSums} from "./libraries/LedgerSums.sol";
import {LedgerTrade} from "./libraries/LedgerTrade.sol";
import {LedgerViews} from "./libraries/LedgerViews.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {PricingParams} from "./types/Params.sol";
import {Addresses, BookChange, BookGreeks, ExpiryBook, OptionGreeks} from "./types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, YEAR, blockTime, seriesId} from "./types/Units.sol";

contract GreekLedger is IGreekLedger {
    using LedgerStore for LedgerStore.Entry;
    using LedgerSums for LedgerStore.Entry;
    using LedgerSums for LedgerSums.Total;
    using LedgerSums for uint256;
    using Calendar for uint256;

    uint256 private constant MAX_STRIKES = 12;

    address private immutable MARKET;
    address private immutable RULES; // the market's first creation: its side of every trade
    IOracleGuard private immutable ORACLE;
    IVolSurface private immutable SURFACE;
    address private immutable PARAMS;
    uint256 private immutable MAX_SHIFT;
    uint256 private immutable CURVATURE_LIMIT;
    uint256 private immutable MAX_AGE;
    uint256 private immutable MAX_MOVE;
    uint256 private immutable STRESS_GAP;

    mapping(Timestamp => LedgerStore.Entry) private _entries;
    LedgerSums.Total private _total;
    uint256 private _calendar;

    constructor(Addresses memory book_, PricingParams memory params_) {
        ParamBounds.check(params_);
        MARKET = book_.market;
        RULES = LibRLP.computeAddress(book_.market, 1);
        ORACLE = IOracleGuard(book_.oracle);
        SURFACE = IVolSurface(book_.surface);
        PARAMS = SSTORE2.write(abi.encode(params_));
        MAX_SHIFT = params_.maxShift.raw();
        CURVATURE_LIMIT = params_.curvatureLimit.raw();
        MAX_AGE = params_.greekMaxAge.rawSeconds();
        MAX_MOVE = params_.greekMaxMove.raw();
        STRESS_GAP = params_.stressGap.raw();
    }

    modifier onlyMarket() {
        if (msg.sender != MARKET) revert OnlyMarket(msg.sender);
        _;
    }

    function params() external view returns (PricingParams memory) {
        return abi.decode(SSTORE2.read(PARAMS), (PricingParams));
    }

    // ------------------------------------------------------------ listing

    function list(Timestamp expiry, Wad[] calldata strikes, Wad impact) external onlyMarket {
        if (_entries[expiry].data != address(0)) revert AlreadyListed(expiry);
        if (expiry.rawTime() > type(uint32).max) revert ExpiryTooFar(expiry);
        uint256 calendar = _calendar;
        if (calendar.count() == Calendar.MAX) revert TooManyExpiries(Calendar.MAX + 1, Calendar.MAX);
        if (strikes.length == 0 || strikes.length > MAX_STRIKES) revert TooManyStrikes(strikes.length, MAX_STRIKES);
        for (uint256 i = 1; i < strikes.length; ++i) {
            if (strikes[i] <= strikes[i - 1]) revert StrikesNotSorted(strikes[i - 1], strikes[i]);
        }
        _calendar = calendar.with(expiry);
        _entries[expiry].data = LedgerStore.writeData(strikes, impact);
        emit Listed(expiry, strikes, impact);
        _rebuild(expiry, SURFACE.packed(expiry), ORACLE.read().price.raw());
    }

    function remove(Timestamp expiry) external onlyMarket {
        LedgerStore.Entry storage e = _entry(expiry);
        emit Removed(expiry, e.liabilityOf());
        LedgerSums.Part memory gone;
        _total.replace(e.part(), gone);
        delete _entries[expiry];
        _calendar = _calendar.without(expiry);
        _noteRange();
    }

    // ------------------------------------------------------------ trade

    function trade(SeriesId id, SWad size, Wad spot, bool opening) external returns (BookChange memory) {
        if (msg.sender != RULES && msg.sender != MARKET) revert OnlyMarket(msg.sender);
        LedgerStore.Entry storage e = _entry(id.expiryOf());
        LedgerSums.Part memory before = e.part();
        BookChange memory change = LedgerTrade.trade(e, id, size, spot, opening, _limits());
        _total.replace(before, e.part());
        return change;
    }

    function preview(SeriesId id, SWad size, Wad spot) external view returns (BookChange memory) {
        return LedgerTrade.preview(_entry(id.expiryOf()), id, size, spot, _limits());
    }

    function _limits() private view returns (LedgerTrade.Limits memory) {
        return LedgerTrade.Limits(MAX_SHIFT, CURVATURE_LIMIT, STRESS_GAP);
    }

    // ------------------------------------------------------------ refresh

    function refresh(Timestamp expiry) external {
        _entry(expiry);
        (uint256[3] memory anchors, Wad spot) = SURFACE.update(expiry);
        _rebuild(expiry, anchors, spot.raw());
    }

    function _rebuild(Timestamp expiry, uint256[3] memory anchors, uint256 spot) private {
        LedgerStore.Entry storage e = _entries[expiry];
        Black76.checkRange(spot, ONE);
        LedgerSums.Part memory before = e.part();
        LedgerRefresh.rebuild(e, expiry, anchors, spot, _limits());
        _total.replace(before, e.part());
        _noteRange();
        emit Refreshed(expiry, Wad.wrap(spot), BookMath.toWad(e.shiftOf()), e.liabilityOf(), e.greeksOf());
    }

    /// @dev Where and until when all expiries are fresh.
    function _noteRange() private {
        (uint256 oldest, uint256 low, uint256 high) = (type(uint32).max, 0, type(uint128).max);
        for (uint256 left = _calendar; left != 0; left = left.rest()) {
            LedgerStore.Entry storage e = _entries[_first(left)];
            (uint256 from, uint256 reach) = (e.refSpotOf(), e.refSpotOf() * MAX_MOVE / ONE);
            oldest = FixedPointMathLib.min(oldest, e.refTime);
            low = FixedPointMathLib.max(low, FixedPointMathLib.zeroFloorSub(from, reach));
            high = FixedPointMathLib.min(high, from + reach);
        }
        _total.setRange(oldest, low, high);
    }

    // ------------------------------------------------------------ views

    function glance(Wad spot) external view returns (bool fresh, SWad delta, SWad gamma) {
        uint256 word = _total.word;
        fresh = word.inRange(spot.raw(), MAX_AGE);
        (delta, gamma) = word.greeks(spot.raw());
    }

    function expiries() external view returns (Timestamp[] memory) {
        return _calendar.list();
    }

    function aggregate(Wad spot)
        external
        view
        returns (BookGreeks memory greeks, SWad liability, SWad[8] memory nodes, Timestamp stale)
    {
        uint256 calendar = _calendar;
        (greeks, liability) = calendar.first() > block.timestamp ? _total.moved(spot.raw()) : _sumUp(calendar, spot);
        if (!_total.word.inRange(spot.raw(), MAX_AGE)) stale = _firstStale(calendar, spot.raw());
        for (; calendar != 0; calendar = calendar.rest()) {
            _entries[_first(calendar)].addNodes(nodes);
        }
    }

    /// @dev Expiry by expiry: time stands still for those that are over.
    function _sumUp(uint256 calendar, Wad spot) private view returns (BookGreeks memory greeks, SWad liability) {
        for (; calendar != 0; calendar = calendar.rest()) {
            Timestamp expiry = _first(calendar);
            liability = SWad.wrap(liability.rawS() + _move(_entries[expiry], expiry, spot, greeks));
        }
    }

    function _firstStale(uint256 calendar, uint256 spot) private view returns (Timestamp) {
        for (; calendar != 0; calendar = calendar.rest()) {
            if (!_fresh(_entries[_first(calendar)], spot)) return _first(calendar);
        }
        return Timestamp.wrap(0);
    }

    /// @dev Adds the expiry's Greeks at `spot` and returns its liability there and now, by Taylor. Stored numbers are
    /// below 2^96, spot below 2^96: nothing overflows.
    function _move(LedgerStore.Entry storage e, Timestamp expiry, Wad spot, BookGreeks memory total)
        private
        view
        returns (int256 liability)
    {
        LedgerStore.Statement memory s = e.statement();
        unchecked {
            int256 move = int256(spot.raw()) - int256(s.spot);
            uint256 end = FixedPointMathLib.min(block.timestamp, expiry.rawTime());
            int256 elapsed = int256(FixedPointMathLib.zeroFloorSub(end, s.time));
            int256 bend = s.gamma * move / int256(ONE);
            total.delta = SWad.wrap(total.delta.rawS() + s.delta + bend);
            total.gamma = SWad.wrap(total.gamma.rawS() + s.gamma);
            total.vega = SWad.wrap(total.vega.rawS() + s.vega);
            total.theta = SWad.wrap(total.theta.rawS() + s.theta);
            return s.liability - (s.delta + bend / 2) * move / int256(ONE) - s.theta * elapsed / int256(YEAR);
        }
    }

    function _fresh(LedgerStore.Entry storage e, uint256 spot) private view returns (bool) {
        unchecked {
            if (block.timestamp > e.refTime + MAX_AGE) return false;
            uint256 from = e.refSpotOf();
            return FixedPointMathLib.dist(spot, from) * ONE <= MAX_MOVE * from;
        }
    }

    function vegaOf(Timestamp expiry) external view returns (SWad) {
        return _entry(expiry).vegaOf();
    }

    function liabilityAt(Wad spot) external view returns (SWad total) {
        Black76.checkRange(spot.raw(), ONE);
        for (uint256 left = _calendar; left != 0; left = left.rest()) {
            Timestamp expiry = _first(left);
            total = total + SWad.wrap(LedgerRefresh.liability(_entries[expiry], expiry, spot.raw(), MAX_SHIFT));
        }
    }

    function book(Timestamp expiry) external view returns (ExpiryBook memory) {
        return LedgerViews.book(_entry(expiry), expiry);
    }

    function vols(Timestamp expiry) external view returns (Wad[] memory strikes, Wad[] memory sigma) {
        return LedgerViews.vols(_entry(expiry));
    }

    function volsAt(Timestamp expiry, uint256 places, uint256 count, bool steady)
        external
        view
        returns (uint256[] memory words)
    {
        LedgerStore.Entry storage e = _entry(expiry);
        bytes memory data = SSTORE2.read(e.data);
        int256 shift = steady ? e.steadyShiftOf() : e.shiftOf();
        words = new uint256[](count);
        for (uint256 i; i < count; (++i, places >>= 8)) {
            uint256 k = uint8(places);
            if (k >= LedgerStore.countOf(data)) revert UnknownSeries(seriesId(expiry, k, false));
            words[i] = LedgerStore.strikeOf(data, k) << 128 | uint128(e.volAt(k, shift).raw());
        }
    }

    function drift(Timestamp expiry) external view returns (Wad) {
        LedgerStore.Entry storage e = _entry(expiry);
        return (BookMath.toWad(e.shiftOf()) - BookMath.toWad(e.steadyShiftOf())).absS();
    }

    function valueOf(SeriesId id, Wad spot) external view returns (OptionGreeks memory greeks, Wad iv) {
        uint256 left = id.expiryOf().since(blockTime());
        uint256 strike = strikeOf(id).raw();
        iv = _entries[id.expiryOf()].volAt(id.strikeIndexOf(), _entries[id.expiryOf()].shiftOf());
        greeks = Black76.greeks(spot.raw(), strike, left, iv.raw());
    }

    function nodeValues(SeriesId id) external view returns (Wad[8] memory) {
        return LedgerRefresh.nodeValues(_entry(id.expiryOf()), id, strikeOf(id).raw());
    }

    function strikeOf(SeriesId id) public view returns (Wad) {
        bytes memory data = SSTORE2.read(_entry(id.expiryOf()).data);
        if (id.strikeIndexOf() >= LedgerStore.countOf(data)) revert UnknownSeries(id);
        return Wad.wrap(LedgerStore.strikeOf(data, id.strikeIndexOf()));
    }

    // ------------------------------------------------------------ helpers

    function _first(uint256 calendar) private pure returns (Timestamp) {
        return Timestamp.wrap(uint64(calendar.first()));
    }

    function _entry(Timestamp expiry) private view returns (LedgerStore.Entry storage e) {
        e = _entries[expiry];
        if (e.data == address(0)) revert UnknownExpiry(expiry);
    }
}
