// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {BookChange} from "../types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, blockTime, floorDiv} from "../types/Units.sol";
import {Black76} from "./Black76.sol";
import {BookMath} from "./BookMath.sol";
import {Curvature} from "./Curvature.sol";
import {DualCost} from "./DualCost.sol";
import {LedgerStore} from "./LedgerStore.sol";
import {StressMath} from "./StressMath.sol";

/// A trade of the ledger and its preview, in a library of its own because of the limit on a contract's size.
library LedgerTrade {
    using LedgerStore for LedgerStore.Entry;

    /// @dev The ledger's parameters, wads.
    struct Limits {
        uint256 maxShift;
        uint256 curvature;
        uint256 stressGap;
    }

    /// @dev A trade in progress. `curvature` bounds the new book's, in units of the stiffness.
    struct Deal {
        Timestamp expiry;
        uint256 strike; // index
        bool isCall;
        int256 lots;
        uint256 curvature;
    }

    function trade(
        LedgerStore.Entry storage e,
        SeriesId id,
        SWad size,
        Wad spot,
        bool opening,
        Limits memory limits
    ) external returns (BookChange memory) {
        BookMath.Book memory x = _load(e, id, spot.raw(), limits);
        Deal memory deal = _deal(id, size, x);
        int256 old = x.strikes[deal.strike].q;
        DualCost.Solution memory r = _solve(x, deal, e.shiftOf(), limits);
        if (opening) _checkLimits(x, deal, r.later, limits);
        _addStress(e, x, deal, old, limits.stressGap);
        e.setNet(deal.strike, old + deal.lots);
        if (!deal.isCall) _addPut(e, x, deal);
        e.writeGreeks(x, r.sums, r.swept, true);
        return _change(x, deal, r);
    }

    function preview(LedgerStore.Entry storage e, SeriesId id, SWad size, Wad spot, Limits memory limits)
        external
        view
        returns (BookChange memory)
    {
        BookMath.Book memory x = _load(e, id, spot.raw(), limits);
        Deal memory deal = _deal(id, size, x);
        return _change(x, deal, _solve(x, deal, e.shiftOf(), limits));
    }

    // ------------------------------------------------------------ steps

    function _load(LedgerStore.Entry storage e, SeriesId id, uint256 spot, Limits memory limits)
        private
        view
        returns (BookMath.Book memory)
    {
        Black76.checkRange(spot, ONE);
        return e.load(spot, id.expiryOf().since(blockTime()), limits.maxShift);
    }

    function _deal(SeriesId id, SWad size, BookMath.Book memory x) private pure returns (Deal memory deal) {
        deal.expiry = id.expiryOf();
        deal.strike = id.strikeIndexOf();
        deal.isCall = id.isCallOf();
        if (deal.strike >= x.strikes.length) revert IGreekLedger.UnknownSeries(id);
        if (size.rawS() % int256(BookMath.LOT) != 0) revert IGreekLedger.SizeNotInLots(size);
        deal.lots = size.rawS() / int256(BookMath.LOT);
        int256 next = x.strikes[deal.strike].q + deal.lots;
        if (next != int64(next)) revert IGreekLedger.PositionOverflow(size);
    }

    function _solve(BookMath.Book memory x, Deal memory deal, int256 shift, Limits memory limits)
        private
        pure
        returns (DualCost.Solution memory)
    {
        bool concave = true;
        if (BookMath.moves(x)) {
            uint256 before;
            (before, deal.curvature) =
                Curvature.bounds(x, deal.strike, deal.lots, BookMath.share(x, limits.curvature));
            concave = FixedPointMathLib.max(before, deal.curvature) < BookMath.share(x, Curvature.CONCAVE);
        }
        return DualCost.trade(x, deal.strike, deal.lots, shift, concave);
    }

    function _checkLimits(BookMath.Book memory x, Deal memory deal, int256 shift, Limits memory limits) private pure {
        if (!BookMath.moves(x)) return;
        uint256 most = BookMath.share(x, limits.curvature);
        if (deal.curvature > most) {
            revert IGreekLedger.CurvatureLimit(_quote(x, deal.curvature), _quote(x, most));
        }
        if (FixedPointMathLib.abs(shift) >= uint256(x.limit)) {
            revert IGreekLedger.ShiftLimit(BookMath.toWad(shift), BookMath.toWad(x.limit).absS());
        }
    }

    function _addPut(LedgerStore.Entry storage e, BookMath.Book memory x, Deal memory deal) private {
        x.puts += deal.lots;
        x.putStrikes += deal.lots * int256(x.strikes[deal.strike].strike);
        if (x.puts != int64(x.puts)) revert IGreekLedger.PositionOverflow(SWad.wrap(x.puts * int256(BookMath.LOT)));
        (e.puts, e.putStrikes) = (int64(x.puts), int144(x.putStrikes));
    }

    function _addStress(LedgerStore.Entry storage e, BookMath.Book memory x, Deal memory deal, int256 old, uint256 gap)
        private
    {
        uint256[2] memory nodes = [e.nodes[0], e.nodes[1]];
        BookMath.Strike memory k = x.strikes[deal.strike];
        StressMath.State memory s = StressMath.stateOf(e.refSpotOf(), deal.expiry.since(Timestamp.wrap(e.refTime)));
        gap = s.spot * gap / ONE;
        uint256 sigma = (BookMath.sigmaAt(k, e.refShiftOf()) * ONE) >> 64;
        StressMath.addCalls(nodes, StressMath.calls(s, k.strike, StressMath.lnOf(s, k.strike), sigma), gap, old, old + deal.lots);
        if (!deal.isCall) {
            int256[2] memory next = [x.puts + deal.lots, x.putStrikes + deal.lots * int256(k.strike)];
            StressMath.addPuts(nodes, s.spot, [x.puts, x.putStrikes], next);
        }
        (e.nodes[0], e.nodes[1]) = (nodes[0], nodes[1]);
    }

    // ------------------------------------------------------------ result

    /// @dev Costs of puts follow from calls' by parity, exactly; cost is rounded up to a wei.
    function _change(BookMath.Book memory x, Deal memory deal, DualCost.Solution memory r)
        private
        pure
        returns (BookChange memory c)
    {
        int256 parity;
        c.delta = SWad.wrap(int256(r.point.delta));
        if (!deal.isCall) {
            parity = int256(x.strikes[deal.strike].strike) - int256(x.spot);
            c.delta = SWad.wrap(int256(r.point.delta) - int256(ONE));
        }
        c.cost = SWad.wrap(-floorDiv(-(r.cost + deal.lots * parity), int256(BookMath.LOTS)));
        c.mark = Wad.wrap(uint256(int256(r.point.call) + parity));
        c.iv = Wad.wrap((r.point.sigma * ONE) >> 64);
        c.vega = Wad.wrap(uint256(BookMath.vegaOf(x, int256(r.point.density))));
        c.gamma = Wad.wrap(uint256(BookMath.gammaOf(x, int256(r.point.flat))));
        (c.shiftBefore, c.shiftAfter) = (BookMath.toWad(r.before), BookMath.toWad(r.later));
    }

    /// @dev From units of the stiffness to quote per vol^2.
    function _quote(BookMath.Book memory x, uint256 value) private pure returns (Wad) {
        return Wad.wrap(FixedPointMathLib.fullMulDiv(value, x.scale, uint256(BookMath.Q64) * BookMath.LOTS));
    }
}
