"""Coverage tests of breaches: by hand, their size under GBM, their power."""

import math

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import chi2

from amm_sim.analyzers.adequacy import Short, deficit_probability
from amm_sim.analyzers.coverage import christoffersen, coverage, kupiec, simulated
from amm_sim.units import YEAR

DAY = 86_400


def test_statistics_by_hand():
    """20 days, breaches on 3, 4 and 10: shares 3 / 20 and, after a breach, 1 / 3."""
    series = np.zeros(20, dtype=bool)
    series[[3, 4, 10]] = True
    found = coverage(series, 0.05)

    def log(p, hits, n):
        return hits * math.log(p) + (n - hits) * math.log(1 - p)

    often = 2 * (log(0.15, 3, 20) - log(0.05, 3, 20))
    apart = 2 * (log(1 / 3, 1, 3) + log(2 / 16, 2, 16) - log(3 / 19, 3, 19))
    assert (found.n, found.breaches) == (20, 3)
    assert found.unconditional.statistic == pytest.approx(often, rel=1e-12)
    assert found.independence.statistic == pytest.approx(apart, rel=1e-12)
    assert found.conditional.statistic == pytest.approx(often + apart, rel=1e-12)
    # chi-squared tails: one degree by the error function, two by the exponential
    assert found.unconditional.p_value == pytest.approx(math.erfc(math.sqrt(often / 2)))
    assert found.conditional.p_value == pytest.approx(math.exp(-(often + apart) / 2))


def test_no_breach_and_all_breaches_are_no_division_by_zero():
    assert float(kupiec(0, 100, 0.01)) == pytest.approx(-200 * math.log(0.99))
    assert float(christoffersen(np.zeros(50, dtype=bool))) == 0.0
    assert coverage([True] * 30, 0.5).independence.p_value == 1.0


@pytest.mark.parametrize("series", [[], [True], [[True, False]]])
def test_series_that_says_nothing_is_refused(series):
    with pytest.raises(ValueError, match="observations"):
        coverage(series, 0.05)


def breaches(rng, vol, days, runs):
    """Each day an account at the margin that 5 % of days at 80 % volatility exceed.

    A short call of 30 days is sold anew every day; it breaches when revaluation exceeds margin.
    """
    short = Short(2000.0, 2100.0, 0.8, 30 * DAY)
    root = 0.8 * math.sqrt(DAY / YEAR)
    worst = 2000.0 * math.exp(root * float(ndtri(0.95)) - root * root / 2)
    margin = short.value(worst, DAY) - short.value(2000.0)
    assert deficit_probability(short, margin, DAY, 0.8) == pytest.approx(0.05, abs=1e-9)
    step = vol * math.sqrt(DAY / YEAR)
    moves = step * rng.standard_normal((runs, days)) - step * step / 2
    return np.exp(moves) * 2000.0 > worst  # the call's value rises with spot


TESTS = ("unconditional", "independence", "conditional")


def rejected(found):
    """Share of 5 % rejections by each test."""
    return {t: np.mean([getattr(one, t).p_value <= 0.05 for one in found]) for t in TESTS}


def test_size_under_gbm_is_five_percent():
    """7,000 runs of 2,000 days: 1.5 points are five standard errors, the law's own error is 0.4."""
    runs = breaches(np.random.default_rng(5), 0.8, 2000, 7000)
    often, apart = kupiec(runs.sum(1), 2000, 0.05), christoffersen(runs)
    for statistic, freedom in ((often, 1), (apart, 1), (often + apart, 2)):
        share = (chi2.sf(statistic, freedom) <= 0.05).mean()
        assert share == pytest.approx(0.05, abs=0.015), freedom
    assert coverage(runs[0], 0.05).conditional.statistic == pytest.approx(often[0] + apart[0])


def test_simulated_size_is_five_percent_where_the_asymptotic_one_is_not():
    """4,500 runs of 250 days; the chi-squared law rejects independence in under 2.5 % of them."""
    rng = np.random.default_rng(2)
    runs = breaches(rng, 0.8, 250, 4500)
    assert (chi2.sf(christoffersen(runs), 1) <= 0.05).mean() < 0.025
    for test, share in rejected([simulated(run, 0.05, 39, rng) for run in runs]).items():
        assert share == pytest.approx(0.05, abs=0.015), test


def test_power_a_market_that_moves_more_is_noticed():
    runs = breaches(np.random.default_rng(3), 1.0, 1000, 100)
    assert rejected([coverage(run, 0.05) for run in runs])["unconditional"] > 0.95


def test_power_clustered_breaches_are_noticed():
    rng = np.random.default_rng(4)
    noticed = []
    for _ in range(100):
        hits = [False]
        for _ in range(999):  # breaches follow breaches; 5 % in all
            hits.append(bool(rng.random() < (0.3 if hits[-1] else 0.7 * 0.05 / 0.95)))
        noticed.append(coverage(hits, 0.05).independence.p_value < 0.05)
    assert np.mean(noticed) > 0.9
