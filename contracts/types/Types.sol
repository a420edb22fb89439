// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SWad, Seconds, SeriesId, Timestamp, Wad} from "./Units.sol";

/// The one effective mode, from best to worst; a later one is at least as strict as an earlier one for opens.
enum Mode {
    NORMAL,
    REDUCE_ONLY,
    FROZEN,
    WIND_DOWN
}

/// Every contract of the protocol and its two tokens; fixed at deployment.
struct Addresses {
    address quote; // ERC-20 in which everything is valued and paid
    address underlying; // ERC-20 taken as collateral; this and the next are zero where none is
    address collateral; // IUnderlyingCollateral
    address oracle; // IOracleGuard
    address surface; // IVolSurface
    address ledger; // IGreekLedger
    address margin; // IMarginEngine
    address market; // IOptionMarket
    address auction; // ILiquidationAuction
    address insurance; // IInsuranceFund
    address vault; // ILPVault
    address hedge; // IHedgeManager
    address breaker; // ICircuitBreaker
    address lister; // may list expiries and strikes; no other power
    address guardian; // may only tighten the mode
}

/// What the guard makes of its feeds.
struct OracleView {
    Wad price; // the accepted spot
    Wad low; // worst credible spot for a seller of underlying; low <= price <= high
    Wad high;
    Wad confidence; // 1 = both feeds agree and are fresh; 0 = no trust; widens fees
    Mode mode; // NORMAL trusted, REDUCE_ONLY degraded, FROZEN no trustworthy price
    Timestamp asOf; // publication time of the accepted price
}

/// An SVI slice of annualised variance: v(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)), k = ln(K / F).
struct SviSlice {
    SWad a;
    Wad b;
    SWad rho;
    SWad m;
    Wad sigma;
}

/// Black-76 value of one call (its put by parity) and Greeks per contract. vega per 1.00 of vol, theta per year.
struct OptionGreeks {
    Wad call;
    Wad put;
    Wad callDelta; // put delta = callDelta - 1
    Wad gamma;
    Wad vega;
    SWad theta; // change of value as time passes, <= 0 for r = 0
    SWad vanna; // d delta / d vol
    SWad volga; // d vega / d vol
}

/// Greeks of the pool's option book (pool perspective: + gains if the variable rises), hedge not included.
struct BookGreeks {
    SWad delta; // underlying
    SWad gamma; // underlying per quote
    SWad vega; // quote per 1.00 of vol
    SWad theta; // quote per year
}

/// What a trade does to the book of its expiry. Signs: + = the trader pays / is long.
struct BookChange {
    SWad cost; // C(q + dq) - C(q), before fees
    Wad mark; // Black-76 price of one contract at the new shift
    Wad iv; // volatility of the series at the new shift
    SWad delta; // delta of one contract (call > 0, put < 0)
    Wad gamma;
    Wad vega;
    SWad shiftBefore; // u* of the old book at the present spot
    SWad shiftAfter;
}

/// One expiry's book, for views.
struct ExpiryBook {
    Timestamp expiry;
    Wad impact; // V, quote per vol^2; 0 = prices do not move with trades
    SWad shift; // u* at the last trade or refresh
    Timestamp refreshedAt;
    Wad refreshedSpot;
    SWad liability; // C(q) at the last refresh or trade
    BookGreeks greeks; // at the last refresh or trade
    SWad[8] nodes; // what the pool owes at the stress nodes, see IGreekLedger.aggregate
    Wad[] strikes;
    Wad[] anchors; // volatility of each strike without the shift
    Wad[] weights; // w of each strike: vol = anchor + shift * weight
    SWad[] net; // traders' net position, calls plus puts, per strike
}

/// One leg of an account. + long, - short, in contracts.
struct Leg {
    SeriesId id;
    SWad size;
}

/// An account's state against its requirements. Requirements are on equity = balance + credit - mark.
struct MarginView {
    Wad balance; // quote deposited, premiums and payoffs included
    Wad units; // underlying deposited
    Wad credit; // what the underlying counts for, in quote
    SWad mark; // value of the legs to the pool: + the account owes
    SWad equity; // balance + credit - mark
    Wad initialMargin; // equity needed to open
    Wad bufferMargin; // equity needed after a liquidation bid
    Wad maintenanceMargin; // equity below which the account can be liquidated
    Wad charge; // part of the buffer margin that does not shrink with the positions
}

/// Result of a trade or of its preview. + = the trader pays.
struct TradeResult {
    SWad premium; // before fees; + the trader pays, - the trader receives
    Wad fee;
    SWad cash; // premium + fee + inventory, rounded to the token against the trader
    Wad mark;
    Wad iv;
    SWad delta;
    SWad shiftAfter;
    SWad inventory; // + fee for pushing the pool's delta away from zero, - rebate for bringing it back
}

/// The live solvency statement of the pool.
struct Solvency {
    Wad assets; // cash + venue equity + insurance + underlying in stock, without traders' collateral
    Wad shortReceivable; // what shorts owe, each capped at its collateral
    Wad longs; // unpaid settled longs + gross mark of open longs
    Wad shortfall; // (longs - assets - shortReceivable)^+
    Wad scale; // clamp((assets + shortReceivable - reserved) / longs, 0, 1); 1 when nothing is owed
    Wad reserved; // the LPs' floor: what longs are not paid from; 0 where there is none
}

/// The two classes of LP shares at some NAV; without tranches everything is senior.
struct Tranches {
    Wad seniorShares;
    Wad juniorShares;
    SWad seniorValue; // both values add up to NAV, to the wei
    SWad juniorValue;
    Wad seniorPrice;
    Wad juniorPrice;
    Wad claim; // what the seniors get before the juniors get anything
    Wad high; // NAV above which a gain is divided; this and the claim mean something only while there are juniors
}

/// The pool's net asset value by part; nav is their sum.
struct NavParts {
    Wad cash;
    SWad hedgeEquity;
    SWad liability; // C(q) at the given spot
    Wad uncovered; // shorts' debts beyond their collateral, as last touched
    SWad settledOwed; // settled expiries: longs not yet credited - shorts not yet collected
    Wad underlying; // taken for debts and not yet sold, less the haircut
    SWad nav; // cash + hedgeEquity - liability - uncovered - settledOwed + underlying
}

/// Input of a hedge policy. Deltas in underlying, pool perspective.
struct HedgeInput {
    SWad bookDelta; // of the options
    SWad hedgeDelta; // of the venue positions
    SWad gamma;
    SWad vega; // quote per 1.00 of vol
    Wad spot;
    Wad nav;
    Wad cost; // proportional cost of the cheapest venue, as a ratio
    Timestamp lastHedge;
    Timestamp time;
    bool stressed; // WIND_DOWN: hedge all the way to the aim
}

/// A policy's decision.
struct HedgeDecision {
    bool due;
    SWad trade; // underlying to buy (+) or sell (-) on venues
    Wad band; // half-width within which nothing is done; 0 for policies without a band
    SWad aim; // net delta aimed at
    Wad quiet; // within this of the aim nothing will be due while spot moves, or gamma falls, by at most a hundredth
}

/// A venue's answer to a request for a price. Never a revert: `ok` says whether it can fill.
struct VenueQuote {
    bool ok;
    Wad price; // average fill price, fees included
}

/// The pool's position at a venue.
struct VenuePosition {
    SWad size; // underlying
    SWad equity; // margin + unrealised profit - funding
    Wad margin; // what of equity can back a trade now: less where some of it lies at a venue that does not answer
}

/// An auction's state.
struct Auction {
    Timestamp startedAt; // 0 = none
    bool insolvent;
    uint32 nonce; // bumped by each fill
    Wad received; // R: cash paid in by earlier bids
}

/// What a bid for a fraction of an account would do.
struct BidPreview {
    Wad fraction; // after the cap f_max
    Wad maxFraction;
    Wad discountedPrice; // d: share of equity that a bidder pays
    SWad payment; // + the bidder pays, - the insurance fund pays the bidder
    Wad penalty;
    bool insolvent;
}
