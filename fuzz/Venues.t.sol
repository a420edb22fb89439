// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IHedgeVenue} from "../contracts/interfaces/IHedging.sol";
import {ParamBounds} from "../contracts/libraries/ParamBounds.sol";
import {MockToken} from "../contracts/mocks/MockToken.sol";
import {FrictionlessVenue} from "../contracts/mocks/FrictionlessVenue.sol";
import {PerpVenue} from "../contracts/mocks/PerpVenue.sol";
import {PerpParams} from "../contracts/types/Params.sol";
import {Addresses, Mode, VenuePosition, VenueQuote} from "../contracts/types/Types.sol";
import {SWad, Wad} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";
import {OracleStub} from "./HedgeStubs.sol";

abstract contract VenueBase is Base {
    MockToken internal token = new MockToken("Quote", "Q", 6);

    function _endow(IHedgeVenue venue) internal {
        token.mint(address(venue), 1e15);
        token.mint(address(this), 1e15);
        token.approve(address(venue), type(uint256).max);
    }

    function _buy(IHedgeVenue venue, int256 size) internal returns (uint256) {
        return venue.trade(SWad.wrap(size), Wad.wrap(size < 0 ? 0 : type(uint256).max)).raw();
    }

    function _equity(IHedgeVenue venue) internal view returns (int256) {
        return venue.position(address(this)).equity.rawS();
    }

    function _size(IHedgeVenue venue) internal view returns (int256) {
        return venue.position(address(this)).size.rawS();
    }
}

contract PerpVenueTest is VenueBase {
    PerpVenue private venue;
    uint256 private constant T0 = 1_700_000_000;

    function setUp() public {
        vm.warp(T0);
        venue = _venue(0.0005e18, 0);
    }

    /// Skew scale 100,000; maintenance 1 %; leverage 20.
    function _venue(uint256 fee, uint256 velocity) private returns (PerpVenue made) {
        made = new PerpVenue(
            address(token),
            PerpParams(Wad.wrap(100_000e18), Wad.wrap(fee), Wad.wrap(velocity), Wad.wrap(0.01e18), Wad.wrap(20e18))
        );
        _endow(made);
        made.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), true);
    }

    function _post(PerpVenue perp, uint256 price) private {
        perp.postIndex(Wad.wrap(price), Wad.wrap(1e18), true);
    }

    // ------------------------------------------------------------ price

    /// 2000 * (1 + (0 + 500) / 100000) * 1.0005 = 2000 * 1.005 * 1.0005 = 2011.005.
    function test_quote_buyOnBalancedBook_paysHalfItsImpactAndFee() public view {
        VenueQuote memory q = venue.quote(SWad.wrap(1000e18));
        check(q.ok, "ok");
        eq(q.price, 2011.005e18, "price");
    }

    /// 2000 * (1 + (2000 - 500) / 100000) * 0.9995 = 2028.985: selling into longs earns their premium.
    function test_quote_sellIntoLongSkew_earnsThePremium() public {
        venue.setSkew(SWad.wrap(2000e18));
        eq(venue.quote(SWad.wrap(-1000e18)).price, 2028.985e18, "price");
    }

    /// A tenth of the depth: ten times the impact: 2000 * 1.05 * 1.0005.
    function test_quote_thinBook_impactGrows() public {
        venue.postIndex(Wad.wrap(2000e18), Wad.wrap(0.1e18), true);
        eq(venue.quote(SWad.wrap(1000e18)).price, 2101.05e18, "price");
    }

    function test_quote_closedOrEmptyOrOverwhelmed_isNotOk() public {
        check(!venue.quote(SWad.wrap(-250_000e18)).ok, "price would be negative");
        venue.postIndex(Wad.wrap(2000e18), Wad.wrap(0), true);
        check(!venue.quote(SWad.wrap(1e18)).ok, "no depth");
        venue.postIndex(Wad.wrap(2000e18), Wad.wrap(1e18), false);
        check(!venue.quote(SWad.wrap(1e18)).ok, "closed");
        vm.expectRevert(IHedgeVenue.VenuePaused.selector);
        venue.trade(SWad.wrap(1e18), Wad.wrap(type(uint256).max));
    }

    function test_trade_worseThanLimit_refuses() public {
        venue.depositMargin(Wad.wrap(1_000_000e18));
        vm.expectPartialRevert(IHedgeVenue.VenueLimit.selector);
        venue.trade(SWad.wrap(1000e18), Wad.wrap(2011e18));
        vm.expectPartialRevert(IHedgeVenue.VenueLimit.selector);
        venue.trade(SWad.wrap(-1000e18), Wad.wrap(1999e18));
    }

    /// The average price makes the cost of a trade independent of how it is split (fee 0).
    function testFuzz_trade_inTwoParts_costsWhatOneDoes(uint256 a, uint256 b, bool buys) public {
        int256 sign = buys ? int256(1) : -1;
        int256 x = sign * int256(bound(a, 1e12, 1000e18));
        int256 y = sign * int256(bound(b, 1e12, 1000e18));
        PerpVenue split = _venue(0, 0);
        PerpVenue whole = _venue(0, 0);
        split.depositMargin(Wad.wrap(1_000_000e18));
        whole.depositMargin(Wad.wrap(1_000_000e18));
        _buy(split, x);
        _buy(split, y);
        _buy(whole, x + y);
        near(_equity(split), _equity(whole), 1e6, "split");
    }

    function testFuzz_trade_anySize_executesAtItsQuote(int256 size, int256 skew) public {
        size = bound(size, -2000e18, 2000e18);
        if (size == 0) return;
        venue.setSkew(SWad.wrap(bound(skew, -20_000e18, 20_000e18)));
        venue.depositMargin(Wad.wrap(10_000_000e18));
        uint256 quoted = venue.quote(SWad.wrap(size)).price.raw();
        eq(_buy(venue, size), quoted, "price");
        eq(_size(venue), size, "position");
        int256 cost = size * (int256(quoted) - 2000e18) / 1e18;
        near(_equity(venue), 10_000_000e18 - cost, 2, "equity marked at the index");
    }

    // ------------------------------------------------------------ results and funding

    function test_position_indexMoves_gainsSizeTimesMove() public {
        venue.depositMargin(Wad.wrap(1_000_000e18));
        _buy(venue, -100e18);
        int256 before = _equity(venue);
        _post(venue, 1900e18);
        eq(_equity(venue) - before, 10_000e18, "a short gains when the price falls");
    }

    /// Skew 10,000 of 100,000 with a velocity of 9 per day: the daily rate rises by 0.9 a day. Over half a day it
    /// reaches 0.45 and a long pays 2000 * 0.9 * 0.5^2 / 2 = 225 per underlying; a short receives as much.
    function test_position_longSkew_shortReceivesFunding() public {
        PerpVenue perp = _venue(0, 9e18);
        perp.depositMargin(Wad.wrap(1_000_000e18));
        _buy(perp, -10e18);
        perp.setSkew(SWad.wrap(10_000e18));
        int256 before = _equity(perp);
        vm.warp(T0 + 43_200);
        near(_equity(perp) - before, 2250e18, 1e6, "funding received");
        (,,,, SWad rate,) = perp.state();
        eq(rate, 0.45e18, "daily rate");
        _post(perp, 2000e18);
        near(_equity(perp) - before, 2250e18, 1e6, "kept when accrued");
        vm.warp(T0 + 86_400);
        near(_equity(perp) - before, 9000e18, 1e6, "quadratic in time: 2000 * 0.9 / 2 * 10");
    }

    // ------------------------------------------------------------ margin, liquidation, deleveraging

    function test_trade_beyondLeverage_refuses() public {
        venue.depositMargin(Wad.wrap(1000e18));
        vm.expectPartialRevert(IHedgeVenue.VenueMargin.selector);
        _buy(venue, 11e18);
        _buy(venue, 9e18);
        vm.expectPartialRevert(IHedgeVenue.VenueMargin.selector);
        venue.withdrawMargin(Wad.wrap(200e18));
    }

    function test_withdraw_profit_paysTokensFromTheVenue() public {
        venue.depositMargin(Wad.wrap(100_000e18));
        _buy(venue, 10e18);
        _post(venue, 3000e18);
        _buy(venue, -10e18);
        uint256 before = token.balanceOf(address(this));
        uint256 all = uint256(_equity(venue)) / 1e12 * 1e12;
        venue.withdrawMargin(Wad.wrap(all));
        eq(token.balanceOf(address(this)) - before, all / 1e12, "tokens");
        check(all > 109_900e18, "gained 10 * 1000 less costs");
    }

    /// Long 9 at 2000 on 1000 of margin: at 1908 the equity is about 1000 - 9 - 828 = 163 < 1 % of 17,172 = 172.
    function test_postIndex_equityUnderMaintenance_liquidatesAndMarginIsLost() public {
        venue.depositMargin(Wad.wrap(1000e18));
        _buy(venue, 9e18);
        _post(venue, 1912e18);
        eq(_size(venue), 9e18, "199 >= 172: alive");
        _post(venue, 1908e18);
        eq(_size(venue), 0, "position gone");
        eq(_equity(venue), 0, "margin gone");
        (,,, SWad skew,,) = venue.state();
        eq(skew, 0, "skew");
        _post(venue, 5000e18);
        eq(_equity(venue), 0, "nothing comes back");
    }

    function test_deleverage_share_closesAtTheIndex() public {
        venue.depositMargin(Wad.wrap(100_000e18));
        _buy(venue, -10e18);
        int256 before = _equity(venue);
        venue.deleverage(address(this), Wad.wrap(0.3e18));
        eq(_size(venue), -7e18, "seven left");
        eq(_equity(venue), before, "no cost");
    }

    function test_constructor_outOfBounds_refuses() public {
        PerpParams memory p = venue.params();
        p.takerFee = Wad.wrap(0.2e18);
        vm.expectPartialRevert(ParamBounds.ParamOutOfBounds.selector);
        new PerpVenue(address(token), p);
    }
}

contract FrictionlessVenueTest is VenueBase {
    OracleStub private oracle = new OracleStub();
    FrictionlessVenue private venue;

    function setUp() public {
        oracle.set(2000e18, Mode.NORMAL);
        Addresses memory book;
        book.quote = address(token);
        book.oracle = address(oracle);
        venue = new FrictionlessVenue(book);
        _endow(venue);
    }

    /// sum of size * price moves, exactly, for any path; no margin needed.
    function testFuzz_position_anyPath_equityIsExact(int256[6] memory sizes, uint256[6] memory prices) public {
        int256 wanted; // 1e36
        int256 held;
        int256 last;
        for (uint256 i; i < 6; ++i) {
            int256 price = int256(bound(prices[i], 1e15, 1e23));
            wanted += held * (price - last);
            last = price;
            oracle.set(uint256(price), Mode.NORMAL);
            int256 size = bound(sizes[i], -1e24, 1e24);
            eq(_buy(venue, size), uint256(price), "at the oracle");
            held += size;
        }
        int256 floor = wanted / 1e18;
        if (wanted % 1e18 < 0) floor -= 1;
        eq(_equity(venue), floor, "equity");
        eq(_size(venue), held, "size");
    }

    function test_withdrawMargin_beyondEquity_refuses() public {
        venue.depositMargin(Wad.wrap(100e18));
        _buy(venue, 1e18);
        oracle.set(1950e18, Mode.NORMAL);
        vm.expectPartialRevert(IHedgeVenue.VenueMargin.selector);
        venue.withdrawMargin(Wad.wrap(51e18));
        venue.withdrawMargin(Wad.wrap(50e18));
        eq(_equity(venue), 0, "all out");
        oracle.set(1900e18, Mode.NORMAL);
        eq(_equity(venue), -50e18, "may go negative");
    }
}
