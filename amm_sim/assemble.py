"""The composition root: from a scenario to a simulation, and to a finished run's folder."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import time as wall
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import oracles
from amm_sim import adapters, agents, market
from amm_sim.chain.anvil import VERSION, Anvil, Fork
from amm_sim.chain.artifacts import ROOT, Artifacts
from amm_sim.chain.client import DEPLOYER, Chain, Revert
from amm_sim.chain.deploy import Deployment, deploy_protocol, give, read_parameters
from amm_sim.chain.fork import Existing
from amm_sim.chain.orders import Transaction
from amm_sim.chain.pool import Block, Pool
from amm_sim.engine.actors import AGENT, PUBLISHER, Actor, Bid, address_of, stream
from amm_sim.engine.blockspace import Rules
from amm_sim.engine.mempool import BUILDERS
from amm_sim.engine.recorder import Recorder
from amm_sim.engine.simulation import Progress, Schedule, Simulation
from amm_sim.errors import ChainError, ScenarioError
from amm_sim.plugins import find
from amm_sim.scenario import Board, Part, Scenario, build
from amm_sim.types import (
    ListBoard,
    Order,
    PokeOracle,
    PostVol,
    ProcessQueue,
    Read,
    Refresh,
    RequestDeposit,
    Seen,
    Truth,
)
from amm_sim.units import quantize, to_wad

FOUNDER = address_of("founder")
"""The silent first liquidity provider."""
SETTLE_IN = 7200
"""Seconds before the start at which the protocol is deployed, beyond the vault's deposit delay."""
UNLIMITED = 2**256 - 1
OPENING_SEED = 0
"""Draws the little that is random at the first block, so that a chain's start suits every seed."""
STRIKE_DIGITS = 4
"""Significant digits of a listed strike."""


@dataclass(frozen=True)
class Lister:
    """Lists boards that come after the start, each with a first slice of the outside surface."""

    boards: tuple[Board, ...]
    name: str = "lister"
    cadence: int = 60
    latency: int = 1
    capital: float = 0.0
    reads: frozenset[Read] = frozenset({Read.POOL, Read.TRUTH})

    def act(self, seen: Seen, rng: Any) -> list[Order]:  # noqa: ARG002
        """Boards whose time came since the last wake-up."""
        elapsed = seen.time - seen.start
        due = [b for b in self.boards if elapsed - self.cadence < b.listed <= elapsed]
        assert seen.truth is not None
        orders: list[Order] = []
        for board in due:
            orders += listing(board, seen.start, seen.pool.spot, seen.truth)
        return orders


def listing(board: Board, start: int, spot: float, truth: Truth) -> list[Order]:
    """A vol slice for the expiry and its listing, strikes tidy multiples of ``spot``."""
    expiry = start + board.expiry
    strikes = tuple(quantize(multiple * spot, STRIKE_DIGITS) for multiple in board.strikes)
    if list(strikes) != sorted(set(strikes)):
        raise ScenarioError(
            "boards.strikes", list(board.strikes), f"strikes that differ in {STRIKE_DIGITS} digits"
        )
    slices = [order for order in oracles.opening(truth, [expiry]) if isinstance(order, PostVol)]
    return [*slices, ListBoard(expiry, strikes)]


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
    delay = _deposit_delay(scenario)
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
        _Opening(scenario, pool, build_world(reseeded(scenario, OPENING_SEED)), actors).play()
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


def _deposit_delay(scenario: Scenario) -> int:
    vault = scenario.protocol.get("vault")
    delay = vault.get("depositDelay", 0) if isinstance(vault, Mapping) else 0
    return delay if isinstance(delay, int) and 0 <= delay <= 10**8 else 0


class _Opening:
    """The blocks before the start."""

    def __init__(
        self, scenario: Scenario, pool: Pool, world: market.Path, actors: list[Actor]
    ) -> None:
        self.scenario, self.pool, self.actors = scenario, pool, actors
        self.truth = world.truth(0)
        self.start = scenario.run.start

    def play(self) -> None:
        """Money first, the founder's deposit, then prices, boards and a first observation."""
        self.pool.admit([DEPLOYER, FOUNDER, *(actor.address for actor in self.actors)])
        delay = _deposit_delay(self.scenario)
        now = self.start - delay - SETTLE_IN // 2  # never the time that deploying took
        self._block(now + 1, self._money(self._gifts()))
        self._block(now + 2, self._placements())
        if self.scenario.pool.liquidity > 0:
            self._orders(now + 3, self._prices(now + 3))
            self._orders(now + 4, [RequestDeposit(self.scenario.pool.liquidity)], FOUNDER)
        at = self.start - 120
        self._orders(at, self._prices(at))
        self._orders(at + 10, [PokeOracle()])
        if self.scenario.pool.liquidity > 0:
            self._orders(at + 20, [ProcessQueue(1)])
        self._list(at + 30)
        at = self.start - 20
        self._orders(at, [*self._prices(at), PokeOracle(), *(Refresh(e) for e in self._expiries())])

    def _expiries(self) -> list[int]:
        return [self.start + board.expiry for board in self.scenario.boards if board.listed == 0]

    def _prices(self, at: int) -> list[Order]:
        return oracles.opening(replace(self.truth, time=at), self._expiries())

    def _list(self, at: int) -> None:
        for board in (b for b in self.scenario.boards if b.listed == 0):
            self._orders(at, [listing(board, self.start, self.truth.spot, self.truth)[-1]])
            at += 1

    def _gifts(self) -> list[tuple[str, str, int]]:
        """Role of a token, owner and units, of everything that somebody starts with."""
        capital = {
            actor.address: actor.agent.capital for actor in self.actors if actor.rank == AGENT
        }
        capital[FOUNDER] = self.scenario.pool.liquidity
        capital[DEPLOYER] = self.scenario.pool.insurance
        unit = self.pool.deployment.unit
        spot = [
            ("underlying", actor.address, to_wad(held)) for _, actor, held in self._spot_holders()
        ]
        return spot + [
            ("quote", address, to_wad(quantize(amount, 15)) // unit)
            for address, amount in capital.items()
            if amount > 0
        ]

    def _money(self, gifts: list[tuple[str, str, int]]) -> list[Transaction]:
        """Mints; balances of a fork's own tokens are set at once."""
        chain, deployment = self.pool.chain, self.pool.deployment
        for token, owner, units in gifts:
            if token in deployment.live:
                give(chain, deployment, token, owner, units)
        mint = self._function("quote", "mint")
        return [
            Transaction(DEPLOYER, deployment.addresses[token], mint(owner, units))
            for token, owner, units in gifts
            if token not in deployment.live
        ]

    def _placements(self) -> list[Transaction]:
        """Approvals of everybody, the insurance fund's endowment."""
        book = self.pool.deployment.addresses
        approve = self._function("quote", "approve")
        owners = [
            FOUNDER,
            DEPLOYER,
            *(actor.address for actor in self.actors if actor.rank == AGENT),
        ]
        calls = [
            Transaction(owner, book["quote"], approve(book[role], UNLIMITED))
            for owner in owners
            for role in self.pool.deployment.spenders
        ]
        for token, actor, _ in self._spot_holders():
            calls += [
                Transaction(actor.address, each, approve(book[role], UNLIMITED))
                for each in (token, book["quote"])
                for role in ("desk", self.pool.deployment.venues.get("fillers", ""))
                if role in book
            ]
        if self.scenario.pool.insurance > 0:
            donate = self._function("insurance", "donate")
            amount = to_wad(quantize(self.scenario.pool.insurance, 15))
            calls.append(Transaction(DEPLOYER, book["insurance"], donate(amount)))
        return calls

    def _spot_holders(self) -> list[tuple[str, Actor, float]]:
        """The underlying's token and who starts with some; nobody where nothing trades it."""
        token = self.pool.deployment.addresses.get("underlying")
        if token is None:
            return []
        held = ((actor, getattr(actor.agent, "underlying", 0.0)) for actor in self.actors)
        return [(token, actor, amount) for actor, amount in held if amount > 0]

    def _function(self, role: str, name: str) -> Callable[..., bytes]:
        return self.pool.chain.function(self.pool.deployment.names[role], name).pack

    def _orders(self, at: int, orders: list[Order], sender: str = DEPLOYER) -> Block:
        encoded = [self.pool.encode(order, sender) for order in orders]
        return self._block(at, [transaction for transaction in encoded if transaction is not None])

    def _block(self, at: int, transactions: list[Transaction]) -> Block:
        block = self.pool.block(at, transactions, look=False)
        for transaction, result in zip(transactions, block.results, strict=True):
            if result.error is not None:
                selector = transaction.data[:4].hex()
                raise Revert(f"set-up transaction {selector} to {transaction.to}", result.error)
        return block


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
        recorder = Recorder(folder, prepared.pool.event_schemas())
        recorder.manifest(manifest(prepared, None, "running", reproduce))
        for row in prepared.setup:
            recorder.add("calls", row)
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


def manifest(
    prepared: Prepared, simulation: Simulation | None, ended: str, reproduce: str
) -> dict[str, Any]:
    """What a run was: input, parameters as the chain states them, versions, digests."""
    scenario = prepared.scenario
    content: dict[str, Any] = {
        "scenario": scenario.name,
        "question": scenario.question,
        "scenario_digest": scenario.digest,
        "tables": dict(scenario.raw),
        "seed": scenario.run.seed,
        "start": scenario.run.start,
        "block_seconds": scenario.run.block_seconds,
        "state": ended,
        "digest": "",
        "blocks": 0,
        "transactions": 0,
        "reproduce": reproduce,
        "parameters": prepared.parameters,
        "addresses": dict(prepared.deployment.addresses),
        "contracts": dict(prepared.deployment.names),
        "artifacts": artifact_digests(prepared.chain.artifacts, prepared.deployment),
        "anvil": {"version": VERSION, "flags": list(prepared.chain.anvil.flags)},
        "versions": versions(prepared.chain.artifacts, prepared.deployment),
        "seconds": {"prepare": round(prepared.seconds, 3)},
    }
    if simulation is not None:
        content |= {
            "digest": simulation.digest,
            "blocks": simulation.index,
            "transactions": simulation.progress.transactions,
            "digests": simulation.digests,
        }
        content["seconds"]["run"] = round(simulation.progress.seconds, 3)
    return content


def artifact_digests(artifacts: Artifacts, deployment: Deployment) -> dict[str, str]:
    """sha256 of each deployed contract's creation code and ABI, and one over all."""
    each = {name: artifacts[name].digest for name in sorted(set(deployment.names.values()))}
    return {**each, "all": hashlib.sha256("".join(each.values()).encode()).hexdigest()}


def versions(artifacts: Artifacts, deployment: Deployment) -> dict[str, str]:
    """Versions of what computes: Python, packages, solc, and the checkout where git knows it."""
    compilers = {artifacts[name].compiler for name in deployment.names.values()}
    return {**package_versions(), "solc": ", ".join(sorted(compilers))}


def package_versions() -> dict[str, str]:
    """Versions of what computes off the chain."""
    packages = ("amm-sim", "numpy", "scipy", "polars", "web3", "orjson")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "git": _checkout(),
    }


def _checkout() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
