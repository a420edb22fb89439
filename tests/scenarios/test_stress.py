"""Stress agents: each scenario holds as it is, and each change breaks what it says it breaks."""

from pathlib import Path

import polars as pl
import pytest

from amm_sim import analyzers, assemble, tape
from amm_sim.scenario import load

FOLDER = Path(__file__).parents[2] / "scenarios" / "stress"
SCENARIOS = {path.stem: load(path) for path in sorted(FOLDER.glob("*.toml")) if path.stem != "base"}
RUNS = [
    (name, change)
    for name, scenario in SCENARIOS.items()
    for change in [{}, *{repr(e.change): e.change for e in scenario.expect}.values()]
]
IDLE = {"Deposit", "RequestDeposit"}
"""Orders that alone do not make an agent alive; for an LP a deposit is what it does."""
SUBDUED = {
    "oracle_attack": {"oracle_attacker"},
    "top_up": {"liquidator"},
    "zero_bid": {"liquidator"},
}
"""Who is kept from doing anything where the defences hold."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_states_a_question_and_expectations_with_their_changes(name):
    scenario = SCENARIOS[name]
    assert scenario.question.endswith("?")
    assert scenario.expect
    assert all(len(e.change) == 1 for e in scenario.expect)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"), RUNS, ids=[f"{n}-{next(iter(c), '')}" for n, c in RUNS]
)
def test_scenario_holds_until_it_is_changed(tmp_path, name, change):
    assemble.run(load(FOLDER / f"{name}.toml", change), tmp_path / "run", reproduce="")
    recorded = tape.load(tmp_path / "run")
    metrics = {m.name: m.value for m in analyzers.evaluate(recorded).metrics}
    for expectation in SCENARIOS[name].expect:
        if change in ({}, expectation.change):
            assert expectation.holds(metrics[expectation.metric]) is (change == {})
    if change == {}:
        assert _idle(recorded) <= SUBDUED.get(name, set())


def _idle(recorded):
    """Kinds of agents that did nothing."""
    filled = recorded.table("txs").filter(pl.col("status") == "filled")
    doing = filled.filter(~pl.col("order").is_in(IDLE) | pl.col("kind").str.starts_with("lp_"))
    return set(recorded.table("agents")["kind"]) - set(doing["kind"])
