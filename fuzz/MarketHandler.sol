// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketParams} from "../contracts/types/Params.sol";
import {Auction, BidPreview, ExpiryBook, Leg, MarginView} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

/// What the fuzzer may do to the market: every action of every actor, time and prices. Refusals are counted; a broken
/// property reverts the handler, which fails the run.
contract MarketHandler is World {
    struct Tally {
        uint128 done;
        uint128 refused;
    }

    string[] public names;
    mapping(string => Tally) public tally;
    address[5] internal people = [address(0xA1), address(0xA2), address(0xA3), address(0xA4), address(0xA5)];
    address internal constant WHALE = address(0xA5); // bids most of the time and keeps its money
    address internal constant LP = address(0x19);
    mapping(Timestamp => uint80) internal firstRound; // first push round at or after an expiry

    /// Any moneyness: the delta limit has its own test and would refuse most trades here.
    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        p.maxDelta = _w(0);
    }

    constructor() {
        deploy();
        fundPool(LP, 1_000_000e18);
        insure(20_000e18);
        list(3 * DAY);
        list(10 * DAY);
        for (uint256 i; i < people.length; ++i) fund(people[i], people[i] == WHALE ? 300_000e18 : 3_000e18 * (i + 1));
    }

    /// One action; `kind` weighs them so that positions live, prices move and expiries come.
    function act(uint256 kind, uint256 a, uint256 b, uint256 c) public {
        kind %= 100;
        if (kind < 30) return open(a, b, int256(c >> 1) - int256(type(uint256).max >> 2));
        if (kind < 36) return reduce(a, b, c);
        if (kind < 39) return deposit(a, b);
        if (kind < 43) return withdraw(a, b);
        if (kind < 60) return move(a, b);
        if (kind < 68) return start(a);
        if (kind < 73) return bid(a, b, c);
        if (kind < 80) return closeInsolvent(a);
        if (kind < 82) return end(a);
        if (kind < 87) return settle();
        if (kind < 92) return sweep(a);
        if (kind < 94) return touchAll();
        if (kind < 96) return hedgeNow();
        if (kind < 97) return pokeBreaker();
        kind < 99 ? provide(a) : redeem(a);
    }

    function actions() external view returns (uint256) {
        return names.length;
    }

    // ------------------------------------------------------------ traders

    function deposit(uint256 who, uint256 amount) internal {
        fund(_person(who), bound(amount, 1e18, 5_000e18));
        _count("deposit", true);
    }

    function withdraw(uint256 who, uint256 amount) internal {
        address a = people[who % 4];
        MarginView memory m = margin.marginOf(a);
        uint256 spare = (m.equity - m.initialMargin.signed()).positive().raw();
        uint256 most = market.balanceOf(a).raw() * 11 / 10;
        if (!m.initialMargin.isZero() && amount % 4 != 0) most = spare < most ? spare : most;
        vm.prank(a);
        try market.withdraw(Wad.wrap(bound(amount, most / 2, most))) {
            _count("withdraw", true);
            _healthy(a, "withdraw");
        } catch {
            _count("withdraw", false);
        }
    }

    function open(uint256 who, uint256 series, int256 size) internal {
        address a = _person(who);
        SeriesId id = _series(series);
        size = bound(size, -4e18, 4e18) / 1e12 * 1e12;
        bool opening = _opens(a, id, size);
        vm.prank(a);
        try market.trade(id, SWad.wrap(size), SWad.wrap(NO_LIMIT)) {
            _count("trade", true);
            if (opening) _healthy(a, "trade");
        } catch {
            _count("trade", false);
        }
    }

    function reduce(uint256 who, uint256 place, uint256 share) internal {
        address a = _person(who);
        Leg[] memory legs = market.legsOf(a);
        if (legs.length == 0) return;
        Leg memory leg = legs[place % legs.length];
        int256 size = -leg.size.rawS() * int256(bound(share, 1, 4)) / 4 / 1e12 * 1e12;
        vm.prank(a);
        try market.trade(leg.id, SWad.wrap(size), SWad.wrap(NO_LIMIT)) {
            _count("reduce", true);
        } catch {
            _count("reduce", false);
        }
    }

    /// M-1: whoever opened or withdrew meets the initial margin.
    function _healthy(address a, string memory what) private view {
        MarginView memory m = margin.marginOf(a);
        check(m.equity >= m.initialMargin.signed() || m.initialMargin.isZero(), string.concat("M-1 ", what));
    }

    function _opens(address a, SeriesId id, int256 size) private view returns (bool) {
        Leg[] memory legs = market.legsOf(a);
        for (uint256 i; i < legs.length; ++i) {
            if (legs[i].id.rawId() != id.rawId()) continue;
            int256 held = legs[i].size.rawS();
            return held > 0 == size > 0 || size > 0 && size > -held || size < 0 && -size > held;
        }
        return true;
    }

    // ------------------------------------------------------------ liquidation

    /// The first account under maintenance, if there is any.
    function start(uint256 who) internal {
        address a = _person(who);
        for (uint256 i; i < people.length; ++i) {
            (bool below,) = margin.liquidatable(_person(who % 5 + i));
            if (below && auction.auctionOf(_person(who % 5 + i)).startedAt.rawTime() == 0) a = _person(who % 5 + i);
        }
        MarginView memory m = margin.marginOf(a);
        bool live = auction.auctionOf(a).startedAt.rawTime() != 0;
        try auction.start(a) {
            _count("start", true);
            check(live || m.equity < m.maintenanceMargin.signed(), "M-2: healthy account put up");
        } catch {
            _count("start", false);
        }
    }

    function bid(uint256 who, uint256 by, uint256 fraction) internal {
        address a = _inAuction(who);
        Auction memory before = auction.auctionOf(a);
        if (before.startedAt.rawTime() == 0) return _count("bid", false);
        fraction = bound(fraction, 0.01e18, 1e18);
        BidPreview memory p = auction.preview(a, Wad.wrap(fraction));
        uint256 had = market.balanceOf(a).raw();
        vm.prank(by % 3 == 0 ? _person(by >> 2) : WHALE);
        try auction.bid(a, Wad.wrap(fraction), p.payment, before.nonce) {
            _count("bid", true);
            _checkBid(a, p, had);
        } catch {
            _count("bid", false);
        }
    }

    /// A-1: at the largest fraction the account is at its buffer, or closed. A-2: what was previewed was paid.
    function _checkBid(address a, BidPreview memory p, uint256 had) private view {
        MarginView memory m = margin.marginOf(a);
        if (!p.insolvent) {
            uint256 received = auction.auctionOf(a).received.raw();
            check(received == 0 || received >= uint256(p.payment.rawS()), "A-2: payment");
            check(market.balanceOf(a).raw() <= had + uint256(p.payment.rawS()), "A-2: balance");
        }
        if (p.fraction < p.maxFraction) return;
        bool closed = market.legsOf(a).length == 0;
        check(closed || m.equity.rawS() >= int256(m.bufferMargin.raw()) - 1e13, "A-1: below the buffer");
        check(auction.auctionOf(a).startedAt.rawTime() == 0, "A-1: still live");
    }

    function closeInsolvent(uint256 who) internal {
        address a = _inAuction(who);
        try auction.closeInsolvent(a) {
            _count("closeInsolvent", true);
            check(market.legsOf(a).length == 0, "closed");
        } catch {
            _count("closeInsolvent", false);
        }
    }

    function end(uint256 who) internal {
        try auction.end(_inAuction(who)) {
            _count("end", true);
        } catch {
            _count("end", false);
        }
    }

    // ------------------------------------------------------------ world

    /// A crash or rally now and then, small moves otherwise.
    function move(uint256 seed, uint256 time) internal {
        uint256 factor = seed % 8 == 0 ? bound(seed >> 8, 0.8e18, 1.3e18) : bound(seed >> 8, 0.98e18, 1.02e18);
        wait(bound(time, 10, 5 hours));
        post(bound(spotNow * factor / 1e18 / 1e10 * 1e10, 700e18, 6000e18));
        _noteRounds();
        _refreshLive();
        _count("move", true);
    }

    function _noteRounds() private {
        Timestamp[] memory live = ledger.expiries();
        for (uint256 i; i < live.length; ++i) {
            if (live[i].rawTime() <= block.timestamp && firstRound[live[i]] == 0) firstRound[live[i]] = round;
        }
    }

    function _refreshLive() private {
        Timestamp[] memory live = ledger.expiries();
        for (uint256 i; i < live.length; ++i) {
            if (live[i].rawTime() > block.timestamp) ledger.refresh(live[i]);
        }
    }

    function settle() internal {
        Timestamp[] memory live = ledger.expiries();
        for (uint256 i; i < live.length; ++i) {
            if (live[i].rawTime() > block.timestamp) continue;
            market.settleExpiry(live[i], firstRound[live[i]]);
            _count("settle", true);
            return;
        }
    }

    /// S-1, S-5 and an exit for every settled expiry; a new one is listed when it is gone.
    function sweep(uint256 max) internal {
        Timestamp[] memory live = market.liveExpiries();
        for (uint256 i; i < live.length; ++i) {
            (Wad price,,,) = market.settlementOf(live[i]);
            if (price.isZero()) continue;
            bool done = market.sweep(live[i], bound(max, 1, 4));
            (Wad same, Wad scale, bool swept,) = market.settlementOf(live[i]);
            check(same == price, "S-5: settlement price changed");
            check(scale.raw() <= 1e18 && (!swept || scale.raw() > 0), "S-1: scale");
            if (done) listAround(3 * DAY + (max % 8) * 1 hours, spotNow / 100e18 * 100e18);
            _count(done ? "swept" : "sweep", true);
            return;
        }
    }

    function touchAll() internal {
        uint256[9] memory sum;
        for (uint256 i; i < people.length; ++i) {
            market.touch(people[i]);
            Leg[] memory legs = market.legsOf(people[i]);
            (Wad current, Wad[8] memory nodes) =
                margin.exposureFor(legs, market.balanceOf(people[i]), oracle.read().price);
            if (!_hasShorts(legs)) continue;
            sum[8] += current.raw();
            for (uint256 k; k < 8; ++k) sum[k] += nodes[k].raw();
        }
        (Wad now_, Wad[8] memory pool) = market.uncovered();
        near(int256(now_.raw()), int256(sum[8]), 5e9, "uncovered is the sum of accounts");
        for (uint256 k; k < 8; ++k) near(int256(pool[k].raw()), int256(sum[k]), 5e14, "node is the sum of accounts");
        _count("touchAll", true);
    }

    function hedgeNow() internal {
        try hedge.hedge() {
            _count("hedge", true);
        } catch {
            _count("hedge", false);
        }
    }

    function pokeBreaker() internal {
        breaker.poke();
        _count("poke", true);
    }

    function provide(uint256 amount) internal {
        fundPool(LP, bound(amount, 100e18, 50_000e18));
        _count("provide", true);
    }

    function redeem(uint256 share) internal {
        uint256 shares = vault.sharesOf(LP).raw() * bound(share, 1, 20) / 100;
        vm.prank(LP);
        try vault.requestWithdrawal(Wad.wrap(shares)) {
            _count("redeem", true);
        } catch {
            _count("redeem", false);
        }
    }

    // ------------------------------------------------------------ properties of every state

    /// T-1: custody equals the books.
    function checkMoney() public view {
        uint256 sum;
        for (uint256 i; i < market.accountCount(); ++i) sum += market.balanceOf(market.accountAt(i)).raw();
        eq(market.totalBalances(), sum, "T-1: total is the sum of balances");
        eq(token.balanceOf(address(market)) * UNIT, sum, "T-1: market's tokens");
        eq(token.balanceOf(address(insurance)) * UNIT, insurance.balance().raw(), "T-1: fund's tokens");
        check(token.balanceOf(address(vault)) * UNIT >= vault.cash().raw() + vault.pendingDeposits().raw(), "T-1: vault");
        check(token.balanceOf(address(auction)) == 0 && token.balanceOf(address(hedge)) == 0, "T-1: nothing sticks");
    }

    /// Q-1: legs, open interest and the ledger's net agree, series by series.
    function checkBook() public view {
        Timestamp[] memory live = ledger.expiries();
        for (uint256 i; i < live.length; ++i) {
            ExpiryBook memory b = ledger.book(live[i]);
            for (uint256 k; k < b.strikes.length; ++k) {
                int256 net = _checkSeries(seriesId(live[i], k, true)) + _checkSeries(seriesId(live[i], k, false));
                eq(b.net[k].rawS(), net, "Q-1: ledger's net");
            }
        }
    }

    function _checkSeries(SeriesId id) private view returns (int256 net) {
        (uint256 long, uint256 short) = (0, 0);
        for (uint256 i; i < people.length; ++i) {
            Leg[] memory legs = market.legsOf(people[i]);
            for (uint256 k; k < legs.length; ++k) {
                if (legs[k].id.rawId() != id.rawId()) continue;
                if (legs[k].size.isNegative()) short += legs[k].size.absS().raw();
                else long += legs[k].size.absS().raw();
            }
        }
        (Wad longs, Wad shorts) = market.openInterest(id);
        eq(longs, long, "Q-1: longs");
        eq(shorts, short, "Q-1: shorts");
        net = int256(long) - int256(short);
    }

    /// Nothing stays owed once every settled expiry is swept.
    function checkOwed() public view {
        Timestamp[] memory live = market.liveExpiries();
        for (uint256 i; i < live.length; ++i) {
            (Wad price,,,) = market.settlementOf(live[i]);
            if (!price.isZero()) return;
        }
        eq(market.settledOwed().rawS(), 0, "owed by or to nobody");
    }

    // ------------------------------------------------------------ helpers

    function _person(uint256 seed) private view returns (address) {
        return people[seed % people.length];
    }

    function _inAuction(uint256 seed) private view returns (address a) {
        for (uint256 i; i < people.length; ++i) {
            a = _person(seed % 5 + i);
            if (auction.auctionOf(a).startedAt.rawTime() != 0) return a;
        }
    }

    function _series(uint256 seed) private view returns (SeriesId) {
        Timestamp[] memory live = ledger.expiries();
        if (live.length == 0) return SeriesId.wrap(0);
        uint256 pick = seed % live.length;
        if (live[pick].rawTime() <= block.timestamp) pick = (pick + 1) % live.length;
        return seriesId(live[pick], (seed >> 8) % 5, seed >> 16 & 1 == 1);
    }

    function _hasShorts(Leg[] memory legs) private pure returns (bool) {
        for (uint256 i; i < legs.length; ++i) if (legs[i].size.isNegative()) return true;
        return false;
    }

    function _count(string memory name, bool done) private {
        Tally storage t = tally[name];
        if (t.done + t.refused == 0) names.push(name);
        if (done) ++t.done;
        else ++t.refused;
    }
}
