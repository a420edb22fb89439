"""A whole study, seeds to interval, of a pool whose insolvency has a closed form."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from amm_sim.analyzers.study import named, study
from amm_sim.chain import Chain
from amm_sim.engine.actors import stream
from amm_sim.engine.ledger import DONE, Ledger
from amm_sim.engine.study import Plan, Point, Study, Task
from amm_sim.proofs.insolvency import Case, Sold, closed_form, price_at
from amm_sim.types import PathResult, PointResult

CASE = Case(2000.0, 2000.0, True, 100.0, 50_000.0, 0.8, 30.0)
PROBABILITY, BAD_DEBT = 0.1383851548230904, 4479.13540371349
"""pool_unhedged_short_call of the design's reference values; see test_insolvency.py."""
PATHS = 2000


@pytest.fixture
def result(chain: Chain, tmp_path: Path) -> PointResult:
    sold = Sold(chain, CASE)

    def work(task: Task) -> PathResult:
        """The contracts at a lognormal price that the seed draws."""
        loss = sold.loss(price_at(CASE, stream(task.seed, "market", "lognormal").standard_normal()))
        after = CASE.seconds if loss > 0.0 else None
        facts = {"bad_debt": loss, "lp_loss": 0.0}
        return PathResult(*task.key, DONE, {}, after, CASE.seconds, facts, "d")

    plan = Plan((Point("calls", {}),), range(1, PATHS + 1))
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        Study(plan, ledger, work, lambda: ThreadPoolExecutor(1)).run()
        paths = {"calls": ledger.of("calls", plan.seeds)}
    return study([("calls", {})], paths, CASE.seconds, ()).points[0]


def test_study_through_the_contracts_contains_the_closed_form_and_rejects_others(
    result: PointResult,
) -> None:
    p, debt = named(result.metrics, "p_insolvent"), named(result.metrics, "bad_debt_mean")
    assert p is not None
    assert debt is not None
    assert (p.n, result.failed) == (PATHS, 0)
    assert p.ci_low < PROBABILITY < p.ci_high
    assert debt.ci_low < BAD_DEBT < debt.ci_high
    assert p.ci_high - p.ci_low < 0.032
    without_drift, other_measure = 0.1652948466, 0.1953771205  # P(z > d), N(d1): common mistakes
    assert not p.ci_low <= without_drift <= p.ci_high
    assert not p.ci_low <= other_measure <= p.ci_high
    for wrong in (  # power: worlds that are not this one
        replace(CASE, vol=0.7),
        replace(CASE, vol=1.0),
        replace(CASE, equity=40_000.0),
    ):
        assert not p.ci_low <= closed_form(wrong).probability <= p.ci_high
