// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {ICircuitBreaker} from "./interfaces/ICircuitBreaker.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IHedgeManager} from "./interfaces/IHedging.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {ILPVault} from "./interfaces/ILPVault.sol";
import {ILiquidationAuction} from "./interfaces/ILiquidationAuction.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {RollingPeak} from "./libraries/RollingPeak.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {ShareMath} from "./libraries/ShareMath.sol";
import {BreakerParams} from "./types/Params.sol";
import {Addresses, Mode, OracleView} from "./types/Types.sol";
import {ONE, SWad, Timestamp, Wad} from "./types/Units.sol";

contract CircuitBreaker is ICircuitBreaker {
    using RollingPeak for RollingPeak.Buckets;

    uint8 private constant NAV_DROP = 0;
    uint8 private constant HEDGE_SHORTFALL = 1;
    uint8 private constant INSURANCE_LOW = 2;
    uint8 private constant FREE_LIQUIDITY = 3;
    uint8 private constant GUARDIAN_ACT = 4;
    uint8 private constant INSOLVENT = 5;

    IOracleGuard private immutable ORACLE;
    IGreekLedger private immutable LEDGER;
    ILiquidationAuction private immutable AUCTION;
    IInsuranceFund private immutable INSURANCE;
    ILPVault private immutable VAULT;
    IHedgeManager private immutable HEDGE;
    address private immutable GUARDIAN;
    address private immutable PARAMS;
    /// Twelve of these are an hour.
    uint256 private constant PEAK_WIDTH = 300;

    struct State {
        uint64 until; // no lift before
        uint64 clearSince;
        uint8 causes;
        bool tripped;
        Mode guardian;
        Mode last; // effective mode at the last poke
    }

    State private _state;
    RollingPeak.Buckets private _sharePrices;

    /// What the triggers look at. Wad; nav in quote.
    struct Pulse {
        uint256 spot;
        uint256 nav; // at least 0
        uint256 supply;
        uint256 sharePrice;
        uint256 backed; // min(cash, worst stressed NAV), at least 0
    }

    constructor(Addresses memory book, BreakerParams memory params_) {
        ParamBounds.check(params_);
        ORACLE = IOracleGuard(book.oracle);
        LEDGER = IGreekLedger(book.ledger);
        AUCTION = ILiquidationAuction(book.auction);
        INSURANCE = IInsuranceFund(book.insurance);
        VAULT = ILPVault(book.vault);
        HEDGE = IHedgeManager(book.hedge);
        GUARDIAN = book.guardian;
        PARAMS = SSTORE2.write(abi.encode(params_));
    }

    function params() public view returns (BreakerParams memory) {
        return abi.decode(SSTORE2.read(PARAMS), (BreakerParams));
    }

    function state()
        external
        view
        returns (bool tripped, uint8 causes, Mode guardian, Timestamp until, Timestamp clearSince)
    {
        State memory s = _state;
        return (s.tripped, s.causes, s.guardian, Timestamp.wrap(s.until), Timestamp.wrap(s.clearSince));
    }

    // ------------------------------------------------------------ mode

    function effective(Mode oracleMode) public view returns (Mode) {
        return _worse(_own(_state), oracleMode);
    }

    function mode() external view returns (Mode) {
        return effective(ORACLE.read().mode);
    }

    function poke() external returns (Mode now_) {
        OracleView memory seen = ORACLE.read();
        State memory s = _state;
        if (seen.mode == Mode.FROZEN) s.clearSince = 0;
        else _examine(s, seen.price);
        now_ = _worse(_own(s), seen.mode);
        if (now_ != s.last) emit ModeChanged(s.last, now_);
        s.last = now_;
        _state = s;
    }

    function tighten(Mode wanted) external {
        if (msg.sender != GUARDIAN) revert OnlyGuardian(msg.sender);
        State memory s = _state;
        if (wanted <= _own(s) || wanted == Mode.WIND_DOWN) revert OnlyTighter(_own(s), wanted);
        BreakerParams memory p = params();
        (s.tripped, s.guardian, s.clearSince) = (true, wanted, 0);
        s.until = _later(s.until, p);
        _state = s;
        emit Tripped(GUARDIAN_ACT, Wad.wrap(0), Wad.wrap(0), Timestamp.wrap(s.until));
    }

    function _own(State memory s) private pure returns (Mode) {
        if (s.causes >> INSOLVENT & 1 == 1) return Mode.WIND_DOWN;
        return s.tripped ? _worse(Mode.REDUCE_ONLY, s.guardian) : Mode.NORMAL;
    }

    function _worse(Mode a, Mode b) private pure returns (Mode) {
        return a > b ? a : b;
    }

    // ------------------------------------------------------------ trips

    function _examine(State memory s, Wad spot) private {
        BreakerParams memory p = params();
        uint8 before = s.causes;
        s.causes = 0;
        _checkSolvency(s, p, before);
        Pulse memory pulse = _pulse(spot);
        _checkNav(s, p, pulse, before);
        _checkHedge(s, p, pulse, before);
        _checkInsurance(s, p, pulse, before);
        _checkLiquidity(s, p, pulse, before);
        if (s.causes != 0) (s.tripped, s.clearSince) = (true, 0);
        else if (s.tripped) _clear(s, p);
    }

    function _clear(State memory s, BreakerParams memory p) private {
        if (s.clearSince == 0) s.clearSince = uint64(block.timestamp);
        if (block.timestamp < s.until || block.timestamp < s.clearSince + p.clear.rawSeconds()) return;
        (s.tripped, s.guardian, s.until, s.clearSince) = (false, Mode.NORMAL, 0, 0);
        emit Lifted();
    }

    /// @dev Marks a cause; a new one starts the time-out again.
    function _mark(State memory s, BreakerParams memory p, uint8 before, uint8 cause, uint256 value, uint256 limit)
        private
    {
        s.causes |= uint8(1) << cause;
        if (before >> cause & 1 == 1) return;
        s.until = _later(s.until, p);
        emit Tripped(cause, Wad.wrap(value), Wad.wrap(limit), Timestamp.wrap(s.until));
    }

    function _later(uint64 until, BreakerParams memory p) private view returns (uint64) {
        return uint64(FixedPointMathLib.max(until, block.timestamp + p.timeout.rawSeconds()));
    }

    // ------------------------------------------------------------ triggers

    /// @dev After a large move the ledger's stored values mislead until it is refreshed: then the book is revalued.
    function _pulse(Wad spot) private view returns (Pulse memory pulse) {
        (,, SWad[8] memory nodes, Timestamp stale) = LEDGER.aggregate(spot);
        SWad nav = stale.rawTime() == 0 ? VAULT.navFast(spot) : VAULT.navParts().nav;
        pulse.spot = spot.raw();
        pulse.nav = nav.positive().raw();
        pulse.supply = VAULT.totalShares().raw();
        pulse.sharePrice = ShareMath.price(nav.rawS(), pulse.supply);
        pulse.backed = VAULT.cash().minWad(VAULT.worstStress(spot, nodes).positive()).raw();
    }

    function _checkSolvency(State memory s, BreakerParams memory p, uint8 before) private {
        uint256 scale = VAULT.assess().scale.raw();
        if (scale < ONE) _mark(s, p, before, INSOLVENT, scale, ONE);
    }

    function _checkNav(State memory s, BreakerParams memory p, Pulse memory pulse, uint8 before) private {
        uint256 limit = p.navDrop.raw();
        if (limit == 0 || pulse.supply == 0) return;
        _sharePrices.note(pulse.sharePrice, PEAK_WIDTH);
        uint256 peak = _sharePrices.peak(PEAK_WIDTH);
        if (peak == 0) return;
        uint256 drop = ONE - FixedPointMathLib.fullMulDivUp(pulse.sharePrice, ONE, peak);
        if (drop >= limit) _mark(s, p, before, NAV_DROP, drop, limit);
    }

    function _checkHedge(State memory s, BreakerParams memory p, Pulse memory pulse, uint8 before) private {
        uint256 limit = p.hedgeShortfall.raw();
        uint256 unhedged = HEDGE.shortfall().raw();
        if (limit == 0 || unhedged == 0) return;
        uint256 share = _share(FixedPointMathLib.fullMulDiv(unhedged, pulse.spot, ONE), pulse.nav);
        if (share > limit) _mark(s, p, before, HEDGE_SHORTFALL, share, limit);
    }

    function _checkInsurance(State memory s, BreakerParams memory p, Pulse memory pulse, uint8 before) private {
        uint256 limit = p.insuranceFloor.raw();
        if (limit == 0 || AUCTION.liveInsolvent() == 0) return;
        uint256 target = FixedPointMathLib.fullMulDiv(pulse.nav, INSURANCE.params().target.raw(), ONE);
        uint256 share = _share(INSURANCE.balance().raw(), target);
        if (share < limit) _mark(s, p, before, INSURANCE_LOW, share, limit);
    }

    function _checkLiquidity(State memory s, BreakerParams memory p, Pulse memory pulse, uint8 before) private {
        uint256 limit = p.freeLiquidity.raw();
        if (limit == 0 || pulse.supply == 0) return;
        uint256 share = pulse.nav == 0 ? 0 : _share(pulse.backed, pulse.nav);
        if (share < limit) _mark(s, p, before, FREE_LIQUIDITY, share, limit);
    }

    /// @dev part / whole; the largest number when there is no whole.
    function _share(uint256 part, uint256 whole) private pure returns (uint256) {
        return whole == 0 ? type(uint256).max : FixedPointMathLib.fullMulDiv(part, ONE, whole);
    }
}
