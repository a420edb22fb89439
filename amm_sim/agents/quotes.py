"""What a trader reckons from the pool's state: value, Greeks, fee and limit of a trade.

Estimates only: the chain decides. Values are per contract in quote, vega per 1.00 of volatility.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from amm_sim.pricing.single import black, both
from amm_sim.pricing.smile import slice_at
from amm_sim.types import ExpiryView, LegView, PoolView, SeriesKey, Trade, Truth, series_id
from amm_sim.units import YEAR, quantize


class Quote(NamedTuple):
    """One series as its taker sees it."""

    series: int
    strike: float
    is_call: bool
    years: float
    vol: float
    value: float
    delta: float
    vega: float
    fee: float
    """Half-spread per contract."""
    impact: float
    """Quote per contract squared: half the change of value that one contract causes; 0 = none."""

    def cash(self, size: float) -> float:
        """Signed cash that a trade of ``size`` is expected to cost: + the trader pays."""
        return size * self.value + abs(size) * self.fee + self.impact * size * size


class Rates(NamedTuple):
    """What the pool's fee is made of now, from its MarketParams."""

    premium: float
    """Share of the value."""
    spot: float
    """Quote per unit of |delta|."""
    least: float
    """Delta below which the fee falls no more."""
    band: float
    """Quote per unit of |delta|: half the oracle's band."""
    doubt: float
    """Factor of an uncertain oracle."""

    def of(self, value: float, delta: float) -> float:
        """Half-spread per contract."""
        size = abs(delta)
        base = max(self.premium * value, self.spot * max(size, self.least)) + self.band * size
        return base * self.doubt


def rates(pool: PoolView) -> Rates:
    """The pool's fee rates."""
    found: Rates | None = pool.memo.get("rates")
    if found is None:
        fees = pool.fees
        found = pool.memo["rates"] = Rates(
            fees.get("premiumFee", 0.0),
            fees.get("spotFee", 0.0) * pool.spot,
            fees.get("minFeeDelta", 0.0),
            fees.get("bandFee", 0.0) * (pool.spot_high - pool.spot_low) / 2.0,
            1.0 + fees.get("confidenceFee", 0.0) * (1.0 - pool.oracle_confidence),
        )
    return found


def half_spread(pool: PoolView, value: float, delta: float) -> float:
    """The pool's fee per contract."""
    return rates(pool).of(value, delta)


def quote_of(pool: PoolView, expiry: ExpiryView, index: int, is_call: bool) -> Quote:
    """The pool's quote of strike ``index`` of a live expiry."""
    call, put = pair_of(pool, expiry, index)
    return call if is_call else put


def pair_of(pool: PoolView, expiry: ExpiryView, index: int) -> tuple[Quote, Quote]:
    """The pool's quotes of call and put of strike ``index`` of a live expiry."""
    return _pair(pool.spot, (expiry.expiry - pool.time) / YEAR, rates(pool), expiry, index)


def _pair(
    spot: float, years: float, fee: Rates, expiry: ExpiryView, index: int
) -> tuple[Quote, Quote]:
    strike, vol = float(expiry.strikes[index]), float(expiry.vols[index])
    (call, up), (put, down), vega = both(spot, strike, years, vol)
    impact = vega * vega / (2.0 * expiry.impact) if expiry.impact > 0.0 else 0.0
    key = series_id(expiry.expiry, index, False)
    return (
        Quote(key | 1, strike, True, years, vol, call, up, vega, fee.of(call, up), impact),
        Quote(key, strike, False, years, vol, put, down, vega, fee.of(put, down), impact),
    )


def _board(pool: PoolView, expiry: ExpiryView) -> Iterator[Quote]:
    """All quotes of a board."""
    spot, fee, years = pool.spot, rates(pool), (expiry.expiry - pool.time) / YEAR
    for index in range(len(expiry.strikes)):
        yield from _pair(spot, years, fee, expiry, index)


def live(pool: PoolView, least: float = 0.0) -> Iterator[ExpiryView]:
    """Unsettled expiries at least ``least`` seconds away."""
    return (e for e in pool.expiries if e.settlement == 0.0 and e.expiry - pool.time > least)


def tradeable(pool: PoolView) -> list[ExpiryView]:
    """Expiries in which the pool opens positions now."""
    return [e for e in live(pool, pool.fees.get("cutoff", 0.0)) if e.open]


def quotes(pool: PoolView, low: float, high: float) -> list[Quote]:
    """Quotes of all tradeable series with |delta| in [low, high], in the order of the boards."""
    found = pool.memo.get("quotes")
    if found is None:
        found = pool.memo["quotes"] = [
            quote for expiry in tradeable(pool) for quote in _board(pool, expiry)
        ]
    return [quote for quote in found if low <= abs(quote.delta) <= high]


def find(pool: PoolView, series: int) -> Quote | None:
    """The quote of a series, or None when its expiry is not live."""
    key = SeriesKey.from_id(series)
    for expiry in live(pool):
        if expiry.expiry == key.expiry and key.strike_index < len(expiry.strikes):
            return quote_of(pool, expiry, key.strike_index, key.is_call)
    return None


def outside_vol(truth: Truth, quote: Quote) -> float:
    """Volatility that the outside market gives a series."""
    return slice_at(truth.vol, truth.smile, quote.years).vol(math.log(quote.strike / truth.spot))


def moved_value(quote: Quote, spot: float) -> float:
    """Value of a series at another spot and the pool's volatility."""
    return black(spot, quote.strike, quote.years, quote.vol, quote.is_call)[0]


def margin_of_short(quote: Quote, spot: float) -> float:
    """Rough initial margin of one short contract above its mark.

    The loss at a move of 20 % with volatility up, plus 1.5 % of spot.
    """
    days = max(quote.years * 365.0, 1.0)
    up = max(quote.vol, 0.4) * (1.0 + 0.5 * (30.0 / days) ** 0.3)
    shocked = max(
        black(spot * factor, quote.strike, quote.years, up, quote.is_call)[0]
        for factor in (0.8, 1.0, 1.2)
    )
    return max(shocked - quote.value, 0.065 * spot) + 0.015 * spot


def limited(quote: Quote, size: float, spot: float, slippage: float) -> Trade:
    """A trade whose limit tolerates ``slippage`` of spot against it and a volatility point."""
    tolerance = abs(size) * (abs(quote.delta) * spot * slippage + quote.vega * 0.01)
    return Trade(quote.series, size, quantize(quote.cash(size) + tolerance))


def may_close(pool: PoolView) -> bool:
    """Whether closes and liquidations have a price: some feed is alive, whatever the mode."""
    return pool.oracle_confidence > 0.0


def closing(pool: PoolView, legs: Iterable[LegView]) -> list[Trade]:
    """Trades that close live legs: shorts at up to a spot more, longs that are worth their fee."""
    orders: list[Trade] = []
    for leg in legs:
        quote = find(pool, leg.series)
        if quote is None:
            continue
        if leg.size < 0.0:
            orders.append(
                Trade(
                    leg.series, round(-leg.size, 6), quantize(-leg.size * (quote.value + pool.spot))
                )
            )
        elif quote.value > 2.0 * quote.fee:
            orders.append(Trade(leg.series, round(-leg.size, 6), 0.0))
    return orders
