// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {IHedgeManager} from "../contracts/interfaces/IHedging.sol";
import {AsyncPerpVenue} from "../contracts/mocks/AsyncPerpVenue.sol";
import {PerpVenue} from "../contracts/mocks/PerpVenue.sol";
import {AsyncParams, MarketParams} from "../contracts/types/Params.sol";
import {HedgeDecision, VenuePosition} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";
import {Mix, Tally} from "./Tally.sol";
import {World} from "./World.sol";

/// Trades, prices, hedges, and a venue that dies and comes back, at once or by delayed orders. The pool's delta is
/// reckoned here from open interest with a normal distribution of its own.
contract HedgeHandler is World, Tally {
    /// H-2
    error Uncovered(int256 net, Wad band, Wad shortfall, SWad hedged, bool dead);

    bool internal immutable DELAYED;
    address internal constant LP = address(0x19);
    address internal constant TRADER = address(0xA1);

    Timestamp internal expiry;
    bytes internal code;
    bool internal dead;
    uint256 public kills;
    uint256 public vain; // hedges that found no venue to take them

    constructor(bool delayed) {
        DELAYED = delayed;
        deploy();
        code = address(venue).code;
        fundPool(LP, 1_000_000e18);
        fund(TRADER, 1_000_000e18);
        expiry = list(60 * DAY);
    }

    function newVenue() internal override returns (PerpVenue) {
        if (!DELAYED) return super.newVenue();
        AsyncParams memory timing = AsyncParams(_s(30), _s(600), _w(1e18));
        return PerpVenue(_new("AsyncPerpVenue", abi.encode(token, perpParams(), timing)));
    }

    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        (p.maxDelta, p.accountDeltaLimit, p.gammaLimit, p.vegaLimit) = (_w(0), _w(0), _w(0), _w(0));
    }

    function act(uint256 kind, uint256 a, uint256 b) public {
        kind %= 20;
        if (kind < 7) _trade(a, b);
        else if (kind < 11) _move(a, b);
        else if (kind < 16) _hedge();
        else if (kind < 18) _execute();
        else if (kind < 19) dead ? _revive() : _kill(a);
        else _others();
    }

    // ------------------------------------------------------------ actions

    function _trade(uint256 series, uint256 size) private {
        int256 lots = bound(int256(size >> 1), -40e18, 40e18) / 1e12 * 1e12;
        SeriesId id = seriesId(expiry, series % 5, series % 2 == 0);
        bytes memory data = abi.encodeCall(market.trade, (id, SWad.wrap(lots), SWad.wrap(NO_LIMIT)));
        attempt("market.trade", TRADER, address(market), data);
    }

    function _move(uint256 time, uint256 by) private {
        wait(bound(time, 10, 1200));
        uint256 spot = spotNow * bound(by, 0.94e18, 1.06e18) / 1e18;
        spotNow = bound(spot, 1000e18, 4000e18);
        round = push.post(int256(spotNow / 1e10), block.timestamp);
        pull.post(PULL_ID, int64(uint64(spotNow / 1e10)), 0, -8, block.timestamp);
        if (!dead) venue.postIndex(_w(spotNow), _w(1e18), true);
    }

    function _kill(uint256 how) private {
        dead = true;
        if (how % 3 == 0) vm.etch(address(venue), hex"fe");
        else if (how % 3 == 1) vm.etch(address(venue), "");
        else venue.postIndex(_w(spotNow), _w(1e18), false);
        ++kills;
    }

    function _revive() private {
        dead = false;
        vm.etch(address(venue), code);
        venue.postIndex(_w(spotNow), _w(1e18), true);
    }

    function _execute() private {
        if (!DELAYED || dead) return;
        address place = address(venue);
        if (block.timestamp % 4 != 0) attempt("venue.execute", address(this), place, abi.encodeCall(AsyncPerpVenue.execute, (address(hedge))));
        else attempt("venue.cancel", address(this), place, abi.encodeCall(AsyncPerpVenue.cancel, (address(hedge))));
    }

    /// H-5: nothing else reverts, whatever became of the venue.
    function _others() private {
        must("hedge.sync", TRADER, address(hedge), abi.encodeCall(hedge.sync, ()));
        refreshAll();
        must("vault.assess", TRADER, address(vault), abi.encodeCall(vault.assess, ()));
        must("breaker.poke", TRADER, address(breaker), abi.encodeCall(breaker.poke, ()));
        must("market.touch", TRADER, address(market), abi.encodeCall(market.touch, (TRADER)));
        check(vault.navParts().cash.raw() == vault.cash().raw(), "NAV can be stated");
    }

    // ------------------------------------------------------------ H-1 to H-4

    /// @dev Fresh books: the hedge then goes by the exact delta, not by Taylor's.
    function _hedge() private {
        refreshAll();
        SWad waits = hedge.pending();
        SWad held = hedge.size();
        int256 before = bookDelta() + (held + waits).rawS();
        (HedgeDecision memory decision,) = hedge.preview();
        (bool ok, bytes memory answer) = attempt("hedge.hedge", TRADER, address(hedge), abi.encodeCall(hedge.hedge, ()));
        bool idle = bytes4(answer) == IHedgeManager.NothingToHedge.selector;
        check(ok || idle, "H-5: a hedge reverts only for want of work");
        if (!ok) return;
        SWad done = abi.decode(answer, (SWad));
        if (done.isZeroS()) ++vain;
        _sign(before, done.rawS());
        _covered(done, decision.band);
        _leverage(held, done);
        if (!waits.isZeroS()) check(hedge.pending() == waits && done.isZeroS(), "H-4: ordered twice");
    }

    function _sign(int256 before, int256 done) private pure {
        if (done != 0) check(before > 0 == done < 0, "H-1: hedge has the sign that reduces delta");
    }

    /// @dev Against the band that it went by: a hedge moves the venue's cost, and with it the next band. Trades below a twentieth of it are not made. The distribution here is exact to
    /// 1e-7 per contract.
    function _covered(SWad done, Wad band) private view {
        int256 net = bookDelta() + (hedge.size() + hedge.pending()).rawS();
        uint256 most = band.raw() * 105 / 100 + hedge.shortfall().raw() + 0.001e18;
        if (FixedPointMathLib.abs(net) > most) revert Uncovered(net, band, hedge.shortfall(), done, dead);
    }

    function _leverage(SWad held, SWad done) private view {
        VenuePosition memory p = dead ? VenuePosition(SWad.wrap(0), SWad.wrap(0), _w(0)) : venue.position(address(hedge));
        bool grew = (held + done).absS() > held.absS();
        if (dead || !grew) return;
        uint256 notional = (held + done).absS().raw() * spotNow / 1e18;
        check(p.equity.rawS() * 4 >= int256(notional) * 999 / 1000, "H-3: leverage at most 4");
    }

    // ------------------------------------------------------------ the pool's delta, independently

    function bookDelta() public view returns (int256 delta) {
        (Wad[] memory strikes, Wad[] memory vols) = ledger.vols(expiry);
        for (uint256 i; i < strikes.length; ++i) {
            int256 calls = _interest(i, true);
            int256 puts = _interest(i, false);
            int256 up = _normal(_d1(strikes[i].raw(), vols[i].raw()));
            delta -= (calls * up + puts * (up - 1e18)) / 1e18;
        }
    }

    function _interest(uint256 i, bool isCall) private view returns (int256) {
        (Wad longs, Wad shorts) = market.openInterest(seriesId(expiry, i, isCall));
        return int256(longs.raw()) - int256(shorts.raw());
    }

    function _d1(uint256 strike, uint256 vol) private view returns (int256) {
        int256 width = int256(vol * FixedPointMathLib.sqrt((expiry.rawTime() - block.timestamp) * 1e36 / 365 days) / 1e18);
        return FixedPointMathLib.lnWad(int256(spotNow * 1e18 / strike)) * 1e18 / width + width / 2;
    }

    /// @dev Abramowitz and Stegun 26.2.17.
    function _normal(int256 x) private pure returns (int256) {
        int256 y = x < 0 ? -x : x;
        int256 t = 1e36 / (1e18 + 0.2316419e18 * y / 1e18);
        int256 poly = 1.330274429e18 * t / 1e18 - 1.821255978e18;
        poly = poly * t / 1e18 + 1.781477937e18;
        poly = poly * t / 1e18 - 0.356563782e18;
        poly = (poly * t / 1e18 + 0.31938153e18) * t / 1e18;
        int256 density = 0.3989422804014327e18 * FixedPointMathLib.expWad(-y * y / 2e18) / 1e18;
        int256 tail = density * poly / 1e18;
        return x < 0 ? tail : int256(1e18) - tail;
    }
}

abstract contract HedgeInvariantsBase is Mix {
    HedgeHandler internal handler;

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// One long life with a fixed seed in which everything happens.
    function test_life_everythingHappens() public {
        for (uint256 i; i < 400; ++i) {
            handler.act(_draw(i, 0), _draw(i, 1), _draw(i, 2));
        }
        check(handler.timesOf("market.trade", true) > 50, "trades");
        check(handler.timesOf("hedge.hedge", true) + handler.timesOf("venue.execute", true) > 10, "hedges");
        check(handler.kills() > 3 && handler.vain() > 0, "deaths");
    }

    function afterInvariant() public {
        writeMix(handler);
    }

    function _draw(uint256 i, uint256 k) private pure returns (uint256) {
        return uint256(keccak256(abi.encode("hedges", i, k)));
    }
}

/// H-1, H-2, H-3, H-5 at a venue that fills at once.
contract HedgeInvariants is HedgeInvariantsBase {
    function setUp() public {
        handler = new HedgeHandler(false);
    }

    function invariant_hedgesHoldTheirLine() public view {
        handler.bookDelta();
    }
}

/// H-1, H-2, H-4, H-5 at a venue whose orders wait.
contract DelayedHedgeInvariants is HedgeInvariantsBase {
    function setUp() public {
        handler = new HedgeHandler(true);
    }

    function invariant_ordersWaitAndHedgesHoldTheirLine() public view {
        handler.bookDelta();
    }
}
