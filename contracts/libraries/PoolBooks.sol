// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ICircuitBreaker} from "../interfaces/ICircuitBreaker.sol";
import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {IHedgeManager} from "../interfaces/IHedging.sol";
import {IInsuranceFund} from "../interfaces/IInsuranceFund.sol";
import {ILiquidationAuction} from "../interfaces/ILiquidationAuction.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {IOracleGuard} from "../interfaces/IOracleGuard.sol";
import {IUnderlyingCollateral} from "../interfaces/IUnderlyingCollateral.sol";
import {IVolSurface} from "../interfaces/IVolSurface.sol";
import {BookGreeks, Mode, NavParts, OracleView, Solvency} from "../types/Types.sol";
import {ONE, SWad, Timestamp, Wad} from "../types/Units.sol";
import {PoolMath} from "./PoolMath.sol";

/// What the vault asks its neighbours to state what the pool is worth. A contract of its own because of the limit on a
/// contract's size; it works on the vault's behalf and keeps nothing.
library PoolBooks {
    struct Neighbours {
        IOracleGuard oracle;
        IVolSurface surface;
        IGreekLedger ledger;
        IOptionMarket market;
        ILiquidationAuction auction;
        IInsuranceFund insurance;
        IHedgeManager hedge;
        ICircuitBreaker breaker;
        IUnderlyingCollateral collateral; // zero where no underlying is taken
    }

    /// @dev What weighs on NAV besides the book: shorts' debts beyond their collateral, settled and unpaid claims.
    struct Burden {
        Wad uncovered;
        Wad[8] uncoveredAt; // at the stress nodes
        SWad settled;
    }

    /// What decides whether the queues move, and at which values. Wad.
    struct Sight {
        Mode mode;
        Mode oracleMode;
        Timestamp unknown; // first expiry whose value is not known; zero when none
        bool listed; // there is a book
        uint256 auctions; // open insolvent ones
        int256 low; // NAV
        int256 mid;
        int256 high;
        int256 backed; // min(cash, worst stressed NAV)
    }

    /// @dev The options and the hedge near the oracle's price, from stored values.
    struct Book {
        OracleView seen;
        BookGreeks greeks;
        SWad liability;
        SWad[8] nodes; // what is owed at the stress nodes
        SWad equity; // of the hedge
        SWad slope; // of that equity, per 100 % of spot; it is linear
        SWad stock; // underlying taken for debts, less the haircut
        uint256 doubt; // what the anchors may be wrong by, wad
    }

    /// With a net surplus above this share of assets the gross marks cannot show a shortfall: the difference of the
    /// two forms is V u^2 / 2 of the cost function and the ledger's Taylor error.
    uint256 private constant COMFORT = 0.25e18;

    // ------------------------------------------------------------ net asset value

    function navParts(Neighbours memory n, Wad cash) external view returns (NavParts memory p) {
        OracleView memory seen = n.oracle.read();
        Wad spot = seen.price;
        Burden memory b = _burden(n.market);
        p.cash = cash;
        p.underlying = _sure(n, seen.low);
        p.hedgeEquity = _liveEquity(n.hedge, n.hedge.equityAt(spot));
        p.liability = n.ledger.liabilityAt(spot);
        (p.uncovered, p.settledOwed) = (b.uncovered, b.settled);
        p.nav = (cash + p.underlying).signed() - b.uncovered.signed() - b.settled + p.hedgeEquity - p.liability;
    }

    function _sure(Neighbours memory n, Wad spot) private view returns (Wad sure) {
        (, sure) = _stock(n, spot);
    }

    /// @dev Underlying that the pool took for debts: in full, and less the haircut.
    function _stock(Neighbours memory n, Wad spot) private view returns (Wad full, Wad sure) {
        if (address(n.collateral) != address(0)) (full, sure) = n.collateral.stockValue(spot);
    }

    /// @notice From stored values: cheap, for limits.
    function navFast(Neighbours memory n, Wad cash, Wad spot) external view returns (SWad) {
        (, SWad liability,,) = n.ledger.aggregate(spot);
        (Wad uncovered,) = n.market.uncovered();
        SWad own = (cash + _sure(n, spot)).signed() + n.hedge.equityAt(spot);
        return own - uncovered.signed() - n.market.settledOwed() - liability;
    }

    function _burden(IOptionMarket market) private view returns (Burden memory b) {
        (b.uncovered, b.uncoveredAt) = market.uncovered();
        b.settled = market.settledOwed();
    }

    /// @dev A venue that does not answer is valued by what the manager last stored.
    function _liveEquity(IHedgeManager hedge, SWad stored) private view returns (SWad) {
        try hedge.equity() returns (SWad live) {
            return live;
        } catch {
            return stored;
        }
    }

    // ------------------------------------------------------------ for the queue

    /// @notice `volBand`: vol that the feed is off by when it has no confidence; 0 = anchors are not doubted.
    function look(Neighbours memory n, Wad cash, uint256 volBand) external view returns (Sight memory s) {
        Book memory book;
        book.seen = n.oracle.read();
        (s.oracleMode, s.mode) = (book.seen.mode, n.breaker.effective(book.seen.mode));
        s.auctions = n.auction.liveInsolvent();
        (book.greeks, book.liability, book.nodes, s.unknown) = n.ledger.aggregate(book.seen.price);
        (book.equity, book.slope) = _hedgeLine(n.hedge, book.seen.price);
        _lookAtExpiries(n, s, book, volBand);
        Burden memory b = _burden(n.market);
        s.mid = (cash.signed() - b.uncovered.signed() - b.settled - book.liability).rawS();
        s.mid += _liveEquity(n.hedge, book.equity).rawS();
        Wad above = _addStock(n, book);
        s.mid += book.stock.rawS();
        s.backed = PoolMath.backed(cash, b.settled, _worst(book.equity, book.slope, book.nodes, b, cash));
        _setBand(s, book);
        s.high += int256(above.raw());
    }

    /// @dev The stock moves with spot like a hedge. Who comes in pays for the haircut that who stays may win back.
    function _addStock(Neighbours memory n, Book memory book) private view returns (Wad above) {
        (Wad full, Wad sure) = _stock(n, book.seen.low);
        book.stock = sure.signed();
        book.equity = book.equity + book.stock;
        book.slope = book.slope + full.signed();
        return full - sure;
    }

    function _lookAtExpiries(Neighbours memory n, Sight memory s, Book memory book, uint256 volBand) private view {
        Timestamp[] memory live = n.market.liveExpiries();
        s.listed = live.length != 0;
        for (uint256 i; i < live.length && s.unknown.rawTime() == 0; ++i) {
            if (live[i].rawTime() > block.timestamp) book.doubt += volBand == 0 ? 0 : _doubt(n, live[i], volBand);
            else if (!_swept(n.market, live[i])) s.unknown = live[i];
        }
    }

    function _swept(IOptionMarket market, Timestamp expiry) private view returns (bool swept) {
        (,, swept,) = market.settlementOf(expiry);
    }

    /// @dev What an expiry's book may be worth more or less: its anchors are behind the feed by the gap, and the feed
    /// itself is not certain.
    function _doubt(Neighbours memory n, Timestamp expiry, uint256 volBand) private view returns (uint256) {
        (, Wad gap, Wad confidence) = n.surface.status(expiry);
        uint256 vol = gap.raw() + FixedPointMathLib.fullMulDivUp(volBand, ONE - confidence.raw(), ONE);
        return FixedPointMathLib.fullMulDivUp(n.ledger.vegaOf(expiry).absS().raw(), vol, ONE);
    }

    /// @dev Lowest and highest NAV at the accepted price and the ends of its band, less and plus the anchors' doubt.
    function _setBand(Sight memory s, Book memory book) private pure {
        int256 down = _moved(book, book.seen.low);
        int256 up = _moved(book, book.seen.high);
        int256 doubt = int256(book.doubt);
        s.low = s.mid + FixedPointMathLib.min(0, FixedPointMathLib.min(down, up)) - doubt;
        s.high = s.mid + FixedPointMathLib.max(0, FixedPointMathLib.max(down, up)) + doubt;
    }

    /// @dev What the pool gains if spot goes to `spot`, to second order.
    function _moved(Book memory book, Wad spot) private pure returns (int256) {
        SWad move = spot.signed() - book.seen.price.signed();
        if (move.isZeroS()) return 0;
        SWad curve = book.greeks.gamma.mulS(move).mulS(move);
        SWad line = book.greeks.delta.mulS(move) + book.slope.mulS(move.divS(book.seen.price));
        return (line + SWad.wrap(curve.rawS() / 2)).rawS();
    }

    // ------------------------------------------------------------ stress

    function worstStress(Neighbours memory n, Wad cash, Wad spot, SWad[8] memory nodes) external view returns (SWad) {
        (SWad equity, SWad slope) = _hedgeLine(n.hedge, spot);
        SWad stock = _sure(n, spot).signed();
        return _worst(equity + stock, slope + stock, nodes, _burden(n.market), cash);
    }

    /// @dev The stored hedge at `spot` and its gain per 100 % of spot.
    function _hedgeLine(IHedgeManager hedge, Wad spot) private view returns (SWad equity, SWad slope) {
        equity = hedge.equityAt(spot);
        slope = hedge.equityAt(spot + spot) - equity;
    }

    /// @dev Lowest NAV over the stress nodes.
    function _worst(SWad equity, SWad slope, SWad[8] memory nodes, Burden memory b, Wad cash)
        private
        pure
        returns (SWad)
    {
        return PoolMath.worstNode(slope, nodes, b.uncoveredAt) + equity + cash.signed() - b.settled;
    }

    // ------------------------------------------------------------ solvency

    function solvency(Neighbours memory n, Wad cash, Wad reserved) external view returns (Solvency memory) {
        OracleView memory seen = n.oracle.read();
        return _gross(n, cash + _sure(n, seen.low), seen.price, reserved);
    }

    /// @notice The same, with longs and shorts netted where that is enough. `known`: nav is from fresh Greeks and a
    /// trusted price.
    function assess(Neighbours memory n, Wad cash, Wad reserved)
        external
        view
        returns (Solvency memory s, int256 nav, bool known)
    {
        OracleView memory seen = n.oracle.read();
        (, SWad liability,, Timestamp stale) = n.ledger.aggregate(seen.price);
        cash = cash + _sure(n, seen.low);
        (Wad uncovered,) = n.market.uncovered();
        SWad owed = liability + uncovered.signed() + n.market.settledOwed();
        nav = (cash.signed() + n.hedge.equityAt(seen.price) - owed).rawS();
        known = stale.rawTime() == 0 && seen.mode == Mode.NORMAL;
        Wad assets = _assets(n, cash, seen.price);
        s = PoolMath.statement(assets, (-owed).positive(), owed.positive(), reserved);
        bool clear = assets.signed() - owed - reserved.signed() > assets.mulDown(Wad.wrap(COMFORT)).signed();
        if (stale.rawTime() != 0 || !clear) s = _gross(n, cash, seen.price, reserved);
    }

    /// @dev cash: with the stock.
    function _gross(Neighbours memory n, Wad cash, Wad spot, Wad reserved) private view returns (Solvency memory) {
        (Wad longs, Wad shorts) = n.market.grossMarks(spot);
        (Wad uncovered,) = n.market.uncovered();
        return PoolMath.statement(_assets(n, cash, spot), shorts.subFloor(uncovered), longs, reserved);
    }

    function _assets(Neighbours memory n, Wad cash, Wad spot) private view returns (Wad) {
        return cash + n.hedge.equityAt(spot).positive() + n.insurance.balance();
    }
}
