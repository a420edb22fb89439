// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {Solvency} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";
import {StressMath} from "./StressMath.sol";

/// What the pool's own numbers add up to; the vault and the lens calculate it from here.
library PoolMath {
    /// @notice What the pool has, what shorts owe it, what it owes longs and what it does not pay them from.
    function statement(Wad assets, Wad receivable, Wad longs, Wad reserved)
        internal
        pure
        returns (Solvency memory s)
    {
        s.assets = assets;
        s.shortReceivable = receivable;
        s.longs = longs;
        Wad means = assets + receivable;
        s.shortfall = longs.subFloor(means);
        s.reserved = reserved;
        Wad open = means.subFloor(reserved);
        s.scale = open >= longs ? Wad.wrap(ONE) : open.divDown(longs);
    }

    /// @notice Lowest sum over the stress nodes of the hedge's gain, less what the book then owes and what shorts could
    /// not pay. slope: the hedge's gain per 100 % of spot, in which its equity is linear.
    function worstNode(SWad slope, SWad[8] memory nodes, Wad[8] memory uncoveredAt) internal pure returns (SWad least) {
        int256 low = type(int256).max;
        unchecked {
            // the hedge's numbers are below 2^200, a node and a debt below 2^128
            for (uint256 i; i < 8; ++i) {
                int256 gain = slope.rawS() * (int256(StressMath.percent(i)) - 100);
                if (gain < 0) gain -= 99; // rounded down
                gain = gain / 100 - nodes[i].rawS() - int256(uncoveredAt[i].raw());
                if (gain < low) low = gain;
            }
        }
        return SWad.wrap(low);
    }

    /// @notice What could leave the pool at once: cash that no settled long waits for, within the worst stressed NAV;
    /// below zero it is what has to come in before anything could. Wad.
    function backed(Wad cash, SWad settledOwed, SWad worst) internal pure returns (int256) {
        return FixedPointMathLib.min(cash.subFloor(settledOwed.positive()).signed().rawS(), worst.rawS());
    }

    /// @notice What of `backed_` is above the buffer.
    function free(int256 backed_, uint256 buffer_) internal pure returns (uint256) {
        return uint256(FixedPointMathLib.max(0, backed_ - int256(buffer_)));
    }

    /// @notice What of it only overdue requests may use. Without a book nothing needs a buffer, so the last LP can leave.
    function buffer(int256 nav, uint256 share, bool listed) internal pure returns (uint256) {
        return nav > 0 && listed ? FixedPointMathLib.fullMulDivUp(uint256(nav), share, ONE) : 0;
    }
}
