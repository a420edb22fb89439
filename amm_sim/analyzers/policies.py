"""Hedging policies against each other: one table per scenario, differences over common seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amm_sim.analyzers.intervals import (
    Interval,
    expected_shortfall,
    paired_mean,
    paired_proportion,
    paired_shortfall,
    t_interval,
    wilson,
)
from amm_sim.analyzers.study import column
from amm_sim.types import PathResult

COLUMNS = (
    ("P&L std", "pnl_std_hedged", "{:,.0f}"),
    ("hedge cost", "hedge_cost", "{:,.0f}"),
    ("internalised", "hedge_internalised", "{:.1%}"),
    ("reducing", "reducing_share", "{:.1%}"),
    ("largest delta S", "largest_net_delta", "{:,.0f}"),
    ("shortfall", "largest_hedge_shortfall", "{:,.0f}"),
    ("LP loss", "lp_loss", "{:.2%}"),
    ("fees", "fees", "{:,.0f}"),
)
"""Heading, metric of a path, format; left out where a ledger is older than the metric.

P&L std: quote per hour; reducing: share of users' trades, by delta, that brought the pool's delta
back, whose difference is what the incentives changed.
"""
TAILS = (0.8, 0.99)
"""Levels of expected shortfall; without an interval below 50 and 1,000 paths."""
NOT_PAIRED = frozenset({"hedge_internalised", "largest_hedge_shortfall"})


@dataclass(frozen=True)
class Row:
    """A policy: texts by column heading."""

    policy: str
    cells: Mapping[str, str]


def rows(
    names: Sequence[str], results: Sequence[Sequence[PathResult]], against: Sequence[int]
) -> list[Row]:
    """One row for each policy; ``[low, high]`` is its paired difference from ``against`` it."""
    done = [[r for r in found if r.status == "done"] for found in results]
    bases = [{r.seed: r for r in done[index]} for index in against]
    return [
        Row(name, _cells(found, base)) for name, found, base in zip(names, done, bases, strict=True)
    ]


def _cells(found: Sequence[PathResult], base: Mapping[int, PathResult]) -> dict[str, str]:
    if not found:
        return {}
    pairs = [(r, base[r.seed]) for r in found if r.seed in base]
    mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    cells = {}
    for heading, name, form in COLUMNS:
        if any(name not in r.metrics for r in found):
            continue
        text = form.format(t_interval(column(found, name)).value)
        if name not in NOT_PAIRED and len(pairs) > 1:
            difference = paired_mean(column(mine, name), column(theirs, name)).difference
            text += _bounds(difference, form)
        cells[heading] = text
    cells["P(scale < 1)"] = _insolvent(found, pairs)
    for level in TAILS:
        losses = column(found, "lp_loss")
        text = f"{expected_shortfall(losses, level).value:.2%}"
        if len(pairs) > 1:
            common = column(mine, "lp_loss"), column(theirs, "lp_loss")
            text += _bounds(paired_shortfall(*common, level), "{:.2%}")
        cells[f"ES{level * 100:.0f} of LP loss"] = text
    cells["paths"] = str(len(found))
    return cells


def _insolvent(found: Sequence[PathResult], pairs: Sequence[tuple[PathResult, PathResult]]) -> str:
    share = wilson(sum(r.insolvent for r in found), len(found))
    text = f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})"
    if not pairs or all(a is b for a, b in pairs):
        return text
    only_a = sum(a.insolvent and not b.insolvent for a, b in pairs)
    only_b = sum(b.insolvent and not a.insolvent for a, b in pairs)
    return text + _bounds(paired_proportion(only_a, only_b, len(pairs)), "{:.1%}")


def _bounds(difference: Interval, form: str) -> str:
    """Nothing where the sample says nothing."""
    if not math.isfinite(difference.low):
        return ""
    return f" [{form.format(difference.low)}, {form.format(difference.high)}]"


def markdown(found: Sequence[Row]) -> str:
    """A table in Markdown."""
    headings = list(found[0].cells) if found else []
    lines = ["| policy | " + " | ".join(headings) + " |", "|---" * (len(headings) + 1) + "|"]
    for row in found:
        cells = [row.policy, *(row.cells.get(heading, "") for heading in headings)]
        lines += ["| " + " | ".join(cells) + " |"]
    return "\n".join(lines)
