// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {MarginParams} from "../types/Params.sol";
import {ONE, Wad} from "../types/Units.sol";
import {Black76} from "./Black76.sol";
import {StressMath} from "./StressMath.sol";
import {VolShock} from "./VolShock.sol";

/// Scenario margin of the legs of one expiry. `debt` is what the legs owe in a state (shorts positive, longs
/// negative), rounded up; a requirement is what the account needs above its debt of now. Wads throughout.
library MarginMath {
    struct Group {
        uint256 spot;
        uint256 secondsLeft;
        Wad[] strikes;
        Wad[] vols; // of each leg now
        int256[] sizes; // + long, - short
        bool[] calls;
        uint256 cover; // underlying that stands behind the legs, less the haircut where it covers no call
    }

    /// @dev The nine spots of the states and their logarithms relative to spot, Q96.
    struct Grid {
        uint256[9] spots;
        int256[9] lns;
        uint256 root; // sqrt of the time left in years, Q96
        Wad scale; // of the vol shocks
        uint256 states; // to be priced, one bit each
    }

    struct Leg {
        uint256 strike;
        int256 size;
        bool isCall;
        int256 ln; // of spot over strike, Q96
        uint256[3] totals; // total volatilities: flat, up, down; Q96
    }

    struct Requirement {
        int256 mark; // debt now
        uint256 credit; // what the cover is worth now
        uint256 initial;
        uint256 buffer;
        uint256 maintenance;
    }

    /// @dev States: 9 spots, seven of the grid and two tails, times vol {flat, up, down}; a tail has vol up only.
    uint256 private constant SPOTS = 9;
    uint256 private constant STATES = 27;
    uint256 private constant NOW = 9; // fourth spot, flat
    uint256 private constant GRID_STATES = 21;
    uint256 private constant TAIL_DOWN = 22; // eighth spot, up
    uint256 private constant TAIL_UP = 25;
    /// @dev Sets of states, one bit each. A group without longs owes most with vol up; of calls (puts) alone, at the
    /// highest (lowest) spot of the grid. Now and the tails are in every set.
    uint256 private constant ALWAYS = 1 << NOW | 1 << TAIL_DOWN | 1 << TAIL_UP;
    uint256 private constant EVERY = ALWAYS | (1 << GRID_STATES) - 1;
    uint256 private constant VOL_UP = ALWAYS | 1 << 1 | 1 << 4 | 1 << 7 | 1 << 10 | 1 << 13 | 1 << 16 | 1 << 19;
    uint256 private constant LOWEST_UP = ALWAYS | 1 << 1;
    uint256 private constant HIGHEST_UP = ALWAYS | 1 << 19;
    /// @dev Spot multiples in thousandths, 16 bits each, first in the lowest, and their logarithms, Q96.
    uint256 private constant GRID = 800 | 865 << 16 | 930 << 32 | 1000 << 48 | 1070 << 64 | 1135 << 80 | 1200 << 96;
    uint256 private constant PER_MILLE = 1000;
    int256 private constant LN_0800 = -17679253547532294036705525222;
    int256 private constant LN_0865 = -11490125436754474212786387989;
    int256 private constant LN_0930 = -5749642645691100027167497465;
    int256 private constant LN_1070 = 5360470396778882189665323197;
    int256 private constant LN_1135 = 10032872247760828809950419644;
    int256 private constant LN_1200 = 14445001931525112379818220503;

    /// @notice No requirement at all: neither factor, share nor floor is set.
    function isOff(MarginParams memory p) internal pure returns (bool) {
        return p.initialFactor.raw() | p.maintenanceFactor.raw() | p.initialSpot.raw() | p.maintenanceSpot.raw()
            | p.initialFloor.raw() | p.maintenanceFloor.raw() == 0;
    }

    /// @notice What the legs owe now.
    function mark(Group memory g) internal pure returns (int256) {
        int256 sum;
        uint256 root = Black76.sqrtYears(g.secondsLeft);
        for (uint256 i; i < g.sizes.length; ++i) {
            int256 ln = Black76.lnRatio(g.spot, g.strikes[i].raw());
            sum -= g.sizes[i] * _value(g.spot, g.strikes[i].raw(), ln, _total(g.vols[i], root), g.calls[i]);
        }
        return _ceilWad(sum);
    }

    /// @notice An upper bound of the debt at any stress node: longs aside, every short leg where it is dearest.
    function nodeBound(Group memory g, StressMath.State memory s) internal pure returns (uint256 bound) {
        for (uint256 i; i < g.sizes.length; ++i) {
            if (g.sizes[i] >= 0) continue;
            uint256 most = StressMath.most(s, g.strikes[i].raw(), g.vols[i].raw(), g.calls[i]);
            bound += FixedPointMathLib.fullMulDivUp(uint256(-g.sizes[i]), most, ONE);
        }
    }

    /// @notice Debts at the ledger's eight stress nodes, built on the state of now.
    function nodeDebts(Group memory g, StressMath.State memory s) internal pure returns (int256[8] memory debts) {
        for (uint256 i; i < g.sizes.length; ++i) {
            uint256[8] memory values = StressMath.calls(s, g.strikes[i].raw(), g.vols[i].raw());
            if (!g.calls[i]) StressMath.toPuts(values, g.spot, g.strikes[i].raw());
            for (uint256 k; k < 8; ++k) {
                debts[k] -= g.sizes[i] * int256(values[k]);
            }
        }
        for (uint256 k; k < 8; ++k) {
            debts[k] = _ceilWad(debts[k]);
        }
    }

    function requirement(Group memory g, MarginParams memory p) internal pure returns (Requirement memory r) {
        int256[STATES] memory debts = _debts(g, p);
        r.mark = _ceilWad(debts[NOW]);
        if (g.cover != 0) _subtractCover(debts, g, p);
        int256 net = _ceilWad(debts[NOW]);
        r.credit = uint256(r.mark - net);
        uint256 loss = _maxLoss(debts, net, p);
        (uint256 contracts, uint256 legs) = _shorts(g);
        uint256 shortSpot = FixedPointMathLib.fullMulDivUp(contracts, g.spot, ONE);
        uint256 charge = p.positionCharge.raw() * legs;
        r.maintenance = _share(loss, shortSpot, p.maintenanceFactor, p.maintenanceSpot, p.maintenanceFloor) + charge;
        r.maintenance = FixedPointMathLib.max(r.maintenance, _above(_intrinsicDebt(g, g.spot), net));
        r.buffer = r.maintenance + FixedPointMathLib.fullMulDivUp(r.maintenance, p.buffer.raw(), ONE);
        r.initial = _share(loss, shortSpot, p.initialFactor, p.initialSpot, p.initialFloor) + charge;
        r.initial = FixedPointMathLib.max(r.initial, r.buffer);
        _cap(g, r, net);
    }

    /// @notice Calls sold less calls bought, at least 0: what one underlying each covers.
    function callsSold(Group memory g) internal pure returns (uint256) {
        int256 net = _netCalls(g);
        return net < 0 ? uint256(-net) : 0;
    }

    /// @dev Cover does not change with vol, so that what the states left out may be, it leaves out.
    function _subtractCover(int256[STATES] memory debts, Group memory g, MarginParams memory p) private pure {
        for (uint256 j; j < SPOTS; ++j) {
            int256 worth = int256(g.cover * _spotAt(g.spot, j, p));
            for (uint256 i; i < 3; ++i) {
                debts[3 * j + i] -= worth;
            }
        }
    }

    // ------------------------------------------------------------ states

    /// @dev What the legs owe in every state that may count, times 1e18; 0, which is not more, in the others.
    function _debts(Group memory g, MarginParams memory p) private pure returns (int256[STATES] memory debts) {
        Grid memory grid = _grid(g, p);
        grid.states = _states(g);
        for (uint256 i; i < g.sizes.length; ++i) {
            Black76.checkRange(grid.spots[SPOTS - 1], g.strikes[i].raw());
            uint256 strike = g.strikes[i].raw();
            int256 ln = Black76.lnRatio(g.spot, strike);
            _addLeg(debts, grid, Leg(strike, g.sizes[i], g.calls[i], ln, _totals(grid, g.vols[i], p)));
        }
    }

    /// @dev A price rises with vol, a call's with spot, a put's against it, cover against it.
    function _states(Group memory g) private pure returns (uint256) {
        bool calls = g.cover != 0;
        bool puts = calls;
        for (uint256 i; i < g.sizes.length; ++i) {
            if (g.sizes[i] > 0) return EVERY;
            if (g.calls[i]) calls = true;
            else puts = true;
        }
        if (calls && puts) return VOL_UP;
        return calls ? HIGHEST_UP : LOWEST_UP;
    }

    function _grid(Group memory g, MarginParams memory p) private pure returns (Grid memory grid) {
        grid.root = Black76.sqrtYears(g.secondsLeft);
        grid.scale = VolShock.scale(g.secondsLeft);
        for (uint256 j; j < SPOTS; ++j) {
            grid.spots[j] = _spotAt(g.spot, j, p);
            grid.lns[j] = j < SPOTS - 2 ? _lnOf(j) : Black76.lnRatio(grid.spots[j], g.spot);
        }
    }

    function _spotAt(uint256 spot, uint256 j, MarginParams memory p) private pure returns (uint256) {
        if (j < SPOTS - 2) return spot * uint16(GRID >> 16 * j) / PER_MILLE;
        Wad tail = j == SPOTS - 2 ? p.tailDown : p.tailUp;
        return FixedPointMathLib.max(spot * tail.raw() / ONE, 1);
    }

    /// @dev Total volatilities of a leg: flat, up, down; Q96.
    function _totals(Grid memory grid, Wad vol, MarginParams memory p) private pure returns (uint256[3] memory totals) {
        totals[0] = _total(vol, grid.root);
        totals[1] = _total(VolShock.up(vol, grid.scale, p.volUp, p.volUpFloor), grid.root);
        totals[2] = _total(VolShock.down(vol, grid.scale, p.volDown), grid.root);
    }

    /// @dev The hot loops: array places are computed, not checked. No overflow either: a size is below 2^63 lots of
    /// 1e12, a price below 2^96, there are 8 legs.
    function _addLeg(int256[STATES] memory debts, Grid memory grid, Leg memory leg) private pure {
        unchecked {
            uint256 states = grid.states;
            for (uint256 place; states != 0; (++place, states >>= 3)) {
                if (states & 7 != 0) _addRow(debts, grid, leg, place, states & 7);
            }
        }
    }

    /// @dev The states of one spot.
    function _addRow(int256[STATES] memory debts, Grid memory grid, Leg memory leg, uint256 place, uint256 row)
        private
        pure
    {
        (uint256[SPOTS] memory spots, int256[SPOTS] memory lns) = (grid.spots, grid.lns);
        uint256[3] memory totals = leg.totals;
        unchecked {
            for (uint256 i; row != 0; (++i, row >>= 1)) {
                if (row & 1 == 0) continue;
                uint256 spot;
                int256 ln = leg.ln;
                uint256 total;
                assembly ("memory-safe") {
                    spot := mload(add(spots, shl(5, place)))
                    ln := add(ln, mload(add(lns, shl(5, place))))
                    total := mload(add(totals, shl(5, i)))
                }
                int256 owed = leg.size * _value(spot, leg.strike, ln, total, leg.isCall);
                assembly ("memory-safe") {
                    let at := add(debts, shl(5, add(mul(3, place), i)))
                    mstore(at, sub(mload(at), owed))
                }
            }
        }
    }

    /// @dev Value of one contract.
    function _value(uint256 spot, uint256 strike, int256 ln, uint256 total, bool isCall) private pure returns (int256) {
        (uint256 call, uint256 put) = (0, 0);
        if (total == 0) {
            (call, put,) = Black76.intrinsic(spot, strike);
        } else {
            (int256 d1, int256 d2) = Black76.moneyness(ln, total);
            (uint256 mantissa, uint256 shift) = Black76.expHalfSquare(d1);
            (call, put,) = Black76.valueAt(spot, strike, d1, d2, mantissa, shift);
        }
        return int256(isCall ? call : put);
    }

    function _total(Wad vol, uint256 root) private pure returns (uint256) {
        return Black76.clampVol(vol.raw()) * root / ONE;
    }

    function _lnOf(uint256 j) private pure returns (int256) {
        if (j < 3) return j == 0 ? LN_0800 : j == 1 ? LN_0865 : LN_0930;
        if (j == 3) return 0;
        return j == 4 ? LN_1070 : j == 5 ? LN_1135 : LN_1200;
    }

    // ------------------------------------------------------------ parts of the requirement

    /// @dev max(factor loss + share shortSpot, floor shortSpot).
    function _share(uint256 loss, uint256 shortSpot, Wad factor, Wad share, Wad floor) private pure returns (uint256) {
        uint256 sum = FixedPointMathLib.fullMulDivUp(loss, factor.raw(), ONE)
            + FixedPointMathLib.fullMulDivUp(shortSpot, share.raw(), ONE);
        return FixedPointMathLib.max(sum, FixedPointMathLib.fullMulDivUp(shortSpot, floor.raw(), ONE));
    }

    /// @dev Largest increase of the debt over the grid and the damped tails.
    function _maxLoss(int256[STATES] memory debts, int256 now_, MarginParams memory p)
        private
        pure
        returns (uint256 loss)
    {
        int256 worst = debts[NOW];
        assembly ("memory-safe") {
            let end := add(debts, shl(5, GRID_STATES))
            for { let at := debts } lt(at, end) { at := add(at, 0x20) } {
                if sgt(mload(at), worst) { worst := mload(at) }
            }
        }
        loss = uint256(_ceilWad(worst) - now_);
        loss = FixedPointMathLib.max(loss, _damped(_ceilWad(debts[TAIL_DOWN]), now_, p.tailDownWeight));
        loss = FixedPointMathLib.max(loss, _damped(_ceilWad(debts[TAIL_UP]), now_, p.tailUpWeight));
    }

    function _damped(int256 tail, int256 now_, Wad weight) private pure returns (uint256) {
        return FixedPointMathLib.fullMulDivUp(_above(tail, now_), weight.raw(), ONE);
    }

    /// @dev Contracts sold and the number of short legs.
    function _shorts(Group memory g) private pure returns (uint256 contracts, uint256 legs) {
        for (uint256 i; i < g.sizes.length; ++i) {
            if (g.sizes[i] >= 0) continue;
            contracts += uint256(-g.sizes[i]);
            ++legs;
        }
    }

    /// @dev Debt plus requirement never exceeds the most the legs can owe at expiry, less cover. Calls sold net beyond
    /// the cover have no such limit. The payoff is piecewise linear in spot: its maximum lies at zero or at a strike.
    function _cap(Group memory g, Requirement memory r, int256 net) private pure {
        if (_netCalls(g) + int256(g.cover) < 0) return;
        int256 most = _intrinsicDebt(g, 0);
        for (uint256 i; i < g.sizes.length; ++i) {
            most = FixedPointMathLib.max(most, _intrinsicDebt(g, g.strikes[i].raw()));
        }
        uint256 room = _above(most, net);
        r.maintenance = FixedPointMathLib.min(r.maintenance, room);
        r.buffer = FixedPointMathLib.min(r.buffer, room);
        r.initial = FixedPointMathLib.min(r.initial, room);
    }

    function _netCalls(Group memory g) private pure returns (int256 net) {
        for (uint256 i; i < g.sizes.length; ++i) {
            if (g.calls[i]) net += g.sizes[i];
        }
    }

    function _intrinsicDebt(Group memory g, uint256 spot) private pure returns (int256) {
        int256 sum = -int256(g.cover * spot);
        for (uint256 i; i < g.sizes.length; ++i) {
            uint256 strike = g.strikes[i].raw();
            uint256 payoff = g.calls[i]
                ? FixedPointMathLib.zeroFloorSub(spot, strike)
                : FixedPointMathLib.zeroFloorSub(strike, spot);
            sum -= g.sizes[i] * int256(payoff);
        }
        return _ceilWad(sum);
    }

    function _above(int256 a, int256 b) private pure returns (uint256) {
        return a > b ? uint256(a - b) : 0;
    }

    /// @dev x / 1e18, rounded toward plus infinity.
    function _ceilWad(int256 x) private pure returns (int256 q) {
        q = x / int256(ONE);
        if (x % int256(ONE) > 0) ++q;
    }
}
