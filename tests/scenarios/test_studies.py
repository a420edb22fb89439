"""Scenarios of studies: each expects something of its own seed, and a change breaks it."""

from pathlib import Path

import pytest

from amm_sim import paths
from amm_sim.engine import space
from amm_sim.engine.study import Task
from amm_sim.scenario import load

FOLDER = Path(__file__).parents[2] / "scenarios" / "studies"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))


def metrics(name, folder, changes):
    path = FOLDER / f"{name}.toml"
    point = paths.points_of(path, {}, [changes], "")[0]
    result = paths.Work(folder)(Task(point, load(path).run.seed))
    paths._HOME.leave()
    assert result.status == "done", result.error
    return result.metrics


@pytest.mark.parametrize("name", NAMES)
def test_study_has_points_and_holds_what_it_expects_until_it_is_changed(name, tmp_path):
    loaded = load(FOLDER / f"{name}.toml")
    assert loaded.question.endswith("?")
    assert loaded.expect
    assert loaded.sweep is not None
    assert len(space.points(loaded.sweep)) > 1
    as_it_is = metrics(name, tmp_path, {})
    for expectation in loaded.expect:
        assert expectation.holds(as_it_is[expectation.metric])
        changed = metrics(name, tmp_path, expectation.change)
        assert not expectation.holds(changed[expectation.metric])
