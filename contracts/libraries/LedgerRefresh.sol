// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ONE, SeriesId, Timestamp, Wad, blockTime} from "../types/Units.sol";
import {BookMath} from "./BookMath.sol";
import {Curvature} from "./Curvature.sol";
import {DualCost} from "./DualCost.sol";
import {LedgerStore} from "./LedgerStore.sol";
import {LedgerTrade} from "./LedgerTrade.sol";
import {StressMath} from "./StressMath.sol";

/// Revaluation of a whole expiry, in a library of its own because of the limit on a contract's size.
library LedgerRefresh {
    using LedgerStore for LedgerStore.Entry;

    /// @notice Takes over new anchors, re-maximises the shift and rebuilds Greeks and stress nodes at `spot`.
    function rebuild(
        LedgerStore.Entry storage e,
        Timestamp expiry,
        uint256[3] memory anchors,
        uint256 spot,
        LedgerTrade.Limits memory limits
    ) external {
        e.anchors = anchors;
        BookMath.Book memory x = e.load(spot, expiry.since(blockTime()), limits.maxShift);
        (int256 u, BookMath.Sums memory s) = _revalue(x, e.shiftOf());
        e.setReference(spot, u);
        e.nodes = _nodes(x, e.refSpotOf(), e.refShiftOf(), limits.stressGap);
        e.writeGreeks(x, s, u, false);
    }

    /// @notice C(q) at `spot` and now, wad, rounded up: what the pool owes.
    function liability(LedgerStore.Entry storage e, Timestamp expiry, uint256 spot, uint256 maxShift)
        external
        view
        returns (int256)
    {
        if (e.isEmpty()) return 0;
        BookMath.Book memory x = e.load(spot, expiry.since(blockTime()), maxShift);
        (int256 u, BookMath.Sums memory s) = _revalue(x, e.shiftOf());
        return BookMath.liability(x, s, u);
    }

    /// @notice Value of one contract of a series at the stress nodes of its expiry.
    function nodeValues(LedgerStore.Entry storage e, SeriesId id, uint256 strike)
        external
        view
        returns (Wad[8] memory out)
    {
        StressMath.State memory s = StressMath.stateOf(e.refSpotOf(), id.expiryOf().since(Timestamp.wrap(e.refTime)));
        uint256 sigma = e.volAt(id.strikeIndexOf(), e.refShiftOf()).raw();
        uint256[8] memory values = StressMath.calls(s, strike, StressMath.lnOf(s, strike), sigma);
        if (!id.isCallOf()) StressMath.toPuts(values, e.refSpotOf(), strike);
        for (uint256 i; i < StressMath.NODES; ++i) {
            out[i] = Wad.wrap(values[i]);
        }
    }

    /// @dev The maximiser and the sums there.
    function _revalue(BookMath.Book memory x, int256 u) private pure returns (int256, BookMath.Sums memory s) {
        if (BookMath.moves(x)) {
            uint256 enough = BookMath.share(x, Curvature.CONCAVE);
            (uint256 bound,) = Curvature.bounds(x, BookMath.NONE, 0, enough);
            u = DualCost.maximise(x, u, bound < enough);
        } else {
            u = 0;
        }
        (s,) = BookMath.sums(x, u, BookMath.NONE);
        return (u, s);
    }

    function _nodes(BookMath.Book memory x, uint256 spot, int256 u, uint256 gap)
        private
        pure
        returns (uint256[2] memory nodes)
    {
        StressMath.State memory s = StressMath.stateOf(spot, x.secondsLeft);
        gap = spot * gap / ONE;
        for (uint256 i; i < x.strikes.length; ++i) {
            BookMath.Strike memory k = x.strikes[i];
            if (k.q == 0) continue;
            uint256 sigma = (BookMath.sigmaAt(k, u) * ONE) >> 64;
            StressMath.addCalls(nodes, StressMath.calls(s, k.strike, StressMath.lnOf(s, k.strike), sigma), gap, 0, k.q);
        }
        int256[2] memory none;
        StressMath.addPuts(nodes, spot, none, [x.puts, x.putStrikes]);
    }
}
