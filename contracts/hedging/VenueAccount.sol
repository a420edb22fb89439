// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IHedgeManager} from "../interfaces/IHedging.sol";
import {ILPVault} from "../interfaces/ILPVault.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {VenueCalls} from "../libraries/VenueCalls.sol";
import {HedgeParams} from "../types/Params.sol";
import {Addresses, VenuePosition, VenueQuote} from "../types/Types.sol";
import {SWad, Timestamp, Wad} from "../types/Units.sol";

/// The pool's account at its venue: a stored copy of the position, what the venue can still take, and the margin
/// that flows between the vault and the venue. A sick venue never makes anything here revert.
abstract contract VenueAccount is IHedgeManager {
    using SafeCastLib for uint256;
    using SafeCastLib for int256;
    using SafeTransferLib for address;
    using TokenUnits for uint256;
    using VenueCalls for address;

    /// @dev Last known position and venue, all 1e18. equity is as of oracle price `spot`.
    struct Stored {
        int128 size;
        int128 equity;
        uint128 spot;
        uint64 cost; // half of the venue's relative bid-ask for a small trade
        uint64 lastHedge;
        uint128 canBuy; // what the venue can take within slippage and leverage
        uint128 canSell;
        uint128 band;
        uint128 shortfall;
        int128 exposure; // size and what is ordered, as of the last hedge or sync
    }

    /// Search of the largest size that fits, down to 1/4096; within 1/16 of it.
    uint256 private constant HALVINGS = 12;
    uint256 private constant REFINEMENTS = 4;
    /// The bid-ask is measured with this fraction of what the pool owns.
    uint256 private constant PROBE_FRACTION = 1000;
    /// Gas that a venue may burn per call; a router with several venues behind it needs that much.
    uint256 internal constant VIEW_GAS = 1_200_000;
    uint256 internal constant ACTION_GAS = 5_000_000;
    Wad private constant UNLIMITED = Wad.wrap(type(uint128).max);

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
    }

    function params() public view returns (HedgeParams memory) {
        return HedgeParams({
            targetLeverage: TARGET_LEVERAGE,
            topUpLeverage: TOP_UP_LEVERAGE,
            maxLeverage: MAX_LEVERAGE,
            gateSlack: GATE_SLACK,
            maxSlippage: MAX_SLIPPAGE,
            staleShare: STALE_SHARE
        });
    }

    // ------------------------------------------------------------ the position

    function equityAt(Wad spot) public view returns (SWad) {
        SWad move = spot.signed() - Wad.wrap(stored.spot).signed();
        return SWad.wrap(stored.equity) + SWad.wrap(stored.size).mulS(move);
    }

    function equity() external view returns (SWad) {
        return _live().equity;
    }

    function size() external view returns (SWad) {
        return _live().size;
    }

    function pending() external view returns (SWad) {
        return VENUE.tryPending(address(this), VIEW_GAS);
    }

    function inventory() external view returns (SWad, Wad, Wad) {
        return (SWad.wrap(stored.exposure), Wad.wrap(stored.band), Wad.wrap(stored.spot));
    }

    function lastHedge() external view returns (Timestamp) {
        return Timestamp.wrap(stored.lastHedge);
    }

    function shortfall() external view returns (Wad) {
        return Wad.wrap(stored.shortfall);
    }

    /// @dev The venue's statement, or the stored one when it cannot make any.
    function _live() internal view returns (VenuePosition memory position) {
        bool ok;
        (ok, position) = VENUE.tryPosition(address(this), VIEW_GAS);
        if (!ok) position = VenuePosition(SWad.wrap(stored.size), SWad.wrap(stored.equity), Wad.wrap(0));
    }

    /// @dev Position with orders that wait: nothing is ordered twice.
    function _exposure(SWad size_) internal view returns (SWad) {
        return size_ + VENUE.tryPending(address(this), VIEW_GAS);
    }

    /// @dev Reads position, bid-ask and capacity into storage; a venue that does not answer has no capacity.
    function _sync(Wad spot) internal returns (SWad size_) {
        (bool ok, VenuePosition memory position) = VENUE.tryPosition(address(this), VIEW_GAS);
        if (!ok) {
            (stored.canBuy, stored.canSell) = (0, 0);
            return SWad.wrap(stored.size);
        }
        size_ = position.size;
        stored.size = size_.rawS().toInt128();
        stored.equity = position.equity.rawS().toInt128();
        stored.spot = spot.raw().toUint128();
        _measure(spot, position);
        emit Synced(size_, position.equity, spot);
    }

    function _measure(Wad spot, VenuePosition memory position) private {
        Wad owned = (position.equity + VAULT.cash().signed()).positive();
        SWad probe = Wad.wrap(owned.divDown(spot).raw() / PROBE_FRACTION + 1e12).signed();
        VenueQuote memory ask = VENUE.tryQuote(probe, VIEW_GAS);
        VenueQuote memory bid = VENUE.tryQuote(-probe, VIEW_GAS);
        bool open = ask.ok && bid.ok;
        if (open) stored.cost = _halfSpread(ask.price, bid.price);
        stored.canBuy = open ? _capacity(1, owned, spot, position.size) : 0;
        stored.canSell = open ? _capacity(-1, owned, spot, position.size) : 0;
    }

    /// @dev Half of an order that waits.
    function _halfOrder(int256 side) internal view returns (Wad) {
        int256 waits = int256(stored.exposure) - stored.size;
        return Wad.wrap(SWad.wrap(side * waits).positive().raw() / 2);
    }

    function _halfSpread(Wad ask, Wad bid) private pure returns (uint64) {
        return uint64(ask.subFloor(bid).divDown(ask + bid).raw());
    }

    function _capacity(int256 side, Wad owned, Wad spot, SWad size_) private view returns (uint128) {
        Wad room = _room(side, owned, spot, size_);
        if (MAX_SLIPPAGE.isZero() || room.isZero()) return room.raw().toUint128();
        Wad most = room.minWad(owned.mulDown(MAX_LEVERAGE).divDown(spot));
        SWad fits = _fillable(SWad.wrap(side * most.signed().rawS()), spot);
        return fits.absS().raw().toUint128();
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

    /// @dev The part of `trade` that the venue fills within the limit: halved until it fits, then refined.
    function _fillable(SWad trade, Wad spot) internal view returns (SWad) {
        Wad limit = _limit(trade, spot);
        int256 good = trade.rawS();
        for (uint256 i; !_fits(SWad.wrap(good), limit); ++i) {
            if (i == HALVINGS) return SWad.wrap(0);
            good /= 2;
        }
        if (good == trade.rawS()) return trade;
        int256 step = good / 2;
        for (uint256 i; i < REFINEMENTS; ++i) {
            if (_fits(SWad.wrap(good + step), limit)) good += step;
            step /= 2;
        }
        return SWad.wrap(good);
    }

    function _fits(SWad trade, Wad limit) private view returns (bool) {
        VenueQuote memory q = VENUE.tryQuote(trade, VIEW_GAS);
        return q.ok && (trade.isNegative() ? q.price >= limit : q.price <= limit);
    }

    /// @dev The part of `trade` after which leverage stays within its maximum if all cash became margin. Trades that
    /// reduce the position always pass.
    function _affordable(SWad trade, SWad size_, SWad equity_, Wad spot) internal view returns (SWad) {
        if (TARGET_LEVERAGE.isZero() || (size_ + trade).absS() <= size_.absS()) return trade;
        SWad owned = equity_ + VAULT.cash().signed();
        SWad costless = _levered(trade, size_, owned, spot);
        return _levered(costless, size_, owned - _costOf(costless, spot).signed(), spot);
    }

    function _levered(SWad trade, SWad size_, SWad owned, Wad spot) private view returns (SWad) {
        SWad most = owned.positive().mulDown(MAX_LEVERAGE).divDown(spot).signed();
        SWad allowed = (size_ + trade).minSWad(most).maxSWad(-most) - size_;
        return allowed.isNegative() == trade.isNegative() ? allowed : SWad.wrap(0);
    }

    /// @dev What filling `trade` costs against `spot`, >= 0.
    function _costOf(SWad trade, Wad spot) private view returns (Wad) {
        VenueQuote memory q = VENUE.tryQuote(trade, VIEW_GAS);
        if (!q.ok) return Wad.wrap(0);
        Wad worse = trade.isNegative() ? spot.subFloor(q.price) : q.price.subFloor(spot);
        return worse.mulUp(trade.absS());
    }

    // ------------------------------------------------------------ margin

    /// @dev Before a trade: margin for the position after it. Returns whether margin moved.
    function _fund(SWad trade, SWad size_, SWad equity_, Wad spot) internal returns (bool) {
        if (TARGET_LEVERAGE.isZero()) return false;
        Wad notional = (size_ + trade).absS().mulUp(spot);
        SWad left = equity_ - (trade.isZeroS() ? Wad.wrap(0) : _costOf(trade, spot)).signed();
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
        Wad notional = SWad.wrap(stored.size).absS().maxWad(SWad.wrap(stored.exposure).absS()).mulUp(spot);
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
        stored.equity = left.rawS().toInt128();
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
