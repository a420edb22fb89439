// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IHedgePolicy} from "../interfaces/IHedging.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {IntervalParams} from "../types/Params.sol";
import {HedgeDecision, HedgeInput} from "../types/Types.sol";
import {Seconds, Timestamp} from "../types/Units.sol";

/// To zero net delta once in every slot of a fixed schedule: a late hedge does not push the later ones back.
contract IntervalPolicy is IHedgePolicy {
    uint256 private immutable INTERVAL;
    uint256 private immutable PHASE;

    constructor(IntervalParams memory params_) {
        ParamBounds.check(params_);
        INTERVAL = params_.interval.rawSeconds();
        PHASE = params_.phase.rawSeconds();
    }

    function params() external view returns (IntervalParams memory) {
        return IntervalParams(Seconds.wrap(uint64(INTERVAL)), Seconds.wrap(uint64(PHASE)));
    }

    function decide(HedgeInput calldata input) external view returns (HedgeDecision memory decision) {
        decision.trade = -(input.bookDelta + input.hedgeDelta);
        decision.due = !decision.trade.isZeroS() && _slot(input.time) > _slot(input.lastHedge);
    }

    /// @dev Zero before the first slot, in particular for "never hedged".
    function _slot(Timestamp time) private view returns (uint256) {
        uint256 t = time.rawTime();
        return t < PHASE ? 0 : 1 + (t - PHASE) / INTERVAL;
    }
}
