// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ReentrancyGuardTransient} from "solady/utils/ReentrancyGuardTransient.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {ICircuitBreaker} from "../interfaces/ICircuitBreaker.sol";
import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {IHedgePolicy} from "../interfaces/IHedging.sol";
import {IOracleGuard} from "../interfaces/IOracleGuard.sol";
import {IVolSurface} from "../interfaces/IVolSurface.sol";
import {VenueCalls} from "../libraries/VenueCalls.sol";
import {HedgeParams, PricingParams} from "../types/Params.sol";
import {
    Addresses, BookGreeks, ExpiryBook, HedgeDecision, HedgeInput, Mode, OracleView, VenuePosition
} from "../types/Types.sol";
import {ONE, SWad, Timestamp, Wad, blockTime} from "../types/Units.sol";
import {VenueAccount} from "./VenueAccount.sol";

/// Whoever calls `hedge` makes the pool trade what its policy asks for, as far as venue and margin allow; what
/// remains is a recorded shortfall.
contract HedgeManager is VenueAccount, ReentrancyGuardTransient {
    using SafeCastLib for int256;
    using VenueCalls for address;

    struct Fill {
        SWad size;
        Wad price;
        SWad net; // before
        SWad cost; // against the oracle's price, + the pool loses
        Wad beyond;
    }

    /// Bound of the gas that `hedge` spends on stale expiries.
    uint256 private constant MAX_REFRESHES = 4;
    uint256 private constant REFRESH_GAS = 500_000;
    uint256 private constant HEDGE_GAS = 1_500_000;
    uint256 private constant GAMMA_UNIT = 1e9;

    IOracleGuard private immutable ORACLE;
    ICircuitBreaker private immutable BREAKER;
    IGreekLedger private immutable LEDGER;
    IVolSurface private immutable SURFACE;
    IHedgePolicy private immutable POLICY;

    constructor(Addresses memory book, HedgeParams memory params_, address policy, address venue)
        VenueAccount(book, params_, venue)
    {
        ORACLE = IOracleGuard(book.oracle);
        BREAKER = ICircuitBreaker(book.breaker);
        LEDGER = IGreekLedger(book.ledger);
        SURFACE = IVolSurface(book.surface);
        POLICY = IHedgePolicy(policy);
    }

    // ------------------------------------------------------------ actions

    function hedge() external nonReentrant returns (SWad executed) {
        OracleView memory seen = ORACLE.read();
        _stopIfQuiet(seen);
        Mode mode = _allowed(seen.mode);
        (BookGreeks memory greeks, Timestamp stale) = _refreshStale(seen.price);
        VenuePosition memory position = _live();
        (HedgeDecision memory decision, HedgeInput memory input) = _decide(seen.price, mode, position, greeks, stale);
        if (decision.due) return _execute(decision, input, position.equity.minSWad(position.margin.signed()));
        if (!_tidy(decision, input, position)) revert NothingToHedge(_net(input), decision.band);
    }

    function preview() external view returns (HedgeDecision memory decision, HedgeInput memory input) {
        OracleView memory seen = ORACLE.read();
        if (seen.price.isZero()) return (decision, input);
        (BookGreeks memory greeks,,, Timestamp stale) = LEDGER.aggregate(seen.price);
        return _decide(seen.price, BREAKER.effective(seen.mode), _live(), greeks, stale);
    }

    /// @dev A position that changed without a hedge (liquidation, deleveraging) shows up as shortfall; a shortfall
    /// that the market has healed goes.
    function sync() external nonReentrant {
        OracleView memory seen = ORACLE.read();
        Wad spot = seen.price;
        SWad before = _known();
        _sync(spot);
        (BookGreeks memory greeks,,,) = LEDGER.aggregate(spot);
        VenuePosition memory position = VenuePosition(SWad.wrap(stored.size), SWad.wrap(stored.equity), Wad.wrap(0));
        HedgeInput memory input = _input(spot, BREAKER.effective(seen.mode), position, greeks);
        _noteDecision(POLICY.decide(input), input);
        Wad beyond = (_net(input) - _aim()).absS().subFloor(Wad.wrap(stored.band));
        if (input.hedgeDelta == before) beyond = beyond.minWad(Wad.wrap(stored.shortfall));
        _note(beyond);
    }

    function gate(SWad netDelta, Wad spot, Wad nav) external view {
        if (GATE_SLACK.isZero()) return;
        bool buys = netDelta.isNegative();
        Wad capacity = Wad.wrap((buys ? stored.canBuy : stored.canSell) * TINY) + _halfOrder(buys ? int256(1) : -1);
        Wad available = capacity + Wad.wrap(stored.band) + GATE_SLACK.mulDown(nav).divDown(spot);
        if (netDelta.absS() > available) revert HedgeCapacity(netDelta.absS(), available);
    }

    // ------------------------------------------------------------ decision

    /// @dev The oracle's own freeze counts even when a wind-down outranks it: no trade without a price.
    function _allowed(Mode oracleMode) private view returns (Mode mode) {
        mode = BREAKER.effective(oracleMode);
        if (oracleMode == Mode.FROZEN || mode == Mode.FROZEN) revert HedgeModeForbids(uint8(Mode.FROZEN));
    }

    /// @dev Ends the call when stored numbers are enough to see that nothing is due: the book's sums lie in the zone that
    /// the policy called quiet. Any doubt is left to the long way.
    function _stopIfQuiet(OracleView memory seen) private view {
        if (seen.mode == Mode.FROZEN || !_settled(seen.price)) return;
        (bool fresh, SWad delta, SWad gamma) = LEDGER.glance(seen.price);
        if (!fresh || gamma.absS().raw() / GAMMA_UNIT < uint256(stored.gamma) * 99 / 100) return;
        SWad net = delta + SWad.wrap(stored.size);
        Wad quiet = Wad.wrap(stored.quiet * TINY);
        if ((net - _aim()).absS() <= quiet) revert NothingToHedge(net, quiet);
    }

    /// @dev What preview and action share. Of an expiry that could not be refreshed only a share of the delta counts.
    function _decide(
        Wad spot,
        Mode mode,
        VenuePosition memory position,
        BookGreeks memory greeks,
        Timestamp stale
    ) private view returns (HedgeDecision memory decision, HedgeInput memory input) {
        input = _input(spot, mode, position, _counted(greeks, stale, spot));
        decision = POLICY.decide(input);
    }

    function _input(Wad spot, Mode mode, VenuePosition memory position, BookGreeks memory greeks)
        private
        view
        returns (HedgeInput memory input)
    {
        (input.bookDelta, input.gamma, input.vega) = (greeks.delta, greeks.gamma, greeks.vega);
        input.hedgeDelta = position.size + _waiting(); // nothing is ordered twice
        input.spot = spot;
        input.nav = VAULT.navFast(spot).positive();
        input.cost = _cost(spot, position);
        input.lastHedge = Timestamp.wrap(stored.lastHedge);
        input.time = blockTime();
        input.stressed = mode == Mode.WIND_DOWN;
    }

    function _net(HedgeInput memory input) private pure returns (SWad) {
        return input.bookDelta + input.hedgeDelta;
    }

    function _counted(BookGreeks memory greeks, Timestamp stale, Wad spot) private view returns (BookGreeks memory) {
        if (stale.rawTime() == 0) return greeks;
        greeks.delta = greeks.delta - _staleDelta(spot).mulWadS(Wad.wrap(ONE) - STALE_SHARE);
        return greeks;
    }

    function _staleDelta(Wad spot) private view returns (SWad delta) {
        PricingParams memory pricing = SURFACE.params();
        Timestamp[] memory expiries = LEDGER.expiries();
        for (uint256 i; i < expiries.length; ++i) {
            ExpiryBook memory book = LEDGER.book(expiries[i]);
            if (_fresh(book, spot, pricing)) continue;
            SWad move = spot.signed() - book.refreshedSpot.signed();
            delta = delta + book.greeks.delta + book.greeks.gamma.mulS(move);
        }
    }

    function _fresh(ExpiryBook memory book, Wad spot, PricingParams memory pricing) private view returns (bool) {
        Wad move = (spot.signed() - book.refreshedSpot.signed()).absS();
        return blockTime().since(book.refreshedAt) <= pricing.greekMaxAge.rawSeconds()
            && move <= book.refreshedSpot.mulDown(pricing.greekMaxMove);
    }

    /// @dev An expiry that cannot be refreshed, or for which the caller brought too little gas, stays stale.
    function _refreshStale(Wad spot) private returns (BookGreeks memory greeks, Timestamp stale) {
        (greeks,,, stale) = LEDGER.aggregate(spot);
        for (uint256 i; i < MAX_REFRESHES && stale.rawTime() != 0 && gasleft() > REFRESH_GAS + HEDGE_GAS; ++i) {
            Timestamp last = stale;
            try LEDGER.refresh{gas: REFRESH_GAS}(stale) {} catch {}
            (greeks,,, stale) = LEDGER.aggregate(spot);
            if (stale == last) break;
        }
    }

    // ------------------------------------------------------------ execution

    function _execute(HedgeDecision memory decision, HedgeInput memory input, SWad equity_)
        private
        returns (SWad executed)
    {
        (SWad trade, Wad cost) = _fillable(decision.trade, input.spot);
        trade = _affordable(trade, cost, input.hedgeDelta, equity_, input.spot);
        bool ok;
        bytes memory data;
        if (!trade.isZeroS()) {
            _fund(trade, cost.mulUp(trade.absS()), input.hedgeDelta, equity_, input.spot);
            (ok, data) = VENUE.tryTrade(trade, _limit(trade, input.spot), ACTION_GAS);
        }
        if (stored.spot == 0) stored.cost = uint64(input.cost.raw()); // a venue with an order may not quote
        if (ok) _follow(input.spot, trade);
        else _sync(input.spot);
        executed = _known() - input.hedgeDelta;
        if (!ok) emit HedgeFailed(decision.trade, data);
        _record(decision, input, executed, ok ? _price(data) : input.spot);
        _release(input.spot);
    }

    /// @dev Not more than fits, whatever a venue says.
    function _price(bytes memory data) private pure returns (Wad) {
        return Wad.wrap(abi.decode(data, (uint256))).minWad(Wad.wrap(type(uint128).max));
    }

    /// @dev The schedule advances only when the whole trade was done: the rest stays due.
    function _record(HedgeDecision memory decision, HedgeInput memory input, SWad executed, Wad price) private {
        Fill memory fill;
        fill.beyond = _remember(decision, input, executed);
        if (executed == decision.trade) stored.lastHedge = uint32(input.time.rawTime());
        if (executed.isZeroS()) return;
        fill.size = executed;
        fill.price = price;
        fill.net = _net(input);
        fill.cost = executed.mulS(price.signed() - input.spot.signed());
        _emit(fill, decision, input);
    }

    function _emit(Fill memory fill, HedgeDecision memory decision, HedgeInput memory input) private {
        emit Hedged(
            fill.size,
            fill.price,
            fill.net,
            fill.net + fill.size,
            input.bookDelta,
            decision.band,
            decision.aim,
            fill.beyond,
            fill.cost
        );
    }

    function _remember(HedgeDecision memory decision, HedgeInput memory input, SWad executed)
        private
        returns (Wad beyond)
    {
        beyond = (_net(input) + executed - decision.aim).absS().subFloor(decision.band);
        stored.band = uint96(decision.band.minWad(UNLIMITED).raw());
        _noteDecision(decision, input);
        _note(beyond);
    }

    function _noteDecision(HedgeDecision memory decision, HedgeInput memory input) private {
        uint256 quiet = decision.quiet.raw() / TINY;
        (stored.aim, stored.quiet) =
            ((decision.aim.rawS() / int256(TINY)).toInt48(), uint48(FixedPointMathLib.min(quiet, type(uint48).max)));
        stored.gamma = uint56(FixedPointMathLib.min(input.gamma.absS().raw() / GAMMA_UNIT, type(uint56).max));
    }

    function _aim() private view returns (SWad) {
        return SWad.wrap(stored.aim * int256(TINY));
    }

    function _note(Wad beyond) private {
        stored.shortfall = uint96(beyond.minWad(UNLIMITED).raw());
        stored.open = !beyond.isZero() || stored.waits != 0;
    }

    /// @dev With no trade due: tops margin up, or notes that a shortfall is over. False when there was neither.
    function _tidy(HedgeDecision memory decision, HedgeInput memory input, VenuePosition memory position)
        private
        returns (bool done)
    {
        if (_marginDue(position, input.spot)) {
            done = _fund(SWad.wrap(0), Wad.wrap(0), position.size, position.equity, input.spot);
            _sync(input.spot);
        }
        if (stored.shortfall != 0) {
            Wad old = Wad.wrap(stored.shortfall);
            if (position.size != SWad.wrap(stored.size) || input.hedgeDelta != _known()) _sync(input.spot);
            done = _remember(decision, input, SWad.wrap(0)) < old || done;
        }
    }

    /// @dev Transient on every chain.
    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }
}
