// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {IHedgeManager} from "../interfaces/IHedging.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {Leg, TradeResult} from "../types/Types.sol";
import {SWad, SeriesId, Wad, expiryOf} from "../types/Units.sol";
import {MockPullFeed} from "./MockPullFeed.sol";
import {MockPushFeed} from "./MockPushFeed.sol";
import {PerpVenue} from "./PerpVenue.sol";

/// An account that trades when its cycler says so.
contract CycleAccount {
    address private immutable CYCLER;
    IOptionMarket private immutable MARKET;

    error OnlyCycler(address caller);

    constructor(IOptionMarket market, address quote) {
        (CYCLER, MARKET) = (msg.sender, market);
        ERC20(quote).approve(address(market), type(uint256).max);
    }

    function deposit(Wad amount) external {
        MARKET.deposit(amount);
    }

    function trade(SeriesId id, SWad size) external returns (TradeResult memory) {
        if (msg.sender != CYCLER) revert OnlyCycler(msg.sender);
        return MARKET.trade(id, size, SWad.wrap(type(int128).max));
    }
}

/// Plays a cycle of two accounts' trades, with prices and protocol hedges in between, inside one call, brings price and
/// positions back and says what it paid: the inner loop of a search for cycles that pay their trader.
contract Cycler {
    /// @dev Zero: no trade; the price stays. shut: the venue refuses at this step, so that a hedge only sets the band.
    /// closing: whether the pool hedges after each closing trade, too.
    struct Step {
        uint8 who;
        SeriesId series;
        SWad size;
        Wad price;
        bool hedges;
        bool shut;
        bool closing;
    }

    /// @dev charged, cash: + the accounts paid.
    struct Outcome {
        SWad charged; // inventory fees less rebates
        Wad rebates;
        SWad cash;
        uint256 trades;
        uint256 hedges;
        bool closed;
    }

    int32 private constant DECIMALS = -8;
    uint256 private constant FEED_UNIT = 1e10;

    IOptionMarket private immutable MARKET;
    IHedgeManager private immutable HEDGE;
    IGreekLedger private immutable LEDGER;
    MockPushFeed private immutable PUSH;
    MockPullFeed private immutable PULL;
    PerpVenue private immutable VENUE;
    bytes32 private immutable PULL_ID;
    CycleAccount[2] public accounts;

    constructor(address market, address hedge, address ledger, address push, address pull, address venue, bytes32 id) {
        (MARKET, HEDGE, LEDGER) = (IOptionMarket(market), IHedgeManager(hedge), IGreekLedger(ledger));
        (PUSH, PULL, VENUE, PULL_ID) = (MockPushFeed(push), MockPullFeed(pull), PerpVenue(venue), id);
    }

    /// @notice Two accounts; whoever gives them quote lets them deposit it.
    function open(address quote) external {
        (accounts[0], accounts[1]) = (new CycleAccount(MARKET, quote), new CycleAccount(MARKET, quote));
    }

    function play(Step[] calldata steps, Wad price) external returns (Outcome memory done) {
        _post(price, steps);
        for (uint256 i; i < steps.length; ++i) {
            if (!steps[i].price.isZero()) _post(steps[i].price, steps);
            _trade(done, accounts[steps[i].who], steps[i].series, steps[i].size);
            if (steps[i].hedges) _hedge(done, steps[i].shut);
        }
        _post(price, steps);
        for (uint256 i = steps.length; i != 0; --i) {
            _close(done, accounts[steps[i - 1].who], steps[i - 1].series);
            if (steps[i - 1].closing) _hedge(done, false);
        }
        done.closed = MARKET.legsOf(address(accounts[0])).length + MARKET.legsOf(address(accounts[1])).length == 0;
    }

    function _trade(Outcome memory done, CycleAccount account, SeriesId id, SWad size) private {
        if (size.isZeroS()) return;
        try account.trade(id, size) returns (TradeResult memory r) {
            done.charged = done.charged + r.inventory;
            done.rebates = done.rebates + (-r.inventory).positive();
            done.cash = done.cash + r.cash;
            ++done.trades;
        } catch {}
    }

    function _close(Outcome memory done, CycleAccount account, SeriesId id) private {
        Leg[] memory legs = MARKET.legsOf(address(account));
        for (uint256 i; i < legs.length; ++i) {
            if (SeriesId.unwrap(legs[i].id) == SeriesId.unwrap(id)) _trade(done, account, id, -legs[i].size);
        }
    }

    function _hedge(Outcome memory done, bool shut) private {
        (Wad index, Wad depth,,,,) = VENUE.state();
        if (shut) VENUE.postIndex(index, depth, false);
        try HEDGE.hedge() returns (SWad size) {
            if (!size.isZeroS()) ++done.hedges;
        } catch {}
        if (shut) VENUE.postIndex(index, depth, true);
    }

    function _post(Wad price, Step[] calldata steps) private {
        PUSH.post(int256(price.raw() / FEED_UNIT), block.timestamp);
        PULL.post(PULL_ID, int64(uint64(price.raw() / FEED_UNIT)), 0, DECIMALS, block.timestamp);
        VENUE.postIndex(price, Wad.wrap(1e18), true);
        LEDGER.refresh(expiryOf(steps[0].series));
    }
}
