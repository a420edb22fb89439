"""Each shipped scenario is an experiment and its test: it holds, each change breaks what it says.

A run takes some ten to sixty seconds, so equal changes of several expectations share one.
"""

from pathlib import Path

import pytest

from amm_sim.scenario import load
from amm_sim.types import Mode
from tests.scenarios.played import assert_is_an_experiment, idle, played

FOLDER = Path(__file__).parents[2] / "scenarios"
NAMES = ["calm", "black_thursday"]
SCENARIOS = {name: load(FOLDER / f"{name}.toml") for name in NAMES}
CHANGES = [
    (name, change)
    for name, scenario in SCENARIOS.items()
    for change in {repr(e.change): e.change for e in scenario.expect}.values()
]


@pytest.mark.parametrize("name", NAMES)
def test_scenario_states_a_question_and_expectations_with_their_changes(name):
    assert_is_an_experiment(SCENARIOS[name])


@pytest.mark.slow
def test_calm_run_holds_what_it_expects(tmp_path):
    _, metrics = played(FOLDER / "calm.toml", tmp_path)
    for expectation in SCENARIOS["calm"].expect:
        assert expectation.holds(metrics[expectation.metric]), expectation.metric


@pytest.mark.slow
def test_black_thursday_holds_what_it_expects_and_is_a_life(tmp_path):
    recorded, metrics = played(FOLDER / "black_thursday.toml", tmp_path)
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
    assert not idle(recorded)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"), CHANGES, ids=[f"{n}-{next(iter(c))}" for n, c in CHANGES]
)
def test_change_breaks_what_the_scenario_says_it_breaks(tmp_path, name, change):
    _, metrics = played(FOLDER / f"{name}.toml", tmp_path, change)
    for expectation in SCENARIOS[name].expect:
        if expectation.change == change:
            assert not expectation.holds(metrics[expectation.metric]), expectation.metric
