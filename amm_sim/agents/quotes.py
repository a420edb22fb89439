"""What a trader reckons from the pool's state: value, Greeks, fee and limit of a trade.

Estimates only: the chain decides. Values are per contract in quote, vega per 1.00 of volatility.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from amm_sim.pricing.single import black, both, ladder
from amm_sim.pricing.smile import slice_at
from amm_sim.types import ExpiryView, LegView, PoolView, SeriesKey, Trade, Truth, series_id
from amm_sim.units import YEAR, quantize

Numbers = npt.NDArray[np.float64]


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

    def all_of(self, values: Numbers, deltas: Numbers) -> Numbers:
        """``of`` every pair."""
        sizes = np.abs(deltas)
        base = np.maximum(self.premium * values, self.spot * np.maximum(sizes, self.least))
        charged: Numbers = (base + self.band * sizes) * self.doubt
        return charged

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


def _boards(pool: PoolView) -> Iterator[Quote]:
    """All quotes of all live boards: ``_pair`` of every strike at once."""
    boards = list(live(pool))
    if not boards:
        return iter(())
    counts = [len(board.strikes) for board in boards]
    lives = [(board.expiry - pool.time) / YEAR for board in boards]
    softness = [0.5 / board.impact if board.impact > 0.0 else 0.0 for board in boards]
    strikes = np.concatenate([board.strikes for board in boards])
    vols = np.concatenate([board.vols for board in boards])
    years = np.repeat(lives, counts)
    calls, puts, vegas = ladder(pool.spot, strikes, years, vols)
    fee, impacts = rates(pool), vegas * vegas * np.repeat(softness, counts)
    keys = [
        series_id(board.expiry, index, False)
        for board, count in zip(boards, counts, strict=True)
        for index in range(count)
    ]
    shared = [column.tolist() for column in (strikes, years, vols, vegas, impacts)]
    sides = [
        _side(keys, is_call, shared, [each.tolist() for each in (*side, fee.all_of(*side))])
        for is_call, side in ((True, calls), (False, puts))
    ]
    return itertools.chain.from_iterable(zip(*sides, strict=True))


def _side(
    keys: list[int], is_call: bool, shared: list[list[float]], own: list[list[float]]
) -> Iterator[Quote]:
    """Quotes of all calls or of all puts."""
    strikes, years, vols, vegas, impacts = shared
    values, deltas, fees = own
    series = [key | is_call for key in keys]
    same = itertools.repeat(is_call)
    columns = (series, strikes, same, years, vols, values, deltas, vegas, fees, impacts)
    return map(Quote._make, zip(*columns))  # noqa: B905 - one of them has no end


def live(pool: PoolView, least: float = 0.0) -> Iterator[ExpiryView]:
    """Unsettled expiries at least ``least`` seconds away."""
    return (e for e in pool.expiries if e.settlement == 0.0 and e.expiry - pool.time > least)


def tradeable(pool: PoolView) -> list[ExpiryView]:
    """Expiries in which the pool opens positions now."""
    return [e for e in live(pool, pool.fees.get("cutoff", 0.0)) if e.open]


def quotes(pool: PoolView, low: float, high: float, is_call: bool | None = None) -> list[Quote]:
    """Quotes of all tradeable series with |delta| in [low, high], in the order of the boards.

    ``is_call``: calls or puts alone.
    """
    found: list[Quote] | None = pool.memo.get((low, high, is_call))
    if found is None:
        open_ = {expiry.expiry for expiry in tradeable(pool)}
        found = pool.memo[low, high, is_call] = [
            quote
            for quote in listed(pool).values()
            if low <= abs(quote.delta) <= high
            and is_call in (None, quote.is_call)
            and quote.series >> 16 in open_
        ]
    return found


def listed(pool: PoolView) -> Mapping[int, Quote]:
    """Quotes of all series of live expiries, by series."""
    found: dict[int, Quote] | None = pool.memo.get("listed")
    if found is None:
        found = pool.memo["listed"] = {quote.series: quote for quote in _boards(pool)}
    return found


def find(pool: PoolView, series: int) -> Quote | None:
    """The quote of a series, or None when its expiry is not live."""
    if "listed" in pool.memo:
        return listed(pool).get(series)
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


def short_margin(pool: PoolView, quote: Quote) -> float:
    """``margin_of_short`` at the pool's spot, reckoned once a series."""
    found: float | None = pool.memo.get(quote.series)
    if found is None:
        found = pool.memo[quote.series] = margin_of_short(quote, pool.spot)
    return found


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
