// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IHedgeManager} from "../interfaces/IHedging.sol";
import {ILPVault} from "../interfaces/ILPVault.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {VenueCalls} from "../libraries/VenueCalls.sol";
import {HedgeParams} from "../types/Params.sol";
import {Addresses, VenuePosition, VenueQuote} from "../types/Types.sol";
import {ONE, SWad, Seconds, Timestamp, Wad} from "../types/Units.sol";

/// The pool's account at its venue: a stored copy of the position, what the venue can still take, and the margin
/// that flows between the vault and the venue. A sick venue never makes anything here revert.
abstract contract VenueAccount is IHedgeManager {
    using SafeCastLib for uint256;
    using SafeCastLib for int256;
    using SafeTransferLib for address;
    using TokenUnits for uint256;
    using VenueCalls for address;

    /// @dev Last known position and venue, 1e18 but where a unit stands. equity is as of oracle price `spot`. The first
    /// two slots are all that it takes to see that nothing is due.
    struct Stored {
        int96 size;
        int96 equity;
        uint32 syncedAt;
        uint32 lastHedge;
        uint96 spot;
        int48 aim; // of the policy's last decision, 1e-6
        uint48 quiet; // within this of the aim nothing is due, 1e-6
        uint56 gamma; // the book's then, 1e-9
        bool open; // a shortfall, or an order that waits
        uint64 canBuy; // what the venue can take within slippage and leverage, 1e-6
        uint64 canSell;
        int96 waits; // what is ordered, as of the venue's last answer
        uint96 band; // of the last hedge
        uint96 shortfall;
        uint64 cost; // half of the venue's relative bid-ask for a small trade
    }

    /// Search of the largest size that fits, down to 1/4096; within 1/16 of it.
    uint256 private constant HALVINGS = 12;
    uint256 private constant REFINEMENTS = 4;
    /// A stored decision holds while spot is within this fraction.
    uint256 private constant NEAR = 100;
    /// The bid-ask is measured with this fraction of what the pool owns.
    uint256 private constant PROBE_FRACTION = 1000;
    /// Gas that a venue may burn per call; a router with several venues behind it needs that much.
    uint256 internal constant VIEW_GAS = 1_200_000;
    uint256 internal constant ACTION_GAS = 5_000_000;
    Wad internal constant UNLIMITED = Wad.wrap(type(uint96).max);
    /// Unit of stored capacities and decisions.
    uint256 internal constant TINY = 1e12;
    /// An order at a venue that has stopped answering counts this long.
    uint256 private constant ORDER_LIFE = 1 hours;

    address internal immutable QUOTE;
    uint256 internal immutable UNIT;
    address internal immutable VENUE;
    ILPVault internal immutable VAULT;
    Wad private immutable TARGET_LEVERAGE;
    Wad private immutable TOP_UP_LEVERAGE;
    Wad private immutable MAX_LEVERAGE;
    Wad private immutable MAX_SLIPPAGE;
    Wad internal immutable GATE_SLACK;
    Wad internal immutable STALE_SHARE;
    uint256 private immutable LOOK_AGE;

    Stored internal stored;

    constructor(Addresses memory book, HedgeParams memory params_, address venue) {
        ParamBounds.check(params_);
        QUOTE = book.quote;
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        VENUE = venue;
        VAULT = ILPVault(book.vault);
        TARGET_LEVERAGE = params_.targetLeverage;
        TOP_UP_LEVERAGE = params_.topUpLeverage;
        MAX_LEVERAGE = params_.maxLeverage;
        MAX_SLIPPAGE = params_.maxSlippage;
        GATE_SLACK = params_.gateSlack;
        STALE_SHARE = params_.staleShare;
        LOOK_AGE = params_.lookAge.rawSeconds();
    }

    function params() public view returns (HedgeParams memory) {
        return HedgeParams({
            targetLeverage: TARGET_LEVERAGE,
            topUpLeverage: TOP_UP_LEVERAGE,
            maxLeverage: MAX_LEVERAGE,
            gateSlack: GATE_SLACK,
            maxSlippage: MAX_SLIPPAGE,
            staleShare: STALE_SHARE,
            lookAge: Seconds.wrap(uint64(LOOK_AGE))
        });
    }

    // ------------------------------------------------------------ the position

    function equityAt(Wad spot) public view returns (SWad) {
        SWad move = spot.signed() - Wad.wrap(stored.spot).signed();
        return SWad.wrap(stored.equity) + SWad.wrap(stored.size).mulS(move);
    }

    function lineAt(Wad spot) external view returns (SWad value, SWad slope, SWad delta) {
        value = equityAt(spot);
        (slope, delta) = (equityAt(spot + spot) - value, equityAt(spot + Wad.wrap(ONE)) - value);
    }

    function equity() external view returns (SWad) {
        return _live().equity;
    }

    function size() external view returns (SWad) {
        return _live().size;
    }

    function pending() external view returns (SWad) {
        return _waiting();
    }

    function inventory() external view returns (SWad, Wad, Wad) {
        return (_known(), Wad.wrap(stored.band), Wad.wrap(stored.spot));
    }

    function lastHedge() external view returns (Timestamp) {
        return Timestamp.wrap(stored.lastHedge);
    }

    function shortfall() external view returns (Wad) {
        return Wad.wrap(stored.shortfall);
    }

    /// @dev Whether the stored position is young and near, and leaves nothing to do by itself: no shortfall, no order, no
    /// margin.
    function _settled(Wad spot) internal view returns (bool) {
        Stored storage s = stored;
        if (s.open || block.timestamp >= s.syncedAt + LOOK_AGE) return false;
        if (FixedPointMathLib.dist(spot.raw(), s.spot) > s.spot / NEAR) return false;
        if (TARGET_LEVERAGE.isZero()) return true;
        return !_above(TOP_UP_LEVERAGE, SWad.wrap(s.size).absS().mulUp(spot), equityAt(spot));
    }

    /// @dev The venue's statement, or the stored one when it cannot make any.
    function _live() internal view returns (VenuePosition memory position) {
        bool ok;
        (ok, position) = VENUE.tryPosition(address(this), VIEW_GAS);
        if (!ok) position = VenuePosition(SWad.wrap(stored.size), SWad.wrap(stored.equity), Wad.wrap(0));
    }

    /// @dev As stored: position with orders that wait.
    function _known() internal view returns (SWad) {
        return SWad.wrap(stored.size) + SWad.wrap(stored.waits);
    }

    /// @dev An order at a venue that has stopped answering may yet be filled.
    function _waiting() internal view returns (SWad) {
        (bool ok, SWad size_) = VENUE.tryPending(address(this), VIEW_GAS);
        bool lost = block.timestamp > stored.syncedAt + ORDER_LIFE;
        return ok || lost ? size_ : SWad.wrap(stored.waits);
    }

    /// @dev Reads position, bid-ask and capacity into storage.
    function _sync(Wad spot) internal {
        (bool ok, VenuePosition memory position) = _readPosition(spot);
        if (!ok) return;
        stored.syncedAt = uint32(block.timestamp);
        _measure(spot, position);
    }

    /// @dev After a trade: what was measured not long ago moves along with it.
    function _follow(Wad spot, SWad traded) internal {
        if (block.timestamp >= stored.syncedAt + LOOK_AGE) return _sync(spot);
        _readPosition(spot);
        stored.canBuy = _capped(Wad.wrap(stored.canBuy * TINY).signed() - traded);
        stored.canSell = _capped(Wad.wrap(stored.canSell * TINY).signed() + traded);
    }

    /// @dev A venue that does not answer has no capacity.
    function _readPosition(Wad spot) private returns (bool ok, VenuePosition memory position) {
        stored.waits = _waiting().rawS().toInt96();
        (ok, position) = VENUE.tryPosition(address(this), VIEW_GAS);
        if (!ok) {
            (stored.canBuy, stored.canSell) = (0, 0);
            return (ok, position);
        }
        (stored.size, stored.equity) = (position.size.rawS().toInt96(), position.equity.rawS().toInt96());
        stored.spot = spot.raw().toUint96();
        emit Synced(position.size, position.equity, spot);
    }

    function _measure(Wad spot, VenuePosition memory position) private {
        Wad owned = _owned(position);
        (bool open, Wad cost) = _halfSpread(owned, spot);
        if (open) stored.cost = uint64(cost.raw());
        stored.canBuy = open ? _capacity(1, owned, spot, position.size) : 0;
        stored.canSell = open ? _capacity(-1, owned, spot, position.size) : 0;
    }

    /// @dev Half of an order that waits.
    function _halfOrder(int256 side) internal view returns (Wad) {
        return Wad.wrap(SWad.wrap(side * stored.waits).positive().raw() / 2);
    }

    /// @dev Half of the relative bid-ask for a small trade, as stored, or as the venue quotes before it was ever read.
    function _cost(Wad spot, VenuePosition memory position) internal view returns (Wad cost) {
        if (stored.spot != 0) return Wad.wrap(stored.cost);
        (, cost) = _halfSpread(_owned(position), spot);
    }

    function _halfSpread(Wad owned, Wad spot) private view returns (bool open, Wad half) {
        SWad probe = Wad.wrap(owned.divDown(spot).raw() / PROBE_FRACTION + 1e12).signed();
        VenueQuote memory ask = VENUE.tryQuote(probe, VIEW_GAS);
        VenueQuote memory bid = VENUE.tryQuote(-probe, VIEW_GAS);
        open = ask.ok && bid.ok;
        if (open) half = ask.price.subFloor(bid.price).divDown(ask.price + bid.price);
    }

    function _owned(VenuePosition memory position) private view returns (Wad) {
        return (position.equity + VAULT.cash().signed()).positive();
    }

    function _capacity(int256 side, Wad owned, Wad spot, SWad size_) private view returns (uint64) {
        Wad room = _room(side, owned, spot, size_);
        if (MAX_SLIPPAGE.isZero() || room.isZero()) return _capped(room.signed());
        Wad most = room.minWad(owned.mulDown(MAX_LEVERAGE).divDown(spot));
        (SWad fits,) = _fillable(SWad.wrap(side * most.signed().rawS()), spot);
        return _capped(fits.absS().signed());
    }

    function _capped(SWad room) private pure returns (uint64) {
        return uint64(FixedPointMathLib.min(room.positive().raw() / TINY, type(uint64).max));
    }

    /// @dev What leverage leaves in one direction when all that the pool owns were margin.
    function _room(int256 side, Wad owned, Wad spot, SWad size_) private view returns (Wad) {
        if (TARGET_LEVERAGE.isZero()) return UNLIMITED;
        SWad most = owned.mulDown(MAX_LEVERAGE).divDown(spot).signed();
        return (most - SWad.wrap(side * size_.rawS())).positive();
    }

    // ------------------------------------------------------------ how much can be traded

    /// @dev The worst acceptable price.
    function _limit(SWad trade, Wad spot) internal view returns (Wad) {
        if (MAX_SLIPPAGE.isZero()) return Wad.wrap(trade.isNegative() ? 0 : type(uint256).max);
        Wad slip = spot.mulDown(MAX_SLIPPAGE);
        return trade.isNegative() ? spot - slip : spot + slip;
    }

    /// @dev The part of `trade` that the venue fills within the limit, halved until it fits, then refined; and what a
    /// unit of it costs against `spot`, >= 0.
    function _fillable(SWad trade, Wad spot) internal view returns (SWad fits, Wad cost) {
        Wad limit = _limit(trade, spot);
        int256 good = trade.rawS();
        Wad price = _priceOf(SWad.wrap(good), limit);
        for (uint256 i; price.isZero(); ++i) {
            if (i == HALVINGS) return (SWad.wrap(0), price);
            good /= 2;
            price = _priceOf(SWad.wrap(good), limit);
        }
        if (good != trade.rawS()) (good, price) = _refined(good, price, limit);
        return (SWad.wrap(good), trade.isNegative() ? spot.subFloor(price) : price.subFloor(spot));
    }

    function _refined(int256 good, Wad price, Wad limit) private view returns (int256, Wad) {
        int256 step = good / 2;
        for (uint256 i; i < REFINEMENTS; ++i) {
            Wad found = _priceOf(SWad.wrap(good + step), limit);
            if (!found.isZero()) (good, price) = (good + step, found);
            step /= 2;
        }
        return (good, price);
    }

    /// @dev Zero when the venue does not fill it within the limit.
    function _priceOf(SWad trade, Wad limit) private view returns (Wad) {
        VenueQuote memory q = VENUE.tryQuote(trade, VIEW_GAS);
        bool fits = q.ok && (trade.isNegative() ? q.price >= limit : q.price <= limit);
        return fits ? q.price : Wad.wrap(0);
    }

    /// @dev The part of `trade` after which leverage stays within its maximum if all cash became margin, at `cost` a
    /// unit. Trades that reduce the position always pass.
    function _affordable(SWad trade, Wad cost, SWad size_, SWad equity_, Wad spot) internal view returns (SWad) {
        if (TARGET_LEVERAGE.isZero() || (size_ + trade).absS() <= size_.absS()) return trade;
        SWad owned = equity_ + VAULT.cash().signed();
        SWad costless = _levered(trade, size_, owned, spot);
        return _levered(costless, size_, owned - cost.mulUp(costless.absS()).signed(), spot);
    }

    function _levered(SWad trade, SWad size_, SWad owned, Wad spot) private view returns (SWad) {
        SWad most = owned.positive().mulDown(MAX_LEVERAGE).divDown(spot).signed();
        SWad allowed = (size_ + trade).minSWad(most).maxSWad(-most) - size_;
        return allowed.isNegative() == trade.isNegative() ? allowed : SWad.wrap(0);
    }

    // ------------------------------------------------------------ margin

    /// @dev Before a trade that costs `cost`: margin for the position after it. Returns whether margin moved.
    function _fund(SWad trade, Wad cost, SWad size_, SWad equity_, Wad spot) internal returns (bool) {
        if (TARGET_LEVERAGE.isZero()) return false;
        Wad notional = (size_ + trade).absS().mulUp(spot);
        SWad left = equity_ - cost.signed();
        if (!_above(TOP_UP_LEVERAGE, notional, left)) return false;
        Wad need = (notional.divUp(TARGET_LEVERAGE).signed() - left).positive();
        Wad amount = Wad.wrap(need.raw().ceilUnit(UNIT)).minWad(Wad.wrap(VAULT.cash().raw().floorUnit(UNIT)));
        return !amount.isZero() && _deposit(amount, equity_, notional);
    }

    /// @dev Whether margin is due although no trade is.
    function _marginDue(VenuePosition memory position, Wad spot) internal view returns (bool) {
        if (TARGET_LEVERAGE.isZero()) return false;
        return _above(TOP_UP_LEVERAGE, position.size.absS().mulUp(spot), position.equity)
            && VAULT.cash().raw() >= UNIT;
    }

    function _above(Wad leverage, Wad notional, SWad equity_) private pure returns (bool) {
        return equity_.positive().mulDown(leverage) < notional;
    }

    /// @dev After a trade: margin beyond target leverage goes home once leverage is as far below the target as
    /// the top-up is above it. An order that waits keeps its margin.
    function _release(Wad spot) internal {
        SWad held = SWad.wrap(stored.equity);
        if (TARGET_LEVERAGE.isZero() || held <= SWad.wrap(0)) return;
        Wad notional = SWad.wrap(stored.size).absS().maxWad(_known().absS()).mulUp(spot);
        Wad keep = notional.divUp(TARGET_LEVERAGE);
        Wad trigger = keep.mulUp(TOP_UP_LEVERAGE).divUp(TARGET_LEVERAGE);
        if (held.positive() <= trigger) return;
        uint256 amount = (held.positive() - keep).raw().floorUnit(UNIT);
        if (amount != 0) _withdraw(Wad.wrap(amount), held, notional);
    }

    /// @dev What the venue does not take goes back to the vault.
    function _deposit(Wad amount, SWad equity_, Wad notional) private returns (bool ok) {
        uint256 before = QUOTE.balanceOf(address(this));
        VAULT.debit(address(this), amount);
        QUOTE.safeApproveWithRetry(VENUE, amount.raw().toTokenDown(UNIT));
        ok = VENUE.tryDeposit(amount, ACTION_GAS);
        QUOTE.safeApproveWithRetry(VENUE, 0); // a venue may take less than it was offered
        _sendHome(before);
        if (ok) emit MarginMoved(amount.signed(), equity_ + amount.signed(), _leverage(notional, equity_ + amount.signed()));
    }

    function _withdraw(Wad amount, SWad equity_, Wad notional) private {
        uint256 before = QUOTE.balanceOf(address(this));
        VENUE.tryWithdraw(amount, ACTION_GAS);
        Wad received = _sendHome(before);
        if (received.isZero()) return;
        SWad left = equity_ - received.signed();
        stored.equity = left.rawS().toInt96();
        emit MarginMoved(-received.signed(), left, _leverage(notional, left));
    }

    /// @dev Books with the vault what arrived here since the balance was `before`; gifts stay out.
    function _sendHome(uint256 before) private returns (Wad amount) {
        uint256 arrived = QUOTE.balanceOf(address(this)) - before;
        if (arrived == 0) return amount;
        amount = Wad.wrap(arrived * UNIT);
        VAULT.credit(amount);
        QUOTE.safeTransfer(address(VAULT), arrived);
    }

    function _leverage(Wad notional, SWad equity_) private pure returns (Wad) {
        return equity_ > SWad.wrap(0) ? notional.divDown(equity_.positive()) : UNLIMITED;
    }
}
