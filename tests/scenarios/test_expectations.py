"""Each shipped scenario is an experiment and its test: it holds, each change breaks what it says.

A run takes some ten to sixty seconds, so equal changes of several expectations share one.
"""

from pathlib import Path

import polars as pl
import pytest

from amm_sim import analyzers, assemble, tape
from amm_sim.scenario import load
from amm_sim.types import Mode

FOLDER = Path(__file__).parents[2] / "scenarios"
NAMES = ["calm", "black_thursday"]
SCENARIOS = {name: load(FOLDER / f"{name}.toml") for name in NAMES}
CHANGES = [
    (name, change)
    for name, scenario in SCENARIOS.items()
    for change in {repr(e.change): e.change for e in scenario.expect}.values()
]
IDLE = {"Deposit", "RequestDeposit"}
"""Orders that alone do not make an agent alive; for an LP a deposit is what it does."""


def played(name, folder, changes=None):
    """The tape of a run and its metrics by name."""
    scenario = load(FOLDER / f"{name}.toml", changes)
    assemble.run(scenario, folder / "run", reproduce="")
    recorded = tape.load(folder / "run")
    return recorded, {m.name: m.value for m in analyzers.evaluate(recorded).metrics}


@pytest.mark.parametrize("name", NAMES)
def test_scenario_states_a_question_and_expectations_with_their_changes(name):
    scenario = SCENARIOS[name]
    assert scenario.question.endswith("?")
    assert scenario.expect
    assert all(len(e.change) == 1 for e in scenario.expect)


@pytest.mark.slow
def test_calm_run_holds_what_it_expects(tmp_path):
    _, metrics = played("calm", tmp_path)
    for expectation in SCENARIOS["calm"].expect:
        assert expectation.holds(metrics[expectation.metric]), expectation.metric


@pytest.mark.slow
def test_black_thursday_holds_what_it_expects_and_is_a_life(tmp_path):
    recorded, metrics = played("black_thursday", tmp_path)
    for expectation in SCENARIOS["black_thursday"].expect:
        assert expectation.holds(metrics[expectation.metric]), expectation.metric
    assert metrics["trades_bought"] >= 300
    assert metrics["trades_sold"] >= 300
    assert metrics["hedges"] >= 20
    insolvent = metrics["insolvent_fills"] + metrics["closed_by_pool"]
    assert insolvent >= 1
    assert metrics["solvent_fills"] + insolvent >= 3
    modes = recorded.table("pool")["mode"]
    assert (modes != Mode.NORMAL).any()
    assert modes[-1] == Mode.NORMAL
    assert _alive(recorded) == _kinds(recorded)


def _alive(recorded):
    filled = recorded.table("txs").filter(pl.col("status") == "filled")
    doing = filled.filter(~pl.col("order").is_in(IDLE) | pl.col("kind").str.starts_with("lp_"))
    return set(doing["kind"])


def _kinds(recorded):
    return set(recorded.table("agents")["kind"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"), CHANGES, ids=[f"{n}-{next(iter(c))}" for n, c in CHANGES]
)
def test_change_breaks_what_the_scenario_says_it_breaks(tmp_path, name, change):
    _, metrics = played(name, tmp_path, change)
    for expectation in SCENARIOS[name].expect:
        if expectation.change == change:
            assert not expectation.holds(metrics[expectation.metric]), expectation.metric
