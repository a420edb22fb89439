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
    using LedgerSums for uint256;

    uint256 private constant MAX_EXPIRIES = 8;
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
    Timestamp[] private _expiries;
    uint256 private _sums; // see LedgerSums

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
        if (_expiries.length == MAX_EXPIRIES) revert TooManyExpiries(_expiries.length + 1, MAX_EXPIRIES);
        if (strikes.length == 0 || strikes.length > MAX_STRIKES) revert TooManyStrikes(strikes.length, MAX_STRIKES);
        for (uint256 i = 1; i < strikes.length; ++i) {
            if (strikes[i] <= strikes[i - 1]) revert StrikesNotSorted(strikes[i - 1], strikes[i]);
        }
        _expiries.push(expiry);
        _entries[expiry].data = LedgerStore.writeData(strikes, impact);
        emit Listed(expiry, strikes, impact);
        _rebuild(expiry, ORACLE.read().price.raw());
    }

    function remove(Timestamp expiry) external onlyMarket {
        LedgerStore.Entry storage e = _entry(expiry);
        emit Removed(expiry, e.liabilityOf());
        _sums = _sums.replaced(e.part(), LedgerSums.Part(0, 0));
        delete _entries[expiry];
        uint256 last = _expiries.length - 1;
        for (uint256 i; i < last; ++i) {
            if (_expiries[i] == expiry) _expiries[i] = _expiries[last];
        }
        _expiries.pop();
        _noteRange();
    }

    // ------------------------------------------------------------ trade

    function trade(SeriesId id, SWad size, Wad spot, bool opening) external returns (BookChange memory) {
        if (msg.sender != RULES && msg.sender != MARKET) revert OnlyMarket(msg.sender);
        LedgerStore.Entry storage e = _entry(id.expiryOf());
        LedgerSums.Part memory before = e.part();
        BookChange memory change = LedgerTrade.trade(e, id, size, spot, opening, _limits());
        _sums = _sums.replaced(before, e.part());
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
        SURFACE.update(expiry);
        _rebuild(expiry, ORACLE.read().price.raw());
    }

    function _rebuild(Timestamp expiry, uint256 spot) private {
        LedgerStore.Entry storage e = _entries[expiry];
        Black76.checkRange(spot, ONE);
        LedgerSums.Part memory before = e.part();
        LedgerRefresh.rebuild(e, expiry, SURFACE.packed(expiry), spot, _limits());
        _sums = _sums.replaced(before, e.part());
        _noteRange();
        emit Refreshed(expiry, Wad.wrap(spot), BookMath.toWad(e.shiftOf()), e.liabilityOf(), e.greeksOf());
    }

    /// @dev Where and until when all expiries are fresh.
    function _noteRange() private {
        (uint256 oldest, uint256 low, uint256 high) = (type(uint32).max, 0, type(uint128).max);
        for (uint256 i; i < _expiries.length; ++i) {
            LedgerStore.Entry storage e = _entries[_expiries[i]];
            (uint256 from, uint256 reach) = (e.refSpotOf(), e.refSpotOf() * MAX_MOVE / ONE);
            oldest = FixedPointMathLib.min(oldest, e.refTime);
            low = FixedPointMathLib.max(low, FixedPointMathLib.zeroFloorSub(from, reach));
            high = FixedPointMathLib.min(high, from + reach);
        }
        _sums = _sums.ranged(oldest, low, high);
    }

    // ------------------------------------------------------------ views

    function glance(Wad spot) external view returns (bool fresh, SWad delta, SWad gamma) {
        uint256 sums = _sums;
        fresh = sums.inRange(spot.raw(), MAX_AGE);
        (delta, gamma) = sums.greeks(spot.raw());
    }

    function expiries() external view returns (Timestamp[] memory) {
        return _expiries;
    }

    function aggregate(Wad spot)
        external
        view
        returns (BookGreeks memory greeks, SWad liability, SWad[8] memory nodes, Timestamp stale)
    {
        Timestamp[] memory list_ = _expiries;
        for (uint256 i; i < list_.length; ++i) {
            LedgerStore.Entry storage e = _entries[list_[i]];
            liability = SWad.wrap(liability.rawS() + _move(e, list_[i], spot, greeks));
            e.addNodes(nodes);
            if (Timestamp.unwrap(stale) == 0 && !_fresh(e, spot.raw())) stale = list_[i];
        }
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
        for (uint256 i; i < _expiries.length; ++i) {
            Timestamp expiry = _expiries[i];
            total = total + SWad.wrap(LedgerRefresh.liability(_entries[expiry], expiry, spot.raw(), MAX_SHIFT));
        }
    }

    function book(Timestamp expiry) external view returns (ExpiryBook memory) {
        return LedgerViews.book(_entry(expiry), expiry);
    }

    function vols(Timestamp expiry) external view returns (Wad[] memory strikes, Wad[] memory sigma) {
        return LedgerViews.vols(_entry(expiry));
    }

    function volsAt(Timestamp expiry, uint256[] calldata strikeIndices)
        external
        view
        returns (Wad[] memory strikes, Wad[] memory sigma)
    {
        LedgerStore.Entry storage e = _entry(expiry);
        bytes memory data = SSTORE2.read(e.data);
        int256 shift = e.shiftOf();
        (strikes, sigma) = (new Wad[](strikeIndices.length), new Wad[](strikeIndices.length));
        for (uint256 i; i < strikeIndices.length; ++i) {
            uint256 k = strikeIndices[i];
            if (k >= LedgerStore.countOf(data)) revert UnknownSeries(seriesId(expiry, k, false));
            strikes[i] = Wad.wrap(LedgerStore.strikeOf(data, k));
            sigma[i] = e.volAt(k, shift);
        }
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

    function _entry(Timestamp expiry) private view returns (LedgerStore.Entry storage e) {
        e = _entries[expiry];
        if (e.data == address(0)) revert UnknownExpiry(expiry);
    }
}
