// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// What is used of Uniswap v3's core, whose bytecode comes from the npm package of that name.
interface IUniswapV3Factory {
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address pool);

    function getPool(address tokenA, address tokenB, uint24 fee) external view returns (address pool);
}

/// @dev Amounts are token units; + the pool receives, - the pool pays. sqrtPriceX96 = sqrt(token1 / token0) 2^96.
interface IUniswapV3Pool {
    function initialize(uint160 sqrtPriceX96) external;

    function mint(address recipient, int24 lower, int24 upper, uint128 liquidity, bytes calldata data)
        external
        returns (uint256 amount0, uint256 amount1);

    function swap(address recipient, bool zeroForOne, int256 amount, uint160 sqrtPriceLimitX96, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1);

    function slot0()
        external
        view
        returns (uint160 sqrtPriceX96, int24 tick, uint16, uint16, uint16, uint8, bool unlocked);

    function liquidity() external view returns (uint128);

    function tickSpacing() external view returns (int24);
}
