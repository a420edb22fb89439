"""Whether breaches come as often as a margin or a value at risk says, and independently.

Kupiec (1995) tests the share of breaches, Christoffersen (1998) whether a breach makes the next
likelier, and both together. The likelihood ratios follow chi-squared laws only for long series: at
5 % from about 2,000 observations on; with 250 the test of independence rejects three times too
rarely, with 1,000 half as often again as it says. ``simulated`` gives p-values of the right size
for any length (Dufour 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import xlog1py, xlogy

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
FREEDOM = (1, 1, 2)
"""Degrees of freedom of the three statistics."""
CLOSE = 1e-9
"""Statistics that differ by less are tied."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A likelihood-ratio statistic and its p-value."""

    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """Breaches of a series beside what was promised."""

    n: int
    breaches: int
    probability: float
    unconditional: Ratio
    """Kupiec: as often as promised?"""
    independence: Ratio
    """Christoffersen: does a breach change the chance of the next?"""
    conditional: Ratio
    """Both together."""


def kupiec(breaches: npt.ArrayLike, n: int, probability: float) -> Floats:
    """Likelihood ratio of ``breaches`` of ``n`` against ``probability``, elementwise."""
    x = np.asarray(breaches, dtype=np.float64)
    share = x / n
    null = xlogy(x, probability) + xlog1py(n - x, -probability)
    free = xlogy(x, share) + xlog1py(n - x, -share)
    return np.asarray(np.maximum(2.0 * (free - null), 0.0), dtype=np.float64)


def christoffersen(series: npt.ArrayLike) -> Floats:
    """Likelihood ratio of first-order dependence; the last axis is time."""
    hits = np.asarray(series, dtype=np.bool_)
    before, after = hits[..., :-1], hits[..., 1:]
    n11 = (before & after).sum(-1).astype(np.float64)
    n01 = (~before & after).sum(-1).astype(np.float64)
    n1, n0 = before.sum(-1).astype(np.float64), (~before).sum(-1).astype(np.float64)
    share = (n01 + n11) / (n0 + n1)
    null = xlogy(n01 + n11, share) + xlog1py(n0 + n1 - n01 - n11, -share)
    free = _bernoulli(n01, n0) + _bernoulli(n11, n1)
    return np.asarray(np.maximum(2.0 * (free - null), 0.0), dtype=np.float64)


def _bernoulli(hits: Floats, n: Floats) -> Floats:
    """Largest log-likelihood of ``hits`` of ``n``; 0 of 0 says nothing."""
    share = hits / np.where(n > 0.0, n, 1.0)
    return np.asarray(xlogy(hits, share) + xlog1py(n - hits, -share), dtype=np.float64)


def coverage(series: Sequence[bool] | Bools, probability: float) -> Coverage:
    """All three tests of a series of breaches, each promised with ``probability``.

    Raises:
        ValueError: fewer than two observations, or a probability outside (0, 1).
    """
    hits = _checked(series, probability)
    stats_ = _statistics(hits[None, :], probability)[:, 0]
    p_values = [float(stats.chi2.sf(x, n)) for x, n in zip(stats_, FREEDOM, strict=True)]
    return _coverage(hits, probability, stats_, p_values)


def simulated(
    series: Sequence[bool] | Bools, probability: float, draws: int, rng: np.random.Generator
) -> Coverage:
    """The same with p-values from ``draws`` series that keep the promise.

    Ties, which discrete statistics have, are broken at random: under the promise each p-value is
    uniform on its ``draws`` + 1 values.

    Raises:
        ValueError: as ``coverage``.
    """
    hits = _checked(series, probability)
    stats_ = _statistics(hits[None, :], probability)[:, 0]
    others = _statistics(rng.random((draws, len(hits))) < probability, probability)
    ahead = (others > stats_[:, None] + CLOSE).sum(1)
    ties = (np.abs(others - stats_[:, None]) <= CLOSE).sum(1)
    places = ahead + 1 + rng.integers(0, ties + 1)
    return _coverage(hits, probability, stats_, [float(x) / (draws + 1) for x in places])


def _checked(series: Sequence[bool] | Bools, probability: float) -> Bools:
    hits = np.asarray(series, dtype=np.bool_)
    if hits.ndim != 1 or len(hits) < 2:
        raise ValueError(f"{hits.shape}: at least two observations in one dimension")
    if not 0.0 < probability < 1.0:
        raise ValueError(f"{probability}: a probability between 0 and 1")
    return hits


def _statistics(hits: Bools, probability: float) -> Floats:
    """The three likelihood ratios, a row each; ``hits`` has a row for each series."""
    often = kupiec(hits.sum(-1), hits.shape[-1], probability)
    apart = christoffersen(hits)
    return np.array([often, apart, often + apart])


def _coverage(hits: Bools, probability: float, found: Floats, p_values: list[float]) -> Coverage:
    ratios = [Ratio(float(x), p) for x, p in zip(found, p_values, strict=True)]
    return Coverage(len(hits), int(hits.sum()), probability, *ratios)
