// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";

/// Every token that enters the protocol enters here. A token that keeps a part of what is sent would make the books
/// wrong, so it is refused.
library ExactTransfer {
    error ShortTransfer(uint256 received, uint256 expected);

    /// @notice Takes `units` from the caller, all of them.
    function takeExactly(address token, uint256 units) internal {
        uint256 before = SafeTransferLib.balanceOf(token, address(this));
        SafeTransferLib.safeTransferFrom(token, msg.sender, address(this), units);
        uint256 received = FixedPointMathLib.zeroFloorSub(SafeTransferLib.balanceOf(token, address(this)), before);
        if (received != units) revert ShortTransfer(received, units);
    }

    /// @notice Has the market hand over what it keeps for others, if less than `units` are here.
    function fetch(address token, IOptionMarket market, uint256 units) internal {
        if (SafeTransferLib.balanceOf(token, address(this)) < units) market.square();
    }
}
