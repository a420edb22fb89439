// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CollateralParams, MarketParams} from "../contracts/types/Params.sol";
import {Auction, BidPreview, Leg, MarginView} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../contracts/types/Units.sol";
import {MarketChecks} from "./MarketChecks.sol";

/// What the fuzzer may do to the market: traders, liquidators, whoever settles, time and prices. Refusals are counted;
/// a broken property reverts the handler, which fails the run.
contract MarketHandler is MarketChecks {
    mapping(Timestamp => uint80) internal firstRound; // first push round at or after an expiry
    mapping(Timestamp => Wad) internal settledAt;

    /// Any moneyness: the delta limit has its own test and would refuse most trades here.
    function marketParams() internal view virtual override returns (MarketParams memory p) {
        p = super.marketParams();
        p.maxDelta = _w(0);
    }

    constructor() {
        deploy();
        _fundPool();
        insure(20_000e18);
        list(3 * DAY);
        list(10 * DAY);
        for (uint256 i; i < people.length; ++i) fund(people[i], people[i] == WHALE ? 300_000e18 : 3_000e18 * (i + 1));
        for (uint256 i; i < people.length; ++i) pledge(people[i], 0.5e18 * (i + 1));
    }

    function collateralParams() internal view virtual override returns (CollateralParams memory) {
        return CollateralParams({cap: _w(40e18), discount: _w(0), saleTime: _s(1 hours)});
    }

    function _fundPool() internal virtual {
        fundPool(lps[0], 1_000_000e18);
    }

    /// One action; `kind` weighs them so that positions live, prices move and expiries come.
    function act(uint256 kind, uint256 a, uint256 b, uint256 c) public virtual {
        kind %= 110;
        if (kind < 33) return open(a, b, int256(c >> 1) - int256(type(uint256).max >> 2));
        if (kind < 39) return reduce(a, b, c);
        if (kind < 43) return deposit(a, b);
        if (kind < 47) return withdraw(a, b);
        if (kind < 66) return move(a, b);
        if (kind < 72) return start(a);
        if (kind < 79) return bid(a, b, c);
        if (kind < 86) return closeInsolvent(a);
        if (kind < 88) return end(a);
        if (kind < 93) return settle(a);
        if (kind < 98) return sweep(a);
        if (kind < 100) return touchAll();
        if (kind < 104) return depositUnits(a, b);
        kind < 107 ? withdrawUnits(a, b) : buyUnits(a, b, c);
    }

    // ------------------------------------------------------------ underlying

    /// Now and then more than the cap.
    function depositUnits(uint256 who, uint256 amount) internal {
        address a = _person(who);
        uint256 wanted = amount % 4 == 0 ? 50e18 : bound(amount, 0, 2e18);
        underlying.mint(a, wanted);
        bytes memory data = abi.encodeCall(collateral.depositUnderlying, (_w(wanted)));
        attempt("collateral.deposit", a, address(collateral), data);
    }

    /// X-1: who has no position always gets everything out.
    function withdrawUnits(uint256 who, uint256 amount) internal {
        address a = _person(who);
        uint256 held = _units(a).raw();
        uint256 wanted = amount % 4 == 0 ? held : bound(amount, 0, held * 11 / 10);
        bytes memory data = abi.encodeCall(collateral.withdrawUnderlying, (_w(wanted)));
        (bool ok,) = attempt("collateral.withdraw", a, address(collateral), data);
        if (ok) _healthy(a, "withdraw units");
        check(ok || wanted == 0 || wanted > held || market.legsOf(a).length != 0, "X-1: units are stuck");
    }

    function buyUnits(uint256 who, uint256 amount, uint256 limit) internal {
        uint256 price = collateral.price().raw();
        uint256 had = collateral.stock().raw();
        uint256 wanted = bound(amount, 0, 3e18);
        bytes memory data = abi.encodeCall(collateral.buy, (_w(wanted), _w(limit % 4 == 0 ? price / 2 : price)));
        (bool ok,) = attempt("collateral.buy", _person(who), address(collateral), data);
        if (ok) eq(had - collateral.stock().raw(), wanted < had ? wanted : had, "sold");
    }

    // ------------------------------------------------------------ traders

    /// Now and then more than the wallet has.
    function deposit(uint256 who, uint256 amount) internal {
        address a = _person(who);
        uint256 wanted = amount % 4 == 0 ? (token.balanceOf(a) + 1) * UNIT : bound(amount, 0, 2_000e18);
        if (amount % 4 != 0) token.mint(a, wanted / UNIT);
        attempt("market.deposit", a, address(market), abi.encodeCall(market.deposit, (_w(wanted))));
    }

    function withdraw(uint256 who, uint256 amount) internal {
        address a = people[who % 4];
        MarginView memory m = margin.marginOf(a);
        uint256 spare = (m.equity - m.initialMargin.signed()).positive().raw();
        uint256 most = market.balanceOf(a).raw() * 11 / 10;
        if (!m.initialMargin.isZero() && amount % 4 != 0) most = spare < most ? spare : most;
        bytes memory data = abi.encodeCall(market.withdraw, (_w(bound(amount, most / 2, most))));
        (bool ok,) = attempt("market.withdraw", a, address(market), data);
        if (ok) _healthy(a, "withdraw");
    }

    function open(uint256 who, uint256 series, int256 size) internal {
        SeriesId id = _series(series);
        _trade("market.trade", _person(who), id, bound(size, -4e18, 4e18) / 1e12 * 1e12);
    }

    function reduce(uint256 who, uint256 place, uint256 share) internal {
        address a = _person(who);
        Leg[] memory legs = market.legsOf(a);
        if (legs.length == 0) return;
        Leg memory leg = legs[place % legs.length];
        _trade("market.trade (reduce)", a, leg.id, -leg.size.rawS() * int256(bound(share, 1, 4)) / 4 / 1e12 * 1e12);
    }

    function _trade(string memory name, address a, SeriesId id, int256 size) private {
        bool opening = _opens(a, id, size);
        bytes memory data = abi.encodeCall(market.trade, (id, SWad.wrap(size), SWad.wrap(NO_LIMIT)));
        (bool ok,) = attempt(name, a, address(market), data);
        if (ok && opening) _healthy(a, "trade");
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
            address other = _person(who % 5 + i);
            (bool below,) = margin.liquidatable(other);
            if (below && !_isLive(other)) a = other;
        }
        MarginView memory m = margin.marginOf(a);
        bool live = _isLive(a);
        (bool ok,) = attempt("auction.start", KEEPER, address(auction), abi.encodeCall(auction.start, (a)));
        if (ok) check(live || m.equity < m.maintenanceMargin.signed(), "M-2: healthy account put up");
    }

    function bid(uint256 who, uint256 by, uint256 fraction) internal {
        address a = _inAuction(who);
        if (a == address(0) && by % 4 != 0) return start(who);
        Auction memory before = auction.auctionOf(a);
        BidPreview memory p;
        fraction = bound(fraction, 0.01e18, 1e18);
        if (before.startedAt.rawTime() != 0) p = auction.preview(a, _w(fraction));
        uint256 had = market.balanceOf(a).raw();
        bytes memory data = abi.encodeCall(auction.bid, (a, _w(fraction), p.payment, before.nonce));
        (bool ok,) = attempt("auction.bid", by % 3 == 0 ? _person(by >> 2) : WHALE, address(auction), data);
        if (ok) _checkBid(a, p, had);
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
        check(!_isLive(a), "A-1: still live");
    }

    function closeInsolvent(uint256 who) internal {
        address a = _inAuction(who);
        if (a == address(0) && who % 4 != 0) return start(who);
        bytes memory data = abi.encodeCall(auction.closeInsolvent, (a));
        uint256 fund = insurance.balance().raw();
        (bool ok,) = attempt("auction.closeInsolvent", KEEPER, address(auction), data);
        if (!ok) return;
        check(market.legsOf(a).length == 0, "closed");
        (, Wad left, Wad units) = market.accountOf(a);
        check(left.isZero() && units.isZero() || insurance.balance().raw() == fund, "S-2: the fund paid first");
    }

    function end(uint256 who) internal {
        attempt("auction.end", KEEPER, address(auction), abi.encodeCall(auction.end, (_inAuction(who))));
    }

    // ------------------------------------------------------------ world

    /// A crash or rally now and then, small moves otherwise.
    function move(uint256 seed, uint256 time) internal {
        uint256 factor = seed % 8 == 0 ? bound(seed >> 8, 0.6e18, 1.6e18) : bound(seed >> 8, 0.98e18, 1.02e18);
        wait(bound(time, 10, 5 hours));
        post(bound(spotNow * factor / 1e18 / 1e10 * 1e10, 700e18, 6000e18));
        _noteRounds();
        Timestamp[] memory live = ledger.expiries();
        for (uint256 i; i < live.length; ++i) {
            bytes memory data = abi.encodeCall(ledger.refresh, (live[i]));
            attempt("ledger.refresh", KEEPER, address(ledger), data);
        }
        if (time % 8 == 0) _refreshUnknown(time);
    }

    function _refreshUnknown(uint256 seed) private {
        bytes memory data = abi.encodeCall(ledger.refresh, (Timestamp.wrap(uint64(block.timestamp + 1 + seed % DAY))));
        attempt("ledger.refresh", KEEPER, address(ledger), data);
    }

    function _noteRounds() internal {
        try push.getRoundData(round) returns (uint80, int256, uint256, uint256 time, uint80) {
            Timestamp[] memory live = ledger.expiries();
            for (uint256 i; i < live.length; ++i) {
                if (live[i].rawTime() <= time && firstRound[live[i]] == 0) firstRound[live[i]] = round;
            }
        } catch {}
    }

    /// X-1: what has expired three days ago can be settled, whatever became of the feeds.
    function settle(uint256 seed) internal {
        Timestamp[] memory live = market.liveExpiries();
        if (live.length == 0) return;
        Timestamp expiry = live[seed % live.length];
        if (expiry.rawTime() > block.timestamp) expiry = live[0];
        (Wad before,,,) = market.settlementOf(expiry);
        bytes memory data = abi.encodeCall(market.settleExpiry, (expiry, firstRound[expiry]));
        (bool ok,) = attempt("market.settleExpiry", KEEPER, address(market), data);
        if (ok) (settledAt[expiry],,,) = market.settlementOf(expiry);
        check(ok || !before.isZero() || block.timestamp < expiry.rawTime() + 3 days, "X-1: cannot be settled");
    }

    /// S-1, S-5 and an exit for every settled expiry; a new one is listed when it is gone.
    function sweep(uint256 max) internal {
        Timestamp[] memory live = market.liveExpiries();
        if (live.length == 0) return;
        Timestamp expiry = live[max % 7 == 0 ? max % live.length : 0];
        bytes memory data = abi.encodeCall(market.sweep, (expiry, bound(max, 1, 4)));
        (bool ok, bytes memory answer) = attempt("market.sweep", KEEPER, address(market), data);
        if (!ok) return;
        (Wad price, Wad scale, bool swept,) = market.settlementOf(expiry);
        check(price == settledAt[expiry], "S-5: settlement price changed");
        check(scale.raw() <= 1e18 && (!swept || scale.raw() > 0), "S-1: scale");
        if (abi.decode(answer, (bool))) _listNext(max);
    }

    function _listNext(uint256 seed) private {
        Timestamp expiry = Timestamp.wrap(uint64(block.timestamp + 3 * DAY + (seed % 8) * 1 hours));
        postVol(expiry, VOL);
        Wad[] memory strikes = new Wad[](5);
        for (uint256 i; i < 5; ++i) strikes[i] = _w(spotNow / 100e18 * 100e18 * (8 + i) / 10);
        attempt("market.list", address(this), address(market), abi.encodeCall(market.list, (expiry, strikes)));
    }

    function touchAll() internal {
        uint256[9] memory sum;
        for (uint256 i; i < people.length; ++i) {
            must("market.touch", KEEPER, address(market), abi.encodeCall(market.touch, (people[i])));
            Leg[] memory legs = market.legsOf(people[i]);
            (Wad current, Wad[8] memory nodes) =
                margin.exposureFor(legs, market.balanceOf(people[i]), _units(people[i]), oracle.read().price);
            if (!_hasShorts(legs)) continue;
            sum[8] += current.raw();
            for (uint256 k; k < 8; ++k) sum[k] += nodes[k].raw();
        }
        (Wad now_, Wad[8] memory pool) = market.uncovered();
        near(int256(now_.raw()), int256(sum[8]), 5e9, "uncovered is the sum of accounts");
        for (uint256 k; k < 8; ++k) near(int256(pool[k].raw()), int256(sum[k]), 5e14, "node is the sum of accounts");
    }
}
