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
        uint256[] strikes;
        int256[] sizes; // + long, - short
        bool[] calls;
        uint256[] vols; // of each leg now
    }

    /// @dev Of one leg: ln(spot / strike) and total volatilities now, shocked up and shocked down; all Q96.
    struct Kernel {
        int256 ln;
        uint256 flat;
        uint256 up;
        uint256 down;
    }

    struct Requirement {
        int256 mark; // debt now
        uint256 initial;
        uint256 buffer;
        uint256 maintenance;
    }

    /// @dev The states: 7 spots times {vol flat, up, down}, then the lower and the upper tail with vol up.
    uint256 private constant STATES = 23;
    uint256 private constant NOW = 9; // fourth spot, flat
    uint256 private constant TAIL_DOWN = 21;
    uint256 private constant TAIL_UP = 22;
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
            int256 ln = Black76.lnRatio(g.spot, g.strikes[i]);
            sum -= g.sizes[i] * _value(g, i, g.spot, ln, _total(g.vols[i], root));
        }
        return _ceilWad(sum);
    }

    /// @notice Debts at the ledger's eight stress nodes, built on the state of now.
    function nodeDebts(Group memory g) internal pure returns (int256[8] memory debts) {
        StressMath.State memory s = StressMath.stateOf(g.spot, g.secondsLeft);
        for (uint256 i; i < g.sizes.length; ++i) {
            uint256[8] memory values = StressMath.calls(s, g.strikes[i], g.vols[i]);
            if (!g.calls[i]) StressMath.toPuts(values, g.spot, g.strikes[i]);
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
        r.mark = debts[NOW];
        uint256 loss = _maxLoss(debts, p);
        (uint256 contracts, uint256 legs) = _shorts(g);
        uint256 shortSpot = FixedPointMathLib.fullMulDivUp(contracts, g.spot, ONE);
        uint256 charge = p.positionCharge.raw() * legs;
        r.maintenance = _share(loss, shortSpot, p.maintenanceFactor, p.maintenanceSpot, p.maintenanceFloor) + charge;
        r.maintenance = FixedPointMathLib.max(r.maintenance, _above(_intrinsicDebt(g, g.spot), r.mark));
        r.buffer = r.maintenance + FixedPointMathLib.fullMulDivUp(r.maintenance, p.buffer.raw(), ONE);
        r.initial = _share(loss, shortSpot, p.initialFactor, p.initialSpot, p.initialFloor) + charge;
        r.initial = FixedPointMathLib.max(r.initial, r.buffer);
        _cap(g, r);
    }

    // ------------------------------------------------------------ states

    /// @dev What the legs owe in every state.
    function _debts(Group memory g, MarginParams memory p) private pure returns (int256[STATES] memory debts) {
        Black76.checkRange(g.spot * p.tailUp.raw() / ONE, g.spot);
        Wad scale = VolShock.scale(g.secondsLeft);
        uint256 root = Black76.sqrtYears(g.secondsLeft);
        for (uint256 i; i < g.sizes.length; ++i) {
            Kernel memory k = _kernel(g, i, p, scale, root);
            _addGrid(debts, g, i, k);
            _addTail(debts, TAIL_DOWN, g, i, k.up, p.tailDown);
            _addTail(debts, TAIL_UP, g, i, k.up, p.tailUp);
        }
        for (uint256 s; s < STATES; ++s) {
            debts[s] = _ceilWad(debts[s]);
        }
    }

    function _kernel(Group memory g, uint256 i, MarginParams memory p, Wad scale, uint256 root)
        private
        pure
        returns (Kernel memory k)
    {
        Wad vol = Wad.wrap(g.vols[i]);
        k.ln = Black76.lnRatio(g.spot, g.strikes[i]);
        k.flat = _total(vol.raw(), root);
        k.up = _total(VolShock.up(vol, scale, p.volUp, p.volUpFloor).raw(), root);
        k.down = _total(VolShock.down(vol, scale, p.volDown).raw(), root);
    }

    function _addGrid(int256[STATES] memory debts, Group memory g, uint256 i, Kernel memory k) private pure {
        int256 size = g.sizes[i];
        for (uint256 j; j < 7; ++j) {
            uint256 spot = g.spot * uint16(GRID >> 16 * j) / PER_MILLE;
            int256 ln = k.ln + _lnOf(j);
            debts[3 * j] -= size * _value(g, i, spot, ln, k.flat);
            debts[3 * j + 1] -= size * _value(g, i, spot, ln, k.up);
            debts[3 * j + 2] -= size * _value(g, i, spot, ln, k.down);
        }
    }

    function _addTail(
        int256[STATES] memory debts, uint256 state, Group memory g, uint256 i, uint256 total, Wad multiple
    ) private pure {
        uint256 spot = FixedPointMathLib.max(g.spot * multiple.raw() / ONE, 1);
        debts[state] -= g.sizes[i] * _value(g, i, spot, Black76.lnRatio(spot, g.strikes[i]), total);
    }

    /// @dev Value of one contract of leg i.
    function _value(Group memory g, uint256 i, uint256 spot, int256 ln, uint256 total) private pure returns (int256) {
        (uint256 call, uint256 put) = _price(spot, g.strikes[i], ln, total);
        return int256(g.calls[i] ? call : put);
    }

    function _price(uint256 spot, uint256 strike, int256 ln, uint256 total)
        private
        pure
        returns (uint256 call, uint256 put)
    {
        if (total == 0) {
            (call, put,) = Black76.intrinsic(spot, strike);
            return (call, put);
        }
        (int256 d1, int256 d2) = Black76.moneyness(ln, total);
        (uint256 mantissa, uint256 shift) = Black76.expHalfSquare(d1);
        (call, put,) = Black76.valueAt(spot, strike, d1, d2, mantissa, shift);
    }

    function _total(uint256 vol, uint256 root) private pure returns (uint256) {
        return Black76.clampVol(vol) * root / ONE;
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
    function _maxLoss(int256[STATES] memory debts, MarginParams memory p) private pure returns (uint256 loss) {
        int256 worst = debts[NOW];
        for (uint256 s; s < TAIL_DOWN; ++s) {
            worst = FixedPointMathLib.max(worst, debts[s]);
        }
        loss = uint256(worst - debts[NOW]);
        loss = FixedPointMathLib.max(loss, _damped(debts[TAIL_DOWN], debts[NOW], p.tailDownWeight));
        loss = FixedPointMathLib.max(loss, _damped(debts[TAIL_UP], debts[NOW], p.tailUpWeight));
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

    /// @dev Debt plus requirement never exceeds the most the legs can owe at expiry. Calls sold net have no such limit.
    /// The payoff is piecewise linear in spot: its maximum lies at zero or at a strike.
    function _cap(Group memory g, Requirement memory r) private pure {
        int256 netCalls;
        int256 most = _intrinsicDebt(g, 0);
        for (uint256 i; i < g.sizes.length; ++i) {
            if (g.calls[i]) netCalls += g.sizes[i];
            most = FixedPointMathLib.max(most, _intrinsicDebt(g, g.strikes[i]));
        }
        if (netCalls < 0) return;
        uint256 room = _above(most, r.mark);
        r.maintenance = FixedPointMathLib.min(r.maintenance, room);
        r.buffer = FixedPointMathLib.min(r.buffer, room);
        r.initial = FixedPointMathLib.min(r.initial, room);
    }

    function _intrinsicDebt(Group memory g, uint256 spot) private pure returns (int256) {
        int256 sum;
        for (uint256 i; i < g.sizes.length; ++i) {
            uint256 strike = g.strikes[i];
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
