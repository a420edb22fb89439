// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {ICircuitBreaker} from "../interfaces/ICircuitBreaker.sol";
import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {Expiries} from "../libraries/Expiries.sol";
import {Packing} from "../libraries/Packing.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {Addresses, Mode, OracleView} from "../types/Types.sol";
import {ONE, SWad, SeriesId, Timestamp, Wad} from "../types/Units.sol";
import {Accounts} from "./Accounts.sol";

/// Settlement of an expiry: the price is fixed and the book leaves the ledger; then debtors pay, the payout scale is
/// taken from the solvency statement, creditors are paid. Between those steps NAV carries what is owed either way.
abstract contract Settlement is Accounts {
    using Packing for uint256;
    using SafeCastLib for uint256;
    using TokenUnits for uint256;

    struct Settled {
        uint128 price; // 0 until settled
        uint64 scale;
        bool swept; // every debtor has paid
        bool done;
        address strikes; // data contract
        uint32 cursor; // the accounts below this index are dealt with
        uint128 claims; // net of creditors
        uint128 payable_; // what creditors still receive
        uint128 debts; // net of debtors
        uint128 collected;
    }

    IGreekLedger internal immutable LEDGER;
    ICircuitBreaker internal immutable BREAKER;

    mapping(Timestamp => Settled) private _settled;
    mapping(Timestamp => mapping(address => uint256)) private _claims;
    Timestamp[] internal _live;
    uint128 private _settledLongs;
    uint128 private _settledShorts;

    constructor(Addresses memory book) {
        LEDGER = IGreekLedger(book.ledger);
        BREAKER = ICircuitBreaker(book.breaker);
    }

    // ------------------------------------------------------------ price

    function settleExpiry(Timestamp expiry, uint80 roundId) external nonReentrant {
        Settled storage s = _settled[expiry];
        if (s.price != 0) revert AlreadySettled(expiry);
        Wad price = ORACLE.fixSettlement(expiry, roundId);
        s.price = price.raw().toUint128();
        (uint256 longs, uint256 shorts) = (0, 0);
        (s.strikes, longs, shorts) = Expiries.settle(_interest, LEDGER, expiry, price.raw());
        _settledLongs += longs.toUint128();
        _settledShorts += shorts.toUint128();
        emit ExpirySettled(expiry, price, SWad.wrap(int256(longs) - int256(shorts)));
    }

    // ------------------------------------------------------------ sweep

    function sweep(Timestamp expiry, uint256 max) external nonReentrant returns (bool done) {
        Settled storage s = _settled[expiry];
        if (s.price == 0) revert NotSettled(expiry);
        if (s.done) return true;
        uint256 left = max;
        if (!s.swept) left = _collect(expiry, s, left);
        if (s.swept && !s.done) _pay(expiry, s, left);
        return s.done;
    }

    /// @dev First pass: every account's legs become a debt that it pays or a claim that waits.
    function _collect(Timestamp expiry, Settled storage s, uint256 left) private returns (uint256) {
        Wad[] memory strikes = abi.decode(SSTORE2.read(s.strikes), (Wad[]));
        OracleView memory seen = _look();
        Wad low = seen.confidence.isZero() ? Wad.wrap(s.price) : seen.low;
        uint256 index = s.cursor;
        uint256 collected;
        for ((index, left) = _seek(expiry, index, left); left != 0 && index != END;) {
            address account = _list[index - 1];
            collected += _collectFrom(account, expiry, s, strikes, low);
            _touch(account, seen.price);
            (index, left) = _seek(expiry, index + 1, left - 1);
        }
        s.cursor = uint32(index);
        _toVault(collected);
        if (index == END) _snapshot(expiry, s);
        return left;
    }

    /// @dev The first participant from `index` on, or END. Going on to another 256 accounts counts as one.
    function _seek(Timestamp expiry, uint256 index, uint256 left) private view returns (uint256, uint256) {
        uint256 count = _list.length;
        for (; index <= count; --left) {
            uint256 rest = _participants[expiry][index >> 8] >> (index & 255);
            if (rest != 0) return (index + LibBit.ffs(rest), left);
            index = (index | 255) + 1;
            if (left == 0 || index > count) break;
        }
        return (index > count ? END : index, left);
    }

    /// @dev What the balance does not pay the pool takes in underlying, at `low`: the low side of the oracle's band or,
    /// without a live feed, the settlement price. Returns what is paid in quote.
    function _collectFrom(address account, Timestamp expiry, Settled storage s, Wad[] memory strikes, Wad low)
        private
        returns (uint256 paid)
    {
        (bool any, uint256 long, uint256 short) = _removeLegs(account, expiry, s.price, strikes);
        if (!any) return 0;
        _settledShorts -= uint128(short);
        _settledLongs -= uint128(FixedPointMathLib.min(long, short));
        if (long > short) {
            _claims[expiry][account] = long - short;
            s.claims += uint128(long - short);
            return 0;
        }
        uint256 debt = short - long;
        paid = FixedPointMathLib.min(_accounts[account].balance, debt.ceilUnit(UNIT));
        _debit(account, paid);
        uint256 whole = paid + _takeUnits(account, FixedPointMathLib.zeroFloorSub(debt, paid), low);
        s.debts += uint128(debt);
        s.collected += uint128(whole);
        if (debt > whole) _coverLoss(account, debt - whole, 0);
        emit AccountSettled(account, expiry, -SWad.wrap(int256(debt)), Wad.wrap(whole));
    }

    /// @dev Gross payoff of the account's longs and of its shorts.
    function _removeLegs(address account, Timestamp expiry, uint256 price, Wad[] memory strikes)
        private
        returns (bool any, uint256 long, uint256 short)
    {
        for (uint256 i = _accounts[account].legs; i > 0; --i) {
            uint256 word = _legs[account][i - 1];
            SeriesId id = word.idOf();
            if (id.expiryOf() != expiry) continue;
            any = true;
            int64 lots = word.lotsOf();
            uint256 payoff = Expiries.payoff(price, strikes[id.strikeIndexOf()].raw(), id.isCallOf());
            if (lots > 0) long += Expiries.times(payoff, uint64(lots));
            else short += Expiries.times(payoff, uint64(-lots));
            _writeLeg(account, i - 1, id, lots, 0);
        }
    }

    /// @dev The fund pays first; the pool bears the rest. cause: 0 settlement, 1 close by the pool.
    function _coverLoss(address account, uint256 loss, uint8 cause) internal {
        Wad insured = INSURANCE.cover(Wad.wrap(loss), _isWindingDown());
        emit BadDebt(account, Wad.wrap(loss), insured, cause);
    }

    function _isWindingDown() internal view returns (bool) {
        return BREAKER.mode() == Mode.WIND_DOWN;
    }

    /// @dev All debtors have paid: claims become payable at the pool's scale, the rest of them is written off.
    function _snapshot(Timestamp expiry, Settled storage s) private {
        Wad scale = VAULT.solvency().scale;
        if (scale.raw() < ONE != VAULT.insolvent()) VAULT.assess();
        s.scale = uint64(scale.raw());
        s.payable_ = uint128(Wad.wrap(s.claims).mulUp(scale).raw());
        _settledLongs -= s.claims - s.payable_;
        s.swept = true;
        s.cursor = 0;
        emit ShortsSwept(expiry, Wad.wrap(s.claims), Wad.wrap(s.debts), Wad.wrap(s.collected), scale);
        if (s.claims == 0) _finish(expiry, s);
    }

    /// @dev Second pass: creditors are paid as far as the vault's cash goes; the sweep continues when more comes in.
    function _pay(Timestamp expiry, Settled storage s, uint256 left) private {
        uint256 index = s.cursor;
        uint256 cash = VAULT.cash().raw();
        uint256 sum;
        for ((index, left) = _seek(expiry, index, left); left != 0 && index != END;) {
            address account = _list[index - 1];
            uint256 paid = (_claims[expiry][account] * s.scale / ONE).floorUnit(UNIT);
            if (sum + paid > cash) cash += _drawInsurance(sum + paid - cash);
            if (sum + paid > cash) break;
            sum += paid;
            _payClaim(account, expiry, paid);
            (index, left) = _seek(expiry, index + 1, left - 1);
        }
        s.cursor = uint32(index);
        s.payable_ -= uint128(sum);
        _settledLongs -= uint128(sum);
        _fromVault(sum);
        if (index == END) _finish(expiry, s);
    }

    function _payClaim(address account, Timestamp expiry, uint256 paid) private {
        uint256 claim = _claims[expiry][account];
        if (claim == 0) return;
        delete _claims[expiry][account];
        _credit(account, paid);
        emit AccountSettled(account, expiry, SWad.wrap(int256(claim)), Wad.wrap(paid));
    }

    /// @dev The fund stands in for cash that the pool does not have at all; not for cash that a venue still holds.
    function _drawInsurance(uint256 short) private returns (uint256) {
        Wad drawn = Expiries.lacking(VAULT, INSURANCE).minWad(Wad.wrap(short.ceilUnit(UNIT)));
        return drawn.isZero() ? 0 : INSURANCE.cover(drawn, true).raw();
    }

    /// @dev What rounding left payable falls to the pool.
    function _finish(Timestamp expiry, Settled storage s) private {
        _settledLongs -= s.payable_;
        s.payable_ = 0;
        s.done = true;
        uint256 last = _live.length - 1;
        for (uint256 i = _placeOf(expiry); i < last; ++i) {
            _live[i] = _live[i + 1];
        }
        _live.pop();
    }

    function _placeOf(Timestamp expiry) private view returns (uint256 i) {
        while (_live[i] != expiry) ++i;
    }

    // ------------------------------------------------------------ views

    function settledOwed() public view returns (SWad) {
        return SWad.wrap(int256(uint256(_settledLongs)) - int256(uint256(_settledShorts)));
    }

    function grossMarks(Wad spot) external view returns (Wad longs, Wad shorts) {
        (longs, shorts) = MARGIN.openMarks(spot);
        longs = longs + Wad.wrap(_settledLongs);
        shorts = shorts + Wad.wrap(_settledShorts);
    }

    function settlementOf(Timestamp expiry)
        external
        view
        returns (Wad price, Wad scale, bool shortsSwept, bool done)
    {
        Settled storage s = _settled[expiry];
        return (Wad.wrap(s.price), Wad.wrap(s.scale), s.swept, s.done);
    }

    function payoffOf(SeriesId id) external view returns (bool settled, Wad payoff) {
        Settled storage s = _settled[id.expiryOf()];
        if (s.price == 0) return (false, payoff);
        Wad[] memory strikes = abi.decode(SSTORE2.read(s.strikes), (Wad[]));
        return (true, Wad.wrap(Expiries.payoff(s.price, strikes[id.strikeIndexOf()].raw(), id.isCallOf())));
    }

    function liveExpiries() external view returns (Timestamp[] memory) {
        return _live;
    }
}
