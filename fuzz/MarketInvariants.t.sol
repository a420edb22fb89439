// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketHandler} from "./MarketHandler.sol";
import {PoolHandler} from "./PoolHandler.sol";
import {Mix, Tally} from "./Tally.sol";

/// T-1, Q-1, M-1, M-2, A-1, A-2, S-1, S-5 and L-2 over random lives of the whole protocol. M-3 and A-3 are fuzzed in
/// MarginEngine.t.sol and LiquidationAuction.t.sol. Runs and depth: foundry.toml.
abstract contract LifeBase is Mix {
    /// name:error's selector:times, ...
    event Happened(string mix);

    MarketHandler internal handler;

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function afterInvariant() public {
        _check();
        writeMix(handler);
    }

    /// The properties cost as much as several calls: every eighth state is enough to catch one that breaks and stays.
    function _sometimes() internal view {
        if (handler.calls() % 8 == 0) _check();
    }

    function _check() internal view {
        handler.checkMoney();
        handler.checkBook();
        handler.checkOwed();
        handler.checkSolvency();
    }

    /// One long life with a fixed seed; `-vv` shows its mix.
    function _live(uint256 calls) internal {
        for (uint256 i; i < calls; ++i) {
            handler.act(_draw(i, 0), _draw(i, 1), _draw(i, 2), _draw(i, 3));
            if (i % 100 == 0) _check();
        }
        emit Happened(mixOf(handler));
    }


    function _both(string memory name) internal view {
        check(handler.timesOf(name, true) != 0, string.concat("never done: ", name, " of ", mixOf(handler)));
        check(handler.timesOf(name, false) != 0, string.concat("never refused: ", name, " of ", mixOf(handler)));
    }

    function _draw(uint256 i, uint256 k) private pure returns (uint256) {
        return uint256(keccak256(abi.encode("another life", i, k)));
    }
}

/// Without delays and breakers, so that traders, liquidators and settlement do most.
contract MarketInvariants is LifeBase {
    function setUp() public {
        handler = new MarketHandler();
    }

    function invariant_moneyBookAndDebtsAgree() public view {
        _sometimes();
    }

    function test_life_everyActionHappensAndIsRefused() public {
        _live(1800);
        string[13] memory names = [
            "market.deposit", "market.withdraw", "market.trade", "market.trade (reduce)", "auction.start", "auction.bid",
            "auction.closeInsolvent", "auction.end", "market.settleExpiry", "market.sweep", "collateral.deposit",
            "collateral.withdraw", "collateral.buy"
        ];
        for (uint256 i; i < names.length; ++i) _both(names[i]);
    }
}

/// With everything on and every actor.
contract PoolInvariants is LifeBase {
    function setUp() public {
        handler = new PoolHandler();
    }

    function invariant_moneyBookDebtsAndQueueAgree() public view {
        _sometimes();
    }

    function test_life_everyActionHappensAndIsRefused() public {
        _live(2500);
        string[19] memory names = [
            "market.deposit", "market.withdraw", "market.trade", "market.settleExpiry", "market.sweep",
            "vault.requestDeposit", "vault.requestWithdrawal", "vault.requestJuniorDeposit", "vault.requestJuniorWithdrawal",
            "vault.cancel", "vault.process", "breaker.tighten",
            "hedge.hedge", "insurance.donate", "ledger.refresh", "surface.update", "oracle.fixSettlement", "oracle.dispute",
            "junior.transfer"
        ];
        for (uint256 i; i < names.length; ++i) _both(names[i]);
    }
}
