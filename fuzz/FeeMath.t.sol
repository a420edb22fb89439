// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FeeMath} from "../contracts/libraries/FeeMath.sol";
import {MarketParams} from "../contracts/types/Params.sol";
import {BookChange, OracleView} from "../contracts/types/Types.sol";
import {SWad, Wad} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";

contract FeeMathTest is Base {
    MarketParams private p;
    OracleView private seen;
    BookChange private change;

    function _fee(uint256 size, uint256 confidence) private view returns (Wad) {
        return FeeMath.fee(p, seen, change, Wad.wrap(size), Wad.wrap(confidence));
    }

    /// Two puts of delta -0.25 for -40 at 2000 in a band of 1990 to 2020: the larger of 3 % of 40 and 0.1 % of 2000 times
    /// 0.25 times 2, 1.2; half of 15 x 0.25 x 2, 3.75; a tenth more at a confidence of a half.
    function test_fee_byHand() public {
        (p.premiumFee, p.spotFee, p.minFeeDelta) = (Wad.wrap(0.03e18), Wad.wrap(0.001e18), Wad.wrap(0.1e18));
        (p.bandFee, p.confidenceFee) = (Wad.wrap(0.5e18), Wad.wrap(0.2e18));
        (seen.low, seen.price, seen.high) = (Wad.wrap(1990e18), Wad.wrap(2000e18), Wad.wrap(2020e18));
        (change.cost, change.delta) = (SWad.wrap(-40e18), SWad.wrap(-0.25e18));
        eq(_fee(2e18, 1e18), 4.95e18, "by the premium");
        eq(_fee(2e18, 0.5e18), 5.445e18, "in doubt");
        change.cost = SWad.wrap(20e18);
        eq(_fee(2e18, 1e18), 4.75e18, "by spot");
        change.delta = SWad.wrap(0.05e18);
        (change.cost, p.bandFee) = (SWad.wrap(0), Wad.wrap(0));
        eq(_fee(2e18, 1e18), 0.4e18, "a delta of at least 0.1");
    }

    /// Halves of a wei become one at every step, so no product of the four is rounded down.
    function test_fee_isRoundedUpAtEveryStep() public {
        (p.premiumFee, change.cost) = (Wad.wrap(0.5e18), SWad.wrap(1));
        eq(_fee(0.5e18, 1e18), 1, "premium");
        (p.premiumFee, p.spotFee, seen.price) = (Wad.wrap(0), Wad.wrap(0.5e18), Wad.wrap(1));
        change.delta = SWad.wrap(0.5e18);
        eq(_fee(0.5e18, 1e18), 1, "spot");
        (p.spotFee, p.bandFee, seen.high) = (Wad.wrap(0), Wad.wrap(0.5e18), Wad.wrap(2));
        eq(_fee(0.5e18, 1e18), 1, "band");
        p.confidenceFee = Wad.wrap(1);
        eq(_fee(0.5e18, 0.5e18), 2, "doubt");
    }
}
