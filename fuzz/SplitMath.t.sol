// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SplitMath} from "../contracts/libraries/SplitMath.sol";
import {Base} from "./Base.sol";

contract SplitMathTest is Base {
    function _curves(uint256 a, uint256 b, uint256 c) private pure returns (SplitMath.Curve[] memory curves) {
        curves = new SplitMath.Curve[](3);
        curves[0] = SplitMath.Curve(2000e18, a, 1e30);
        curves[1] = SplitMath.Curve(2000e18, b, 1e30);
        curves[2] = SplitMath.Curve(2000e18, c, 1e30);
    }

    function _cost(SplitMath.Curve[] memory curves, uint256[] memory sizes) private pure returns (int256 cost) {
        for (uint256 i; i < sizes.length; ++i) {
            cost += (curves[i].start + int256(curves[i].slope * sizes[i] / 1e18)) * int256(sizes[i]) / 1e18;
        }
    }

    /// Impacts 1 : 4 : 2 at equal starts: sizes in the ratio 4 : 1 : 2, of 1000: 571.43, 142.86, 285.71.
    function test_split_equalStarts_sizesAreInverseToImpact() public pure {
        uint256[] memory sizes = SplitMath.split(_curves(0.01e18, 0.04e18, 0.02e18), 1000e18);
        near(int256(sizes[0]), 571428571428571428571, 1e6, "4/7");
        near(int256(sizes[1]), 142857142857142857143, 1e6, "1/7");
        near(int256(sizes[2]), 285714285714285714286, 1e6, "2/7");
        eq(sizes[0] + sizes[1] + sizes[2], 1000e18, "all of it");
    }

    /// A venue that starts above the others' final marginal cost stays empty.
    function test_split_dearVenue_staysEmpty() public pure {
        SplitMath.Curve[] memory curves = _curves(0.01e18, 0.01e18, 0.01e18);
        curves[2].start = 2011e18;
        uint256[] memory sizes = SplitMath.split(curves, 1000e18);
        eq(sizes[2], 0, "2000 + 2 * 0.01 * 500 = 2010 < 2011");
        near(int256(sizes[0]), 500e18, 1e6, "half");
    }

    function test_split_flatCurves_fillTheCheapestFirst() public pure {
        SplitMath.Curve[] memory curves = _curves(0, 0, 0);
        (curves[1].start, curves[1].most) = (1999e18, 300e18);
        (curves[0].most, curves[2].most) = (0, 2000e18);
        uint256[] memory sizes = SplitMath.split(curves, 1000e18);
        eq(sizes[1], 300e18, "cheapest in full");
        eq(sizes[2], 700e18, "the rest");
    }

    function test_split_tooLittleRoom_takesAll() public pure {
        SplitMath.Curve[] memory curves = _curves(1e16, 1e16, 1e16);
        (curves[0].most, curves[1].most, curves[2].most) = (1e18, 2e18, 0);
        uint256[] memory sizes = SplitMath.split(curves, 10e18);
        eq(sizes[0] + sizes[1] + sizes[2], 3e18, "all there is");
    }

    /// Moving a part from one venue to another never pays; sells have negative starts.
    function testFuzz_split_anyCurves_isTheCheapest(
        uint256[3] memory starts, uint256[3] memory slopes, uint256[3] memory most, uint256 total, uint256 part, bool sell
    ) public pure {
        SplitMath.Curve[] memory curves = _curves(0, 0, 0);
        uint256 room;
        for (uint256 i; i < 3; ++i) {
            int256 start = int256(bound(starts[i], 1900e18, 2100e18));
            curves[i] = SplitMath.Curve(
                sell ? -start : start, bound(slopes[i], 1e12, 1e17), bound(most[i], 0, 2000e18)
            );
            room += curves[i].most;
        }
        total = bound(total, 1e15, 3000e18);
        uint256[] memory sizes = SplitMath.split(curves, total);
        eq(sizes[0] + sizes[1] + sizes[2], total < room ? total : room, "sum");
        int256 least = _cost(curves, sizes);
        for (uint256 i; i < 9; ++i) {
            (uint256 from, uint256 to) = (i / 3, i % 3);
            uint256 moved = bound(part, 0, sizes[from]);
            if (from == to || sizes[to] + moved > curves[to].most) continue;
            uint256[] memory other = new uint256[](3);
            (other[0], other[1], other[2]) = (sizes[0], sizes[1], sizes[2]);
            (other[from], other[to]) = (other[from] - moved, other[to] + moved);
            check(_cost(curves, other) >= least - 1e6, "a cheaper split");
        }
    }
}
