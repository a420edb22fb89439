"""NAV path, payout scale and insolvency: when and how deep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amm_sim.analyzers.frames import floats
from amm_sim.tape import Tape
from amm_sim.types import Metric, Mode


@dataclass(frozen=True, slots=True)
class Solvency:
    """The pool's life in a few numbers.

    ``insolvent_at`` is the first time with scale < 1, None if never.
    """

    insolvent_at: int | None
    least_scale: float
    worst_shortfall: float
    short_at: int | None
    """First time at which assets and receivables were below what longs are owed: without a floor
    of the LPs the same as ``insolvent_at``, with one later or never."""
    seconds_insolvent: int
    nav_start: float
    nav_end: float
    nav_least: float
    drawdown: float
    mode_changes: int
    seconds_by_mode: dict[str, int]


def solvency(tape: Tape) -> Solvency:
    """Reads the pool table. An empty tape is a pool without money that never failed."""
    pool = tape.table("pool")
    if pool.is_empty():
        return Solvency(None, 1.0, 0.0, None, 0, 0.0, 0.0, 0.0, 0.0, 0, {})
    nav, scale = floats(pool, "nav"), floats(pool, "scale")
    time = pool["time"].to_numpy()
    step = np.diff(time, append=time[-1])
    failed = scale < 1.0
    short = floats(pool, "shortfall") > 0.0
    mode = pool["mode"].to_numpy()
    return Solvency(
        insolvent_at=int(time[failed.argmax()]) if failed.any() else None,
        least_scale=float(scale.min()),
        worst_shortfall=float(floats(pool, "shortfall").max()),
        short_at=int(time[short.argmax()]) if short.any() else None,
        seconds_insolvent=int(step[failed].sum()),
        nav_start=float(nav[0]),
        nav_end=float(nav[-1]),
        nav_least=float(nav.min()),
        drawdown=drawdown(floats(pool, "share_price")),
        mode_changes=int((np.diff(mode) != 0).sum()),
        seconds_by_mode={m.name: int(step[mode == m].sum()) for m in Mode},
    )


def drawdown(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Largest fall from a running maximum, as a share of that maximum.

    0 for an empty or rising path.
    """
    if len(values) == 0:
        return 0.0
    peak = np.maximum.accumulate(values)
    return float(np.max(np.where(peak > 0, 1.0 - values / np.where(peak > 0, peak, 1.0), 0.0)))


def metrics(tape: Tape) -> list[Metric]:
    """Solvency as metrics."""
    s = solvency(tape)
    frozen = sum(v for k, v in s.seconds_by_mode.items() if k != Mode.NORMAL.name)
    return [
        Metric("insolvent", float(s.insolvent_at is not None), "0 or 1"),
        Metric("assets_short", float(s.short_at is not None), "0 or 1"),
        Metric("least_payout_scale", s.least_scale, "ratio"),
        Metric("worst_shortfall", s.worst_shortfall, "quote"),
        Metric("seconds_insolvent", s.seconds_insolvent, "s"),
        Metric("nav_start", s.nav_start, "quote"),
        Metric("nav_end", s.nav_end, "quote"),
        Metric("nav_least", s.nav_least, "quote"),
        Metric(
            "share_price_drawdown",
            s.drawdown,
            "ratio",
            method="largest fall from a running maximum",
        ),
        Metric("mode_changes", s.mode_changes, "count"),
        Metric("seconds_not_normal", frozen, "s"),
    ]
