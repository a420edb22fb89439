// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {MarginParams} from "../types/Params.sol";
import {ONE, Wad} from "../types/Units.sol";
import {Black76} from "./Black76.sol";
import {StressMath} from "./StressMath.sol";
import {VolShock} from "./VolShock.sol";

/// Scenario margin of the legs of one expiry. `debt` is what the legs owe in a state (shorts positive, longs
/// negative), rounded up; a requirement is what the account needs above its debt of now. Wads throughout.
library MarginMath {
    struct Leg {
        uint256 strike;
        uint256 vol; // now
        int256 size; // + long, - short
        bool isCall;
        int256 ln; // of spot over strike, Q96
    }

    struct Group {
        StressMath.State state; // now; its scale is set only where somebody is short
        Leg[] legs;
        uint256 cover; // underlying that stands behind the legs, less the haircut where it covers no call
    }

    /// @dev What a group is sold and bought.
    struct Shape {
        uint256 contracts; // sold
        uint256 shorts; // legs
        int256 netCalls;
        uint256 states; // to be priced, one bit each
    }

    /// @dev The spots of the states that are priced and their logarithms relative to spot, Q96.
    struct Grid {
        uint256[9] spots;
        int256[9] lns;
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
    uint256 private constant GRID_SET = (1 << 21) - 1; // all but the tails
    uint256 private constant TAIL_DOWN = 22; // eighth spot, up
    uint256 private constant TAIL_UP = 25;
    /// @dev Sets of states, one bit each. A group without longs owes most with vol up; of calls (puts) alone, at the
    /// highest (lowest) spot of the grid. Now and the tails are in every set.
    uint256 private constant ALWAYS = 1 << NOW | 1 << TAIL_DOWN | 1 << TAIL_UP;
    uint256 private constant EVERY = ALWAYS | GRID_SET;
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
        for (uint256 i; i < g.legs.length; ++i) {
            Leg memory leg = g.legs[i];
            uint256 total = _total(leg.vol, g.state.rootTime);
            sum -= leg.size * _value(g.state.spot, leg.strike, leg.ln, total, leg.isCall);
        }
        return _ceilWad(sum);
    }

    /// @notice An upper bound of the debt at any stress node: longs aside, every short leg where it is dearest.
    function nodeBound(Group memory g) internal pure returns (uint256 bound) {
        for (uint256 i; i < g.legs.length; ++i) {
            Leg memory leg = g.legs[i];
            if (leg.size >= 0) continue;
            uint256 most = StressMath.most(g.state, leg.strike, leg.ln, leg.vol, leg.isCall);
            bound += FixedPointMathLib.fullMulDivUp(uint256(-leg.size), most, ONE);
        }
    }

    /// @notice Adds the debts at the ledger's eight stress nodes, built on the state of now. Bounds as in `_addLeg`.
    function addNodeDebts(Group memory g, int256[8] memory sums) internal pure {
        int256[8] memory debts;
        for (uint256 i; i < g.legs.length; ++i) {
            Leg memory leg = g.legs[i];
            uint256[8] memory values = StressMath.calls(g.state, leg.strike, leg.ln, leg.vol);
            if (!leg.isCall) StressMath.toPuts(values, g.state.spot, leg.strike);
            _subtract(debts, values, leg.size);
        }
        _addCeiled(sums, debts);
    }

    /// @dev sums += debts / 1e18, rounded up as in `_ceilWad`.
    function _addCeiled(int256[8] memory sums, int256[8] memory debts) private pure {
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 0x100) { i := add(i, 0x20) } {
                let debt := mload(add(debts, i))
                let units := add(sdiv(debt, ONE), sgt(smod(debt, ONE), 0))
                mstore(add(sums, i), add(mload(add(sums, i)), units))
            }
        }
    }

    function _subtract(int256[8] memory debts, uint256[8] memory values, int256 size) private pure {
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 0x100) { i := add(i, 0x20) } {
                let at := add(debts, i)
                mstore(at, sub(mload(at), mul(size, mload(add(values, i)))))
            }
        }
    }

    function requirement(Group memory g, MarginParams memory p) internal pure returns (Requirement memory r) {
        Shape memory shape = _shapeOf(g);
        int256[STATES] memory debts = _debts(g, p, shape.states);
        r.mark = _ceilWad(debts[NOW]);
        if (g.cover != 0) _subtractCover(debts, g, p);
        int256 net = _ceilWad(debts[NOW]);
        r.credit = uint256(r.mark - net);
        uint256 loss = _maxLoss(debts, shape.states, net, p);
        uint256 shortSpot = FixedPointMathLib.fullMulDivUp(shape.contracts, g.state.spot, ONE);
        uint256 charge = p.positionCharge.raw() * shape.shorts;
        r.maintenance = _share(loss, shortSpot, p.maintenanceFactor, p.maintenanceSpot, p.maintenanceFloor) + charge;
        r.maintenance = FixedPointMathLib.max(r.maintenance, _above(_intrinsicDebt(g, g.state.spot), net));
        r.buffer = r.maintenance + FixedPointMathLib.fullMulDivUp(r.maintenance, p.buffer.raw(), ONE);
        r.initial = _share(loss, shortSpot, p.initialFactor, p.initialSpot, p.initialFloor) + charge;
        r.initial = FixedPointMathLib.max(r.initial, r.buffer);
        if (shape.netCalls + int256(g.cover) >= 0) _cap(g, r, net);
    }

    /// @notice Calls sold less calls bought, at least 0: what one underlying each covers.
    function callsSold(Group memory g) internal pure returns (uint256) {
        int256 net = _shapeOf(g).netCalls;
        return net < 0 ? uint256(-net) : 0;
    }

    /// @dev A price rises with vol, a call's with spot, a put's against it, cover against it. No overflow: a size is
    /// below 2^63 lots of 1e12, there are 8 legs.
    function _shapeOf(Group memory g) private pure returns (Shape memory shape) {
        bool calls = g.cover != 0;
        (bool puts, bool longs) = (calls, false);
        unchecked {
            for (uint256 i; i < g.legs.length; ++i) {
                Leg memory leg = g.legs[i];
                if (leg.isCall) (calls, shape.netCalls) = (true, shape.netCalls + leg.size);
                else puts = true;
                if (leg.size > 0) longs = true;
                if (leg.size >= 0) continue;
                (shape.contracts, shape.shorts) = (shape.contracts + uint256(-leg.size), shape.shorts + 1);
            }
        }
        shape.states = longs ? EVERY : !puts ? HIGHEST_UP : calls ? VOL_UP : LOWEST_UP;
    }

    /// @dev Cover does not change with vol, so that what the states left out may be, it leaves out.
    function _subtractCover(int256[STATES] memory debts, Group memory g, MarginParams memory p) private pure {
        for (uint256 j; j < SPOTS; ++j) {
            int256 worth = int256(g.cover * _spotAt(g.state.spot, j, p));
            for (uint256 i; i < 3; ++i) {
                debts[3 * j + i] -= worth;
            }
        }
    }

    // ------------------------------------------------------------ states

    /// @dev What the legs owe in every state that may count, times 1e18; 0, which is not more, in the others.
    function _debts(Group memory g, MarginParams memory p, uint256 states)
        private
        pure
        returns (int256[STATES] memory debts)
    {
        Grid memory grid = _grid(g.state.spot, p, states);
        for (uint256 i; i < g.legs.length; ++i) {
            Leg memory leg = g.legs[i];
            Black76.checkRange(grid.spots[SPOTS - 1], leg.strike);
            _addLeg(debts, grid, leg, _totals(g.state, leg.vol, p), states);
        }
    }

    function _grid(uint256 spot, MarginParams memory p, uint256 states) private pure returns (Grid memory grid) {
        while (states != 0) {
            uint256 j = LibBit.ffs(states) / 3;
            states &= type(uint256).max << 3 * j + 3;
            grid.spots[j] = _spotAt(spot, j, p);
            grid.lns[j] = j < SPOTS - 2 ? _lnOf(j) : Black76.lnRatio(grid.spots[j], spot);
        }
    }

    function _spotAt(uint256 spot, uint256 j, MarginParams memory p) private pure returns (uint256) {
        if (j < SPOTS - 2) return spot * uint16(GRID >> 16 * j) / PER_MILLE;
        Wad tail = j == SPOTS - 2 ? p.tailDown : p.tailUp;
        return FixedPointMathLib.max(spot * tail.raw() / ONE, 1);
    }

    /// @dev Total volatilities of a leg: flat, up, down; Q96.
    function _totals(StressMath.State memory state, uint256 vol, MarginParams memory p)
        private
        pure
        returns (uint256[3] memory totals)
    {
        totals[0] = _total(vol, state.rootTime);
        totals[1] = _total(VolShock.up(Wad.wrap(vol), state.scale, p.volUp, p.volUpFloor).raw(), state.rootTime);
        totals[2] = _total(VolShock.down(Wad.wrap(vol), state.scale, p.volDown).raw(), state.rootTime);
    }

    /// @dev The hot loop: array places are computed, not checked. No overflow either: a size is below 2^63 lots of
    /// 1e12, a price below 2^96, there are 8 legs.
    function _addLeg(
        int256[STATES] memory debts,
        Grid memory grid,
        Leg memory leg,
        uint256[3] memory totals,
        uint256 states
    ) private pure {
        (uint256[9] memory spots, int256[9] memory lns) = (grid.spots, grid.lns);
        unchecked {
            for (; states != 0; states &= states - 1) {
                uint256 state = LibBit.ffs(states);
                (uint256 spot, int256 ln, uint256 total) = (0, leg.ln, 0);
                assembly ("memory-safe") {
                    let row := div(state, 3)
                    spot := mload(add(spots, shl(5, row)))
                    ln := add(ln, mload(add(lns, shl(5, row))))
                    total := mload(add(totals, shl(5, sub(state, mul(3, row)))))
                }
                int256 owed = leg.size * _value(spot, leg.strike, ln, total, leg.isCall);
                assembly ("memory-safe") {
                    let at := add(debts, shl(5, state))
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

    /// @dev Volatility is clamped, the root of two hundred million years below 2^110: no overflow.
    function _total(uint256 vol, uint256 root) private pure returns (uint256) {
        unchecked {
            return Black76.clampVol(vol) * root / ONE;
        }
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
    function _maxLoss(int256[STATES] memory debts, uint256 states, int256 now_, MarginParams memory p)
        private
        pure
        returns (uint256 loss)
    {
        int256 worst = debts[NOW];
        unchecked {
            for (states &= GRID_SET; states != 0; states &= states - 1) {
                worst = FixedPointMathLib.max(worst, debts[LibBit.ffs(states)]);
            }
        }
        loss = uint256(_ceilWad(worst) - now_);
        loss = FixedPointMathLib.max(loss, _damped(_ceilWad(debts[TAIL_DOWN]), now_, p.tailDownWeight));
        loss = FixedPointMathLib.max(loss, _damped(_ceilWad(debts[TAIL_UP]), now_, p.tailUpWeight));
    }

    function _damped(int256 tail, int256 now_, Wad weight) private pure returns (uint256) {
        return FixedPointMathLib.fullMulDivUp(_above(tail, now_), weight.raw(), ONE);
    }

    /// @dev Debt plus requirement never exceeds the most the legs can owe at expiry, less cover. Calls sold net beyond
    /// the cover have no such limit. The payoff is piecewise linear in spot: its maximum lies at zero or at a strike.
    function _cap(Group memory g, Requirement memory r, int256 net) private pure {
        int256 most = _intrinsicDebt(g, 0);
        for (uint256 i; i < g.legs.length; ++i) {
            most = FixedPointMathLib.max(most, _intrinsicDebt(g, g.legs[i].strike));
        }
        uint256 room = _above(most, net);
        r.maintenance = FixedPointMathLib.min(r.maintenance, room);
        r.buffer = FixedPointMathLib.min(r.buffer, room);
        r.initial = FixedPointMathLib.min(r.initial, room);
    }

    function _intrinsicDebt(Group memory g, uint256 spot) private pure returns (int256) {
        int256 sum = -int256(g.cover * spot);
        for (uint256 i; i < g.legs.length; ++i) {
            Leg memory leg = g.legs[i];
            uint256 payoff = leg.isCall
                ? FixedPointMathLib.zeroFloorSub(spot, leg.strike)
                : FixedPointMathLib.zeroFloorSub(leg.strike, spot);
            sum -= leg.size * int256(payoff);
        }
        return _ceilWad(sum);
    }

    function _above(int256 a, int256 b) private pure returns (uint256) {
        return a > b ? uint256(a - b) : 0;
    }

    /// @dev x / 1e18, rounded toward plus infinity.
    function _ceilWad(int256 x) private pure returns (int256 q) {
        unchecked {
            q = x / int256(ONE);
            if (x % int256(ONE) > 0) ++q;
        }
    }
}
