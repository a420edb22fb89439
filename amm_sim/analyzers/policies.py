"""Hedging policies against each other: one table per scenario, differences over common seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amm_sim.analyzers.intervals import expected_shortfall, paired_mean, t_interval, wilson
from amm_sim.analyzers.study import column
from amm_sim.types import PathResult

COLUMNS = (
    ("P&L std", "pnl_std_hedged", "{:,.0f}"),
    ("hedge cost", "hedge_cost", "{:,.0f}"),
    ("internalised", "hedge_internalised", "{:.1%}"),
    ("max |delta| S", "largest_net_delta", "{:,.0f}"),
    ("shortfall", "largest_hedge_shortfall", "{:,.0f}"),
    ("LP loss", "lp_loss", "{:.2%}"),
    ("fees", "fees", "{:,.0f}"),
)
"""Heading, metric of a path, format. P&L std: quote per hour."""
NOT_PAIRED = frozenset({"hedge_internalised", "largest_hedge_shortfall"})


@dataclass(frozen=True)
class Row:
    """A policy: texts by column heading."""

    policy: str
    cells: Mapping[str, str]


def rows(names: Sequence[str], results: Sequence[Sequence[PathResult]], against: int) -> list[Row]:
    """One row for each policy; ``[low, high]`` is the paired difference from policy ``against``."""
    base = {r.seed: r for r in results[against] if r.status == "done"}
    return [
        Row(name, _cells([r for r in found if r.status == "done"], base))
        for name, found in zip(names, results, strict=True)
    ]


def _cells(found: Sequence[PathResult], base: Mapping[int, PathResult]) -> dict[str, str]:
    if not found:
        return {}
    common = [r for r in found if r.seed in base]
    cells = {}
    for heading, name, form in COLUMNS:
        text = form.format(t_interval(column(found, name)).value)
        if name not in NOT_PAIRED and len(common) > 1:
            theirs = [base[r.seed] for r in common]
            difference = paired_mean(column(common, name), column(theirs, name)).difference
            if math.isfinite(difference.low):
                text += f" [{form.format(difference.low)}, {form.format(difference.high)}]"
        cells[heading] = text
    insolvent = wilson(sum(r.insolvent for r in found), len(found))
    cells["P(scale < 1)"] = f"{insolvent.value:.1%} ({insolvent.low:.1%} to {insolvent.high:.1%})"
    cells["ES99 of LP loss"] = f"{expected_shortfall(column(found, 'lp_loss'), 0.99).value:.2%}"
    cells["paths"] = str(len(found))
    return cells


def markdown(found: Sequence[Row]) -> str:
    """A table in Markdown."""
    headings = list(found[0].cells) if found else []
    lines = ["| policy | " + " | ".join(headings) + " |", "|---" * (len(headings) + 1) + "|"]
    for row in found:
        cells = [row.policy, *(row.cells.get(heading, "") for heading in headings)]
        lines += ["| " + " | ".join(cells) + " |"]
    return "\n".join(lines)
