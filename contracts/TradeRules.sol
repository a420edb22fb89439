// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {TradeMemory} from "./base/TradeMemory.sol";
import {ICircuitBreaker} from "./interfaces/ICircuitBreaker.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IHedgeManager} from "./interfaces/IHedging.sol";
import {ILPVault} from "./interfaces/ILPVault.sol";
import {IOptionMarket} from "./interfaces/IOptionMarket.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {IVolSurface} from "./interfaces/IVolSurface.sol";
import {FeeMath} from "./libraries/FeeMath.sol";
import {InventoryFee} from "./libraries/InventoryFee.sol";
import {Packing} from "./libraries/Packing.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {PoolMath} from "./libraries/PoolMath.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {MarketParams} from "./types/Params.sol";
import {Addresses, BookChange, BookGreeks, Mode, OracleView, TradeResult} from "./types/Types.sol";
import {SWad, Seconds, SeriesId, Timestamp, Wad, blockTime} from "./types/Units.sol";

/// The pool's side of a trade: conditions, price, fees and limits. The market deploys its own, so that both stay
/// small; as the market's first creation it may trade in the ledger (see GreekLedger).
contract TradeRules is TradeMemory {
    using Packing for uint256[2];
    using TokenUnits for uint256;

    /// @dev What the market says of a trade.
    struct Order {
        address account;
        SeriesId id;
        SWad size;
        SWad limit;
        bool opening;
        int256 cents; // dollar delta that the account added in this block before
        SWad settled; // settled and unpaid claims; this and the next only of an opening trade
        uint256[2] uncovered; // what shorts could not pay, see Packing.exposure
    }

    /// @dev What the rules answer.
    struct Outcome {
        TradeResult result;
        Wad insured; // the insurance fund's part of the fee
        Wad spot; // accepted price
        Wad priced; // at which the trade was priced
        int256 cents; // dollar delta that the account has added in this block
    }

    /// @dev What a trade knows before it asks the ledger.
    struct Ticket {
        SeriesId id;
        SWad size;
        Mode mode;
        bool open; // the surface allows opens
        Wad spot; // the trade is priced at this: the oracle's price, or the trader's worse side of the band
        Wad confidence; // the lower of oracle's and surface's
        OracleView seen;
        SWad net; // the pool's delta before, hedge included; this and what follows only with an inventory fee
        Wad band; // as stored at the last hedge
        Wad rate; // h S, with S as stored
        Wad paid; // what the account may get back
    }

    int256 private constant CENT = 0.01e18;
    int256 private constant MOST_CENTS = type(int40).max;

    uint256 private immutable UNIT;
    IOracleGuard private immutable ORACLE;
    IVolSurface private immutable SURFACE;
    IGreekLedger private immutable LEDGER;
    ILPVault private immutable VAULT;
    IHedgeManager private immutable HEDGE;
    ICircuitBreaker private immutable BREAKER;

    Wad private immutable PREMIUM_FEE;
    Wad private immutable SPOT_FEE;
    Wad private immutable MIN_FEE_DELTA;
    Wad private immutable BAND_FEE;
    Wad private immutable CONFIDENCE_FEE;
    Wad private immutable INSURANCE_SHARE;
    Wad private immutable MIN_DELTA;
    Wad private immutable MAX_DELTA;
    Seconds private immutable CUTOFF;
    Wad private immutable ACCOUNT_DELTA_LIMIT;
    Wad private immutable GAMMA_LIMIT;
    Wad private immutable VEGA_LIMIT;
    Wad private immutable STRESS_FLOOR;
    Wad private immutable MAX_LEGS;
    Wad private immutable MIN_SIZE;
    Wad private immutable INVENTORY_FEE;
    Wad private immutable INVENTORY_REBATE;
    Wad private immutable LARGE_TRADE;
    bool private immutable REMEMBERS;

    constructor(Addresses memory book, MarketParams memory p) {
        ParamBounds.check(p);
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        ORACLE = IOracleGuard(book.oracle);
        SURFACE = IVolSurface(book.surface);
        LEDGER = IGreekLedger(book.ledger);
        VAULT = ILPVault(book.vault);
        HEDGE = IHedgeManager(book.hedge);
        BREAKER = ICircuitBreaker(book.breaker);
        (PREMIUM_FEE, SPOT_FEE, MIN_FEE_DELTA, BAND_FEE) = (p.premiumFee, p.spotFee, p.minFeeDelta, p.bandFee);
        (CONFIDENCE_FEE, INSURANCE_SHARE) = (p.confidenceFee, p.insuranceShare);
        (MIN_DELTA, MAX_DELTA, CUTOFF) = (p.minDelta, p.maxDelta, p.cutoff);
        (ACCOUNT_DELTA_LIMIT, GAMMA_LIMIT, VEGA_LIMIT) = (p.accountDeltaLimit, p.gammaLimit, p.vegaLimit);
        (STRESS_FLOOR, MAX_LEGS, MIN_SIZE) = (p.stressFloor, p.maxLegs, p.minSize);
        (INVENTORY_FEE, INVENTORY_REBATE, LARGE_TRADE) = (p.inventoryFee, p.inventoryRebate, p.largeTrade);
        REMEMBERS = !p.inventoryFee.isZero() || !p.largeTrade.isZero();
    }

    function params() public view returns (MarketParams memory p) {
        (p.premiumFee, p.spotFee, p.minFeeDelta, p.bandFee) = (PREMIUM_FEE, SPOT_FEE, MIN_FEE_DELTA, BAND_FEE);
        (p.confidenceFee, p.insuranceShare) = (CONFIDENCE_FEE, INSURANCE_SHARE);
        (p.minDelta, p.maxDelta, p.cutoff) = (MIN_DELTA, MAX_DELTA, CUTOFF);
        (p.accountDeltaLimit, p.gammaLimit, p.vegaLimit) = (ACCOUNT_DELTA_LIMIT, GAMMA_LIMIT, VEGA_LIMIT);
        (p.stressFloor, p.maxLegs, p.minSize) = (STRESS_FLOOR, MAX_LEGS, MIN_SIZE);
        (p.inventoryFee, p.inventoryRebate, p.largeTrade) = (INVENTORY_FEE, INVENTORY_REBATE, LARGE_TRADE);
    }

    // ------------------------------------------------------------ before a trade

    /// @notice V = impact * NAV * min(1, 3 / number of listed expiries) of the next expiry.
    function impact() external view returns (Wad) {
        Wad share = SURFACE.params().impact;
        if (share.isZero()) return share;
        SWad nav = VAULT.navFast(ORACLE.read().price);
        if (nav <= SWad.wrap(0)) revert IOptionMarket.NoPoolMoney(nav);
        uint256 count = LEDGER.expiries().length + 1;
        Wad full = share.mulDown(nav.positive());
        return count <= 3 ? full : Wad.wrap(full.raw() * 3 / count);
    }

    function _ticket(address account, SeriesId id, SWad size) private view returns (Ticket memory t) {
        if (id.expiryOf() <= blockTime()) revert IOptionMarket.NotTradeable(id);
        (t.id, t.size) = (id, size);
        t.seen = ORACLE.read();
        t.mode = BREAKER.effective(t.seen.mode);
        t.spot = _spotFor(t);
        (t.open,, t.confidence) = SURFACE.status(id.expiryOf());
        t.confidence = t.confidence.minWad(t.seen.confidence);
        if (!INVENTORY_FEE.isZero() && !t.seen.price.isZero()) _inventory(t, account);
    }

    // ------------------------------------------------------------ trade

    /// @notice Books the pool's side of a trade. Only the market, which then moves legs and money.
    function trade(Order calldata o) external onlyMarket returns (Outcome memory out) {
        Ticket memory t = _ticket(o.account, o.id, o.size);
        _checkMode(t, o.opening);
        BookChange memory change = LEDGER.trade(o.id, o.size, t.spot, o.opening);
        (out.result, out.insured) = _result(t, change);
        if (out.result.cash > o.limit) revert IOptionMarket.LimitExceeded(out.result.cash, o.limit);
        (out.spot, out.priced) = (t.seen.price, t.spot);
        SWad dollars = o.size.mulS(change.delta).mulWadS(out.spot);
        out.cents = FixedPointMathLib.clamp(o.cents + dollars.rawS() / CENT, ~MOST_CENTS, MOST_CENTS);
        if (REMEMBERS) _record(o.account, out.result.inventory, _isLarge(dollars.absS(), out));
        if (o.opening) _check(t, o, change.delta, out);
    }

    /// @dev A close needs no more than one live feed: its confidence is zero when none is left.
    function _checkMode(Ticket memory t, bool opening) private pure {
        if (t.seen.confidence.isZero()) revert IOptionMarket.ModeForbids(Mode.FROZEN);
        if (opening && t.mode != Mode.NORMAL) revert IOptionMarket.ModeForbids(t.mode);
        if (t.size.isZeroS()) revert IOptionMarket.SizeTooSmall(t.size, Wad.wrap(Packing.LOT));
    }

    /// @dev Rebates are rewards: in NORMAL mode only.
    function _inventory(Ticket memory t, address account) private view {
        (BookGreeks memory greeks,,,) = LEDGER.aggregate(t.seen.price);
        (SWad hedged, Wad band, Wad spot) = HEDGE.inventory();
        (t.net, t.band) = (greeks.delta + hedged, band);
        t.rate = INVENTORY_FEE.mulUp(spot.isZero() ? t.seen.price : spot);
        if (t.mode == Mode.NORMAL) t.paid = inventoryPaid(account);
    }

    /// @dev Outside NORMAL the trader gets the worse side: who gains delta pays the high price.
    function _spotFor(Ticket memory t) private pure returns (Wad) {
        if (t.mode == Mode.NORMAL) return t.seen.price;
        return t.id.isCallOf() != t.size.isNegative() ? t.seen.high : t.seen.low;
    }

    // ------------------------------------------------------------ price

    /// @dev What the trader pays, and the insurance fund's part of the fee; both in whole token units. In a
    /// wind-down a long is paid as far as the pool can pay longs.
    function _result(Ticket memory t, BookChange memory change)
        private
        view
        returns (TradeResult memory r, Wad insured)
    {
        r.premium = change.cost;
        if (t.mode == Mode.WIND_DOWN && t.size.isNegative()) r.premium = r.premium.mulWadS(VAULT.solvency().scale);
        r.fee = FeeMath.fee(params(), t.seen, change, t.size.absS(), t.confidence);
        if (!t.rate.isZero()) r.inventory = _charge(t, change.delta);
        r.cash = SWad.wrap(_ceil((r.premium + r.fee.signed() + r.inventory).rawS()));
        (r.mark, r.iv, r.delta, r.shiftAfter) = (change.mark, change.iv, change.delta, change.shiftAfter);
        insured = Wad.wrap(r.fee.mulDown(INSURANCE_SHARE).raw().floorUnit(UNIT));
    }

    /// @notice The result of a trade that is not made.
    function quote(address account, SeriesId id, SWad size) external view returns (TradeResult memory r) {
        Ticket memory t = _ticket(account, id, size);
        (r,) = _result(t, LEDGER.preview(id, size, t.spot));
    }

    /// @dev By the trade's own delta: what it does to other series' deltas through the shift is nobody's merit.
    function _charge(Ticket memory t, SWad delta) private view returns (SWad) {
        SWad after_ = t.net - t.size.mulS(delta);
        return InventoryFee.charge(t.net, after_, t.band, t.rate, INVENTORY_REBATE, t.paid);
    }

    function _isLarge(Wad dollars, Outcome memory out) private view returns (bool) {
        if (LARGE_TRADE.isZero()) return false;
        return dollars > LARGE_TRADE.mulDown((VAULT.navFast(out.spot) + _coming(out)).positive());
    }

    /// @dev What the vault gets for the trade, as soon as the market has it.
    function _coming(Outcome memory out) private pure returns (SWad) {
        return out.result.cash - out.insured.signed();
    }

    /// @dev Rounded to a token unit against the trader.
    function _ceil(int256 cash) private view returns (int256) {
        return cash >= 0 ? int256(uint256(cash).ceilUnit(UNIT)) : -int256(uint256(-cash).floorUnit(UNIT));
    }

    // ------------------------------------------------------------ limits after a trade

    /// @dev Reverts with the limit that the trade breaks. The trade's cash has not reached the vault yet.
    function _check(Ticket memory t, Order calldata o, SWad delta, Outcome memory out) private view {
        _checkTrade(t, delta.absS());
        (BookGreeks memory greeks, SWad liability, SWad[8] memory nodes) = _freshBook(out.spot);
        (SWad equity, SWad slope, SWad hedged) = HEDGE.lineAt(out.spot);
        SWad own = VAULT.cash().signed() + _coming(out) + equity - o.settled;
        uint256[2] memory uncovered = o.uncovered;
        Wad money = (own - uncovered.exposureNow().signed() - liability).positive();
        _checkAccountDelta(SWad.wrap(out.cents * CENT).absS(), money);
        _checkGamma(t, greeks.gamma, money);
        _checkVega(t, money);
        _checkStress(own + PoolMath.worstNode(slope, nodes, uncovered.exposures()), money);
        _checkGate(t, delta, greeks.delta + hedged, money);
    }

    function _freshBook(Wad spot)
        private
        view
        returns (BookGreeks memory greeks, SWad liability, SWad[8] memory nodes)
    {
        Timestamp stale;
        (greeks, liability, nodes, stale) = LEDGER.aggregate(spot);
        if (stale.rawTime() != 0) revert IOptionMarket.StaleGreeks(stale);
    }

    function _checkTrade(Ticket memory t, Wad delta) private view {
        Timestamp expiry = t.id.expiryOf();
        if (t.size.absS() < MIN_SIZE) revert IOptionMarket.SizeTooSmall(t.size, MIN_SIZE);
        if (blockTime().plus(CUTOFF) >= expiry) revert IOptionMarket.Cutoff(expiry, blockTime());
        if (!t.open) revert IOptionMarket.ExpiryReduceOnly(expiry);
        if (MAX_DELTA.isZero() || delta >= MIN_DELTA && delta <= MAX_DELTA) return;
        revert IOptionMarket.DeltaOutOfRange(delta, MIN_DELTA, MAX_DELTA);
    }

    function _checkAccountDelta(Wad dollars, Wad money) private view {
        if (ACCOUNT_DELTA_LIMIT.isZero()) return;
        Wad limit = ACCOUNT_DELTA_LIMIT.mulDown(money);
        if (dollars > limit) revert IOptionMarket.AccountDeltaLimit(dollars, limit);
    }

    /// @dev A trade that brings the pool's gamma (vega) toward zero is never refused for it: the pool's changes by
    /// minus the trader's size.
    function _checkGamma(Ticket memory t, SWad gamma, Wad money) private view {
        if (GAMMA_LIMIT.isZero() || gamma.isNegative() == t.size.isNegative()) return;
        Wad dollars = Wad.wrap(gamma.absS().mulUp(t.seen.price).mulUp(t.seen.price).raw() / 100);
        Wad limit = GAMMA_LIMIT.mulDown(money);
        if (dollars > limit) revert IOptionMarket.GammaLimit(dollars, limit);
    }

    function _checkVega(Ticket memory t, Wad money) private view {
        if (VEGA_LIMIT.isZero()) return;
        SWad vega = LEDGER.vegaOf(t.id.expiryOf());
        if (vega.isNegative() == t.size.isNegative()) return;
        Wad dollars = Wad.wrap(vega.absS().raw() / 100);
        Wad limit = VEGA_LIMIT.mulDown(money);
        if (dollars > limit) revert IOptionMarket.VegaLimit(dollars, limit);
    }

    function _checkStress(SWad worst, Wad money) private view {
        if (STRESS_FLOOR.isZero()) return;
        SWad floor = STRESS_FLOOR.mulDown(money).signed();
        if (worst < floor) revert IOptionMarket.StressLimit(worst, floor);
    }

    /// @dev Only for a trade that moved the pool's net delta away from zero.
    function _checkGate(Ticket memory t, SWad delta, SWad net, Wad money) private view {
        bool poolGained = delta.isNegative() != t.size.isNegative();
        if (net.isNegative() != poolGained) HEDGE.gate(net, t.seen.price, money);
    }
}
