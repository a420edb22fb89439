// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInsuranceFund} from "../contracts/interfaces/IInsuranceFund.sol";
import {Wad} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

/// Half of the fund per loss and day.
contract InsuranceFundTest is World {
    function setUp() public {
        deploy();
        insure(1000e18);
    }

    function _cover(uint256 loss, bool uncapped) private returns (uint256 paid) {
        uint256 before = vault.cash().raw();
        vm.prank(address(market));
        paid = insurance.cover(_w(loss), uncapped).raw();
        eq(vault.cash().raw() - before, paid, "arrived");
        eq(token.balanceOf(address(insurance)) * UNIT, insurance.balance().raw(), "tokens");
    }

    function test_cover_paysHalfPerDay_howeverSplit() public {
        eq(insurance.available(), 500e18, "half");
        eq(_cover(300e18, false), 300e18, "within");
        eq(insurance.available(), 200e18, "rest of the day's half");
        eq(_cover(900e18, false), 200e18, "no more today");
        eq(_cover(1e18, false), 0, "nothing");
        wait(DAY);
        eq(_cover(900e18, false), 250e18, "half of what is left");
    }

    function test_cover_afterNewMoney_countsIt() public {
        _cover(500e18, false);
        insure(1000e18);
        eq(insurance.available(), 500e18, "half of 2000 less 500");
    }

    function test_cover_uncapped_paysAll() public {
        eq(_cover(5000e18, true), 1000e18, "all");
        eq(insurance.balance(), 0, "empty");
        eq(_cover(1e18, true), 0, "nothing left");
    }

    function test_cover_isRoundedToTheToken() public {
        eq(_cover(1, false), UNIT, "up, against the fund");
    }

    /// Half of a thousand a day, whatever for.
    function test_payBounty_neverMoreThanTheDaysShare() public {
        vm.startPrank(address(auction));
        eq(insurance.payBounty(address(market), _w(3000e18)), 500e18, "half");
        eq(token.balanceOf(address(market)) * UNIT, 500e18, "arrived");
        eq(insurance.payBounty(address(market), _w(1e18)), 0, "nothing more today");
        eq(insurance.available(), 0, "for a loss neither");
        vm.warp(block.timestamp + DAY);
        eq(insurance.payBounty(address(market), _w(3000e18)), 250e18, "half of what is left");
    }

    function test_strangers_areRefused() public {
        vm.expectPartialRevert(IInsuranceFund.OnlyProtocol.selector);
        insurance.cover(_w(1e18), true);
        vm.expectPartialRevert(IInsuranceFund.OnlyProtocol.selector);
        insurance.payBounty(address(this), _w(1e18));
        vm.expectPartialRevert(IInsuranceFund.OnlyProtocol.selector);
        insurance.credit(_w(1e18));
    }
}
