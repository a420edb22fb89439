// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {LPVault} from "../contracts/LPVault.sol";
import {ILPVault} from "../contracts/interfaces/ILPVault.sol";
import {VaultParams} from "../contracts/types/Params.sol";
import {Mode, NavParts, Solvency} from "../contracts/types/Types.sol";
import {SWad, Seconds, Timestamp, Wad} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";
import {BlockingToken, PoolStub} from "./PoolStub.sol";

/// The vault's own arithmetic and queues over stand-ins for its neighbours.
abstract contract VaultBase is Base {
    BlockingToken internal token;
    PoolStub internal pool;
    LPVault internal vault;

    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    address internal constant CAROL = address(0xCA201);
    uint256 internal constant DAY = 86_400;
    uint256 internal constant START = 1_700_000_000;
    Wad internal volBand;
    Wad internal juniorWeight;
    Wad internal floorShare;

    function build(uint64 inDelay, uint64 outDelay, uint64 maxWait, uint256 buffer, uint256 fee, uint256 band)
        internal
    {
        vm.warp(START);
        token = new BlockingToken();
        pool = new PoolStub(token);
        VaultParams memory p;
        (p.depositDelay, p.withdrawalDelay, p.maxWait) = (Seconds.wrap(inDelay), Seconds.wrap(outDelay), Seconds.wrap(maxWait));
        (p.freeBuffer, p.withdrawalFee, p.bandPricing) = (Wad.wrap(buffer), Wad.wrap(fee), Wad.wrap(band));
        (p.volBand, p.juniorWeight, p.floor) = (volBand, juniorWeight, floorShare);
        vault = new LPVault(pool.book(address(0)), p);
        pool.setVault(vault);
    }

    function deposit(address lp, uint256 amount) internal returns (uint256 id) {
        token.mint(lp, amount / 1e12 + 1);
        vm.startPrank(lp);
        token.approve(address(vault), type(uint256).max);
        id = vault.requestDeposit(Wad.wrap(amount));
        vm.stopPrank();
    }

    function withdraw(address lp, uint256 amount) internal returns (uint256 id) {
        vm.prank(lp);
        id = vault.requestWithdrawal(Wad.wrap(amount));
    }

    function held(address who) internal view returns (uint256) {
        return token.balanceOf(who) * 1e12;
    }

    function depositJunior(address lp, uint256 amount) internal returns (uint256 id) {
        token.mint(lp, amount / 1e12 + 1);
        vm.startPrank(lp);
        token.approve(address(vault), type(uint256).max);
        id = vault.requestJuniorDeposit(Wad.wrap(amount));
        vm.stopPrank();
    }

    function withdrawJunior(address lp, uint256 amount) internal returns (uint256 id) {
        vm.prank(lp);
        id = vault.requestJuniorWithdrawal(Wad.wrap(amount));
    }

    function juniorShares(address who) internal view returns (uint256) {
        return ERC20(vault.junior()).balanceOf(who);
    }

    function shares(address who) internal view returns (uint256) {
        return vault.sharesOf(who).raw();
    }

    function price() internal view returns (uint256) {
        return vault.sharePrice().raw();
    }

    /// T-1: tokens cover what the books say.
    function checkTokens() internal view {
        uint256 owed = vault.cash().raw() + vault.pendingDeposits().raw();
        owed += vault.unclaimed(ALICE).raw() + vault.unclaimed(BOB).raw() + vault.unclaimed(CAROL).raw();
        check(held(address(vault)) >= owed, "T-1");
    }
}

contract VaultAtOnceTest is VaultBase {
    function setUp() public {
        build(0, 0, 0, 0, 0, 0);
    }

    // ------------------------------------------------------------ shares

    function test_deposit_first_isServedAtOnceAtPriceOne() public {
        deposit(ALICE, 1000e18);
        eq(shares(ALICE), 1000e18, "shares");
        eq(vault.cash(), 1000e18, "cash");
        eq(price(), 1e18, "price");
        eq(vault.pendingDeposits(), 0, "pending");
    }

    function test_deposit_afterAGain_buysFewerShares() public {
        deposit(ALICE, 1000e18);
        pool.earn(500e18);
        near(int256(price()), 1.5e18, 1e7, "price");
        deposit(BOB, 300e18);
        near(int256(shares(BOB)), 200e18, 1e9, "shares"); // 300 / 1.5
    }

    function test_deposit_amountIsRoundedToTheToken() public {
        deposit(ALICE, 1000e18 + 999_999_999_999);
        eq(vault.cash(), 1000e18, "a fraction of a unit is not taken");
    }

    function test_deposit_tooSmall_isRefused() public {
        vm.expectRevert(abi.encodeWithSelector(ILPVault.AmountTooSmall.selector, 1e14, 1e15));
        vm.prank(ALICE);
        vault.requestDeposit(Wad.wrap(1e14));
    }

    function test_nav_isTheSumOfItsParts() public {
        deposit(ALICE, 1000e18);
        pool.setBook(300e18, 0, 0);
        pool.setOwed(0, 0, 7e18, -20e18);
        pool.setHedge(55e18, 3e18, 0, false);
        NavParts memory p = vault.navParts();
        eq(p.nav, 1000e18 + 55e18 - 300e18 - 7e18 + 20e18, "nav");
        eq(vault.navFast(Wad.wrap(2010e18)), 768e18 + 30e18, "moved by the hedge");
        pool.setHedge(55e18, 3e18, 0, true);
        eq(vault.navParts().nav, 768e18, "a sick venue is valued as stored");
    }

    /// L-1: neither a deposit nor a withdrawal moves the price, beyond rounding in favour of those who stay.
    function testFuzz_flow_keepsTheSharePrice(uint256 first, int256 profit, uint256 second, uint256 part) public {
        first = bound(first, 1e18, 1e27) / 1e12 * 1e12;
        second = bound(second, 1e18, 1e27) / 1e12 * 1e12;
        part = bound(part, 1e15, 1e18);
        deposit(ALICE, first);
        profit = bound(profit, -int256(first) * 9 / 10, int256(first) * 9);
        pool.setBook(-profit, 0, 0);
        uint256 before = price();
        deposit(BOB, second);
        uint256 between = price();
        check(between >= before, "a deposit dilutes nobody");
        check(between - before <= before / 1e9 + 1e6, "nor does it give away");
        if (profit < 0) pool.earn(uint256(-profit) / 1e12 * 1e12 + 1e12);
        pool.setBook(profit < 0 ? int256(0) : -profit, 0, 0);
        before = price();
        uint256 amount = shares(BOB) * part / 1e18;
        if (amount < 1e15) amount = shares(BOB);
        withdraw(BOB, amount);
        uint256 later = price();
        check(later >= before, "a withdrawal takes nothing from those who stay");
        check(later - before <= before / 1e9 + 1e12 * 1e18 / first + 1e6, "nor leaves much");
        checkTokens();
    }

    function testFuzz_roundTrip_neverPays(uint256 gain, uint256 amount) public {
        deposit(ALICE, 1000e18);
        pool.earn(bound(gain, 1, 1e12) * 1e12);
        amount = bound(amount, 1e15, 1e27) / 1e12 * 1e12;
        deposit(BOB, amount);
        uint256 rest = held(BOB);
        withdraw(BOB, shares(BOB));
        check(held(BOB) - rest <= amount, "out <= in");
    }

    /// L-4: to take 1 from a later depositor, the attacker burns at least 1000.
    function testFuzz_inflation_costsAThousandTimesItsGain(uint256 seed, uint256 gift, uint256 victim) public {
        seed = bound(seed, 1.1e15, 1e24);
        gift = bound(gift, 1, 1e18) * 1e12;
        victim = bound(victim, 1e15, 1e27) / 1e12 * 1e12;
        deposit(ALICE, seed);
        uint256 all = shares(ALICE);
        if (all > 1) withdraw(ALICE, all - 1);
        eq(shares(ALICE), 1, "one wei of a share is left");
        pool.earn(gift);
        deposit(BOB, victim);
        int256 nav = vault.navParts().nav.rawS();
        uint256 supply = vault.totalShares().raw() + 1e6; // what redemption divides by
        uint256 worthBob = shares(BOB) * (uint256(nav) + 1e6) / supply;
        uint256 worthAlice = (uint256(nav) + 1e6) / supply;
        uint256 loss = victim > worthBob ? victim - worthBob : 0;
        uint256 cost = gift - (worthAlice < gift ? worthAlice : gift);
        check(cost * 1e3 >= gift * 999, "the gift is gone");
        check(worthAlice * 1e3 <= cost, "and its return is under a thousandth of what it cost");
        check(loss <= gift / 1e6 + victim / 1e6 + 1e12, "the victim loses a rounding");
    }

    function test_donation_changesNothing() public {
        deposit(ALICE, 1000e18);
        uint256 before = price();
        token.mint(address(vault), 5000e6);
        eq(price(), before, "price");
        eq(vault.cash(), 1000e18, "cash");
        eq(vault.freeLiquidity(), 1000e18, "free");
        eq(vault.solvency().assets, 1000e18, "assets");
    }

    function test_shares_areATransferableToken() public {
        deposit(ALICE, 10e18);
        vm.prank(ALICE);
        vault.transfer(BOB, 4e18);
        withdraw(BOB, 4e18);
        eq(held(BOB), 4e18, "paid");
    }

    function test_withdraw_all_emptiesThePool() public {
        deposit(ALICE, 1000e18);
        withdraw(ALICE, 1000e18);
        eq(vault.totalShares(), 0, "shares");
        eq(vault.cash(), 0, "cash");
        eq(price(), 1e18, "price of nothing");
    }

    function test_deposit_afterRuin_waits() public {
        deposit(ALICE, 1000e18);
        pool.setBook(1000e18, 0, 0);
        deposit(BOB, 100e18);
        eq(shares(BOB), 0, "nobody buys into a pool without value");
        eq(vault.pendingDeposits(), 100e18, "pending");
        vm.prank(BOB);
        vault.cancel(2);
        check(held(BOB) >= 100e18, "and may leave the queue");
    }

    // ------------------------------------------------------------ cash

    function test_credit_byStranger_isRefused() public {
        vm.expectRevert(abi.encodeWithSelector(ILPVault.OnlyProtocol.selector, address(this)));
        vault.credit(Wad.wrap(1));
        vm.expectRevert(abi.encodeWithSelector(ILPVault.OnlyProtocol.selector, address(this)));
        vault.debit(ALICE, Wad.wrap(1));
    }

    function test_debit_beyondCash_isRefused() public {
        deposit(ALICE, 10e18);
        token.mint(address(vault), 100e6);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.InsufficientCash.selector, 10e18, 11e18));
        pool.lose(11e18);
        pool.lose(10e18);
        eq(held(address(0xdead)), 10e18, "paid");
    }

    function test_debit_neverTouchesPendingDeposits() public {
        deposit(ALICE, 10e18);
        pool.setModes(Mode.NORMAL, Mode.REDUCE_ONLY);
        deposit(BOB, 50e18);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.InsufficientCash.selector, 10e18, 20e18));
        pool.lose(20e18);
    }
}

contract VaultQueueTest is VaultBase {
    uint256 private constant FEE = 0.003e18;

    function setUp() public {
        build(uint64(DAY), uint64(3 * DAY), uint64(14 * DAY), 0.05e18, FEE, 1e18);
        deposit(ALICE, 600e18);
        deposit(BOB, 400e18);
        vm.warp(START + DAY);
        vault.process(10);
        eq(vault.cash(), 1000e18, "set up");
    }

    // ------------------------------------------------------------ delays, order, cancel

    function test_process_beforeTheDelay_servesNothing() public {
        uint256 id = deposit(CAROL, 100e18);
        vm.warp(block.timestamp + DAY - 1);
        eq(vault.process(10), 0, "early");
        vm.warp(block.timestamp + 1);
        eq(vault.process(10), 1, "ready");
        eq(shares(CAROL), 100e18, "shares");
        (address lp,,) = vault.requestOf(id);
        eq(lp, address(0), "closed");
    }

    function test_process_servesInOrder() public {
        withdraw(ALICE, 100e18);
        withdraw(BOB, 100e18);
        withdraw(ALICE, 50e18);
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(1), 1, "one");
        eq(held(ALICE), 99.7e18 + 1e12, "first");
        eq(held(BOB), 1e12, "not yet");
        eq(vault.process(type(uint256).max), 2, "both others, and no overflow"); // found by fuzzing
        // each at the price that the fees before it left: 900.3 / 900, then 800.566767 / 800
        near(int256(held(BOB)), 99.733233e18, 2e12, "second");
        near(int256(held(ALICE)), 99.7e18 + 49.885316e18, 3e12, "third");
    }

    function test_cancel_returnsEverything() public {
        uint256 out = withdraw(ALICE, 100e18);
        uint256 into = deposit(CAROL, 77e18);
        eq(shares(ALICE), 500e18, "escrowed");
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.NotYours.selector, out, ALICE));
        vault.cancel(out);
        vm.prank(ALICE);
        vault.cancel(out);
        vm.prank(CAROL);
        vault.cancel(into);
        eq(shares(ALICE), 600e18, "shares are back");
        eq(held(CAROL), 77e18 + 1e12, "quote is back");
        eq(vault.pendingDeposits(), 0, "pending");
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.AlreadyClosed.selector, out));
        vault.cancel(out);
    }

    /// In a mode in which nothing is served a call passes over what was cancelled, and not over what comes later.
    function test_process_whileItWaits_passesOverNoMoreThanThereIs() public {
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(1), 1, "the first");
        uint256 id = withdraw(ALICE, 100e18);
        vm.prank(ALICE);
        vault.cancel(id);
        pool.setModes(Mode.NORMAL, Mode.REDUCE_ONLY);
        vault.process(100);
        pool.setModes(Mode.NORMAL, Mode.NORMAL);
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(1), 1, "a later one");
    }

    function test_process_passesOverCancelledRequests() public {
        uint256 first = withdraw(ALICE, 100e18);
        withdraw(BOB, 100e18);
        vm.prank(ALICE);
        vault.cancel(first);
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(1), 0, "a closed one uses up the allowance");
        eq(vault.process(1), 1, "the next is served");
    }

    function test_withdraw_moreThanHeld_isRefused() public {
        vm.expectRevert(abi.encodeWithSelector(ILPVault.InsufficientShares.selector, 400e18, 401e18));
        withdraw(BOB, 401e18);
    }

    function test_withdraw_fee_staysWithTheOthers() public {
        withdraw(ALICE, 600e18);
        vm.warp(block.timestamp + 3 * DAY);
        vault.process(1);
        eq(held(ALICE), 600e18 - 1.8e18 + 1e12, "600 less 0.3 %");
        near(int256(price()), 1.0045e18, 1e9, "400 shares own 401.8");
    }

    // ------------------------------------------------------------ free liquidity

    function test_freeLiquidity_isTheWorstStressedNavLessTheBuffer() public {
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        pool.setBook(200e18, 0, 0);
        pool.setHedge(0, -0.5e18, 0, false); // short half an underlying: +300 at spot 1400, -300 at 2600
        for (uint256 i; i < 8; ++i) {
            pool.setNode(i, 200e18, 0);
        }
        pool.setNode(4, 350e18, 25e18);
        // worst: node 4 (spot x 1.3): 1000 - 300 - 350 - 25 = 325; buffer 5 % of 800
        eq(vault.freeLiquidity(), 285e18, "free");
        pool.setNode(0, 1200e18, 0); // 1000 + 300 - 1200 = 100
        eq(vault.freeLiquidity(), 60e18, "free at the other end");
        pool.setNode(0, 2000e18, 0);
        eq(vault.freeLiquidity(), 0, "never negative");
    }

    /// 1000 of cash and 50 at the venue, less 7 uncovered, 20 that settled shorts owe, 30 that the book owes: 1033.
    function test_nav_byHand_isTheSameFastAndForDeposits() public {
        build(0, 0, 0, 0, 0, 0);
        deposit(ALICE, 1000e18);
        pool.setOwed(0, 0, 7e18, -20e18);
        pool.setBook(30e18, 0, 0);
        pool.setHedge(50e18, 0, 0, false);
        eq(vault.navFast(Wad.wrap(2000e18)), 1033e18, "fast");
        eq(vault.navParts().nav, 1033e18, "parts");
        deposit(CAROL, 103.3e18);
        near(int256(shares(CAROL)), 100e18, 1e12, "at 1.033");
    }

    function test_params_areThoseGiven() public {
        build(1, 2, 3, 0.04e18, 0.005e18, 0.6e18);
        VaultParams memory p = vault.params();
        eq(p.depositDelay.rawSeconds(), 1, "depositDelay");
        eq(p.withdrawalDelay.rawSeconds(), 2, "withdrawalDelay");
        eq(p.maxWait.rawSeconds(), 3, "maxWait");
        eq(p.freeBuffer, 0.04e18, "freeBuffer");
        eq(p.withdrawalFee, 0.005e18, "withdrawalFee");
        eq(p.bandPricing, 0.6e18, "bandPricing");
    }

    /// At 70 % of spot: 1000 of cash, 50 less half of 600 at the venue, 30 of options, 25 that shorts owe, 100 for the settled.
    function test_worstStress_byHand() public {
        pool.setHedge(50e18, 0.5e18, 0, false);
        pool.setNode(0, 30e18, 25e18);
        pool.setOwed(0, 0, 0, 100e18);
        SWad[8] memory book;
        book[0] = SWad.wrap(30e18);
        eq(vault.worstStress(Wad.wrap(2000e18), book), 1000e18 + 50e18 - 300e18 - 30e18 - 25e18 - 100e18, "worst");
    }

    /// The worst node is 500 short: another's 400 do not make room for who was there before.
    function test_process_belowTheWorstNode_newMoneyFillsTheHoleFirst() public {
        build(0, uint64(3 * DAY), 0, 0, 0, 0);
        deposit(ALICE, 1000e18);
        pool.setNode(0, 1500e18, 0);
        withdraw(ALICE, 1000e18);
        vm.warp(block.timestamp + 3 * DAY);
        uint256 had = held(ALICE);
        deposit(BOB, 400e18);
        eq(held(ALICE), had, "nothing is free");
        deposit(BOB, 300e18);
        near(int256(held(ALICE) - had), 200e18, 1e13, "what is above");
    }

    function test_freeLiquidity_settledLongsComeFirst() public {
        pool.setOwed(0, 0, 0, 300e18);
        eq(vault.freeLiquidity(), 700e18, "no listed expiry: no buffer");
    }

    function test_process_paysPartly_andGoesOnWhenMoneyComes() public {
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        pool.setNode(0, 650e18, 0); // stressed 350, buffer 50: free 300
        withdraw(ALICE, 500e18);
        withdraw(BOB, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(10), 1, "a part of the first");
        near(int256(held(ALICE)), 300e18, 1e13, "all that is free");
        eq(held(BOB), 1e12, "nobody overtakes");
        (address lp, Wad left,) = vault.requestOf(1);
        eq(lp, ALICE, "still first");
        near(int256(left.raw()), 500e18 - int256(uint256(300e21) / 997), 1e13, "what is left of it");
        pool.setNode(0, 0, 0);
        eq(vault.process(10), 2, "the rest");
        // 300.9027 shares were paid; the other 199.0973 share 700 with 500, less 0.3 %
        near(int256(held(ALICE)), 498.7563e18, 1e14, "the first part's fee raised the price of the second");
        checkTokens();
    }

    function test_process_oneCall_sharesOutWhatIsFreeOnce() public {
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        pool.setNode(0, 650e18, 0); // free 300
        withdraw(ALICE, 200e18);
        withdraw(BOB, 200e18);
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(10), 2, "one in full, one in part");
        near(int256(held(ALICE)), 199.4e18, 2e12, "200 less the fee");
        near(int256(held(BOB)), 100.6e18, 3e12, "the rest of the 300");
        near(int256(vault.freeLiquidity().raw()), 15e18, 1e13, "the buffer of 700 is 15 less than that of 1000");
    }

    function test_process_overdue_mayUseTheBuffer() public {
        pool.setExpiry(uint64(block.timestamp + 60 * DAY), false, 0);
        pool.setNode(0, 970e18, 0); // stressed 30 < buffer 50
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 14 * DAY - 1);
        eq(vault.process(1), 0, "nothing is free");
        vm.warp(block.timestamp + 1);
        eq(vault.process(1), 1, "but now the buffer is");
        near(int256(held(ALICE)), 30e18, 1e13, "30");
    }

    // ------------------------------------------------------------ L-3: nobody leaves ahead of a known loss

    function test_process_byMode_waits() public {
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        for (uint8 i = 1; i < 4; ++i) {
            pool.setModes(Mode.NORMAL, Mode(i));
            vm.expectRevert(abi.encodeWithSelector(ILPVault.QueueWaits.selector, i));
            vault.process(1);
            pool.setModes(i < 3 ? Mode(i) : Mode.REDUCE_ONLY, Mode.NORMAL);
            vm.expectRevert(abi.encodeWithSelector(ILPVault.QueueWaits.selector, i < 3 ? i : 1));
            vault.process(1);
        }
        pool.setModes(Mode.NORMAL, Mode.NORMAL);
        eq(vault.process(1), 1, "normal");
    }

    function test_request_byMode_followsTheTable() public {
        token.mint(CAROL, 100e6);
        vm.prank(CAROL);
        token.approve(address(vault), type(uint256).max);
        for (uint8 i; i < 4; ++i) {
            pool.setModes(Mode.NORMAL, Mode(i));
            bytes memory refusal = abi.encodeWithSelector(ILPVault.QueueWaits.selector, i);
            if (i > 1) vm.expectRevert(refusal);
            vm.prank(CAROL);
            vault.requestDeposit(Wad.wrap(1e18));
            if (i > 1) vm.expectRevert(refusal);
            withdraw(ALICE, 1e18);
        }
        vm.prank(CAROL);
        vault.cancel(4);
    }

    function test_process_overdue_paysInAnyModeButFrozen() public {
        withdraw(ALICE, 100e18);
        withdraw(BOB, 100e18);
        vm.warp(block.timestamp + 14 * DAY);
        pool.setModes(Mode.FROZEN, Mode.WIND_DOWN);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.QueueWaits.selector, 3));
        vault.process(1);
        pool.setModes(Mode.NORMAL, Mode.FROZEN);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.QueueWaits.selector, 2));
        vault.process(1);
        pool.setModes(Mode.NORMAL, Mode.REDUCE_ONLY);
        eq(vault.process(1), 1, "reduce only");
        pool.setModes(Mode.NORMAL, Mode.WIND_DOWN);
        eq(vault.process(1), 1, "wind down, as far as anything is free");
    }

    function test_process_overdue_doesNotTakeYoungerOnesAlong() public {
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 10 * DAY);
        withdraw(BOB, 100e18);
        deposit(CAROL, 5e18);
        vm.warp(block.timestamp + 4 * DAY);
        pool.setModes(Mode.NORMAL, Mode.REDUCE_ONLY);
        eq(vault.process(5), 1, "only the overdue one");
        eq(held(BOB), 1e12, "ready, but the mode forbids");
        eq(vault.pendingDeposits(), 5e18, "deposits wait too");
    }

    function test_process_openInsolventAuction_waits() public {
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        pool.setInsurance(0, 0, 2);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.LossPending.selector, 2));
        vault.process(1);
    }

    function test_process_staleOrUnsweptExpiry_waits() public {
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        pool.setExpiry(uint64(block.timestamp + DAY), false, 77);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.StaleGreeks.selector, 77));
        vault.process(1);
        pool.setExpiry(uint64(block.timestamp), false, 0);
        vm.expectRevert(abi.encodeWithSelector(ILPVault.StaleGreeks.selector, block.timestamp));
        vault.process(1);
        pool.setExpiry(uint64(block.timestamp), true, 0);
        eq(vault.process(1), 1, "swept: every loss is known");
    }

    function test_process_uncoveredDebts_lowerThePrice() public {
        pool.setOwed(0, 0, 500e18, 0);
        withdraw(ALICE, 600e18);
        vm.warp(block.timestamp + 3 * DAY);
        vault.process(1);
        near(int256(held(ALICE)), 299.1e18, 1e13, "600 shares of 500 / 1000, less 0.3 %");
    }

    /// Liability 200 + 0.3 (S - 2000) + 0.001 (S - 2000)^2: at 1900 it is 180, at 2150 it is 267.5.
    function test_process_band_pricesAtTheWorseSide() public {
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        pool.setBook(200e18, 0.3e18, 0.002e18);
        pool.setPrice(1900e18, 2000e18, 2150e18);
        uint256 into = deposit(CAROL, 820e18);
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        vault.process(1);
        near(int256(shares(CAROL)), 1000e18, 1e9, "issued at the high NAV, 820");
        // redeemed at the low NAV, 732.5 + 820 over 2000 shares
        near(int256(held(ALICE)), int256(uint256(1552.5e18) / 20 * 997 / 1000), 1e13, "redeemed at the low NAV");
        (address lp,,) = vault.requestOf(into);
        eq(lp, address(0), "served");
    }

    /// At 1980 the book has gained 60 and one underlying of hedge lost 20: NAV is 1000 and 40 more or less.
    function test_process_band_hedgeOffsetsTheBook() public {
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        pool.setBook(0, 3e18, 0);
        pool.setHedge(0, 1e18, 0, false);
        pool.setPrice(1980e18, 2000e18, 2020e18);
        deposit(CAROL, 1040e18);
        vm.warp(block.timestamp + 3 * DAY);
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        vault.process(1);
        near(int256(shares(CAROL)), 1000e18, 1e9, "issued at the high NAV, 1040");
    }

    /// Vega 500 per 1.00 of vol; the feed is 2 points ahead of the anchors and 90 % sure, of 10 points: 2 + 1 = 3 points.
    function test_process_anchorsInDoubt_countAtTheWorseSide() public {
        volBand = Wad.wrap(0.1e18);
        setUp();
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        pool.setVol(0.02e18, 0.9e18, -500e18);
        deposit(CAROL, 1015e18);
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        vault.process(1);
        near(int256(shares(CAROL)), 1000e18, 1e9, "issued at 1000 + 500 x 0.03");
        // redeemed at the low NAV, 985 + 1015 over 2000 shares
        near(int256(held(ALICE)), 99.7e18, 1e13, "redeemed at 1000 - 15 of the old and 1015 new");
    }

    function test_process_volBandOff_trustsTheAnchors() public {
        pool.setExpiry(uint64(block.timestamp + 30 * DAY), false, 0);
        pool.setVol(0.02e18, 0.9e18, -500e18);
        deposit(CAROL, 1000e18);
        vm.warp(block.timestamp + 3 * DAY);
        vault.process(1);
        near(int256(shares(CAROL)), 1000e18, 1e9, "at 1000");
    }

    function test_process_bandInside_isSeenToo() public {
        // long gamma in the middle of the band: the liability peaks at the accepted price
        pool.setBook(200e18, 0, -0.002e18);
        pool.setPrice(1900e18, 2000e18, 2100e18);
        withdraw(ALICE, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        vault.process(1);
        near(int256(held(ALICE)), int256(uint256(80e18) * 997 / 1000), 1e13, "800 / 1000, not 810");
    }

    // ------------------------------------------------------------ a token that refuses

    function test_process_blockedReceiver_doesNotBlockTheQueue() public {
        withdraw(ALICE, 100e18);
        withdraw(BOB, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        token.setBlocked(ALICE, true);
        eq(vault.process(2), 2, "both served");
        eq(vault.unclaimed(ALICE), 99.7e18, "kept");
        check(held(BOB) > 99.7e18, "paid");
        checkTokens();
        token.setBlocked(ALICE, false);
        vault.claim(ALICE);
        vault.claim(ALICE);
        eq(held(ALICE), 99.7e18 + 1e12, "claimed once");
    }

    // ------------------------------------------------------------ any sequence

    function testFuzz_anySequence_keepsTokensAndOrder(uint256[24] calldata moves) public {
        for (uint256 i; i < moves.length; ++i) {
            address who = [ALICE, BOB, CAROL][moves[i] % 3];
            uint256 size = (moves[i] >> 8) % 200e18 + 1e15;
            _move((moves[i] >> 2) % 6, who, size);
            checkTokens();
            (uint256 a, uint256 b, uint256 c, uint256 d) = vault.queues();
            check(a <= b && c <= d, "heads stay behind tails");
        }
        uint256 sum = shares(ALICE) + shares(BOB) + shares(CAROL) + vault.pendingWithdrawals().raw();
        eq(sum, vault.totalShares().raw(), "shares add up");
    }

    function _move(uint256 kind, address who, uint256 size) private {
        if (kind == 0) deposit(who, size);
        if (kind == 1 && size <= shares(who)) withdraw(who, size);
        if (kind == 2) try vault.process(3) {} catch {}
        if (kind == 3) vm.warp(block.timestamp + size % (2 * DAY));
        if (kind == 4) pool.earn(size / 1e12 * 1e12);
        if (kind == 5 && size < vault.cash().raw()) pool.lose(size / 1e12 * 1e12);
    }
}

contract VaultSolvencyTest is VaultBase {
    event Insolvent(Wad scale, Wad shortfall);
    event Recovered(Wad scale);

    function setUp() public {
        build(0, 0, 0, 0, 0, 0);
    }

    /// Cash 500, hedge 60, insurance 15: assets 575. Longs 600, shorts owe 100 of which 75 cannot be collected:
    /// receivable 25. 600 of 600: solvent to the wei. One wei less: not.
    function test_solvency_byHand() public {
        deposit(ALICE, 500e18);
        pool.setHedge(60e18, 0, 0, false);
        pool.setInsurance(15e18, 0, 0);
        pool.setOwed(600e18, 100e18, 75e18, 0);
        Solvency memory s = vault.solvency();
        eq(s.assets, 575e18, "assets");
        eq(s.shortReceivable, 25e18, "receivable");
        eq(s.scale, 1e18, "scale");
        eq(s.shortfall, 0, "shortfall");
        pool.setInsurance(15e18 - 1, 0, 0);
        s = vault.solvency();
        eq(s.shortfall, 1, "one wei short");
        eq(s.scale, 1e18 - 1, "rounded down");
        pool.setHedge(-1e30, 0, 0, false);
        eq(vault.solvency().assets, 515e18 - 1, "a venue's debt is not the longs'");
    }

    /// The worked example of a haircut on gross longs: 575 for 600 pays 0.9583, not the 0.9375 of a net-debt cut.
    function test_scale_onGrossLongs() public {
        deposit(ALICE, 475e18);
        pool.setOwed(600e18, 200e18, 100e18, 0);
        eq(vault.solvency().scale, uint256(575e18) / 600, "23 / 24");
    }

    function test_assess_crossings_emitOnce() public {
        deposit(ALICE, 500e18);
        pool.setBook(600e18, 0, 0);
        pool.setOwed(600e18, 0, 0, 0);
        vm.expectEmit();
        emit Insolvent(Wad.wrap(uint256(500e18) / 600), Wad.wrap(100e18));
        vault.assess();
        check(vault.insolvent(), "noted");
        vm.recordLogs();
        vault.assess();
        eq(vm.getRecordedLogs().length, 0, "once");
        pool.earn(100e18);
        vm.expectEmit();
        emit Recovered(Wad.wrap(1e18));
        vault.assess();
        check(!vault.insolvent(), "recovered");
    }

    function test_assess_farFromTrouble_skipsTheGrossMarks() public {
        deposit(ALICE, 1000e18);
        pool.setBook(100e18, 0, 0);
        pool.setOwed(5000e18, 4900e18, 0, 0);
        Solvency memory s = vault.assess();
        eq(s.longs, 100e18, "net form");
        eq(s.scale, 1e18, "scale");
        pool.setBook(800e18, 0, 0);
        eq(vault.assess().longs, 5000e18, "near the edge the gross form decides");
        pool.setBook(100e18, 0, 0);
        pool.setExpiry(0, false, 5);
        eq(vault.assess().longs, 5000e18, "and when the ledger is stale");
    }

    /// Eisenberg-Noe on a star: debtors pay min(debt, collateral), the centre owes the longs. The clearing vector is
    /// found here by iteration from full payment, as in their paper, not by the vault's formula.
    function testFuzz_scale_isTheClearingVectorOfAStar(
        uint256 cash,
        uint64[6] calldata debts,
        uint64[6] calldata collateral,
        uint64[5] calldata claims
    ) public {
        cash = bound(cash, 1, 1e8) * 1e15;
        deposit(ALICE, cash);
        uint256 owed;
        uint256 short;
        for (uint256 i; i < 6; ++i) {
            owed += uint256(debts[i]) * 1e4;
            if (debts[i] > collateral[i]) short += uint256(debts[i] - collateral[i]) * 1e4;
        }
        uint256 longs;
        for (uint256 i; i < 5; ++i) {
            longs += uint256(claims[i]) * 1e4;
        }
        pool.setOwed(longs, owed, short, 0);
        uint256 scale = vault.solvency().scale.raw();
        uint256 paid = _clear(cash, debts, collateral, longs);
        uint256 sum;
        for (uint256 i; i < 5; ++i) {
            uint256 claim = uint256(claims[i]) * 1e4;
            uint256 fair = longs == 0 ? 0 : claim * paid / longs;
            uint256 got = claim * scale / 1e18;
            check(got <= fair && fair - got <= claim / 1e18 + 1, "each long gets its clearing payment");
            sum += got;
        }
        check(sum <= paid, "S-3: no more is paid than there is");
    }

    /// Payments of the six debtors and of the centre, iterated to the fixed point; returns the centre's.
    function _clear(uint256 cash, uint64[6] calldata debts, uint64[6] calldata collateral, uint256 longs)
        private
        pure
        returns (uint256 centre)
    {
        uint256[6] memory pay;
        for (uint256 i; i < 6; ++i) {
            pay[i] = uint256(debts[i]) * 1e4;
        }
        centre = longs;
        for (uint256 round; round < 3; ++round) {
            uint256 inflow = cash;
            for (uint256 i; i < 6; ++i) {
                uint256 means = uint256(collateral[i]) * 1e4;
                if (pay[i] > means) pay[i] = means;
                inflow += pay[i];
            }
            if (centre > inflow) centre = inflow;
        }
    }
}
