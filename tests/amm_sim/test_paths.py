"""A study's worker on the real protocol: same paths as single runs, failures that leave a trace."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from amm_sim import assemble, paths, scenario, tape
from amm_sim.engine.simulation import Simulation
from amm_sim.engine.study import Point, Task
from amm_sim.errors import ScenarioError
from amm_sim.prepared import reseeded

SMALL = Path(__file__).parent / "engine" / "small.toml"
SHORT = {"run.duration": 1200}
FLOOR = "protocol.market.stressFloor"


@pytest.fixture(autouse=True)
def _leave() -> Iterator[None]:
    yield
    paths._HOME.leave()


def point(**changes: object) -> Point:
    rows = [{key.replace("__", "."): value for key, value in changes.items()}]
    return paths.points_of(SMALL, SHORT, rows, "contracts")[0]


def test_path_of_a_study_is_the_single_run_of_its_seed(tmp_path: Path) -> None:
    work, here = paths.Work(tmp_path), point()
    found = [work(Task(here, seed)) for seed in (8, 9, 8)]
    assert [r.status for r in found] == ["done"] * 3
    assert found[0].digest == found[2].digest != found[1].digest
    assert found[0].metrics == found[2].metrics
    assert (found[0].ran, found[0].point) == (1200, here.hash)
    with assemble.prepare(scenario.load(SMALL, {**SHORT, "run.seed": 9})) as alone:
        simulation = alone.simulation()
        simulation.run()
    assert simulation.digest == found[1].digest
    assert not list(tmp_path.iterdir())


def test_path_result_and_task_cross_processes(tmp_path: Path) -> None:
    task = Task(point(), 8)
    again = pickle.loads(pickle.dumps(task))
    assert again == task
    assert pickle.loads(pickle.dumps(paths.Work(tmp_path))) == paths.Work(tmp_path)


def test_failed_path_keeps_traceback_and_tables_and_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, here = paths.Work(tmp_path), point()
    whole = work(Task(here, 8))
    step = Simulation.step

    def breaks(self: Simulation) -> object:
        if self.index == 7:
            raise ZeroDivisionError("an agent's mistake")
        return step(self)

    monkeypatch.setattr(Simulation, "step", breaks)
    failed = work(Task(here, 8))
    monkeypatch.undo()
    assert (failed.status, failed.ran, failed.digest) == ("failed", 420, "")
    assert "ZeroDivisionError: an agent's mistake" in failed.error
    assert "breaks" in failed.error
    kept = tape.load(tmp_path / f"{here.hash}-8")
    assert kept.manifest["state"] == "failed"
    assert kept.manifest["error"] == failed.error
    assert len(kept.table("pool")) == 8
    assert len(kept.table("txs")) == kept.manifest["transactions"] > 0
    assert work(Task(here, 8)).digest == whole.digest


def test_anvil_killed_is_a_failed_path_and_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, here = paths.Work(tmp_path), point()
    whole = work(Task(here, 8))
    step = Simulation.step

    def kills(self: Simulation) -> object:
        if self.index == 3:
            assert paths._HOME.prepared is not None
            os.kill(paths._HOME.prepared.chain.anvil.pid, signal.SIGKILL)
        return step(self)

    monkeypatch.setattr(Simulation, "step", kills)
    failed = work(Task(here, 8))
    monkeypatch.undo()
    assert failed.status == "failed"
    assert "ChainError" in failed.error
    assert work(Task(here, 8)).digest == whole.digest


def test_point_out_of_bounds_is_invalid_and_says_why(tmp_path: Path) -> None:
    result = paths.Work(tmp_path)(Task(point(**{FLOOR: 2.0}), 8))
    assert result.status == paths.INVALID
    assert "stressFloor" in result.error
    assert "\n" not in result.error


def test_point_with_a_wrong_key_is_refused_before_any_path() -> None:
    wrong = {"agents.nobody.rate": "nobody", "market.volx": "volx", "agents.retail.rat": "rat"}
    for key, said in wrong.items():
        with pytest.raises(ScenarioError, match=said):
            paths.points_of(SMALL, SHORT, [{key: 1}], "contracts")


def test_point_hash_is_of_the_model_alone() -> None:
    base = point()
    loaded = base.payload
    assert paths.point_hash(reseeded(loaded, 77), "contracts") == base.hash
    other_words = scenario.load(SMALL, {**SHORT, "question": "?", "run.seed": 6})
    assert paths.point_hash(other_words, "contracts") == base.hash
    assert paths.point_hash(loaded, "other contracts") != base.hash
    assert len({base.hash, point(**{FLOOR: 0.5}).hash, point(run__block_seconds=30).hash}) == 3
