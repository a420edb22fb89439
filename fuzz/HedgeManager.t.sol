// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AimedBandPolicy} from "../contracts/hedging/AimedBandPolicy.sol";
import {BandPolicy} from "../contracts/hedging/BandPolicy.sol";
import {HedgeManager} from "../contracts/hedging/HedgeManager.sol";
import {IntervalPolicy} from "../contracts/hedging/IntervalPolicy.sol";
import {IHedgeManager, IHedgePolicy, IHedgeVenue} from "../contracts/interfaces/IHedging.sol";
import {VenueCalls} from "../contracts/libraries/VenueCalls.sol";
import {FrictionlessVenue} from "../contracts/mocks/FrictionlessVenue.sol";
import {MockSignal} from "../contracts/mocks/MockSignal.sol";
import {MockToken} from "../contracts/mocks/MockToken.sol";
import {PerpVenue} from "../contracts/mocks/PerpVenue.sol";
import {AimParams, BandParams, HedgeParams, IntervalParams, PerpParams} from "../contracts/types/Params.sol";
import {Addresses, HedgeDecision, HedgeInput, Mode} from "../contracts/types/Types.sol";
import {SWad, Seconds, Wad} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";
import {BreakerStub, LedgerStub, OracleStub, SurfaceStub, VaultStub} from "./HedgeStubs.sol";

abstract contract HedgeBase is Base {
    uint256 internal constant T0 = 1_700_000_000;
    uint256 internal constant CASH = 1_000_000e18;

    MockToken internal token = new MockToken("Quote", "Q", 6);
    OracleStub internal oracle = new OracleStub();
    BreakerStub internal breaker = new BreakerStub();
    LedgerStub internal ledger = new LedgerStub();
    VaultStub internal vault = new VaultStub(token);
    Addresses internal book;
    HedgeParams internal p;
    PerpVenue internal perp;
    HedgeManager internal manager;

    function setUp() public virtual {
        vm.warp(T0);
        oracle.set(2000e18, Mode.NORMAL);
        book.quote = address(token);
        book.oracle = address(oracle);
        book.breaker = address(breaker);
        book.ledger = address(ledger);
        book.surface = address(new SurfaceStub());
        book.vault = address(vault);
        p = HedgeParams(Wad.wrap(2e18), Wad.wrap(3e18), Wad.wrap(4e18), Wad.wrap(0.02e18), Wad.wrap(0.01e18), Wad.wrap(0.5e18), Seconds.wrap(0));
        perp = new PerpVenue(
            address(token),
            PerpParams(Wad.wrap(100_000e18), Wad.wrap(0.0005e18), Wad.wrap(0), Wad.wrap(0.01e18), Wad.wrap(20e18))
        );
        _post(2000e18, 1e18, true);
        _use(_band(), perp);
    }

    function _band() internal returns (IHedgePolicy) {
        return new BandPolicy(BandParams(Wad.wrap(3e18), Wad.wrap(0.01e18), Wad.wrap(0.01e18), Wad.wrap(0.05e18)));
    }

    function _hourly() internal returns (IHedgePolicy) {
        return new IntervalPolicy(IntervalParams(Seconds.wrap(3600), Seconds.wrap(0)));
    }

    function _use(IHedgePolicy policy, IHedgeVenue venue) internal {
        manager = new HedgeManager(book, p, address(policy), address(venue));
        vault = new VaultStub(token);
        book.vault = address(vault);
        manager = new HedgeManager(book, p, address(policy), address(venue));
        vault.setUp(manager, CASH);
        token.mint(address(venue), 1e15);
    }

    function _post(uint256 price, uint256 depth, bool open) internal {
        perp.postIndex(Wad.wrap(price), Wad.wrap(depth), open);
    }

    function _move(uint256 price) internal {
        oracle.set(price, Mode.NORMAL);
        _post(price, 1e18, true);
    }

    function _nav() internal view returns (int256) {
        return int256(vault.cash().raw()) + manager.equity().rawS();
    }

    /// T-1 for the hedge: the vault's token balance is its cash, nothing sticks to the manager.
    function _checkTokens() internal view {
        eq(token.balanceOf(address(vault)) * 1e12, vault.cash().raw(), "vault's tokens");
        eq(token.balanceOf(address(manager)), 0, "manager keeps nothing");
    }
}

contract HedgeManagerTest is HedgeBase {
    // ------------------------------------------------------------ trading

    /// Net -15 at a band of 1 % of 1,000,000 / 2000 = 5: buys 10 at 2000 * (1 + 5 / 100000) * 1.0005 = 2001.10005.
    function test_hedge_outsideTheBand_buysToTheEdgeAndReportsCost() public {
        ledger.set(-15e18, -0.05e18);
        vm.recordLogs();
        eq(manager.hedge(), 10e18, "executed");
        eq(manager.size(), 10e18, "position");
        eq(manager.shortfall(), 0, "no shortfall");
        eq(manager.lastHedge().rawTime(), T0, "time");
        near(_nav(), int256(CASH) - 11.0005e18, 10, "cost = 10 * 1.10005");
        _checkTokens();
    }

    function test_lineAt_isEquityWithItsSlopes() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        (SWad value, SWad slope, SWad delta) = manager.lineAt(Wad.wrap(2100e18));
        eq(value, manager.equityAt(Wad.wrap(2000e18)).rawS() + 1000e18, "ten gained 100 each");
        eq(slope, 21_000e18, "as much again doubles spot");
        eq(delta, 10e18, "of one more quote");
    }

    function test_hedge_longBook_sells() public {
        ledger.set(15e18, -0.05e18);
        eq(manager.hedge(), -10e18, "executed");
    }

    function test_hedge_insideTheBand_refusesWithItsNumbers() public {
        ledger.set(-5e18, -0.05e18);
        vm.expectRevert(abi.encodeWithSelector(IHedgeManager.NothingToHedge.selector, int256(-5e18), uint256(5e18)));
        manager.hedge();
    }

    function test_preview_beforeHedge_decidesWhatHedgeDoes() public {
        ledger.set(-15e18, -0.05e18);
        (HedgeDecision memory d,) = manager.preview();
        eq(manager.hedge(), d.trade.rawS(), "same");
        (d,) = manager.preview();
        check(!d.due, "done");
    }

    function testFuzz_hedge_anyBook_netEndsWithinBandPlusShortfall(int256 delta, int256 skew, uint256 depth) public {
        delta = bound(delta, -5000e18, 5000e18);
        perp.setSkew(SWad.wrap(bound(skew, -3000e18, 3000e18)));
        _post(2000e18, bound(depth, 0.001e18, 2e18), true);
        ledger.set(delta, -0.05e18);
        (HedgeDecision memory d, HedgeInput memory input) = manager.preview();
        if (!d.due) return;
        int256 executed = manager.hedge().rawS();
        check(executed == 0 || (executed > 0) == (delta < 0), "H-1: sign");
        int256 net = input.bookDelta.rawS() + manager.size().rawS();
        uint256 size = uint256(net < 0 ? -net : net);
        check(size <= d.band.raw() + manager.shortfall().raw(), "H-2: net <= band + shortfall");
        uint256 notional = uint256(executed < 0 ? -executed : executed) * 2000;
        check(notional <= 4 * uint256(manager.equity().rawS()) + 10, "H-3: leverage");
        _checkTokens();
    }

    // ------------------------------------------------------------ modes

    function test_hedge_frozen_refuses() public {
        ledger.set(-15e18, -0.05e18);
        oracle.set(2000e18, Mode.FROZEN);
        vm.expectRevert(abi.encodeWithSelector(IHedgeManager.HedgeModeForbids.selector, uint8(Mode.FROZEN)));
        manager.hedge();
        breaker.set(Mode.WIND_DOWN);
        vm.expectRevert(abi.encodeWithSelector(IHedgeManager.HedgeModeForbids.selector, uint8(Mode.FROZEN)));
        manager.hedge();
    }

    function test_hedge_reduceOnly_tradesTowardTheBand() public {
        ledger.set(-15e18, -0.05e18);
        breaker.set(Mode.REDUCE_ONLY);
        eq(manager.hedge(), 10e18, "to the edge");
    }

    function test_hedge_windDown_tradesToZero() public {
        ledger.set(-15e18, -0.05e18);
        breaker.set(Mode.WIND_DOWN);
        eq(manager.hedge(), 15e18, "all of it");
    }

    // ------------------------------------------------------------ margin

    /// 10 bought: notional 20,000, margin 10,000 plus the cost of 11.0005 at target leverage 2.
    function test_hedge_firstTrade_fundsTargetLeverage() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        near(manager.equity().rawS(), 10_000e18, 1e12, "notional / 2");
        near(int256(vault.cash().raw()), int256(CASH) - 10_011.0005e18, 1e12, "from the vault");
    }

    /// A fall to 1,500 loses 5,000 of 10,000: leverage 15,000 / 5,000 = 3; a bit more and margin is added, trade or not.
    function test_hedge_leverageOverTopUp_addsMarginWithoutTrade() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        _move(1490e18);
        near(manager.equity().rawS(), 4900e18, 1e12, "10,000 - 5,100: leverage 3.04");
        eq(manager.hedge(), 0, "no trade");
        near(manager.equity().rawS(), 7450e18, 1e12, "14,900 / 2");
        _checkTokens();
        vm.expectPartialRevert(IHedgeManager.NothingToHedge.selector);
        manager.hedge();
    }

    /// A rise to 4,500 makes equity 35,000; after selling about 2.7 of 10 leverage is under 1, far below 4/3.
    function test_hedge_excessMargin_returnsToTheVaultAfterATrade() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        _move(4500e18);
        int256 before = _nav();
        ledger.set(-5e18, -0.05e18);
        uint256 cash = vault.cash().raw();
        manager.hedge();
        int256 size = manager.size().rawS();
        near(manager.equity().rawS(), size * 4500 / 2, 1e12, "target leverage");
        check(vault.cash().raw() > cash, "cash came home");
        check(_nav() <= before && before - _nav() < 20e18, "NAV pays the cost only");
        eq(manager.equityAt(Wad.wrap(4500e18)), manager.equity().rawS(), "stored = live");
        _checkTokens();
    }

    function test_hedge_giftToTheManager_staysOut() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        token.mint(address(manager), 7e6);
        _move(4500e18);
        ledger.set(-5e18, -0.05e18);
        manager.hedge();
        eq(token.balanceOf(address(manager)), 7e6, "the gift");
        eq(token.balanceOf(address(vault)) * 1e12, vault.cash().raw(), "margin came home, no more");
    }

    /// With 100 of cash the most is 4 * 100 / 2000 = 0.2 less costs.
    function test_hedge_littleCash_limitsLeverageAndRecordsShortfall() public {
        vault.setUp(manager, 100e18);
        ledger.set(-15e18, -0.05e18);
        int256 executed = manager.hedge().rawS();
        check(executed > 0.19e18 && executed <= 0.2e18, "about 0.2");
        int256 equity = manager.equity().rawS();
        check(executed * 2000 <= 4 * equity, "H-3");
        near(int256(manager.shortfall().raw()), 15e18 - executed - 0.0005e18, 1e14, "rest less a tiny band");
        eq(manager.lastHedge().rawTime(), 0, "still due");
    }

    /// Ten bought with 10,000 of margin; 1000 of cash are left: 11,000 at a leverage of four back 22.
    function test_hedge_littleCashBesideAPosition_countsItsEquity() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        near(manager.equity().rawS(), 10_000e18, 20e18, "leverage two");
        vault.setUp(manager, 1_000e18);
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        near(manager.size().rawS(), 22e18, 0.1e18, "less what the trade costs");
    }

    // ------------------------------------------------------------ depth and slippage

    /// Slippage 1 %: price (1 + x / 2 / 100) * 1.0005 <= 1.01 at depth 0.001, scale 100: x <= 1.899.
    function test_hedge_thinVenue_fillsWhatFitsAndRecordsTheRest() public {
        _post(2000e18, 0.001e18, true);
        ledger.set(-15e18, -0.05e18);
        int256 executed = manager.hedge().rawS();
        check(executed > 1.7e18 && executed < 1.9e18, "what fits");
        near(int256(manager.shortfall().raw()), 10e18 - executed, 1e12, "rest");
        _post(2000e18, 1e18, true);
        manager.hedge();
        eq(manager.shortfall(), 0, "recovered");
        near(manager.size().rawS(), 10e18, 1e16, "at the edge");
    }

    function test_hedge_venueFarFromOracle_refusesThePriceNotTheCall() public {
        _post(2100e18, 1e18, true);
        ledger.set(-15e18, -0.05e18);
        eq(manager.hedge(), 0, "nothing");
        eq(manager.shortfall(), 10e18, "recorded");
        _checkTokens();
    }

    function test_gate_afterSync_limitsDeltaToBandCapacityAndSlack() public {
        _post(2000e18, 0.001e18, true);
        manager.sync();
        // capacity in (1.7, 1.9], no band yet, slack 2 % of 500 = 10
        manager.gate(SWad.wrap(-11.7e18), Wad.wrap(2000e18), Wad.wrap(CASH));
        vm.expectPartialRevert(IHedgeManager.HedgeCapacity.selector);
        manager.gate(SWad.wrap(-11.91e18), Wad.wrap(2000e18), Wad.wrap(CASH));
        vm.expectPartialRevert(IHedgeManager.HedgeCapacity.selector);
        manager.gate(SWad.wrap(11.91e18), Wad.wrap(2000e18), Wad.wrap(CASH));
        _post(2000e18, 1e18, true);
        manager.sync();
        manager.gate(SWad.wrap(-500e18), Wad.wrap(2000e18), Wad.wrap(CASH));
    }

    // ------------------------------------------------------------ sick venues (H-5)

    function _sick(uint256 kind) private {
        if (kind == 0) return _post(2000e18, 1e18, false); // paused
        if (kind == 1) return vm.etch(address(perp), ""); // gone
        if (kind == 2) return vm.etch(address(perp), hex"fe"); // burns all gas
        if (kind == 3) return vm.etch(address(perp), hex"60006000fd"); // reverts
        if (kind == 4) return vm.etch(address(perp), hex"60206000f3"); // answers one word: zero
        vm.etch(address(perp), hex"7f7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff60005260005160205260005160405260606000f3"); // nonsense
    }

    function test_hedge_sickVenue_revertsNothingRecordsShortfallAndRecovers() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        bytes memory healthy = address(perp).code;
        for (uint256 kind; kind < 6; ++kind) {
            uint256 state = vm.snapshotState();
            _sick(kind);
            ledger.set(-35e18, -0.05e18);
            int256 nav = _nav();
            eq(manager.size(), 10e18, "stored size");
            manager.sync();
            eq(manager.hedge(), 0, "nothing done");
            near(int256(manager.shortfall().raw()), 20e18, 1e17, "recorded");
            eq(_nav(), nav, "NAV");
            eq(manager.equityAt(Wad.wrap(2100e18)), manager.equity().rawS() + 1000e18, "moves with spot");
            _checkTokens();
            manager.sync();
            vm.expectPartialRevert(IHedgeManager.HedgeCapacity.selector);
            manager.gate(SWad.wrap(-16e18), Wad.wrap(2000e18), Wad.wrap(CASH));
            vm.etch(address(perp), healthy);
            _post(2000e18, 1e18, true);
            near(manager.hedge().rawS(), 20e18, 1e17, "recovers");
            eq(manager.shortfall(), 0, "healed");
            vm.revertToState(state);
        }
    }

    function test_hedge_tooLittleGas_refusesInsteadOfBlamingTheVenue() public {
        ledger.set(-15e18, -0.05e18);
        vm.expectPartialRevert(VenueCalls.TooLittleGas.selector);
        manager.hedge{gas: 500_000}();
    }

    /// A shortfall that the market heals goes without a trade.
    function test_sync_shortfallHealed_isCleared() public {
        _post(2000e18, 1e18, false);
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        eq(manager.shortfall(), 10e18, "recorded");
        ledger.set(-4e18, -0.05e18);
        uint256 state = vm.snapshotState();
        manager.sync();
        eq(manager.shortfall(), 0, "by sync");
        vm.revertToState(state);
        eq(manager.hedge(), 0, "by hedge");
        eq(manager.shortfall(), 0, "by hedge");
    }

    /// The venue liquidates a long of 10 on about 10,000 after a fall beyond 1,000: the loss is the margin, the delta
    /// is a shortfall until the next hedge.
    function test_sync_liquidatedPosition_showsUpAsShortfall() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        _move(1000e18);
        eq(manager.equity(), 0, "margin lost");
        eq(manager.size(), 0, "position lost");
        manager.sync();
        eq(manager.shortfall(), 10e18, "open again");
        eq(_nav(), int256(vault.cash().raw()), "NAV = cash");
        check(manager.hedge().rawS() > 0, "hedges again");
        eq(manager.shortfall(), 0, "closed");
    }

    /// The same beside an aim of +2 (a full signal is worth 0.4 of a band of 5): what is open is measured from there.
    function test_sync_positionLostBesideAnAim_isMeasuredFromTheAim() public {
        MockSignal signal = new MockSignal();
        AimParams memory aim = AimParams(SWad.wrap(0), Wad.wrap(1e18), Wad.wrap(0.4e18), Seconds.wrap(600));
        BandParams memory five = BandParams(Wad.wrap(3e18), Wad.wrap(0.01e18), Wad.wrap(0.01e18), Wad.wrap(0.05e18));
        _use(new AimedBandPolicy(five, aim, address(signal)), perp);
        signal.post(1e18, uint64(T0));
        ledger.set(-15e18, -0.05e18);
        eq(manager.hedge(), 12e18, "from -15 to 2 - 5");
        _move(1000e18);
        (HedgeDecision memory now_,) = manager.preview();
        manager.sync();
        near(int256(manager.shortfall().raw()), 15e18 + now_.aim.rawS() - 5e18, 1e12, "15 short, from the aim, less the band");
        check(now_.aim.rawS() > 3.9e18, "the band in delta has doubled with half the price");
    }

    /// A position that the venue has closed while a shortfall was open is not taken for an order.
    function test_hedge_positionLostBesideAShortfall_isReadBeforeItIsNoted() public {
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        _post(2000e18, 1e18, false);
        ledger.set(-35e18, -0.05e18);
        manager.hedge();
        _move(1000e18);
        ledger.set(-4e18, -0.05e18);
        manager.hedge();
        (SWad exposure,,) = manager.inventory();
        eq(exposure, 0, "nothing is held");
        eq(manager.pending(), 0, "nothing waits");
        eq(manager.shortfall(), 0, "and nothing is short");
    }

    // ------------------------------------------------------------ the short way

    /// Band 5, least trade 0.25, quiet zone 0.98 * 5.25 = 5.145 at gamma 0.05. A refusal on the short way states the zone, on the long way the band.
    function _quietWorld() private {
        p.lookAge = Seconds.wrap(600);
        _use(_band(), perp);
        ledger.set(-4.4e18, -0.05e18);
        manager.sync();
    }

    function _shortWay() private returns (bool) {
        (HedgeDecision memory d,) = manager.preview();
        try manager.hedge() {
            return false;
        } catch (bytes memory reason) {
            check(bytes4(reason) == IHedgeManager.NothingToHedge.selector, "nothing to hedge");
            return keccak256(reason)
                != keccak256(abi.encodeWithSelector(bytes4(reason), _netNow(), d.band.raw()));
        }
    }

    function _netNow() private view returns (int256) {
        (, HedgeInput memory input) = manager.preview();
        return input.bookDelta.rawS() + input.hedgeDelta.rawS();
    }

    function test_hedge_quiet_stopsWithoutAskingTheVenue() public {
        _quietWorld();
        vm.expectRevert(abi.encodeWithSelector(IHedgeManager.NothingToHedge.selector, int256(-4.4e18), uint256(5.145e18)));
        manager.hedge();
        check(_shortWay(), "short");
        vm.warp(T0 + 599);
        check(_shortWay(), "still young");
        vm.warp(T0 + 600);
        check(!_shortWay(), "old");
    }

    function _available(int256 delta) private view returns (uint256 available) {
        try manager.gate(SWad.wrap(delta), Wad.wrap(2000e18), Wad.wrap(CASH)) {
            revert("nothing so large");
        } catch (bytes memory reason) {
            assembly {
                available := mload(add(reason, 68))
            }
        }
    }

    /// What was measured lately moves along with a trade of ten: the band of 5 is new, the rest is as it was.
    function test_hedge_youngMeasure_capacityMovesWithTheTrade() public {
        _quietWorld();
        (uint256 toBuy, uint256 toSell) = (_available(-1e24), _available(1e24));
        (, Wad before,) = manager.inventory();
        ledger.set(-15e18, -0.05e18);
        int256 done = manager.hedge().rawS();
        check(done > 9e18, "bought");
        (, Wad band,) = manager.inventory();
        int256 wider = int256(band.raw()) - int256(before.raw());
        near(int256(_available(-1e24)) - int256(toBuy), wider - done, 1e12, "less to buy");
        near(int256(_available(1e24)) - int256(toSell), wider + done, 1e12, "more to sell");
    }

    /// Leverage four on a million is 2000 each way from zero: ten held are ten less to buy and ten more to sell.
    function test_sync_withoutSlippageLimit_capacityIsWhatLeverageLeaves() public {
        p.maxSlippage = Wad.wrap(0);
        _use(_band(), perp);
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        (, Wad band,) = manager.inventory();
        int256 rest = int256(band.raw()) + 10e18;
        near(int256(_available(-1e24)), 1990e18 + rest, 0.1e18, "buy");
        near(int256(_available(1e24)), 2010e18 + rest, 0.1e18, "sell");
    }

    /// An aim of +4 in a band of 5: -4 is 8 away from it, so three are bought, also by the short way.
    function test_hedge_oppositeOfTheAim_isNotTakenForIt() public {
        MockSignal signal = new MockSignal();
        AimParams memory aim = AimParams(SWad.wrap(0), Wad.wrap(1e18), Wad.wrap(0.8e18), Seconds.wrap(600));
        BandParams memory five = BandParams(Wad.wrap(3e18), Wad.wrap(0.01e18), Wad.wrap(0.01e18), Wad.wrap(0.05e18));
        p.lookAge = Seconds.wrap(600);
        _use(new AimedBandPolicy(five, aim, address(signal)), perp);
        signal.post(1e18, uint64(T0));
        ledger.set(-4e18, -0.05e18);
        manager.sync();
        eq(manager.hedge(), 3e18, "to 4 - 5");
    }

    function test_hedge_notQuiet_takesTheLongWay() public {
        _quietWorld();
        uint256 state = vm.snapshotState();
        ledger.set(-4.4e18, -0.044e18);
        check(!_shortWay(), "gamma fell by more than a tenth");
        vm.revertToState(state);
        oracle.set(2021e18, Mode.NORMAL);
        check(!_shortWay(), "spot is more than a hundredth away");
        vm.revertToState(state);
        ledger.set(-5.2e18, -0.05e18);
        check(!_shortWay(), "outside the zone");
        vm.revertToState(state);
        ledger.setStale(0, true);
        check(!_shortWay(), "stale");
    }

    function test_hedge_quietButMarginDue_takesTheLongWay() public {
        _quietWorld();
        ledger.set(-105e18, -0.05e18);
        manager.hedge();
        ledger.set(-100e18, -0.05e18);
        manager.sync();
        check(_shortWay(), "flat");
        for (uint256 price = 1985e18; price > 1400e18; price -= price / 120) {
            _move(price);
            try manager.hedge() {
                check(manager.equity().rawS() * 20 >= int256(100 * price * 9), "topped up");
                return;
            } catch {}
            manager.sync();
        }
        revert("leverage over three was never topped up");
    }

    function test_hedge_quietWithShortfall_takesTheLongWay() public {
        _quietWorld();
        _post(2000e18, 1e18, false);
        ledger.set(-15e18, -0.05e18);
        manager.hedge();
        check(manager.shortfall().raw() > 0, "recorded");
        ledger.set(-4e18, -0.05e18);
        eq(manager.hedge(), 0, "notes that it is over");
        eq(manager.shortfall(), 0, "healed");
    }

    // ------------------------------------------------------------ stale Greeks

    function test_hedge_staleExpiry_isRefreshedFirst() public {
        ledger.set(-15e18, -0.05e18);
        ledger.setStale(-20e18, true);
        eq(manager.hedge(), 30e18, "all of it");
        check(!ledger.stale(), "fresh");
    }

    /// An expiry that cannot be refreshed: half of its delta counts.
    function test_hedge_unrefreshableExpiry_hedgesHalfOfItsPart() public {
        ledger.set(-15e18, -0.05e18);
        ledger.setStale(-20e18, false);
        eq(manager.hedge(), 20e18, "15 + 10 - 5");
    }

    /// Its delta is -21 at 2010, when it was -20 at 2000: the book counts -35 + 21 / 2, the band is 10,000 / 2010.
    function test_hedge_unrefreshableExpiry_isCarriedAlongByItsGamma() public {
        ledger.set(-15e18, -0.05e18);
        ledger.setStale(-20e18, false);
        ledger.setStaleGamma(-0.1e18);
        _move(2010e18);
        near(manager.hedge().rawS(), 24.5e18 - 4.975e18, 0.001e18, "half of -21");
    }
}

/// Interval policy on the frictionless venue, no margin rules: textbook delta hedging.
contract TextbookHedgeTest is HedgeBase {
    function setUp() public override {
        super.setUp();
        p.targetLeverage = Wad.wrap(0);
        p.maxSlippage = Wad.wrap(0);
        p.gateSlack = Wad.wrap(0);
        _use(_hourly(), new FrictionlessVenue(book));
    }

    /// Profit = sum of -delta_i (S_{i+1} - S_i) exactly.
    function testFuzz_hedge_hourlyPath_profitIsTheTextbookSum(int256[8] memory deltas, uint256[8] memory prices)
        public
    {
        int256 wanted;
        int256 held;
        int256 last = 2000e18;
        for (uint256 i; i < 8; ++i) {
            int256 price = int256(bound(prices[i], 100e18, 10_000e18));
            wanted += held * (price - last);
            last = price;
            vm.warp(T0 + 3600 * (i + 1));
            oracle.set(uint256(price), Mode.NORMAL);
            int256 delta = bound(deltas[i], -1000e18, 1000e18);
            ledger.set(delta, 0);
            if (held == -delta) continue;
            eq(manager.hedge(), -delta - held, "trade");
            vm.expectPartialRevert(IHedgeManager.NothingToHedge.selector);
            manager.hedge();
            held = -delta;
        }
        int256 floor = wanted / 1e18 - (wanted % 1e18 < 0 ? int256(1) : int256(0));
        eq(_nav() - int256(CASH), floor, "profit");
    }

    function test_gate_off_allowsAnything() public view {
        manager.gate(SWad.wrap(-1e30), Wad.wrap(2000e18), Wad.wrap(0));
    }
}
