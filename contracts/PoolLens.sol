// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
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
import {IUnderlyingCollateral} from "./interfaces/IUnderlyingCollateral.sol";
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
    IUnderlyingCollateral private immutable COLLATERAL; // zero where no underlying is taken
    ERC20 private immutable QUOTE;
    uint256 private immutable UNIT;
    ERC20 private immutable UNDERLYING;
    uint256 private immutable UNDERLYING_UNIT;
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
        (COLLATERAL, UNDERLYING) = (IUnderlyingCollateral(book.collateral), ERC20(book.underlying));
        UNDERLYING_UNIT = _hasCollateral() ? TokenUnits.unitOf(UNDERLYING.decimals()) : 0;
        JUNIOR = ERC20(VAULT.junior());
        FLOORED = !VAULT.params().floor.isZero();
    }

    function signals() external view returns (Signals memory s) {
        s.time = blockTime();
        s.oracle = ORACLE.read();
        s.mode = BREAKER.effective(s.oracle.mode);
        (s.pushRound, s.pushPrice, s.pushTime) = _push();
        (s.greeks,,, s.stale) = LEDGER.aggregate(s.oracle.price);
        _hedge(s);
        s.insurance = INSURANCE.balance();
        if (_hasCollateral()) (s.stock, s.stockPrice) = (COLLATERAL.stock(), COLLATERAL.price());
        s.open = _open();
    }

    function statement() external view returns (Statement memory s) {
        Wad spot = ORACLE.read().price;
        s.twap = ORACLE.twap();
        s.nav = VAULT.navParts();
        s.solvency = _solvency(s, spot);
        (,, SWad[8] memory nodes,) = LEDGER.aggregate(spot);
        s.worstStressNav = VAULT.worstStress(spot, nodes);
        (s.hedgeShortfall, s.lastHedge) = (HEDGE.shortfall(), HEDGE.lastHedge());
        s.freeLiquidity = _freeLiquidity(s);
        _shares(s);
        (s.totalBalances, s.accounts) = (MARKET.totalBalances(), MARKET.accountCount());
        if (_hasCollateral()) s.totalUnits = COLLATERAL.totalUnits();
        s.liveInsolvent = AUCTION.liveInsolvent();
    }

    function boards(Timestamp[] calldata expiries) external view returns (Board[] memory list) {
        Timestamp[] memory asked = expiries.length != 0 ? expiries : MARKET.liveExpiries();
        list = new Board[](asked.length);
        for (uint256 i; i < asked.length; ++i) {
            list[i].expiry = asked[i];
            (list[i].settlement, list[i].scale, list[i].swept,) = MARKET.settlementOf(asked[i]);
            if (list[i].settlement.isZero()) _fill(list[i]);
        }
    }

    function accounts(address[] calldata list) external view returns (AccountState[] memory states) {
        states = new AccountState[](list.length);
        for (uint256 i; i < list.length; ++i) {
            states[i] = _account(list[i]);
        }
    }

    function _push() private view returns (uint80 round, Wad price, Timestamp time) {
        (uint80 latest, int256 answer,, uint256 updatedAt,) = PUSH.latestRoundData();
        price = Wad.wrap(answer > 0 ? uint256(answer) * TokenUnits.unitOf(PUSH.decimals()) : 0);
        return (latest, price, Timestamp.wrap(uint64(updatedAt)));
    }

    function _hedge(Signals memory s) private view {
        (s.hedgeSize, s.hedgePending) = (HEDGE.size(), HEDGE.pending());
        try HEDGE.preview() returns (HedgeDecision memory decision, HedgeInput memory) {
            s.hedge = decision;
        } catch {}
    }

    function _hasCollateral() private view returns (bool) {
        return address(COLLATERAL) != address(0);
    }

    function _open() private view returns (uint256 bits) {
        Timestamp[] memory live = MARKET.liveExpiries();
        for (uint256 i; i < live.length; ++i) {
            (bool open,,) = SURFACE.status(live[i]);
            if (open && !_settled(live[i])) bits |= 1 << i;
        }
    }

    function _settled(Timestamp expiry) private view returns (bool) {
        (Wad price,,,) = MARKET.settlementOf(expiry);
        return !price.isZero();
    }

    /// @dev As the vault states it, from what is known already.
    function _solvency(Statement memory s, Wad spot) private view returns (Solvency memory) {
        if (FLOORED) return VAULT.solvency();
        (Wad longs, Wad shorts) = MARKET.grossMarks(spot);
        Wad own = s.nav.cash + s.nav.underlying;
        Wad assets = own + HEDGE.equityAt(spot).positive() + INSURANCE.balance();
        return PoolMath.statement(assets, shorts.subFloor(s.nav.uncovered), longs, Wad.wrap(0));
    }

    /// @dev Likewise.
    function _freeLiquidity(Statement memory s) private view returns (Wad) {
        if (FLOORED) return VAULT.freeLiquidity();
        bool listed = MARKET.liveExpiries().length != 0;
        uint256 buffer = PoolMath.buffer(s.nav.nav.rawS(), VAULT.params().freeBuffer.raw(), listed);
        int256 backed = PoolMath.backed(s.nav.cash, s.nav.settledOwed, s.worstStressNav);
        return Wad.wrap(PoolMath.free(backed, buffer));
    }

    function _shares(Statement memory s) private view {
        s.totalShares = VAULT.totalShares();
        s.sharePrice = Wad.wrap(ShareMath.price(s.nav.nav.rawS(), s.totalShares.raw()));
        if (address(JUNIOR) != address(0)) s.tranches = VAULT.split(s.nav.nav);
        (s.pendingDeposits, s.pendingWithdrawals) = (VAULT.pendingDeposits(), VAULT.pendingWithdrawals());
    }

    function _fill(Board memory board) private view {
        ExpiryBook memory b = LEDGER.book(board.expiry);
        (board.refreshedAt, board.shift, board.impact) = (b.refreshedAt, b.shift, b.impact);
        (board.liability, board.delta) = (b.liability, b.greeks.delta);
        (board.gamma, board.vega) = (b.greeks.gamma, b.greeks.vega);
        (board.net, board.anchors) = (b.net, b.anchors);
        (board.strikes, board.vols) = LEDGER.vols(board.expiry);
    }

    function _account(address who) private view returns (AccountState memory state) {
        state.account = who;
        (state.liquidatable, state.margin) = MARGIN.liquidatable(who);
        state.auction = AUCTION.auctionOf(who);
        state.lpShares = VAULT.sharesOf(who);
        if (address(JUNIOR) != address(0)) state.juniorShares = Wad.wrap(JUNIOR.balanceOf(who));
        state.wallet = Wad.wrap(QUOTE.balanceOf(who) * UNIT);
        if (_hasCollateral()) state.underlyingWallet = Wad.wrap(UNDERLYING.balanceOf(who) * UNDERLYING_UNIT);
        state.legs = MARKET.legsOf(who);
    }
}
