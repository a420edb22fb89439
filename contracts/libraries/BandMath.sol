// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SWad, Wad} from "../types/Units.sol";

/// Whalley and Wilmott (1997), Mathematical Finance 7, 307: for a small proportional cost k the optimal hedge of an
/// investor with absolute risk aversion l leaves delta alone within (3/2 k S gamma^2 / l)^(1/3) of its target.
library BandMath {
    using FixedPointMathLib for uint256;

    /// @notice Half-width in underlying, with l = riskAversion / nav; zero when any factor is zero.
    /// Saturates instead of overflowing. Rounded down by less than 2e-18 relative plus the rounding of k S.
    function width(Wad cost, Wad spot, SWad gamma, Wad nav, Wad riskAversion) internal pure returns (Wad) {
        uint256 curve = square(gamma.absS().raw()); // 1e36
        uint256 rest = _scaled(cost.raw(), spot.raw(), nav.raw(), riskAversion.raw());
        return Wad.wrap(curve.saturatingMul(rest).cbrt()); // cbrt(1e54) = 1e18
    }

    /// @dev 3/2 k S nav / riskAversion, 1e18.
    function _scaled(uint256 cost, uint256 spot, uint256 nav, uint256 riskAversion) private pure returns (uint256) {
        return (3 * cost).fullMulDiv(spot, 1e18).fullMulDiv(nav, 2 * riskAversion);
    }

    function square(uint256 x) internal pure returns (uint256) {
        return x.saturatingMul(x);
    }

    /// @notice `band` within [low, high] * nav / spot.
    function clamp(Wad band, Wad low, Wad high, Wad nav, Wad spot) internal pure returns (Wad) {
        Wad unit = nav.divDown(spot);
        return band.maxWad(low.mulDown(unit)).minWad(high.mulDown(unit));
    }

    /// @notice What to trade so that `net` comes back to the edge of [aim - band, aim + band], or to the aim itself
    /// when `full`; zero inside.
    function toEdge(SWad net, SWad aim, Wad band, bool full) internal pure returns (SWad) {
        SWad gap = net - aim;
        if (gap.absS() <= band) return SWad.wrap(0);
        if (full) return -gap;
        return gap.isNegative() ? -(gap + band.signed()) : -(gap - band.signed());
    }
}
