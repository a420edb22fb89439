// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {IVolSurface} from "./interfaces/IVolSurface.sol";
import {Black76} from "./libraries/Black76.sol";
import {BookMath} from "./libraries/BookMath.sol";
import {Curvature} from "./libraries/Curvature.sol";
import {DualCost} from "./libraries/DualCost.sol";
import {LedgerStore} from "./libraries/LedgerStore.sol";
import {LedgerViews} from "./libraries/LedgerViews.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {StressMath} from "./libraries/StressMath.sol";
import {PricingParams} from "./types/Params.sol";
import {Addresses, BookChange, BookGreeks, ExpiryBook, OptionGreeks} from "./types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, YEAR, blockTime, floorDiv} from "./types/Units.sol";

contract GreekLedger is IGreekLedger {
    using LedgerStore for LedgerStore.Entry;

    uint256 private constant MAX_EXPIRIES = 8;
    uint256 private constant MAX_STRIKES = 12;
    /// A bound of curvature below this share of V proves that the maximiser is unique.
    uint256 private constant CONCAVE = 0.99e18;

    address private immutable MARKET;
    IOracleGuard private immutable ORACLE;
    IVolSurface private immutable SURFACE;
    address private immutable PARAMS;
    uint256 private immutable MAX_SHIFT;
    uint256 private immutable CURVATURE_LIMIT;
    uint256 private immutable MAX_AGE;
    uint256 private immutable MAX_MOVE;

    mapping(Timestamp => LedgerStore.Entry) private _entries;
    Timestamp[] private _expiries;

    /// @dev A trade in progress. `curvature` bounds the new book's, in units of the stiffness.
    struct Deal {
        Timestamp expiry;
        uint256 strike; // index
        bool isCall;
        int256 lots;
        uint256 curvature;
    }

    constructor(Addresses memory book_, PricingParams memory params_) {
        ParamBounds.check(params_);
        MARKET = book_.market;
        ORACLE = IOracleGuard(book_.oracle);
        SURFACE = IVolSurface(book_.surface);
        PARAMS = SSTORE2.write(abi.encode(params_));
        MAX_SHIFT = params_.maxShift.raw();
        CURVATURE_LIMIT = params_.curvatureLimit.raw();
        MAX_AGE = params_.greekMaxAge.rawSeconds();
        MAX_MOVE = params_.greekMaxMove.raw();
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
        emit Removed(expiry, SWad.wrap(e.liability));
        delete _entries[expiry];
        uint256 last = _expiries.length - 1;
        for (uint256 i; i < last; ++i) {
            if (_expiries[i] == expiry) _expiries[i] = _expiries[last];
        }
        _expiries.pop();
    }

    // ------------------------------------------------------------ trade

    function trade(SeriesId id, SWad size, Wad spot, bool opening)
        external
        onlyMarket
        returns (BookChange memory change)
    {
        LedgerStore.Entry storage e = _entry(id.expiryOf());
        BookMath.Book memory x = _load(id.expiryOf(), spot.raw());
        Deal memory deal = _deal(id, size, x);
        int256 old = x.strikes[deal.strike].q;
        DualCost.Solution memory r = _solve(x, deal, e.shift);
        if (opening) _checkLimits(x, deal, r.later);
        _addStress(e, x, deal, old);
        e.setNet(deal.strike, old + deal.lots);
        if (!deal.isCall) _addPut(e, x, deal);
        e.writeGreeks(x, r.sums, r.later);
        return _change(x, deal, r);
    }

    function preview(SeriesId id, SWad size, Wad spot) external view returns (BookChange memory) {
        BookMath.Book memory x = _load(id.expiryOf(), spot.raw());
        Deal memory deal = _deal(id, size, x);
        return _change(x, deal, _solve(x, deal, _entries[deal.expiry].shift));
    }

    function _deal(SeriesId id, SWad size, BookMath.Book memory x) private pure returns (Deal memory deal) {
        deal.expiry = id.expiryOf();
        deal.strike = id.strikeIndexOf();
        deal.isCall = id.isCallOf();
        if (deal.strike >= x.strikes.length) revert UnknownSeries(id);
        if (size.rawS() % int256(BookMath.LOT) != 0) revert SizeNotInLots(size);
        deal.lots = size.rawS() / int256(BookMath.LOT);
        int256 next = x.strikes[deal.strike].q + deal.lots;
        if (next != int64(next)) revert PositionOverflow(size);
    }

    function _solve(BookMath.Book memory x, Deal memory deal, int256 shift)
        private
        view
        returns (DualCost.Solution memory)
    {
        bool concave = true;
        if (BookMath.moves(x)) {
            uint256 enough = _share(x, CURVATURE_LIMIT);
            uint256 before;
            (before, deal.curvature) = Curvature.bounds(x, deal.strike, deal.lots, enough);
            concave = FixedPointMathLib.max(before, deal.curvature) < _share(x, CONCAVE);
        }
        return DualCost.trade(x, deal.strike, deal.lots, shift, concave);
    }

    function _checkLimits(BookMath.Book memory x, Deal memory deal, int256 shift) private view {
        if (!BookMath.moves(x)) return;
        if (deal.curvature > _share(x, CURVATURE_LIMIT)) {
            revert CurvatureLimit(_curvature(x, deal.curvature), _curvature(x, _share(x, CURVATURE_LIMIT)));
        }
        if (FixedPointMathLib.abs(shift) >= uint256(x.limit)) {
            revert ShiftLimit(_shiftWad(shift), Wad.wrap(uint256(_shiftWad(x.limit).rawS())));
        }
    }

    function _addPut(LedgerStore.Entry storage e, BookMath.Book memory x, Deal memory deal) private {
        x.puts += deal.lots;
        x.putStrikes += deal.lots * int256(x.strikes[deal.strike].strike);
        (e.puts, e.putStrikes) = (int80(x.puts), int176(x.putStrikes));
    }

    /// @dev Costs of puts follow from calls' by parity, exactly; cost is rounded up to a wei.
    function _change(BookMath.Book memory x, Deal memory deal, DualCost.Solution memory r)
        private
        pure
        returns (BookChange memory c)
    {
        (int256 spot, int256 strike) = (int256(x.spot), int256(x.strikes[deal.strike].strike));
        int256 parity = deal.isCall ? int256(0) : strike - spot;
        c.cost = SWad.wrap(-floorDiv(-(r.cost + deal.lots * parity), int256(BookMath.LOTS)));
        c.mark = Wad.wrap(uint256(int256(r.point.call) + parity));
        c.iv = Wad.wrap((r.point.sigma * ONE) >> 64);
        c.delta = SWad.wrap(int256(r.point.delta) - (deal.isCall ? int256(0) : int256(ONE)));
        c.vega = Wad.wrap(uint256(BookMath.vegaOf(x, int256(r.point.density))));
        if (r.point.density != 0) {
            c.gamma = Wad.wrap(uint256(BookMath.gammaOf(x, int256(r.point.flat))));
        }
        (c.shiftBefore, c.shiftAfter) = (_shiftWad(r.before), _shiftWad(r.later));
    }

    // ------------------------------------------------------------ stress

    function _addStress(LedgerStore.Entry storage e, BookMath.Book memory x, Deal memory deal, int256 old) private {
        int256[8] memory nodes = StressMath.unpack(e.nodes);
        uint256[8] memory values = _nodeCalls(e, x.strikes[deal.strike], deal.expiry);
        StressMath.addCalls(nodes, values, old, old + deal.lots);
        if (!deal.isCall) {
            int256 strikes = x.putStrikes + deal.lots * int256(x.strikes[deal.strike].strike);
            StressMath.addPuts(nodes, e.refSpot, x.puts, x.putStrikes, -1);
            StressMath.addPuts(nodes, e.refSpot, x.puts + deal.lots, strikes, 1);
        }
        e.nodes = StressMath.pack(nodes);
    }

    function _nodeCalls(LedgerStore.Entry storage e, BookMath.Strike memory k, Timestamp expiry)
        private
        view
        returns (uint256[8] memory)
    {
        StressMath.State memory s = StressMath.stateOf(e.refSpot, expiry.since(Timestamp.wrap(e.refTime)));
        return StressMath.calls(s, k.strike, (BookMath.sigmaAt(k, e.refShift) * ONE) >> 64);
    }

    function _buildStress(BookMath.Book memory x, int256 u) private pure returns (uint256[2] memory) {
        int256[8] memory nodes;
        StressMath.State memory s = StressMath.stateOf(x.spot, x.secondsLeft);
        for (uint256 i; i < x.strikes.length; ++i) {
            BookMath.Strike memory k = x.strikes[i];
            if (k.q == 0) continue;
            StressMath.addCalls(nodes, StressMath.calls(s, k.strike, (BookMath.sigmaAt(k, u) * ONE) >> 64), 0, k.q);
        }
        StressMath.addPuts(nodes, x.spot, x.puts, x.putStrikes, 1);
        return StressMath.pack(nodes);
    }

    // ------------------------------------------------------------ refresh

    function refresh(Timestamp expiry) external {
        _entry(expiry);
        SURFACE.update(expiry);
        _rebuild(expiry, ORACLE.read().price.raw());
    }

    function _rebuild(Timestamp expiry, uint256 spot) private {
        LedgerStore.Entry storage e = _entries[expiry];
        e.anchors = SURFACE.packed(expiry);
        BookMath.Book memory x = _load(expiry, spot);
        int256 u = DualCost.maximise(x, e.shift, _isConcave(x));
        (BookMath.Sums memory s,) = BookMath.sums(x, u, BookMath.NONE);
        (e.refShift, e.refSpot, e.refTime) = (int80(u), uint96(spot), uint32(block.timestamp));
        e.nodes = _buildStress(x, u);
        e.writeGreeks(x, s, u);
        emit Refreshed(expiry, Wad.wrap(spot), _shiftWad(u), SWad.wrap(e.liability), e.greeksOf());
    }

    function _isConcave(BookMath.Book memory x) private pure returns (bool) {
        (uint256 bound,) = Curvature.bounds(x, BookMath.NONE, 0, _share(x, CONCAVE));
        return bound < _share(x, CONCAVE);
    }

    // ------------------------------------------------------------ views

    function expiries() external view returns (Timestamp[] memory) {
        return _expiries;
    }

    function aggregate(Wad spot)
        external
        view
        returns (BookGreeks memory greeks, SWad liability, SWad[8] memory nodes, Timestamp stale)
    {
        uint256 n = _expiries.length;
        for (uint256 i; i < n; ++i) {
            LedgerStore.Entry storage e = _entries[_expiries[i]];
            liability = liability + _move(e, _expiries[i], spot, greeks);
            int256[8] memory values = StressMath.unpack(e.nodes);
            for (uint256 k; k < 8; ++k) {
                nodes[k] = nodes[k] + SWad.wrap(values[k] * int256(BookMath.LOT));
            }
            if (Timestamp.unwrap(stale) == 0 && !_fresh(e, spot.raw())) stale = _expiries[i];
        }
    }

    /// @dev Adds the expiry's Greeks at `spot` and returns its liability there and now, by Taylor.
    function _move(LedgerStore.Entry storage e, Timestamp expiry, Wad spot, BookGreeks memory total)
        private
        view
        returns (SWad)
    {
        BookGreeks memory g = e.greeksOf();
        SWad move = spot.signed() - SWad.wrap(int256(uint256(e.spot)));
        Timestamp end = blockTime() < expiry ? blockTime() : expiry;
        SWad elapsed = SWad.wrap(int256(end.since(Timestamp.wrap(e.time)) * ONE / YEAR));
        SWad bend = g.gamma.mulS(move);
        total.delta = total.delta + g.delta + bend;
        total.gamma = total.gamma + g.gamma;
        total.vega = total.vega + g.vega;
        total.theta = total.theta + g.theta;
        SWad half = SWad.wrap(bend.mulS(move).rawS() / 2);
        return SWad.wrap(e.liability) - g.delta.mulS(move) - half - g.theta.mulS(elapsed);
    }

    function _fresh(LedgerStore.Entry storage e, uint256 spot) private view returns (bool) {
        if (block.timestamp > e.refTime + MAX_AGE) return false;
        return FixedPointMathLib.dist(spot, e.refSpot) * ONE <= MAX_MOVE * e.refSpot;
    }

    function vegaOf(Timestamp expiry) external view returns (SWad) {
        return _entry(expiry).greeksOf().vega;
    }

    function liabilityAt(Wad spot) external view returns (SWad total) {
        for (uint256 i; i < _expiries.length; ++i) {
            BookMath.Book memory x = _load(_expiries[i], spot.raw());
            int256 u = DualCost.maximise(x, _entries[_expiries[i]].shift, _isConcave(x));
            (BookMath.Sums memory s,) = BookMath.sums(x, u, BookMath.NONE);
            total = total + SWad.wrap(BookMath.objective(x, s, u) / int256(BookMath.LOTS));
        }
    }

    function book(Timestamp expiry) external view returns (ExpiryBook memory) {
        return LedgerViews.book(_entry(expiry), expiry);
    }

    function vols(Timestamp expiry) external view returns (Wad[] memory strikes, Wad[] memory sigma) {
        return LedgerViews.vols(_entry(expiry));
    }

    function valueOf(SeriesId id, Wad spot) external view returns (OptionGreeks memory greeks, Wad iv) {
        uint256 left = id.expiryOf().since(blockTime());
        uint256 strike = strikeOf(id).raw();
        iv = _entries[id.expiryOf()].volAt(id.strikeIndexOf());
        greeks = Black76.greeks(spot.raw(), strike, left, iv.raw());
    }

    function nodeValues(SeriesId id) external view returns (Wad[8] memory out) {
        LedgerStore.Entry storage e = _entry(id.expiryOf());
        BookMath.Book memory x = _load(id.expiryOf(), e.refSpot);
        if (id.strikeIndexOf() >= x.strikes.length) revert UnknownSeries(id);
        BookMath.Strike memory k = x.strikes[id.strikeIndexOf()];
        uint256[8] memory values = _nodeCalls(e, k, id.expiryOf());
        if (!id.isCallOf()) StressMath.toPuts(values, e.refSpot, k.strike);
        for (uint256 i; i < 8; ++i) {
            out[i] = Wad.wrap(values[i]);
        }
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

    function _load(Timestamp expiry, uint256 spot) private view returns (BookMath.Book memory) {
        Black76.checkRange(spot, ONE);
        return _entry(expiry).load(spot, expiry.since(blockTime()), MAX_SHIFT);
    }

    function _shiftWad(int256 shift) private pure returns (SWad) {
        return SWad.wrap((shift * int256(ONE)) >> 64);
    }

    function _share(BookMath.Book memory x, uint256 share) private pure returns (uint256) {
        return uint256(x.stiffness) * share / ONE;
    }

    /// @dev From units of the stiffness to quote per vol^2.
    function _curvature(BookMath.Book memory x, uint256 value) private pure returns (Wad) {
        return Wad.wrap(FixedPointMathLib.fullMulDiv(value, x.scale, uint256(BookMath.Q64) * BookMath.LOTS));
    }
}
