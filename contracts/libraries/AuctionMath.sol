// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {AuctionParams} from "../types/Params.sol";
import {MarginView} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";

/// Formulas of the partial Dutch auction. E = equity, W = what the account is worth to who takes it over (E with the
/// underlying in full), R = cash that earlier bids of this auction paid in, d = share of W - R that a bidder pays,
/// f = fraction taken.
library AuctionMath {
    /// @notice d: start -> kink over `fast`, -> end over `slow`, in seconds since the start.
    function price(AuctionParams memory p, uint256 elapsed) internal pure returns (Wad) {
        uint256 fast = p.fast.rawSeconds();
        uint256 slow = p.slow.rawSeconds();
        if (elapsed >= slow) return p.endPrice;
        if (elapsed < fast) return _between(p.startPrice, p.kinkPrice, elapsed, fast);
        return _between(p.kinkPrice, p.endPrice, elapsed - fast, slow - fast);
    }

    /// @notice W: balance less mark, and underlying in full at `low`.
    function worth(MarginView memory m, Wad low) internal pure returns (SWad) {
        return (m.balance + m.units.mulDown(low)).signed() - m.mark;
    }

    /// @notice A bid is no longer worth the least bounty, even at the end of the price path.
    function isInsolvent(AuctionParams memory p, SWad worth_, Wad received) internal pure returns (bool) {
        Wad most = estate(worth_, received).mulDown(Wad.wrap(ONE) - p.endPrice);
        return most < p.minBounty || worth_ <= SWad.wrap(0);
    }

    /// @notice W - R, at least 0: what the legs and the collateral for sale are worth.
    function estate(SWad worth_, Wad received) internal pure returns (Wad) {
        return (worth_ - received.signed()).positive();
    }

    /// @notice Smallest f after which equity reaches buffer margin: (BM - E) / (BM - charge - (W - R)(1 - d) + W - E), at
    /// most one. A bid leaves E - f (E - R) + f d (W - R) and, of the requirement, (1 - f)(BM - charge) + charge: the
    /// charge per position does not shrink with the positions.
    function maxFraction(MarginView memory m, SWad worth_, Wad estate_, Wad d) internal pure returns (Wad) {
        SWad gap = m.bufferMargin.signed() - m.equity;
        if (gap <= SWad.wrap(0)) return Wad.wrap(0);
        SWad slope = m.bufferMargin.signed() - m.charge.signed() - estate_.mulUp(Wad.wrap(ONE) - d).signed();
        slope = slope + worth_ - m.equity;
        if (slope <= gap) return Wad.wrap(ONE);
        return gap.positive().divUp(slope.positive());
    }

    /// @notice What the insurance fund adds for fraction f of an insolvent account: rising from 0 to `full`, which lifts
    /// what it is worth to maintenance.
    function bounty(AuctionParams memory p, Wad full, Wad f, uint256 elapsed) internal pure returns (Wad) {
        uint256 time = p.bountyTime.rawSeconds();
        uint256 part = FixedPointMathLib.min(elapsed, time);
        return Wad.wrap(full.mulDown(f).raw() * part / time);
    }

    function _between(Wad from, Wad to, uint256 elapsed, uint256 time) private pure returns (Wad) {
        return from - Wad.wrap((from - to).raw() * elapsed / time);
    }
}
