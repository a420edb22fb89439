// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ReentrancyGuardTransient} from "solady/utils/ReentrancyGuardTransient.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {ExactTransfer} from "../libraries/ExactTransfer.sol";
import {QueueLib} from "../libraries/QueueLib.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {VaultParams} from "../types/Params.sol";
import {Addresses, Mode} from "../types/Types.sol";
import {ONE, Timestamp, Wad} from "../types/Units.sol";
import {ShareClasses} from "./ShareClasses.sol";

/// Requests to come in and to leave: both classes in one queue each way.
abstract contract LPRequests is ShareClasses, ReentrancyGuardTransient {
    using ExactTransfer for address;
    using QueueLib for QueueLib.Queue;

    address internal immutable QUOTE;
    uint256 internal immutable UNIT; // wads in one unit of the quote token
    uint256 internal immutable DEPOSIT_DELAY;
    uint256 internal immutable WITHDRAWAL_DELAY;

    /// Smallest request, quote or shares; a whole balance of shares may always be asked for.
    uint256 private constant MIN_REQUEST = 1e15;

    QueueLib.Queue internal _deposits;
    QueueLib.Queue internal _withdrawals;
    Wad public pendingDeposits;
    mapping(address => Wad) public unclaimed;

    constructor(Addresses memory book, VaultParams memory p) ShareClasses(book, p) {
        QUOTE = book.quote;
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        DEPOSIT_DELAY = p.depositDelay.rawSeconds();
        WITHDRAWAL_DELAY = p.withdrawalDelay.rawSeconds();
    }

    // ------------------------------------------------------------ in

    function requestDeposit(Wad amount) external nonReentrant returns (uint256) {
        return _requestDeposit(amount, false);
    }

    function requestJuniorDeposit(Wad amount) external nonReentrant returns (uint256) {
        if (WEIGHT == 0) revert TranchesOff();
        return _requestDeposit(amount, true);
    }

    function _requestDeposit(Wad amount, bool asJunior) private returns (uint256 id) {
        _accepting();
        uint256 taken = TokenUnits.floorUnit(amount.raw(), UNIT);
        if (taken < MIN_REQUEST) revert AmountTooSmall(amount, Wad.wrap(MIN_REQUEST));
        ExactTransfer.takeExactly(QUOTE, taken / UNIT);
        pendingDeposits = pendingDeposits + Wad.wrap(taken);
        id = _deposits.push(msg.sender, taken, asJunior) << 1;
        emit DepositRequested(id, msg.sender, Wad.wrap(taken), _readyAt(block.timestamp, DEPOSIT_DELAY), asJunior);
        if (DEPOSIT_DELAY == 0) _serveIfOpen();
    }

    // ------------------------------------------------------------ out

    function requestWithdrawal(Wad shares) external nonReentrant returns (uint256) {
        return _requestWithdrawal(shares, false);
    }

    function requestJuniorWithdrawal(Wad shares) external nonReentrant returns (uint256) {
        if (WEIGHT == 0) revert TranchesOff();
        return _requestWithdrawal(shares, true);
    }

    function _requestWithdrawal(Wad shares, bool asJunior) private returns (uint256 id) {
        _accepting();
        uint256 held = _heldBy(msg.sender, asJunior);
        if (shares.raw() > held) revert InsufficientShares(Wad.wrap(held), shares);
        uint256 minimum = FixedPointMathLib.max(1, FixedPointMathLib.min(MIN_REQUEST, held));
        if (shares.raw() < minimum) revert AmountTooSmall(shares, Wad.wrap(minimum));
        _take(msg.sender, shares.raw(), asJunior);
        id = _withdrawals.push(msg.sender, shares.raw(), asJunior) << 1 | 1;
        emit WithdrawalRequested(id, msg.sender, shares, _readyAt(block.timestamp, WITHDRAWAL_DELAY), asJunior);
        if (WITHDRAWAL_DELAY == 0) _serveIfOpen();
    }

    // ------------------------------------------------------------ back

    function cancel(uint256 id) external nonReentrant {
        QueueLib.Request memory r = _queue(id).items[id >> 1];
        if (r.lp == address(0)) revert AlreadyClosed(id);
        if (r.lp != msg.sender) revert NotYours(id, r.lp);
        emit RequestCancelled(id, msg.sender, Wad.wrap(r.amount));
        _return(id, r);
    }

    /// @dev A request of a class that is worth nothing would stop the queue for the other.
    function _sendBack(uint256 id, QueueLib.Request memory r) internal {
        emit RequestReturned(id, r.lp, Wad.wrap(r.amount));
        _return(id, r);
    }

    function _return(uint256 id, QueueLib.Request memory r) private {
        _queue(id).close(id >> 1);
        if (id & 1 == 1) return _giveBack(r.lp, r.amount, r.junior);
        pendingDeposits = pendingDeposits - Wad.wrap(r.amount);
        _pay(r.lp, r.amount);
    }

    /// @dev What the token refuses to pay waits for `claim`.
    function _pay(address to, uint256 amount) internal {
        QUOTE.fetch(MARKET, amount / UNIT);
        (bool ok, bytes memory answer) = QUOTE.call(abi.encodeWithSignature("transfer(address,uint256)", to, amount / UNIT));
        if (ok && (answer.length == 0 || (answer.length == 32 && abi.decode(answer, (uint256)) == 1))) return;
        unclaimed[to] = unclaimed[to] + Wad.wrap(amount);
        emit PaymentKept(to, Wad.wrap(amount));
    }

    function claim(address to) external nonReentrant {
        Wad amount = unclaimed[to];
        unclaimed[to] = Wad.wrap(0);
        emit Claimed(to, amount);
        QUOTE.fetch(MARKET, amount.raw() / UNIT);
        SafeTransferLib.safeTransfer(QUOTE, to, amount.raw() / UNIT);
    }

    /// @dev FROZEN and WIND_DOWN take no requests.
    function _accepting() private view {
        Mode mode = BREAKER.mode();
        if (mode > Mode.REDUCE_ONLY) revert QueueWaits(mode);
    }

    function _serveIfOpen() internal virtual;

    // ------------------------------------------------------------ views

    function requestOf(uint256 id) external view returns (address lp, Wad amount, Timestamp readyAt) {
        QueueLib.Request memory r = _queue(id).items[id >> 1];
        uint256 delay = id & 1 == 1 ? WITHDRAWAL_DELAY : DEPOSIT_DELAY;
        return (r.lp, Wad.wrap(r.amount), r.lp == address(0) ? Timestamp.wrap(0) : _readyAt(r.requestedAt, delay));
    }

    function isJunior(uint256 id) external view returns (bool) {
        return _queue(id).items[id >> 1].junior;
    }

    function queues()
        external
        view
        returns (uint256 deposit, uint256 depositEnd, uint256 withdrawal, uint256 withdrawalEnd)
    {
        return (
            uint256(_deposits.head) << 1,
            uint256(_deposits.tail) << 1,
            uint256(_withdrawals.head) << 1 | 1,
            uint256(_withdrawals.tail) << 1 | 1
        );
    }

    function _queue(uint256 id) private view returns (QueueLib.Queue storage) {
        return id & 1 == 1 ? _withdrawals : _deposits;
    }

    function _readyAt(uint256 from, uint256 delay) private pure returns (Timestamp) {
        return Timestamp.wrap(uint64(from + delay));
    }

    // ------------------------------------------------------------ in the words of ERC-4626 and ERC-7540

    function asset() external view returns (address) {
        return QUOTE;
    }

    function totalAssets() external view returns (uint256) {
        return navParts().nav.positive().raw() / UNIT;
    }

    function convertToShares(uint256 assets) external view returns (uint256) {
        return FixedPointMathLib.fullMulDiv(assets * UNIT, ONE, _seniorPrice());
    }

    function convertToAssets(uint256 shares) external view returns (uint256) {
        return FixedPointMathLib.fullMulDiv(shares, _seniorPrice(), ONE) / UNIT;
    }

    function pendingDepositRequest(uint256 id, address lp) external view returns (uint256 assets) {
        QueueLib.Request memory r = _queue(id).items[id >> 1];
        return id & 1 == 0 && r.lp == lp ? r.amount / UNIT : 0;
    }

    function pendingRedeemRequest(uint256 id, address lp) external view returns (uint256 shares) {
        QueueLib.Request memory r = _queue(id).items[id >> 1];
        return id & 1 == 1 && r.lp == lp ? r.amount : 0;
    }

    /// @dev Transient storage on every chain, not only on mainnet.
    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }
}
