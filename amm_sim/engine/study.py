"""Many paths at many parameter points, on any executor, into a ledger that survives everything.

The path index is the seed: points share their random numbers. Only this process writes the ledger;
a worker gets a task and returns a result. A worker that dies takes no path with it: what was under
way runs again, one at a time, and a path that kills its worker three times is recorded as failed.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from amm_sim.engine.ledger import DONE, FAILED, Ledger
from amm_sim.errors import SetupError
from amm_sim.types import PathResult

STRIKES = 3
"""Deaths of a worker after which the path is to blame."""
LEAST_PATHS = 30
"""Paths before precision may end a point."""

Enough = Callable[[int, int], bool]
"""Whether so many insolvencies in so many paths are precise enough."""


@dataclass(frozen=True)
class Point:
    """A parameter point: its hash, what it changes, and what the worker needs to build it."""

    hash: str
    changes: dict[str, Any]
    payload: Any = None


@dataclass(frozen=True)
class Task:
    """One path to run."""

    point: Point
    seed: int

    @property
    def key(self) -> tuple[str, int]:
        """What the ledger knows it by."""
        return self.point.hash, self.seed


@dataclass(frozen=True)
class Plan:
    """Points and seeds; ``enough`` ends a point early, None never."""

    points: tuple[Point, ...]
    seeds: range
    enough: Enough | None = None


@dataclass
class Counts:
    """How far a study is; updated all along."""

    paths: int
    known: int = 0
    done: int = 0
    failed: int = 0
    insolvent: int = 0
    """Of those that are known or done."""
    spared: int = 0
    """Paths that precision made needless."""
    deaths: int = 0
    """Workers that died."""

    @property
    def left(self) -> int:
        """Paths that are still to run."""
        return self.paths - self.known - self.done - self.failed - self.spared


@dataclass
class Prefix:
    """Paths of a point from the first seed on, as far as there is no gap.

    What counts depends on the results alone, never on the order in which workers finished.
    """

    seeds: range
    enough: Enough | None
    seen: int = 0
    paths: int = 0
    insolvent: int = 0
    need: int | None = None
    """How many seeds count, once it is known to be fewer than all."""

    def advance(self, known: Callable[[int], PathResult | None]) -> bool:
        """Takes in what is known of the next seeds; True when that was the last that is needed."""
        while self.enough is not None and self.need is None and self.seen < len(self.seeds):
            result = known(self.seeds[self.seen])
            if result is None:
                return False
            self.seen += 1
            if result.status == DONE:
                self.paths += 1
                self.insolvent += result.insolvent
                if self.paths >= LEAST_PATHS and self.enough(self.insolvent, self.paths):
                    self.need = self.seen
                    return True
        return False


def counted(results: Sequence[PathResult], seeds: range, enough: Enough | None) -> int:
    """How many of ``seeds`` count: all, or the shortest run from the first that is precise."""
    prefix = Prefix(seeds, enough)
    prefix.advance({result.seed: result for result in results}.get)
    return len(seeds) if prefix.need is None else prefix.need


@dataclass
class Study:
    """Runs a plan.

    Args:
        plan: what to run.
        ledger: where results go; what it knows already does not run again, failures do.
        work: runs a task; returns rather than raises; must be picklable for process pools.
        executor: makes an executor, again after its workers died.
        workers: how many tasks are under way at once.
        on_path: called with every new result and the counts.
    """

    plan: Plan
    ledger: Ledger
    work: Callable[[Task], PathResult]
    executor: Callable[[], Executor]
    workers: int = 1
    on_path: Callable[[PathResult, Counts], None] | None = None
    counts: Counts = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        self.counts = Counts(len(plan.points) * len(plan.seeds))
        self._prefixes = {p.hash: Prefix(plan.seeds, plan.enough) for p in plan.points}
        self._strikes: dict[tuple[str, int], int] = {}
        self._waiting: deque[Task] = deque()
        for point in plan.points:
            todo = [seed for seed in plan.seeds if not self.ledger.done(point.hash, seed)]
            self.counts.known += len(plan.seeds) - len(todo)
            known = (self.ledger.paths.results.get((point.hash, seed)) for seed in plan.seeds)
            self.counts.insolvent += sum(each.insolvent for each in known if each is not None)
            self._waiting.extend(Task(point, seed) for seed in todo)
        for point in plan.points:
            self._spare(point.hash)

    def run(self) -> Counts:
        """Everything that is left.

        Raises:
            SetupError: a point that can never run.
            KeyboardInterrupt: after the paths under way were finished and written; the rest can be
            resumed.
        """
        while self._waiting:
            pool = self.executor()
            try:
                self._session(pool)
            except BrokenExecutor:
                self.counts.deaths += 1
            finally:
                with suppress(Exception):
                    pool.shutdown(wait=True, cancel_futures=True)
        return self.counts

    def _session(self, pool: Executor) -> None:
        """Until all is done or the executor breaks."""
        flying: dict[Future[PathResult], Task] = {}
        try:
            while self._waiting or flying:
                while self._waiting and len(flying) < self._room():
                    task = self._waiting.popleft()
                    flying[self._submit(pool, task)] = task
                landed, _ = wait(flying, return_when=FIRST_COMPLETED)
                self._land(flying, landed)
        except KeyboardInterrupt:
            self._abandon(flying)
            raise
        except BrokenExecutor:
            self._blame(flying)
            raise

    def _submit(self, pool: Executor, task: Task) -> Future[PathResult]:
        try:
            return pool.submit(self.work, task)
        except BrokenExecutor:
            self._waiting.appendleft(task)
            raise

    def _room(self) -> int:
        """One path ahead of the workers; suspects run alone."""
        return 1 if self._strikes else self.workers + 1

    def _land(
        self, flying: dict[Future[PathResult], Task], landed: set[Future[PathResult]]
    ) -> None:
        for future in landed:
            result = future.result()
            task = flying.pop(future)
            self._strikes.pop(task.key, None)
            self._take(result)

    def _take(self, result: PathResult) -> None:
        if result.status not in (DONE, FAILED):
            raise SetupError(f"{result.error} (at {json.dumps(result.changes)})")
        if not self.ledger.add(result) and result.status == DONE:
            return
        self.counts.done += result.status == DONE
        self.counts.failed += result.status != DONE
        self.counts.insolvent += result.insolvent
        self._spare(result.point)
        if self.on_path is not None:
            self.on_path(result, self.counts)

    def _spare(self, point: str) -> None:
        """Drops waiting paths of a point that is precise enough."""
        prefix = self._prefixes[point]
        if not prefix.advance(lambda seed: self.ledger.paths.results.get((point, seed))):
            return
        needed = prefix.seeds[: prefix.need]
        spared = [t for t in self._waiting if t.point.hash == point and t.seed not in needed]
        self.counts.spared += len(spared)
        for task in spared:
            self._strikes.pop(task.key, None)
        gone = {task.key for task in spared}
        self._waiting = deque(t for t in self._waiting if t.key not in gone)

    def _abandon(self, flying: dict[Future[PathResult], Task]) -> None:
        """Interrupted: what has begun is finished and kept."""
        running = {future for future in flying if not future.cancel()}
        landed, _ = wait(running)
        for future in landed:
            with suppress(Exception):
                self._take(future.result())

    def _blame(self, flying: dict[Future[PathResult], Task]) -> None:
        """Workers died: every path under way is a suspect, and the one that always was failed."""
        for future, task in reversed(flying.items()):
            if future.done() and not future.cancelled() and future.exception() is None:
                self._take(future.result())
                continue
            strikes = self._strikes[task.key] = self._strikes.get(task.key, 0) + 1
            if strikes < STRIKES:
                self._waiting.appendleft(task)
                continue
            del self._strikes[task.key]
            error = f"its worker died {STRIKES} times: killed, or out of memory"
            self._take(PathResult(*task.key, FAILED, task.point.changes, error=error))
