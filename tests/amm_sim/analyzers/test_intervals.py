"""Estimators against published numbers, closed forms, textbooks and repeated experiments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from amm_sim.analyzers import intervals as iv

RUNS = 1000
LEAST = 0.929
"""Three standard errors of 1,000 runs below 95 %."""


# --------------------------------------------------------------------- proportions


@pytest.mark.parametrize(
    ("count", "n", "wilson", "exact"),
    [  # statsmodels 0.14, proportion_confint
        (0, 1000, (0.0, 0.0038268), (0.0, 0.0036821)),
        (5, 1000, (0.0021375, 0.0116510), (0.0016254, 0.0116295)),
        (10, 100, (0.0552291, 0.1743657), (0.0490047, 0.1762226)),
    ],
)
def test_proportion_published_cases_agree(count, n, wilson, exact) -> None:
    for interval, wanted in ((iv.wilson(count, n), wilson), (iv.clopper_pearson(count, n), exact)):
        assert (interval.low, interval.high) == pytest.approx(wanted, abs=6e-8)
        assert (interval.value, interval.n) == (count / n, n)


@pytest.mark.parametrize(("count", "n"), [(0, 1), (1, 1), (3, 7), (50, 50), (199, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_proportion_any_case_agrees_with_scipy(count, n, confidence) -> None:
    test = stats.binomtest(count, n)
    for ours, name in ((iv.wilson, "wilson"), (iv.clopper_pearson, "exact")):
        interval, other = ours(count, n, confidence), test.proportion_ci(confidence, name)
        assert (interval.low, interval.high) == pytest.approx((other.low, other.high), abs=1e-10)


def test_proportion_nonsense_is_refused() -> None:
    for count, n in ((-1, 3), (4, 3), (0, 0)):
        with pytest.raises(ValueError, match="count from 0 to n"):
            iv.wilson(count, n)


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_clopper_pearson_covers_every_probability(n) -> None:
    """By enumeration, no sampling: the guarantee holds for each p."""
    bounds = [iv.clopper_pearson(k, n) for k in range(n + 1)]
    for p in (0.001, 0.01, 0.0357, 0.1, 0.5, 0.83, 0.999):
        inside = [k for k, b in enumerate(bounds) if b.low <= p <= b.high]
        assert stats.binom.pmf(inside, n, p).sum() >= 0.95


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5])
def test_wilson_covers_on_average(p) -> None:
    draws = np.random.default_rng(1).binomial(400, p, RUNS)
    found = [iv.wilson(int(k), 400) for k in draws]
    assert np.mean([f.low <= p <= f.high for f in found]) >= LEAST


# -------------------------------------------------------------------------- means


def test_t_interval_worked_by_hand() -> None:
    """1..5: mean 3, s^2 = 2.5, t(4, .975) = 2.776445 (tables)."""
    found = iv.t_interval([1, 2, 3, 4, 5])
    half = 2.776445 * math.sqrt(2.5 / 5)
    assert (found.value, found.low, found.high) == pytest.approx((3, 3 - half, 3 + half), abs=1e-6)


def test_mean_equal_values_claim_nothing() -> None:
    for found in (iv.t_interval([2.0, 2.0]), iv.bootstrap([2.0, 2.0], np.random.default_rng(1))):
        assert (found.value, found.low, found.high) == (2.0, -math.inf, math.inf)


def test_mean_not_finite_is_refused() -> None:
    for bad in ([], [1.0, math.nan], [math.inf], [[1.0]]):
        with pytest.raises(ValueError, match="finite numbers"):
            iv.t_interval(bad)


def test_t_interval_covers() -> None:
    samples = np.random.default_rng(2).normal(7.0, 3.0, (RUNS, 20))
    found = [iv.t_interval(x) for x in samples]
    share = np.mean([f.low <= 7.0 <= f.high for f in found])
    assert LEAST <= share <= 0.971  # exact for normal samples


def test_bootstrap_covers_a_skewed_mean() -> None:
    rng = np.random.default_rng(3)
    samples = rng.exponential(1.0, (RUNS, 100))
    found = [iv.bootstrap(x, rng, resamples=400) for x in samples]
    assert np.mean([f.low <= 1.0 <= f.high for f in found]) >= LEAST - 0.01  # BCa, n = 100


def test_bootstrap_same_generator_repeats() -> None:
    x = np.random.default_rng(4).exponential(1.0, 50)
    one, two = (iv.bootstrap(x, np.random.default_rng(5)) for _ in range(2))
    assert one == two
    assert one != iv.bootstrap(x, np.random.default_rng(6))


# --------------------------------------------------------------- quantiles and tails


def test_quantile_ranks_are_those_of_the_binomial() -> None:
    """n = 100, median: ranks 40 and 61 (Conover, Practical Nonparametric Statistics)."""
    found = iv.quantile(np.arange(1.0, 101.0), 0.5)
    assert (found.value, found.low, found.high) == (50.0, 40.0, 61.0)


def test_quantile_beyond_the_sample_has_no_upper_bound() -> None:
    found = iv.quantile(np.arange(100.0), 0.99)
    assert found.high == math.inf
    assert found.low > 90.0


@pytest.mark.parametrize("level", [0.5, 0.9, 0.975])
def test_quantile_covers(level) -> None:
    truth = stats.lognorm.ppf(level, 1.0)
    samples = np.random.default_rng(7).lognormal(0.0, 1.0, (RUNS, 500))
    found = [iv.quantile(x, level) for x in samples]
    assert np.mean([f.low <= truth <= f.high for f in found]) >= LEAST


def test_shortfall_worked_by_hand() -> None:
    """Worst 25 % of 1..10: 10, 9 and half of 8, over 2.5."""
    assert iv.expected_shortfall(np.arange(1.0, 11.0), 0.75).value == pytest.approx(23 / 2.5)


def test_shortfall_of_a_fine_grid_is_the_closed_form() -> None:
    """Normal ES97.5 = 2.337803, t4 ES99 = 5.220584 (McNeil, Frey, Embrechts, section 2.3.4)."""
    grid = (np.arange(2_000_000) + 0.5) / 2_000_000
    for quantiles, level, wanted in (
        (stats.norm.ppf(grid), 0.975, 2.337803),
        (stats.t.ppf(grid, 4), 0.99, 5.220584),
    ):
        assert iv.expected_shortfall(quantiles, level).value == pytest.approx(wanted, rel=2e-4)


def test_shortfall_variance_is_the_asymptotic_one() -> None:
    """The half-width against the integral of the formula for normal losses, and against reality."""
    n, level = 20_000, 0.975
    q = stats.norm.ppf(level)
    es = stats.norm.pdf(q) / (1 - level)
    second = integrate.quad(lambda x: x * x * stats.norm.pdf(x), q, 12)[0] / (1 - level)
    wanted = math.sqrt((second - es**2 + level * (es - q) ** 2) / (n * (1 - level)))
    samples = np.random.default_rng(8).normal(size=(300, n))
    found = [iv.expected_shortfall(x, level) for x in samples]
    half = np.mean([(f.high - f.low) / 2 for f in found])
    assert half == pytest.approx(stats.t.ppf(0.975, 499) * wanted, rel=0.02)
    assert np.std([f.value for f in found]) == pytest.approx(wanted, rel=0.15)


@pytest.mark.parametrize("n", [400, 2000])
def test_shortfall_covers(n) -> None:
    truth = stats.norm.pdf(stats.norm.ppf(0.975)) / 0.025
    samples = np.random.default_rng(9).normal(size=(RUNS, n))
    found = [iv.expected_shortfall(x, 0.975) for x in samples]
    assert np.mean([f.low <= truth <= f.high for f in found]) >= LEAST


def test_shortfall_small_tail_claims_nothing() -> None:
    found = iv.expected_shortfall(np.arange(399.0), 0.975)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert "400" in found.method


# -------------------------------------------------------------------------- pairs


@pytest.mark.parametrize(
    ("b", "c", "p"),
    [(0, 0, 1.0), (1, 5, 0.21875), (10, 0, 2 / 1024), (6, 6, 1.0), (2, 8, 0.109375)],
)
def test_mcnemar_worked_by_hand(b, c, p) -> None:
    """Twice the binomial tail: (1, 5): 2 (1 + 6) / 64; (2, 8): 2 (1 + 10 + 45) / 1024."""
    assert iv.mcnemar(b, c) == pytest.approx(p, abs=1e-12)
    assert iv.mcnemar(c, b) == pytest.approx(p, abs=1e-12)


def test_paired_shortfall_covers_and_gains_by_what_pairs_share() -> None:
    """Normal losses with correlation 0.9 and a scale of 1.2: ES differ by 0.2 phi(q) / (1 - level).
    Pairs give a narrower interval than the two apart would; the pairs shuffled lose that."""
    rng = np.random.default_rng(11)
    level, n = 0.9, 200
    truth = 0.2 * stats.norm.pdf(stats.norm.ppf(level)) / (1 - level)
    covered, halves, apart = 0, [], []
    for _ in range(RUNS):
        common, own = rng.normal(size=(2, n))
        a, b = 1.2 * (0.9 * common + math.sqrt(0.19) * own), common
        found = iv.paired_shortfall(a, b, level)
        covered += found.low <= truth <= found.high
        halves.append(found.high - found.low)
        loose = iv.paired_shortfall(rng.permutation(a), b, level)
        apart.append(loose.high - loose.low)
    assert covered / RUNS >= LEAST
    assert np.mean(halves) < 0.7 * np.mean(apart)


def test_paired_shortfall_small_tail_or_no_spread_claims_nothing() -> None:
    for n, level in ((99, 0.9), (999, 0.99)):
        found = iv.paired_shortfall(np.arange(float(n)), np.zeros(n), level)
        assert (found.low, found.high) == (-math.inf, math.inf)
        assert str(n + 1) in found.method
    same = iv.paired_shortfall(np.arange(100.0), np.arange(100.0), 0.9)
    assert (same.value, same.low) == (0.0, -math.inf)


def test_paired_proportion_published_example() -> None:
    """Approval of the prime minister (Agresti and Min 2005): 150, 86 of 1600."""
    found = iv.paired_proportion(150, 86, 1600)
    assert found.value == pytest.approx(0.04)
    assert (found.low, found.high) == pytest.approx((0.0212, 0.0587), abs=2e-4)


@pytest.mark.parametrize(("b", "c"), [(0.05, 0.02), (0.2, 0.1), (0.01, 0.01)])
def test_paired_proportion_covers(b, c) -> None:
    draws = np.random.default_rng(10).multinomial(200, [b, c, 1 - b - c], RUNS)
    found = [iv.paired_proportion(int(x), int(y), 200) for x, y, _ in draws]
    assert np.mean([f.low <= b - c <= f.high for f in found]) >= LEAST


def test_paired_mean_correlation_and_gain() -> None:
    rng = np.random.default_rng(11)
    common = rng.normal(size=4000)
    a = 1.0 + 0.9 * common + math.sqrt(1 - 0.81) * rng.normal(size=4000)
    found = iv.paired_mean(a, common)
    assert found.correlation == pytest.approx(0.9, abs=0.02)
    assert found.gain == pytest.approx(10.0, rel=0.1)  # 1 / (1 - rho) at equal variances
    assert found.difference.low < 1.0 < found.difference.high


def test_paired_mean_covers() -> None:
    rng = np.random.default_rng(12)
    common = rng.normal(size=(RUNS, 40))
    a = common + rng.normal(size=(RUNS, 40)) + 0.3
    found = [iv.paired_mean(x, y).difference for x, y in zip(a, common, strict=True)]
    assert LEAST <= np.mean([f.low <= 0.3 <= f.high for f in found]) <= 0.971


def test_paired_mean_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        iv.paired_mean([1.0, 2.0], [1.0])


# ----------------------------------------------------------------------- survival

SIX_MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_kaplan_meier_published_example() -> None:
    """6-MP arm of Freireich et al. (1963) as in Kleinbaum and Klein, table 2.1 and R's survfit."""
    curve = iv.kaplan_meier(SIX_MP, [bool(x) for x in RELAPSED])
    wanted = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    errors = {6: 0.0764, 7: 0.0869, 10: 0.0963, 13: 0.1068, 16: 0.1141, 22: 0.1282, 23: 0.1346}
    assert curve.times.tolist() == list(wanted)
    assert curve.survival == pytest.approx(list(wanted.values()), abs=5e-5)
    ours = curve.survival * np.sqrt(curve.greenwood)
    assert ours == pytest.approx(list(errors.values()), abs=5e-5)


def test_kaplan_meier_log_log_bounds_as_in_r() -> None:
    """R: survfit(conf.type = "log-log") at 10 weeks: 0.7529 (0.5032, 0.8894)."""
    found = iv.kaplan_meier(SIX_MP, [bool(x) for x in RELAPSED]).at(10)
    assert (1 - found.high, 1 - found.low) == pytest.approx((0.5032, 0.8894), abs=5e-5)


def test_kaplan_meier_agrees_with_scipy() -> None:
    rng = np.random.default_rng(13)
    life, limit = rng.exponential(1.0, 300), rng.uniform(0.0, 2.0, 300)
    times, events = np.minimum(life, limit), life <= limit
    curve = iv.kaplan_meier(times, events)
    data = stats.CensoredData.right_censored(times, ~events)
    other = stats.ecdf(data).sf
    assert curve.survival == pytest.approx(other.evaluate(curve.times), abs=1e-12)


def test_kaplan_meier_without_censoring_is_the_ecdf() -> None:
    times = np.random.default_rng(14).exponential(1.0, 200)
    curve = iv.kaplan_meier(times, [True] * 200)
    for t in (0.1, 0.5, 2.0):
        assert curve.at(t).value == pytest.approx(float((times <= t).mean()))


def test_restricted_mean_is_the_mean_of_truncated_times() -> None:
    times = np.random.default_rng(15).exponential(1.0, 500)
    found = iv.kaplan_meier(times, [True] * 500).mean_until(1.5)
    truncated = np.minimum(times, 1.5)
    assert found.value == pytest.approx(truncated.mean())
    half = 1.959964 * truncated.std() / math.sqrt(500)
    assert found.high - found.value == pytest.approx(half, rel=0.01)


def test_restricted_mean_published_example() -> None:
    """R: survfit of the 6-MP arm, rmean = 35: 23.3, se 2.83."""
    found = iv.kaplan_meier(SIX_MP, [bool(x) for x in RELAPSED]).mean_until(35)
    assert found.value == pytest.approx(23.29, abs=0.01)
    assert (found.high - found.value) / 1.959964 == pytest.approx(2.83, abs=0.01)


def test_survival_covers_under_censoring() -> None:
    rng = np.random.default_rng(16)
    at, mean = [], []
    for _ in range(RUNS):
        life, limit = rng.exponential(1.0, 150), rng.uniform(0.5, 3.0, 150)
        curve = iv.kaplan_meier(np.minimum(life, limit), life <= limit)
        p, m = curve.at(1.0), curve.mean_until(1.0)
        at.append(p.low <= 1 - math.exp(-1) <= p.high)
        mean.append(m.low <= 1 - math.exp(-1) <= m.high)
    assert np.mean(at) >= LEAST
    assert np.mean(mean) >= LEAST


def test_survival_nobody_failed_claims_nothing() -> None:
    curve = iv.kaplan_meier([5.0, 5.0], [False, False])
    assert (curve.at(3).value, curve.at(3).high) == (0.0, 1.0)
    assert curve.mean_until(5.0).value == 5.0
    assert curve.mean_until(5.0).low == -math.inf


def test_survival_everybody_failed_is_certain() -> None:
    curve = iv.kaplan_meier([1.0, 2.0], [True, True])
    assert curve.at(2.0).value == 1.0
    assert curve.mean_until(3.0).value == pytest.approx(1.5)
