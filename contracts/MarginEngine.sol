// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IMarginEngine} from "./interfaces/IMarginEngine.sol";
import {IOptionMarket} from "./interfaces/IOptionMarket.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {MarginMath} from "./libraries/MarginMath.sol";
import {Marks} from "./libraries/Marks.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {StressMath} from "./libraries/StressMath.sol";
import {MarginParams} from "./types/Params.sol";
import {Addresses, Leg, MarginView, OracleView} from "./types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, blockTime} from "./types/Units.sol";

contract MarginEngine is IMarginEngine {
    using MarginMath for MarginMath.Group;

    /// @dev Sums over an account's expiries.
    struct Sum {
        uint256 shorts; // legs
        Wad units; // of underlying
        uint256 credit; // what they count for
        uint256 pledge; // their worth less the haircut, whatever they cover
        int256 mark;
        uint256 initial;
        uint256 buffer;
        uint256 maintenance;
        int256 fixed_; // debt of settled legs, the same in every state
        MarginMath.Group[] groups; // the others, by expiry; `count` of them
        uint256 count;
    }

    /// @dev A guard that never had a price says 0: views answer all the same.
    Wad private constant LEAST_SPOT = Wad.wrap(1);
    uint256 private constant LEAST_PERCENT = 70; // lowest spot of a stress node

    IOracleGuard private immutable ORACLE;
    IGreekLedger private immutable LEDGER;
    IOptionMarket private immutable MARKET;
    bool private immutable OFF;
    Wad private immutable INITIAL_FACTOR;
    Wad private immutable MAINTENANCE_FACTOR;
    Wad private immutable INITIAL_SPOT;
    Wad private immutable MAINTENANCE_SPOT;
    Wad private immutable INITIAL_FLOOR;
    Wad private immutable MAINTENANCE_FLOOR;
    Wad private immutable BUFFER;
    Wad private immutable POSITION_CHARGE;
    Wad private immutable VOL_UP;
    Wad private immutable VOL_DOWN;
    Wad private immutable VOL_UP_FLOOR;
    Wad private immutable TAIL_DOWN;
    Wad private immutable TAIL_UP;
    Wad private immutable TAIL_DOWN_WEIGHT;
    Wad private immutable TAIL_UP_WEIGHT;
    Wad private immutable HAIRCUT;

    constructor(Addresses memory book, MarginParams memory p) {
        ParamBounds.check(p);
        ORACLE = IOracleGuard(book.oracle);
        LEDGER = IGreekLedger(book.ledger);
        MARKET = IOptionMarket(book.market);
        OFF = MarginMath.isOff(p);
        (INITIAL_FACTOR, MAINTENANCE_FACTOR) = (p.initialFactor, p.maintenanceFactor);
        (INITIAL_SPOT, MAINTENANCE_SPOT) = (p.initialSpot, p.maintenanceSpot);
        (INITIAL_FLOOR, MAINTENANCE_FLOOR) = (p.initialFloor, p.maintenanceFloor);
        (BUFFER, POSITION_CHARGE) = (p.buffer, p.positionCharge);
        (VOL_UP, VOL_DOWN, VOL_UP_FLOOR) = (p.volUp, p.volDown, p.volUpFloor);
        (TAIL_DOWN, TAIL_UP) = (p.tailDown, p.tailUp);
        (TAIL_DOWN_WEIGHT, TAIL_UP_WEIGHT) = (p.tailDownWeight, p.tailUpWeight);
        HAIRCUT = p.haircut;
    }

    function params() public view returns (MarginParams memory p) {
        (p.initialFactor, p.maintenanceFactor) = (INITIAL_FACTOR, MAINTENANCE_FACTOR);
        (p.initialSpot, p.maintenanceSpot) = (INITIAL_SPOT, MAINTENANCE_SPOT);
        (p.initialFloor, p.maintenanceFloor) = (INITIAL_FLOOR, MAINTENANCE_FLOOR);
        (p.buffer, p.positionCharge) = (BUFFER, POSITION_CHARGE);
        (p.volUp, p.volDown, p.volUpFloor) = (VOL_UP, VOL_DOWN, VOL_UP_FLOOR);
        (p.tailDown, p.tailUp) = (TAIL_DOWN, TAIL_UP);
        (p.tailDownWeight, p.tailUpWeight) = (TAIL_DOWN_WEIGHT, TAIL_UP_WEIGHT);
        p.haircut = HAIRCUT;
    }

    // ------------------------------------------------------------ requirements

    function marginOf(address account) external view returns (MarginView memory) {
        (Wad balance, Wad units) = MARKET.fundsOf(account);
        return _margin(MARKET.legsOf(account), balance, units, ORACLE.read().price);
    }

    function marginFor(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (MarginView memory)
    {
        return _margin(legs, balance, units, spot);
    }

    function liquidatable(address account) external view returns (bool below, MarginView memory state) {
        OracleView memory seen = ORACLE.read();
        Leg[] memory legs = MARKET.legsOf(account);
        (Wad balance, Wad units) = MARKET.fundsOf(account);
        state = _margin(legs, balance, units, seen.price);
        below = !OFF && _below(state);
        if (below && seen.low < seen.price) below = _below(_margin(legs, balance, units, seen.low));
        if (below && seen.high > seen.price) below = _below(_margin(legs, balance, units, seen.high));
    }

    function exposureFor(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (Wad current, Wad[8] memory nodes)
    {
        (, current, nodes) = _assess(legs, balance, units, spot, spot, false);
    }

    function assess(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (bool ok, MarginView memory state, Wad current, Wad[8] memory nodes)
    {
        Wad low = units.isZero() ? spot : ORACLE.read().low.minWad(spot);
        (state, current, nodes) = _assess(legs, balance, units, spot, low, !OFF);
        ok = OFF || _shortLegs(legs) == 0 || state.equity >= state.initialMargin.signed();
    }

    function _assess(Leg[] memory legs, Wad balance, Wad units, Wad spot, Wad low, bool margins)
        private
        view
        returns (MarginView memory state, Wad current, Wad[8] memory nodes)
    {
        Sum memory sum = _sum(legs, units, spot, low, margins);
        state = _view(sum, balance);
        (current, nodes) = _exposure(sum, balance);
    }

    function _margin(Leg[] memory legs, Wad balance, Wad units, Wad spot) private view returns (MarginView memory) {
        return _view(_sum(legs, units, spot, spot, !OFF), balance);
    }

    function _below(MarginView memory state) private pure returns (bool) {
        return state.equity < state.maintenanceMargin.signed();
    }

    function _view(Sum memory sum, Wad balance) private view returns (MarginView memory state) {
        (state.balance, state.units, state.credit) = (balance, sum.units, Wad.wrap(sum.credit));
        state.mark = SWad.wrap(sum.mark);
        state.equity = (balance + state.credit).signed() - state.mark;
        if (sum.shorts == 0) return state;
        state.initialMargin = Wad.wrap(sum.initial);
        state.bufferMargin = Wad.wrap(sum.buffer);
        state.maintenanceMargin = Wad.wrap(sum.maintenance);
        Wad charge = Wad.wrap(POSITION_CHARGE.raw() * sum.shorts);
        state.charge = charge + charge.mulUp(BUFFER);
    }

    /// @dev The nodes are priced only if the collateral might not cover one of them.
    function _exposure(Sum memory sum, Wad balance) private pure returns (Wad current, Wad[8] memory nodes) {
        int256 cover = balance.signed().rawS();
        int256 pledge = int256(sum.pledge);
        current = SWad.wrap(sum.mark - cover - pledge).positive();
        if (sum.shorts == 0) return (current, nodes);
        StressMath.State[] memory states = _stressStates(sum);
        if (_covered(sum, states, balance.raw() + sum.pledge * LEAST_PERCENT / 100)) return (current, nodes);
        int256[8] memory debts;
        for (uint256 i; i < sum.count; ++i) {
            _addNodes(debts, sum.groups[i].nodeDebts(states[i]));
        }
        for (uint256 i; i < 8; ++i) {
            int256 held = cover + pledge * int256(StressMath.percent(i)) / 100;
            nodes[i] = SWad.wrap(debts[i] + sum.fixed_ - held).positive();
        }
    }

    function _stressStates(Sum memory sum) private pure returns (StressMath.State[] memory states) {
        states = new StressMath.State[](sum.count);
        for (uint256 i; i < sum.count; ++i) {
            states[i] = StressMath.stateOf(sum.groups[i].spot, sum.groups[i].secondsLeft);
        }
    }

    function _covered(Sum memory sum, StressMath.State[] memory states, uint256 least) private pure returns (bool) {
        uint256 bound = SWad.wrap(sum.fixed_).positive().raw();
        for (uint256 i; i < sum.count; ++i) {
            bound += sum.groups[i].nodeBound(states[i]);
        }
        return bound <= least;
    }

    function _addNodes(int256[8] memory sum, int256[8] memory debts) private pure {
        for (uint256 i; i < 8; ++i) {
            sum[i] += debts[i];
        }
    }

    // ------------------------------------------------------------ sums over expiries

    /// @dev low: what a unit of underlying is worth.
    function _sum(Leg[] memory legs, Wad units, Wad spot, Wad low, bool margins)
        private
        view
        returns (Sum memory sum)
    {
        sum.shorts = _shortLegs(legs);
        sum.groups = new MarginMath.Group[](legs.length);
        _addGroups(sum, legs, spot);
        if (!units.isZero()) _addUnits(sum, units, spot, low);
        if (margins && sum.shorts != 0) _addRequirements(sum, params());
        else _addMarks(sum);
        sum.mark += sum.fixed_;
    }

    function _addGroups(Sum memory sum, Leg[] memory legs, Wad spot) private view {
        uint256 seen; // bit i: leg i is already in a group
        for (uint256 i; i < legs.length; ++i) {
            if (seen >> i & 1 == 1) continue;
            Timestamp expiry = legs[i].id.expiryOf();
            uint256 members = _members(legs, i, expiry);
            seen |= members;
            if (_isSettled(legs[i].id, expiry)) _addSettled(sum, legs, members);
            else sum.groups[sum.count++] = _group(legs, members, expiry, spot);
        }
    }

    /// @dev Cover in units at `spot`; where there is nothing to stand behind, the underlying counts for its pledge.
    function _addUnits(Sum memory sum, Wad units, Wad spot, Wad low) private view {
        uint256 kept = ONE - HAIRCUT.raw();
        sum.units = units;
        sum.pledge = units.raw() * kept / ONE * low.raw() / ONE;
        if (sum.count == 0 || spot.isZero()) {
            sum.credit = sum.pledge;
            return;
        }
        _sortByExpiry(sum);
        uint256 left = units.raw();
        for (uint256 i; i < sum.count; ++i) {
            uint256 cover = FixedPointMathLib.min(left, sum.groups[i].callsSold());
            sum.groups[i].cover = cover;
            left -= cover;
        }
        sum.groups[0].cover += left * kept / ONE;
        if (low == spot) return;
        for (uint256 i; i < sum.count; ++i) {
            sum.groups[i].cover = sum.groups[i].cover * low.raw() / spot.raw();
        }
    }

    /// @dev The order of an account's legs must not matter to what its underlying covers.
    function _sortByExpiry(Sum memory sum) private pure {
        for (uint256 i = 1; i < sum.count; ++i) {
            MarginMath.Group memory g = sum.groups[i];
            uint256 k = i;
            for (; k != 0 && sum.groups[k - 1].secondsLeft > g.secondsLeft; --k) {
                sum.groups[k] = sum.groups[k - 1];
            }
            sum.groups[k] = g;
        }
    }

    function _addMarks(Sum memory sum) private pure {
        for (uint256 i; i < sum.count; ++i) {
            MarginMath.Group memory g = sum.groups[i];
            sum.mark += g.mark();
            sum.credit += g.cover * g.spot / ONE;
        }
    }

    function _addRequirements(Sum memory sum, MarginParams memory p) private pure {
        for (uint256 i; i < sum.count; ++i) {
            _addRequirement(sum, sum.groups[i].requirement(p));
        }
    }

    function _addRequirement(Sum memory sum, MarginMath.Requirement memory r) private pure {
        sum.mark += r.mark;
        sum.credit += r.credit;
        sum.initial += r.initial;
        sum.buffer += r.buffer;
        sum.maintenance += r.maintenance;
    }

    /// @dev Legs that are settled but not swept owe their fixed payoff in every state.
    function _addSettled(Sum memory sum, Leg[] memory legs, uint256 members) private view {
        for (uint256 i; i < legs.length; ++i) {
            if (members >> i & 1 == 0) continue;
            (, Wad payoff) = MARKET.payoffOf(legs[i].id);
            sum.fixed_ -= legs[i].size.mulWadS(payoff).rawS();
        }
    }

    function _isSettled(SeriesId id, Timestamp expiry) private view returns (bool settled) {
        if (blockTime() < expiry) return false;
        (settled,) = MARKET.payoffOf(id);
    }

    function _group(Leg[] memory legs, uint256 members, Timestamp expiry, Wad spot)
        private
        view
        returns (MarginMath.Group memory g)
    {
        uint256 n = _count(members);
        uint256[] memory indices = new uint256[](n);
        (g.sizes, g.calls) = (new int256[](n), new bool[](n));
        uint256 k;
        for (uint256 i; i < legs.length; ++i) {
            if (members >> i & 1 == 0) continue;
            indices[k] = legs[i].id.strikeIndexOf();
            g.sizes[k] = legs[i].size.rawS();
            g.calls[k++] = legs[i].id.isCallOf();
        }
        (g.strikes, g.vols) = LEDGER.volsAt(expiry, indices);
        g.spot = spot.maxWad(LEAST_SPOT).raw();
        g.secondsLeft = expiry.since(blockTime());
    }

    function _members(Leg[] memory legs, uint256 from, Timestamp expiry) private pure returns (uint256 members) {
        for (uint256 i = from; i < legs.length; ++i) {
            if (legs[i].id.expiryOf() == expiry) members |= 1 << i;
        }
    }

    function _count(uint256 bits) private pure returns (uint256 n) {
        for (; bits != 0; bits &= bits - 1) {
            ++n;
        }
    }

    function _shortLegs(Leg[] memory legs) private pure returns (uint256 count) {
        for (uint256 i; i < legs.length; ++i) {
            if (legs[i].size.isNegative()) ++count;
        }
    }

    // ------------------------------------------------------------ values

    function closeCost(Leg[] calldata legs, Wad spot, Wad volFactor) external view returns (SWad) {
        return Marks.closeCost(LEDGER, legs, spot, volFactor);
    }

    function openMarks(Wad spot) external view returns (Wad longs, Wad shorts) {
        return Marks.openMarks(LEDGER, MARKET, spot.maxWad(LEAST_SPOT));
    }
}
