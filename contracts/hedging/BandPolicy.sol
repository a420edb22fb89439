// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IHedgePolicy} from "../interfaces/IHedging.sol";
import {BandMath} from "../libraries/BandMath.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {BandParams} from "../types/Params.sol";
import {HedgeDecision, HedgeInput} from "../types/Types.sol";
import {SWad, Wad} from "../types/Units.sol";

/// Leaves the net delta alone inside the Whalley-Wilmott band; outside it trades to the band's edge, under stress
/// to zero.
contract BandPolicy is IHedgePolicy {
    Wad private immutable RISK_AVERSION;
    Wad private immutable MIN_BAND;
    Wad private immutable MAX_BAND;
    Wad private immutable MIN_TRADE;

    constructor(BandParams memory params_) {
        ParamBounds.check(params_);
        RISK_AVERSION = params_.riskAversion;
        MIN_BAND = params_.minBand;
        MAX_BAND = params_.maxBand;
        MIN_TRADE = params_.minTrade;
    }

    function params() external view returns (BandParams memory) {
        return BandParams(RISK_AVERSION, MIN_BAND, MAX_BAND, MIN_TRADE);
    }

    function decide(HedgeInput calldata input) external view returns (HedgeDecision memory decision) {
        decision.band = _band(input);
        decision.aim = _aim(input, decision.band);
        decision.quiet = _quiet(decision.band);
        decision.trade =
            BandMath.toEdge(input.bookDelta + input.hedgeDelta, decision.aim, decision.band, input.stressed);
        decision.due = !decision.trade.isZeroS() && decision.trade.absS() >= decision.band.mulDown(MIN_TRADE);
    }

    /// @dev The net delta in the middle of the band.
    function _aim(HedgeInput calldata, Wad) internal view virtual returns (SWad) {}

    /// @dev The least trade included. 0.99^(2/3) 0.99 > 0.98.
    function _quiet(Wad band) internal view virtual returns (Wad) {
        return (band + band.mulDown(MIN_TRADE)).mulDown(Wad.wrap(0.98e18));
    }

    function _band(HedgeInput calldata input) private view returns (Wad) {
        Wad free = BandMath.width(input.cost, input.spot, input.gamma, input.nav, RISK_AVERSION);
        return BandMath.clamp(free, MIN_BAND, MAX_BAND, input.nav, input.spot);
    }
}
