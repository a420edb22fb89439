// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {ITradeRules} from "../interfaces/ITradeRules.sol";
import {IUniswapV3Factory, IUniswapV3Pool} from "../interfaces/IUniswapV3.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {UniswapMath} from "../libraries/UniswapMath.sol";
import {UniswapParams} from "../types/Params.sol";
import {Addresses, VenueQuote} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";
import {SpotDesk} from "./SpotDesk.sol";

/// Spot trades on a real Uniswap v3 pool. What bounds a sandwich: the pool's price before the trade and the average
/// price of the fill lie within `maxDeviation` of the oracle, a block takes at most `depthShare` of the underlying in
/// range, and nothing in a block in which a large option trade happened.
contract UniswapV3Venue is SpotDesk {
    using SafeTransferLib for address;

    error OnlyPool(address caller);
    /// @notice The block's share of the depth is used up, or an option trade was too large.
    error BlockUsed(Wad size, Wad left);

    /// 0.05 %, in pips.
    uint24 private constant FEE = 500;

    IUniswapV3Pool public immutable POOL;
    ITradeRules private immutable RULES;
    bool private immutable UNDERLYING_FIRST;
    Wad private immutable MAX_DEVIATION;
    Wad private immutable DEPTH_SHARE;
    Wad private immutable LEVERAGE;

    uint64 private usedBlock;
    uint128 private used; // underlying traded in that block

    constructor(Addresses memory book, address underlying, address factory, UniswapParams memory p)
        SpotDesk(book, underlying, p.maxLeverage)
    {
        ParamBounds.check(p);
        POOL = IUniswapV3Pool(IUniswapV3Factory(factory).getPool(book.quote, underlying, FEE));
        RULES = ITradeRules(IOptionMarket(book.market).rules());
        UNDERLYING_FIRST = underlying < book.quote;
        (MAX_DEVIATION, DEPTH_SHARE, LEVERAGE) = (p.maxDeviation, p.depthShare, p.maxLeverage);
    }

    function params() external view returns (UniswapParams memory) {
        return UniswapParams(MAX_DEVIATION, DEPTH_SHARE, LEVERAGE);
    }

    // ------------------------------------------------------------ trading

    /// @notice By the virtual reserves of the present range: exact while a fill stays in it.
    function quote(SWad size) public view returns (VenueQuote memory answer) {
        Wad spot = _spot();
        (uint256 underlying, uint256 cash) = _reserves();
        if (size.isZeroS() || spot.isZero() || underlying == 0 || size.absS() > _left(underlying)) return answer;
        Wad price = Wad.wrap(_quote(size, underlying, cash));
        if (!_near(_mid(underlying, cash), spot) || !_near(price, spot)) return answer;
        return VenueQuote(true, price);
    }

    function trade(SWad size, Wad limit) external returns (Wad price) {
        Wad spot = _spot();
        (uint256 underlying, uint256 cash) = _reserves();
        _use(size.absS(), _left(underlying));
        Wad mid = _mid(underlying, cash);
        if (!_near(mid, spot)) revert VenueLimit(mid, spot);
        int256 paid = _swap(size);
        price = Wad.wrap(FixedPointMathLib.abs(paid)).divUp(size.absS());
        if (size.isNegative() ? price < limit : price > limit) revert VenueLimit(price, limit);
        if (!_near(price, spot)) revert VenueLimit(price, spot);
        _book(msg.sender, size, paid, spot);
        emit VenueTraded(msg.sender, size, price, _size(msg.sender));
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        if (msg.sender != address(POOL)) revert OnlyPool(msg.sender);
        (address token, int256 owed) = amount0 > 0 == UNDERLYING_FIRST
            ? (UNDERLYING, amount0 > 0 ? amount0 : amount1)
            : (QUOTE, amount0 > 0 ? amount0 : amount1);
        token.safeTransfer(msg.sender, uint256(owed));
    }

    // ------------------------------------------------------------ inside

    /// @dev Buys exact underlying, sells exact underlying; all of it or nothing. Returns paid: quote, + paid
    function _swap(SWad size) private returns (int256 paid) {
        bool zeroForOne = size.isNegative() == UNDERLYING_FIRST;
        uint160 end = zeroForOne ? UniswapMath.MIN_SQRT : UniswapMath.MAX_SQRT;
        (int256 zero, int256 one) = POOL.swap(address(this), zeroForOne, -size.rawS(), end, "");
        (int256 given, int256 cash) = UNDERLYING_FIRST ? (zero, one) : (one, zero);
        if (given != -size.rawS()) revert BlockUsed(size.absS(), SWad.wrap(given).absS());
        return cash * int256(UNIT);
    }

    function _use(Wad size, Wad left) private {
        if (size > left) revert BlockUsed(size, left);
        if (usedBlock != block.number) (usedBlock, used) = (uint64(block.number), 0);
        used += uint128(size.raw());
    }

    /// @dev What this block may still trade.
    function _left(uint256 underlying) private view returns (Wad) {
        if (RULES.largeTradeBlock() == block.number) return Wad.wrap(0);
        Wad most = Wad.wrap(underlying).mulDown(DEPTH_SHARE);
        return usedBlock == block.number ? most.subFloor(Wad.wrap(used)) : most;
    }

    /// @dev Average price of buying or selling, fee included.
    function _quote(SWad size, uint256 underlying, uint256 cash) private view returns (uint256) {
        uint256 amount = size.absS().raw();
        uint256 quoted = size.isNegative()
            ? UniswapMath.outputOf(amount, underlying, cash, FEE)
            : UniswapMath.inputFor(amount, cash, underlying, FEE);
        return FixedPointMathLib.fullMulDivUp(quoted * UNIT, ONE, amount);
    }

    function _mid(uint256 underlying, uint256 cash) private view returns (Wad) {
        return underlying == 0 ? Wad.wrap(0) : Wad.wrap(FixedPointMathLib.fullMulDiv(cash * UNIT, ONE, underlying));
    }

    function _near(Wad price, Wad spot) private view returns (bool) {
        return (price.signed() - spot.signed()).absS() <= spot.mulDown(MAX_DEVIATION);
    }

    function _reserves() private view returns (uint256 underlying, uint256 cash) {
        if (address(POOL).code.length == 0) return (0, 0);
        (uint160 sqrtPrice,,,,,,) = POOL.slot0();
        (uint256 zero, uint256 one) = UniswapMath.reserves(sqrtPrice, POOL.liquidity());
        return UNDERLYING_FIRST ? (zero, one) : (one, zero);
    }
}
