// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AimedBandPolicy} from "../contracts/hedging/AimedBandPolicy.sol";
import {BandPolicy} from "../contracts/hedging/BandPolicy.sol";
import {IntervalPolicy} from "../contracts/hedging/IntervalPolicy.sol";
import {NoHedgePolicy} from "../contracts/hedging/NoHedgePolicy.sol";
import {ThresholdPolicy} from "../contracts/hedging/ThresholdPolicy.sol";
import {BandMath} from "../contracts/libraries/BandMath.sol";
import {ParamBounds} from "../contracts/libraries/ParamBounds.sol";
import {MockSignal} from "../contracts/mocks/MockSignal.sol";
import {AimParams, BandParams, IntervalParams, ThresholdParams} from "../contracts/types/Params.sol";
import {HedgeDecision, HedgeInput} from "../contracts/types/Types.sol";
import {SWad, Seconds, Timestamp, Wad} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";

contract HedgePoliciesTest is Base {
    BandPolicy private band = _band(3e18, 0.0025e18, 0.025e18);
    BandPolicy private wide = _band(3e18, 0, 10e18);
    IntervalPolicy private hourly = new IntervalPolicy(IntervalParams(Seconds.wrap(3600), Seconds.wrap(600)));

    function _band(uint256 riskAversion, uint256 low, uint256 high) private returns (BandPolicy) {
        return new BandPolicy(BandParams(Wad.wrap(riskAversion), Wad.wrap(low), Wad.wrap(high), Wad.wrap(0)));
    }

    function _width(uint256 cost, uint256 spot, int256 gamma, uint256 nav, uint256 aversion)
        private
        pure
        returns (uint256)
    {
        return BandMath.width(Wad.wrap(cost), Wad.wrap(spot), SWad.wrap(gamma), Wad.wrap(nav), Wad.wrap(aversion))
            .raw();
    }

    // ------------------------------------------------------------ width

    /// Whalley and Wilmott at S 2000, gamma 8.64e-4, cost 5 bp, absolute risk aversion 3 / 3000: mpmath, 30 digits.
    function test_width_whalleyWilmottExample_matchesReference() public pure {
        uint256 got = _width(0.0005e18, 2000e18, 864012952512970, 3000e18, 3e18);
        near(int256(got), 103843006879332916, 2e8, "band of the example");
    }

    function test_width_perfectCube_isExact() public pure {
        eq(_width(0.01e18, 2000e18, -0.8e18, 10e18, 3e18), 4e18, "1.5 * 20 * 0.64 * 10 / 3 = 64");
    }

    function test_width_anyFactorZero_isZero() public pure {
        eq(_width(0, 2000e18, 1e15, 1e24, 3e18), 0, "cost");
        eq(_width(1e15, 2000e18, 0, 1e24, 3e18), 0, "gamma");
        eq(_width(1e15, 2000e18, 1e15, 0, 3e18), 0, "nav");
    }

    /// The exponents 1/3 in cost, spot and NAV, 2/3 in gamma, -1/3 in risk aversion: eightfold doubles (quadruples,
    /// halves).
    function testFuzz_width_eightfoldFactor_scalesByItsExponent(uint256 cost, uint256 spot, uint256 gamma, uint256 nav)
        public
        pure
    {
        cost = bound(cost, 1e13, 1e16);
        spot = bound(spot, 10e18, 100_000e18);
        gamma = bound(gamma, 1e13, 1e20);
        nav = bound(nav, 1000e18, 1e27);
        uint256 one = _width(cost, spot, int256(gamma), nav, 3e18);
        int256 slack = int256(one / 1e8 + 8);
        near(int256(_width(8 * cost, spot, int256(gamma), nav, 3e18)), int256(2 * one), uint256(slack), "cost");
        near(int256(_width(cost, 8 * spot, int256(gamma), nav, 3e18)), int256(2 * one), uint256(slack), "spot");
        near(int256(_width(cost, spot, int256(gamma), 8 * nav, 3e18)), int256(2 * one), uint256(slack), "nav");
        near(int256(_width(cost, spot, -8 * int256(gamma), nav, 3e18)), int256(4 * one), uint256(slack), "gamma");
        near(2 * int256(_width(cost, spot, int256(gamma), nav, 24e18)), int256(one), uint256(slack), "aversion");
    }

    function testFuzz_width_anyInput_neverReverts(uint128 cost, uint128 spot, int256 gamma, uint128 nav) public pure {
        _width(bound(uint256(cost), 0, 1e18), bound(uint256(spot), 0, 1e26), gamma, bound(uint256(nav), 0, 1e32), 1e15);
    }

    // ------------------------------------------------------------ band policy

    function _input(int256 book, int256 hedge) private pure returns (HedgeInput memory input) {
        input.bookDelta = SWad.wrap(book);
        input.hedgeDelta = SWad.wrap(hedge);
        input.gamma = SWad.wrap(-0.05e18);
        input.spot = Wad.wrap(2000e18);
        input.nav = Wad.wrap(1_000_000e18);
        input.cost = Wad.wrap(0.0005e18);
        input.time = Timestamp.wrap(1_700_000_000);
    }

    /// 1.5 * 5e-4 * 2000 * 0.05^2 * 1e6 / 3 = 1250, root 10.772173450159418608796 (mpmath); clamped to 0.25 % .. 2.5 % of 500 = 1.25 .. 12.5.
    function test_decide_outsideTheBand_tradesToItsEdge() public view {
        HedgeDecision memory d = band.decide(_input(-15e18, 3e18));
        eq(d.band, 10772173450159418608, "band");
        check(d.due, "due");
        eq(d.trade, 12e18 - 10772173450159418608, "buys up to the edge");
        eq(d.aim, 0, "aim");
    }

    function test_decide_insideTheBand_isNotDue() public view {
        HedgeDecision memory d = band.decide(_input(-15e18, 5e18));
        check(!d.due, "10 < 10.77");
        eq(d.trade, 0, "no trade");
    }

    /// 5 % of 10.77 is 0.54: a trade of 0.53 is not worth it.
    function test_decide_dustAtTheEdge_isNotDue() public {
        BandParams memory p = band.params();
        p.minTrade = Wad.wrap(0.05e18);
        BandPolicy patient = new BandPolicy(p);
        check(!patient.decide(_input(-11.3e18, 0)).due, "0.53");
        check(patient.decide(_input(-11.32e18, 0)).due, "0.55");
    }

    function test_decide_stressedOutsideTheBand_tradesToZero() public view {
        HedgeInput memory input = _input(15e18, -3e18);
        input.stressed = true;
        eq(band.decide(input).trade, -12e18, "sells all of it");
    }

    function test_decide_extremeCosts_bandIsClamped() public view {
        HedgeInput memory input = _input(0, 0);
        input.cost = Wad.wrap(1e18);
        eq(band.decide(input).band, 12.5e18, "2.5 % of NAV / S");
        input.cost = Wad.wrap(0);
        eq(band.decide(input).band, 1.25e18, "0.25 % of NAV / S");
        input.nav = Wad.wrap(0);
        eq(band.decide(input).band, 0, "no NAV, no band");
    }

    /// H-1 and H-2: the trade has the opposite sign of net delta and never overshoots the aim.
    function testFuzz_decide_anyPosition_tradeOpposesNetAndEndsAtEdge(int256 book, int256 hedge, bool stressed)
        public
        view
    {
        HedgeInput memory input = _input(bound(book, -1e24, 1e24), bound(hedge, -1e24, 1e24));
        input.stressed = stressed;
        HedgeDecision memory d = wide.decide(input);
        int256 net = input.bookDelta.rawS() + input.hedgeDelta.rawS();
        int256 width = int256(d.band.raw());
        bool outside = net > width || net < -width;
        check(d.due == outside, "due exactly outside");
        if (!outside) return;
        check((d.trade.rawS() < 0) == (net > 0), "opposes");
        int256 left = net + d.trade.rawS();
        eq(left, stressed ? int256(0) : (net > 0 ? width : -width), "ends at the edge or at zero");
    }

    // ------------------------------------------------------------ interval policy

    function _at(uint256 last, uint256 time) private view returns (bool) {
        HedgeInput memory input = _input(-15e18, 3e18);
        input.lastHedge = Timestamp.wrap(uint64(last));
        input.time = Timestamp.wrap(uint64(time));
        HedgeDecision memory d = hourly.decide(input);
        eq(d.trade, 12e18, "always to zero");
        return d.due;
    }

    /// Slots begin ten minutes past each hour.
    function test_decide_interval_onceInEverySlotOfAFixedSchedule() public view {
        uint256 slot = 3600 * 400_000 + 600;
        check(_at(0, slot), "never hedged");
        check(!_at(slot, slot + 3599), "same slot");
        check(_at(slot, slot + 3600), "next slot");
        check(_at(slot + 3500, slot + 3600), "a late hedge does not delay the next");
        check(_at(slot, slot + 9000), "missed slots");
    }

    function test_decide_intervalWithoutDelta_isNotDue() public view {
        check(!hourly.decide(_input(-3e18, 3e18)).due, "flat");
    }

    function test_decide_none_neverDue() public {
        check(!new NoHedgePolicy().decide(_input(-1e24, 0)).due, "never");
    }

    // ------------------------------------------------------------ threshold policy

    /// 1 % of 500 = 5.
    function test_decide_threshold_outsideGoesToZero() public {
        ThresholdPolicy policy = new ThresholdPolicy(ThresholdParams(Wad.wrap(0.01e18)));
        eq(policy.decide(_input(-15e18, 9e18)).trade, 6e18, "6 > 5");
        check(!policy.decide(_input(-15e18, 10e18)).due, "5");
        ThresholdPolicy atomic = new ThresholdPolicy(ThresholdParams(Wad.wrap(0)));
        eq(atomic.decide(_input(-15e18, 15e18 + 1)).trade, -1, "always");
    }

    // ------------------------------------------------------------ aimed band policy

    function _aimed(int256 slope, uint256 most, uint256 share, address signal) private returns (AimedBandPolicy) {
        BandParams memory free = BandParams(Wad.wrap(3e18), Wad.wrap(0), Wad.wrap(10e18), Wad.wrap(0));
        return new AimedBandPolicy(
            free, AimParams(SWad.wrap(slope), Wad.wrap(most), Wad.wrap(share), Seconds.wrap(600)), signal
        );
    }

    /// Heston k 4, theta 0.49, vol of variance 2.5, rho -0.35, v 0.36, at the money, 30 days: delta 0.571258252927,
    /// C_v 160.8168308, minimum-variance delta 0.500900889463. slope = rho s / (2 sqrt v) = -0.875 / 1.2, vega =
    /// 2 sqrt v C_v = 192.98019696; net delta aims at 0.875 * 160.8168308 / 2000.
    function test_decide_aimed_leavesTheHestonMinimumVarianceDelta() public {
        HedgeInput memory input = _input(0.571258252927e18, 0);
        input.vega = SWad.wrap(192.98019696e18);
        HedgeDecision memory d = _aimed(-0.729166666666666667e18, 100e18, 0, address(0)).decide(input);
        near(d.aim.rawS(), 0.070357363475e18, 200, "0.875 * 160.8168308 / 2000 to the fixed point");
        near(input.bookDelta.rawS() - d.aim.rawS(), 0.500900889463e18, 2e7, "published");
        d = _aimed(0, 100e18, 0, address(0)).decide(input);
        eq(d.aim, 0, "off");
    }

    /// Band 10.77: the aim is at most its half here, whatever vega and signal say together.
    function test_decide_aimed_staysWithinItsBound() public {
        HedgeInput memory input = _input(0, 0);
        input.vega = SWad.wrap(1e24);
        AimedBandPolicy policy = _aimed(-0.5e18, 0.5e18, 0, address(0));
        HedgeDecision memory d = policy.decide(input);
        eq(d.aim, int256(d.band.raw() / 2), "upper bound");
        input.vega = SWad.wrap(-1e24);
        eq(policy.decide(input).aim, -int256(d.band.raw() / 2), "lower bound");
        eq(d.quiet, 0, "no quiet zone: the aim moves");
    }

    function test_decide_aimed_signalMovesTheAimAndFailsSafe() public {
        vm.warp(1_700_000_000);
        MockSignal signal = new MockSignal();
        AimedBandPolicy policy = _aimed(0, 1e18, 0.4e18, address(signal));
        HedgeInput memory input = _input(0, 0);
        int256 width = int256(band.decide(input).band.raw());
        signal.post(0.5e18, 1_700_000_000 - 600);
        near(policy.decide(input).aim.rawS(), width / 5, 2, "half of 0.4 of the band");
        signal.post(-3e18, 1_700_000_000);
        near(policy.decide(input).aim.rawS(), -width * 2 / 5, 2, "no more than a full signal");
        signal.post(1e18, 1_700_000_000 - 601);
        eq(policy.decide(input).aim, 0, "old");
        signal.post(1e18, 1_700_000_001);
        eq(policy.decide(input).aim, 0, "from the future");
        signal.post(1e18, 1_700_000_000);
        bytes[4] memory sick = [bytes(""), hex"fe", hex"60006000fd", hex"60206000f3"];
        for (uint256 i; i < sick.length; ++i) {
            vm.etch(address(signal), sick[i]);
            eq(policy.decide(input).aim, 0, "broken");
        }
    }

    /// H-1 and H-2 around an aim.
    function testFuzz_decide_aimed_tradeOpposesTheGapAndEndsAtTheEdge(int256 book, int256 vega, bool stressed) public {
        HedgeInput memory input = _input(bound(book, -1e21, 1e21), 0);
        input.vega = SWad.wrap(bound(vega, -1e24, 1e24));
        input.stressed = stressed;
        HedgeDecision memory d = _aimed(-0.3e18, 1e18, 0, address(0)).decide(input);
        int256 gap = input.bookDelta.rawS() - d.aim.rawS();
        check(d.aim.absS() <= d.band, "aim inside the band around zero");
        check(d.due == (gap > int256(d.band.raw()) || gap < -int256(d.band.raw())), "due exactly outside");
        if (!d.due) return;
        int256 left = gap + d.trade.rawS();
        eq(left, stressed ? int256(0) : (gap > 0 ? int256(d.band.raw()) : -int256(d.band.raw())), "edge or aim");
    }

    // ------------------------------------------------------------ quiet zones

    /// What is inside the zone is not due after gamma fell and spot moved by a hundredth either.
    function testFuzz_decide_quiet_staysQuiet(uint256 gamma, uint256 fall, uint256 move, int256 net) public {
        HedgeInput memory input = _input(0, 0);
        input.gamma = SWad.wrap(int256(bound(gamma, 1e13, 1e19)));
        ThresholdPolicy wide_ = new ThresholdPolicy(ThresholdParams(Wad.wrap(0.01e18)));
        uint256[2] memory quiet = [band.decide(input).quiet.raw(), wide_.decide(input).quiet.raw()];
        input.gamma = SWad.wrap(input.gamma.rawS() * int256(bound(fall, 990, 3000)) / 1000);
        input.spot = Wad.wrap(input.spot.raw() * bound(move, 9900, 10_100) / 10_000);
        for (uint256 i; i < 2; ++i) {
            input.bookDelta = SWad.wrap(bound(net, -int256(quiet[i]), int256(quiet[i])));
            check(!(i == 0 ? band.decide(input) : wide_.decide(input)).due, "still not due");
        }
        eq(hourly.decide(input).quiet, 0, "a clock is never quiet");
        check(new NoHedgePolicy().decide(input).quiet.raw() > 1e30, "always quiet");
    }

    // ------------------------------------------------------------ parameters

    function test_constructor_outOfBounds_refusesWithFieldAndBounds() public {
        vm.expectPartialRevert(ParamBounds.ParamOutOfBounds.selector);
        _band(0, 0, 1e18);
        vm.expectPartialRevert(ParamBounds.ParamRelation.selector);
        _band(1e18, 0.2e18, 0.1e18);
        vm.expectPartialRevert(ParamBounds.ParamOutOfBounds.selector);
        new IntervalPolicy(IntervalParams(Seconds.wrap(3600), Seconds.wrap(3600)));
    }

    function test_params_afterConstruction_areThoseGiven() public view {
        BandParams memory p = band.params();
        eq(p.riskAversion, 3e18, "riskAversion");
        eq(p.minBand, 0.0025e18, "minBand");
        eq(p.maxBand, 0.025e18, "maxBand");
        eq(hourly.params().phase.rawSeconds(), 600, "phase");
    }
}
