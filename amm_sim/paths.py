"""What a study's worker does: a path from a baseline that it keeps, to the numbers of the ledger.

A worker process holds one Anvil with one prepared point; the next path of that point starts from
its snapshot. A task returns whatever happens: nothing but plain values crosses processes.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import signal
import threading
import time as wall
import traceback
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import orjson

from amm_sim import assemble, scenario, tables
from amm_sim.analyzers.paths import insolvent_after, path_metrics
from amm_sim.chain.artifacts import Artifacts
from amm_sim.engine.ledger import DONE, FAILED
from amm_sim.engine.memory import MemoryRecorder, save
from amm_sim.engine.simulation import Simulation
from amm_sim.engine.study import Point, Task
from amm_sim.errors import AmmSimError, ChainError, SetupError
from amm_sim.prepared import Prepared, build_actors, build_market
from amm_sim.scenario import Scenario
from amm_sim.types import PathResult

INVALID = "invalid"
"""Status of a path that can never run: bad input or surroundings. Never in the ledger."""
NOT_OF_THE_MODEL = ("sweep", "question", "expect")


def points_of(
    path: Path, changes: Mapping[str, Any], rows: list[dict[str, Any]], contracts: str
) -> tuple[Point, ...]:
    """Points with their scenarios, read and checked as far as that goes without a chain.

    Raises:
        ScenarioError: a key or value that a point changes is wrong.
    """
    found = []
    for row in rows:
        loaded = scenario.load(path, {**changes, **row, "sweep": None})
        build_market(loaded)
        build_actors(loaded)
        shown = tables.plain(row)
        found.append(Point(point_hash(loaded, contracts), shown, loaded))
    return tuple(found)


def point_hash(loaded: Scenario, contracts: str) -> str:
    """Of everything that decides a path but its seed: the model's tables and the contracts."""
    tables = {key: value for key, value in loaded.raw.items() if key not in NOT_OF_THE_MODEL}
    tables["run"] = {key: value for key, value in tables["run"].items() if key != "seed"}
    text = orjson.dumps([tables, contracts], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:16]


def contracts_digest(artifacts: Artifacts) -> str:
    """Of every contract's creation code and ABI."""
    return hashlib.sha256("".join(a.digest for a in artifacts).encode()).hexdigest()


# --------------------------------------------------------------------- in the worker


@dataclass
class _Home:
    """The prepared point that this process holds."""

    point: str = ""
    prepared: Prepared | None = None
    token: Any = None
    """Snapshot of the chain at the start."""

    def of(self, point: Point) -> Prepared:
        """The chain at the start of ``point``."""
        if self.prepared is None or self.point != point.hash:
            self.leave()
            prepared = assemble.prepare(point.payload)
            self.prepared, self.point, self.token = prepared, point.hash, prepared.pool.save()
        else:
            self.token = self.prepared.pool.restore(self.token)
        return self.prepared

    def leave(self) -> None:
        prepared, self.prepared = self.prepared, None
        if prepared is not None:
            with suppress(Exception):
                prepared.close()


_HOME = _Home()
_ALONE = threading.Lock()
"""One path at a time in a process, also where its owner runs tasks in several threads."""


@dataclass(frozen=True)
class Work:
    """Runs tasks; a failed path's partial tables go below ``folder``.

    ``contracts``: digest that this machine's contracts must have; "" = those of the same checkout.
    """

    folder: Path
    contracts: str = ""

    def __call__(self, task: Task) -> PathResult:
        """One path; after a failure the next begins on a fresh chain."""
        with _ALONE:
            return self._timed(task)

    def _timed(self, task: Task) -> PathResult:
        began = wall.perf_counter()
        try:
            self._require_contracts()
            result = self._path(_HOME.of(task.point), task)
        except ChainError:
            result = _failed(task, traceback.format_exc())
        except AmmSimError as error:
            result = PathResult(*task.key, INVALID, task.point.changes, error=str(error))
        except Exception as error:
            result = _failed(task, _account(error))
        if result.status != DONE:
            _HOME.leave()
        return replace(result, seconds=round(wall.perf_counter() - began, 3))

    def _require_contracts(self) -> None:
        if self.contracts and self.contracts != _contracts_here():
            raise SetupError(
                f"the contracts on {platform.node()} are not those of the study: "
                "bring its checkout to the same commit and run `make build`"
            )

    def _path(self, prepared: Prepared, task: Task) -> PathResult:
        recorder = MemoryRecorder(prepared.pool.event_schemas())
        simulation = prepared.path(task.seed, recorder)
        try:
            simulation.run()
            simulation.record_actors()
        except Exception as raised:
            error = _account(raised)
            _keep(self.folder, task, prepared, simulation, recorder, error)
            return replace(_failed(task, error), ran=_lived(simulation))
        tape = recorder.tape({"parameters": prepared.parameters, "seed": task.seed})
        return PathResult(
            *task.key,
            DONE,
            task.point.changes,
            insolvent_after(tape),
            _lived(simulation),
            path_metrics(tape),
            simulation.digest,
        )


@cache
def _contracts_here() -> str:
    return contracts_digest(Artifacts())


def _lived(simulation: Simulation) -> int:
    return simulation.index * simulation.block_seconds


def _account(error: Exception) -> str:
    """The traceback; what to do about it where that is known."""
    said = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError):
        said += f"out of memory ({error!r}): fewer --workers, or shorter paths\n"
    return said


def _failed(task: Task, error: str) -> PathResult:
    return PathResult(*task.key, FAILED, task.point.changes, error=error)


def _keep(
    folder: Path,
    task: Task,
    prepared: Prepared,
    simulation: Simulation,
    recorder: MemoryRecorder,
    error: str,
) -> None:
    """Saves what a failed path has."""
    loaded: Scenario = task.point.payload
    manifest = {
        "scenario": loaded.name,
        "question": loaded.question,
        "seed": task.seed,
        "changes": task.point.changes,
        "state": FAILED,
        "error": error,
        "blocks": simulation.index,
        "digest": simulation.digest,
        "transactions": simulation.progress.transactions,
        "parameters": prepared.parameters,
    }
    with suppress(Exception):
        save(recorder.tape(manifest), folder / f"{task.point.hash}-{task.seed}")


# ------------------------------------------------------------------ local processes


@dataclass(frozen=True)
class LocalPool:
    """Makes pools of fresh processes, which leave when their parent does, even by kill -9."""

    workers: int

    def __call__(self) -> ProcessPoolExecutor:
        """A new pool."""
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.workers, mp_context=context, initializer=_begin)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        _HOME.leave()
        os._exit(1)
