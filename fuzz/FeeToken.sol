// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MockToken} from "../contracts/mocks/MockToken.sol";

/// A token that keeps a hundredth of each transfer by allowance.
contract FeeToken is MockToken {
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MockToken(name_, symbol_, decimals_) {}

    function transferFrom(address from, address to, uint256 units) public override returns (bool) {
        super.transferFrom(from, to, units);
        _burn(to, units / 100);
        return true;
    }
}
