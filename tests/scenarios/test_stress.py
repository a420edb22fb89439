"""Stress agents: each scenario holds as it is, and each change breaks what it says it breaks."""

from pathlib import Path

import pytest

from amm_sim.scenario import load
from tests.scenarios.played import assert_is_an_experiment, idle, played

FOLDER = Path(__file__).parents[2] / "scenarios" / "stress"
SCENARIOS = {path.stem: load(path) for path in sorted(FOLDER.glob("*.toml")) if path.stem != "base"}
RUNS = [
    (name, change)
    for name, scenario in SCENARIOS.items()
    for change in [{}, *{repr(e.change): e.change for e in scenario.expect}.values()]
]
SUBDUED = {
    "oracle_attack": {"oracle_attacker"},
    "top_up": {"liquidator"},
    "zero_bid": {"liquidator"},
}
"""Who is kept from doing anything where the defences hold."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_states_a_question_and_expectations_with_their_changes(name):
    assert_is_an_experiment(SCENARIOS[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"), RUNS, ids=[f"{n}-{next(iter(c), '')}" for n, c in RUNS]
)
def test_scenario_holds_until_it_is_changed(tmp_path, name, change):
    recorded, metrics = played(FOLDER / f"{name}.toml", tmp_path, change)
    for expectation in SCENARIOS[name].expect:
        if change in ({}, expectation.change):
            assert expectation.holds(metrics[expectation.metric]) is (change == {})
    if change == {}:
        assert idle(recorded) <= SUBDUED.get(name, set())
