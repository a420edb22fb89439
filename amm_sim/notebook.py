"""A world to play with: build it, step it, ask it.

import amm_sim
world = amm_sim.open_world("scenarios/calm.toml", {"run.seed": 7})
world.step(30)                              # half an hour in blocks of a minute
world.pool.nav, world.pool.spot             # as agents see it
world["pool"].tail(3)                       # the tables so far
world.sql("select agent, count(*) n from txs group by agent")
world.call("vault", "sharePrice")           # any view of any contract
world.send(Trade(series, 1.0, 100.0), "keeper")   # any order in the name of an agent
world.close()
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import polars as pl

from amm_sim import assemble, scenario
from amm_sim.chain.pool import Block
from amm_sim.data import Run
from amm_sim.errors import ChainError, ScenarioError
from amm_sim.manifest import manifest
from amm_sim.types import AccountView, Order, PoolView


class World:
    """A scenario on a chain of its own, stepped by hand, recorded all along.

    Args:
        path: the scenario.
        changes: dotted keys and their values, as ``--set`` takes them.
        out: folder of the records; a temporary one, gone with ``close``, by default.

    Raises:
        ScenarioError: bad input. SetupError: a tool is missing.
    """

    def __init__(
        self,
        path: Path | str,
        changes: Mapping[str, Any] | None = None,
        out: Path | str | None = None,
    ) -> None:
        loaded = scenario.load(path, changes)
        self._temporary = None if out else tempfile.TemporaryDirectory(prefix="amm-sim-world-")
        self.folder = Path(out or self._temporary.name)  # type: ignore[union-attr]
        self.prepared = assemble.prepare(loaded)
        try:
            self._recorder = self.prepared.recorder(self.folder)
            self.simulation = self.prepared.simulation(self._recorder)
        except BaseException:
            self.prepared.close()
            raise
        self._run: Run | None = None
        self._open = True

    # ------------------------------------------------------------------ life

    def step(self, blocks: int = 1) -> PoolView:
        """So many blocks, at most to the scenario's end; the pool after them."""
        for _ in range(min(blocks, self.simulation.blocks - self.simulation.index)):
            self.simulation.step()
        self._forget()
        return self.pool

    def run(self) -> PoolView:
        """Everything that is left."""
        return self.step(self.simulation.blocks)

    def send(self, order: Order, agent: str) -> Mapping[str, Any]:
        """An order in the name of an agent, in a block of its own halfway to the next.

        Returns:
            ``error`` ("" if filled), its ``args``, ``events``, ``gas``. It is not recorded.

        Raises:
            ScenarioError: no such agent or no such action; the next block is too near.
        """
        address = self._address(agent)
        transaction = self.prepared.pool.encode(order, address)
        if transaction is None:
            raise ScenarioError("order", type(order).__name__, "an action that this pool offers")
        time = self.time + (self.simulation.block_seconds - self.time % 2) // 2
        if time <= self.prepared.chain.time or time >= self.time + self.simulation.block_seconds:
            raise ScenarioError("order", type(order).__name__, "one block between two steps")
        block: Block = self.prepared.pool.block(time, [transaction])
        self.simulation.disturb(address)
        result = block.results[0]
        error = result.error
        return {
            "error": "" if error is None else error.name,
            "args": {} if error is None else error.floats,
            "events": [{"event": event.name, **event.floats} for event in result.events],
            "gas": result.gas,
        }

    def close(self) -> None:
        """Ends the chain; with ``out`` the folder is then a run as `amm-sim run` writes it."""
        if not self._open:
            return
        self._open = False
        self._forget()
        with suppress(ChainError):
            self.simulation.record_actors()
        self._recorder.close()
        self._recorder.manifest(self._manifest("complete" if self._ended else "interrupted"))
        self.prepared.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ questions

    @property
    def time(self) -> int:
        """Of the last step, seconds since 1970."""
        return self.simulation.head.time

    @property
    def pool(self) -> PoolView:
        """The pool after the last step, as agents see it."""
        return self.simulation.view

    def account(self, agent: str) -> AccountView:
        """An agent's account now."""
        states = self.prepared.pool.accounts([self._address(agent)])
        return self.prepared.pool.account_view(states[0])

    def call(self, role: str, view: str, *args: Any) -> Any:
        """A view of a contract by its role (market, vault, oracle …), fixed-point as floats.

        Raises:
            ScenarioError: no such role. Revert: the view refused.
        """
        deployment = self.prepared.deployment
        if role not in deployment.names:
            raise ScenarioError("role", role, "one of " + ", ".join(deployment.names))
        return deployment.at(self.prepared.chain, role).call(view, *args, floats=True)

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self._records()[table]

    def sql(self, query: str) -> pl.DataFrame:
        """A query over the tables so far."""
        return self._records().sql(query)

    # ------------------------------------------------------------------ inside

    @property
    def _ended(self) -> bool:
        return self.simulation.index == self.simulation.blocks

    def _manifest(self, state: str) -> dict[str, Any]:
        return manifest(self.prepared, self.simulation, state, "")

    def _records(self) -> Run:
        if self._run is None:
            self.simulation.catch_up()
            self._recorder.flush()
            self._recorder.manifest(self._manifest("running"))
            self._run = Run(self.folder)
        return self._run

    def _forget(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None

    def _address(self, agent: str) -> str:
        for actor in self.simulation.actors:
            if actor.name == agent:
                return actor.address
        names = ", ".join(actor.name for actor in self.simulation.actors)
        raise ScenarioError("agent", agent, f"one of {names}")


def open_world(
    path: Path | str, changes: Mapping[str, Any] | None = None, out: Path | str | None = None
) -> World:
    """A scenario on a chain of its own; see ``World``."""
    return World(path, changes, out)
