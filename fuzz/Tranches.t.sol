// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {ILPVault} from "../contracts/interfaces/ILPVault.sol";
import {Mode, Solvency, Tranches} from "../contracts/types/Types.sol";
import {SWad, Wad} from "../contracts/types/Units.sol";
import {VaultBase} from "./LPVault.t.sol";

/// Two classes of shares: 600 senior from Alice, 400 junior from Bob, a junior's money earns three times a senior's.
abstract contract TrancheBase is VaultBase {
    uint256 internal fee;

    function setUp() public virtual {
        juniorWeight = Wad.wrap(3e18);
        build(0, 0, uint64(14 * DAY), 0, fee, 0);
        deposit(ALICE, 600e18);
        depositJunior(BOB, 400e18);
    }

    function parts() internal view returns (Tranches memory) {
        return vault.split(vault.navParts().nav);
    }

    function nav() internal view returns (int256) {
        return vault.navParts().nav.rawS();
    }

    /// The value of the pool changes without money.
    function value(int256 to) internal {
        pool.setBook(int256(vault.cash().raw()) - to, 0, 0);
    }

    /// Both parts are NAV to the wei; the seniors have their claim unless the juniors have nothing.
    function checkSplit() internal view {
        Tranches memory t = parts();
        eq(t.seniorValue.rawS() + t.juniorValue.rawS(), nav(), "senior + junior = NAV");
        if (t.juniorShares.isZero()) return;
        bool touched = t.seniorValue.rawS() < int256(t.claim.raw());
        check(!touched || t.juniorValue.rawS() <= 0, "a senior loses after the last junior");
        check(t.high >= t.claim, "high >= claim");
    }
}

contract TranchesTest is TrancheBase {
    event GainDivided(Wad gain, Wad toSenior, Wad claim, Wad high);

    // ------------------------------------------------------------ the waterfall, worked by hand

    function _is(int256 to, int256 senior, int256 junior, string memory what) private {
        value(to);
        Tranches memory t = parts();
        eq(t.seniorValue, senior, what);
        eq(t.juniorValue, junior, what);
    }

    function test_waterfall_byHand() public {
        _is(1000e18, 600e18, 400e18, "as paid in");
        _is(900e18, 600e18, 300e18, "juniors lose first");
        _is(600e18, 600e18, 0, "all of theirs");
        _is(550e18, 550e18, 0, "then seniors");
        _is(0, 0, 0, "nothing");
        _is(-50e18, 0, -50e18, "a debt is nobody's value");
        _is(580e18, 580e18, 0, "seniors come back first");
        _is(700e18, 600e18, 100e18, "then juniors");
        _is(1200e18, 600e18, 600e18, "a gain is the juniors' until it is divided");
    }

    /// 200 above the high: 600 of seniors to 3 x 400 of juniors: a third is the seniors'.
    function test_divide_newGain_byWeight() public {
        value(1180e18);
        vm.expectEmit();
        emit GainDivided(Wad.wrap(180e18), Wad.wrap(60e18), Wad.wrap(660e18), Wad.wrap(1180e18));
        vault.process(1);
        Tranches memory t = parts();
        eq(t.seniorValue, 660e18, "600 + 60");
        eq(t.juniorValue, 520e18, "400 + 120");
        near(int256(t.juniorPrice.raw()), 1.3e18, 1e7, "30 %");
        near(int256(t.seniorPrice.raw()), 1.1e18, 1e7, "10 %: a third");
    }

    /// What was lost and came back is no gain, however often it is looked at.
    function test_divide_noise_movesNothingToTheSeniors() public {
        for (uint256 i; i < 20; ++i) {
            value(i % 2 == 0 ? int256(700e18) : int256(1000e18));
            vault.process(1);
        }
        eq(parts().claim, 600e18, "claim");
        eq(parts().juniorValue, 400e18, "juniors");
    }

    function test_divide_lossAfterGain_isTheJuniors() public {
        value(1180e18);
        vault.process(1);
        value(700e18);
        eq(parts().seniorValue, 660e18, "what was divided stays");
        eq(parts().juniorValue, 40e18, "the rest is lost by juniors");
    }

    function testFuzz_split_isExactInAnyLife(uint256[24] calldata moves) public {
        for (uint256 i; i < moves.length; ++i) {
            _move(moves[i]);
            checkSplit();
            checkTokens();
        }
    }

    function _move(uint256 seed) private {
        address who = [ALICE, BOB, CAROL][seed % 3];
        uint256 size = (seed >> 16) % 300e18 + 1e15;
        uint256 kind = (seed >> 8) % 7;
        if (kind == 0) deposit(who, size);
        if (kind == 1) depositJunior(who, size);
        if (kind == 2 && size <= shares(who)) withdraw(who, size);
        if (kind == 3 && size <= juniorShares(who)) withdrawJunior(who, size);
        if (kind == 4) value(int256(vault.cash().raw()) - int256(size) + 120e18);
        if (kind == 5) pool.earn(size / 1e12 * 1e12);
        if (kind == 6) vault.process(3);
    }

    // ------------------------------------------------------------ money in and out

    /// L-1 for each class, from any state of profit or loss: neither price falls by a flow of either class, and neither
    /// gains more than the fee and a rounding.
    function testFuzz_flow_leavesBothPrices(int256 profit, uint256 amount, bool junior, uint256 share) public {
        value(1000e18 + bound(profit, -390e18, 2000e18));
        vault.process(1);
        amount = bound(amount, 1e15, 1e24) / 1e12 * 1e12;
        Tranches memory before = parts();
        junior ? depositJunior(CAROL, amount) : deposit(CAROL, amount);
        _kept(before, "deposit");
        before = parts();
        uint256 own = junior ? juniorShares(CAROL) : shares(CAROL);
        uint256 part = own * bound(share, 1e16, 1e18) / 1e18;
        if (part < 1e15) part = own;
        pool.earn(1e12 * 1e6); // money to pay with
        vault.process(1);
        before = parts();
        junior ? withdrawJunior(CAROL, part) : withdraw(CAROL, part);
        _kept(before, "withdrawal");
        checkTokens();
    }

    function _kept(Tranches memory before, string memory what) private view {
        Tranches memory now_ = parts();
        _same(now_.seniorPrice.raw(), before.seniorPrice.raw(), what);
        _same(now_.juniorPrice.raw(), before.juniorPrice.raw(), what);
    }

    /// Rounding of a payment to a token unit is 1e12 wei and falls to the juniors, of whom there are 400.
    function _same(uint256 now_, uint256 before, string memory what) private pure {
        check(now_ + 1e4 >= before, string.concat(what, " takes nothing"));
        check(now_ <= before + before / 1e9 + 1e11, string.concat(what, " leaves nothing"));
    }

    function testFuzz_roundTrip_neverPays(int256 profit, uint256 amount, bool junior) public {
        value(1000e18 + bound(profit, -399e18, 5000e18));
        amount = bound(amount, 1e15, 1e27) / 1e12 * 1e12;
        junior ? depositJunior(CAROL, amount) : deposit(CAROL, amount);
        uint256 rest = held(CAROL);
        junior ? withdrawJunior(CAROL, juniorShares(CAROL)) : withdraw(CAROL, shares(CAROL));
        check(held(CAROL) - rest <= amount, "out <= in");
    }

    /// L-4 for the junior class.
    function testFuzz_inflation_ofJuniorShares_costsAThousandTimesItsGain(uint256 gift, uint256 victim) public {
        gift = bound(gift, 1, 1e18) * 1e12;
        victim = bound(victim, 1e15, 1e27) / 1e12 * 1e12;
        withdrawJunior(BOB, juniorShares(BOB) - 1);
        eq(juniorShares(BOB), 1, "one wei of a share is left");
        pool.earn(gift);
        depositJunior(CAROL, victim);
        Tranches memory t = parts();
        uint256 supply = t.juniorShares.raw() + 1e6;
        uint256 worth = (uint256(t.juniorValue.rawS()) + 1e6) / supply;
        uint256 carol = juniorShares(CAROL) * (uint256(t.juniorValue.rawS()) + 1e6) / supply;
        check(worth * 1e3 <= gift, "a thousandth comes back at most");
        check(carol + gift / 1e6 + victim / 1e6 + 1e12 >= victim, "the victim loses a rounding");
    }

    // ------------------------------------------------------------ attacks

    /// Seniors have lost 50; a junior who brings a fortune into the senior class and takes it out again does not thereby
    /// come closer to the recovery. Nor does it cost him more: the claim that is to be won back stays 50 above NAV.
    function test_attack_seniorMoneyInAndOut_doesNotWashOutTheClaim() public {
        pool.lose(450e18);
        deposit(BOB, 1_000_000e18);
        eq(parts().claim.raw() - uint256(nav()), 50e18, "still 50 to win back");
        withdraw(BOB, shares(BOB));
        near(int256(parts().claim.raw()) - nav(), 50e18, 1e13, "and when he has left");
        pool.earn(50e18);
        check(parts().juniorValue.rawS() < 1e13, "all of it is the seniors'");
    }

    /// Juniors are 300 under their high. A senior who brings a fortune into the junior class and takes it out again does
    /// not thereby share in gains earlier.
    function test_attack_juniorMoneyInAndOut_doesNotLowerTheHigh() public {
        pool.lose(300e18);
        depositJunior(ALICE, 1_000_000e18);
        eq(int256(parts().high.raw()) - nav(), 300e18, "still 300 to win back");
        withdrawJunior(ALICE, juniorShares(ALICE));
        near(int256(parts().high.raw()) - nav(), 300e18, 1e13, "and afterwards");
        pool.earn(299e18);
        vault.process(1);
        eq(parts().claim, 600e18, "nothing for the seniors yet");
    }

    /// Juniors who are worth next to nothing do not earn what full ones would.
    function test_attack_dustOfJuniors_earnsDust() public {
        withdrawJunior(BOB, juniorShares(BOB) - 1e15);
        value(nav() + 60e18);
        vault.process(1);
        near(parts().seniorValue.rawS(), 660e18, 1e15, "the gain is the seniors'");
    }

    /// Whoever asks to leave with worthless juniors does not stop the seniors behind him.
    function test_queue_worthlessJuniors_areGivenBack() public {
        build(uint64(DAY), uint64(3 * DAY), uint64(14 * DAY), 0, 0, 0);
        deposit(ALICE, 600e18);
        depositJunior(BOB, 400e18);
        vm.warp(START + DAY);
        vault.process(2);
        uint256 first = withdrawJunior(BOB, 100e18);
        withdraw(ALICE, 100e18);
        uint256 into = depositJunior(CAROL, 50e18);
        deposit(CAROL, 70e18);
        pool.lose(500e18); // seniors have 500 of 600 left
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(2), 2, "a senior in, a senior out");
        eq(juniorShares(BOB), 400e18, "shares are back");
        (address lp,,) = vault.requestOf(first);
        eq(lp, address(0), "closed");
        (lp,,) = vault.requestOf(into);
        eq(lp, address(0), "closed too");
        near(int256(held(CAROL)), 50e18, 2e12, "and the money");
        near(int256(held(ALICE)), 83.333333e18, 2e12, "100 of 600 shares of 500");
        near(int256(shares(CAROL)), 84e18, 1e9, "70 at 5 / 6");
        checkTokens();
    }

    function test_queue_bothClasses_inOrder() public {
        build(uint64(DAY), uint64(3 * DAY), uint64(14 * DAY), 0, 0, 0);
        deposit(ALICE, 600e18);
        depositJunior(BOB, 400e18);
        vm.warp(START + DAY);
        vault.process(2);
        uint256 one = withdrawJunior(BOB, 100e18);
        withdraw(ALICE, 100e18);
        check(vault.isJunior(one) && !vault.isJunior(one + 2), "classes");
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(1), 1, "one");
        near(int256(held(BOB)), 100e18, 2e12, "the first");
        eq(held(ALICE), 1e12, "not yet");
        eq(vault.process(1), 1, "the other");
        near(int256(held(ALICE)), 100e18, 2e12, "the second");
    }

    /// Carol's juniors are worth what Bob's are, also when both leave in one call.
    function test_queue_twoJuniorsInOneCall_getTheSamePrice() public {
        build(uint64(DAY), uint64(3 * DAY), uint64(14 * DAY), 0, 0, 0);
        deposit(ALICE, 600e18);
        depositJunior(BOB, 300e18);
        depositJunior(CAROL, 100e18);
        vm.warp(START + DAY);
        vault.process(3);
        withdrawJunior(BOB, 100e18);
        withdrawJunior(CAROL, 100e18);
        vm.warp(block.timestamp + 3 * DAY);
        eq(vault.process(2), 2, "both");
        near(int256(held(BOB)), 100e18, 3e12, "Bob");
        near(int256(held(CAROL)), 100e18, 3e12, "Carol");
    }

    function test_cancel_returnsJuniors() public {
        build(uint64(DAY), uint64(3 * DAY), 0, 0, 0, 0);
        uint256 into = depositJunior(BOB, 400e18);
        vm.prank(BOB);
        vault.cancel(into);
        near(int256(held(BOB)), 400e18, 2e12, "money");
        depositJunior(BOB, 400e18);
        vm.warp(START + DAY);
        vault.process(2);
        uint256 out = withdrawJunior(BOB, 400e18);
        eq(juniorShares(BOB), 0, "in the queue");
        vm.prank(BOB);
        vault.cancel(out);
        eq(juniorShares(BOB), 400e18, "shares");
    }

    // ------------------------------------------------------------ ends

    function test_everybodyLeaves_nothingSticks() public {
        pool.earn(120e18);
        vault.process(1);
        withdrawJunior(BOB, juniorShares(BOB));
        withdraw(ALICE, shares(ALICE));
        eq(vault.totalShares(), 0, "no shares");
        check(vault.cash().raw() <= 2e12, "no money but a rounding");
        near(int256(held(ALICE)), 640e18, 3e12, "600 + a third of 120");
        near(int256(held(BOB)), 480e18, 3e12, "400 + two thirds");
        deposit(CAROL, 10e18);
        eq(shares(CAROL), 10e18, "a new beginning");
    }

    function test_seniorsLeave_juniorsOwnTheRest() public {
        withdraw(ALICE, shares(ALICE));
        eq(parts().claim, 0, "no claim");
        eq(parts().juniorValue, nav(), "all of it");
        deposit(CAROL, 100e18);
        eq(parts().seniorValue, 100e18, "a new claim");
    }

    function test_juniorsLeave_seniorsOwnEverything_andNewOnesPayNothingForThePast() public {
        withdrawJunior(BOB, juniorShares(BOB));
        value(450e18); // seniors lose a quarter of 600
        depositJunior(CAROL, 100e18);
        eq(parts().seniorValue, 450e18, "the seniors' value is their claim");
        eq(parts().juniorValue, 100e18, "what she brought");
    }

    function test_firstJunior_underRuinedSeniors_isGivenBack() public {
        juniorWeight = Wad.wrap(3e18);
        build(0, 0, 0, 0, 0, 0);
        deposit(ALICE, 600e18);
        value(0);
        depositJunior(BOB, 100e18);
        eq(juniorShares(BOB), 0, "no shares");
        near(int256(held(BOB)), 100e18, 2e12, "money back");
    }

    function test_juniors_areATransferableToken() public {
        ERC20 junior = ERC20(vault.junior());
        vm.prank(BOB);
        junior.transfer(CAROL, 100e18);
        withdrawJunior(CAROL, 100e18);
        near(int256(held(CAROL)), 100e18, 1e12, "paid");
        vm.expectRevert(abi.encodeWithSelector(ILPVault.OnlyProtocol.selector, address(this)));
        (bool ok,) = address(junior).call(abi.encodeWithSignature("mint(address,uint256)", BOB, 1e18));
        ok;
    }

    function test_withoutTranches_juniorsAreRefused() public {
        juniorWeight = Wad.wrap(0);
        build(0, 0, 0, 0, 0, 0);
        eq(vault.junior(), address(0), "no token");
        vm.expectRevert(ILPVault.TranchesOff.selector);
        vault.requestJuniorDeposit(Wad.wrap(1e18));
        vm.expectRevert(ILPVault.TranchesOff.selector);
        vault.requestJuniorWithdrawal(Wad.wrap(1e18));
    }

    function test_sharePrice_isThePools_andNoFlowMovesIt() public {
        value(1300e18);
        vault.process(1);
        uint256 before = price();
        deposit(CAROL, 500e18);
        depositJunior(CAROL, 300e18);
        near(int256(price()), int256(before), 1e6, "deposits");
        withdrawJunior(BOB, 100e18);
        withdraw(ALICE, 100e18);
        near(int256(price()), int256(before), 1e10, "withdrawals");
    }

    function test_readInterface_speaksErc4626() public {
        eq(vault.asset(), address(token), "asset");
        eq(vault.totalAssets(), 1000e6, "assets in token units");
        eq(vault.convertToAssets(60e18), 60e6, "a tenth of the seniors");
        near(int256(vault.convertToShares(60e6)), 60e18, 1e9, "and back");
        pool.setModes(Mode.NORMAL, Mode.REDUCE_ONLY);
        uint256 id = deposit(CAROL, 30e18);
        eq(vault.pendingDepositRequest(id, CAROL), 30e6, "hers");
        eq(vault.pendingDepositRequest(id, BOB), 0, "not his");
        eq(vault.pendingRedeemRequest(id, CAROL), 0, "not a withdrawal");
        uint256 out = withdraw(ALICE, 6e18);
        eq(vault.pendingRedeemRequest(out, ALICE), 6e18, "shares");
    }
}

/// A floor of half the 7-day high, one class: 1000 shares, high 1.
contract FloorTest is VaultBase {
    function setUp() public {
        floorShare = Wad.wrap(0.5e18);
        build(0, uint64(3 * DAY), uint64(14 * DAY), 0, 0, 0);
        deposit(ALICE, 600e18);
        deposit(BOB, 400e18);
        vault.assess();
    }

    /// Longs are owed `owed`; NAV follows.
    function _owe(uint256 owed) private {
        pool.setOwed(owed, 0, 0, 0);
        pool.setBook(int256(owed), 0, 0);
    }

    function _scale() private view returns (uint256) {
        return vault.solvency().scale.raw();
    }

    function test_scale_byHand() public {
        _owe(500e18);
        eq(_scale(), 1e18, "500 above the floor for 500");
        _owe(500e18 + 1);
        eq(_scale(), 1e18 - 1, "insolvent by a wei");
        _owe(800e18);
        Solvency memory s = vault.solvency();
        eq(s.reserved, 500e18, "1000 shares x 0.5 x 1");
        eq(s.scale, 0.625e18, "500 of 800");
        eq(s.shortfall, 0, "assets would do");
        _owe(2000e18);
        s = vault.solvency();
        eq(s.shortfall, 1000e18, "now they would not");
        eq(s.scale, 0.25e18, "500 of 2000");
    }

    function test_reserved_aloneAboveAssets_leavesNothing() public {
        pool.lose(600e18);
        _owe(100e18);
        eq(_scale(), 0, "the floor takes 500 of 400");
    }

    function test_high_isForgottenAfterAWeek() public {
        value(2000e18);
        vault.assess();
        near(int256(vault.solvency().reserved.raw()), 1000e18, 1e6, "half of the new high");
        value(1000e18);
        vm.warp(block.timestamp + 6 * DAY);
        vault.assess();
        near(int256(vault.solvency().reserved.raw()), 1000e18, 1e6, "six days later");
        vm.warp(block.timestamp + DAY);
        vault.assess();
        eq(vault.solvency().reserved, 500e18, "a week later");
    }

    /// Nor does it come back where nobody has written over it.
    function test_high_isForgottenWhereverItIsKept() public {
        value(2000e18);
        vault.assess();
        value(1000e18);
        vm.warp(block.timestamp + 8 * DAY);
        vault.assess();
        eq(vault.solvency().reserved, 500e18, "eight days later");
    }

    function value(int256 to) private {
        pool.setBook(int256(vault.cash().raw()) - to, 0, 0);
    }

    /// A gain of 100 at the venue is a high; what the book owes then is none.
    function test_high_countsTheHedgeAndTheBook() public {
        pool.setHedge(100e18, 0, 0, false);
        vault.assess();
        near(int256(vault.solvency().reserved.raw()), 550e18, 1e6, "1.1 x 0.5 x 1000");
        pool.setBook(200e18, 0, 0);
        vault.assess();
        near(int256(vault.solvency().reserved.raw()), 550e18, 1e6, "900 is none");
        pool.setBook(0, 0, 0);
        pool.setOwed(0, 0, 200e18, 0);
        vault.assess();
        near(int256(vault.solvency().reserved.raw()), 550e18, 1e6, "nor with 200 uncovered");
        pool.setOwed(0, 0, 0, 200e18);
        vault.assess();
        near(int256(vault.solvency().reserved.raw()), 550e18, 1e6, "nor with 200 for settled longs");
    }

    /// 1000 less a floor of 500 is all but used up by 495 net: then longs and shorts count gross.
    function test_assess_countsTheFloorInWhatIsClear() public {
        pool.setBook(495e18, 0, 0);
        pool.setOwed(900e18, 405e18, 0, 0);
        eq(vault.assess().longs, 900e18, "gross");
        pool.setBook(-100e18, 0, 0);
        eq(vault.assess().shortReceivable, 100e18, "what the book owes to the pool");
    }

    function test_high_isNotedOnTrustedPricesOnly() public {
        value(5000e18);
        pool.setModes(Mode.REDUCE_ONLY, Mode.NORMAL);
        vault.assess();
        pool.setModes(Mode.NORMAL, Mode.NORMAL);
        pool.setExpiry(uint64(block.timestamp + DAY), false, 77);
        vault.assess();
        eq(vault.solvency().reserved, 500e18, "neither degraded nor stale");
    }

    /// The attack on a floor of total NAV: one LP deposits, the floor rises with him, he asks to leave, and longs of a
    /// solvent pool get nothing. Here whoever waits to leave has no floor, and a deposit brings more than its own.
    function test_attack_depositAndWithdraw_cannotZeroTheLongs() public {
        _owe(400e18);
        eq(_scale(), 1e18, "before");
        deposit(CAROL, 100_000e18);
        eq(_scale(), 1e18, "deposited");
        vault.assess();
        withdraw(CAROL, shares(CAROL));
        eq(_scale(), 1e18, "asked to leave");
        vm.warp(block.timestamp + 3 * DAY);
        vault.process(1);
        eq(shares(CAROL), 0, "left");
        eq(_scale(), 1e18, "afterwards");
        check(held(CAROL) <= 100_000e18 + 1e12, "without a gain");
    }

    /// S-4: no deposit, request, cancellation or withdrawal lowers the scale.
    function testFuzz_flows_neverLowerTheScale(uint256 owed, uint256 in_, uint256 part, uint256 wait) public {
        _owe(bound(owed, 0, 900e18));
        uint256 scale = _scale();
        deposit(CAROL, bound(in_, 1e15, 1e24));
        check(_scale() >= scale, "deposit");
        scale = _scale();
        uint256 id = withdraw(ALICE, 600e18 * bound(part, 1e16, 1e18) / 1e18);
        check(_scale() >= scale, "request");
        uint256 asked = _scale();
        vm.warp(block.timestamp + bound(wait, 0, 15 * DAY));
        try vault.process(3) {} catch {}
        // what left was above the floor of those who stay: the scale is at least what it was with nobody in the queue
        check(_scale() >= scale || asked < scale, "withdrawal");
        (address lp,,) = vault.requestOf(id);
        if (lp == address(0)) return;
        vm.prank(ALICE);
        vault.cancel(id);
        check(_scale() >= scale - scale / 1e9, "cancelled: as before");
    }

    /// At the floor a deposit would add more to the floor than to the assets: it waits.
    function test_deposit_belowTheFloor_waits() public {
        pool.lose(501e18);
        deposit(CAROL, 100e18);
        eq(shares(CAROL), 0, "waits");
        pool.earn(2e18);
        vault.process(1);
        check(shares(CAROL) > 0, "served");
    }

    /// NAV 480 is under the floor of 500; 100 of the 1000 shares ask to leave, so the floor of the others is 450: 30 may
    /// go, where their part of NAV would be 48.
    function test_withdrawal_leavesTheFloorOfThoseWhoStay() public {
        _owe(520e18);
        withdraw(ALICE, 100e18);
        eq(vault.solvency().reserved, 450e18, "900 x 0.5");
        vm.warp(block.timestamp + 3 * DAY);
        vault.assess();
        vault.process(1);
        near(int256(held(ALICE)), 30e18, 3e12, "480 - 450");
        check(_scale() >= 1e18 - 1e10, "and longs can still be paid");
    }

    /// Stress leaves 350 of 1000; of Carol's 100 the floor of her shares is 50: Alice gets 400.
    function test_deposit_beforeAWithdrawal_freesWhatIsAboveItsFloor() public {
        withdraw(ALICE, 500e18);
        vm.warp(block.timestamp + 3 * DAY);
        pool.setNode(0, 650e18, 0);
        deposit(CAROL, 100e18);
        near(int256(held(ALICE)), 400e18, 3e12, "350 + 100 - 50");
    }

    function test_floorOff_isAsBefore() public {
        floorShare = Wad.wrap(0);
        build(0, 0, 0, 0, 0, 0);
        deposit(ALICE, 1000e18);
        _owe(900e18);
        eq(vault.solvency().reserved, 0, "none");
        eq(_scale(), 1e18, "scale");
    }
}

/// The floor over two classes.
contract FloorTranchesTest is TrancheBase {
    function setUp() public override {
        (floorShare, juniorWeight) = (Wad.wrap(0.5e18), Wad.wrap(3e18));
        build(0, uint64(3 * DAY), 0, 0, 0, 0);
        deposit(ALICE, 600e18);
        depositJunior(BOB, 400e18);
        vault.assess();
    }

    /// 200 of 600 seniors in the queue are 20 % of NAV by value, whatever the number of junior shares.
    function test_reserved_queuedCountByValue() public {
        value(800e18); // juniors 200
        withdraw(ALICE, 200e18);
        eq(vault.solvency().reserved, 375e18, "half of 1000 less a quarter");
    }

    function test_reserved_queuedJuniorsCountByValue() public {
        withdrawJunior(BOB, 100e18);
        eq(vault.solvency().reserved, 450e18, "half of 1000 less 100");
    }

    /// Juniors are nearly worthless and so cheap that a few dollars buy millions of shares: that must not dilute the
    /// queue's part of the floor away.
    function test_attack_cheapJuniors_doNotRaiseTheFloor() public {
        withdraw(ALICE, 600e18);
        value(601e18); // juniors 1
        uint256 before = vault.solvency().reserved.raw();
        depositJunior(CAROL, 10e18);
        eq(juniorShares(CAROL) / 1e18, 3999, "ten times the shares there were");
        uint256 after_ = vault.solvency().reserved.raw();
        check(after_ <= before + 10e18, "by no more than the money");
    }
}
