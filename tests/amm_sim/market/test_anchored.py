"""The bridge through anchors, and the crash facts of 12-14 March 2020 reproduced by the shipped
scenario."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from amm_sim.errors import ScenarioError
from amm_sim.market import Anchored
from amm_sim.market.bridge import bridge

YEAR = 31_536_000
SCENARIO = Path(__file__).parents[3] / "scenarios" / "black_thursday.toml"


def crash(seed, **changes):
    table = tomllib.loads(SCENARIO.read_text())["market"]
    anchors = tuple(tuple(float(x) for x in row) for row in table["anchors"])
    generator = Anchored(**{"anchors": anchors, **changes})
    return generator.path(0, 60, 72 * 60, np.random.default_rng(seed)).spot


def worst(spot, hours):
    """Worst open-to-low over windows of so many hourly bars."""
    opens = spot[:-1:60]
    lows = np.array([spot[60 * i : 60 * i + 61].min() for i in range(len(opens))])
    return min(lows[i : i + hours].min() / opens[i] - 1.0 for i in range(len(opens) - hours + 1))


def day_volatility(spot):
    """Largest 24-hour realised volatility of hourly closes, annualised."""
    squares = np.diff(np.log(spot[::60])) ** 2
    return max(np.sqrt(squares[i : i + 24].sum() * 365) for i in range(len(squares) - 23))


@pytest.mark.parametrize("seed", range(8))
def test_crash_path_reproduces_the_published_facts(seed):
    spot = crash(seed)
    assert spot.max() == pytest.approx(203.2)
    assert spot.min() == pytest.approx(86.0)
    assert 26 <= int(spot.argmin()) / 60 < 27  # 13 March, 02 h
    assert worst(spot, 1) == pytest.approx(-0.256, abs=0.015)
    assert worst(spot, 6) == pytest.approx(-0.344, abs=0.015)
    assert worst(spot, 24) == pytest.approx(-0.533, abs=0.015)
    assert spot[28 * 60] / spot[27 * 60] - 1.0 == pytest.approx(0.15, abs=0.01)
    assert day_volatility(spot) == pytest.approx(7.68, rel=0.1)


def test_milder_anchors_fail_the_facts():
    """Power: with the lows half as deep the worst hour and day are far off."""
    table = tomllib.loads(SCENARIO.read_text())["market"]["anchors"]
    mild = tuple((h, 203.2 * (p / 203.2) ** 0.5, v) for h, p, v in table)
    spot = crash(1, anchors=mild)
    assert worst(spot, 1) > -0.2
    assert worst(spot, 24) > -0.4


def test_path_meets_its_anchors():
    anchors = ((0.0, 100.0, 0.8), (1.0, 120.0, 0.8), (2.0, 90.0, 0.8))
    path = Anchored(anchors=anchors).path(0, 60, 120, np.random.default_rng(3))
    assert path.spot[[0, 60, 120]] == pytest.approx([100.0, 120.0, 90.0])
    assert path.spot.max() <= 120.0
    assert path.spot.min() >= 90.0


def test_bridge_has_the_variance_of_a_brownian_bridge():
    """At a third of the way: vol^2 t (T - t) / T; a wrong volatility is refuted by the same
    threshold."""
    knots, end = np.array([0.0, 3 * 86_400.0]), 3 * 86_400.0
    times = np.array([86_400.0])
    rng = np.random.default_rng(11)
    draws = np.array(
        [bridge(knots, np.zeros(2), np.array([0.9]), times, rng)[0] for _ in range(20_000)]
    )
    expected = 0.81 * 86_400 * (end - 86_400) / end / YEAR
    error = expected * np.sqrt(2 / len(draws))
    assert abs(draws.var() - expected) < 4.5 * error
    assert abs(draws.var() - expected * (1.0 / 0.9) ** 2) > 4.5 * error
    assert abs(draws.mean()) < 4.5 * np.sqrt(expected / len(draws))


def test_bridge_with_many_times_is_one_path():
    """Increments of a bridge at fine times scale with the step: no hidden restart at each time."""
    times = np.arange(1.0, 86_400.0, 60.0)
    path = bridge(
        np.array([0.0, 86_400.0]), np.zeros(2), np.array([1.0]), times, np.random.default_rng(5)
    )
    realised = np.sqrt((np.diff(path) ** 2).mean() * YEAR / 60)
    assert realised == pytest.approx(1.0, abs=4.5 / np.sqrt(2 * len(times)))


@pytest.mark.parametrize(
    "anchors",
    [
        ((1.0, 100.0, 0.5), (2.0, 100.0, 0.5)),
        ((0.0, 100.0, 0.5),),
        ((0.0, 100.0, 0.5), (0.0, 110.0, 0.5)),
        ((0.0, -1.0, 0.5), (1.0, 110.0, 0.5)),
        ((0.0, 100.0), (1.0, 110.0)),
    ],
)
def test_unfit_anchors_are_refused(anchors):
    with pytest.raises(ScenarioError, match=r"market\.anchors"):
        Anchored(anchors=anchors)


def test_run_beyond_the_last_anchor_is_refused():
    generator = Anchored(anchors=((0.0, 100.0, 0.5), (1.0, 100.0, 0.5)))
    with pytest.raises(ScenarioError, match="last hour of at least 2"):
        generator.path(0, 60, 120, np.random.default_rng(0))
