// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Base} from "./Base.sol";
import {MarketHandler} from "./MarketHandler.sol";

/// T-1, Q-1, M-1, M-2, A-1, A-2, S-1, S-5 over random lives of the whole protocol. M-3 and A-3 are fuzzed in
/// MarginEngine.t.sol and LiquidationAuction.t.sol.
contract MarketInvariants is Base {
    /// name done+refused, ...
    event Mix(string mix);

    MarketHandler internal handler;

    function setUp() public {
        handler = new MarketHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// forge-config: default.invariant.runs = 8
    /// forge-config: default.invariant.depth = 300
    /// forge-config: default.invariant.fail-on-revert = true
    /// forge-config: lite.invariant.runs = 8
    /// forge-config: lite.invariant.depth = 300
    /// forge-config: lite.invariant.fail-on-revert = true
    function invariant_moneyBookAndDebtsAgree() public view {
        _check();
    }

    function _check() private view {
        handler.checkMoney();
        handler.checkBook();
        handler.checkOwed();
    }

    /// One long life with a fixed seed: every action succeeds, and every one that can be refused is. `-vv` shows the mix.
    function test_mix_everyActionHappens() public {
        for (uint256 i; i < 1400; ++i) {
            handler.act(_draw(i, 0), _draw(i, 1), _draw(i, 2), _draw(i, 3));
            if (i % 100 == 0) _check();
        }
        string memory mix;
        bool all = handler.actions() >= 16;
        for (uint256 i; i < handler.actions(); ++i) {
            string memory name = handler.names(i);
            (uint128 done, uint128 refused) = handler.tally(name);
            all = all && done > 0;
            mix = string.concat(mix, name, " ", vm.toString(int256(uint256(done))), "+", vm.toString(int256(uint256(refused))), ", ");
        }
        emit Mix(mix);
        check(all, mix);
    }

    function _draw(uint256 i, uint256 k) private pure returns (uint256) {
        return uint256(keccak256(abi.encode("a life", i, k)));
    }
}
