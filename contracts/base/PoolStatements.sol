// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ICircuitBreaker} from "../interfaces/ICircuitBreaker.sol";
import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {IHedgeManager} from "../interfaces/IHedging.sol";
import {IInsuranceFund} from "../interfaces/IInsuranceFund.sol";
import {ILPVault} from "../interfaces/ILPVault.sol";
import {ILiquidationAuction} from "../interfaces/ILiquidationAuction.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {IOracleGuard} from "../interfaces/IOracleGuard.sol";
import {PoolMath} from "../libraries/PoolMath.sol";
import {Addresses, NavParts, OracleView, Solvency} from "../types/Types.sol";
import {ONE, SWad, Timestamp, Wad} from "../types/Units.sol";

/// What the pool owns and owes: net asset value, stressed value, solvency.
abstract contract PoolStatements is ILPVault {
    IOracleGuard internal immutable ORACLE;
    IGreekLedger internal immutable LEDGER;
    IOptionMarket internal immutable MARKET;
    ILiquidationAuction internal immutable AUCTION;
    IInsuranceFund internal immutable INSURANCE;
    IHedgeManager internal immutable HEDGE;
    ICircuitBreaker internal immutable BREAKER;

    /// @dev What weighs on NAV besides the book: shorts' debts beyond their collateral, settled and unpaid claims.
    struct Burden {
        Wad uncovered;
        Wad[8] uncoveredAt; // at the stress nodes
        SWad settled;
    }

    Wad public cash;
    bool public insolvent; // as of the last assessment

    /// With a net surplus above this share of assets the gross marks cannot show a shortfall: the difference of the
    /// two forms is V u^2 / 2 of the cost function and the ledger's Taylor error.
    uint256 private constant COMFORT = 0.25e18;

    constructor(Addresses memory book) {
        ORACLE = IOracleGuard(book.oracle);
        LEDGER = IGreekLedger(book.ledger);
        MARKET = IOptionMarket(book.market);
        AUCTION = ILiquidationAuction(book.auction);
        INSURANCE = IInsuranceFund(book.insurance);
        HEDGE = IHedgeManager(book.hedge);
        BREAKER = ICircuitBreaker(book.breaker);
    }

    // ------------------------------------------------------------ net asset value

    function navParts() public view returns (NavParts memory p) {
        Wad spot = ORACLE.read().price;
        Burden memory b = _burden();
        p.cash = cash;
        p.hedgeEquity = _liveEquity(spot);
        p.liability = LEDGER.liabilityAt(spot);
        (p.uncovered, p.settledOwed) = (b.uncovered, b.settled);
        p.nav = _before(b) + p.hedgeEquity - p.liability;
    }

    function navFast(Wad spot) public view returns (SWad) {
        (, SWad liability,,) = LEDGER.aggregate(spot);
        return _before(_burden()) + HEDGE.equityAt(spot) - liability;
    }

    /// @dev NAV at the accepted price and at the ends of its band, in wad. Equity is the venue's live one, moved.
    function _navsOf(OracleView memory seen, Burden memory b)
        internal
        view
        returns (int256 low, int256 mid, int256 high)
    {
        SWad fixedPart = _before(b) + _liveEquity(seen.price) - HEDGE.equityAt(seen.price);
        mid = _navAt(seen.price, fixedPart);
        if (seen.low == seen.high) return (mid, mid, mid);
        int256 atLow = _navAt(seen.low, fixedPart);
        int256 atHigh = _navAt(seen.high, fixedPart);
        low = FixedPointMathLib.min(mid, FixedPointMathLib.min(atLow, atHigh));
        high = FixedPointMathLib.max(mid, FixedPointMathLib.max(atLow, atHigh));
    }

    function _navAt(Wad spot, SWad fixedPart) private view returns (int256) {
        return (fixedPart + HEDGE.equityAt(spot) - LEDGER.liabilityAt(spot)).rawS();
    }

    /// @dev A venue that does not answer is valued by what the manager last stored.
    function _liveEquity(Wad spot) private view returns (SWad) {
        try HEDGE.equity() returns (SWad live) {
            return live;
        } catch {
            return HEDGE.equityAt(spot);
        }
    }

    function _burden() internal view returns (Burden memory b) {
        (b.uncovered, b.uncoveredAt) = MARKET.uncovered();
        b.settled = MARKET.settledOwed();
    }

    /// @dev NAV before hedge and book.
    function _before(Burden memory b) private view returns (SWad) {
        return cash.signed() - b.uncovered.signed() - b.settled;
    }

    // ------------------------------------------------------------ stress

    function worstStress(Wad spot, SWad[8] memory nodes) public view returns (SWad) {
        return _worst(spot, nodes, _burden());
    }

    function _worst(Wad spot, SWad[8] memory nodes, Burden memory b) private view returns (SWad worst) {
        SWad equity = HEDGE.equityAt(spot);
        worst = PoolMath.worstNode(HEDGE.equityAt(spot + spot) - equity, nodes, b.uncoveredAt);
        worst = worst + equity + cash.signed() - b.settled;
    }

    function _backed(Wad spot, SWad[8] memory nodes, Burden memory b) internal view returns (uint256) {
        return PoolMath.backed(cash, b.settled, _worst(spot, nodes, b));
    }

    // ------------------------------------------------------------ solvency

    function solvency() public view returns (Solvency memory) {
        Wad spot = ORACLE.read().price;
        (Wad longs, Wad shorts) = MARKET.grossMarks(spot);
        (Wad uncovered,) = MARKET.uncovered();
        return PoolMath.statement(_assets(spot), shorts.subFloor(uncovered), longs);
    }

    function assess() external returns (Solvency memory s) {
        bool clear;
        (clear, s) = _netForm();
        if (!clear) s = solvency();
        bool now_ = s.scale.raw() < ONE;
        if (now_ == insolvent) return s;
        insolvent = now_;
        if (now_) emit Insolvent(s.scale, s.shortfall);
        else emit Recovered(s.scale);
    }

    /// @dev Longs and shorts netted, from stored values. `clear`: far enough from zero to rule a shortfall out.
    function _netForm() private view returns (bool clear, Solvency memory s) {
        Wad spot = ORACLE.read().price;
        Wad assets = _assets(spot);
        (, SWad liability,, Timestamp stale) = LEDGER.aggregate(spot);
        (Wad uncovered,) = MARKET.uncovered();
        SWad owed = liability + uncovered.signed() + MARKET.settledOwed();
        s = PoolMath.statement(assets, (-owed).positive(), owed.positive());
        clear = stale.rawTime() == 0 && assets.signed() - owed > assets.mulDown(Wad.wrap(COMFORT)).signed();
    }

    function _assets(Wad spot) private view returns (Wad) {
        return cash + HEDGE.equityAt(spot).positive() + INSURANCE.balance();
    }
}
