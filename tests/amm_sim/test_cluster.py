"""A study on a real dask scheduler with worker processes on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from amm_sim import cluster, paths
from amm_sim.chain import Artifacts
from amm_sim.cli import cli
from amm_sim.engine import ledger
from amm_sim.engine.study import Point, Task
from amm_sim.errors import SetupError

SMALL = Path(__file__).parent / "engine" / "small.toml"
LONGEST = 60.0
PATHS = 5


def until(found: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + LONGEST
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Yard:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        where = folder / "scheduler.json"
        self.start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(where))
        until(lambda: where.is_file() and where.stat().st_size, "no scheduler")
        self.address: str = json.loads(where.read_text())["address"]

    def start(self, role: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", role, "--host", "127.0.0.1", *words]
        with (self.folder / f"{role}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        words = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--memory-limit", "0")
        return self.start("worker", self.address, *words)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Its scheduler gives up a path after the second worker that dies of it.

    One for all tests, since each process needs seconds to import dask; the last test kills it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
        here = Yard(tmp_path_factory.mktemp("yard"))
    yield here
    here.stop()


def anvils(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    children = psutil.Process(worker.pid).children(recursive=True)
    return [child for child in children if child.name().startswith("anvil")]


def study(folder: Path) -> Path:
    path = folder / "study.toml"
    path.write_text(f'extends = "{SMALL}"\nquestion = "Who dies?"\n[run]\nduration = 1200\n')
    return path


@pytest.mark.slow
def test_sweep_on_a_cluster_with_a_worker_killed_loses_no_path(yard: Yard, tmp_path: Path) -> None:
    workers, out = [yard.worker(), yard.worker()], tmp_path / "out"
    until(lambda: cluster.Cluster(yard.address).workers() == 2, "no two workers")
    words = ["sweep", study(tmp_path), "-n", PATHS, "--out", out, "--cluster", yard.address]
    program = [sys.executable, "-c", "from amm_sim.cli import main; main()", *map(str, words)]
    with (tmp_path / "sweep.log").open("wb") as log:
        sweep = subprocess.Popen(program, stdout=log, stderr=log)
    yard.processes.append(sweep)
    lines = out / "ledger.jsonl"
    until(lambda: lines.is_file() and lines.stat().st_size, "no first path")
    until(lambda: anvils(workers[0]), "no Anvil of the worker")
    orphans = anvils(workers[0])
    workers[0].kill()
    assert len(ledger.read(lines).results) < PATHS, "killed too late"
    assert sweep.wait(LONGEST) == 0, (tmp_path / "sweep.log").read_text()
    assert psutil.wait_procs(orphans, 10)[1] == [], "an Anvil outlived its worker"

    found = ledger.read(lines)
    assert [r.status for r in found.results.values()] == ["done"] * PATHS
    assert sorted(seed for _, seed in found.results) == list(range(5, 5 + PATHS))
    contracts = paths.contracts_digest(Artifacts())
    here = paths.points_of(study(tmp_path), {}, [{}], contracts)[0]
    alone = paths.Work(tmp_path)(Task(here, 7))
    paths._HOME.leave()
    assert found.results[here.hash, 7].digest == alone.digest


def test_path_that_kills_its_workers_fails_and_the_next_runs(yard: Yard) -> None:
    victims = [*[p for p in yard.processes if p.poll() is None][1:], yard.worker()]
    until(lambda: cluster.Cluster(yard.address).workers() == 2, "no two workers")
    task = Task(Point("p", {"a": 1}), 3)
    pool = cluster.Cluster(yard.address)()
    result = pool.submit(lambda _: os._exit(1), task).result(LONGEST)
    assert [victim.wait(10) for victim in victims] == [1, 1]
    yard.worker()
    assert pool.submit(lambda same: same.seed, task).result(LONGEST) == 3
    pool.shutdown()
    assert (result.status, result.seed, result.changes) == ("failed", 3, {"a": 1})
    assert "died" in result.error


def test_scheduler_that_dies_ends_the_study_with_one_line(yard: Yard) -> None:
    executor = cluster.Cluster(yard.address)()
    waiting = executor.submit(time.sleep, 600)
    yard.processes[0].kill()
    with pytest.raises(SetupError, match="is gone: start it and run the same again"):
        waiting.result(LONGEST)
    executor.shutdown()


def test_sweep_without_a_scheduler_is_one_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    words = ["sweep", study(tmp_path), "-n", 1, "--out", tmp_path / "out"]
    words += ["--cluster", "tcp://127.0.0.1:1"]
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == 2
    assert "no dask scheduler at tcp://127.0.0.1:1" in result.output


def test_worker_with_other_contracts_is_refused(tmp_path: Path) -> None:
    point = paths.points_of(study(tmp_path), {}, [{}], "contracts")[0]
    result = paths.Work(tmp_path, "0" * 64)(Task(point, 1))
    assert result.status == paths.INVALID
    assert "are not those of the study" in result.error
