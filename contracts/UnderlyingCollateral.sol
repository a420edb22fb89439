// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ReentrancyGuardTransient} from "solady/utils/ReentrancyGuardTransient.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IMarginEngine} from "./interfaces/IMarginEngine.sol";
import {IOptionMarket} from "./interfaces/IOptionMarket.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {IUnderlyingCollateral} from "./interfaces/IUnderlyingCollateral.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {CollateralParams} from "./types/Params.sol";
import {Addresses, OracleView} from "./types/Types.sol";
import {ONE, Seconds, Wad} from "./types/Units.sol";

contract UnderlyingCollateral is IUnderlyingCollateral, ReentrancyGuardTransient {
    using ExactTransfer for address;
    using FixedPointMathLib for uint256;
    using SafeCastLib for uint256;
    using SafeTransferLib for address;
    using TokenUnits for uint256;

    uint256 private constant LEAST_DECIMALS = 6;

    address private immutable UNDERLYING;
    uint256 private immutable UNIT; // wads in a unit of underlying
    uint256 private immutable QUOTE_UNIT;
    IOracleGuard private immutable ORACLE;
    IOptionMarket private immutable MARKET;
    uint256 private immutable HAIRCUT;
    uint256 private immutable CAP;
    uint256 private immutable DISCOUNT;
    uint256 private immutable SALE_TIME;

    mapping(address => uint256) private _units;
    uint256 private _total;
    uint128 private _stock;
    uint64 private _since; // the stock's price falls from here

    constructor(Addresses memory book, CollateralParams memory p) {
        ParamBounds.check(p);
        UNDERLYING = book.underlying;
        uint8 decimals = ERC20(book.underlying).decimals();
        if (decimals < LEAST_DECIMALS) revert TokenUnits.UnsupportedDecimals(decimals);
        UNIT = TokenUnits.unitOf(decimals);
        QUOTE_UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        ORACLE = IOracleGuard(book.oracle);
        MARKET = IOptionMarket(book.market);
        HAIRCUT = IMarginEngine(book.margin).params().haircut.raw();
        (CAP, DISCOUNT, SALE_TIME) = (p.cap.raw(), p.discount.raw(), p.saleTime.rawSeconds());
    }

    function params() external view returns (CollateralParams memory) {
        return CollateralParams(Wad.wrap(CAP), Wad.wrap(DISCOUNT), Seconds.wrap(uint64(SALE_TIME)));
    }

    // ------------------------------------------------------------ accounts

    function depositUnderlying(Wad amount) external nonReentrant {
        uint256 units = _whole(amount);
        uint256 held = _total + _stock + units;
        if (held > CAP) revert UnderlyingCap(Wad.wrap(held), Wad.wrap(CAP));
        UNDERLYING.takeExactly(units / UNIT);
        _add(msg.sender, units);
        _total += units;
        MARKET.noteUnderlying(msg.sender, true, false, Wad.wrap(0));
        emit UnderlyingDeposited(msg.sender, Wad.wrap(units));
    }

    function withdrawUnderlying(Wad amount) external nonReentrant {
        uint256 units = _whole(amount);
        uint256 left = _remove(msg.sender, units);
        _total -= units;
        MARKET.noteUnderlying(msg.sender, left != 0, true, Wad.wrap(0));
        emit UnderlyingWithdrawn(msg.sender, Wad.wrap(units));
        UNDERLYING.safeTransfer(msg.sender, units / UNIT);
    }

    function _whole(Wad amount) private view returns (uint256 units) {
        units = amount.raw().floorUnit(UNIT);
        if (units == 0) revert AmountTooSmall(amount, Wad.wrap(UNIT));
    }

    function _add(address account, uint256 units) private {
        _units[account] += units;
    }

    function _remove(address account, uint256 units) private returns (uint256 left) {
        uint256 held = _units[account];
        if (units > held) revert InsufficientUnderlying(Wad.wrap(held), Wad.wrap(units));
        left = held - units;
        _units[account] = left;
    }

    // ------------------------------------------------------------ liquidation and settlement

    modifier onlyMarket() {
        if (msg.sender != address(MARKET)) revert OnlyMarket(msg.sender);
        _;
    }

    function move(address from, address to, Wad fraction) external onlyMarket returns (bool left, bool moved) {
        uint256 units = Wad.wrap(_units[from]).mulDown(fraction).raw().floorUnit(UNIT);
        left = _remove(from, units) != 0;
        _add(to, units);
        moved = units != 0;
        emit UnderlyingMoved(from, to, Wad.wrap(units));
    }

    function take(address account, Wad owed, Wad low) external onlyMarket returns (Wad value, bool left) {
        Wad price_ = low.mulDown(Wad.wrap(ONE - DISCOUNT));
        if (price_.isZero()) return (value, true);
        uint256 units = owed.divUp(price_).raw().ceilUnit(UNIT).min(_units[account]);
        value = Wad.wrap(units).mulDown(price_).minWad(owed);
        left = _remove(account, units) != 0;
        _total -= units;
        _since = _shiftedStart(units);
        _stock += units.toUint128();
        emit UnderlyingTaken(account, Wad.wrap(units), price_, value);
    }

    /// @dev The mean of the clocks, weighed by amount: dust restarts nothing, and old dust ripens nothing.
    function _shiftedStart(uint256 added) private view returns (uint64) {
        if (_stock + added == 0) return uint64(block.timestamp);
        uint256 elapsed = (block.timestamp - _since).min(SALE_TIME);
        return uint64(block.timestamp - elapsed.fullMulDivUp(_stock, _stock + added));
    }

    // ------------------------------------------------------------ the stock

    function buy(Wad amount, Wad limit) external nonReentrant {
        uint256 units = _whole(amount).min(_stock);
        if (units == 0) revert InsufficientUnderlying(Wad.wrap(0), amount);
        Wad each = price();
        if (each.isZero()) revert NoPrice();
        if (each > limit) revert PriceAboveLimit(each, limit);
        uint256 paid = Wad.wrap(units).mulUp(each).raw().ceilUnit(QUOTE_UNIT);
        _stock -= uint128(units);
        MARKET.noteUnderlying(msg.sender, _units[msg.sender] != 0, true, Wad.wrap(paid));
        emit UnderlyingSold(msg.sender, Wad.wrap(units), each, Wad.wrap(paid));
        UNDERLYING.safeTransfer(msg.sender, units / UNIT);
    }

    function price() public view returns (Wad) {
        OracleView memory seen = ORACLE.read();
        if (seen.confidence.isZero()) return Wad.wrap(0);
        uint256 high = seen.high.raw().fullMulDivUp(ONE + HAIRCUT, ONE);
        uint256 low = seen.low.raw().fullMulDivUp(ONE - HAIRCUT, ONE);
        uint256 elapsed = (block.timestamp - _since).min(SALE_TIME);
        return Wad.wrap(high - (high - low) * elapsed / SALE_TIME);
    }

    // ------------------------------------------------------------ views

    function unitsOf(address account) external view returns (Wad) {
        return Wad.wrap(_units[account]);
    }

    function totalUnits() external view returns (Wad) {
        return Wad.wrap(_total);
    }

    function stock() external view returns (Wad) {
        return Wad.wrap(_stock);
    }

    function stockValue(Wad spot) external view returns (Wad full, Wad sure) {
        full = Wad.wrap(_stock).mulDown(spot);
        sure = full.mulDown(Wad.wrap(ONE - HAIRCUT));
    }

    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }
}
