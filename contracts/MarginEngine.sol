// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IMarginEngine} from "./interfaces/IMarginEngine.sol";
import {IOptionMarket} from "./interfaces/IOptionMarket.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {Black76} from "./libraries/Black76.sol";
import {MarginMath} from "./libraries/MarginMath.sol";
import {Marks} from "./libraries/Marks.sol";
import {Packing} from "./libraries/Packing.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {StressMath} from "./libraries/StressMath.sol";
import {VolShock} from "./libraries/VolShock.sol";
import {MarginParams} from "./types/Params.sol";
import {Addresses, Leg, MarginView, OracleView} from "./types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, blockTime} from "./types/Units.sol";

contract MarginEngine is IMarginEngine {
    using MarginMath for MarginMath.Group;

    /// @dev Sums over an account's expiries.
    struct Sum {
        bool steady; // by the vols before the block's trades
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
        (Leg[] memory legs, Wad balance, Wad units) = MARKET.accountOf(account);
        Sum memory sum;
        return _margin(sum, legs, balance, units, ORACLE.read().price);
    }

    function steadyMargin(address account, Wad spot) external view returns (MarginView memory) {
        (Leg[] memory legs, Wad balance, Wad units) = MARKET.accountOf(account);
        return _margin(_steady(), legs, balance, units, spot);
    }

    function marginFor(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (MarginView memory)
    {
        Sum memory sum;
        return _margin(sum, legs, balance, units, spot);
    }

    function liquidatable(address account) external view returns (bool below, MarginView memory state) {
        OracleView memory seen = ORACLE.read();
        (Leg[] memory legs, Wad balance, Wad units) = MARKET.accountOf(account);
        state = _margin(_steady(), legs, balance, units, seen.price);
        below = !OFF && _below(state);
        if (below && seen.low < seen.price) below = _below(_margin(_steady(), legs, balance, units, seen.low));
        if (below && seen.high > seen.price) below = _below(_margin(_steady(), legs, balance, units, seen.high));
    }

    function exposureFor(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (Wad current, Wad[8] memory nodes)
    {
        int256 owed;
        int256[8] memory owedAt;
        (owed, owedAt) = _owed(legs, balance, units, spot);
        current = SWad.wrap(owed).positive();
        for (uint256 i; i < 8; ++i) {
            nodes[i] = SWad.wrap(owedAt[i]).positive();
        }
    }

    function exposureWords(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (uint256[2] memory)
    {
        (int256 owed, int256[8] memory nodes) = _owed(legs, balance, units, spot);
        return Packing.exposure(owed, nodes);
    }

    function _owed(Leg[] memory legs, Wad balance, Wad units, Wad spot)
        private
        view
        returns (int256, int256[8] memory)
    {
        Sum memory sum = _steady();
        _sumUp(sum, legs, units, spot, spot);
        _addMarks(sum);
        return _uncovered(sum, balance);
    }

    function assess(Leg[] calldata legs, Wad balance, Wad units, Wad spot)
        external
        view
        returns (bool ok, SWad equity, Wad required, uint256[2] memory exposure)
    {
        Sum memory sum;
        _sumUp(sum, legs, units, spot, units.isZero() ? spot : ORACLE.read().low.minWad(spot));
        _addMargin(sum);
        MarginView memory state = _view(sum, balance);
        (equity, required) = (state.equity, state.initialMargin);
        ok = OFF || sum.shorts == 0 || equity >= required.signed();
        (int256 owed, int256[8] memory nodes) = _uncovered(sum, balance);
        exposure = Packing.exposure(owed, nodes);
    }

    function _margin(Sum memory sum, Leg[] memory legs, Wad balance, Wad units, Wad spot)
        private
        view
        returns (MarginView memory)
    {
        _sumUp(sum, legs, units, spot, spot);
        _addMargin(sum);
        return _view(sum, balance);
    }

    function _steady() private pure returns (Sum memory sum) {
        sum.steady = true;
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

    /// @dev Debts less collateral; zero and less is nothing. The nodes are priced only if the collateral might not cover
    /// one of them.
    function _uncovered(Sum memory sum, Wad balance) private pure returns (int256 current, int256[8] memory nodes) {
        int256 cover = balance.signed().rawS();
        int256 pledge = int256(sum.pledge);
        current = sum.mark - cover - pledge;
        if (sum.shorts == 0) return (current, nodes);
        if (_covered(sum, balance.raw() + sum.pledge * LEAST_PERCENT / 100)) return (current, nodes);
        cover -= sum.fixed_;
        for (uint256 i; i < 8; ++i) {
            nodes[i] = pledge == 0 ? -cover : -cover - pledge * int256(StressMath.percent(i)) / 100;
        }
        for (uint256 i; i < sum.count; ++i) {
            sum.groups[i].addNodeDebts(nodes);
        }
    }

    function _covered(Sum memory sum, uint256 least) private pure returns (bool) {
        uint256 bound = SWad.wrap(sum.fixed_).positive().raw();
        for (uint256 i; i < sum.count; ++i) {
            bound += sum.groups[i].nodeBound();
        }
        return bound <= least;
    }

    // ------------------------------------------------------------ sums over expiries

    /// @dev low: what a unit of underlying is worth.
    function _sumUp(Sum memory sum, Leg[] memory legs, Wad units, Wad spot, Wad low) private view {
        sum.shorts = _shortLegs(legs);
        sum.groups = new MarginMath.Group[](legs.length);
        _addGroups(sum, legs, spot);
        if (!units.isZero()) _addUnits(sum, units, spot, low);
        sum.mark = sum.fixed_;
    }

    function _addGroups(Sum memory sum, Leg[] memory legs, Wad spot) private view {
        uint256 seen; // bit i: leg i is already in a group
        for (uint256 i; i < legs.length; ++i) {
            if (seen >> i & 1 == 1) continue;
            Timestamp expiry = legs[i].id.expiryOf();
            uint256 members = _members(legs, i, expiry);
            seen |= members;
            if (_isSettled(legs[i].id, expiry)) _addSettled(sum, legs, members);
            else _addGroup(sum, legs, members, expiry, spot);
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
            for (; k != 0 && sum.groups[k - 1].state.secondsLeft > g.state.secondsLeft; --k) {
                sum.groups[k] = sum.groups[k - 1];
            }
            sum.groups[k] = g;
        }
    }

    function _addMarks(Sum memory sum) private pure {
        for (uint256 i; i < sum.count; ++i) {
            MarginMath.Group memory g = sum.groups[i];
            sum.mark += g.mark();
            sum.credit += g.cover * g.state.spot / ONE;
        }
    }

    /// @dev Requirements where there are any, and marks.
    function _addMargin(Sum memory sum) private view {
        if (OFF || sum.shorts == 0) return _addMarks(sum);
        MarginParams memory p = params();
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

    function _addGroup(Sum memory sum, Leg[] memory legs, uint256 members, Timestamp expiry, Wad spot) private view {
        MarginMath.Group memory g = sum.groups[sum.count++];
        g.legs = new MarginMath.Leg[](LibBit.popCount(members));
        uint256 places; // of the strikes, a byte each
        for ((uint256 i, uint256 k) = (0, 0); i < legs.length; ++i) {
            if (members >> i & 1 == 0) continue;
            places |= legs[i].id.strikeIndexOf() << 8 * k;
            MarginMath.Leg memory leg = g.legs[k++];
            (leg.size, leg.isCall) = (legs[i].size.rawS(), legs[i].id.isCallOf());
        }
        g.state.spot = spot.maxWad(LEAST_SPOT).raw();
        g.state.secondsLeft = expiry.since(blockTime());
        g.state.rootTime = Black76.sqrtYears(g.state.secondsLeft);
        if (sum.shorts != 0) g.state.scale = VolShock.scale(g.state.secondsLeft);
        _addVols(g, expiry, places, sum.steady);
    }

    function _addVols(MarginMath.Group memory g, Timestamp expiry, uint256 places, bool steady) private view {
        uint256[] memory words = LEDGER.volsAt(expiry, places, g.legs.length, steady);
        for (uint256 k; k < words.length; ++k) {
            MarginMath.Leg memory leg = g.legs[k];
            (leg.strike, leg.vol) = (words[k] >> 128, uint128(words[k]));
            leg.ln = Black76.lnRatio(g.state.spot, leg.strike);
        }
    }

    function _members(Leg[] memory legs, uint256 from, Timestamp expiry) private pure returns (uint256 members) {
        for (uint256 i = from; i < legs.length; ++i) {
            if (legs[i].id.expiryOf() == expiry) members |= 1 << i;
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
