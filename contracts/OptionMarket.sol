// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Accounts} from "./base/Accounts.sol";
import {Liquidation} from "./base/Liquidation.sol";
import {Settlement} from "./base/Settlement.sol";
import {TradeRules} from "./TradeRules.sol";
import {IVolSurface} from "./interfaces/IVolSurface.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {Expiries} from "./libraries/Expiries.sol";
import {Packing} from "./libraries/Packing.sol";
import {MarketParams} from "./types/Params.sol";
import {Addresses, TradeResult} from "./types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "./types/Units.sol";

contract OptionMarket is Liquidation {
    using ExactTransfer for address;
    using SafeTransferLib for address;

    IVolSurface private immutable SURFACE;
    address private immutable LISTER;
    TradeRules private immutable RULES;
    bool private immutable LIMITS_ACCOUNT_DELTA;

    constructor(Addresses memory book, MarketParams memory params_)
        Accounts(book, params_.maxLegs)
        Settlement(book)
        Liquidation(book)
    {
        SURFACE = IVolSurface(book.surface);
        LISTER = book.lister;
        RULES = new TradeRules(book, params_);
        LIMITS_ACCOUNT_DELTA = !params_.accountDeltaLimit.isZero();
    }

    function params() external view returns (MarketParams memory) {
        _answer(abi.encodeCall(RULES.params, ()));
    }

    function rules() external view returns (address) {
        return address(RULES);
    }

    // ------------------------------------------------------------ listing

    function list(Timestamp expiry, Wad[] calldata strikes) external nonReentrant {
        if (msg.sender != LISTER) revert OnlyLister(msg.sender);
        Expiries.list(SURFACE, LEDGER, expiry, strikes, RULES.impact());
        _live.push(expiry);
    }

    // ------------------------------------------------------------ quote in and out

    function deposit(Wad amount) external nonReentrant {
        uint256 units = amount.raw() / UNIT;
        if (units == 0) revert AmountTooSmall(amount, Wad.wrap(UNIT));
        QUOTE.takeExactly(units);
        _enlist(msg.sender);
        _held += units * UNIT;
        _credit(msg.sender, units * UNIT);
        _touchNow(msg.sender);
        emit Deposited(msg.sender, Wad.wrap(units * UNIT));
    }

    function withdraw(Wad amount) external nonReentrant {
        uint256 units = amount.raw() / UNIT;
        if (units == 0) revert AmountTooSmall(amount, Wad.wrap(UNIT));
        _debit(msg.sender, units * UNIT);
        _requireMarginToWithdraw(msg.sender);
        if (units * UNIT > _held) square();
        _held -= units * UNIT;
        QUOTE.safeTransfer(msg.sender, units);
        emit Withdrawn(msg.sender, Wad.wrap(units * UNIT));
    }

    // ------------------------------------------------------------ trade

    function trade(SeriesId id, SWad size, SWad limit) external nonReentrant returns (TradeResult memory) {
        bool opening = _isOpening(id, size);
        TradeRules.Outcome memory out = RULES.trade(_order(id, size, limit, opening));
        int64 lots = _addLots(msg.sender, id, Packing.toLots(size));
        _moveCash(out.result.cash.rawS(), out.insured.raw());
        if (opening && LIMITS_ACCOUNT_DELTA) _noteCents(out.cents);
        // Selling a long beside shorts also needs the initial margin: the long may have been their cover.
        if (opening || size.isNegative()) _requireInitial(msg.sender, out.spot);
        else _touch(msg.sender, out.spot);
        emit Traded(msg.sender, id, size, out.result, Packing.toSize(lots), out.priced);
        return out.result;
    }

    function _order(SeriesId id, SWad size, SWad limit, bool opening) private view returns (TradeRules.Order memory o) {
        (o.account, o.id, o.size, o.limit, o.opening) = (msg.sender, id, size, limit, opening);
        o.cents = _centsOfBlock();
        if (!opening) return o;
        o.settled = settledOwed();
        if (_indebted) o.uncovered = _uncovered;
    }

    function quote(SeriesId id, SWad size) external view returns (TradeResult memory) {
        _answer(abi.encodeCall(RULES.quote, (msg.sender, id, size)));
    }

    /// @dev Ends this call with what the rules answer.
    function _answer(bytes memory request) private view {
        address to = address(RULES);
        assembly ("memory-safe") {
            let ok := staticcall(gas(), to, add(request, 32), mload(request), 0, 0)
            let data := mload(64)
            returndatacopy(data, 0, returndatasize())
            if iszero(ok) { revert(data, returndatasize()) }
            return(data, returndatasize())
        }
    }

    function _isOpening(SeriesId id, SWad size) private view returns (bool) {
        (, int64 lots) = _find(msg.sender, id);
        int256 held = Packing.toSize(lots).rawS();
        bool opposite = held < 0 != size.isNegative();
        return !(held != 0 && opposite && size.absS() <= SWad.wrap(held).absS());
    }

    function _moveCash(int256 cash, uint256 insured) private {
        if (cash > 0) _debit(msg.sender, uint256(cash));
        else _credit(msg.sender, uint256(-cash));
        _settleWithVault(cash - int256(insured));
        _toInsurance(insured);
    }

    /// @dev Dollar delta that the account has added in this block, in cents.
    function _centsOfBlock() private view returns (int256) {
        Account storage a = _accounts[msg.sender];
        return LIMITS_ACCOUNT_DELTA && a.deltaBlock == uint24(block.number) ? a.deltaCents : int256(0);
    }

    function _noteCents(int256 cents) private {
        Account storage a = _accounts[msg.sender];
        (a.deltaBlock, a.deltaCents) = (uint24(block.number), int40(cents));
    }
}
