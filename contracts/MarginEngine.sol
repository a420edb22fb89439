// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IMarginEngine} from "./interfaces/IMarginEngine.sol";
import {IOptionMarket} from "./interfaces/IOptionMarket.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {Black76} from "./libraries/Black76.sol";
import {MarginMath} from "./libraries/MarginMath.sol";
import {Packing} from "./libraries/Packing.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {StressMath} from "./libraries/StressMath.sol";
import {MarginParams} from "./types/Params.sol";
import {Addresses, Leg, MarginView, OracleView} from "./types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, blockTime} from "./types/Units.sol";

contract MarginEngine is IMarginEngine {
    using MarginMath for MarginMath.Group;
    using Packing for uint256;

    /// @dev Sums over an account's expiries.
    struct Sum {
        bool shorts;
        int256 mark;
        uint256 initial;
        uint256 buffer;
        uint256 maintenance;
        int256 fixed_; // debt of settled legs, the same in every state
        MarginMath.Group[] groups; // the others, by expiry; `count` of them
        uint256 count;
    }

    uint256 private constant MAX_STRIKES = 12; // of an expiry
    uint256 private constant LOTS = ONE / Packing.LOT; // in a contract

    /// @dev A guard that never had a price says 0: views answer all the same.
    Wad private constant LEAST_SPOT = Wad.wrap(1);

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
    }

    function params() public view returns (MarginParams memory p) {
        (p.initialFactor, p.maintenanceFactor) = (INITIAL_FACTOR, MAINTENANCE_FACTOR);
        (p.initialSpot, p.maintenanceSpot) = (INITIAL_SPOT, MAINTENANCE_SPOT);
        (p.initialFloor, p.maintenanceFloor) = (INITIAL_FLOOR, MAINTENANCE_FLOOR);
        (p.buffer, p.positionCharge) = (BUFFER, POSITION_CHARGE);
        (p.volUp, p.volDown, p.volUpFloor) = (VOL_UP, VOL_DOWN, VOL_UP_FLOOR);
        (p.tailDown, p.tailUp) = (TAIL_DOWN, TAIL_UP);
        (p.tailDownWeight, p.tailUpWeight) = (TAIL_DOWN_WEIGHT, TAIL_UP_WEIGHT);
    }

    // ------------------------------------------------------------ requirements

    function marginOf(address account) external view returns (MarginView memory) {
        return _margin(MARKET.legsOf(account), MARKET.balanceOf(account), ORACLE.read().price);
    }

    function marginFor(Leg[] calldata legs, Wad balance, Wad spot) external view returns (MarginView memory) {
        return _margin(legs, balance, spot);
    }

    function liquidatable(address account) external view returns (bool below, MarginView memory state) {
        OracleView memory seen = ORACLE.read();
        Leg[] memory legs = MARKET.legsOf(account);
        Wad balance = MARKET.balanceOf(account);
        state = _margin(legs, balance, seen.price);
        below = !OFF && _below(state);
        if (below && seen.low < seen.price) below = _below(_margin(legs, balance, seen.low));
        if (below && seen.high > seen.price) below = _below(_margin(legs, balance, seen.high));
    }

    function exposureFor(Leg[] calldata legs, Wad balance, Wad spot)
        external
        view
        returns (Wad current, Wad[8] memory nodes)
    {
        return _exposure(_sum(legs, spot, false), balance);
    }

    function assess(Leg[] calldata legs, Wad balance, Wad spot)
        external
        view
        returns (bool ok, MarginView memory state, Wad current, Wad[8] memory nodes)
    {
        Sum memory sum = _sum(legs, spot, !OFF);
        state = _view(sum, balance);
        ok = OFF || !sum.shorts || state.equity >= state.initialMargin.signed();
        (current, nodes) = _exposure(sum, balance);
    }

    function _margin(Leg[] memory legs, Wad balance, Wad spot) private view returns (MarginView memory) {
        return _view(_sum(legs, spot, !OFF), balance);
    }

    function _below(MarginView memory state) private pure returns (bool) {
        return state.equity < state.maintenanceMargin.signed();
    }

    function _view(Sum memory sum, Wad balance) private pure returns (MarginView memory state) {
        state.balance = balance;
        state.mark = SWad.wrap(sum.mark);
        state.equity = balance.signed() - state.mark;
        if (!sum.shorts) return state;
        state.initialMargin = Wad.wrap(sum.initial);
        state.bufferMargin = Wad.wrap(sum.buffer);
        state.maintenanceMargin = Wad.wrap(sum.maintenance);
    }

    /// @dev The nodes are priced only if the balance might not cover one of them.
    function _exposure(Sum memory sum, Wad balance) private pure returns (Wad current, Wad[8] memory nodes) {
        int256 cover = balance.signed().rawS();
        current = SWad.wrap(sum.mark - cover).positive();
        if (!sum.shorts) return (current, nodes);
        StressMath.State[] memory states = _stressStates(sum);
        if (_covered(sum, states, balance.raw())) return (current, nodes);
        int256[8] memory debts;
        for (uint256 i; i < sum.count; ++i) {
            _addNodes(debts, sum.groups[i].nodeDebts(states[i]));
        }
        for (uint256 i; i < 8; ++i) {
            nodes[i] = SWad.wrap(debts[i] + sum.fixed_ - cover).positive();
        }
    }

    function _stressStates(Sum memory sum) private pure returns (StressMath.State[] memory states) {
        states = new StressMath.State[](sum.count);
        for (uint256 i; i < sum.count; ++i) {
            states[i] = StressMath.stateOf(sum.groups[i].spot, sum.groups[i].secondsLeft);
        }
    }

    function _covered(Sum memory sum, StressMath.State[] memory states, uint256 balance) private pure returns (bool) {
        uint256 bound = SWad.wrap(sum.fixed_).positive().raw();
        for (uint256 i; i < sum.count; ++i) {
            bound += sum.groups[i].nodeBound(states[i]);
        }
        return bound <= balance;
    }

    function _addNodes(int256[8] memory sum, int256[8] memory debts) private pure {
        for (uint256 i; i < 8; ++i) {
            sum[i] += debts[i];
        }
    }

    // ------------------------------------------------------------ sums over expiries

    function _sum(Leg[] memory legs, Wad spot, bool margins) private view returns (Sum memory sum) {
        sum.shorts = _hasShorts(legs);
        sum.groups = new MarginMath.Group[](legs.length);
        MarginParams memory p = params();
        uint256 seen; // bit i: leg i is already in a group
        for (uint256 i; i < legs.length; ++i) {
            if (seen >> i & 1 == 1) continue;
            Timestamp expiry = legs[i].id.expiryOf();
            uint256 members = _members(legs, i, expiry);
            seen |= members;
            if (_isSettled(legs[i].id, expiry)) _addSettled(sum, legs, members);
            else _addGroup(sum, _group(legs, members, expiry, spot), p, margins && sum.shorts);
        }
        sum.mark += sum.fixed_;
    }

    function _addGroup(Sum memory sum, MarginMath.Group memory g, MarginParams memory p, bool margins) private pure {
        sum.groups[sum.count++] = g;
        if (margins) _addRequirement(sum, g.requirement(p));
        else sum.mark += g.mark();
    }

    function _addRequirement(Sum memory sum, MarginMath.Requirement memory r) private pure {
        sum.mark += r.mark;
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

    function _hasShorts(Leg[] memory legs) private pure returns (bool) {
        for (uint256 i; i < legs.length; ++i) {
            if (legs[i].size.isNegative()) return true;
        }
        return false;
    }

    // ------------------------------------------------------------ values

    function closeCost(Leg[] calldata legs, Wad spot, Wad volFactor) external view returns (SWad) {
        int256 cost;
        for (uint256 i; i < legs.length; ++i) {
            bool short = legs[i].size.isNegative();
            cost += -legs[i].size.mulWadS(_valueAt(legs[i].id, spot, short ? volFactor : Wad.wrap(ONE * ONE / volFactor.raw()))).rawS();
        }
        return SWad.wrap(cost);
    }

    function _valueAt(SeriesId id, Wad spot, Wad volFactor) private view returns (Wad) {
        Timestamp expiry = id.expiryOf();
        uint256[] memory index = new uint256[](1);
        index[0] = id.strikeIndexOf();
        (Wad[] memory strikes, Wad[] memory vols) = LEDGER.volsAt(expiry, index);
        uint256 left = expiry.since(blockTime());
        uint256 vol = vols[0].mulDown(volFactor).raw();
        (uint256 call, uint256 put,) = Black76.price(spot.raw(), strikes[0].raw(), left, vol);
        return Wad.wrap(id.isCallOf() ? call : put);
    }

    function openMarks(Wad spot) external view returns (Wad longs, Wad shorts) {
        Timestamp[] memory expiries = LEDGER.expiries();
        spot = spot.maxWad(LEAST_SPOT);
        for (uint256 i; i < expiries.length; ++i) {
            (Wad long, Wad short) = _marksOf(expiries[i], spot);
            (longs, shorts) = (longs + long, shorts + short);
        }
    }

    /// @dev What the pool owes is rounded up, what it is owed down. Only strikes that somebody holds are priced.
    function _marksOf(Timestamp expiry, Wad spot) private view returns (Wad long, Wad short) {
        uint256[] memory words = MARKET.interestOf(expiry, MAX_STRIKES);
        uint256[] memory held = _held(words);
        if (held.length == 0) return (long, short);
        (Wad[] memory strikes, Wad[] memory vols) = LEDGER.volsAt(expiry, held);
        uint256 left = expiry.since(blockTime());
        for (uint256 i; i < held.length; ++i) {
            uint256 word = words[held[i]];
            (uint256 call, uint256 put,) = Black76.price(spot.raw(), strikes[i].raw(), left, vols[i].raw());
            long = long + _sizeUp(word.longLots(true), call) + _sizeUp(word.longLots(false), put);
            short = short + _sizeDown(word.shortLots(true), call) + _sizeDown(word.shortLots(false), put);
        }
    }

    /// @dev Indices of the words that are not zero.
    function _held(uint256[] memory words) private pure returns (uint256[] memory indices) {
        uint256 n;
        indices = new uint256[](words.length);
        for (uint256 i; i < words.length; ++i) {
            if (words[i] != 0) indices[n++] = i;
        }
        assembly ("memory-safe") {
            mstore(indices, n)
        }
    }

    function _sizeUp(uint256 lots, uint256 price) private pure returns (Wad) {
        return Wad.wrap((lots * price + LOTS - 1) / LOTS);
    }

    function _sizeDown(uint256 lots, uint256 price) private pure returns (Wad) {
        return Wad.wrap(lots * price / LOTS);
    }
}
