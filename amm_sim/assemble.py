"""The composition root: from a scenario to a simulation, and to a finished run's folder."""

from __future__ import annotations

import gc
import time as wall
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amm_sim import adapters
from amm_sim.chain.anvil import Anvil, Fork
from amm_sim.chain.artifacts import Artifacts
from amm_sim.chain.client import Chain
from amm_sim.chain.deploy import deploy_protocol, read_parameters
from amm_sim.chain.fork import Existing
from amm_sim.chain.pool import Pool
from amm_sim.engine.blockspace import Rules
from amm_sim.engine.mempool import BUILDERS
from amm_sim.engine.simulation import Progress
from amm_sim.errors import ChainError, ScenarioError
from amm_sim.manifest import manifest
from amm_sim.opening import SETTLE_IN, Opening, deposit_delay
from amm_sim.prepared import Prepared, build_actors, build_world, reseeded
from amm_sim.scenario import Scenario
from amm_sim.tables import build

OPENING_SEED = 0
"""Draws the little that is random at the first block, so that a chain's start suits every seed."""


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
    _settle_memory()
    seconds = wall.perf_counter() - begun
    return Prepared(scenario, chain, deployment, pool, world, actors, parameters, seconds, setup)


def _settle_memory() -> None:
    """Takes what is there by now out of the collector's rounds, until the chain is closed.

    They would go through every ABI and artifact again and again while paths run.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


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
