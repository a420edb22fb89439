// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICircuitBreaker} from "../interfaces/ICircuitBreaker.sol";
import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {IHedgeManager} from "../interfaces/IHedging.sol";
import {IInsuranceFund} from "../interfaces/IInsuranceFund.sol";
import {ILPVault} from "../interfaces/ILPVault.sol";
import {ILiquidationAuction} from "../interfaces/ILiquidationAuction.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {IOracleGuard} from "../interfaces/IOracleGuard.sol";
import {IUnderlyingCollateral} from "../interfaces/IUnderlyingCollateral.sol";
import {IVolSurface} from "../interfaces/IVolSurface.sol";
import {PoolBooks} from "../libraries/PoolBooks.sol";
import {Addresses, NavParts, Solvency} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";

/// What the pool owns and owes: net asset value, stressed value, solvency.
abstract contract PoolStatements is ILPVault {
    IOracleGuard internal immutable ORACLE;
    IVolSurface private immutable SURFACE;
    IGreekLedger private immutable LEDGER;
    IOptionMarket internal immutable MARKET;
    ILiquidationAuction internal immutable AUCTION;
    IInsuranceFund internal immutable INSURANCE;
    IHedgeManager internal immutable HEDGE;
    ICircuitBreaker internal immutable BREAKER;
    IUnderlyingCollateral private immutable COLLATERAL;

    Wad public cash;
    bool public insolvent; // as of the last assessment

    constructor(Addresses memory book) {
        ORACLE = IOracleGuard(book.oracle);
        SURFACE = IVolSurface(book.surface);
        LEDGER = IGreekLedger(book.ledger);
        MARKET = IOptionMarket(book.market);
        AUCTION = ILiquidationAuction(book.auction);
        INSURANCE = IInsuranceFund(book.insurance);
        HEDGE = IHedgeManager(book.hedge);
        BREAKER = ICircuitBreaker(book.breaker);
        COLLATERAL = IUnderlyingCollateral(book.collateral);
    }

    function _neighbours() internal view returns (PoolBooks.Neighbours memory) {
        return PoolBooks.Neighbours(ORACLE, SURFACE, LEDGER, MARKET, AUCTION, INSURANCE, HEDGE, BREAKER, COLLATERAL);
    }

    // ------------------------------------------------------------ value

    function navParts() public view returns (NavParts memory) {
        return PoolBooks.navParts(_neighbours(), cash);
    }

    function navFast(Wad spot) public view returns (SWad) {
        return PoolBooks.navFast(_neighbours(), cash, spot);
    }

    function worstStress(Wad spot, SWad[8] memory nodes) external view returns (SWad) {
        return PoolBooks.worstStress(_neighbours(), cash, spot, nodes);
    }

    // ------------------------------------------------------------ solvency

    function solvency() external view returns (Solvency memory) {
        return PoolBooks.solvency(_neighbours(), cash, _reservedNow());
    }

    function assess() external returns (Solvency memory s) {
        int256 nav;
        bool known;
        (s, nav, known) = PoolBooks.assess(_neighbours(), cash, _reservedNow());
        if (known) _noteHigh(nav);
        bool now_ = s.scale.raw() < ONE;
        if (now_ == insolvent) return s;
        insolvent = now_;
        if (now_) emit Insolvent(s.scale, s.shortfall);
        else emit Recovered(s.scale);
    }

    // ------------------------------------------------------------ the LPs' floor

    /// @dev What of the pool's value longs are not paid from.
    function _reservedNow() internal view virtual returns (Wad);

    function _noteHigh(int256 nav) internal virtual;
}
