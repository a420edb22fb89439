// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ExactTransfer} from "../contracts/libraries/ExactTransfer.sol";
import {TokenUnits} from "../contracts/libraries/TokenUnits.sol";
import {MockToken} from "../contracts/mocks/MockToken.sol";
import {BandParams, BreakerParams, VaultParams} from "../contracts/types/Params.sol";
import {Mode} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp} from "../contracts/types/Units.sol";
import {FeeToken} from "./FeeToken.sol";
import {World} from "./World.sol";

abstract contract TokenWorld is World {
    address internal constant LP = address(0x19);
    address internal constant ALICE = address(0xA1);
    address internal constant BOB = address(0xA2);

    /// T-1, once what waits has been handed over.
    function checkBooks() internal {
        market.square();
        eq(token.balanceOf(address(market)) * UNIT, market.totalBalances().raw(), "market");
        eq(token.balanceOf(address(vault)) * UNIT, vault.cash().raw() + vault.pendingDeposits().raw(), "vault");
        eq(token.balanceOf(address(insurance)) * UNIT, insurance.balance().raw(), "fund");
        check(token.balanceOf(address(hedge)) + token.balanceOf(address(auction)) == 0, "nothing sticks");
    }

    function owned(address who) internal view returns (uint256) {
        return token.balanceOf(who) * UNIT;
    }
}

// ------------------------------------------------------------ a token that keeps a part of each transfer

contract FeeOnTransferTest is TokenWorld {
    function setUp() public {
        deploy();
        token.mint(ALICE, 1000e6);
    }

    function newToken() internal override returns (MockToken) {
        return new FeeToken("Fee dollar", "FEE", 6);
    }

    function _refused(address to, bytes memory data) private {
        vm.prank(ALICE);
        token.approve(to, type(uint256).max);
        vm.prank(ALICE);
        (bool ok, bytes memory reason) = to.call(data);
        check(!ok, "taken");
        eq(uint256(bytes32(reason)), uint256(bytes32(abi.encodeWithSelector(ExactTransfer.ShortTransfer.selector))), "named");
        eq(owned(ALICE), 1000e18, "given back");
    }

    function test_feeOnTransfer_entersNowhere() public {
        _refused(address(market), abi.encodeCall(market.deposit, (_w(100e18))));
        _refused(address(vault), abi.encodeCall(vault.requestDeposit, (_w(100e18))));
        _refused(address(insurance), abi.encodeCall(insurance.donate, (_w(100e18))));
        checkBooks();
    }
}

// ------------------------------------------------------------ a token whose balances change by themselves

contract RebasingToken is MockToken {
    constructor() MockToken("Rebasing dollar", "REB", 6) {}

    function rebase(address holder, int256 units) external {
        if (units > 0) _mint(holder, uint256(units));
        else _burn(holder, uint256(-units));
    }
}

contract RebaseTest is TokenWorld {
    function setUp() public {
        deploy();
        fundPool(LP, 100_000e18);
        fund(ALICE, 1000e18);
        fund(BOB, 1000e18);
    }

    function newToken() internal override returns (MockToken) {
        return new RebasingToken();
    }

    function _withdraw(address who, uint256 amount) private returns (bool ok) {
        vm.prank(who);
        (ok,) = address(market).call(abi.encodeCall(market.withdraw, (_w(amount))));
    }

    /// What appears belongs to nobody: no share, no balance, no price moves.
    function test_rebaseUp_changesNothing() public {
        int256 nav = vault.navParts().nav.rawS();
        address[4] memory holders = [address(market), address(vault), address(insurance), address(hedge)];
        for (uint256 i; i < 4; ++i) RebasingToken(address(token)).rebase(holders[i], 500e6);
        eq(vault.navParts().nav.rawS(), nav, "NAV");
        eq(vault.sharePrice(), 1e18, "share price");
        check(!_withdraw(ALICE, 1001e18), "no more than was put in");
        check(_withdraw(ALICE, 1000e18) && _withdraw(BOB, 1000e18), "all of it");
        eq(token.balanceOf(address(market)), 500e6, "the gift stays");
    }

    /// What vanishes is missing where it vanished: the market's loss is never paid from the vault or the fund.
    function test_rebaseDown_isNotPaidByOthers() public {
        insure(500e18);
        RebasingToken(address(token)).rebase(address(market), -500e6);
        check(_withdraw(ALICE, 1000e18), "who comes first");
        check(!_withdraw(BOB, 1000e18), "more than there is");
        check(_withdraw(BOB, 500e18), "what is left");
        eq(market.balanceOf(BOB), 500e18, "still owed");
        eq(owned(address(vault)), 100_000e18, "vault");
        eq(owned(address(insurance)), 500e18, "fund");
    }
}

// ------------------------------------------------------------ decimals

/// One life in tokens of any decimals: the books match the tokens to the unit at every step.
abstract contract DecimalsBase is TokenWorld {
    function bandParams() internal view override returns (BandParams memory p) {
        p = super.bandParams();
        (p.minBand, p.maxBand) = (_w(0.001e18), _w(0.001e18));
    }

    function setUp() public {
        deploy();
        fundPool(LP, 1_000_000e18);
        fund(ALICE, 50_000e18);
        fund(BOB, 50_000e18);
        insure(1000e18);
    }

    function test_life_booksMatchTheTokensToTheUnit() public {
        Timestamp expiry = list(3 * DAY);
        eq(_w(1e18).raw() % UNIT, 0, "a dollar is whole units");
        SeriesId id = call(expiry, 2);
        int256 paid = trade(ALICE, id, 9.333e18).cash.rawS();
        eq(uint256(paid) % UNIT, 0, "whole units");
        trade(BOB, id, 9e18);
        trade(BOB, put(expiry, 1), -2e18);
        checkBooks();
        hedge.hedge();
        checkBooks();
        step(60, 2100e18);
        trade(ALICE, id, -1.111e18);
        checkBooks();
        wait(3 * DAY);
        post(2300e18);
        market.settleExpiry(expiry, round);
        while (!market.sweep(expiry, 1)) checkBooks();
        checkBooks();
        _leave(ALICE);
        _leave(BOB);
        uint256 shares = vault.sharesOf(LP).raw();
        vm.prank(LP);
        vault.requestWithdrawal(_w(shares));
        checkBooks();
        check(owned(LP) > 900_000e18, "LP is paid");
    }

    function _leave(address who) private {
        uint256 balance = market.balanceOf(who).raw();
        vm.prank(who);
        market.withdraw(_w(balance));
        eq(owned(who), balance, "all of it");
    }
}

contract SixDecimalsTest is DecimalsBase {}

contract EightDecimalsTest is DecimalsBase {
    function decimals() internal pure override returns (uint8) {
        return 8;
    }
}

contract EighteenDecimalsTest is DecimalsBase {
    function decimals() internal pure override returns (uint8) {
        return 18;
    }
}

contract ManyDecimalsTest is TokenWorld {
    function newToken() internal override returns (MockToken) {
        return new MockToken("Fine dollar", "FINE", 19);
    }

    function build() external {
        deploy();
    }

    function test_nineteenDecimals_areRefusedAtDeployment() public {
        vm.expectRevert(abi.encodeWithSelector(TokenUnits.UnsupportedDecimals.selector, 19));
        this.build();
    }
}

// ------------------------------------------------------------ a token that calls its holders

contract CallingToken is MockToken {
    address public listener;

    constructor() MockToken("Calling dollar", "CALL", 6) {}

    function setListener(address to) external {
        listener = to;
    }

    function _afterTokenTransfer(address, address, uint256) internal override {
        if (listener == address(0)) return;
        (bool ok,) = listener.call(abi.encodeCall(Thief.onToken, ()));
        require(ok, "listener");
    }
}

/// Trades, provides, and tries everything again from inside each token movement.
contract Thief {
    struct Try {
        address to;
        bytes data;
    }

    address private immutable OWNER = msg.sender;
    Try[] private _tries;
    uint256 public reentered; // refusals by the guard
    uint256 public done; // calls that went through
    bool private _inside;

    function plan(address to, bytes calldata data) external {
        _tries.push(Try(to, data));
    }

    function act(address to, bytes calldata data) external returns (bool ok, bytes memory answer) {
        require(msg.sender == OWNER);
        return to.call(data);
    }

    function onToken() external {
        if (_inside) return;
        _inside = true;
        for (uint256 i; i < _tries.length; ++i) {
            (bool ok, bytes memory reason) = _tries[i].to.call(_tries[i].data);
            if (ok) ++done;
            else if (bytes4(reason) == bytes4(keccak256("Reentrancy()"))) ++reentered;
        }
        _inside = false;
    }
}

contract ReentrancyTest is TokenWorld {
    Thief private thief;
    Timestamp private expiry;

    function newToken() internal override returns (MockToken) {
        return new CallingToken();
    }

    function vaultParams() internal view override returns (VaultParams memory p) {
        p = super.vaultParams();
        (p.depositDelay, p.withdrawalDelay, p.withdrawalFee) = (_s(1 hours), _s(1 hours), _w(0));
    }

    function setUp() public {
        deploy();
        fundPool(LP, 1_000_000e18);
        thief = new Thief();
        token.mint(address(thief), 400_000e6);
        address[3] memory takers = [address(market), address(vault), address(insurance)];
        for (uint256 i; i < 3; ++i) {
            thief.act(address(token), abi.encodeCall(token.approve, (takers[i], type(uint256).max)));
        }
        _do(address(market), abi.encodeCall(market.deposit, (_w(200_000e18))));
        _do(address(vault), abi.encodeCall(vault.requestDeposit, (_w(50_000e18))));
        wait(1 hours);
        post(SPOT);
        vault.process(9);
        expiry = list(30 * DAY);
    }

    function _do(address to, bytes memory data) private {
        (bool ok,) = thief.act(to, data);
        check(ok, "the thief's own action");
    }

    /// Every way in, from inside a movement of tokens that the same contract makes: refused by its guard.
    function test_reentrancy_sameContract_isRefused() public {
        SeriesId id = call(expiry, 2);
        thief.plan(address(market), abi.encodeCall(market.withdraw, (_w(1e18))));
        thief.plan(address(market), abi.encodeCall(market.deposit, (_w(1e18))));
        thief.plan(address(market), abi.encodeCall(market.trade, (id, SWad.wrap(1e18), SWad.wrap(NO_LIMIT))));
        thief.plan(address(market), abi.encodeCall(market.touch, (ALICE)));
        thief.plan(address(market), abi.encodeCall(market.sweep, (expiry, 1)));
        thief.plan(address(market), abi.encodeCall(market.settleExpiry, (expiry, 1)));
        CallingToken(address(token)).setListener(address(thief));
        _do(address(market), abi.encodeCall(market.withdraw, (_w(10e18))));
        _do(address(market), abi.encodeCall(market.deposit, (_w(10e18))));
        _do(address(market), abi.encodeCall(market.trade, (id, SWad.wrap(5e18), SWad.wrap(NO_LIMIT))));
        eq(thief.done(), 0, "nothing went through");
        check(thief.reentered() >= 6 * 2, "each was tried in each");
        CallingToken(address(token)).setListener(address(0));
        checkBooks();
    }

    function test_reentrancy_vault_isRefused() public {
        thief.plan(address(vault), abi.encodeCall(vault.requestDeposit, (_w(1e18))));
        thief.plan(address(vault), abi.encodeCall(vault.requestWithdrawal, (_w(1e18))));
        thief.plan(address(vault), abi.encodeCall(vault.process, (9)));
        thief.plan(address(vault), abi.encodeCall(vault.cancel, (2)));
        thief.plan(address(vault), abi.encodeCall(vault.claim, (address(thief))));
        CallingToken(address(token)).setListener(address(thief));
        _do(address(vault), abi.encodeCall(vault.requestDeposit, (_w(10e18))));
        _do(address(vault), abi.encodeCall(vault.requestWithdrawal, (_w(10_000e18))));
        wait(1 hours);
        post(SPOT);
        refreshAll();
        vault.process(9);
        eq(thief.done(), 0, "nothing went through");
        check(thief.reentered() >= 5 * 2, "each was tried in each");
        CallingToken(address(token)).setListener(address(0));
        checkBooks();
    }

    /// From inside the premium's handover the vault's own door is open: but the books are complete by then, so that a
    /// waiting deposit or withdrawal gets no other price than a moment later.
    function test_reentrancy_otherContract_gainsNothing() public {
        uint256[2] memory wealth;
        for (uint256 way; way < 2; ++way) {
            uint256 state = vm.snapshotState();
            _do(address(vault), abi.encodeCall(vault.requestDeposit, (_w(40_000e18))));
            _do(address(vault), abi.encodeCall(vault.requestWithdrawal, (_w(20_000e18))));
            wait(1 hours);
            post(SPOT);
            refreshAll();
            thief.plan(address(vault), abi.encodeCall(vault.process, (9)));
            if (way == 1) CallingToken(address(token)).setListener(address(thief));
            bytes memory buy = abi.encodeCall(market.trade, (call(expiry, 2), SWad.wrap(9e18), SWad.wrap(NO_LIMIT)));
            _do(address(market), buy);
            _do(address(market), abi.encodeCall(market.square, ()));
            CallingToken(address(token)).setListener(address(0));
            if (way == 0) vault.process(9);
            else check(thief.done() > 0 && vault.pendingDeposits().isZero(), "served from inside");
            checkBooks();
            wealth[way] = _wealth();
            vm.revertToState(state);
        }
        check(wealth[1] <= wealth[0] + 1e15, "the thief gains from inside");
    }

    function _wealth() private view returns (uint256) {
        uint256 shares = vault.sharesOf(address(thief)).raw() * vault.sharePrice().raw() / 1e18;
        int256 equity = margin.marginOf(address(thief)).equity.rawS();
        return owned(address(thief)) + shares + uint256(equity);
    }
}

/// A token that calls its receivers, with tranches and a floor: who is paid sees the classes as they are afterwards.
contract LeavingListenerTest is World {
    Thief private thief;

    function newToken() internal override returns (MockToken) {
        return new CallingToken();
    }

    function breakerParams() internal view override returns (BreakerParams memory p) {
        (p.navDrop, p.timeout, p.clear) = (_w(0.08e18), _s(1800), _s(1800));
    }

    function vaultParams() internal view override returns (VaultParams memory p) {
        p = super.vaultParams();
        (p.juniorWeight, p.floor) = (_w(3e18), _w(0.8e18));
    }

    function test_leaving_pokesTheBreakerFromInside_changesNoMode() public {
        deploy();
        fundPool(address(0x19), 500_000e18);
        token.mint(address(0x20), 200_000e6);
        vm.startPrank(address(0x20));
        token.approve(address(vault), type(uint256).max);
        vault.requestJuniorDeposit(_w(200_000e18));
        vm.stopPrank();
        thief = new Thief();
        token.mint(address(thief), 300_000e6);
        thief.act(address(token), abi.encodeCall(token.approve, (address(vault), type(uint256).max)));
        thief.act(address(vault), abi.encodeCall(vault.requestDeposit, (_w(300_000e18))));
        Timestamp expiry = list(30 * DAY);
        fund(address(0xA1), 10_000e18);
        hedge.sync();
        trade(address(0xA1), call(expiry, 2), 1e18);
        vault.assess();
        thief.plan(address(breaker), abi.encodeCall(breaker.poke, ()));
        CallingToken(address(token)).setListener(address(thief));
        (bool ok,) = thief.act(address(vault), abi.encodeCall(vault.requestWithdrawal, (_w(290_000e18))));
        check(ok && thief.done() > 0, "paid, and poked from inside");
        check(breaker.mode() == Mode.NORMAL, "the scale is one all along");
    }
}
