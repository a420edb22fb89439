"""Pure functions from a tape to metrics."""

from __future__ import annotations

from datetime import UTC, datetime

from amm_sim.analyzers import (
    activity,
    agents,
    execution,
    explain,
    hedging,
    instruments,
    losses,
    providers,
    rebalancing,
    settlement,
    solvency,
)
from amm_sim.tape import Tape
from amm_sim.types import LP_FLOWS, Evaluation
from amm_sim.units import from_wad

__all__ = ["evaluate"]

PARTS = (
    solvency,
    losses,
    hedging,
    instruments,
    rebalancing,
    execution,
    activity,
    providers,
    settlement,
    agents,
    explain,
)
"""Modules whose ``metrics`` make up an evaluation."""


def evaluate(tape: Tape) -> Evaluation:
    """Runs every analyzer over one run."""
    state = solvency.solvency(tape)
    metrics = [m for part in PARTS for m in part.metrics(tape)]
    terms = explain.explain(tape)
    return Evaluation(
        insolvent=state.insolvent_at is not None,
        verdict=verdict(tape, state, profit(terms)),
        metrics=tuple(metrics),
        explain=tuple((name, from_wad(value)) for name, value in terms),
        refusals=tuple(activity.refusals(tape)),
        fills=tuple(activity.fills(tape)),
    )


def profit(terms: list[tuple[str, int]]) -> float:
    """What the pool earned: the change of NAV without what liquidity providers moved, in quote."""
    return from_wad(sum(value for name, value in terms if name != LP_FLOWS))


def verdict(tape: Tape, state: solvency.Solvency, earned: float) -> str:
    """The answer in a sentence or two."""
    debt = sum(losses.bad_debt(tape).values())
    tail = (
        f"Its share price fell at most {state.drawdown:.1%} from a peak, accounts left {debt:,.0f} "
        f"of bad debt, and it ended with a net asset value of {state.nav_end:,.0f} after "
        f"{'earning' if earned >= 0 else 'losing'} {abs(earned):,.0f}."
    )
    if state.insolvent_at is None:
        return f"The pool stayed solvent: it could pay every long in full at every block. {tail}"
    when = datetime.fromtimestamp(state.insolvent_at, UTC).strftime("%d %b %Y %H:%M UTC")
    return (
        f"The pool became insolvent on {when}: at worst it could pay {state.least_scale:.2%} of "
        "what it owed "
        f"({state.worst_shortfall:,.0f} short). {tail}"
    )
