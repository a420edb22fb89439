// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IHedgeVenue} from "../interfaces/IHedging.sol";
import {IOracleGuard} from "../interfaces/IOracleGuard.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {Addresses, VenuePosition, VenueQuote} from "../types/Types.sol";
import {ONE, SWad, Wad, floorDiv} from "../types/Units.sol";

/// Executes any size at the oracle guard's price without cost, for proofs. Needs no margin: equity may be negative.
/// Profits are paid from the venue's own token balance, which the deployer endows.
contract FrictionlessVenue is IHedgeVenue {
    using SafeTransferLib for address;
    using TokenUnits for uint256;

    /// @dev equity = (cash + size * price) / 1e18: cash has 36 decimals, so that trades lose no wei.
    struct Account {
        int256 size;
        int256 cash;
    }

    address private immutable QUOTE;
    uint256 private immutable UNIT;
    IOracleGuard private immutable ORACLE;
    mapping(address => Account) private accounts;

    constructor(Addresses memory book) {
        QUOTE = book.quote;
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        ORACLE = IOracleGuard(book.oracle);
    }

    function quote(SWad) external view returns (VenueQuote memory) {
        Wad price = _price();
        return VenueQuote(!price.isZero(), price);
    }

    function trade(SWad size, Wad limit) external returns (Wad price) {
        price = _price();
        if (size.isNegative() ? price < limit : price > limit) revert VenueLimit(price, limit);
        Account storage account = accounts[msg.sender];
        account.size += size.rawS();
        account.cash -= size.rawS() * price.signed().rawS();
        emit VenueTraded(msg.sender, size, price, SWad.wrap(account.size));
    }

    function depositMargin(Wad amount) external {
        QUOTE.safeTransferFrom(msg.sender, address(this), amount.raw().toTokenUp(UNIT));
        _move(amount.signed());
    }

    function withdrawMargin(Wad amount) external {
        SWad equity = _equity(accounts[msg.sender]);
        if (amount.signed() > equity) revert VenueMargin(equity, amount);
        _move(-amount.signed());
        QUOTE.safeTransfer(msg.sender, amount.raw().toTokenDown(UNIT));
    }

    function position(address owner) external view returns (VenuePosition memory) {
        Account storage account = accounts[owner];
        SWad equity = _equity(account);
        return VenuePosition(SWad.wrap(account.size), equity, equity.positive());
    }

    function _move(SWad amount) private {
        Account storage account = accounts[msg.sender];
        account.cash += amount.rawS() * int256(ONE);
        emit VenueMarginMoved(msg.sender, amount, _equity(account));
    }

    function _equity(Account storage account) private view returns (SWad) {
        return SWad.wrap(floorDiv(account.cash + account.size * _price().signed().rawS(), int256(ONE)));
    }

    function _price() private view returns (Wad) {
        return ORACLE.read().price;
    }
}
