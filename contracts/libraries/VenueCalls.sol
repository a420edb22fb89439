// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAsyncVenue, IHedgeVenue} from "../interfaces/IHedging.sol";
import {VenuePosition, VenueQuote} from "../types/Types.sol";
import {SWad, Wad} from "../types/Units.sol";

/// Calls to a venue that cannot hurt the caller: gas is capped, so that a venue cannot burn it; a venue without
/// code, a revert or a malformed answer is "not ok". A caller who brings too little gas is refused instead, because
/// otherwise he could make a healthy venue look sick.
library VenueCalls {
    error TooLittleGas(uint256 gas, uint256 required);

    uint256 private constant MAX_REASON = 256;

    function tryQuote(address venue, SWad size, uint256 cap) internal view returns (VenueQuote memory answer) {
        (bool ok, bytes memory data) = _view(venue, abi.encodeCall(IHedgeVenue.quote, (size)), 64, cap);
        if (!ok) return answer;
        (uint256 fills, uint256 price) = abi.decode(data, (uint256, uint256));
        return VenueQuote(fills == 1 && price != 0, Wad.wrap(price));
    }

    /// @dev Values beyond int96, forty billion, are not credible, and would not fit storage.
    function tryPosition(address venue, address owner, uint256 cap)
        internal
        view
        returns (bool ok, VenuePosition memory answer)
    {
        bytes memory data;
        (ok, data) = _view(venue, abi.encodeCall(IHedgeVenue.position, (owner)), 96, cap);
        if (!ok) return (false, answer);
        (int256 size, int256 equity, uint256 margin) = abi.decode(data, (int256, int256, uint256));
        ok = size == int96(size) && equity == int96(equity);
        answer = VenuePosition(SWad.wrap(size), SWad.wrap(equity), Wad.wrap(margin));
    }

    /// @dev Ordered but not yet filled; not ok and zero at a venue that knows no such thing or does not answer.
    function tryPending(address venue, address owner, uint256 cap) internal view returns (bool ok, SWad) {
        bytes memory data;
        (ok, data) = _view(venue, abi.encodeCall(IAsyncVenue.pendingOf, (owner)), 32, cap);
        if (!ok) return (false, SWad.wrap(0));
        int256 size = abi.decode(data, (int256));
        return size == int96(size) ? (true, SWad.wrap(size)) : (false, SWad.wrap(0));
    }

    /// Returns data: the price (32 bytes) or the revert reason
    function tryTrade(address venue, SWad size, Wad limit, uint256 cap)
        internal
        returns (bool ok, bytes memory data)
    {
        return _act(venue, abi.encodeCall(IHedgeVenue.trade, (size, limit)), 32, cap);
    }

    function tryDeposit(address venue, Wad amount, uint256 cap) internal returns (bool ok) {
        (ok,) = _act(venue, abi.encodeCall(IHedgeVenue.depositMargin, (amount)), 0, cap);
    }

    function tryWithdraw(address venue, Wad amount, uint256 cap) internal returns (bool ok) {
        (ok,) = _act(venue, abi.encodeCall(IHedgeVenue.withdrawMargin, (amount)), 0, cap);
    }

    function _view(address venue, bytes memory input, uint256 size, uint256 cap)
        private
        view
        returns (bool ok, bytes memory data)
    {
        _requireGas(cap);
        if (venue.code.length == 0) return (false, "");
        uint256 length;
        assembly ("memory-safe") {
            data := mload(0x40)
            ok := staticcall(cap, venue, add(input, 32), mload(input), add(data, 32), size)
            length := returndatasize()
            mstore(data, size)
            mstore(0x40, add(add(data, 32), size))
        }
        ok = ok && length >= size;
    }

    function _act(address venue, bytes memory input, uint256 size, uint256 cap)
        private
        returns (bool ok, bytes memory data)
    {
        _requireGas(cap);
        if (venue.code.length == 0) return (false, "");
        uint256 length;
        assembly ("memory-safe") {
            ok := call(cap, venue, 0, add(input, 32), mload(input), 0, 0)
            length := returndatasize()
            if gt(length, MAX_REASON) { length := MAX_REASON }
            data := mload(0x40)
            mstore(data, length)
            returndatacopy(add(data, 32), 0, length)
            mstore(0x40, add(add(data, 32), and(add(length, 31), not(31))))
        }
        ok = ok && length >= size;
    }

    /// @dev A call may forward at most 63/64 of the gas left.
    function _requireGas(uint256 amount) private view {
        uint256 required = amount + amount / 60 + 5000;
        if (gasleft() < required) revert TooLittleGas(gasleft(), required);
    }
}
