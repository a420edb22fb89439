// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {IVolSurface} from "./interfaces/IVolSurface.sol";
import {Black76} from "./libraries/Black76.sol";
import {BookMath} from "./libraries/BookMath.sol";
import {LedgerRefresh} from "./libraries/LedgerRefresh.sol";
import {LedgerStore} from "./libraries/LedgerStore.sol";
import {LedgerTrade} from "./libraries/LedgerTrade.sol";
import {LedgerViews} from "./libraries/LedgerViews.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {StressMath} from "./libraries/StressMath.sol";
import {PricingParams} from "./types/Params.sol";
import {Addresses, BookChange, BookGreeks, ExpiryBook, OptionGreeks} from "./types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, YEAR, blockTime} from "./types/Units.sol";

contract GreekLedger is IGreekLedger {
    using LedgerStore for LedgerStore.Entry;

    uint256 private constant MAX_EXPIRIES = 8;
    uint256 private constant MAX_STRIKES = 12;

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

    function trade(SeriesId id, SWad size, Wad spot, bool opening) external onlyMarket returns (BookChange memory) {
        return LedgerTrade.trade(_entry(id.expiryOf()), id, size, spot, opening, _limits());
    }

    function preview(SeriesId id, SWad size, Wad spot) external view returns (BookChange memory) {
        return LedgerTrade.preview(_entry(id.expiryOf()), id, size, spot, _limits());
    }

    function _limits() private view returns (LedgerTrade.Limits memory) {
        return LedgerTrade.Limits(MAX_SHIFT, CURVATURE_LIMIT);
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
        LedgerRefresh.rebuild(e, expiry, SURFACE.packed(expiry), spot, MAX_SHIFT);
        emit Refreshed(expiry, Wad.wrap(spot), BookMath.toWad(e.shift), SWad.wrap(e.liability), e.greeksOf());
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

    function valueOf(SeriesId id, Wad spot) external view returns (OptionGreeks memory greeks, Wad iv) {
        uint256 left = id.expiryOf().since(blockTime());
        uint256 strike = strikeOf(id).raw();
        iv = _entries[id.expiryOf()].volAt(id.strikeIndexOf(), _entries[id.expiryOf()].shift);
        greeks = Black76.greeks(spot.raw(), strike, left, iv.raw());
    }

    function nodeValues(SeriesId id) external view returns (Wad[8] memory out) {
        LedgerStore.Entry storage e = _entry(id.expiryOf());
        uint256 strike = strikeOf(id).raw();
        StressMath.State memory s = StressMath.stateOf(e.refSpot, id.expiryOf().since(Timestamp.wrap(e.refTime)));
        uint256[8] memory values = StressMath.calls(s, strike, e.volAt(id.strikeIndexOf(), e.refShift).raw());
        if (!id.isCallOf()) StressMath.toPuts(values, e.refSpot, strike);
        for (uint256 i; i < StressMath.NODES; ++i) {
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
}
