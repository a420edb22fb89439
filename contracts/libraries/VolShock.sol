// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ONE, Wad} from "../types/Units.sol";

/// Relative volatility shocks whose size falls with time to expiry: shock * (30 d / left)^p with p = 0.30 below
/// 30 days and 0.13 above; `left` counts as at least one day. Shared by the stress vector and by margin.
library VolShock {
    uint256 private constant DAY = 86_400;
    uint256 private constant PIVOT = 30 * DAY;
    int256 private constant SHORT_POWER = 0.3e18;
    int256 private constant LONG_POWER = 0.13e18;
    /// A vol never falls by more than this share: a zero vol has no price.
    uint256 private constant MAX_FALL = 0.95e18;

    /// @notice (30 d / left)^p, a multiple: 2.77 at one day, 1 at 30 days, 0.72 at one year.
    function scale(uint256 secondsLeft) internal pure returns (Wad) {
        uint256 left = FixedPointMathLib.max(secondsLeft, DAY);
        int256 power = left < PIVOT ? SHORT_POWER : LONG_POWER;
        return Wad.wrap(uint256(FixedPointMathLib.powWad(int256(PIVOT * ONE / left), power)));
    }

    /// @notice max(vol, floor) * (1 + shock * scale).
    function up(Wad vol, Wad scale_, Wad shock, Wad floor) internal pure returns (Wad) {
        Wad base = vol < floor ? floor : vol;
        return base + base.mulDown(shock.mulDown(scale_));
    }

    /// @notice vol * (1 - shock * scale), never below a twentieth of vol.
    function down(Wad vol, Wad scale_, Wad shock) internal pure returns (Wad) {
        Wad fall = shock.mulDown(scale_);
        if (fall.raw() > MAX_FALL) fall = Wad.wrap(MAX_FALL);
        return vol - vol.mulDown(fall);
    }
}
