"""From the paths of a study to estimates with intervals: pure functions of the ledger's results."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from amm_sim.analyzers.intervals import (
    Floats,
    Interval,
    Survival,
    clopper_pearson,
    expected_shortfall,
    kaplan_meier,
    mcnemar,
    paired_mean,
    paired_proportion,
    quantile,
    t_interval,
    wilson,
)
from amm_sim.types import Metric, PathResult, PointResult, StudyResult

HOUR, DAY = 3600, 86_400
HORIZONS = ((HOUR, "1 h"), (DAY, "1 d"), (3 * DAY, "3 d"))
TAIL = 0.975
MEANS = (
    ("bad_debt", "quote"),
    ("worst_shortfall", "quote"),
    ("lp_loss", "ratio"),
    ("hedge_cost", "quote"),
    ("fees", "quote"),
)
"""Means over paths, and their paired differences."""


def metric(name: str, unit: str, interval: Interval) -> Metric:
    """An interval as a metric; a bound that is not finite is None."""
    low, high = (b if math.isfinite(b) else None for b in (interval.low, interval.high))
    if low is None or high is None:
        low = high = None
    return Metric(name, interval.value, unit, low, high, interval.n, interval.method)


def precise(half_width: float) -> Callable[[int, int], bool]:
    """Whether P(insolvent) is known to +- ``half_width``, by Wilson's interval."""

    def enough(insolvent: int, paths: int) -> bool:
        interval = wilson(insolvent, paths)
        return (interval.high - interval.low) / 2.0 <= half_width

    return enough


# ---------------------------------------------------------------------- one point


def point_metrics(results: Sequence[PathResult], horizon: int) -> tuple[Metric, ...]:
    """Estimates from paths that are done; none without any."""
    if not results:
        return ()
    insolvent = sum(r.insolvent for r in results)
    short = int(column(results, "assets_short").sum())
    losses = column(results, "lp_loss")
    found = [
        metric("p_insolvent", "probability", wilson(insolvent, len(results))),
        metric("p_assets_short", "probability", wilson(short, len(results))),
        metric("p_insolvent_guaranteed", "probability", clopper_pearson(insolvent, len(results))),
        metric("solvent_seconds", "s", _curve(results).mean_until(horizon)),
        metric("lp_loss_var_97.5", "ratio", quantile(losses, TAIL)),
        metric("lp_loss_es_97.5", "ratio", expected_shortfall(losses, TAIL)),
    ]
    means = [metric(f"{name}_mean", u, t_interval(column(results, name))) for name, u in MEANS]
    return (*found, *means)


def column(results: Sequence[PathResult], name: str) -> Floats:
    """A metric of every path; 0 where a path does not have it."""
    return np.array([r.metrics.get(name, 0.0) for r in results], dtype=np.float64)


def curve(results: Sequence[PathResult], horizon: int) -> tuple[Metric, ...]:
    """P(insolvent) by horizon. Failed paths are censored when they failed.

    Wilson's interval where every path lived to the horizon, else Kaplan and Meier's.
    """
    lived = [r for r in results if r.ran > 0]
    if not lived:
        return ()
    marks = [(s, name) for s, name in HORIZONS if s < horizon] + [(horizon, "end")]
    return tuple(metric(name, "probability", _by(lived, seconds)) for seconds, name in marks)


def _by(results: Sequence[PathResult], seconds: int) -> Interval:
    hit = sum(1 for r in results if r.insolvent_after is not None and r.insolvent_after <= seconds)
    if all(r.insolvent or r.ran >= seconds for r in results):
        return wilson(hit, len(results))
    return _curve(results).at(seconds)


def _curve(results: Sequence[PathResult]) -> Survival:
    times = [r.ran if r.insolvent_after is None else r.insolvent_after for r in results]
    return kaplan_meier(np.array(times, dtype=np.float64), [r.insolvent for r in results])


# ---------------------------------------------------------------------- two points


def paired(first: Sequence[PathResult], other: Sequence[PathResult]) -> tuple[Metric, ...]:
    """Differences other - first over the seeds that both have done; none without common seeds."""
    base = {r.seed: r for r in first}
    pairs = [(r, base[r.seed]) for r in other if r.seed in base]
    if not pairs:
        return ()
    more = sum(a.insolvent and not b.insolvent for a, b in pairs)
    fewer = sum(b.insolvent and not a.insolvent for a, b in pairs)
    n = len(pairs)
    found = [
        metric("p_insolvent", "probability", paired_proportion(more, fewer, n)),
        Metric("mcnemar_p", mcnemar(more, fewer), "p-value", n=n, method="McNemar, exact"),
    ]
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    for name, unit in MEANS:
        both = paired_mean(column(ours, name), column(theirs, name))
        how = f"{both.difference.method}, paired, correlation {both.correlation:.2f}"
        m = metric(f"{name}_mean", unit, both.difference)
        found.append(Metric(m.name, m.value, unit, m.ci_low, m.ci_high, n, how))
        found.append(Metric(f"{name}_correlation", both.correlation, "ratio", n=n, method="sample"))
    return tuple(found)


# ----------------------------------------------------------------------- the study


def study(
    points: Sequence[tuple[str, Mapping[str, Any]]],
    results: Mapping[str, Sequence[PathResult]],
    horizon: int,
    ended: Collection[str],
) -> StudyResult:
    """A study's results.

    Args:
        points: hash and changes, in order; the first is what others are compared with.
        results: the paths that count, by point and in order of seeds.
        horizon: duration of the scenario in seconds.
        ended: points that precision ended before their last path.
    """
    done = {p: [r for r in results[p] if r.status == "done"] for p, _ in points}
    first = points[0][0]
    found = tuple(
        PointResult(
            point,
            changes,
            paths=len(done[point]),
            failed=len(results[point]) - len(done[point]),
            stopped=point in ended,
            metrics=point_metrics(done[point], horizon),
            curve=curve(results[point], horizon),
            paired=() if point == first else paired(done[first], done[point]),
        )
        for point, changes in points
    )
    return StudyResult(found, verdict(found), warnings(found))


def named(metrics: Sequence[Metric], name: str) -> Metric | None:
    """The metric of a name."""
    return next((m for m in metrics if m.name == name), None)


def label(changes: Mapping[str, Any]) -> str:
    """A point in words: last words of the keys with their values."""
    pairs = ", ".join(f"{key.rpartition('.')[2]} = {value}" for key, value in changes.items())
    return pairs or "the scenario as it is"


def verdict(points: Sequence[PointResult]) -> str:
    """The answer in a sentence or two."""
    known = [(m, p) for p in points if (m := named(p.metrics, "p_insolvent")) is not None]
    if not known:
        return "No path has been completed yet."
    low, high = min(known, key=lambda k: k[0].value), max(known, key=lambda k: k[0].value)
    if len(known) == 1:
        return f"The pool became insolvent in {_share(low[0])}."
    if low[0].value == high[0].value:
        return f"Every point's pool became insolvent equally often: in {_share(low[0])}."
    return (
        f"Most often insolvent was the pool with {label(high[1].changes)}: in {_share(high[0])}; "
        f"least often with {label(low[1].changes)}: in {_share(low[0])}."
    )


def _share(m: Metric) -> str:
    return f"{m.value:.1%} of {m.n} paths (95 %: {m.ci_low:.1%} to {m.ci_high:.1%})"


def warnings(points: Sequence[PointResult]) -> tuple[str, ...]:
    """What a reader must know before trusting the numbers."""
    found = []
    for p in points:
        m = named(p.metrics, "p_insolvent")
        if p.failed and m is not None:
            n, hit = p.paths + p.failed, round(m.value * m.n)
            found.append(
                f"{p.failed} of {n} paths with {label(p.changes)} failed for technical reasons: "
                f"their outcome is unknown, P(insolvent) of all paths lies between {hit / n:.4f} "
                f"and {(hit + p.failed) / n:.4f} before sampling error."
            )
        elif p.failed:
            found.append(f"All {p.failed} paths with {label(p.changes)} failed.")
    return tuple(found)
