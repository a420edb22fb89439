// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {Packing} from "../libraries/Packing.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {Addresses, Leg, Mode, OracleView} from "../types/Types.sol";
import {ONE, SWad, SeriesId, Wad, blockTime} from "../types/Units.sol";
import {Settlement} from "./Settlement.sol";

/// What the auction may do to accounts. Roundings leave the liquidated account healthier, by at most a lot.
abstract contract Liquidation is Settlement {
    using Packing for uint256;
    using TokenUnits for uint256;

    address internal immutable AUCTION;

    constructor(Addresses memory book) {
        AUCTION = book.auction;
    }

    modifier onlyAuction() {
        if (msg.sender != AUCTION) revert OnlyAuction(msg.sender);
        _;
    }

    function moveSlice(
        address from, address to, Wad fraction, Wad keep, SWad payment, Wad toInsurance, Wad toVault, Wad spot
    ) external onlyAuction nonReentrant {
        _enlist(to);
        _requireMayTakeOver(to);
        _moveLegs(from, to, fraction.raw());
        uint256 moved = _movable(from, fraction, keep);
        if (_accounts[from].pledged) _moveUnits(from, to, fraction);
        _moveMoney(from, to, moved, payment.rawS(), toInsurance.raw() + toVault.raw());
        _toInsurance(toInsurance.raw());
        _toVault(toVault.raw());
        _touch(from, spot);
        _requireInitial(to, spot);
        emit SliceMoved(from, to, Wad.wrap(moved));
    }

    function closeForPool(address account, Wad volFactor) external onlyAuction nonReentrant {
        OracleView memory seen = _look();
        Wad spot = seen.price;
        Leg[] memory legs = _legsOf(account);
        SWad worth = _closeLegs(account, legs, spot);
        SWad cost = MARGIN.closeCost(legs, spot, volFactor);
        if (worth > cost) cost = worth;
        uint256 paid = _payClose(account, cost.rawS(), seen.low);
        if (worth > SWad.wrap(int256(paid))) _coverLoss(account, uint256(worth.rawS()) - paid, 1);
        _touch(account, spot);
        emit ClosedByPool(account, cost, Wad.wrap(paid));
    }

    /// @dev Legs of a past expiry have no market: settlement and sweep come first, and need nobody's consent.
    function _requireLive(SeriesId id) private view {
        if (id.expiryOf() <= blockTime()) revert SweepFirst(id.expiryOf());
    }

    /// @dev In a wind-down longs are paid by the scale: nobody nets them at par against shorts that he takes over.
    function _requireMayTakeOver(address to) private view {
        Account storage a = _accounts[to];
        if (a.legs != a.shorts && _isWindingDown()) revert ModeForbids(Mode.WIND_DOWN);
    }

    function _movable(address from, Wad fraction, Wad keep) private view returns (uint256) {
        return Wad.wrap(_accounts[from].balance).subFloor(keep).mulDown(fraction).raw().floorUnit(UNIT);
    }

    function _moveLegs(address from, address to, uint256 fraction) private {
        for (uint256 i = _accounts[from].legs; i > 0; --i) {
            uint256 word = _legs[from][i - 1];
            _requireLive(word.idOf());
            int64 lots = _share(word.lotsOf(), fraction);
            if (lots == 0) continue;
            _addLots(from, word.idOf(), -lots);
            _addLots(to, word.idOf(), lots);
        }
    }

    function _moveUnits(address from, address to, Wad fraction) private {
        (bool left, bool moved) = COLLATERAL.move(from, to, fraction);
        _accounts[from].pledged = left;
        if (moved) _accounts[to].pledged = true;
    }

    /// @dev Shorts are moved rounded up, longs rounded down.
    function _share(int64 lots, uint256 fraction) private pure returns (int64) {
        if (lots >= 0) return int64(int256(uint256(uint64(lots)) * fraction / ONE));
        return -int64(int256(FixedPointMathLib.fullMulDivUp(uint64(-lots), fraction, ONE)));
    }

    /// @dev A negative payment has already arrived in this contract's custody.
    function _moveMoney(address from, address to, uint256 moved, int256 payment, uint256 penalty) private {
        if (payment < 0) _held += uint256(-payment);
        _addMoney(from, (payment > 0 ? payment : int256(0)) - int256(moved));
        _addMoney(to, int256(moved) - payment - int256(penalty));
    }

    function _addMoney(address account, int256 amount) private {
        if (amount < 0) _debit(account, uint256(-amount));
        else _credit(account, uint256(amount));
    }

    /// @dev Takes the legs out of the book; what they were worth in it, + the account owed.
    function _closeLegs(address account, Leg[] memory legs, Wad spot) private returns (SWad worth) {
        for (uint256 i; i < legs.length; ++i) {
            _requireLive(legs[i].id);
            worth = worth + LEDGER.trade(legs[i].id, -legs[i].size, spot, false).cost;
            _addLots(account, legs[i].id, -Packing.toLots(legs[i].size));
        }
    }

    /// @dev The account pays what it has, in underlying at `low` what it has not in quote; a cost below zero is paid to it.
    function _payClose(address account, int256 cost, Wad low) private returns (uint256 paid) {
        if (cost < 0) {
            uint256 received = uint256(-cost).floorUnit(UNIT);
            _fromVault(received);
            _credit(account, received);
            return 0;
        }
        uint256 whole = uint256(cost).ceilUnit(UNIT);
        paid = FixedPointMathLib.min(whole, _accounts[account].balance);
        _debit(account, paid);
        _toVault(paid);
        paid += _takeUnits(account, whole - paid, low);
    }
}
