// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CircuitBreaker} from "../contracts/CircuitBreaker.sol";
import {LPVault} from "../contracts/LPVault.sol";
import {ICircuitBreaker} from "../contracts/interfaces/ICircuitBreaker.sol";
import {BreakerParams, VaultParams} from "../contracts/types/Params.sol";
import {Addresses, Mode} from "../contracts/types/Types.sol";
import {Seconds, Timestamp, Wad} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";
import {BlockingToken, PoolStub} from "./PoolStub.sol";

/// Triggers, hysteresis and the mode table, over a real vault with 1000 quote and stand-ins for the rest.
contract CircuitBreakerTest is Base {
    event Tripped(uint8 indexed cause, Wad value, Wad limit, Timestamp until);
    event Lifted();
    event ModeChanged(Mode from, Mode to);

    PoolStub private pool;
    LPVault private vault;
    CircuitBreaker private breaker;

    address private constant GUARDIAN = address(0x6A4D);
    address private constant LP = address(0x11);
    uint256 private constant START = 1_700_000_100; // a multiple of 300
    uint64 private constant TIMEOUT = 3600;
    uint64 private constant CLEAR = 1800;

    function setUp() public {
        vm.warp(START);
        BlockingToken token = new BlockingToken();
        pool = new PoolStub(token);
        VaultParams memory p;
        vault = new LPVault(pool.book(GUARDIAN), p);
        pool.setVault(vault);
        breaker = _breaker(0.08e18, 0.03e18, 0.1e18, 0.05e18);
        token.mint(LP, 1000e6);
        vm.startPrank(LP);
        token.approve(address(vault), type(uint256).max);
        vault.requestDeposit(Wad.wrap(1000e18));
        vm.stopPrank();
    }

    function _breaker(uint256 nav, uint256 hedge, uint256 insurance, uint256 free) private returns (CircuitBreaker) {
        Addresses memory book = pool.book(GUARDIAN);
        book.vault = address(vault);
        BreakerParams memory p;
        (p.navDrop, p.hedgeShortfall) = (Wad.wrap(nav), Wad.wrap(hedge));
        (p.insuranceFloor, p.freeLiquidity) = (Wad.wrap(insurance), Wad.wrap(free));
        (p.timeout, p.clear) = (Seconds.wrap(TIMEOUT), Seconds.wrap(CLEAR));
        return new CircuitBreaker(book, p);
    }

    function _is(Mode got, Mode wanted, string memory what) private pure {
        eq(uint256(got), uint256(wanted), what);
    }

    function _trips(uint8 cause, uint256 value, uint256 limit) private {
        vm.expectEmit();
        emit Tripped(cause, Wad.wrap(value), Wad.wrap(limit), Timestamp.wrap(uint64(block.timestamp) + TIMEOUT));
        _is(breaker.poke(), Mode.REDUCE_ONLY, "tripped");
    }

    // ------------------------------------------------------------ the one effective mode

    /// Rows: the breaker's own mode; columns: the oracle's.
    function test_effective_isTheWorseOfBoth() public {
        uint8[4][4] memory table = [[0, 1, 2, 3], [1, 1, 2, 3], [2, 2, 2, 3], [3, 3, 3, 3]];
        for (uint8 own; own < 4; ++own) {
            uint256 state = vm.snapshotState();
            if (own == 1 || own == 2) {
                vm.prank(GUARDIAN);
                breaker.tighten(Mode(own));
            }
            if (own == 3) _ruin();
            for (uint8 seen; seen < 4; ++seen) {
                eq(uint256(breaker.effective(Mode(seen))), table[own][seen], "cell");
                pool.setModes(Mode(seen), Mode.NORMAL);
                eq(uint256(breaker.mode()), table[own][seen], "mode() reads the oracle");
            }
            vm.revertToState(state);
        }
    }

    function _ruin() private {
        pool.setBook(1200e18, 0, 0);
        pool.setOwed(1200e18, 0, 0, 0);
        breaker.poke();
    }

    function test_poke_reportsChanges() public {
        vm.recordLogs();
        breaker.poke();
        eq(vm.getRecordedLogs().length, 0, "nothing changed");
        pool.setModes(Mode.REDUCE_ONLY, Mode.NORMAL);
        vm.expectEmit();
        emit ModeChanged(Mode.NORMAL, Mode.REDUCE_ONLY);
        breaker.poke();
        pool.setModes(Mode.NORMAL, Mode.NORMAL);
        vm.expectEmit();
        emit ModeChanged(Mode.REDUCE_ONLY, Mode.NORMAL);
        breaker.poke();
    }

    // ------------------------------------------------------------ triggers, each on both sides of its limit

    function test_poke_navDrop_trips() public {
        breaker.poke();
        vm.warp(START + 3300);
        pool.setBook(79e18, 0, 0);
        _is(breaker.poke(), Mode.NORMAL, "7.9 %");
        pool.setBook(80e18 + 1e12, 0, 0);
        (bool tripped,,,,) = breaker.state();
        check(!tripped, "not yet");
        _is(breaker.poke(), Mode.REDUCE_ONLY, "8 % within the hour");
    }

    function test_poke_navDrop_overMoreThanAnHour_doesNotTrip() public {
        breaker.poke();
        vm.warp(START + 3600);
        pool.setBook(70e18, 0, 0);
        _is(breaker.poke(), Mode.NORMAL, "the old peak is forgotten");
        vm.warp(START + 5400);
        pool.setBook(140e18, 0, 0);
        _is(breaker.poke(), Mode.NORMAL, "7.5 % in half an hour");
    }

    function test_poke_staleLedger_isRevalued() public {
        breaker.poke();
        pool.setDrift(500e18);
        pool.setExpiry(uint64(block.timestamp + 1 days), false, 7);
        _is(breaker.poke(), Mode.NORMAL, "the stored liability is wrong, and not believed");
        pool.setExpiry(uint64(block.timestamp + 1 days), false, 0);
        _is(breaker.poke(), Mode.REDUCE_ONLY, "fresh, it is");
    }

    function test_poke_withdrawal_isNoNavDrop() public {
        breaker.poke();
        vm.warp(START + 60);
        vm.prank(LP);
        vault.requestWithdrawal(Wad.wrap(900e18));
        eq(vault.cash(), 100e18, "paid");
        _is(breaker.poke(), Mode.NORMAL, "per share nothing was lost");
    }

    function test_poke_hedgeShortfall_trips() public {
        pool.setHedge(0, 0, 0.015e18, false); // 0.015 x 2000 = 30 = 3 % of 1000
        _is(breaker.poke(), Mode.NORMAL, "at the limit");
        pool.setHedge(0, 0, 0.0151e18, false);
        _trips(1, 0.0302e18, 0.03e18);
    }

    function test_poke_insuranceLow_trips() public {
        pool.setInsurance(4.9e18, 0.05e18, 0); // target 5 % of 1000 = 50, floor a tenth of it = 5
        _is(breaker.poke(), Mode.NORMAL, "no insolvent auction");
        pool.setInsurance(5e18, 0.05e18, 1);
        _is(breaker.poke(), Mode.NORMAL, "at the floor");
        pool.setInsurance(4.9e18, 0.05e18, 1);
        _trips(2, 0.098e18, 0.1e18);
    }

    function test_poke_freeLiquidityLow_trips() public {
        pool.setNode(3, 950e18, 0);
        _is(breaker.poke(), Mode.NORMAL, "5 % of NAV are free");
        pool.setNode(3, 949e18, 2e18);
        _trips(3, 0.049e18, 0.05e18);
    }

    function test_poke_insolvency_windsDownUntilRecovery() public {
        pool.setBook(1250e18, 0, 0);
        pool.setOwed(1250e18, 0, 0, 0);
        vm.expectEmit();
        emit Tripped(5, Wad.wrap(0.8e18), Wad.wrap(1e18), Timestamp.wrap(uint64(block.timestamp) + TIMEOUT));
        _is(breaker.poke(), Mode.WIND_DOWN, "scale 0.8");
        check(vault.insolvent(), "the vault says so");
        pool.setBook(0, 0, 0);
        pool.setOwed(0, 0, 0, 0);
        _is(breaker.poke(), Mode.REDUCE_ONLY, "recovered, the rest of the trip remains");
    }

    function test_poke_triggersOff_neverTrip() public {
        breaker = _breaker(0, 0, 0, 0);
        breaker.poke();
        pool.setBook(500e18, 0, 0);
        pool.setNode(3, 2000e18, 0);
        pool.setHedge(0, 0, 9e18, false);
        pool.setInsurance(0, 0.05e18, 3);
        _is(breaker.poke(), Mode.NORMAL, "all off");
    }

    function test_poke_emptyPool_doesNotTrip() public {
        vm.prank(LP);
        vault.requestWithdrawal(Wad.wrap(1000e18));
        _is(breaker.poke(), Mode.NORMAL, "no LPs, no trip");
    }

    function test_poke_navGone_trips() public {
        pool.setBook(1000e18, 0, 0);
        pool.setOwed(1000e18, 0, 0, 0);
        pool.setHedge(0, 0, 0.001e18, false);
        breaker.poke();
        (, uint8 causes,,,) = breaker.state();
        eq(causes, 2 + 8, "hedge shortfall and free liquidity");
    }

    // ------------------------------------------------------------ sick neighbours

    function test_poke_sickVenue_doesNotRevert() public {
        pool.setHedge(-50e18, 1e18, 0.1e18, true);
        _is(breaker.poke(), Mode.REDUCE_ONLY, "by stored values");
    }

    function test_poke_frozenOracle_examinesNothing() public {
        pool.setModes(Mode.FROZEN, Mode.NORMAL);
        pool.setBook(1250e18, 0, 0);
        pool.setOwed(1250e18, 0, 0, 0);
        _is(breaker.poke(), Mode.FROZEN, "no judgement without a price");
        (bool tripped, uint8 causes,,,) = breaker.state();
        check(!tripped && causes == 0, "nothing marked");
    }

    // ------------------------------------------------------------ hysteresis

    function _trip() private {
        pool.setHedge(0, 0, 1e18, false);
        breaker.poke();
        pool.setHedge(0, 0, 0, false);
    }

    function test_lift_needsTimeoutAndClearSpell() public {
        _trip();
        _is(breaker.poke(), Mode.REDUCE_ONLY, "clear at once");
        vm.warp(START + TIMEOUT - 1);
        _is(breaker.poke(), Mode.REDUCE_ONLY, "time-out");
        vm.warp(START + TIMEOUT);
        vm.expectEmit();
        emit Lifted();
        _is(breaker.poke(), Mode.NORMAL, "both passed");
    }

    function test_lift_clearSpellStartsAgain() public {
        _trip();
        vm.warp(START + 3000);
        _trip(); // the same cause, still active: no new time-out
        breaker.poke();
        vm.warp(START + 3000 + CLEAR - 1);
        _is(breaker.poke(), Mode.REDUCE_ONLY, "time-out passed, 30 minutes not");
        vm.warp(START + 3000 + CLEAR);
        _is(breaker.poke(), Mode.NORMAL, "now");
    }

    function test_lift_neverByTimeAlone() public {
        _trip();
        vm.warp(START + 30 days);
        _is(breaker.mode(), Mode.REDUCE_ONLY, "nobody looked");
        _is(breaker.poke(), Mode.REDUCE_ONLY, "the first clear look starts the spell");
        vm.warp(START + 30 days + CLEAR);
        _is(breaker.poke(), Mode.NORMAL, "the second ends it");
    }

    function test_lift_frozenTimeIsNotClearTime() public {
        _trip();
        breaker.poke();
        pool.setModes(Mode.FROZEN, Mode.NORMAL);
        vm.warp(START + 2 * TIMEOUT);
        breaker.poke();
        pool.setModes(Mode.NORMAL, Mode.NORMAL);
        _is(breaker.poke(), Mode.REDUCE_ONLY, "the spell starts again");
        vm.warp(START + 2 * TIMEOUT + CLEAR);
        _is(breaker.poke(), Mode.NORMAL, "lifted");
    }

    // ------------------------------------------------------------ guardian

    function test_tighten_onlyTheGuardian_onlyTighter() public {
        vm.expectRevert(abi.encodeWithSelector(ICircuitBreaker.OnlyGuardian.selector, address(this)));
        breaker.tighten(Mode.FROZEN);
        vm.startPrank(GUARDIAN);
        _refused(Mode.NORMAL, Mode.NORMAL);
        _refused(Mode.NORMAL, Mode.WIND_DOWN);
        breaker.tighten(Mode.FROZEN);
        _refused(Mode.FROZEN, Mode.NORMAL);
        _refused(Mode.FROZEN, Mode.REDUCE_ONLY);
        _refused(Mode.FROZEN, Mode.FROZEN);
        vm.stopPrank();
    }

    function _refused(Mode present, Mode wanted) private {
        vm.expectRevert(abi.encodeWithSelector(ICircuitBreaker.OnlyTighter.selector, present, wanted));
        breaker.tighten(wanted);
    }

    function test_tighten_endsLikeATrip() public {
        vm.prank(GUARDIAN);
        breaker.tighten(Mode.FROZEN);
        _is(breaker.poke(), Mode.FROZEN, "frozen");
        vm.warp(START + TIMEOUT);
        _is(breaker.poke(), Mode.NORMAL, "no guardian can hold the pool for ever");
    }

    /// Whatever happens, a tightening never loosens the mode.
    function testFuzz_tighten_neverLoosens(uint8 seen, uint8 wanted, bool tripped, bool ruined) public {
        if (tripped) _trip();
        if (ruined) _ruin();
        Mode oracle = Mode(seen % 4);
        Mode before = breaker.effective(oracle);
        vm.prank(GUARDIAN);
        try breaker.tighten(Mode(wanted % 4)) {} catch {}
        check(breaker.effective(oracle) >= before, "looser");
    }
}
