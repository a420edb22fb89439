// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IHedgeVenue} from "../interfaces/IHedging.sol";
import {IOracleGuard} from "../interfaces/IOracleGuard.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {Addresses, VenuePosition} from "../types/Types.sol";
import {SWad, Wad} from "../types/Units.sol";

/// Spot positions on margin: the desk holds its accounts' quote and underlying and lends what is missing from its own
/// balance without interest, a stand-in for a money market. An account may be short or levered up to a maximum.
abstract contract SpotDesk is IHedgeVenue {
    using SafeTransferLib for address;
    using TokenUnits for uint256;

    /// @dev Both may be negative: lent.
    struct Account {
        int128 size; // underlying
        int128 cash; // quote
    }

    address internal immutable QUOTE;
    address internal immutable UNDERLYING;
    uint256 internal immutable UNIT;
    IOracleGuard internal immutable ORACLE;
    Wad private immutable MAX_LEVERAGE;

    mapping(address => Account) private accounts;

    /// @dev The underlying has 18 decimals.
    constructor(Addresses memory book, address underlying, Wad maxLeverage) {
        (QUOTE, UNDERLYING, MAX_LEVERAGE) = (book.quote, underlying, maxLeverage);
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        if (ERC20(underlying).decimals() != 18) revert TokenUnits.UnsupportedDecimals(ERC20(underlying).decimals());
        ORACLE = IOracleGuard(book.oracle);
    }

    // ------------------------------------------------------------ margin

    function depositMargin(Wad amount) external {
        QUOTE.safeTransferFrom(msg.sender, address(this), amount.raw().toTokenUp(UNIT));
        _change(msg.sender, 0, amount.signed().rawS());
        emit VenueMarginMoved(msg.sender, amount.signed(), _equity(msg.sender, _spot()));
    }

    function withdrawMargin(Wad amount) external {
        _change(msg.sender, 0, -amount.signed().rawS());
        SWad equity = _requireMargin(msg.sender, _spot());
        emit VenueMarginMoved(msg.sender, -amount.signed(), equity);
        QUOTE.safeTransfer(msg.sender, amount.raw().toTokenDown(UNIT));
    }

    function position(address owner) external view returns (VenuePosition memory) {
        SWad equity = _equity(owner, _spot());
        return VenuePosition(_size(owner), equity, equity.positive());
    }

    // ------------------------------------------------------------ inside

    /// @dev Underlying received (+) or given (-) for `paid` quote, + paid.
    function _book(address owner, SWad size, int256 paid, Wad spot) internal {
        bool grows = (_size(owner) + size).absS() > _size(owner).absS();
        _change(owner, size.rawS(), -paid);
        if (grows) _requireMargin(owner, spot);
    }

    function _change(address owner, int256 size, int256 cash) private {
        Account memory account = accounts[owner];
        accounts[owner] = Account(_fit(account.size + size), _fit(account.cash + cash));
    }

    function _requireMargin(address owner, Wad spot) private view returns (SWad equity) {
        equity = _equity(owner, spot);
        Wad required = _size(owner).absS().mulUp(spot).divUp(MAX_LEVERAGE);
        if (equity < required.signed()) revert VenueMargin(equity, required);
    }

    function _size(address owner) internal view returns (SWad) {
        return SWad.wrap(accounts[owner].size);
    }

    function _equity(address owner, Wad spot) private view returns (SWad) {
        return SWad.wrap(accounts[owner].cash) + _size(owner).mulWadS(spot);
    }

    function _spot() internal view returns (Wad) {
        return ORACLE.read().price;
    }

    function _fit(int256 value) private pure returns (int128) {
        if (value != int128(value)) revert VenueMargin(SWad.wrap(value), Wad.wrap(uint256(int256(type(int128).max))));
        return int128(value);
    }
}
