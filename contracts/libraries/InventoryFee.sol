// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SWad, Wad} from "../types/Units.sol";

/// What moves the pool's delta costs: the change of Phi(delta) = h S B phi(delta / B), phi(x) = x^2 / 2 up to 1, then
/// |x| - 1/2. A band of zero charges h S |delta|.
library InventoryFee {
    /// @notice Phi / (h S), rounded down (up).
    function potentialDown(SWad delta, Wad band) internal pure returns (Wad) {
        Wad size = delta.absS();
        if (size > band) return size - Wad.wrap((band.raw() + 1) / 2);
        if (size.isZero()) return size;
        return Wad.wrap(FixedPointMathLib.fullMulDiv(size.raw(), size.raw(), 2 * band.raw()));
    }

    function potentialUp(SWad delta, Wad band) internal pure returns (Wad) {
        Wad size = delta.absS();
        if (size > band) return size - Wad.wrap(band.raw() / 2);
        if (size.isZero()) return size;
        return Wad.wrap(FixedPointMathLib.fullMulDivUp(size.raw(), size.raw(), 2 * band.raw()));
    }

    /// @notice Fee (+) for a move of delta away from zero, rounded up, or rebate (-) for one toward it: `share` of the
    /// decrease, rounded down, at most `paid`. rate = h S
    function charge(SWad before, SWad after_, Wad band, Wad rate, Wad share, Wad paid) internal pure returns (SWad) {
        Wad rise = potentialUp(after_, band).subFloor(potentialDown(before, band));
        if (!rise.isZero()) return rise.mulUp(rate).signed();
        Wad fall = potentialDown(before, band).subFloor(potentialUp(after_, band));
        return -fall.mulDown(rate).mulDown(share).minWad(paid).signed();
    }
}
