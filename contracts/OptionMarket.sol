// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Accounts} from "./base/Accounts.sol";
import {Liquidation} from "./base/Liquidation.sol";
import {Settlement} from "./base/Settlement.sol";
import {IHedgeManager} from "./interfaces/IHedging.sol";
import {IVolSurface} from "./interfaces/IVolSurface.sol";
import {FeeMath} from "./libraries/FeeMath.sol";
import {Packing} from "./libraries/Packing.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {MarketParams} from "./types/Params.sol";
import {Addresses, BookChange, BookGreeks, Mode, OracleView, TradeResult} from "./types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad, blockTime} from "./types/Units.sol";

contract OptionMarket is Liquidation {
    using SafeTransferLib for address;
    using TokenUnits for uint256;

    /// @dev What a trade knows before it asks the ledger.
    struct Ticket {
        SeriesId id;
        SWad size;
        bool opening;
        Mode mode;
        OracleView seen;
        Wad spot; // the trade is priced at this: the oracle's price, or the trader's worse side of the band
        Wad confidence; // the lower of oracle's and surface's
        bool open; // the surface allows opens
    }

    /// @dev Dollar delta that an account added in one block.
    struct Added {
        uint64 blockNumber;
        int192 dollars;
    }

    IVolSurface private immutable SURFACE;
    IHedgeManager private immutable HEDGE;
    address private immutable LISTER;
    address private immutable PARAMS;

    mapping(address => Added) private _added;

    constructor(Addresses memory book, MarketParams memory params_)
        Accounts(book, params_.maxLegs)
        Settlement(book)
        Liquidation(book)
    {
        ParamBounds.check(params_);
        SURFACE = IVolSurface(book.surface);
        HEDGE = IHedgeManager(book.hedge);
        LISTER = book.lister;
        PARAMS = SSTORE2.write(abi.encode(params_));
    }

    function params() public view returns (MarketParams memory) {
        return abi.decode(SSTORE2.read(PARAMS), (MarketParams));
    }

    // ------------------------------------------------------------ listing

    function list(Timestamp expiry, Wad[] calldata strikes) external nonReentrant {
        if (msg.sender != LISTER) revert OnlyLister(msg.sender);
        if (expiry <= blockTime()) revert BadExpiry(expiry, blockTime());
        Wad impact = _impact();
        SURFACE.list(expiry, strikes);
        LEDGER.list(expiry, strikes, impact);
        _live.push(expiry);
        emit ExpiryListed(expiry, strikes, impact);
    }

    /// @dev V = impact * NAV * min(1, 3 / number of listed expiries).
    function _impact() private view returns (Wad) {
        Wad share = SURFACE.params().impact;
        if (share.isZero()) return share;
        SWad nav = VAULT.navFast(ORACLE.read().price);
        if (nav <= SWad.wrap(0)) revert NoPoolMoney(nav);
        uint256 count = LEDGER.expiries().length + 1;
        Wad impact = share.mulDown(nav.positive());
        return count <= 3 ? impact : Wad.wrap(impact.raw() * 3 / count);
    }

    // ------------------------------------------------------------ quote in and out

    function deposit(Wad amount) external nonReentrant {
        uint256 units = amount.raw() / UNIT;
        if (units == 0) revert AmountTooSmall(amount, Wad.wrap(UNIT));
        QUOTE.safeTransferFrom(msg.sender, address(this), units);
        _enlist(msg.sender);
        _credit(msg.sender, units * UNIT);
        if (_accounts[msg.sender].shorts != 0) _touch(msg.sender, ORACLE.read().price);
        emit Deposited(msg.sender, Wad.wrap(units * UNIT));
    }

    function withdraw(Wad amount) external nonReentrant {
        uint256 units = amount.raw() / UNIT;
        if (units == 0) revert AmountTooSmall(amount, Wad.wrap(UNIT));
        _debit(msg.sender, units * UNIT);
        if (_accounts[msg.sender].shorts != 0) _requireMarginToWithdraw();
        QUOTE.safeTransfer(msg.sender, units);
        emit Withdrawn(msg.sender, Wad.wrap(units * UNIT));
    }

    function _requireMarginToWithdraw() private {
        OracleView memory seen = ORACLE.read();
        if (seen.mode == Mode.FROZEN) revert ModeForbids(Mode.FROZEN);
        _requireInitial(msg.sender, seen.price);
    }

    // ------------------------------------------------------------ trade

    function trade(SeriesId id, SWad size, SWad limit) external nonReentrant returns (TradeResult memory result) {
        MarketParams memory p = params();
        Ticket memory t = _ticket(id, size);
        t.opening = _isOpening(id, size);
        _checkAllowed(t, p);
        BookChange memory change = LEDGER.trade(id, size, t.spot, t.opening);
        result = _result(p, t, change);
        if (result.cash > limit) revert LimitExceeded(result.cash, limit);
        int64 lots = _addLots(msg.sender, id, Packing.toLots(size));
        _moveCash(result, p.insuranceShare);
        if (t.opening) _checkLimits(p, t, change);
        _checkAccount(t);
        emit Traded(msg.sender, id, size, result, Packing.toSize(lots), t.spot);
    }

    function quote(SeriesId id, SWad size) external view returns (TradeResult memory) {
        Ticket memory t = _ticket(id, size);
        return _result(params(), t, LEDGER.preview(id, size, t.spot));
    }

    function _ticket(SeriesId id, SWad size) private view returns (Ticket memory t) {
        if (id.expiryOf() <= blockTime()) revert NotTradeable(id);
        (t.id, t.size) = (id, size);
        t.seen = ORACLE.read();
        t.mode = BREAKER.effective(t.seen.mode);
        t.spot = _spotFor(t);
        (t.open,, t.confidence) = SURFACE.status(id.expiryOf());
        t.confidence = t.confidence.minWad(t.seen.confidence);
    }

    /// @dev Outside NORMAL the trader gets the worse side: who gains delta pays the high price.
    function _spotFor(Ticket memory t) private pure returns (Wad) {
        if (t.mode == Mode.NORMAL) return t.seen.price;
        return t.id.isCallOf() != t.size.isNegative() ? t.seen.high : t.seen.low;
    }

    function _isOpening(SeriesId id, SWad size) private view returns (bool) {
        (, int64 lots) = _find(msg.sender, id);
        int256 held = Packing.toSize(lots).rawS();
        bool opposite = held < 0 != size.isNegative();
        return !(held != 0 && opposite && size.absS() <= SWad.wrap(held).absS());
    }

    function _checkAllowed(Ticket memory t, MarketParams memory p) private view {
        if (t.seen.mode == Mode.FROZEN) revert ModeForbids(Mode.FROZEN);
        if (t.mode == Mode.FROZEN || t.opening && t.mode != Mode.NORMAL) revert ModeForbids(t.mode);
        if (t.size.isZeroS()) revert SizeTooSmall(t.size, p.minSize);
        if (t.opening) _checkOpening(t, p);
    }

    function _checkOpening(Ticket memory t, MarketParams memory p) private view {
        Timestamp expiry = t.id.expiryOf();
        if (t.size.absS() < p.minSize) revert SizeTooSmall(t.size, p.minSize);
        if (blockTime().plus(p.cutoff) >= expiry) revert Cutoff(expiry, blockTime());
        if (!t.open) revert ExpiryReduceOnly(expiry);
    }

    function _result(MarketParams memory p, Ticket memory t, BookChange memory change)
        private
        view
        returns (TradeResult memory r)
    {
        r.premium = change.cost;
        if (t.mode == Mode.WIND_DOWN && t.size.isNegative()) r.premium = r.premium.mulWadS(VAULT.solvency().scale);
        r.fee = FeeMath.fee(p, t.seen, change, t.size.absS(), t.confidence);
        r.cash = SWad.wrap(_ceil(r.premium.rawS() + int256(r.fee.raw())));
        (r.mark, r.iv, r.delta, r.shiftAfter) = (change.mark, change.iv, change.delta, change.shiftAfter);
    }

    /// @dev Rounded to a token unit against the trader.
    function _ceil(int256 cash) private view returns (int256) {
        return cash >= 0 ? int256(uint256(cash).ceilUnit(UNIT)) : -int256(uint256(-cash).floorUnit(UNIT));
    }

    function _moveCash(TradeResult memory r, Wad insuranceShare) private {
        int256 cash = r.cash.rawS();
        if (cash > 0) _debit(msg.sender, uint256(cash));
        else _credit(msg.sender, uint256(-cash));
        uint256 insured = r.fee.mulDown(insuranceShare).raw().floorUnit(UNIT);
        _settleWithVault(cash - int256(insured));
        _toInsurance(insured);
    }

    // ------------------------------------------------------------ checks after a trade

    /// @dev Selling a long beside shorts also needs the initial margin: the long may have been their cover.
    function _checkAccount(Ticket memory t) private {
        if (t.opening || t.size.isNegative()) _requireInitial(msg.sender, t.seen.price);
        else _touch(msg.sender, t.seen.price);
    }

    function _checkLimits(MarketParams memory p, Ticket memory t, BookChange memory change) private {
        Wad spot = t.seen.price;
        (BookGreeks memory greeks,, SWad[8] memory nodes, Timestamp stale) = LEDGER.aggregate(spot);
        if (stale.rawTime() != 0) revert StaleGreeks(stale);
        _checkDelta(p, change.delta.absS());
        SWad nav = VAULT.navFast(spot);
        Wad money = nav.positive();
        _checkAccountDelta(p, t, change.delta, money);
        _checkGamma(p, t, greeks.gamma, money);
        _checkVega(p, t, money);
        _checkStress(p, spot, nodes, money);
        _checkGate(t, change.delta, greeks.delta, money);
    }

    function _checkDelta(MarketParams memory p, Wad delta) private pure {
        if (p.maxDelta.isZero()) return;
        if (delta < p.minDelta || delta > p.maxDelta) revert DeltaOutOfRange(delta, p.minDelta, p.maxDelta);
    }

    function _checkAccountDelta(MarketParams memory p, Ticket memory t, SWad delta, Wad money) private {
        if (p.accountDeltaLimit.isZero()) return;
        Added memory added = _added[msg.sender];
        if (added.blockNumber != block.number) (added.blockNumber, added.dollars) = (uint64(block.number), 0);
        added.dollars += int192(t.size.mulS(delta).mulWadS(t.seen.price).rawS());
        _added[msg.sender] = added;
        Wad dollars = SWad.wrap(added.dollars).absS();
        Wad limit = p.accountDeltaLimit.mulDown(money);
        if (dollars > limit) revert AccountDeltaLimit(dollars, limit);
    }

    /// @dev A trade that brings the pool's gamma (vega) toward zero is never refused for it: the pool's changes by
    /// minus the trader's size.
    function _checkGamma(MarketParams memory p, Ticket memory t, SWad gamma, Wad money) private pure {
        if (p.gammaLimit.isZero() || gamma.isNegative() == t.size.isNegative()) return;
        Wad dollars = Wad.wrap(gamma.absS().mulUp(t.seen.price).mulUp(t.seen.price).raw() / 100);
        Wad limit = p.gammaLimit.mulDown(money);
        if (dollars > limit) revert GammaLimit(dollars, limit);
    }

    function _checkVega(MarketParams memory p, Ticket memory t, Wad money) private view {
        if (p.vegaLimit.isZero()) return;
        SWad vega = LEDGER.vegaOf(t.id.expiryOf());
        if (vega.isNegative() == t.size.isNegative()) return;
        Wad dollars = Wad.wrap(vega.absS().raw() / 100);
        Wad limit = p.vegaLimit.mulDown(money);
        if (dollars > limit) revert VegaLimit(dollars, limit);
    }

    function _checkStress(MarketParams memory p, Wad spot, SWad[8] memory nodes, Wad money) private view {
        if (p.stressFloor.isZero()) return;
        SWad worst = VAULT.worstStress(spot, nodes);
        SWad floor = p.stressFloor.mulDown(money).signed();
        if (worst < floor) revert StressLimit(worst, floor);
    }

    /// @dev Only for a trade that moved the pool's net delta away from zero. The slope of the stored hedge equity is
    /// the stored hedge position.
    function _checkGate(Ticket memory t, SWad delta, SWad bookDelta, Wad money) private view {
        Wad spot = t.seen.price;
        SWad net = bookDelta + HEDGE.equityAt(spot + Wad.wrap(ONE)) - HEDGE.equityAt(spot);
        bool poolGained = delta.isNegative() != t.size.isNegative();
        if (net.isNegative() != poolGained) HEDGE.gate(net, spot, money);
    }
}
