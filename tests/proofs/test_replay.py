"""Textbook delta hedging through the contracts, against an independent float replay."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from amm_sim.chain import Chain
from amm_sim.pricing.hedging import Clock, Options, gbm_paths
from amm_sim.pricing.hedging import replay as float_replay
from amm_sim.proofs.replay import HOUR, Replay, interval_policy, replay
from amm_sim.units import YEAR

START = 1_600_000_200  # not a full hour: the schedule counts from the start
VOL = 0.8
DATA = Path(__file__).parents[2].parent / "shared/data/eth_usdt_binance_1h_2017-08_2023-03.csv.gz"
BLACK_THURSDAY = 1_583_971_200
"""Open of the hourly bar of 12 March 2020 00:00 UTC."""
PUBLISHED = {1: -7.905120736550572, 4: -10.491324880526548, 24: -73.15934699142082}


def _through_contracts(chain: Chain, prices: list[float], hours: int) -> Replay:
    return replay(chain, prices, START, VOL, interval_policy(START, hours))


def _textbook(prices: list[float], hours: int) -> float:
    times = np.arange(len(prices)) * HOUR / YEAR
    strike = prices[0]
    book = Options((strike, strike), (True, False), (-1.0, -1.0), float(times[-1]), VOL)
    return float(float_replay(book, np.array(prices)[:, None], times, Clock(hours)).pnl[0])


@pytest.mark.parametrize("hours", [1, 3])
def test_hedged_straddle_on_random_paths_equals_float_replay(chain: Chain, hours: int) -> None:
    rng = np.random.default_rng(11)
    paths, _ = gbm_paths(2000.0, 0.9, 24 * HOUR / YEAR, 24, 50, rng)
    for path in np.round(paths.T, 8):
        baseline = chain.snapshot()
        prices = [float(p) for p in path]
        found = _through_contracts(chain, prices, hours).profit
        assert found == pytest.approx(_textbook(prices, hours), abs=1e-9 * prices[0])
        chain.revert(baseline)


def test_worst_mark_is_not_above_the_result(chain: Chain) -> None:
    result = _through_contracts(chain, [2000.0, 2100.0, 1900.0, 2000.0, 2000.0], 1)
    assert result.worst <= result.profit
    assert result.hedges >= 3


@pytest.mark.parametrize("hours", PUBLISHED)
def test_black_thursday_on_real_prices_gives_the_published_profit(chain: Chain, hours: int) -> None:
    if not DATA.is_file():
        pytest.skip("the market data beside the project is not here")
    result = replay(chain, _week(), START, VOL, interval_policy(START, hours))
    assert result.profit == pytest.approx(PUBLISHED[hours], abs=1e-6 * 193.31)


def test_costs_on_real_prices_rank_by_frequency(chain: Chain) -> None:
    if not DATA.is_file():
        pytest.skip("the market data beside the project is not here")
    perp = {"venue": "perp", "hedge.targetLeverage": 1, "perp.skewScale": 1_000_000}
    cost = {}
    for hours in PUBLISHED:
        baseline = chain.snapshot()
        policy = interval_policy(START, hours)
        cost[hours] = replay(chain, _week(), START, VOL, {**policy, **perp}).cost
        chain.revert(baseline)
    assert cost[24] < cost[4] < cost[1]


def _week() -> list[float]:
    with gzip.open(DATA, "rt") as file:
        rows = list(csv.reader(file))[1:]
    close = {int(row[0]) // 1000: float(row[4]) for row in rows}
    return [close[BLACK_THURSDAY + i * HOUR] for i in range(169)]
