// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    AimParams, AsyncParams, AuctionParams, BandParams, BreakerParams, CollateralParams, HedgeParams, InsuranceParams, IntervalParams,
    MarginParams, MarketParams, OracleParams, PricingParams, RewardParams, RouterParams, UniswapParams, VaultParams
} from "../types/Params.sol";
import {Seconds, Wad} from "../types/Units.sol";

/// The bounds of every parameter and the relations between them, written once; constructors call `check`.
/// A field is named `<table>.<key>` as in a scenario.
library ParamBounds {
    error ParamOutOfBounds(string field, uint256 value, uint256 low, uint256 high);
    /// @notice `lower` must not exceed `upper`.
    error ParamRelation(string lower, uint256 lowerValue, string upper, uint256 upperValue);

    uint256 private constant DAY = 86_400;

    function check(OracleParams memory p) internal pure {
        _time("oracle.pushHeartbeat", p.pushHeartbeat, 1, 365 * DAY);
        _time("oracle.pushGrace", p.pushGrace, 0, 365 * DAY);
        _time("oracle.pullMaxAge", p.pullMaxAge, 1, 365 * DAY);
        _time("oracle.degradedGrace", p.degradedGrace, 0, 365 * DAY);
        _wad("oracle.trustedSpread", p.trustedSpread, 0, 1e18);
        _wad("oracle.degradedSpread", p.degradedSpread, 0, 1e18);
        _wad("oracle.maxConfidence", p.maxConfidence, 0, 1e18);
        _wad("oracle.jumpLimit", p.jumpLimit, 0, 1e18);
        _time("oracle.jumpCooldown", p.jumpCooldown, 0, 30 * DAY);
        _time("oracle.twapWindow", p.twapWindow, 60, DAY);
        _time("oracle.sequencerGrace", p.sequencerGrace, 0, DAY);
        _checkDispute(p);
        _order("oracle.trustedSpread", p.trustedSpread, "oracle.degradedSpread", p.degradedSpread);
        _orderTime("oracle.pushGrace", p.pushGrace, "oracle.degradedGrace", p.degradedGrace);
    }

    /// @dev When the window ends, the round that settles, or its absence, must have been there to be disputed.
    function _checkDispute(OracleParams memory p) private pure {
        if (p.disputeWindow.rawSeconds() == 0) return;
        uint256 least = p.pushHeartbeat.rawSeconds() + p.pushGrace.rawSeconds() + 1;
        _time("oracle.disputeWindow", p.disputeWindow, least, least + DAY);
    }

    function check(PricingParams memory p) internal pure {
        _wad("pricing.impact", p.impact, 0, 1000e18);
        _wad("pricing.maxShift", p.maxShift, 0.001e18, 1e18);
        _wad("pricing.curvatureLimit", p.curvatureLimit, 0.01e18, 0.95e18);
        _wad("pricing.weightWidth", p.weightWidth, 0.05e18, 100e18);
        _wad("pricing.anchorSpeed", p.anchorSpeed, 0, 100e18);
        _wad("pricing.maxFeedGap", p.maxFeedGap, 0, 5e18);
        _time("pricing.volMaxAge", p.volMaxAge, 0, 365 * DAY);
        _wad("pricing.minVol", p.minVol, 0.01e18, 5e18);
        _wad("pricing.maxVol", p.maxVol, 0.01e18, 5e18);
        _time("pricing.greekMaxAge", p.greekMaxAge, 1, 365 * DAY);
        _wad("pricing.greekMaxMove", p.greekMaxMove, 0.0001e18, 1000e18);
        _wad("pricing.stressGap", p.stressGap, 0, 0.1e18);
        _order("pricing.minVol", p.minVol, "pricing.maxVol", p.maxVol);
    }

    function check(MarketParams memory p) internal pure {
        _wad("market.premiumFee", p.premiumFee, 0, 0.5e18);
        _wad("market.spotFee", p.spotFee, 0, 0.1e18);
        _wad("market.minFeeDelta", p.minFeeDelta, 0, 1e18);
        _wad("market.bandFee", p.bandFee, 0, 10e18);
        _wad("market.confidenceFee", p.confidenceFee, 0, 100e18);
        _wad("market.insuranceShare", p.insuranceShare, 0, 1e18);
        _wad("market.minDelta", p.minDelta, 0, 1e18);
        _wad("market.maxDelta", p.maxDelta, 0, 1e18);
        _time("market.cutoff", p.cutoff, 0, 30 * DAY);
        _wad("market.accountDeltaLimit", p.accountDeltaLimit, 0, 1000e18);
        _wad("market.gammaLimit", p.gammaLimit, 0, 1000e18);
        _wad("market.vegaLimit", p.vegaLimit, 0, 1000e18);
        _wad("market.stressFloor", p.stressFloor, 0, 1e18);
        _wad("market.maxLegs", p.maxLegs, 1e18, 8e18);
        _wad("market.minSize", p.minSize, 1e12, 1e24);
        _wad("market.inventoryFee", p.inventoryFee, 0, 0.05e18);
        _wad("market.inventoryRebate", p.inventoryRebate, 0, 1e18);
        _wad("market.largeTrade", p.largeTrade, 0, 1000e18);
        if (p.maxDelta.raw() != 0) _order("market.minDelta", p.minDelta, "market.maxDelta", p.maxDelta);
    }

    function check(MarginParams memory p) internal pure {
        _wad("margin.initialFactor", p.initialFactor, 0, 5e18);
        _wad("margin.maintenanceFactor", p.maintenanceFactor, 0, 10e18);
        _wad("margin.initialSpot", p.initialSpot, 0, 1e18);
        _wad("margin.maintenanceSpot", p.maintenanceSpot, 0, 1e18);
        _wad("margin.initialFloor", p.initialFloor, 0, 1e18);
        _wad("margin.maintenanceFloor", p.maintenanceFloor, 0, 1e18);
        _wad("margin.buffer", p.buffer, 0, 1e18);
        _wad("margin.positionCharge", p.positionCharge, 0, 1e24);
        _wad("margin.volUp", p.volUp, 0, 5e18);
        _wad("margin.volDown", p.volDown, 0, 0.9e18);
        _wad("margin.volUpFloor", p.volUpFloor, 0, 5e18);
        _wad("margin.tailDown", p.tailDown, 0.01e18, 1e18);
        _wad("margin.tailUp", p.tailUp, 1e18, 10e18);
        _wad("margin.tailDownWeight", p.tailDownWeight, 0, 1e18);
        _wad("margin.tailUpWeight", p.tailUpWeight, 0, 1e18);
        _wad("margin.haircut", p.haircut, 0, 0.95e18);
        uint256 most = _mostFactor(p);
        if (p.initialFactor.raw() > most) {
            revert ParamOutOfBounds("margin.initialFactor", p.initialFactor.raw(), 0, most);
        }
        _order("margin.maintenanceFactor", p.maintenanceFactor, "margin.initialFactor", p.initialFactor);
        _order("margin.maintenanceSpot", p.maintenanceSpot, "margin.initialSpot", p.initialSpot);
        _order("margin.maintenanceFloor", p.maintenanceFloor, "margin.initialFloor", p.initialFloor);
    }

    /// @dev A unit of underlying adds to equity at least what its own fall adds to the requirement.
    function _mostFactor(MarginParams memory p) private pure returns (uint256) {
        uint256 tail = (1e18 - p.tailDown.raw()) * p.tailDownWeight.raw() / 1e18;
        return 1e36 / (tail > 0.2e18 ? tail : 0.2e18);
    }

    function check(CollateralParams memory p) internal pure {
        _wad("collateral.cap", p.cap, 0, 1e27);
        _wad("collateral.discount", p.discount, 0, 0.2e18);
        _time("collateral.saleTime", p.saleTime, 60, 7 * DAY);
    }

    function check(AuctionParams memory p) internal pure {
        _wad("auction.startPrice", p.startPrice, 0.01e18, 1e18);
        _wad("auction.kinkPrice", p.kinkPrice, 0.01e18, 1e18);
        _wad("auction.endPrice", p.endPrice, 0.01e18, 1e18);
        _time("auction.fast", p.fast, 1, DAY);
        _time("auction.slow", p.slow, 2, 7 * DAY);
        _wad("auction.penaltyShare", p.penaltyShare, 0, 0.9e18);
        _wad("auction.insurancePart", p.insurancePart, 0, 1e18);
        _wad("auction.minBounty", p.minBounty, 0, 1e24);
        _wad("auction.dust", p.dust, 0, 1e24);
        _time("auction.bountyTime", p.bountyTime, 1, 7 * DAY);
        _wad("auction.closeVolFactor", p.closeVolFactor, 1e18, 3e18);
        _wad("auction.closeDrift", p.closeDrift, 0, 1e18);
        _order("auction.kinkPrice", p.kinkPrice, "auction.startPrice", p.startPrice);
        _order("auction.endPrice", p.endPrice, "auction.kinkPrice", p.kinkPrice);
        _orderTime("auction.fast", p.fast, "auction.slow", p.slow);
    }

    function check(InsuranceParams memory p) internal pure {
        _wad("insurance.maxShare", p.maxShare, 0, 1e18);
        _wad("insurance.target", p.target, 0, 1e18);
    }

    function check(VaultParams memory p) internal pure {
        _time("vault.depositDelay", p.depositDelay, 0, 90 * DAY);
        _time("vault.withdrawalDelay", p.withdrawalDelay, 0, 90 * DAY);
        _time("vault.maxWait", p.maxWait, 0, 365 * DAY);
        _wad("vault.freeBuffer", p.freeBuffer, 0, 1e18);
        _wad("vault.withdrawalFee", p.withdrawalFee, 0, 0.1e18);
        _wad("vault.bandPricing", p.bandPricing, 0, 1e18);
        _wad("vault.volBand", p.volBand, 0, 1e18);
        _wad("vault.juniorWeight", p.juniorWeight, p.juniorWeight.isZero() ? 0 : 1e18, 100e18);
        _wad("vault.floor", p.floor, 0, 1e18);
    }

    function check(HedgeParams memory p) internal pure {
        uint256 least = p.targetLeverage.isZero() ? 0 : 0.1e18; // off: the others mean nothing
        _wad("hedge.targetLeverage", p.targetLeverage, least, 50e18);
        _wad("hedge.topUpLeverage", p.topUpLeverage, least, 50e18);
        _wad("hedge.maxLeverage", p.maxLeverage, least, 50e18);
        _wad("hedge.gateSlack", p.gateSlack, 0, 100e18);
        _wad("hedge.maxSlippage", p.maxSlippage, 0, 1e18);
        _wad("hedge.staleShare", p.staleShare, 0, 1e18);
        _time("hedge.lookAge", p.lookAge, 0, DAY);
        _order("hedge.targetLeverage", p.targetLeverage, "hedge.topUpLeverage", p.topUpLeverage);
        _order("hedge.topUpLeverage", p.topUpLeverage, "hedge.maxLeverage", p.maxLeverage);
    }

    function check(BandParams memory p) internal pure {
        _wad("band.riskAversion", p.riskAversion, 0.001e18, 1e24);
        _wad("band.minBand", p.minBand, 0, 10e18);
        _wad("band.maxBand", p.maxBand, 0, 10e18);
        _wad("band.minTrade", p.minTrade, 0, 1e18);
        _order("band.minBand", p.minBand, "band.maxBand", p.maxBand);
    }

    /// @dev Of the slope its size.
    function check(AimParams memory p) internal pure {
        _wad("aim.volSlope", p.volSlope.absS(), 0, 10e18);
        _wad("aim.maxAim", p.maxAim, 0, 100e18);
        _wad("aim.signalShare", p.signalShare, 0, 1e18);
        _time("aim.signalAge", p.signalAge, 0, 30 * DAY);
    }

    function check(IntervalParams memory p) internal pure {
        _time("interval.interval", p.interval, 1, 365 * DAY);
        _time("interval.phase", p.phase, 0, p.interval.rawSeconds() - 1);
    }

    function check(BreakerParams memory p) internal pure {
        _wad("breaker.navDrop", p.navDrop, 0, 1e18);
        _wad("breaker.hedgeShortfall", p.hedgeShortfall, 0, 100e18);
        _wad("breaker.insuranceFloor", p.insuranceFloor, 0, 1e18);
        _wad("breaker.freeLiquidity", p.freeLiquidity, 0, 1e18);
        _time("breaker.timeout", p.timeout, 0, 30 * DAY);
        _time("breaker.clear", p.clear, 0, 30 * DAY);
    }

    function check(AsyncParams memory p) internal pure {
        _time("async.delay", p.delay, 0, DAY);
        _time("async.lifetime", p.lifetime, p.delay.rawSeconds() + 1, 7 * DAY);
        _wad("async.keeperFee", p.keeperFee, 0, 1000e18);
    }

    function check(RouterParams memory p) internal pure {
        _wad("router.cap", p.cap, 0.1e18, 1e18);
        _wad("router.probe", p.probe, 0.001e18, 1e18);
        _time("router.quarantine", p.quarantine, 0, 30 * DAY);
        _wad("router.targetLeverage", p.targetLeverage, 0.1e18, 50e18);
        _wad("router.maxLeverage", p.maxLeverage, 0.1e18, 50e18);
        _wad("router.delayRisk", p.delayRisk, 0, 0.1e18);
        _order("router.targetLeverage", p.targetLeverage, "router.maxLeverage", p.maxLeverage);
    }

    function check(UniswapParams memory p) internal pure {
        _wad("uniswap.maxDeviation", p.maxDeviation, 0.0001e18, 0.5e18);
        _wad("uniswap.depthShare", p.depthShare, 0.0001e18, 1e18);
        _wad("uniswap.maxLeverage", p.maxLeverage, 1e18, 50e18);
    }

    function check(RewardParams memory p, Wad inventoryFee) internal pure {
        _wad("reward.maxReward", p.maxReward, 0, 0.05e18);
        _time("reward.ramp", p.ramp, 1, DAY);
        _wad("reward.maxMove", p.maxMove, 0, 1e18);
        _wad("reward.budget", p.budget, 0, 1e18);
        _wad("reward.maxLeverage", p.maxLeverage, 1e18, 50e18);
        _order("reward.maxReward", p.maxReward, "market.inventoryFee", inventoryFee);
    }

    /// @dev For structs that are declared elsewhere (venues).
    function bound(string memory field, Wad value, uint256 low, uint256 high) internal pure {
        _wad(field, value, low, high);
    }

    function _wad(string memory field, Wad value, uint256 low, uint256 high) private pure {
        _bound(field, value.raw(), low, high);
    }

    function _time(string memory field, Seconds value, uint256 low, uint256 high) private pure {
        _bound(field, value.rawSeconds(), low, high);
    }

    function _bound(string memory field, uint256 value, uint256 low, uint256 high) private pure {
        if (value < low || value > high) revert ParamOutOfBounds(field, value, low, high);
    }

    function _order(string memory lower, Wad a, string memory upper, Wad b) private pure {
        if (a > b) revert ParamRelation(lower, a.raw(), upper, b.raw());
    }

    function _orderTime(string memory lower, Seconds a, string memory upper, Seconds b) private pure {
        if (a.rawSeconds() > b.rawSeconds()) revert ParamRelation(lower, a.rawSeconds(), upper, b.rawSeconds());
    }
}
