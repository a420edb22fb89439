"""Estimates with intervals: proportions, means, quantiles, expected shortfall, pairs, survival.

Every function takes plain numbers or one-dimensional arrays and a two-sided ``confidence``. A bound
that the sample cannot give is infinite, never a guess. Coverage is measured by the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
CONFIDENCE = 0.95
LEAST_TAIL = 10
"""Fewest observations in the tail for an interval of expected shortfall."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds; ``n`` observations stand behind it."""

    value: float
    low: float
    high: float
    n: int
    method: str


def _z(confidence: float) -> float:
    return float(stats.norm.ppf(0.5 + confidence / 2.0))


def _array(values: Sequence[float] | Floats, least: int = 1) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < least or not np.isfinite(array).all():
        raise ValueError(f"at least {least} finite numbers are needed, in one dimension")
    return array


# ---------------------------------------------------------------------- proportions


def _check_counts(count: int, n: int) -> None:
    if not 0 <= count <= n or n < 1:
        raise ValueError(f"{count} of {n}: a count from 0 to n, and n of at least 1")


def wilson(count: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval (1927) of a proportion."""
    _check_counts(count, n)
    z = _z(confidence)
    p = count / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == n else min(1.0, middle + half)
    return Interval(p, low, high, n, "Wilson")


def clopper_pearson(count: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Clopper and Pearson's interval (1934): covers with at least ``confidence``, always."""
    _check_counts(count, n)
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if count == 0 else float(stats.beta.ppf(tail, count, n - count + 1))
    high = 1.0 if count == n else float(stats.beta.ppf(1.0 - tail, count + 1, n - count))
    return Interval(count / n, low, high, n, "Clopper-Pearson")


# ---------------------------------------------------------------------------- means


def t_interval(values: Sequence[float] | Floats, confidence: float = CONFIDENCE) -> Interval:
    """Student's interval of a mean. Equal values say nothing about spread: infinite bounds."""
    x = _array(values)
    mean, n = float(x.mean()), len(x)
    if n < 2 or float(np.ptp(x)) == 0.0:
        return Interval(mean, -math.inf, math.inf, n, "t, no spread in the sample")
    half = float(stats.t.ppf(0.5 + confidence / 2.0, n - 1)) * float(x.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n, "t")


def bootstrap(
    values: Sequence[float] | Floats,
    rng: np.random.Generator,
    statistic: Callable[..., float] = np.mean,
    resamples: int = 2000,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Bias-corrected and accelerated bootstrap (Efron 1987) of ``statistic``."""
    x = _array(values)
    value = float(statistic(x))
    if len(x) < 2 or float(np.ptp(x)) == 0.0:
        return Interval(value, -math.inf, math.inf, len(x), "bootstrap, no spread in the sample")
    found = stats.bootstrap(
        (x,), statistic, n_resamples=resamples, confidence_level=confidence, rng=rng
    ).confidence_interval
    return Interval(value, float(found.low), float(found.high), len(x), "bootstrap (BCa)")


# ------------------------------------------------------------------- quantiles, tails


def quantile(
    values: Sequence[float] | Floats, level: float, confidence: float = CONFIDENCE
) -> Interval:
    """A quantile between order statistics, free of any distribution (value at risk).

    The number of observations below the true quantile is binomial; a bound that would need an order
    statistic beyond the sample is infinite.
    """
    x = np.sort(_array(values))
    n = len(x)
    tail = (1.0 - confidence) / 2.0
    rank = max(1, math.ceil(round(n * level, 9)))
    low = int(stats.binom.ppf(tail, n, level))
    high = int(stats.binom.ppf(1.0 - tail, n, level)) + 1
    return Interval(
        float(x[rank - 1]),
        float(x[low - 1]) if low >= 1 else -math.inf,
        float(x[high - 1]) if high <= n else math.inf,
        n,
        "order statistics",
    )


def expected_shortfall(
    losses: Sequence[float] | Floats, level: float, confidence: float = CONFIDENCE
) -> Interval:
    """Mean of the worst 1 - level of losses (Rockafellar and Uryasev 2000).

    Asymptotic variance [Var(L | L > q) + level (ES - q)^2] / (n (1 - level)), with Student's
    quantile for the observations in the tail; infinite bounds below LEAST_TAIL of them or when the
    tail has no spread.
    """
    x = np.sort(_array(losses))
    n = len(x)
    mass = n * (1.0 - level)
    whole = math.floor(round(mass, 9))
    worst = x[n - whole :]
    q = float(x[max(0, n - whole - 1)])
    value = (float(worst.sum()) + (mass - whole) * q) / mass
    if whole < LEAST_TAIL:
        needed = math.ceil(round(LEAST_TAIL / (1.0 - level), 9))
        return Interval(value, -math.inf, math.inf, n, f"no interval below {needed} paths")
    variance = (float(worst.var(ddof=1)) + level * (value - q) ** 2) / mass
    if variance <= 0.0:
        return Interval(value, -math.inf, math.inf, n, "no spread in the tail")
    half = float(stats.t.ppf(0.5 + confidence / 2.0, whole - 1)) * math.sqrt(variance)
    return Interval(value, value - half, value + half, n, "asymptotic")


# ---------------------------------------------------------------------------- pairs


@dataclass(frozen=True, slots=True)
class PairedMean:
    """Mean of a - b over common random numbers.

    ``correlation`` is the achieved one, 0 where one side has no spread; ``gain`` is the variance of
    independent samples over that of pairs, 1 where pairing gained nothing.
    """

    difference: Interval
    correlation: float
    gain: float


def paired_mean(
    a: Sequence[float] | Floats, b: Sequence[float] | Floats, confidence: float = CONFIDENCE
) -> PairedMean:
    """Student's interval of the mean difference of pairs."""
    x, y = _array(a), _array(b)
    if len(x) != len(y):
        raise ValueError(f"{len(x)} and {len(y)} values are no pairs")
    difference = t_interval(x - y, confidence)
    if len(x) < 2 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return PairedMean(difference, 0.0, 1.0)
    spread = float((x - y).var(ddof=1))
    alone = float(x.var(ddof=1) + y.var(ddof=1))
    rho = float(np.clip(np.corrcoef(x, y)[0, 1], -1.0, 1.0))
    return PairedMean(difference, rho, alone / spread if spread > 0.0 else math.inf)


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value that two paired binary outcomes are equally likely (McNemar 1947).

    ``only_a`` pairs have the outcome under a alone, ``only_b`` under b alone.
    """
    if only_a < 0 or only_b < 0:
        raise ValueError(f"{only_a}, {only_b}: counts are not negative")
    n = only_a + only_b
    return 1.0 if n == 0 else float(stats.binomtest(only_a, n, 0.5).pvalue)


def paired_proportion(only_a: int, only_b: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """P(a) - P(b) of n pairs: Agresti and Min's interval (2005), half a pair added to each cell."""
    _check_counts(only_a + only_b, n)
    b, c, m = only_a + 0.5, only_b + 0.5, n + 2.0
    middle = (b - c) / m
    half = _z(confidence) * math.sqrt((b + c) - (b - c) ** 2 / m) / m
    low, high = max(-1.0, middle - half), min(1.0, middle + half)
    return Interval((only_a - only_b) / n, low, high, n, "Agresti-Min, paired")


def paired_shortfall(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    level: float,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Expected shortfall of a less that of b over common random numbers.

    The variance is that of the pairs' differences of influence, (L - q)^+ / (1 - level), so that
    what both lose on the same path cancels; infinite bounds below LEAST_TAIL in a tail.
    """
    x, y = _array(a), _array(b)
    if len(x) != len(y):
        raise ValueError(f"{len(x)} and {len(y)} values are no pairs")
    n = len(x)
    value = expected_shortfall(x, level).value - expected_shortfall(y, level).value
    if math.floor(round(n * (1.0 - level), 9)) < LEAST_TAIL:
        needed = math.ceil(round(LEAST_TAIL / (1.0 - level), 9))
        return Interval(value, -math.inf, math.inf, n, f"no interval below {needed} pairs")
    moved = _influence(x, level) - _influence(y, level)
    if float(np.ptp(moved)) == 0.0:
        return Interval(value, -math.inf, math.inf, n, "no spread in the sample")
    tail = math.floor(round(n * (1.0 - level), 9)) - 1
    error = float(moved.std(ddof=1)) / math.sqrt(n)
    half = float(stats.t.ppf(0.5 + confidence / 2.0, tail)) * error
    return Interval(value, value - half, value + half, n, "asymptotic, paired")


def _influence(losses: Floats, level: float) -> Floats:
    """Of each observation on the expected shortfall, up to a constant."""
    q = float(np.quantile(losses, level))
    return np.asarray(np.maximum(losses - q, 0.0) / (1.0 - level))


# ------------------------------------------------------------------------- survival


@dataclass(frozen=True, slots=True)
class Survival:
    """Kaplan and Meier's curve (1958): a step down at each of ``times``.

    ``greenwood`` is the sum of d / (n (n - d)) up to each step.
    """

    times: Floats
    survival: Floats
    greenwood: Floats
    n: int
    last: float
    """The latest time at which anybody was observed."""

    def at(self, time: float, confidence: float = CONFIDENCE) -> Interval:
        """P(event by ``time``) with Greenwood's variance on the log-log scale."""
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        s = 1.0 if index < 0 else float(self.survival[index])
        if index < 0 or s <= 0.0:
            return Interval(1.0 - s, 0.0, 1.0, self.n, "Kaplan-Meier, no interval")
        root = math.sqrt(float(self.greenwood[index])) / abs(math.log(s))
        width = math.exp(_z(confidence) * root)
        return Interval(1.0 - s, 1.0 - s ** (1 / width), 1.0 - s**width, self.n, "Kaplan-Meier")

    def mean_until(self, horizon: float, confidence: float = CONFIDENCE) -> Interval:
        """Restricted mean survival time: the area under the curve up to ``horizon``."""
        inside = self.times < horizon
        edges = np.concatenate(([0.0], self.times[inside], [horizon]))
        steps = np.concatenate(([1.0], self.survival[inside])) * np.diff(edges)
        value = float(steps.sum())
        later = value - np.cumsum(steps)[:-1]
        with np.errstate(invalid="ignore"):
            jumps = np.diff(self.greenwood[inside], prepend=0.0)
        inner = later > 0.0
        variance = float((later[inner] ** 2 * jumps[inner]).sum())
        if not (0.0 < variance < math.inf):
            return Interval(value, -math.inf, math.inf, self.n, "no spread in the sample")
        half = _z(confidence) * math.sqrt(variance)
        low, high = max(0.0, value - half), min(horizon, value + half)
        return Interval(value, low, high, self.n, "Kaplan-Meier, Greenwood")


def kaplan_meier(times: Sequence[float] | Floats, failed: Sequence[bool]) -> Survival:
    """The curve of durations; where ``failed`` is false the duration is censored.

    At equal times events come before censorings.
    """
    t = _array(times)
    events = np.asarray(failed, dtype=np.bool_)
    if events.shape != t.shape:
        raise ValueError(f"{len(t)} times and {len(events)} marks")
    at = np.unique(t[events])
    risk = np.array([(t >= moment).sum() for moment in at], dtype=np.float64)
    dead = np.array([((t == moment) & events).sum() for moment in at], dtype=np.float64)
    left = risk - dead
    with np.errstate(divide="ignore"):
        terms = dead / (risk * left)
    return Survival(at, np.cumprod(left / risk), np.cumsum(terms), len(t), float(t.max()))
