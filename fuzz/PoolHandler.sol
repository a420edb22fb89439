// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BreakerParams, OracleParams, VaultParams} from "../contracts/types/Params.sol";
import {Leg, Mode} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../contracts/types/Units.sol";
import {MarketHandler} from "./MarketHandler.sol";

interface JuniorToken {
    function balanceOf(address) external view returns (uint256);
    function totalSupply() external view returns (uint256);
    function transfer(address, uint256) external returns (bool);
    function mint(address, Wad) external;
    function take(address, Wad) external;
    function burn(Wad) external;
}

/// The whole pool with two classes of LP shares and a floor, its delays and breakers on: beside traders and liquidators LPs, guardian, lister, hedger, feeds
/// and a venue that fall ill and recover, and strangers who try what only the protocol may do.
contract PoolHandler is MarketHandler {
    enum Illness {
        NONE,
        WIDE, // the pull feed doubts itself
        APART, // the feeds differ by 1 %
        TORN, // and by 5 %
        PUSH_SILENT,
        PULL_SILENT,
        PUSH_DEAD,
        PULL_DEAD,
        PULL_MAD, // answers with nonsense
        PUSH_LIES // a third off
    }

    Illness public illness;
    bool internal venueOpen = true;
    bytes private _pushCode;
    bytes private _pullCode;
    uint256[] private _requests;
    mapping(uint256 => uint256) private _left; // of a request, as last seen
    mapping(uint256 => bool) private _cancelled;

    constructor() {
        (_pushCode, _pullCode) = (address(push).code, address(pull).code);
        vm.prank(lps[1]);
        token.approve(address(vault), type(uint256).max);
        for (uint256 i; i < people.length; ++i) {
            vm.prank(people[i]);
            token.approve(address(insurance), type(uint256).max);
        }
    }

    function _fundPool() internal override {
        super._fundPool();
        wait(1 hours);
        post(SPOT);
        vault.process(1);
    }

    function vaultParams() internal view override returns (VaultParams memory p) {
        p = super.vaultParams();
        (p.depositDelay, p.withdrawalDelay, p.maxWait) = (_s(1 hours), _s(2 hours), _s(2 days));
        (p.juniorWeight, p.floor) = (_w(3e18), _w(0.3e18));
    }

    function oracleParams() internal view override returns (OracleParams memory p) {
        p = super.oracleParams();
        p.jumpLimit = _w(0.12e18);
        p.disputeWindow = _s(p.pushHeartbeat.rawSeconds() + p.pushGrace.rawSeconds() + 1);
    }

    function breakerParams() internal view override returns (BreakerParams memory) {
        return BreakerParams({
            navDrop: _w(0.08e18),
            hedgeShortfall: _w(0.03e18),
            insuranceFloor: _w(0.1e18),
            freeLiquidity: _w(0.05e18),
            timeout: _s(1800),
            clear: _s(1800)
        });
    }

    function act(uint256 kind, uint256 a, uint256 b, uint256 c) public override {
        if (kind % 5 < 3) return super.act(kind / 5, a, b, c);
        kind = kind / 5 % 40;
        if (kind < 4) return hedgeNow();
        if (kind < 9) return pokeAll();
        if (kind < 13) return requestDeposit(a, b);
        if (kind < 17) return requestWithdrawal(a, b);
        if (kind < 19) return cancel(a, b);
        if (kind < 24) return process(a);
        if (kind < 25) return shareTransfer(a, b);
        if (kind < 27) return tighten(a);
        if (kind < 29) return sicken(a);
        if (kind < 33) return heal();
        if (kind < 34) return moveVol(a, b);
        if (kind < 35) return donate(a, b);
        if (kind < 37) return fix(a, b);
        kind < 39 ? strange(a, b) : listBadly(a, b);
    }

    // ------------------------------------------------------------ feeds and venue

    function post(uint256 spot) internal override {
        spotNow = spot;
        if (illness != Illness.PUSH_SILENT && illness != Illness.PUSH_DEAD) {
            round = push.post(int256((illness == Illness.PUSH_LIES ? spot * 4 / 3 : spot) / 1e10), block.timestamp);
        }
        if (illness < Illness.PULL_SILENT || illness == Illness.PUSH_DEAD) _postPull(spot);
        venue.postIndex(_w(spot), _w(1e18), venueOpen);
        must("oracle.poke", KEEPER, address(oracle), abi.encodeCall(oracle.poke, ()));
    }

    function _postPull(uint256 spot) private {
        uint256 seen = illness == Illness.APART ? spot * 101 / 100 : illness == Illness.TORN ? spot * 95 / 100 : spot;
        uint64 conf = illness == Illness.WIDE ? uint64(spot / 1e12) : 0;
        pull.post(PULL_ID, int64(uint64(seen / 1e10)), conf, -8, block.timestamp);
    }

    function sicken(uint256 seed) internal {
        heal();
        if (seed % 11 == 10) venueOpen = false;
        else illness = Illness(seed % 11);
        if (illness == Illness.PUSH_DEAD) vm.etch(address(push), hex"fe");
        if (illness == Illness.PULL_DEAD) vm.etch(address(pull), hex"fe");
        if (illness == Illness.PULL_MAD) vm.etch(address(pull), hex"60ff60005260206000f3");
        post(spotNow);
    }

    function heal() internal {
        (illness, venueOpen) = (Illness.NONE, true);
        vm.etch(address(push), _pushCode);
        vm.etch(address(pull), _pullCode);
        post(spotNow);
    }

    function moveVol(uint256 seed, uint256 vol) internal {
        Timestamp expiry = _series(seed).expiryOf();
        postVol(expiry, bound(vol, 0.4e18, 1.6e18));
        if (vol % 4 == 0) expiry = Timestamp.wrap(uint64(expiry.rawTime() + 1));
        attempt("surface.update", KEEPER, address(surface), abi.encodeCall(surface.update, (expiry)));
    }

    /// The first expiry, which may have come, or another; by its round or by a wrong one.
    function fix(uint256 seed, uint256 which) internal {
        Timestamp[] memory live = market.liveExpiries();
        if (live.length == 0) return;
        Timestamp expiry = live[seed % 4 == 0 ? seed % live.length : 0];
        if (which % 6 == 0) _lieAt(live[0]);
        uint80 id = which % 3 == 0 ? round : firstRound[expiry];
        if (which % 2 == 0) _dispute(expiry, id, which % 8 == 0 ? _person(seed) : address(this));
        attempt("oracle.fixSettlement", KEEPER, address(oracle), abi.encodeCall(oracle.fixSettlement, (expiry, id)));
    }

    /// The feed is right a minute before an expiry that is near, and wrong in the round that would settle it.
    function _lieAt(Timestamp expiry) private {
        if (expiry.rawTime() < block.timestamp + 120 || expiry.rawTime() > block.timestamp + 36 hours) return;
        heal();
        wait(expiry.rawTime() - block.timestamp - 60);
        post(spotNow);
        wait(90);
        illness = Illness.PUSH_LIES;
        post(spotNow);
        _noteRounds();
    }

    function _dispute(Timestamp expiry, uint80 id, address guardian) private {
        bytes memory data = abi.encodeCall(oracle.dispute, (expiry, id));
        (bool ok,) = attempt("oracle.dispute", guardian, address(oracle), data);
        check(!ok || guardian == address(this), "only the guardian disputes");
    }

    // ------------------------------------------------------------ keepers and guardian

    function hedgeNow() internal {
        attempt("hedge.hedge", KEEPER, address(hedge), abi.encodeCall(hedge.hedge, ()));
    }

    function pokeAll() internal {
        must("hedge.sync", KEEPER, address(hedge), abi.encodeCall(hedge.sync, ()));
        must("breaker.poke", KEEPER, address(breaker), abi.encodeCall(breaker.poke, ()));
        must("vault.assess", KEEPER, address(vault), abi.encodeCall(vault.assess, ()));
        must("market.square", KEEPER, address(market), abi.encodeCall(market.square, ()));
    }

    /// The guardian may only tighten; nobody else may do even that.
    function tighten(uint256 seed) internal {
        bool guardian = seed % 3 != 0;
        Mode wanted = Mode(seed / 3 % 4);
        Mode before = breaker.mode();
        bytes memory data = abi.encodeCall(breaker.tighten, (wanted));
        (bool ok,) = attempt("breaker.tighten", guardian ? address(this) : _person(seed), address(breaker), data);
        check(!ok || guardian, "only the guardian tightens");
        check(breaker.mode() >= before, "nobody loosens");
    }

    function donate(uint256 who, uint256 amount) internal {
        address a = _person(who);
        uint256 gift = amount % 4 == 0 ? (token.balanceOf(a) + 1) * UNIT : bound(amount, 0, 1_000e18);
        if (amount % 4 != 0) token.mint(a, gift / UNIT);
        bytes memory data = abi.encodeCall(insurance.donate, (_w(gift)));
        attempt("insurance.donate", a, address(insurance), data);
    }

    function listBadly(uint256 who, uint256 time) internal {
        Wad[] memory strikes = new Wad[](time % 15);
        for (uint256 i; i < strikes.length; ++i) strikes[i] = _w(SPOT * (5 + i) / 10);
        Timestamp expiry = Timestamp.wrap(uint64(block.timestamp + time % 3 * DAY));
        address a = who % 2 == 0 ? address(this) : _person(who);
        if (a == address(this) && time % 3 == 1 && strikes.length != 0 && strikes.length < 13) return; // would be a fine board
        refused("market.list", a, address(market), abi.encodeCall(market.list, (expiry, strikes)));
    }

    // ------------------------------------------------------------ LPs

    function requestDeposit(uint256 who, uint256 amount) internal {
        address lp = lps[who % 2];
        uint256 wanted = amount % 4 == 0 ? (token.balanceOf(lp) + 1) * UNIT : bound(amount, 0, 50_000e18);
        if (amount % 4 != 0) token.mint(lp, wanted / UNIT);
        if (amount % 3 == 0) _enter("vault.requestDeposit", lp, abi.encodeCall(vault.requestDeposit, (_w(wanted))));
        else _enter("vault.requestJuniorDeposit", lp, abi.encodeCall(vault.requestJuniorDeposit, (_w(wanted))));
    }

    /// Up to a tenth of the pool, now and then more than is held.
    function requestWithdrawal(uint256 who, uint256 share) internal {
        address lp = lps[who % 2];
        bool junior = who / 2 % 2 == 0;
        uint256 held = junior ? JuniorToken(vault.junior()).balanceOf(lp) : vault.sharesOf(lp).raw();
        uint256 shares = held * bound(share, 0, 12) / (share % 5 == 0 ? 10 : 100);
        if (junior) _enter("vault.requestJuniorWithdrawal", lp, abi.encodeCall(vault.requestJuniorWithdrawal, (_w(shares))));
        else _enter("vault.requestWithdrawal", lp, abi.encodeCall(vault.requestWithdrawal, (_w(shares))));
    }

    function _enter(string memory name, address lp, bytes memory data) private {
        (bool ok, bytes memory answer) = attempt(name, lp, address(vault), data);
        if (!ok) return;
        uint256 id = abi.decode(answer, (uint256));
        _requests.push(id);
        (, Wad amount,) = vault.requestOf(id);
        _left[id] = amount.raw();
    }

    function cancel(uint256 who, uint256 which) internal {
        if (_requests.length == 0) return;
        uint256 id = _requests[_requests.length - 1 - which % (_requests.length < 8 ? _requests.length : 8)];
        (address owner,,) = vault.requestOf(id);
        address lp = lps[who % 2];
        (bool ok,) = attempt("vault.cancel", lp, address(vault), abi.encodeCall(vault.cancel, (id)));
        check(!ok || owner == lp, "only one's own request");
        if (ok) _cancelled[id] = true;
    }

    function process(uint256 max) internal {
        max = max % 9 == 0 ? type(uint256).max : bound(max, 1, 12);
        attempt("vault.process", KEEPER, address(vault), abi.encodeCall(vault.process, (max)));
        _checkOrder(0);
        _checkOrder(1);
        must("vault.claim", KEEPER, address(vault), abi.encodeCall(vault.claim, (lps[max % 2])));
    }

    /// L-2: behind the first request that is open nothing was served.
    function _checkOrder(uint256 side) private {
        bool waits;
        for (uint256 i = _requests.length < 24 ? 0 : _requests.length - 24; i < _requests.length; ++i) {
            uint256 id = _requests[i];
            if (id & 1 != side || _cancelled[id]) continue;
            (, Wad amount,) = vault.requestOf(id);
            check(!waits || amount.raw() == _left[id], "L-2: served out of turn");
            if (!amount.isZero()) waits = true;
            _left[id] = amount.raw();
        }
    }

    function shareTransfer(uint256 who, uint256 amount) internal {
        (address from, address to) = (lps[who % 2], lps[1 - who % 2]);
        bool junior = amount % 3 == 0;
        address shares = junior ? vault.junior() : address(vault);
        amount = bound(amount, 0, JuniorToken(shares).balanceOf(from) * 5 / 4);
        bytes memory data = abi.encodeCall(JuniorToken.transfer, (to, amount));
        attempt(junior ? "junior.transfer" : "vault.transfer", from, shares, data);
    }

    // ------------------------------------------------------------ strangers

    function strange(uint256 who, uint256 which) internal {
        address a = which % 2 == 0 ? _person(who) : lps[who % 2];
        which = which / 2 % 14;
        Leg[] memory legs = market.legsOf(a);
        SeriesId id = legs.length == 0 ? _series(who) : legs[0].id;
        Wad one = _w(1e18);
        if (which == 0) refused("vault.credit", a, address(vault), abi.encodeCall(vault.credit, (one)));
        if (which == 1) refused("vault.debit", a, address(vault), abi.encodeCall(vault.debit, (a, one)));
        if (which == 2) refused("insurance.credit", a, address(insurance), abi.encodeCall(insurance.credit, (one)));
        if (which == 3) refused("insurance.cover", a, address(insurance), abi.encodeCall(insurance.cover, (one, true)));
        if (which == 4) refused("insurance.payBounty", a, address(insurance), abi.encodeCall(insurance.payBounty, (a, one)));
        if (which == 5) refused("market.closeForPool", a, address(market), abi.encodeCall(market.closeForPool, (a, one)));
        if (which == 6) refused("ledger.trade", a, address(ledger), abi.encodeCall(ledger.trade, (id, SWad.wrap(1e18), one, false)));
        if (which == 7) refused("ledger.remove", a, address(ledger), abi.encodeCall(ledger.remove, (id.expiryOf())));
        if (which == 8) refused("surface.list", a, address(surface), abi.encodeCall(surface.list, (id.expiryOf(), new Wad[](1))));
        if (which == 9) _stealSlice(a, _person(who % 5 + 1));
        if (which == 10) refused("vault.handOver", a, address(vault), abi.encodeCall(vault.handOver, (one)));
        address shares = vault.junior();
        if (which == 11) refused("junior.mint", a, shares, abi.encodeCall(JuniorToken.mint, (a, one)));
        if (which == 12) refused("junior.take", a, shares, abi.encodeCall(JuniorToken.take, (lps[who % 2], one)));
        if (which == 13) refused("junior.burn", a, shares, abi.encodeCall(JuniorToken.burn, (one)));
    }

    function _stealSlice(address thief, address victim) private {
        Wad none = _w(0);
        bytes memory data =
            abi.encodeCall(market.moveSlice, (victim, thief, _w(1e18), none, SWad.wrap(0), none, none, _w(2000e18)));
        refused("market.moveSlice", thief, address(market), data);
    }
}
