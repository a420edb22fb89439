// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SviSlice} from "../types/Types.sol";
import {Wad} from "../types/Units.sol";

/// The raw SVI slice of Gatheral and Jacquier (2014), here of annualised variance, and its static no-arbitrage
/// conditions at a point. k = ln(K / F), time in years, all 1e18.
library Svi {
    int256 private constant ONE = 1e18;
    /// Below this total variance an option is worth its intrinsic value: less than a second is left.
    int256 private constant LEAST_VARIANCE = 1e6;

    /// @dev v, dv/dk and d2v/dk2.
    struct Jet {
        int256 v;
        int256 slope;
        int256 curve;
    }

    /// @notice Whether the numbers of a slice can be computed with: |a|, b, sigma <= 100, |rho| <= 1, |m| <= 10,
    /// sigma >= 1e-4. The functions below are unchecked and assume it, and |k| <= 42.
    function sane(SviSlice memory s) internal pure returns (bool) {
        uint256 sigma = s.sigma.raw();
        if (s.a.absS().raw() > 100e18 || s.b.raw() > 100e18 || sigma > 100e18) return false;
        return s.rho.absS().raw() <= 1e18 && s.m.absS().raw() <= 10e18 && sigma >= 1e14;
    }

    /// @notice Annualised variance at k.
    function variance(SviSlice memory s, int256 k) internal pure returns (int256) {
        unchecked {
            int256 x = k - s.m.rawS();
            return _variance(s, x, _root(s, x));
        }
    }

    /// @notice Annualised variance and its derivatives at k.
    function jet(SviSlice memory s, int256 k) internal pure returns (Jet memory j) {
        unchecked {
            int256 x = k - s.m.rawS();
            int256 root = _root(s, x);
            (int256 b, int256 sigma) = (int256(s.b.raw()), int256(s.sigma.raw()));
            j.v = _variance(s, x, root);
            j.slope = b * (s.rho.rawS() + x * ONE / root) / ONE;
            j.curve = b * (sigma * sigma / root) / root * ONE / root;
        }
    }

    function _root(SviSlice memory s, int256 x) private pure returns (int256) {
        unchecked {
            int256 sigma = int256(s.sigma.raw());
            return int256(FixedPointMathLib.sqrt(uint256(x * x + sigma * sigma)));
        }
    }

    function _variance(SviSlice memory s, int256 x, int256 root) private pure returns (int256) {
        unchecked {
            return s.a.rawS() + int256(s.b.raw()) * (s.rho.rawS() * x / ONE + root) / ONE;
        }
    }

    /// @notice Volatility of a variance; 0 where the slice's variance is not positive.
    function volOf(int256 variance_) internal pure returns (Wad) {
        return Wad.wrap(variance_ <= 0 ? 0 : FixedPointMathLib.sqrt(uint256(variance_ * ONE)));
    }

    /// @notice No butterfly at k: Gatheral's g = (1 - k w'/2w)^2 - w'^2/4 (1/w + 1/4) + w''/2 >= 0, w = v t.
    function noButterfly(Jet memory j, int256 k, int256 time) internal pure returns (bool) {
        unchecked {
            if (j.v <= 0) return false;
            int256 w = j.v * time / ONE;
            if (w < LEAST_VARIANCE) return true;
            int256 slope = j.slope * time / ONE;
            int256 lean = ONE - k * slope / (2 * w);
            int256 drag = slope * slope / 4 / w + slope * slope / ONE / 16;
            return lean * lean / ONE - drag + j.curve * time / ONE / 2 >= 0;
        }
    }

    /// @notice No calendar spread at k: total variance does not fall from the earlier to the later expiry.
    function noCalendar(int256 early, int256 earlyTime, int256 late, int256 lateTime) internal pure returns (bool) {
        return late * lateTime >= early * earlyTime;
    }
}
