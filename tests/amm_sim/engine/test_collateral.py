"""Underlying as collateral from a scenario's keys to the tape: debts paid in units, sold on."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from amm_sim import assemble, scenario, tape
from amm_sim.analyzers import explain

STRESS = Path(__file__).parents[3] / "scenarios" / "stress"


def test_run_covered_calls_are_paid_in_units_that_the_pool_sells(tmp_path: Path) -> None:
    loaded = scenario.load(STRESS / "covered_calls.toml")
    assemble.run(loaded, tmp_path, reproduce="")
    recorded = tape.load(tmp_path)
    taken, sold = recorded.event("underlying_taken"), recorded.event("underlying_sold")
    assert taken is not None
    assert sold is not None
    last = recorded.table("pool").row(-1, named=True)
    assert last["stock"] == taken["amount"].sum() - sold["amount"].sum()
    assert last["total_units"] == Decimal(60) - taken["amount"].sum()
    accounts = recorded.table("accounts").sort("block").group_by("agent").last()
    assert accounts["units"].sum() == last["total_units"]
    assert recorded.event("bad_debt") is None
    terms = explain.explain(recorded)
    earned = sold["paid"].sum() + last["underlying"] - taken["value"].sum()
    assert abs(dict(terms)["underlying"] / 10**18 - float(earned)) < 1e-6
