// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IHedgePolicy} from "../interfaces/IHedging.sol";
import {BandMath} from "../libraries/BandMath.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {ThresholdParams} from "../types/Params.sol";
import {HedgeDecision, HedgeInput} from "../types/Types.sol";
import {Wad} from "../types/Units.sol";

/// All the way to zero as soon as net delta exceeds a fixed share of NAV / S. With a width of zero it hedges
/// whenever it is called: atomic with each trade.
contract ThresholdPolicy is IHedgePolicy {
    Wad private immutable WIDTH;

    constructor(ThresholdParams memory params_) {
        ParamBounds.bound("threshold.width", params_.width, 0, 10e18);
        WIDTH = params_.width;
    }

    function params() external view returns (ThresholdParams memory) {
        return ThresholdParams(WIDTH);
    }

    function decide(HedgeInput calldata input) external view returns (HedgeDecision memory decision) {
        decision.band = WIDTH.mulDown(input.nav).divDown(input.spot);
        decision.trade = BandMath.toEdge(input.bookDelta + input.hedgeDelta, decision.aim, decision.band, true);
        decision.due = !decision.trade.isZeroS();
        decision.quiet = decision.band.mulDown(Wad.wrap(0.98e18));
    }
}
