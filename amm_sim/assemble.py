"""The composition root: from a scenario to a simulation, and to a finished run's folder."""

from __future__ import annotations

import time as wall
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import oracles
from amm_sim import adapters, agents, market
from amm_sim.chain.anvil import Anvil, Fork
from amm_sim.chain.artifacts import Artifacts
from amm_sim.chain.client import Chain
from amm_sim.chain.deploy import Deployment, deploy_protocol, read_parameters
from amm_sim.chain.fork import Existing
from amm_sim.chain.pool import Pool
from amm_sim.engine.actors import AGENT, PUBLISHER, Actor, Bid, address_of, stream
from amm_sim.engine.blockspace import Rules
from amm_sim.engine.mempool import BUILDERS
from amm_sim.engine.recorder import Recorder
from amm_sim.engine.simulation import Progress, Schedule, Simulation
from amm_sim.errors import ChainError, ScenarioError
from amm_sim.manifest import manifest
from amm_sim.opening import SETTLE_IN, Lister, Opening, deposit_delay
from amm_sim.plugins import find
from amm_sim.scenario import Part, Scenario
from amm_sim.tables import build

OPENING_SEED = 0
"""Draws the little that is random at the first block, so that a chain's start suits every seed."""

# --------------------------------------------------------------------------- parts


def build_market(scenario: Scenario) -> market.Generator:
    """The generator of the truth."""
    kind: type[market.Generator] = find(market.MARKETS, scenario.market, scenario.path.parent)
    return build(kind, scenario.market.table, scenario.market.path)


def build_world(scenario: Scenario) -> market.Path:
    """The truth of a run, from the start to its last block."""
    run = scenario.run
    rng = stream(run.seed, "market", scenario.market.kind)
    return build_market(scenario).path(run.start, run.block_seconds, run.blocks, rng)


def reseeded(scenario: Scenario, seed: int) -> Scenario:
    """The same scenario with another seed."""
    return replace(scenario, run=replace(scenario.run, seed=seed))


def build_actors(scenario: Scenario) -> list[Actor]:
    """Publishers, the lister where boards come later, agents."""
    actors = [
        _actor(oracles.PUBLISHERS, p, PUBLISHER, i, scenario)
        for i, p in enumerate(scenario.oracles)
    ]
    later = tuple(board for board in scenario.boards if board.listed > 0)
    if later:
        lister = Lister(later, cadence=scenario.run.block_seconds)
        actors.append(_wrap(lister, "lister", PUBLISHER, len(actors), scenario.run.seed))
    actors += [_actor(agents.AGENTS, p, AGENT, i, scenario) for i, p in enumerate(scenario.agents)]
    return actors


def _actor(
    kinds: Mapping[str, type[Any]], part: Part, rank: int, index: int, scenario: Scenario
) -> Actor:
    bids = [f.name for f in fields(Bid)]
    table = {key: value for key, value in part.table.items() if key not in bids}
    bid = {key: value for key, value in part.table.items() if key in bids}
    kind = find(kinds, part, scenario.path.parent)
    agent = build(kind, table, part.path, name=part.name)
    actor = _wrap(agent, part.kind, rank, index, scenario.run.seed)
    return replace(actor, bid=build(Bid, bid, part.path))


def _wrap(agent: Any, kind: str, rank: int, index: int, seed: int) -> Actor:
    name = f"{'oracles' if rank == PUBLISHER else 'agents'}.{agent.name}"
    return Actor(agent, kind, rank, index, address_of(name), stream(seed, "act", name))


# -------------------------------------------------------------- a world on a chain


@dataclass(frozen=True)
class Node:
    """Where the chain runs: Anvil's port (0: a free one) and what it forks."""

    port: int = 0
    fork: Fork | None = None


@dataclass(frozen=True)
class Forked(Existing):
    """The scenario's table [fork]: a chain, and which of its contracts take a mock's place."""

    url: str = ""
    """The command line's --fork-url, --fork-block and --fork-cache go before."""
    block: int | None = None
    cache: str = ""

    def fork(self) -> Fork | None:
        """What Anvil forks; None without a url."""
        if not self.url:
            return None
        return Fork(self.url, self.block, Path(self.cache) if self.cache else None)


@dataclass
class Prepared:
    """A scenario on a chain, at its start: one snapshot serves any number of paths."""

    scenario: Scenario
    chain: Chain
    deployment: Deployment
    pool: Pool
    world: market.Path
    actors: list[Actor]
    parameters: dict[str, dict[str, str | int]]
    seconds: float
    """Wall time that the preparation took."""
    setup: tuple[dict[str, Any], ...] = ()
    """What was sent before the start, as rows of the table ``calls``."""

    def recorder(self, folder: Path) -> Recorder:
        """A recorder of this world's tables in ``folder``, with what was sent before the start."""
        recorder = Recorder(folder, self.pool.event_schemas(), self.pool.own_events)
        for row in self.setup:
            recorder.add("calls", row)
        return recorder

    def simulation(
        self, recorder: Recorder | None = None, on_block: Callable[[Progress], None] | None = None
    ) -> Simulation:
        """A simulation from the start; nothing is mined beyond the first block."""
        run = self.scenario.run
        return Simulation(
            self.pool,
            self.world,
            self.actors,
            Schedule(
                run.start,
                run.block_seconds,
                run.blocks,
                run.builder,
                build(Rules, self.scenario.mempool, "mempool"),
                run.seed,
            ),
            recorder=recorder,
            on_block=on_block,
        )

    def paths(self, seeds: Iterable[int]) -> Iterator[Simulation]:
        """One simulation for each seed, all from the same baseline, which each leaves behind.

        A path's market and agents draw from its seed; the state of the chain at the start is the
        same for all, to the block hash. Run a path before asking for the next.
        """
        token = self.pool.save()
        for seed in seeds:
            yield self.path(seed)
            token = self.pool.restore(token)

    def path(self, seed: int, recorder: Recorder | None = None) -> Simulation:
        """The simulation of another seed. The chain must be at the start: see ``Pool.restore``."""
        scenario = reseeded(self.scenario, seed)
        other = replace(
            self, scenario=scenario, world=build_world(scenario), actors=build_actors(scenario)
        )
        return other.simulation(recorder)

    def close(self) -> None:
        """Ends the chain."""
        self.chain.close()

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prepare(
    scenario: Scenario,
    *,
    artifacts: Artifacts | None = None,
    node: Node | None = None,
) -> Prepared:
    """Starts Anvil, deploys the protocol, places money, posts first prices, lists the first boards.

    Raises:
        ScenarioError: bad input. SetupError: a tool is missing or does not fit. ChainError: Anvil
        broke.
    """
    begun = wall.perf_counter()
    if scenario.run.builder not in BUILDERS:
        raise ScenarioError("run.builder", scenario.run.builder, "one of " + ", ".join(BUILDERS))
    build(Rules, scenario.mempool, "mempool")
    world, actors = build_world(scenario), build_actors(scenario)
    artifacts = artifacts or Artifacts()
    delay = deposit_delay(scenario)
    genesis = scenario.run.start - delay - SETTLE_IN
    node, forked = node or Node(), build(Forked, scenario.fork, "fork")
    fork = node.fork or forked.fork()
    if forked.roles and fork is None:
        raise ScenarioError("fork.url", None, "a chain that has these contracts, or --fork-url")
    anvil = Anvil(genesis, port=node.port, fork=fork, code_limit=artifacts.production)
    chain = Chain(anvil, artifacts)
    chain.journal = []
    try:
        if chain.time > genesis:
            raise ScenarioError(
                "run.start",
                scenario.run.start,
                f"at least {delay + SETTLE_IN} s after the fork's head, {chain.time}",
            )
        pool = _deploy(chain, scenario, forked)
        deployment = pool.deployment
        Opening(scenario, pool, build_world(reseeded(scenario, OPENING_SEED)), actors).play()
        parameters = read_parameters(chain, deployment)
        setup = _setup(chain)
    except BaseException:
        chain.close()
        raise
    seconds = wall.perf_counter() - begun
    return Prepared(scenario, chain, deployment, pool, world, actors, parameters, seconds, setup)


def _deploy(chain: Chain, scenario: Scenario, existing: Existing) -> Pool:
    """Our protocol, or the pool of somebody else that ``protocol.adapter`` names."""
    tables = scenario.protocol
    if "adapter" not in tables:
        return Pool(chain, deploy_protocol(chain, tables, existing))
    adapter = adapters.find(tables["adapter"])
    if scenario.pool.insurance > 0 and "insurance" not in adapter.contracts:
        raise ScenarioError("pool.insurance", scenario.pool.insurance, "0: the pool has no fund")
    return adapter.open(chain, tables)


def _setup(chain: Chain) -> tuple[dict[str, Any], ...]:
    """What was sent so far; from here on the recorder notes what is sent."""
    sent, chain.journal = chain.journal or [], None
    heights = sorted({each.block for each in sent})
    times = dict(zip(heights, chain.times(heights), strict=True))
    return tuple(
        {
            "block": each.block,
            "time": times[each.block],
            "tx": 0,
            "sender": each.sender,
            "to": each.to,
            "data": each.data,
        }
        for each in sent
    )


# ----------------------------------------------------------- a run with its folder


def run(
    scenario: Scenario,
    folder: Path,
    *,
    reproduce: str,
    on_start: Callable[[Prepared], None] | None = None,
    on_block: Callable[[Progress], None] | None = None,
    node: Node | None = None,
) -> Progress:
    """Runs a scenario and writes its tables and manifest into ``folder``.

    Whatever ends the run, interruption included, what was recorded stays readable and the manifest
    says so.
    """
    with prepare(scenario, node=node) as prepared:
        if on_start is not None:
            on_start(prepared)
        recorder = prepared.recorder(folder)
        recorder.manifest(manifest(prepared, None, "running", reproduce))
        simulation = prepared.simulation(recorder, on_block)
        ended = "failed"
        try:
            simulation.run()
            ended = "complete"
        except KeyboardInterrupt:
            ended = "interrupted"
            raise
        finally:
            with suppress(ChainError):
                simulation.record_actors()
            recorder.close()
            recorder.manifest(manifest(prepared, simulation, ended, reproduce))
        return simulation.progress
