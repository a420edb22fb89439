// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ILiquidationAuction} from "../contracts/interfaces/ILiquidationAuction.sol";
import {IOptionMarket} from "../contracts/interfaces/IOptionMarket.sol";
import {AuctionMath} from "../contracts/libraries/AuctionMath.sol";
import {Auction, BidPreview, Leg, MarginView} from "../contracts/types/Types.sol";
import {SWad, Wad} from "../contracts/types/Units.sol";
import {MarketBase} from "./OptionMarket.t.sol";

contract LiquidationAuctionTest is MarketBase {
    address internal constant CAROL = address(0xCA);

    function setUp() public override {
        super.setUp();
        fund(CAROL, 3_000e18);
    }

    /// Carol is short 5 calls with little money; spot rises until she is under maintenance but not under water.
    function _distress(uint256 spot) private {
        trade(CAROL, call(week, 3), -5e18);
        step(60, spot);
    }

    function _preview(uint256 fraction) private view returns (BidPreview memory) {
        return auction.preview(CAROL, Wad.wrap(fraction));
    }

    function _bid(address who, uint256 fraction) private {
        uint32 nonce = auction.auctionOf(CAROL).nonce;
        vm.prank(who);
        auction.bid(CAROL, Wad.wrap(fraction), SWad.wrap(NO_LIMIT), nonce);
    }

    // ------------------------------------------------------------ formulas by hand

    function test_price_path_byHand() public view {
        eq(AuctionMath.price(auctionParams(), 0), 0.98e18, "start");
        eq(AuctionMath.price(auctionParams(), 150), 0.94e18, "half of the fast part");
        eq(AuctionMath.price(auctionParams(), 300), 0.9e18, "kink");
        eq(AuctionMath.price(auctionParams(), 1950), 0.75e18, "half of the slow part");
        eq(AuctionMath.price(auctionParams(), 3600), 0.6e18, "end");
        eq(AuctionMath.price(auctionParams(), 1e6), 0.6e18, "stays");
    }

    function test_maxFraction_byHand() public pure {
        MarginView memory m;
        (m.equity, m.bufferMargin) = (SWad.wrap(100e18), Wad.wrap(150e18));
        // (150 - 100) / (150 - 100 * 0.1) = 50 / 140
        near(int256(_most(m, 0, 100e18).raw()), 0.357142857142857143e18, 2, "f");
        // 20 of R: (150 - 100) / (150 - 80 * 0.1) = 50 / 142
        near(int256(_most(m, 0, 80e18).raw()), 0.352112676056338029e18, 2, "R");
        // 11.5 of the requirement does not shrink: 50 / (138.5 - 10)
        near(int256(_most(m, 11.5e18, 100e18).raw()), 0.389105058365758755e18, 2, "fixed");
        m.equity = SWad.wrap(150e18);
        eq(_most(m, 0, 150e18), 0, "healthy");
        m.equity = SWad.wrap(1e18);
        eq(_most(m, 149.5e18, 1e18), 1e18, "at most all");
    }

    function _most(MarginView memory m, uint256 charge, uint256 estate) private pure returns (Wad) {
        m.charge = _w(charge);
        return AuctionMath.maxFraction(m, m.equity, _w(estate), _w(0.9e18));
    }

    function test_bounty_byHand() public view {
        Wad full = _w(100e18); // equity -40, maintenance 60
        eq(AuctionMath.bounty(auctionParams(), full, _w(1e18), 0), 0, "starts at nothing");
        eq(AuctionMath.bounty(auctionParams(), full, _w(0.5e18), 900), 25e18, "100 * 1/2 * 1/2");
        eq(AuctionMath.bounty(auctionParams(), full, _w(1e18), 1e6), 100e18, "lifts to maintenance");
    }

    function test_isInsolvent_byHand() public view {
        // least profit: 40 % of E - R must reach 20
        check(!AuctionMath.isInsolvent(auctionParams(), SWad.wrap(50e18), _w(0)), "50 is worth a bid");
        check(AuctionMath.isInsolvent(auctionParams(), SWad.wrap(49e18), _w(0)), "49 is not");
        check(AuctionMath.isInsolvent(auctionParams(), SWad.wrap(60e18), _w(20e18)), "R is not for sale");
        check(AuctionMath.isInsolvent(auctionParams(), SWad.wrap(-1e18), _w(0)), "under water");
    }

    // ------------------------------------------------------------ solvent leg

    function test_start_healthy_isRefused() public {
        trade(CAROL, call(week, 3), -2e18);
        vm.expectPartialRevert(ILiquidationAuction.Healthy.selector);
        auction.start(CAROL);
    }

    /// Below maintenance at the price, above it at the band's favourable side: not liquidatable.
    function test_start_withinTheBand_isRefused() public {
        _distress(2300e18);
        uint256 spot = 2300e18;
        while (!_below(spot)) spot += 1e18;
        post(spot);
        uint256 id = vm.snapshotState();
        auction.start(CAROL);
        vm.revertToState(id);
        pull.post(PULL_ID, int64(uint64(spot / 1e10)), 4e8, -8, block.timestamp); // 4 of confidence either way
        check(_below(oracle.read().price.raw()) && !_below(oracle.read().low.raw()), "straddles");
        vm.expectPartialRevert(ILiquidationAuction.Healthy.selector);
        auction.start(CAROL);
    }

    function _below(uint256 spot) private view returns (bool) {
        MarginView memory m = margin.marginFor(market.legsOf(CAROL), market.balanceOf(CAROL), _w(0), _w(spot));
        return m.equity < m.maintenanceMargin.signed();
    }

    function test_bid_partial_restoresTheBuffer() public {
        _distress(2450e18);
        MarginView memory m = margin.marginOf(CAROL);
        check(m.equity.rawS() < int256(m.maintenanceMargin.raw()) && m.equity.rawS() > 50e18, "in distress");
        auction.start(CAROL);
        wait(300);
        BidPreview memory p = _preview(1e18);
        eq(p.discountedPrice, 0.9e18, "d");
        m = margin.marginOf(CAROL);
        uint256 e = uint256(m.equity.rawS());
        uint256 fixed_ = 11.5e18; // one short leg: 10 and 15 % of it
        uint256 gap = m.bufferMargin.raw() - e;
        uint256 f = gap * 1e18 / (m.bufferMargin.raw() - fixed_ - e / 10);
        near(int256(p.fraction.raw()), int256(f), 1e3, "f_max");
        near(p.payment.rawS(), int256(f * e / 1e18 * 9 / 10), 1.1e12, "f E d");
        near(int256(p.penalty.raw()), int256(f * e / 1e18 / 10 * 4 / 10), 1.1e12, "40 % of the profit");
        uint256 fundBefore = insurance.balance().raw();
        _bid(BOB, 1e18);
        m = margin.marginOf(CAROL);
        check(m.equity >= m.bufferMargin.signed(), "A-1: buffer margin reached");
        near(m.equity.rawS(), int256(m.bufferMargin.raw()), 1e15, "and not much more is taken");
        near(int256(insurance.balance().raw() - fundBefore), int256(p.penalty.raw() * 625 / 1000), 1.1e12, "25 of 40");
        eq(auction.auctionOf(CAROL).startedAt.rawTime(), 0, "ended");
        conserved();
    }

    function test_bid_twice_keepsWhatTheFirstPaid() public {
        _distress(2450e18);
        auction.start(CAROL);
        wait(300);
        _bid(BOB, 0.05e18);
        Auction memory a = auction.auctionOf(CAROL);
        check(a.received.raw() > 0 && a.nonce == 2, "R and nonce");
        MarginView memory m = margin.marginOf(CAROL);
        BidPreview memory p = _preview(1e18);
        uint256 estate = uint256(m.equity.rawS()) - a.received.raw();
        near(p.payment.rawS(), int256(p.fraction.raw() * estate / 1e18 * 9 / 10), 1.1e12, "f (E - R) d");
        _bid(ALICE, 1e18);
        m = margin.marginOf(CAROL);
        check(m.equity >= m.bufferMargin.signed(), "A-1");
        near(m.equity.rawS(), int256(m.bufferMargin.raw()), 1e15, "exactly");
        conserved();
    }

    function test_bid_guards() public {
        _distress(2450e18);
        vm.expectPartialRevert(ILiquidationAuction.NoAuction.selector);
        auction.bid(CAROL, _w(1e18), SWad.wrap(NO_LIMIT), 1);
        auction.start(CAROL);
        vm.expectPartialRevert(ILiquidationAuction.AuctionLive.selector);
        auction.start(CAROL);
        vm.prank(BOB);
        vm.expectPartialRevert(ILiquidationAuction.WrongNonce.selector);
        auction.bid(CAROL, _w(1e18), SWad.wrap(NO_LIMIT), 7);
        int256 payment = _preview(1e18).payment.rawS();
        vm.prank(BOB);
        vm.expectPartialRevert(ILiquidationAuction.PriceAboveLimit.selector);
        auction.bid(CAROL, _w(1e18), SWad.wrap(payment - 1), 1);
        vm.prank(BOB);
        vm.expectPartialRevert(ILiquidationAuction.NothingToFill.selector);
        auction.bid(CAROL, _w(0), SWad.wrap(payment), 1);
        vm.prank(CAROL);
        vm.expectPartialRevert(ILiquidationAuction.SelfBid.selector);
        auction.bid(CAROL, _w(1e18), SWad.wrap(payment), 1);
        vm.expectPartialRevert(ILiquidationAuction.TooEarly.selector);
        auction.closeInsolvent(CAROL);
        fund(address(9), 1e18);
        vm.prank(address(9));
        vm.expectRevert(); // too poor to pay
        auction.bid(CAROL, _w(1e18), SWad.wrap(payment), 1);
        wait(DAY); // both feeds dead
        vm.prank(BOB);
        vm.expectPartialRevert(ILiquidationAuction.ModeForbids.selector);
        auction.bid(CAROL, _w(1e18), SWad.wrap(payment), 1);
    }

    function test_end_afterTopUp() public {
        _distress(2450e18);
        auction.start(CAROL);
        vm.expectPartialRevert(ILiquidationAuction.AuctionLive.selector);
        auction.end(CAROL);
        fund(CAROL, 10_000e18);
        vm.prank(BOB);
        vm.expectPartialRevert(ILiquidationAuction.Healthy.selector);
        auction.bid(CAROL, _w(1e18), SWad.wrap(NO_LIMIT), 1);
        auction.end(CAROL);
        vm.expectPartialRevert(ILiquidationAuction.Healthy.selector);
        auction.start(CAROL);
    }

    // ------------------------------------------------------------ insolvent leg

    function test_insolvent_bountyRises_andIsPaidFromTheFund() public {
        insure(50_000e18);
        _distress(3400e18);
        MarginView memory m = margin.marginOf(CAROL);
        check(m.equity.isNegative(), "under water");
        auction.start(CAROL);
        eq(auction.liveInsolvent(), 1, "counted");
        wait(900);
        m = margin.marginOf(CAROL);
        int256 full = int256(m.maintenanceMargin.raw()) - m.equity.rawS();
        BidPreview memory p = _preview(0.5e18);
        check(p.insolvent && p.maxFraction.raw() == 1e18, "all of it is for sale");
        near(p.payment.rawS(), -full / 4, 1.1e12, "half of it at half of the time");
        uint256 before = insurance.balance().raw();
        uint256 bob = balance(BOB);
        _bid(BOB, 0.5e18);
        eq(before - insurance.balance().raw(), uint256(-p.payment.rawS()), "the fund pays");
        check(balance(BOB) > bob + uint256(-p.payment.rawS()), "bounty and half of Carol's balance");
        eq(market.legsOf(BOB)[0].size, -2.5e18, "half of the legs");
        _bid(BOB, 1e18);
        eq(market.legsOf(CAROL).length, 0, "nothing left");
        eq(balance(CAROL), 0, "nothing left");
        eq(auction.liveInsolvent(), 0, "over");
        (Wad current,) = market.uncovered();
        eq(current, 0, "the bidder covers");
        conserved();
    }

    function test_insolvent_withoutBids_thePoolCloses() public {
        insure(50_000e18);
        _distress(3400e18);
        auction.start(CAROL);
        wait(1799);
        vm.expectPartialRevert(ILiquidationAuction.TooEarly.selector);
        auction.closeInsolvent(CAROL);
        wait(1);
        post(3400e18);
        refreshAll();
        market.touch(CAROL);
        uint256 owned = balance(CAROL);
        int256 nav = vault.navParts().nav.rawS();
        (Wad uncovered,) = market.uncovered();
        uint256 fundBefore = insurance.balance().raw();
        auction.closeInsolvent(CAROL);
        eq(balance(CAROL), 0, "she paid what she had");
        eq(market.legsOf(CAROL).length, 0, "closed");
        uint256 insured = fundBefore - insurance.balance().raw();
        near(int256(insured), int256(uncovered.raw()), 0.5e18, "the fund covers the loss");
        near(vault.navParts().nav.rawS() - nav, int256(insured), 0.01e18, "NAV had the loss already: only the cover is new");
        check(owned > 0, "she had something");
        (uncovered,) = market.uncovered();
        eq(uncovered, 0, "nothing uncovered");
        conserved();
    }

    /// What her calls are worth to the book, with its impact, is more than their price; she has it, so nobody else pays.
    function test_close_ofAnAccountThatRecovered_takesWhatTheBookLoses_beforeTheFund() public {
        insure(50_000e18);
        trade(CAROL, call(week, 3), -5e18);
        step(6 * DAY + 22 hours, 3400e18);
        auction.start(CAROL);
        step(1800, 3400e18);
        MarginView memory m = margin.marginOf(CAROL);
        fund(CAROL, uint256(int256(m.bufferMargin.raw()) - m.equity.rawS()) / 1e12 * 1e12 - 1e12);
        uint256 insured = insurance.balance().raw();
        SWad worth = ledger.preview(call(week, 3), SWad.wrap(5e18), _w(3400e18)).cost;
        SWad price = margin.closeCost(market.legsOf(CAROL), _w(3400e18), auctionParams().closeVolFactor);
        check(worth > price, "the case is one");
        uint256 had = balance(CAROL);
        auction.closeInsolvent(CAROL);
        eq(insurance.balance().raw(), insured, "S-2: collateral pays first");
        near(int256(had - balance(CAROL)), worth.rawS(), 1e12, "what the book loses");
        conserved();
    }

    function test_start_again_turnsALiveAuctionInsolvent() public {
        _distress(2450e18);
        auction.start(CAROL);
        check(!auction.auctionOf(CAROL).insolvent, "solvent");
        step(600, 3400e18);
        auction.start(CAROL);
        check(auction.auctionOf(CAROL).insolvent, "turned");
        eq(auction.liveInsolvent(), 1, "counted once");
        vm.expectPartialRevert(ILiquidationAuction.AuctionLive.selector);
        auction.start(CAROL);
    }

    function test_bid_afterExpiry_needsTheSweepFirst() public {
        trade(CAROL, call(week, 3), -5e18);
        step(7 * DAY - 600, 2700e18);
        auction.start(CAROL);
        step(600, 2700e18);
        vm.prank(BOB);
        vm.expectPartialRevert(IOptionMarket.SweepFirst.selector);
        auction.bid(CAROL, _w(1e18), SWad.wrap(NO_LIMIT), 1);
        market.settleExpiry(week, round);
        market.sweep(week, 10);
        auction.end(CAROL);
    }
}
