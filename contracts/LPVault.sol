// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ReentrancyGuardTransient} from "solady/utils/ReentrancyGuardTransient.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {PoolMath} from "./libraries/PoolMath.sol";
import {QueueLib} from "./libraries/QueueLib.sol";
import {ShareMath} from "./libraries/ShareMath.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {VaultParams} from "./types/Params.sol";
import {Addresses, Mode, OracleView} from "./types/Types.sol";
import {ONE, SWad, Seconds, Timestamp, Wad} from "./types/Units.sol";
import {PoolStatements} from "./base/PoolStatements.sol";

contract LPVault is PoolStatements, ERC20, ReentrancyGuardTransient {
    using QueueLib for QueueLib.Queue;
    using QueueLib for QueueLib.Request;

    address private immutable QUOTE;
    uint256 private immutable UNIT; // wads in one unit of the quote token
    uint256 private immutable DEPOSIT_DELAY;
    uint256 private immutable WITHDRAWAL_DELAY;
    uint256 private immutable MAX_WAIT;
    uint256 private immutable FREE_BUFFER;
    uint256 private immutable FEE;
    uint256 private immutable BAND_PRICING;

    /// Smallest request, quote or shares; a whole balance of shares may always be asked for.
    uint256 private constant MIN_REQUEST = 1e15;
    /// Requests that a new one without delay may serve, itself included.
    uint256 private constant AT_ONCE = 8;

    QueueLib.Queue private _deposits;
    QueueLib.Queue private _withdrawals;
    Wad public pendingDeposits;
    mapping(address => Wad) public unclaimed;

    /// What decides whether the queues move.
    struct Sight {
        OracleView seen;
        Mode mode;
        SWad[8] nodes; // the book's value at the stress nodes
        Timestamp unknown; // first expiry whose value is not known; zero when none
        bool listed; // there is a book
        uint256 auctions; // open insolvent ones
    }

    /// One call's view of the pool, moved along as requests are served. Wad.
    struct Turn {
        int256 low; // NAV at which shares are redeemed
        int256 high; // NAV at which shares are issued
        uint256 backed; // min(cash, worst stressed NAV), at least 0
        uint256 buffer; // part of it that only overdue requests may use
        bool overdueOnly;
    }

    constructor(Addresses memory book, VaultParams memory p) PoolStatements(book) {
        ParamBounds.check(p);
        QUOTE = book.quote;
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        DEPOSIT_DELAY = p.depositDelay.rawSeconds();
        WITHDRAWAL_DELAY = p.withdrawalDelay.rawSeconds();
        MAX_WAIT = p.maxWait.rawSeconds();
        FREE_BUFFER = p.freeBuffer.raw();
        FEE = p.withdrawalFee.raw();
        BAND_PRICING = p.bandPricing.raw();
    }

    function params() external view returns (VaultParams memory) {
        return VaultParams({
            depositDelay: Seconds.wrap(uint64(DEPOSIT_DELAY)),
            withdrawalDelay: Seconds.wrap(uint64(WITHDRAWAL_DELAY)),
            maxWait: Seconds.wrap(uint64(MAX_WAIT)),
            freeBuffer: Wad.wrap(FREE_BUFFER),
            withdrawalFee: Wad.wrap(FEE),
            bandPricing: Wad.wrap(BAND_PRICING)
        });
    }

    function name() public pure override returns (string memory) {
        return "Option pool share";
    }

    function symbol() public pure override returns (string memory) {
        return "OPS";
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
        MARKET.square();
        SafeTransferLib.safeTransfer(QUOTE, to, TokenUnits.toTokenDown(amount.raw(), UNIT));
    }

    function handOver(Wad amount) external {
        if (msg.sender != address(MARKET)) revert OnlyProtocol(msg.sender);
        SafeTransferLib.safeTransfer(QUOTE, address(MARKET), amount.raw() / UNIT);
    }

    // ------------------------------------------------------------ requests

    function requestDeposit(Wad amount) external nonReentrant returns (uint256 id) {
        _accepting();
        uint256 taken = TokenUnits.floorUnit(amount.raw(), UNIT);
        if (taken < MIN_REQUEST) revert AmountTooSmall(amount, Wad.wrap(MIN_REQUEST));
        SafeTransferLib.safeTransferFrom(QUOTE, msg.sender, address(this), taken / UNIT);
        pendingDeposits = pendingDeposits + Wad.wrap(taken);
        id = _deposits.push(msg.sender, taken) << 1;
        emit DepositRequested(id, msg.sender, Wad.wrap(taken), _readyAt(block.timestamp, DEPOSIT_DELAY));
        if (DEPOSIT_DELAY == 0) _serveIfOpen();
    }

    function requestWithdrawal(Wad shares) external nonReentrant returns (uint256 id) {
        _accepting();
        uint256 held = balanceOf(msg.sender);
        if (shares.raw() > held) revert InsufficientShares(Wad.wrap(held), shares);
        uint256 minimum = FixedPointMathLib.max(1, FixedPointMathLib.min(MIN_REQUEST, held));
        if (shares.raw() < minimum) revert AmountTooSmall(shares, Wad.wrap(minimum));
        _transfer(msg.sender, address(this), shares.raw());
        id = _withdrawals.push(msg.sender, shares.raw()) << 1 | 1;
        emit WithdrawalRequested(id, msg.sender, shares, _readyAt(block.timestamp, WITHDRAWAL_DELAY));
        if (WITHDRAWAL_DELAY == 0) _serveIfOpen();
    }

    function cancel(uint256 id) external nonReentrant {
        QueueLib.Queue storage queue = _queue(id);
        QueueLib.Request memory r = queue.items[id >> 1];
        if (r.lp == address(0)) revert AlreadyClosed(id);
        if (r.lp != msg.sender) revert NotYours(id, r.lp);
        queue.close(id >> 1);
        emit RequestCancelled(id, msg.sender, Wad.wrap(r.amount));
        if (id & 1 == 1) return _transfer(address(this), msg.sender, r.amount);
        pendingDeposits = pendingDeposits - Wad.wrap(r.amount);
        MARKET.square();
        SafeTransferLib.safeTransfer(QUOTE, msg.sender, r.amount / UNIT);
    }

    function claim(address to) external nonReentrant {
        Wad amount = unclaimed[to];
        unclaimed[to] = Wad.wrap(0);
        emit Claimed(to, amount);
        MARKET.square();
        SafeTransferLib.safeTransfer(QUOTE, to, amount.raw() / UNIT);
    }

    function process(uint256 max) external nonReentrant returns (uint256 served) {
        Sight memory s = _look();
        if (s.unknown.rawTime() != 0) revert StaleGreeks(s.unknown);
        if (_open(s)) return _serve(max, s, false);
        if (_overdueHead(s)) return _serve(max, s, true);
        if (s.mode != Mode.NORMAL) revert QueueWaits(s.mode);
        revert LossPending(s.auctions);
    }

    /// @dev FROZEN and WIND_DOWN take no requests.
    function _accepting() private view {
        Mode mode = BREAKER.mode();
        if (mode > Mode.REDUCE_ONLY) revert QueueWaits(mode);
    }

    function _serveIfOpen() private {
        Sight memory s = _look();
        if (_open(s) && s.unknown.rawTime() == 0) _serve(AT_ONCE, s, false);
    }

    function _open(Sight memory s) private pure returns (bool) {
        return s.mode == Mode.NORMAL && s.auctions == 0;
    }

    function _look() private view returns (Sight memory s) {
        s.seen = ORACLE.read();
        s.mode = BREAKER.effective(s.seen.mode);
        s.auctions = AUCTION.liveInsolvent();
        (,, s.nodes, s.unknown) = LEDGER.aggregate(s.seen.price);
        Timestamp[] memory live = MARKET.liveExpiries();
        s.listed = live.length != 0;
        for (uint256 i; i < live.length && s.unknown.rawTime() == 0; ++i) {
            if (live[i].rawTime() <= block.timestamp && !_swept(live[i])) s.unknown = live[i];
        }
    }

    function _swept(Timestamp expiry) private view returns (bool swept) {
        (,, swept,) = MARKET.settlementOf(expiry);
    }

    // ------------------------------------------------------------ service

    function _serve(uint256 max, Sight memory s, bool overdueOnly) private returns (uint256 served) {
        Turn memory t = _turn(s);
        t.overdueOnly = overdueOnly;
        if (!overdueOnly) served = _serveDeposits(max, t);
        return served + _serveWithdrawals(max, t);
    }

    function _turn(Sight memory s) private view returns (Turn memory t) {
        Burden memory b = _burden();
        (int256 low, int256 mid, int256 high) = _navsOf(s.seen, b);
        t.low = mid - (mid - low) * int256(BAND_PRICING) / int256(ONE);
        t.high = mid + (high - mid) * int256(BAND_PRICING) / int256(ONE);
        t.backed = _backed(s.seen.price, s.nodes, b);
        t.buffer = PoolMath.buffer(mid, FREE_BUFFER, s.listed);
    }

    function _serveDeposits(uint256 max, Turn memory t) private returns (uint256 served) {
        uint256 index = _deposits.head;
        uint256 end = index + FixedPointMathLib.min(_deposits.tail - index, max);
        for (; index < end; ++index) {
            QueueLib.Request memory r = _deposits.items[index];
            if (r.lp == address(0)) continue;
            if (block.timestamp < r.requestedAt + DEPOSIT_DELAY || !_priced(t.high)) break;
            _issue(index, r, t);
            ++served;
        }
        _deposits.head = uint128(index);
    }

    /// @dev A first depositor takes over what nobody owns, but no debt.
    function _priced(int256 nav) private view returns (bool) {
        return nav > 0 || (nav == 0 && totalSupply() == 0);
    }

    function _issue(uint256 index, QueueLib.Request memory r, Turn memory t) private {
        uint256 supply = totalSupply();
        uint256 shares = ShareMath.toShares(r.amount, t.high, supply);
        uint256 price = ShareMath.price(t.high, supply);
        _deposits.close(index);
        pendingDeposits = pendingDeposits - Wad.wrap(r.amount);
        cash = cash + Wad.wrap(r.amount);
        _mint(r.lp, shares);
        t.low += int256(r.amount);
        t.high += int256(r.amount);
        t.backed += r.amount;
        emit DepositProcessed(index << 1, r.lp, Wad.wrap(r.amount), Wad.wrap(shares), Wad.wrap(price));
    }

    function _serveWithdrawals(uint256 max, Turn memory t) private returns (uint256 served) {
        uint256 index = _withdrawals.head;
        uint256 end = index + FixedPointMathLib.min(_withdrawals.tail - index, max);
        for (; index < end; ++index) {
            QueueLib.Request memory r = _withdrawals.items[index];
            if (r.lp == address(0)) continue;
            if (!_due(r, t.overdueOnly) || t.low <= 0) break;
            if (_redeem(index, r, t)) ++served;
            if (_withdrawals.items[index].open()) break;
        }
        _withdrawals.head = uint128(index);
    }

    function _due(QueueLib.Request memory r, bool overdueOnly) private view returns (bool) {
        if (overdueOnly) return _overdue(r);
        return block.timestamp >= r.requestedAt + WITHDRAWAL_DELAY;
    }

    function _overdue(QueueLib.Request memory r) private view returns (bool) {
        return MAX_WAIT != 0 && block.timestamp >= r.requestedAt + FixedPointMathLib.max(MAX_WAIT, WITHDRAWAL_DELAY);
    }

    function _overdueHead(Sight memory s) private view returns (bool) {
        if (s.mode == Mode.FROZEN || s.seen.mode == Mode.FROZEN) return false;
        uint256 index = _withdrawals.head;
        while (index < _withdrawals.tail && !_withdrawals.items[index].open()) ++index;
        return index < _withdrawals.tail && _overdue(_withdrawals.items[index]);
    }

    /// @dev Pays a request as far as free liquidity goes; what is left of it stays first in the queue.
    function _redeem(uint256 index, QueueLib.Request memory r, Turn memory t) private returns (bool paid) {
        uint256 supply = totalSupply();
        uint256 free = _overdue(r) ? t.backed : FixedPointMathLib.zeroFloorSub(t.backed, t.buffer);
        uint256 shares = r.amount;
        uint256 worth = _afterFee(ShareMath.toAmount(shares, t.low, supply));
        if (worth > free) (shares, worth) = _partial(shares, worth, free, t.low, supply);
        uint256 amount = TokenUnits.floorUnit(worth, UNIT);
        if (amount == 0 && shares < r.amount) return false;
        uint256 price = ShareMath.price(t.low, supply);
        if (shares == r.amount) _withdrawals.close(index);
        else _withdrawals.items[index].amount = r.amount - shares;
        cash = cash - Wad.wrap(amount);
        _burn(address(this), shares);
        t.low -= int256(amount);
        t.high -= int256(amount);
        t.backed -= amount;
        emit WithdrawalProcessed(index << 1 | 1, r.lp, Wad.wrap(shares), Wad.wrap(amount), Wad.wrap(price));
        _pay(r.lp, amount);
        return true;
    }

    /// @dev The shares that `free` can pay, rounded down, and what they are worth after the fee.
    function _partial(uint256 shares, uint256 worth, uint256 free, int256 nav, uint256 supply)
        private
        view
        returns (uint256 part, uint256 value)
    {
        part = FixedPointMathLib.fullMulDiv(shares, free, worth);
        value = _afterFee(ShareMath.toAmount(part, nav, supply));
    }

    function _afterFee(uint256 amount) private view returns (uint256) {
        return amount - FixedPointMathLib.fullMulDivUp(amount, FEE, ONE);
    }

    function _pay(address to, uint256 amount) private {
        MARKET.square();
        (bool ok, bytes memory answer) = QUOTE.call(abi.encodeWithSignature("transfer(address,uint256)", to, amount / UNIT));
        if (ok && (answer.length == 0 || (answer.length == 32 && abi.decode(answer, (uint256)) == 1))) return;
        unclaimed[to] = unclaimed[to] + Wad.wrap(amount);
        emit PaymentKept(to, Wad.wrap(amount));
    }

    // ------------------------------------------------------------ views

    function freeLiquidity() external view returns (Wad) {
        Turn memory t = _turn(_look());
        return Wad.wrap(FixedPointMathLib.zeroFloorSub(t.backed, t.buffer));
    }

    function sharePrice() external view returns (Wad) {
        return Wad.wrap(ShareMath.price(navParts().nav.rawS(), totalSupply()));
    }

    function sharesOf(address lp) external view returns (Wad) {
        return Wad.wrap(balanceOf(lp));
    }

    function totalShares() external view returns (Wad) {
        return Wad.wrap(totalSupply());
    }

    /// @dev Shares sent here by mistake are not in the queue, but count: nobody can tell them apart.
    function pendingWithdrawals() external view returns (Wad) {
        return Wad.wrap(balanceOf(address(this)));
    }

    function requestOf(uint256 id) external view returns (address lp, Wad amount, Timestamp readyAt) {
        QueueLib.Request memory r = _queue(id).items[id >> 1];
        uint256 delay = id & 1 == 1 ? WITHDRAWAL_DELAY : DEPOSIT_DELAY;
        return (r.lp, Wad.wrap(r.amount), r.lp == address(0) ? Timestamp.wrap(0) : _readyAt(r.requestedAt, delay));
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

    /// @dev Transient storage on every chain, not only on mainnet.
    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }
}
