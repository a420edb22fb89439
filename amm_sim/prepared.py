"""What a scenario becomes: the truth, those who act, and both on a chain at its start."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import oracles
from amm_sim import agents, market
from amm_sim.chain.client import Chain
from amm_sim.chain.deploy import Deployment
from amm_sim.chain.pool import Pool
from amm_sim.engine.actors import AGENT, PUBLISHER, Actor, Bid, Member, address_of, stream
from amm_sim.engine.blockspace import Rules
from amm_sim.engine.recorder import Recorder
from amm_sim.engine.simulation import Progress, Schedule, Simulation
from amm_sim.opening import Lister
from amm_sim.plugins import find
from amm_sim.scenario import Part, Scenario
from amm_sim.tables import build


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
    actors += _crowded(
        [_actor(agents.AGENTS, p, AGENT, i, scenario) for i, p in enumerate(scenario.agents)],
        scenario,
    )
    return actors


def _crowded(actors: list[Actor], scenario: Scenario) -> list[Actor]:
    """The same, with what a population is made of gathered into one."""
    alike: dict[str, list[int]] = {}
    for place, (actor, part) in enumerate(zip(actors, scenario.agents, strict=True)):
        if hasattr(actor.agent, "population"):
            alike.setdefault(part.path, []).append(place)
    for places in alike.values():
        kind: Any = actors[places[0]].agent
        made = kind.population([actors[place].agent for place in places])
        rng = actors[places[0]].rng
        for number, place in enumerate(places):
            member = {**vars(actors[place]), "rng": rng}
            actors[place] = Member(**member, population=made, place=number)
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
        gc.unfreeze()

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
