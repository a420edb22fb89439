// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Timestamp} from "../types/Units.sol";

/// Up to eight expiries in one word, uint32 each, the earliest in the lowest bits; 0 = no more.
library Calendar {
    uint256 internal constant MAX = 8;
    uint256 private constant BITS = 32;

    function count(uint256 word) internal pure returns (uint256 n) {
        for (; word != 0; word >>= BITS) ++n;
    }

    /// @notice 0 if there is none.
    function first(uint256 word) internal pure returns (uint256) {
        return uint32(word);
    }

    /// @notice The word without its first expiry.
    function rest(uint256 word) internal pure returns (uint256) {
        return word >> BITS;
    }

    function list(uint256 word) internal pure returns (Timestamp[] memory expiries) {
        expiries = new Timestamp[](count(word));
        for (uint256 i; i < expiries.length; (++i, word >>= BITS)) {
            expiries[i] = Timestamp.wrap(uint32(word));
        }
    }

    /// @notice With an expiry more, which is not in the word and fits.
    function with(uint256 word, Timestamp expiry) internal pure returns (uint256) {
        uint256 bits = _place(word, expiry.rawTime());
        return word >> bits << bits + BITS | expiry.rawTime() << bits | _below(word, bits);
    }

    function without(uint256 word, Timestamp expiry) internal pure returns (uint256) {
        uint256 bits = _place(word, expiry.rawTime());
        return word >> bits + BITS << bits | _below(word, bits);
    }

    /// @dev Bits below which every expiry is earlier.
    function _place(uint256 word, uint256 time) private pure returns (uint256 bits) {
        while (uint32(word >> bits) != 0 && uint32(word >> bits) < time) bits += BITS;
    }

    function _below(uint256 word, uint256 bits) private pure returns (uint256) {
        return word & ((1 << bits) - 1);
    }
}
