// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IHedgeVenue} from "../contracts/interfaces/IHedging.sol";
import {MockToken} from "../contracts/mocks/MockToken.sol";
import {PerpVenue} from "../contracts/mocks/PerpVenue.sol";
import {MarketParams, VaultParams} from "../contracts/types/Params.sol";
import {Mode, VenuePosition, VenueQuote} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

/// A venue that takes less margin than it was offered, says what it likes of its equity, and calls back.
contract HostileVenue is IHedgeVenue {
    MockToken private immutable TOKEN;
    int256 private size;
    int256 public equity; // what it says
    uint256 public takes = 1e18; // share of an offered margin
    uint256 public refused; // calls back that a guard stopped
    uint256 public passed;
    address[] private _targets;
    bytes[] private _calls;

    constructor(MockToken token) {
        TOKEN = token;
    }

    function say(int256 equity_) external {
        equity = equity_;
    }

    function setTakes(uint256 share) external {
        takes = share;
    }

    function plan(address to, bytes calldata data) external {
        _targets.push(to);
        _calls.push(data);
    }

    function steal(address from) external returns (bool ok) {
        uint256 all = TOKEN.balanceOf(from) + 1;
        (ok,) = address(TOKEN).call(abi.encodeCall(TOKEN.transferFrom, (from, address(this), all)));
    }

    function postIndex(Wad, Wad, bool) external {}

    function quote(SWad) external pure returns (VenueQuote memory) {
        return VenueQuote(true, Wad.wrap(2000e18));
    }

    function trade(SWad size_, Wad limit) external returns (Wad) {
        size += size_.rawS();
        for (uint256 i; i < _targets.length; ++i) {
            (bool ok, bytes memory reason) = _targets[i].call(_calls[i]);
            if (ok) ++passed;
            else if (bytes4(reason) == bytes4(keccak256("Reentrancy()"))) ++refused;
        }
        return limit;
    }

    function depositMargin(Wad amount) external {
        uint256 units = amount.raw() / 1e12 * takes / 1e18;
        TOKEN.transferFrom(msg.sender, address(this), units);
        equity += int256(units * 1e12);
    }

    function withdrawMargin(Wad) external {}

    function position(address) external view returns (VenuePosition memory) {
        return VenuePosition(SWad.wrap(size), SWad.wrap(equity), Wad.wrap(0));
    }
}

contract HostileVenueTest is World {
    address private constant LP = address(0x19);
    address private constant ALICE = address(0xA1);
    HostileVenue private liar;
    Timestamp private expiry;

    function setUp() public {
        deploy();
        liar = HostileVenue(address(venue));
        fundPool(LP, 1_000_000e18);
        fund(ALICE, 100_000e18);
        expiry = list(30 * DAY);
        trade(ALICE, call(expiry, 2), 9e18);
    }

    function newVenue() internal override returns (PerpVenue) {
        return PerpVenue(address(new HostileVenue(token)));
    }

    function _books() private {
        market.square();
        eq(token.balanceOf(address(vault)) * UNIT, vault.cash().raw(), "vault");
        eq(token.balanceOf(address(hedge)), 0, "hedge");
    }

    function test_venue_takingHalf_isLeftNoApproval() public {
        liar.setTakes(0.5e18);
        hedge.hedge();
        check(token.balanceOf(address(liar)) > 0, "it took something");
        eq(token.allowance(address(hedge), address(liar)), 0, "nothing more to take");
        token.mint(address(hedge), 100e6);
        check(!liar.steal(address(hedge)) && !liar.steal(address(vault)), "nor by itself");
        market.square();
        eq(token.balanceOf(address(vault)) * UNIT, vault.cash().raw(), "vault");
    }

    function test_venue_callingBack_isRefusedByTheGuard() public {
        liar.plan(address(hedge), abi.encodeCall(hedge.hedge, ()));
        liar.plan(address(hedge), abi.encodeCall(hedge.sync, ()));
        hedge.hedge();
        eq(liar.refused(), 2, "both");
        eq(liar.passed(), 0, "none went through");
        _books();
    }

    /// Whatever a venue says of its equity: trading closed positions, settlement and the pool's statements go on, and
    /// no cash leaves but what belongs to whom it is paid.
    function test_venue_lyingAboutEquity_stopsNothingAndTakesNothing() public {
        hedge.hedge();
        int256[5] memory lies = [type(int128).max, type(int128).min, int256(1e36), -1e36, type(int256).max];
        for (uint256 i; i < lies.length; ++i) {
            uint256 state = vm.snapshotState();
            liar.say(lies[i]);
            hedge.sync();
            _lifeGoesOn();
            vm.revertToState(state);
        }
    }

    function _lifeGoesOn() private {
        uint256 cash = vault.cash().raw();
        vault.navParts();
        breaker.poke();
        vault.assess();
        market.touch(ALICE);
        eq(vault.cash(), cash, "no cash moved");
        check(vault.freeLiquidity().raw() <= cash, "free liquidity is cash");
        refreshAll();
        trade(ALICE, call(expiry, 2), -4e18);
        wait(30 * DAY);
        post(2300e18);
        market.settleExpiry(expiry, round);
        while (!market.sweep(expiry, 1)) {}
        check(market.legsOf(ALICE).length == 0, "settled");
        _books();
    }
}

/// Feeds that do not answer, answer nonsense, or speak of the future.
contract HostileFeedsTest is World {
    address private constant LP = address(0x19);
    address private constant ALICE = address(0xA1);
    Timestamp private expiry;

    function setUp() public {
        deploy();
        fundPool(LP, 1_000_000e18);
        fund(ALICE, 100_000e18);
        expiry = list(30 * DAY);
        trade(ALICE, call(expiry, 2), 3e18);
    }

    /// Refresh, closes, hedges and LPs go on with the last anchors; opens wait.
    function _reduceOnly() private {
        (Wad[] memory before,) = surface.anchors(expiry);
        wait(60);
        post(2010e18);
        ledger.refresh(expiry);
        (Wad[] memory then,) = surface.anchors(expiry);
        for (uint256 i; i < then.length; ++i) eq(then[i], before[i].raw(), "anchor stays");
        (bool open,,) = surface.status(expiry);
        check(!open, "reduce-only");
        trade(ALICE, call(expiry, 2), -1e18);
        vm.prank(LP);
        vault.requestWithdrawal(_w(1000e18));
        check(token.balanceOf(LP) > 0, "an LP is served");
    }

    function test_volFeed_sick_stopsNoRefresh() public {
        bytes[6] memory codes = [
            bytes(hex"fe"), // burns its gas
            hex"60006000fd", // reverts
            hex"", // has no code
            hex"60206000f3", // answers one word
            hex"620fffff6000f3", // answers a megabyte
            hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff60005260005160205260005160405260005160605260005160805260005160a05260005160c05260e06000f3" // nonsense
        ];
        for (uint256 i; i < codes.length; ++i) {
            uint256 state = vm.snapshotState();
            vm.etch(address(volFeed), codes[i]);
            _reduceOnly();
            vm.revertToState(state);
        }
    }

    function test_volFeed_ofTheFuture_isNotBelieved() public {
        vm.warp(block.timestamp + 1000);
        postVol(expiry, 2e18);
        vm.warp(block.timestamp - 1000);
        _reduceOnly();
    }

    function test_priceFeeds_ofTheFuture_areNotBelieved() public {
        push.post(3000e8, block.timestamp + 1);
        check(oracle.read().mode == Mode.FROZEN && oracle.read().price.raw() == SPOT, "the pull feed's price is left");
        pull.post(PULL_ID, 3000e8, 0, -8, block.timestamp + 1);
        eq(oracle.read().price, SPOT, "the last accepted price");
        eq(oracle.read().confidence, 0, "no trust");
        vm.warp(block.timestamp + 1);
        check(oracle.read().mode == Mode.NORMAL && oracle.read().price.raw() == 3000e18, "in its time it counts");
    }

    function test_priceFeeds_garbage_isVoid() public {
        int64[4] memory prices = [int64(0), -1, type(int64).min, type(int64).max];
        for (uint256 i; i < 4; ++i) {
            pull.post(PULL_ID, prices[i], 0, 9, block.timestamp);
            check(oracle.read().mode == Mode.FROZEN && oracle.read().price.raw() == SPOT, "pull");
            push.post(type(int192).min, block.timestamp);
            eq(oracle.read().price, SPOT, "both");
            oracle.poke();
            push.post(int256(SPOT / 1e10), block.timestamp);
        }
    }
}

/// Loops that strangers could make long: each has a bound, in gas.
contract GasGriefingTest is World {
    address private constant LP = address(0x19);
    address private constant ALICE = address(0xA1);
    uint256 private constant BLOCK = 30_000_000;

    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        (p.maxDelta, p.vegaLimit, p.gammaLimit, p.accountDeltaLimit, p.stressFloor) = (_w(0), _w(0), _w(0), _w(0), _w(0));
    }

    function vaultParams() internal view override returns (VaultParams memory p) {
        p = super.vaultParams();
        (p.withdrawalDelay, p.maxWait) = (_s(1 hours), _s(1 days));
    }

    function setUp() public {
        deploy();
        fundPool(LP, 10_000_000e18);
        fund(ALICE, 1_000_000e18);
    }

    function _gas(address to, bytes memory data, uint256 most, string memory what) private {
        uint256 before = gasleft();
        (bool ok, bytes memory reason) = to.call(data);
        uint256 used = before - gasleft();
        if (!ok) {
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
        check(used <= most, string.concat(what, ": ", vm.toString(int256(used))));
    }

    /// As many expiries as the ledger takes, each as wide as it can be, an account in as many legs as it may have.
    function test_gas_fullBoardsAndLegs_isBounded() public {
        uint256 count = _fill();
        check(count >= 8, "boards");
        wait(60);
        post(2002e18);
        bytes memory buy = abi.encodeCall(market.trade, (_series(0, 11), SWad.wrap(1e18), SWad.wrap(NO_LIMIT)));
        vm.prank(ALICE);
        _gas(address(market), buy, 3_000_000, "trade");
        _gas(address(market), abi.encodeCall(market.touch, (ALICE)), 1_500_000, "touch");
        _gas(address(breaker), abi.encodeCall(breaker.poke, ()), 8_000_000, "poke");
        _gas(address(hedge), abi.encodeCall(hedge.hedge, ()), 8_000_000, "hedge");
        _gas(address(vault), abi.encodeCall(vault.navParts, ()), 15_000_000, "NAV");
    }

    function _fill() private returns (uint256 count) {
        for (; count < 64; ++count) {
            Timestamp expiry = Timestamp.wrap(uint64(block.timestamp + (count + 2) * DAY));
            postVol(expiry, VOL);
            Wad[] memory strikes = new Wad[](12);
            for (uint256 i; i < 12; ++i) strikes[i] = _w(1400e18 + i * 100e18);
            (bool ok,) = address(market).call(abi.encodeCall(market.list, (expiry, strikes)));
            if (!ok) break;
        }
        refreshAll();
        for (uint256 i; i < 7; ++i) trade(ALICE, _series(i % count, 4 + i % 4), i % 2 == 0 ? int256(20e18) : -1e18);
    }

    function _series(uint256 place, uint256 strike) private view returns (SeriesId) {
        return call(ledger.expiries()[place], strike);
    }

    /// Requests made and cancelled stand before an overdue one: each call passes over as many as it says.
    function test_gas_cancelledRequests_doNotBlockTheOverdue() public {
        vm.startPrank(LP);
        for (uint256 i; i < 60; ++i) vault.cancel(vault.requestWithdrawal(_w(1e18)));
        vault.requestWithdrawal(_w(100_000e18));
        vm.stopPrank();
        wait(2 days);
        push.post(int256(SPOT / 1e10), block.timestamp);
        pull.post(PULL_ID, int64(uint64(SPOT / 1e10)), uint64(SPOT / 1e12), -8, block.timestamp);
        check(breaker.mode() == Mode.REDUCE_ONLY, "the queue waits but for the overdue");
        for (uint256 i; i < 3; ++i) {
            _gas(address(vault), abi.encodeCall(vault.process, (20)), 500_000, "twenty at a time");
        }
        check(token.balanceOf(LP) > 0, "paid");
    }

    /// What one account costs does not depend on how many there are.
    function test_gas_sweepOfOne_isTheSameForAll() public {
        Timestamp expiry = list(3 * DAY);
        for (uint160 i = 1; i <= 40; ++i) {
            fund(address(0xB000 + i), 1000e18);
            trade(address(0xB000 + i), call(expiry, 2), 0.1e18);
        }
        wait(3 * DAY);
        post(2100e18);
        _gas(address(market), abi.encodeCall(market.settleExpiry, (expiry, round)), 1_000_000, "settle");
        for (uint256 i; i < 81; ++i) {
            _gas(address(market), abi.encodeCall(market.sweep, (expiry, 1)), BLOCK / 60, "sweep of one");
        }
        (,,, bool done) = market.settlementOf(expiry);
        check(done, "all swept");
    }
}
