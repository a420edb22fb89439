// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {LPRequests} from "./base/LPRequests.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {PoolBooks} from "./libraries/PoolBooks.sol";
import {PoolMath} from "./libraries/PoolMath.sol";
import {QueueLib} from "./libraries/QueueLib.sol";
import {ShareMath} from "./libraries/ShareMath.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {Waterfall} from "./libraries/Waterfall.sol";
import {VaultParams} from "./types/Params.sol";
import {Addresses, Mode} from "./types/Types.sol";
import {ONE, SWad, Wad} from "./types/Units.sol";

contract LPVault is LPRequests {
    using ExactTransfer for address;
    using QueueLib for QueueLib.Queue;
    using QueueLib for QueueLib.Request;

    address private immutable PARAMS;
    uint256 private immutable MAX_WAIT;
    uint256 private immutable FREE_BUFFER;
    uint256 private immutable FEE;
    uint256 private immutable BAND_PRICING;
    uint256 private immutable VOL_BAND;

    /// Requests that a new one without delay may serve, itself included.
    uint256 private constant AT_ONCE = 8;

    /// One call's view of the pool, moved along as requests are served. Wad.
    struct Turn {
        Waterfall.Classes c;
        int256 low; // NAV at which shares are redeemed
        int256 high; // NAV at which shares are issued
        int256 backed; // min(cash, worst stressed NAV, low NAV above the floor)
        uint256 buffer; // part of it that only overdue requests may use
        uint256 floorPrice; // of a unit of the pool; 0 without a floor
        bool overdueOnly;
    }

    constructor(Addresses memory book, VaultParams memory p) LPRequests(book, p) {
        ParamBounds.check(p);
        PARAMS = SSTORE2.write(abi.encode(p));
        MAX_WAIT = p.maxWait.rawSeconds();
        FREE_BUFFER = p.freeBuffer.raw();
        FEE = p.withdrawalFee.raw();
        BAND_PRICING = p.bandPricing.raw();
        VOL_BAND = p.volBand.raw();
    }

    function params() external view returns (VaultParams memory) {
        bytes memory data = SSTORE2.read(PARAMS);
        assembly ("memory-safe") {
            return(add(data, 32), mload(data))
        }
    }

    // ------------------------------------------------------------ cash

    modifier onlyProtocol() {
        bool known = msg.sender == address(MARKET) || msg.sender == address(HEDGE)
            || msg.sender == address(INSURANCE) || msg.sender == address(AUCTION);
        if (!known) revert OnlyProtocol(msg.sender);
        _;
    }

    function credit(Wad amount) external onlyProtocol {
        cash = cash + amount;
        emit Credited(msg.sender, amount, cash);
    }

    function debit(address to, Wad amount) external onlyProtocol {
        if (amount > cash) revert InsufficientCash(cash, amount);
        cash = cash - amount;
        emit Debited(to, amount, cash);
        if (to == address(MARKET)) return; // it takes the tokens by `handOver` when it squares
        uint256 units = TokenUnits.toTokenDown(amount.raw(), UNIT);
        QUOTE.fetch(MARKET, units);
        SafeTransferLib.safeTransfer(QUOTE, to, units);
    }

    function handOver(Wad amount) external {
        if (msg.sender != address(MARKET)) revert OnlyProtocol(msg.sender);
        SafeTransferLib.safeTransfer(QUOTE, address(MARKET), amount.raw() / UNIT);
    }

    // ------------------------------------------------------------ whether the queues move

    function process(uint256 max) external nonReentrant returns (uint256 served) {
        PoolBooks.Sight memory s = _look();
        if (s.unknown.rawTime() != 0) revert StaleGreeks(s.unknown);
        if (_open(s)) return _serve(max, s, false);
        bool moved = _passClosed(max);
        if (_overdueHead(s)) return _serve(max, s, true);
        if (moved) return 0;
        if (s.mode != Mode.NORMAL) revert QueueWaits(s.mode);
        revert LossPending(s.auctions);
    }

    function _serveIfOpen() internal override {
        PoolBooks.Sight memory s = _look();
        if (_open(s) && s.unknown.rawTime() == 0) _serve(AT_ONCE, s, false);
    }

    function _look() private view returns (PoolBooks.Sight memory) {
        return PoolBooks.look(_neighbours(), cash, VOL_BAND);
    }

    function _open(PoolBooks.Sight memory s) private pure returns (bool) {
        return s.mode == Mode.NORMAL && s.auctions == 0;
    }

    function _overdue(QueueLib.Request memory r) private view returns (bool) {
        return MAX_WAIT != 0 && block.timestamp >= r.requestedAt + FixedPointMathLib.max(MAX_WAIT, WITHDRAWAL_DELAY);
    }

    function _overdueHead(PoolBooks.Sight memory s) private view returns (bool) {
        if (s.mode == Mode.FROZEN || s.oracleMode == Mode.FROZEN) return false;
        QueueLib.Request storage first = _withdrawals.items[_withdrawals.head];
        return first.open() && _overdue(first);
    }

    /// @dev Up to `max` cancelled withdrawals at the head are passed over for good, in any mode: nobody makes the way to
    /// an overdue request longer than a call.
    function _passClosed(uint256 max) private returns (bool moved) {
        (uint256 index, uint256 end) = (_withdrawals.head, _withdrawals.tail);
        for (end = index + FixedPointMathLib.min(end - index, max); index < end; ++index) {
            if (_withdrawals.items[index].open()) break;
            moved = true;
        }
        if (moved) _withdrawals.head = uint128(index);
    }

    // ------------------------------------------------------------ service

    function _serve(uint256 max, PoolBooks.Sight memory s, bool overdueOnly) private returns (uint256 served) {
        Turn memory t = _turn(s);
        t.overdueOnly = overdueOnly;
        if (!overdueOnly) {
            _divide(t.c, t.low);
            served = _serveDeposits(max, t);
        }
        served += _serveWithdrawals(max, t);
        _keep(t.c);
    }

    function _turn(PoolBooks.Sight memory s) private view returns (Turn memory t) {
        t.low = s.mid - (s.mid - s.low) * int256(BAND_PRICING) / int256(ONE);
        t.high = s.mid + (s.high - s.mid) * int256(BAND_PRICING) / int256(ONE);
        t.backed = s.backed;
        t.buffer = PoolMath.buffer(s.mid, FREE_BUFFER, s.listed);
        t.c = _classes();
        if (FLOOR != 0) _setFloor(t);
    }

    /// @dev Nobody leaves with what is above the longs' claims only because the floor of those who stay is not.
    function _setFloor(Turn memory t) private view {
        uint256 reserved;
        (reserved, t.floorPrice) = _reserved(t.c, t.low);
        t.backed = FixedPointMathLib.min(t.backed, t.low - int256(reserved));
    }

    /// @dev Before tokens leave, the classes are as they will be: a receiver may look.
    function _keepAndSendBack(uint256 id, QueueLib.Request memory r, Turn memory t) private {
        _keep(t.c);
        _sendBack(id, r);
    }

    // ------------------------------------------------------------ deposits

    function _serveDeposits(uint256 max, Turn memory t) private returns (uint256 served) {
        uint256 index = _deposits.head;
        uint256 end = index + FixedPointMathLib.min(_deposits.tail - index, max);
        for (; index < end; ++index) {
            QueueLib.Request memory r = _deposits.items[index];
            if (r.lp == address(0)) continue;
            if (block.timestamp < r.requestedAt + DEPOSIT_DELAY || _belowFloor(t)) break;
            Waterfall.Deal memory d = Waterfall.admit(t.c, t.high, r.amount, r.junior);
            if (!d.possible && !r.junior) break;
            if (!d.possible) _keepAndSendBack(index << 1, r, t);
            else _admit(index, r, t, d);
            if (d.possible) ++served;
        }
        _deposits.head = uint128(index);
    }

    /// @dev There a new share would add more to the floor than its money to the pool.
    function _belowFloor(Turn memory t) private pure returns (bool) {
        return t.floorPrice != 0 && ShareMath.price(t.high, t.c.units) < t.floorPrice;
    }

    function _admit(uint256 index, QueueLib.Request memory r, Turn memory t, Waterfall.Deal memory d) private {
        _deposits.close(index);
        pendingDeposits = pendingDeposits - Wad.wrap(r.amount);
        cash = cash + Wad.wrap(r.amount);
        _issue(r.lp, d.shares, r.junior);
        t.low += int256(r.amount);
        t.high += int256(r.amount);
        uint256 floor = FixedPointMathLib.fullMulDivUp(d.c.units - t.c.units, t.floorPrice, ONE);
        t.backed += int256(FixedPointMathLib.zeroFloorSub(r.amount, floor));
        t.c = d.c;
        emit DepositProcessed(index << 1, r.lp, Wad.wrap(r.amount), Wad.wrap(d.shares), Wad.wrap(d.price), r.junior);
    }

    // ------------------------------------------------------------ withdrawals

    function _serveWithdrawals(uint256 max, Turn memory t) private returns (uint256 served) {
        uint256 index = _withdrawals.head;
        uint256 end = index + FixedPointMathLib.min(_withdrawals.tail - index, max);
        for (; index < end; ++index) {
            QueueLib.Request memory r = _withdrawals.items[index];
            if (r.lp == address(0)) continue;
            if (!_due(r, t.overdueOnly)) break;
            uint256 free = PoolMath.free(t.backed, _overdue(r) ? 0 : t.buffer);
            Waterfall.Deal memory d = Waterfall.release(t.c, t.low, r.amount, free, FEE, r.junior);
            if (!d.possible && !r.junior) break;
            if (!d.possible) {
                _keepAndSendBack(index << 1 | 1, r, t);
                continue;
            }
            if (_release(index, r, t, d)) ++served;
            if (d.shares != r.amount) break;
        }
        _withdrawals.head = uint128(index);
    }

    function _due(QueueLib.Request memory r, bool overdueOnly) private view returns (bool) {
        if (overdueOnly) return _overdue(r);
        return block.timestamp >= r.requestedAt + WITHDRAWAL_DELAY;
    }

    /// @dev Pays a request as far as free liquidity goes; what is left of it stays first in the queue.
    function _release(uint256 index, QueueLib.Request memory r, Turn memory t, Waterfall.Deal memory d)
        private
        returns (bool paid)
    {
        uint256 amount = TokenUnits.floorUnit(d.amount, UNIT);
        if (amount == 0 && d.shares != r.amount) return false;
        if (d.shares == r.amount) _withdrawals.close(index);
        else _withdrawals.items[index].amount = r.amount - d.shares;
        t.c = d.c;
        cash = cash - Wad.wrap(amount);
        _redeemed(d.shares, r.junior);
        t.low -= int256(amount);
        t.high -= int256(amount);
        t.backed -= int256(amount);
        emit WithdrawalProcessed(
            index << 1 | 1, r.lp, Wad.wrap(d.shares), Wad.wrap(amount), Wad.wrap(d.price), r.junior
        );
        _keep(t.c);
        _pay(r.lp, amount);
        return true;
    }

    // ------------------------------------------------------------ views

    function freeLiquidity() external view returns (Wad) {
        Turn memory t = _turn(_look());
        return Wad.wrap(PoolMath.free(t.backed, t.buffer));
    }
}
