// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Wad} from "../types/Units.sol";

/// Anchors and weights of up to 12 strikes in three words: strike i at bits 64 * (i % 4) of word i / 4, the anchor in
/// the low 32 bits (1e-8 vol), the weight in the high 32 (1e-9).
library AnchorPack {
    uint256 internal constant MAX = 12;
    uint256 internal constant VOL_UNIT = 1e10;
    uint256 internal constant WEIGHT_UNIT = 1e9;

    /// @notice A wad vol in units of the packing, rounded to the nearest.
    function toRawVol(uint256 vol) internal pure returns (uint256) {
        return (vol + VOL_UNIT / 2) / VOL_UNIT;
    }

    /// @notice Writes strike i; `rawVol` in units of the packing, below 2^32.
    function set(uint256[3] memory words, uint256 i, uint256 rawVol, Wad weight) internal pure {
        unchecked {
            uint256 shift = 64 * (i % 4);
            uint256 lane = rawVol | (weight.raw() / WEIGHT_UNIT) << 32;
            uint256 word = words[i / 4];
            words[i / 4] = (word & ~(uint256(type(uint64).max) << shift)) | lane << shift;
        }
    }

    function rawVolAt(uint256[3] memory words, uint256 i) internal pure returns (uint256) {
        return uint32(words[i / 4] >> 64 * (i % 4));
    }

    /// @notice Anchors of `count` strikes, wads.
    function vols(uint256[3] memory words, uint256 count) internal pure returns (Wad[] memory anchors) {
        anchors = new Wad[](count);
        for (uint256 i; i < count; ++i) {
            anchors[i] = Wad.wrap(rawVolAt(words, i) * VOL_UNIT);
        }
    }

    /// @notice Anchors and weights of `count` strikes, wads.
    function unpack(uint256[3] memory words, uint256 count)
        internal
        pure
        returns (Wad[] memory vols, Wad[] memory weights)
    {
        (vols, weights) = (new Wad[](count), new Wad[](count));
        uint256 word;
        unchecked {
            for (uint256 i; i < count; (++i, word >>= 64)) {
                if (i & 3 == 0) word = words[i >> 2];
                (vols[i], weights[i]) = (Wad.wrap(uint32(word) * VOL_UNIT), Wad.wrap(uint32(word >> 32) * WEIGHT_UNIT));
            }
        }
    }
}
