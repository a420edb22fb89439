// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SviSlice} from "../types/Types.sol";
import {Wad} from "../types/Units.sol";

/// The raw SVI slice of Gatheral and Jacquier (2014), here of annualised variance, and its static no-arbitrage
/// conditions at a point. k = ln(K / F), time in years, all 1e18.
library Svi {
    int256 private constant ONE = 1e18;

    /// @dev v, dv/dk and d2v/dk2.
    struct Jet {
        int256 v;
        int256 slope;
        int256 curve;
    }

    /// @notice Annualised variance and its derivatives at k. A slice with sigma = 0 has a kink: curve is then 0.
    function jet(SviSlice memory s, int256 k) internal pure returns (Jet memory j) {
        int256 b = s.b.signed().rawS();
        int256 x = k - s.m.rawS();
        int256 sigma = s.sigma.signed().rawS();
        int256 root = int256(FixedPointMathLib.sqrt(uint256(x * x + sigma * sigma)));
        j.v = s.a.rawS() + b * (s.rho.rawS() * x / ONE + root) / ONE;
        if (root == 0) return j;
        j.slope = b * (s.rho.rawS() + x * ONE / root) / ONE;
        j.curve = b * (sigma * sigma / root) / root * ONE / root;
    }

    /// @notice Volatility of a variance; 0 where the slice's variance is not positive.
    function volOf(int256 variance) internal pure returns (Wad) {
        return Wad.wrap(variance <= 0 ? 0 : FixedPointMathLib.sqrt(uint256(variance * ONE)));
    }

    /// @notice No butterfly at k: Gatheral's g = (1 - k w'/2w)^2 - w'^2/4 (1/w + 1/4) + w''/2 >= 0, w = v t.
    function noButterfly(Jet memory j, int256 k, int256 time) internal pure returns (bool) {
        int256 w = j.v * time / ONE;
        if (w <= 0) return false;
        int256 slope = j.slope * time / ONE;
        int256 lean = ONE - k * slope / (2 * w);
        int256 drag = slope * slope / 4 / w + slope * slope / ONE / 16;
        return lean * lean / ONE - drag + j.curve * time / ONE / 2 >= 0;
    }

    /// @notice No calendar spread at k: total variance does not fall from the earlier to the later expiry.
    function noCalendar(int256 early, int256 earlyTime, int256 late, int256 lateTime) internal pure returns (bool) {
        return late * lateTime >= early * earlyTime;
    }
}
