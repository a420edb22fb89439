// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ICircuitBreaker} from "./interfaces/ICircuitBreaker.sol";
import {IPushFeed} from "./interfaces/IFeeds.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IHedgeManager} from "./interfaces/IHedging.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {ILPVault} from "./interfaces/ILPVault.sol";
import {ILiquidationAuction} from "./interfaces/ILiquidationAuction.sol";
import {IMarginEngine} from "./interfaces/IMarginEngine.sol";
import {IOptionMarket} from "./interfaces/IOptionMarket.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {IPoolLens} from "./interfaces/IPoolLens.sol";
import {IVolSurface} from "./interfaces/IVolSurface.sol";
import {PoolMath} from "./libraries/PoolMath.sol";
import {ShareMath} from "./libraries/ShareMath.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {Addresses, ExpiryBook, HedgeDecision, HedgeInput, Solvency} from "./types/Types.sol";
import {SWad, Timestamp, Wad, blockTime} from "./types/Units.sol";

contract PoolLens is IPoolLens {
    IOracleGuard private immutable ORACLE;
    IVolSurface private immutable SURFACE;
    IGreekLedger private immutable LEDGER;
    IMarginEngine private immutable MARGIN;
    IOptionMarket private immutable MARKET;
    ILiquidationAuction private immutable AUCTION;
    IInsuranceFund private immutable INSURANCE;
    ILPVault private immutable VAULT;
    IHedgeManager private immutable HEDGE;
    ICircuitBreaker private immutable BREAKER;
    IPushFeed private immutable PUSH;
    ERC20 private immutable QUOTE;
    uint256 private immutable UNIT;
    ERC20 private immutable JUNIOR; // zero without tranches
    bool private immutable FLOORED; // the LPs have a floor

    constructor(Addresses memory book, address pushFeed) {
        ORACLE = IOracleGuard(book.oracle);
        SURFACE = IVolSurface(book.surface);
        LEDGER = IGreekLedger(book.ledger);
        MARGIN = IMarginEngine(book.margin);
        MARKET = IOptionMarket(book.market);
        AUCTION = ILiquidationAuction(book.auction);
        INSURANCE = IInsuranceFund(book.insurance);
        VAULT = ILPVault(book.vault);
        HEDGE = IHedgeManager(book.hedge);
        BREAKER = ICircuitBreaker(book.breaker);
        PUSH = IPushFeed(pushFeed);
        QUOTE = ERC20(book.quote);
        UNIT = TokenUnits.unitOf(QUOTE.decimals());
        JUNIOR = ERC20(VAULT.junior());
        FLOORED = !VAULT.params().floor.isZero();
    }

    function snapshot() external view returns (PoolState memory state) {
        state.time = blockTime();
        _feeds(state);
        _book(state);
        _hedge(state);
        _money(state);
        state.expiries = _expiries();
        state.freeLiquidity = _freeLiquidity(state);
    }

    function accounts(address[] calldata list) external view returns (AccountState[] memory states) {
        states = new AccountState[](list.length);
        for (uint256 i; i < list.length; ++i) {
            states[i] = _account(list[i]);
        }
    }

    function _feeds(PoolState memory state) private view {
        state.oracle = ORACLE.read();
        state.mode = BREAKER.effective(state.oracle.mode);
        state.twap = ORACLE.twap();
        _push(state);
    }

    function _push(PoolState memory state) private view {
        (uint80 round, int256 answer,, uint256 updatedAt,) = PUSH.latestRoundData();
        state.pushRound = round;
        state.pushPrice = Wad.wrap(answer > 0 ? uint256(answer) * TokenUnits.unitOf(PUSH.decimals()) : 0);
        state.pushTime = Timestamp.wrap(uint64(updatedAt));
    }

    function _book(PoolState memory state) private view {
        SWad[8] memory nodes;
        (state.greeks,, nodes, state.stale) = LEDGER.aggregate(state.oracle.price);
        state.worstStressNav = VAULT.worstStress(state.oracle.price, nodes);
    }

    function _hedge(PoolState memory state) private view {
        state.hedgeSize = HEDGE.size();
        state.hedgePending = HEDGE.pending();
        state.hedgeShortfall = HEDGE.shortfall();
        state.lastHedge = HEDGE.lastHedge();
        try HEDGE.preview() returns (HedgeDecision memory decision, HedgeInput memory) {
            state.hedge = decision;
        } catch {}
    }

    function _money(PoolState memory state) private view {
        state.nav = VAULT.navParts();
        state.insurance = INSURANCE.balance();
        state.solvency = _solvency(state);
        state.totalShares = VAULT.totalShares();
        state.sharePrice = Wad.wrap(ShareMath.price(state.nav.nav.rawS(), state.totalShares.raw()));
        if (address(JUNIOR) != address(0)) state.tranches = VAULT.split(state.nav.nav);
        state.pendingDeposits = VAULT.pendingDeposits();
        state.pendingWithdrawals = VAULT.pendingWithdrawals();
        state.totalBalances = MARKET.totalBalances();
        state.accounts = MARKET.accountCount();
        state.liveInsolvent = AUCTION.liveInsolvent();
    }

    /// @dev As the vault states it, from what is known already.
    function _solvency(PoolState memory state) private view returns (Solvency memory) {
        if (FLOORED) return VAULT.solvency();
        Wad spot = state.oracle.price;
        (Wad longs, Wad shorts) = MARKET.grossMarks(spot);
        Wad assets = state.nav.cash + HEDGE.equityAt(spot).positive() + state.insurance;
        return PoolMath.statement(assets, shorts.subFloor(state.nav.uncovered), longs, Wad.wrap(0));
    }

    /// @dev Likewise.
    function _freeLiquidity(PoolState memory state) private view returns (Wad) {
        if (FLOORED) return VAULT.freeLiquidity();
        uint256 share = VAULT.params().freeBuffer.raw();
        uint256 buffer = PoolMath.buffer(state.nav.nav.rawS(), share, state.expiries.length != 0);
        uint256 backed = PoolMath.backed(state.nav.cash, state.nav.settledOwed, state.worstStressNav);
        return Wad.wrap(FixedPointMathLib.zeroFloorSub(backed, buffer));
    }

    function _expiries() private view returns (ExpiryState[] memory states) {
        Timestamp[] memory live = MARKET.liveExpiries();
        states = new ExpiryState[](live.length);
        for (uint256 i; i < live.length; ++i) {
            states[i].expiry = live[i];
            (states[i].settlement, states[i].scale, states[i].swept,) = MARKET.settlementOf(live[i]);
            if (states[i].settlement.isZero()) _fillBook(states[i]);
        }
    }

    function _fillBook(ExpiryState memory state) private view {
        ExpiryBook memory b = LEDGER.book(state.expiry);
        (state.open,,) = SURFACE.status(state.expiry);
        state.refreshedAt = b.refreshedAt;
        state.shift = b.shift;
        state.impact = b.impact;
        state.liability = b.liability;
        state.delta = b.greeks.delta;
        state.gamma = b.greeks.gamma;
        state.vega = b.greeks.vega;
        state.net = b.net;
        state.anchors = b.anchors;
        (state.strikes, state.vols) = LEDGER.vols(state.expiry);
    }

    function _account(address who) private view returns (AccountState memory state) {
        state.account = who;
        (state.liquidatable, state.margin) = MARGIN.liquidatable(who);
        state.auction = AUCTION.auctionOf(who);
        state.lpShares = VAULT.sharesOf(who);
        if (address(JUNIOR) != address(0)) state.juniorShares = Wad.wrap(JUNIOR.balanceOf(who));
        state.wallet = Wad.wrap(QUOTE.balanceOf(who) * UNIT);
        state.legs = MARKET.legsOf(who);
    }
}
