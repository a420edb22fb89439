// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITradeRules} from "../interfaces/ITradeRules.sol";
import {SWad, Wad} from "../types/Units.sol";

/// Who traded when, and what inventory fees are left to give back.
abstract contract TradeMemory is ITradeRules {
    struct Past {
        uint64 lastBlock;
        uint128 paid;
    }

    error OnlyMarket(address caller);

    address private immutable MARKET = msg.sender;

    mapping(address => Past) private _past;
    uint64 private _largeBlock;
    uint128 private _fees;

    function largeTradeBlock() external view returns (uint256) {
        return _largeBlock;
    }

    function lastTradeBlock(address account) external view returns (uint256) {
        return _past[account].lastBlock;
    }

    function inventoryFees() external view returns (Wad) {
        return Wad.wrap(_fees);
    }

    function inventoryPaid(address account) public view returns (Wad) {
        return Wad.wrap(_past[account].paid);
    }

    modifier onlyMarket() {
        if (msg.sender != MARKET) revert OnlyMarket(msg.sender);
        _;
    }

    /// @dev inventory: + fee, - rebate of at most what the account has paid
    function _record(address account, SWad inventory, bool large) internal {
        Past memory past = _past[account];
        past.paid = _moved(past.paid, inventory);
        past.lastBlock = uint64(block.number);
        _past[account] = past;
        if (!inventory.isZeroS()) _fees = _moved(_fees, inventory);
        if (large) _largeBlock = uint64(block.number);
    }

    function _moved(uint128 amount, SWad by) private pure returns (uint128) {
        return uint128(uint256(int256(uint256(amount)) + by.rawS()));
    }
}
