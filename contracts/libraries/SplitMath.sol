// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ONE} from "../types/Units.sol";

/// Divides a trade over venues whose average cost per unit is linear in size, start + slope * q: the cheapest
/// division makes the marginal costs start + 2 slope q equal wherever a venue is neither empty nor full.
library SplitMath {
    /// @dev start: quote per underlying, + worse for us; slope: quote per underlying squared; most: underlying.
    struct Curve {
        int256 start;
        uint256 slope;
        uint256 most;
    }

    /// @notice Sizes that add up to min(total, sum of most), at the least total cost.
    function split(Curve[] memory curves, uint256 total) internal pure returns (uint256[] memory sizes) {
        if (_most(curves) <= total) return _all(curves);
        if (_single(curves, total, sizes = new uint256[](curves.length))) return sizes;
        (int256 low, int256 high) = _bracket(curves, total);
        sizes = _sizes(curves, _between(curves, low, high, total));
        _hand(curves, sizes, _sizes(curves, high), total - _sum(sizes));
    }

    /// @notice Average cost per unit of `size`, rounded up.
    function cost(Curve memory curve, uint256 size) internal pure returns (int256) {
        return curve.start + int256(FixedPointMathLib.fullMulDivUp(curve.slope, size, ONE));
    }

    function _sizes(Curve[] memory curves, int256 marginal) private pure returns (uint256[] memory sizes) {
        sizes = new uint256[](curves.length);
        for (uint256 i; i < curves.length; ++i) {
            sizes[i] = _size(curves[i], marginal);
        }
    }

    function _size(Curve memory curve, int256 marginal) private pure returns (uint256) {
        if (marginal <= curve.start) return 0;
        if (curve.slope == 0) return curve.most;
        uint256 gap = uint256(marginal - curve.start);
        return FixedPointMathLib.min(FixedPointMathLib.fullMulDiv(gap, ONE, 2 * curve.slope), curve.most);
    }

    /// @dev What rounding and flat curves left goes where one more unit of marginal cost makes room.
    function _hand(Curve[] memory curves, uint256[] memory sizes, uint256[] memory room, uint256 left) private pure {
        for (uint256 i; i < curves.length && left != 0; ++i) {
            uint256 more = FixedPointMathLib.min(FixedPointMathLib.zeroFloorSub(room[i], sizes[i]), left);
            sizes[i] += more;
            left -= more;
        }
    }

    /// @dev Neighbouring kinks of what venues fill together as a function of the marginal cost: at most `total` at low,
    /// more at high. In between it is a line.
    function _bracket(Curve[] memory curves, uint256 total) private pure returns (int256 low, int256 high) {
        (low, high) = (type(int256).min, type(int256).max);
        for (uint256 i; i < curves.length; ++i) {
            if (curves[i].most == 0) continue;
            int256 full = curves[i].start + int256(FixedPointMathLib.fullMulDiv(2 * curves[i].slope, curves[i].most, ONE));
            (low, high) = _narrow(curves, total, curves[i].start, low, high);
            (low, high) = _narrow(curves, total, full, low, high);
            (low, high) = _narrow(curves, total, full + 1, low, high);
        }
    }

    function _narrow(Curve[] memory curves, uint256 total, int256 kink, int256 low, int256 high)
        private
        pure
        returns (int256, int256)
    {
        if (kink <= low || kink >= high) return (low, high);
        return _sum(_sizes(curves, kink)) > total ? (low, kink) : (kink, high);
    }

    /// @dev Where the line reaches `total`, from below: each size loses less than 1 by rounding.
    function _between(Curve[] memory curves, int256 low, int256 high, uint256 total) private pure returns (int256) {
        uint256 start = _sum(_sizes(curves, low)) + curves.length;
        uint256 rise = _sum(_sizes(curves, high)) + 2 * curves.length - start;
        uint256 wanted = FixedPointMathLib.zeroFloorSub(total, start);
        return low + int256(FixedPointMathLib.fullMulDiv(uint256(high - low), wanted, rise));
    }

    function _most(Curve[] memory curves) private pure returns (uint256 most) {
        for (uint256 i; i < curves.length; ++i) {
            most += curves[i].most;
        }
    }

    /// @dev One venue alone takes all there is to do.
    function _single(Curve[] memory curves, uint256 total, uint256[] memory sizes) private pure returns (bool) {
        uint256 open;
        for (uint256 i; i < curves.length; ++i) {
            if (curves[i].most == 0) continue;
            sizes[i] = total;
            ++open;
        }
        return open == 1;
    }

    function _all(Curve[] memory curves) private pure returns (uint256[] memory sizes) {
        sizes = new uint256[](curves.length);
        for (uint256 i; i < curves.length; ++i) {
            sizes[i] = curves[i].most;
        }
    }

    function _sum(uint256[] memory sizes) private pure returns (uint256 total) {
        for (uint256 i; i < sizes.length; ++i) {
            total += sizes[i];
        }
    }
}
