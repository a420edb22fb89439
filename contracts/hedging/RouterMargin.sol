// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IHedgeVenue} from "../interfaces/IHedging.sol";
import {IOracleGuard} from "../interfaces/IOracleGuard.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {VenueCalls} from "../libraries/VenueCalls.sol";
import {RouterParams} from "../types/Params.sol";
import {Addresses, VenuePosition} from "../types/Types.sol";
import {SWad, Seconds, Wad} from "../types/Units.sol";

/// The router's accounts at its venues: health, stored positions and margin. Margin that no venue needs yet waits
/// here (`held`) and is handed out when a leg is traded.
abstract contract RouterMargin is IHedgeVenue {
    using SafeTransferLib for address;
    using TokenUnits for uint256;
    using VenueCalls for address;

    /// @dev Last known position; a venue in quarantine until `retryAt`, then on probation while `proving`.
    struct Venue {
        address venue;
        uint64 retryAt;
        bool proving;
        bool later; // fills later: costs the delay risk
        int128 size;
        int128 equity;
        int128 ordered; // as of the last answer of a venue that fills later
        uint64 answeredAt;
    }

    event LegFilled(address indexed venue, SWad size, Wad price);
    event Quarantined(address indexed venue, uint256 until, bytes reason);
    event Restored(address indexed venue);

    error OnlyManager(address caller);

    uint256 internal constant QUOTE_GAS = 100_000;
    uint256 internal constant MARGIN_GAS = 200_000;
    uint256 internal constant TRADE_GAS = 400_000;

    address internal immutable QUOTE;
    address private immutable MANAGER;
    IOracleGuard private immutable ORACLE;
    uint256 private immutable UNIT;
    Wad internal immutable CAP;
    Wad private immutable PROBE;
    uint256 private immutable QUARANTINE;
    Wad private immutable TARGET_LEVERAGE;
    Wad private immutable MAX_LEVERAGE;
    Wad private immutable DELAY_RISK;

    Venue[] public venues;
    Wad public held;

    constructor(Addresses memory book, RouterParams memory p, address[] memory venues_) {
        ParamBounds.check(p);
        QUOTE = book.quote;
        MANAGER = book.hedge;
        ORACLE = IOracleGuard(book.oracle);
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        (CAP, PROBE, QUARANTINE) = (p.cap, p.probe, p.quarantine.rawSeconds());
        (TARGET_LEVERAGE, MAX_LEVERAGE, DELAY_RISK) = (p.targetLeverage, p.maxLeverage, p.delayRisk);
        for (uint256 i; i < venues_.length; ++i) {
            venues.push(Venue(venues_[i], 0, false, _isLater(venues_[i]), 0, 0, 0, 0));
        }
    }

    modifier onlyManager() {
        if (msg.sender != MANAGER) revert OnlyManager(msg.sender);
        _;
    }

    function params() external view returns (RouterParams memory) {
        return RouterParams(
            CAP, PROBE, Seconds.wrap(uint64(QUARANTINE)), TARGET_LEVERAGE, MAX_LEVERAGE, DELAY_RISK
        );
    }

    // ------------------------------------------------------------ statements

    /// @notice Sum over venues, the stored values of those that do not answer, and the margin held here. What lies at a
    /// venue that does not answer backs no trade elsewhere.
    function position(address owner) external view returns (VenuePosition memory sum) {
        if (owner != MANAGER) return sum;
        sum.equity = held.signed();
        SWad usable = sum.equity;
        for (uint256 i; i < venues.length; ++i) {
            VenuePosition memory one = _live(i);
            sum.size = sum.size + one.size;
            sum.equity = sum.equity + one.equity;
            usable = usable + one.equity.minSWad(one.margin.signed());
        }
        sum.margin = usable.positive();
    }

    function pendingOf(address owner) external view returns (SWad sum) {
        if (owner != MANAGER) return sum;
        for (uint256 i; i < venues.length; ++i) {
            sum = sum + _pending(i);
        }
    }

    /// @dev An order at a venue that has stopped answering may yet be filled: it counts for the time of a quarantine.
    function _pending(uint256 i) private view returns (SWad) {
        if (!venues[i].later) return SWad.wrap(0);
        (bool ok, SWad size) = venues[i].venue.tryPending(address(this), QUOTE_GAS);
        bool lost = block.timestamp > venues[i].answeredAt + QUARANTINE;
        return ok || lost ? size : SWad.wrap(venues[i].ordered);
    }

    function venueCount() external view returns (uint256) {
        return venues.length;
    }

    function _live(uint256 i) internal view returns (VenuePosition memory one) {
        bool ok;
        (ok, one) = venues[i].venue.tryPosition(address(this), QUOTE_GAS);
        if (!ok) one = VenuePosition(SWad.wrap(venues[i].size), SWad.wrap(venues[i].equity), Wad.wrap(0));
    }

    /// @dev As last noted.
    function _exposure() internal view returns (SWad sum) {
        for (uint256 i; i < venues.length; ++i) {
            sum = sum + SWad.wrap(venues[i].size);
        }
    }

    function _spot() internal view returns (Wad) {
        return ORACLE.read().price;
    }

    /// @dev tryPosition only answers values that fit.
    function _note(uint256 i) internal {
        VenuePosition memory one = _live(i);
        venues[i].size = int128(one.size.rawS());
        venues[i].equity = int128(one.equity.rawS());
        if (venues[i].later) _noteOrder(i);
    }

    function _noteOrder(uint256 i) private {
        (bool ok, SWad size) = venues[i].venue.tryPending(address(this), QUOTE_GAS);
        if (!ok) return;
        (venues[i].ordered, venues[i].answeredAt) = (int128(size.rawS()), uint64(block.timestamp));
    }

    // ------------------------------------------------------------ health

    /// @dev How much of a trade a venue may get: nothing in quarantine, a probe on probation.
    function _allowance(uint256 i, uint256 total) internal view returns (uint256) {
        Venue storage v = venues[i];
        if (!v.proving) return total;
        return block.timestamp < v.retryAt ? 0 : PROBE.mulUp(Wad.wrap(total)).raw();
    }

    function _judge(uint256 i, bool ok, bytes memory reason) internal {
        Venue storage v = venues[i];
        if (ok && v.proving) {
            v.proving = false;
            emit Restored(v.venue);
        } else if (!ok) {
            (v.proving, v.retryAt) = (true, uint64(block.timestamp + QUARANTINE));
            emit Quarantined(v.venue, v.retryAt, reason);
        }
    }

    function _delayCost(uint256 i) internal view returns (int256) {
        return venues[i].later ? int256(_spot().mulUp(DELAY_RISK).raw()) : int256(0);
    }

    /// @dev A venue whose orders wait says so at deployment.
    function _isLater(address venue) private view returns (bool ok) {
        (ok,) = venue.staticcall(abi.encodeWithSignature("pendingOf(address)", address(this)));
    }

    // ------------------------------------------------------------ margin

    function depositMargin(Wad amount) external onlyManager {
        QUOTE.safeTransferFrom(msg.sender, address(this), amount.raw().toTokenUp(UNIT));
        held = held + amount;
        Wad spot = _spot();
        for (uint256 i; i < venues.length; ++i) {
            VenuePosition memory one = _live(i);
            if (!one.size.isZeroS() && _fund(i, one, SWad.wrap(0), spot)) _note(i);
        }
        emit VenueMarginMoved(msg.sender, amount.signed(), held.signed());
    }

    /// @notice Pays from what is held here, then from what venues can spare; at most what there is.
    function withdrawMargin(Wad amount) external onlyManager {
        for (uint256 i; i < venues.length && held < amount; ++i) {
            _collect(i, amount - held);
        }
        Wad paid = Wad.wrap(amount.minWad(held).raw().floorUnit(UNIT));
        held = held - paid;
        emit VenueMarginMoved(msg.sender, -paid.signed(), held.signed());
        QUOTE.safeTransfer(msg.sender, paid.raw() / UNIT);
    }

    /// @dev Underlying that a venue can still take within its leverage if all that is held were its margin.
    function _room(VenuePosition memory one, SWad size, Wad spot) internal view returns (uint256) {
        SWad most = (one.equity + held.signed()).positive().mulDown(MAX_LEVERAGE).divDown(spot).signed();
        SWad same = size.isNegative() ? -one.size : one.size;
        return FixedPointMathLib.max((most - same).positive().raw(), (-same).positive().raw());
    }

    /// @dev Brings a venue whose leverage would be half-way from target to maximum after `size` to the target, as far as
    /// held margin goes. Returns whether it was asked to take any.
    function _fund(uint256 i, VenuePosition memory one, SWad size, Wad spot) internal returns (bool) {
        Wad notional = (one.size + size).absS().mulUp(spot);
        Wad bound = Wad.wrap((TARGET_LEVERAGE.raw() + MAX_LEVERAGE.raw()) / 2);
        if (one.equity.positive().mulDown(bound) > notional) return false;
        Wad keep = notional.divUp(TARGET_LEVERAGE);
        uint256 need = (keep.signed() - one.equity).positive().raw().ceilUnit(UNIT);
        Wad amount = Wad.wrap(FixedPointMathLib.min(need, held.raw().floorUnit(UNIT)));
        if (amount.isZero()) return false;
        address venue = venues[i].venue;
        uint256 before = QUOTE.balanceOf(address(this));
        QUOTE.safeApproveWithRetry(venue, amount.raw() / UNIT);
        venue.tryDeposit(amount, MARGIN_GAS);
        QUOTE.safeApproveWithRetry(venue, 0);
        held = held - Wad.wrap(FixedPointMathLib.zeroFloorSub(before, QUOTE.balanceOf(address(this))) * UNIT);
        return true;
    }

    function _collect(uint256 i, Wad wanted) private {
        VenuePosition memory one = _live(i);
        Wad largest = one.size.absS().maxWad((one.size + _pending(i)).absS());
        Wad keep = largest.mulUp(_spot()).divUp(TARGET_LEVERAGE);
        uint256 spare = FixedPointMathLib.min((one.equity - keep.signed()).positive().raw(), wanted.raw());
        if (spare < UNIT) return;
        uint256 before = QUOTE.balanceOf(address(this));
        venues[i].venue.tryWithdraw(Wad.wrap(spare.floorUnit(UNIT)), MARGIN_GAS);
        held = held + Wad.wrap(FixedPointMathLib.zeroFloorSub(QUOTE.balanceOf(address(this)), before) * UNIT);
        _note(i);
    }
}
