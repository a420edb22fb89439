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
        uint256[] flat; // volatility of each leg now
        uint256[] up;
        uint256[] down;
    }

    struct Requirement {
        int256 mark; // debt now
        uint256 initial;
        uint256 buffer;
        uint256 maintenance;
    }

    /// @dev Spot multiples of the grid in thousandths, 16 bits each, first in the lowest.
    uint256 private constant GRID = 800 | 865 << 16 | 930 << 32 | 1000 << 48 | 1070 << 64 | 1135 << 80 | 1200 << 96;
    uint256 private constant GRID_SIZE = 7;
    uint256 private constant PER_MILLE = 1e15;

    /// @notice No requirement at all: neither factor, share nor floor is set.
    function isOff(MarginParams memory p) internal pure returns (bool) {
        return p.initialFactor.raw() | p.maintenanceFactor.raw() | p.initialSpot.raw() | p.maintenanceSpot.raw()
            | p.initialFloor.raw() | p.maintenanceFloor.raw() == 0;
    }

    /// @notice Fills the shocked vols of a group.
    function shock(Group memory g, MarginParams memory p) internal pure {
        Wad scale = VolShock.scale(g.secondsLeft);
        uint256 n = g.flat.length;
        (g.up, g.down) = (new uint256[](n), new uint256[](n));
        for (uint256 i; i < n; ++i) {
            Wad vol = Wad.wrap(g.flat[i]);
            g.up[i] = VolShock.up(vol, scale, p.volUp, p.volUpFloor).raw();
            g.down[i] = VolShock.down(vol, scale, p.volDown).raw();
        }
    }

    /// @notice What the legs owe at `spot` and `vols`.
    function debt(Group memory g, uint256 spot, uint256[] memory vols) internal pure returns (int256) {
        int256 sum;
        for (uint256 i; i < vols.length; ++i) {
            (uint256 call, uint256 put,) = Black76.price(spot, g.strikes[i], g.secondsLeft, vols[i]);
            sum -= g.sizes[i] * int256(g.calls[i] ? call : put);
        }
        return _ceilWad(sum);
    }

    /// @notice Debts at the ledger's eight stress nodes, built on the state of now.
    function nodeDebts(Group memory g) internal pure returns (int256[8] memory debts) {
        StressMath.State memory s = StressMath.stateOf(g.spot, g.secondsLeft);
        for (uint256 i; i < g.sizes.length; ++i) {
            uint256[8] memory values = StressMath.calls(s, g.strikes[i], g.flat[i]);
            if (!g.calls[i]) StressMath.toPuts(values, g.spot, g.strikes[i]);
            for (uint256 k; k < 8; ++k) {
                debts[k] -= g.sizes[i] * int256(values[k]);
            }
        }
        for (uint256 k; k < 8; ++k) {
            debts[k] = _ceilWad(debts[k]);
        }
    }

    /// @notice Requirements of a group whose shocked vols are filled.
    function requirement(Group memory g, MarginParams memory p) internal pure returns (Requirement memory r) {
        r.mark = debt(g, g.spot, g.flat);
        uint256 loss = _maxLoss(g, p, r.mark);
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

    /// @dev max(factor loss + share shortSpot, floor shortSpot).
    function _share(uint256 loss, uint256 shortSpot, Wad factor, Wad share, Wad floor) private pure returns (uint256) {
        uint256 sum = FixedPointMathLib.fullMulDivUp(loss, factor.raw(), ONE)
            + FixedPointMathLib.fullMulDivUp(shortSpot, share.raw(), ONE);
        return FixedPointMathLib.max(sum, FixedPointMathLib.fullMulDivUp(shortSpot, floor.raw(), ONE));
    }

    /// @dev Largest increase of the debt over the grid and the damped tails (with vol up).
    function _maxLoss(Group memory g, MarginParams memory p, int256 mark) private pure returns (uint256 loss) {
        int256 worst = mark;
        for (uint256 i; i < GRID_SIZE; ++i) {
            uint256 spot = _multiple(g.spot, GRID, i);
            worst = FixedPointMathLib.max(worst, debt(g, spot, g.up));
            worst = FixedPointMathLib.max(worst, debt(g, spot, g.down));
            if (spot != g.spot) worst = FixedPointMathLib.max(worst, debt(g, spot, g.flat));
        }
        loss = uint256(worst - mark);
        loss = FixedPointMathLib.max(loss, _tail(g, p.tailDown, p.tailDownWeight, mark));
        loss = FixedPointMathLib.max(loss, _tail(g, p.tailUp, p.tailUpWeight, mark));
    }

    function _tail(Group memory g, Wad multiple, Wad weight, int256 mark) private pure returns (uint256) {
        uint256 spot = FixedPointMathLib.max(g.spot * multiple.raw() / ONE, 1);
        return FixedPointMathLib.fullMulDivUp(_above(debt(g, spot, g.up), mark), weight.raw(), ONE);
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

    function _multiple(uint256 spot, uint256 table, uint256 i) private pure returns (uint256) {
        return spot * (uint16(table >> 16 * i) * PER_MILLE) / ONE;
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
