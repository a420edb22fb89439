// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IUniswapV3Factory, IUniswapV3Pool} from "../interfaces/IUniswapV3.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {UniswapMath} from "../libraries/UniswapMath.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";

/// How others than the pool use the Uniswap pool: liquidity, swaps, arbitrage. Creates the pool where there is none. Prices are quote per
/// underlying. Simulation only: liquidity stays where it is put.
contract UniswapDesk {
    using SafeTransferLib for address;

    /// size: + bought; cash: + received
    event SpotSwapped(address indexed account, SWad size, SWad cash, Wad price);
    event SpotProvided(address indexed account, Wad low, Wad high, Wad underlying, Wad cash);

    error OnlyPool(address caller);

    uint24 private constant FEE = 500;

    IUniswapV3Pool public immutable POOL;
    address private immutable QUOTE;
    address private immutable UNDERLYING;
    uint256 private immutable UNIT;
    bool private immutable UNDERLYING_FIRST;

    constructor(address quote, address underlying, address factory) {
        (QUOTE, UNDERLYING, UNDERLYING_FIRST) = (quote, underlying, underlying < quote);
        UNIT = TokenUnits.unitOf(ERC20(quote).decimals());
        address pool = IUniswapV3Factory(factory).getPool(quote, underlying, FEE); // a fork may have one
        POOL = IUniswapV3Pool(pool == address(0) ? IUniswapV3Factory(factory).createPool(quote, underlying, FEE) : pool);
    }

    /// @notice Buys (+) or sells (-) at any price.
    function swap(SWad size) external {
        _swap(size.isNegative(), -size.rawS(), size.isNegative() == UNDERLYING_FIRST ? UniswapMath.MIN_SQRT : UniswapMath.MAX_SQRT);
    }

    /// @notice Trades the pool to `price`, with at most `largest` underlying.
    function swapTo(Wad price_, Wad largest) external {
        uint160 target = _sqrt(price_);
        (uint160 now_,,,,,,) = POOL.slot0();
        if (target == now_) return;
        bool sells = target < now_ == UNDERLYING_FIRST;
        int256 most = int256(largest.raw());
        _swap(sells, sells ? most : -most, target);
    }

    /// @notice Liquidity in [price / width, price * width], worth `amount` quote a side at the pool's price. Opens the
    /// pool at `price` if it has none.
    function provide(Wad price_, Wad width, Wad amount) external {
        (uint160 sqrtPrice,,,,,,) = POOL.slot0();
        if (sqrtPrice == 0) POOL.initialize(_sqrt(price_));
        (uint256 zero, uint256 one) = _mint(width, amount);
        (uint256 underlying, uint256 cash) = UNDERLYING_FIRST ? (zero, one) : (one, zero);
        emit SpotProvided(
            msg.sender, price_.divDown(width), price_.mulUp(width), Wad.wrap(underlying), Wad.wrap(cash * UNIT)
        );
    }

    function _mint(Wad width, Wad amount) private returns (uint256 zero, uint256 one) {
        (uint160 sqrtPrice, int24 tick,,,,,) = POOL.slot0();
        int24 spacing = POOL.tickSpacing();
        int24 half = UniswapMath.ticksOf(width.raw(), spacing);
        int24 middle = UniswapMath.floorTo(tick, spacing);
        return
            POOL.mint(msg.sender, middle - half, middle + half, _liquidity(sqrtPrice, width, amount), abi.encode(msg.sender));
    }

    /// @notice The pool's price; 0 before it has one.
    function price() public view returns (Wad) {
        (uint160 sqrtPrice,,,,,,) = POOL.slot0();
        (uint256 zero, uint256 one) = UniswapMath.reserves(sqrtPrice, 1 << 100);
        (uint256 underlying, uint256 cash) = UNDERLYING_FIRST ? (zero, one) : (one, zero);
        return underlying == 0 ? Wad.wrap(0) : Wad.wrap(FixedPointMathLib.fullMulDiv(cash * UNIT, ONE, underlying));
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _pay(amount0 > 0 ? uint256(amount0) : 0, amount1 > 0 ? uint256(amount1) : 0, data);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _pay(amount0, amount1, data);
    }

    // ------------------------------------------------------------ inside

    function _swap(bool sells, int256 amount, uint160 end) private {
        (int256 zero, int256 one) =
            POOL.swap(msg.sender, sells == UNDERLYING_FIRST, amount, end, abi.encode(msg.sender));
        (int256 given, int256 cash) = UNDERLYING_FIRST ? (zero, one) : (one, zero);
        emit SpotSwapped(msg.sender, SWad.wrap(-given), SWad.wrap(-cash * int256(UNIT)), price());
    }

    function _pay(uint256 zero, uint256 one, bytes calldata data) private {
        if (msg.sender != address(POOL)) revert OnlyPool(msg.sender);
        address payer = abi.decode(data, (address));
        (uint256 underlying, uint256 cash) = UNDERLYING_FIRST ? (zero, one) : (one, zero);
        if (underlying != 0) UNDERLYING.safeTransferFrom(payer, msg.sender, underlying);
        if (cash != 0) QUOTE.safeTransferFrom(payer, msg.sender, cash);
    }

    /// @dev amount = L r (1 - width^-1/2), r = quote reserve of one unit of liquidity.
    function _liquidity(uint160 sqrtPrice, Wad width, Wad amount) private view returns (uint128) {
        (uint256 zero, uint256 one) = UniswapMath.reserves(sqrtPrice, 1 << 100);
        uint256 cash = UNDERLYING_FIRST ? one : zero;
        uint256 part = ONE - FixedPointMathLib.divWad(ONE, FixedPointMathLib.sqrtWad(width.raw()));
        return uint128(FixedPointMathLib.fullMulDiv(FixedPointMathLib.divWad(amount.raw() / UNIT, part), 1 << 100, cash));
    }

    function _sqrt(Wad price_) private view returns (uint160) {
        uint256 cash = price_.raw() / UNIT;
        return UNDERLYING_FIRST ? UniswapMath.sqrtOf(ONE, cash) : UniswapMath.sqrtOf(cash, ONE);
    }
}
