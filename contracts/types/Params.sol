// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SWad, Seconds, Wad} from "./Units.sol";

/// The shape and meaning of every parameter, written once. Values live in scenarios (TOML), bounds in the
/// library ParamBounds. "0 = off" says that the limit, fee or defence does nothing when its value is zero.

/// OracleGuard.
struct OracleParams {
    Seconds pushHeartbeat; // the push feed posts at least this often
    Seconds pushGrace; // age beyond the heartbeat at which a push price is still trusted
    Seconds pullMaxAge; // age at which a pull price is still trusted
    Seconds degradedGrace; // age beyond the heartbeat up to which a price is degraded rather than void
    Wad trustedSpread; // largest relative difference of the feeds when trusted
    Wad degradedSpread; // and when degraded; beyond it no price is trustworthy
    Wad maxConfidence; // largest relative confidence interval of a trusted pull price
    Wad jumpLimit; // relative distance from the TWAP beyond which the price is degraded; 0 = off
    Seconds jumpCooldown; // how long a jump keeps the price degraded
    Seconds twapWindow; // window of the TWAP, also of the settlement fallback
    Seconds disputeWindow; // so long after an expiry the guardian may ask for the TWAP; 0 = off: settled at once
    Seconds sequencerGrace; // so long after an outage of the L2's sequencer nothing is priced; 0 = off
}

/// VolSurface and GreekLedger.
struct PricingParams {
    Wad impact; // V of an expiry as a multiple of NAV at listing times min(1, 3 / expiries); 0 = off: no shift
    Wad maxShift; // cap of |u|, in vol
    Wad curvatureLimit; // upper bound of sum q w^2 volga over the clamp interval, as a share of V
    Wad weightWidth; // w = 1 / (1 + (k / width)^2)
    Wad anchorSpeed; // how fast an anchor may follow the feed, vol per hour; 0 = off: at once
    Wad maxFeedGap; // |feed - anchor| in vol beyond which the expiry is reduce-only; 0 = off
    Seconds volMaxAge; // age of the vol feed beyond which the expiry is reduce-only; 0 = off
    Wad minVol; // anchors are clamped to [minVol, maxVol]
    Wad maxVol;
    Seconds greekMaxAge; // an expiry's Greeks are fresh up to this age
    Wad greekMaxMove; // and up to this relative move of spot
    Wad stressGap; // share of spot that the stress nodes take off each option the pool is net long of; 0 = off
}

/// OptionMarket: fees and limits.
struct MarketParams {
    Wad premiumFee; // half-spread as a share of the premium
    Wad spotFee; // half-spread as a share of spot times max(|delta|, minFeeDelta); the larger of the two is taken
    Wad minFeeDelta;
    Wad bandFee; // share of |delta| (high - low) / 2 that is added
    Wad confidenceFee; // the half-spread is multiplied by 1 + confidenceFee (1 - confidence)
    Wad insuranceShare; // share of fees that goes to the insurance fund
    Wad minDelta; // opens need |delta| in [minDelta, maxDelta]; maxDelta 0 = off
    Wad maxDelta;
    Seconds cutoff; // opens stop this long before expiry; 0 = off
    Wad accountDeltaLimit; // |delta| S that one account may add in one block, as a share of NAV; 0 = off
    Wad gammaLimit; // |gamma| S^2 1 % as a share of NAV; 0 = off
    Wad vegaLimit; // vega of an expiry per vol point as a share of NAV; 0 = off
    Wad stressFloor; // worst stressed NAV after a risk-increasing trade as a share of NAV; 0 = off
    Wad maxLegs; // legs of one account
    Wad minSize; // smallest trade in contracts
    Wad inventoryFee; // h: what pushing the pool's delta beyond its band costs, as a share of spot; 0 = off
    Wad inventoryRebate; // share of a decrease that an account gets back of the inventory fees it has paid
    Wad largeTrade; // |delta| S as a share of NAV above which the block's hedges stay off spot venues; 0 = off
}

/// MarginEngine. Requirements per contract are shares of spot.
struct MarginParams {
    Wad initialFactor; // share of the scenario loss in the initial margin; 0 in both factors and shares = off
    Wad maintenanceFactor; // and in the maintenance margin
    Wad initialSpot; // added share of spot per short contract, initial
    Wad maintenanceSpot; // and maintenance
    Wad initialFloor; // floor of the requirement per short contract as a share of spot
    Wad maintenanceFloor;
    Wad buffer; // buffer margin: share above maintenance
    Wad positionCharge; // quote per short leg
    Wad volUp; // relative vol shock up at 30 days
    Wad volDown;
    Wad volUpFloor; // vol is at least this before the up shock
    Wad tailDown; // spot multiple of the lower tail, 0.5
    Wad tailUp; // spot multiple of the upper tail, 1.6
    Wad tailDownWeight; // share of the tail loss that counts
    Wad tailUpWeight;
    Wad haircut; // share of posted underlying that does not count, but where it covers calls sold
}

/// UnderlyingCollateral.
struct CollateralParams {
    Wad cap; // most underlying that accounts and the pool's stock may hold together; 0 = off: none is taken
    Wad discount; // off the low price at which the pool takes underlying for a debt: what selling it costs
    Seconds saleTime; // in which the stock's price falls from spot (1 + margin.haircut) to spot (1 - margin.haircut)
}

/// LiquidationAuction.
struct AuctionParams {
    Wad startPrice; // share of equity that the first bidder pays
    Wad kinkPrice; // after `fast`
    Wad endPrice; // after `slow`
    Seconds fast;
    Seconds slow;
    Wad penaltyShare; // share of a bidder's profit that is paid on
    Wad insurancePart; // part of that which goes to the insurance fund; the rest to LPs
    Wad minBounty; // smallest profit worth a bid, in quote: below it the insolvent leg starts
    Wad dust; // mark value below which an account is closed in full
    Seconds bountyTime; // the insolvent bounty rises to maintenance margin over this time, then the pool closes
    Wad closeVolFactor; // the pool's own close is priced at this multiple of vol
    Wad closeDrift; // and waits for the next block where the block's trades have moved vol by more; 0 = off
}

/// InsuranceFund.
struct InsuranceParams {
    Wad maxShare; // largest share of the fund that one bad debt (and one day) may use; 1 = all
    Wad target; // target balance as a share of NAV; the breaker compares with it
}

/// LPVault.
struct VaultParams {
    Seconds depositDelay;
    Seconds withdrawalDelay;
    Seconds maxWait; // after this a request is paid from what is free, whatever the mode but FROZEN; 0 = off
    Wad freeBuffer; // share of NAV that stays free liquidity when the queue pays; 0 = off
    Wad withdrawalFee; // share of the amount
    Wad bandPricing; // 1 = withdraw at the low and deposit at the high NAV, 0 = both at mid
    Wad volBand; // vol that a feed without any confidence may be off by; counts in low and high NAV; 0 = off
    Wad juniorWeight; // what a junior's money earns of a gain as a multiple of a senior's; 0 = off: one class of shares
    Wad floor; // share of the 7-day high of the share price that stays the LPs' before longs are paid; 0 = off
}

/// HedgeManager.
struct HedgeParams {
    Wad targetLeverage; // venue leverage after a margin transfer; 0 = off: no margin moves, no leverage limit
    Wad topUpLeverage; // above this margin is added
    Wad maxLeverage; // never traded into
    Wad gateSlack; // delta beyond band + capacity that a trade may leave, as a share of NAV / S; 0 = off
    Wad maxSlippage; // a hedge is not executed further than this from the oracle; 0 = off
    Wad staleShare; // share of a stale expiry's delta that is hedged
    Seconds lookAge; // up to this age the stored position suffices to see that nothing is due; 0 = off: the venue is asked
}

/// Whalley-Wilmott policy: band = (3/2 k S gamma^2 / lambda)^(1/3), lambda = riskAversion / NAV.
struct BandParams {
    Wad riskAversion;
    Wad minBand; // clamp of the band as a share of NAV / S
    Wad maxBand;
    Wad minTrade; // smallest trade as a share of the band: at the edge, dust is not worth its gas; 0 = off
}

/// Aimed band policy: the band around an aim, which leaves zero by what vega carries of delta and by a signal.
struct AimParams {
    SWad volSlope; // change of vol that comes with a log-return of spot of 1: rho sigma_v / (2 sqrt v) in Heston; 0 = off
    Wad maxAim; // largest distance of the aim from zero as a share of the band; 1 = its edge
    Wad signalShare; // how far a full signal moves the aim, as a share of the band; 0 = off
    Seconds signalAge; // age beyond which a signal counts for nothing
}

/// Interval policy: due once in every slot of a fixed schedule, phase + n * interval.
struct IntervalParams {
    Seconds interval;
    Seconds phase; // the schedule's offset from 1 January 1970 00:00 UTC; below `interval`
}

/// Threshold policy: to zero when |net delta| exceeds this.
struct ThresholdParams {
    Wad width; // share of NAV / S; 0 = whenever it is called, atomic with each trade
}

/// PerpVenue (a mock of a skew-priced perpetual exchange).
struct PerpParams {
    Wad skewScale; // underlying; a fill costs index * (1 + (skew + size / 2) / (skewScale * depth))
    Wad takerFee; // share of the notional
    Wad maxFundingVelocity; // change of the daily funding rate per day when |skew| >= skewScale
    Wad maintenanceRatio; // equity / notional below which the position is liquidated and its margin lost
    Wad maxLeverage; // notional / equity that a trade or withdrawal may leave
}

/// AsyncPerpVenue: a PerpVenue whose orders are filled later by somebody else.
struct AsyncParams {
    Seconds delay; // from the order to the first moment at which it may be filled
    Seconds lifetime; // from the order to its end; > delay
    Wad keeperFee; // quote paid from margin to whoever executes
}

/// HedgeRouter.
struct RouterParams {
    Wad cap; // largest share of a trade at one venue while others can take the rest; 1 = off
    Wad probe; // largest share of a trade at a venue that comes back from quarantine
    Seconds quarantine; // how long a venue that failed is left alone
    Wad targetLeverage; // a venue's leverage after the router has funded it
    Wad maxLeverage; // never traded into
    Wad delayRisk; // added to the cost of a venue that fills later, as a share of the price
}

/// UniswapV3Venue: spot on a Uniswap v3 pool, what is missing lent by a desk (a stand-in for a money market).
struct UniswapParams {
    Wad maxDeviation; // a fill's average price and the pool's price before it are within this of the oracle
    Wad depthShare; // share of the pool's underlying in range that may be traded in one block
    Wad maxLeverage; // notional / equity that a trade or withdrawal may leave
}

/// HedgeAuction: who supplies the delta that the pool needs is paid a rising reward.
struct RewardParams {
    Wad maxReward; // share of spot; at most market.inventoryFee
    Seconds ramp; // from the first notice of a need to the full reward
    Wad maxMove; // |spot / TWAP - 1| above which nothing is paid; 3 sigma of the window; 0 = off
    Wad budget; // share of the inventory fees collected that rewards may use up; 0 = off: no limit
    Wad maxLeverage; // notional / equity that a fill or withdrawal may leave
}

/// CircuitBreaker. Each trigger: 0 = off.
struct BreakerParams {
    Wad navDrop; // fall of NAV within an hour, as a share
    Wad hedgeShortfall; // unhedged delta beyond the band, as a share of NAV / S
    Wad insuranceFloor; // insurance as a share of its target while an insolvent auction is open
    Wad freeLiquidity; // free liquidity as a share of NAV
    Seconds timeout; // least duration of a trip
    Seconds clear; // clear time needed before it is lifted
}
