"""The run loop: wake, observe, decide, arrange, execute, deliver.

All decisions between two blocks see the same head. An order reaches the mempool after its sender's
latency; a block at time t holds what has arrived by t. Results are delivered at the sender's next
wake-up.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time as wall
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from amm_sim.engine.actors import PUBLISHER, Actor
from amm_sim.engine.clock import Clock
from amm_sim.engine.mempool import Builder, Mempool, Pending, by_arrival
from amm_sim.engine.port import Mined, Port
from amm_sim.engine.port import Outcome as Executed
from amm_sim.engine.recorder import Recorder
from amm_sim.engine.watch import Watch
from amm_sim.types import AccountView, Order, Outcome, PoolView, Read, Seen, Status, Truth

DIGEST_EVERY = 100


class World(Protocol):
    """The truth by block index; index 0 is the run's start."""

    def truth(self, index: int) -> Truth:
        """The outside world at a block."""
        ...


@dataclass
class Progress:
    """How far a run is; the same object is updated all along."""

    blocks: int
    done: int = 0
    transactions: int = 0
    filled: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=wall.perf_counter)

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return wall.perf_counter() - self.started


@dataclass(frozen=True)
class Schedule:
    """The time axis, in seconds, and how a block is arranged."""

    start: int
    block_seconds: int
    blocks: int
    builder: Builder = by_arrival


class Simulation:
    """One path: actors, a world and a pool behind a port.

    Args:
        port: the chain, at the run's start.
        world: the truth.
        actors: publishers and agents.
        schedule: the time axis and the builder.
        recorder: where to write; None records nothing.
        on_block: called after every block with the progress.
    """

    def __init__(
        self,
        port: Port,
        world: World,
        actors: Sequence[Actor],
        schedule: Schedule,
        recorder: Recorder | None = None,
        on_block: Callable[[Progress], None] | None = None,
    ) -> None:
        self.port = port
        self.world = world
        self.actors = list(actors)
        self.start, self.blocks = schedule.start, schedule.blocks
        self.block_seconds = schedule.block_seconds
        self.builder, self.recorder, self.on_block = schedule.builder, recorder, on_block
        self.progress = Progress(schedule.blocks)
        self.mempool = Mempool()
        self.clock = Clock(self.actors, self.start)
        self.index = 0
        self.digests: list[str] = []
        self._chain_digest = b""
        self._sequence = 0
        self._by_address = {actor.address: actor for actor in self.actors}
        self._watch = Watch()
        self._watched = any(actor.reads(Read.SHORTS) for actor in self.actors)
        self._accounts: dict[str, AccountView] = {}
        port.admit([actor.address for actor in self.actors])
        self.head = self._mine(self.start, [])

    # ------------------------------------------------------------------ life

    @property
    def digest(self) -> str:
        """Of everything since the start, in hexadecimal."""
        return self._chain_digest.hex()

    def run(self) -> Progress:
        """All remaining blocks."""
        while self.index < self.blocks:
            self.step()
        return self.progress

    def step(self) -> Mined:
        """One block."""
        before = self.start + self.index * self.block_seconds
        time = before + self.block_seconds
        for moment, actor in self.clock.due(time):
            self._wake(moment, actor)
        pending = self.builder(self.mempool.arrived(time))
        self.index += 1
        self.head = self._mine(time, pending)
        return self.head

    # ------------------------------------------------------------------ agents

    def _wake(self, moment: int, actor: Actor) -> None:
        for order in actor.agent.act(self._seen(moment, actor), actor.rng):
            self._sequence += 1
            arrival = moment + actor.agent.latency + order.delay
            self.mempool.add(Pending(arrival, actor, self._sequence, order, moment))

    def _seen(self, moment: int, actor: Actor) -> Seen:
        own = self._accounts.get(actor.address) if actor.reads(Read.OWN) else None
        return Seen(
            time=moment,
            pool=self.view,
            own=own,
            shorts=self._watch.views if actor.reads(Read.SHORTS) else (),
            truth=self.truth if actor.reads(Read.TRUTH) else None,
            outcomes=actor.take(),
            start=self.start,
        )

    def _wanted(self, time: int) -> list[str]:
        """Accounts to read with the block at ``time``: of who wakes next, and the watch's.

        What the block itself makes due is read right after it.
        """
        woken = self.clock.peek(time + self.block_seconds)
        wanted = {actor.address: None for actor in woken if actor.reads(Read.OWN)}
        if self._watched and self.index > 0:
            wanted |= dict.fromkeys(self._watch.due(time, self.view.spot))
        return list(wanted)

    # ------------------------------------------------------------------ blocks

    def _mine(self, time: int, pending: Sequence[Pending]) -> Mined:
        encoded = [(item, self.port.encode(item.order, item.actor.address)) for item in pending]
        sent = [(item, transaction) for item, transaction in encoded if transaction is not None]
        block = self.port.block(time, [transaction for _, transaction in sent], self._wanted(time))
        self.truth = self.world.truth(self.index)
        self._chain_digest = hashlib.sha256(self._chain_digest + block.digest).digest()
        if self.index % DIGEST_EVERY == 0:
            self.digests.append(self.digest)
        for item, transaction in encoded:
            if transaction is None:
                self._deliver(block, item, None)
        for (item, transaction), result in zip(sent, block.results, strict=True):
            self._deliver(block, item, result)
            self._record_call(block, transaction)
        self.view: PoolView = self.port.pool_view(block.pool, self.truth.gas_price)
        self._look(block)
        self._finish(block)
        return block

    def _deliver(self, block: Mined, item: Pending, result: Executed | None) -> None:
        outcome = _outcome(block, item, result)
        item.actor.inbox.append(outcome)
        item.actor.gas_paid += outcome.gas * self.truth.gas_price
        self.progress.transactions += 1
        if outcome.status is Status.FILLED:
            self.progress.filled += 1
        else:
            self.progress.refusals[outcome.error] += 1
        if result is not None and self._watched:
            self._watch.touch(self._named(result))
        if self.recorder is not None:
            self._record(self.recorder, block, item, outcome, result)

    def _named(self, result: Executed) -> list[str]:
        """Actors whose account a transaction's events name."""
        named: dict[str, None] = {}
        for event in result.events:
            for key in ("account", "from", "to"):
                address = event.args.get(key)
                if address in self._by_address:
                    named[address] = None
        return list(named)

    def _look(self, block: Mined) -> None:
        """Takes in the accounts that were read with a block, and reads what the block made due."""
        self._accounts = {a: self.port.account_view(state) for a, state in block.accounts.items()}
        if not self._watched:
            return
        spot = self.view.spot
        self._watch.see(self._accounts.values(), block.time, spot)
        due = [a for a in self._watch.due(block.time, spot) if a not in self._accounts]
        views = [self.port.account_view(state) for state in self.port.accounts(due)]
        self._watch.see(views, block.time, spot)

    def _finish(self, block: Mined) -> None:
        self.progress.done = self.index
        if self.recorder is not None:
            self._record_block(self.recorder, block)
        if self.on_block is not None:
            self.on_block(self.progress)

    # ------------------------------------------------------------------ records

    def _record(
        self,
        recorder: Recorder,
        block: Mined,
        item: Pending,
        outcome: Outcome,
        result: Executed | None,
    ) -> None:
        number = self.progress.transactions
        error = None if result is None else result.error
        recorder.add(
            "txs",
            {
                "block": block.number,
                "time": block.time,
                "tx": number,
                "agent": item.actor.name,
                "kind": item.actor.kind,
                "order": type(item.order).__name__,
                "args": order_json(item.order),
                "status": outcome.status.value,
                "error": outcome.error,
                "error_args": _json(error.args) if error is not None else "{}",
                "gas": outcome.gas,
                "submitted": item.submitted,
                "delay": outcome.delay,
            },
        )
        for event in () if result is None else result.events:
            name, row = self.port.event_row(event)
            where = {"block": block.number, "time": block.time, "tx": number, "log": event.index}
            recorder.add(f"event_{name}", {**where, "contract": event.address, **row})

    def _record_call(self, block: Mined, transaction: Any) -> None:
        if self.recorder is not None:
            where = {"block": block.number, "time": block.time, "tx": self.progress.transactions}
            self.recorder.add("calls", {**where, **self.port.call_row(transaction)})

    def _record_block(self, recorder: Recorder, block: Mined) -> None:
        refused = sum(1 for result in block.results if result.error is not None)
        recorder.add(
            "blocks",
            {
                "block": block.number,
                "time": block.time,
                "transactions": len(block.results),
                "refused": refused,
                "gas": block.gas,
                "gas_price": self.truth.gas_price,
                "digest": self.digest,
            },
        )
        recorder.add("pool", self.port.pool_row(block))
        for row in self.port.expiry_rows(block):
            recorder.add("expiries", row)
        recorder.add("market", _market_row(block.time, self.truth))
        recorder.end_block()

    def record_actors(self) -> None:
        """Writes the table of actors; call once, at the end."""
        if self.recorder is not None:
            for actor in self.actors:
                self.recorder.add("agents", actor_row(actor))


def actor_row(actor: Actor) -> dict[str, Any]:
    """An actor's row of the tape."""
    capital = actor.agent.capital
    return {
        "agent": actor.name,
        "kind": actor.kind,
        "address": actor.address,
        "capital": float(capital) if actor.rank != PUBLISHER else 0.0,
        "gas_paid": actor.gas_paid,
    }


def _outcome(block: Mined, item: Pending, result: Executed | None) -> Outcome:
    if result is None:
        status, error, events = Status.DROPPED, "NotOffered", ()
        return Outcome(
            item.order,
            status,
            block.number,
            block.time,
            block.time - item.submitted,
            error,
            {},
            events,
        )
    refusal = result.error
    return Outcome(
        order=item.order,
        status=Status.FILLED if refusal is None else Status.REFUSED,
        block=block.number,
        time=block.time,
        delay=block.time - item.submitted,
        error="" if refusal is None else refusal.name,
        error_args={} if refusal is None else refusal.floats,
        events=tuple({"event": event.name, **event.floats} for event in result.events),
        gas=result.gas,
    )


def _market_row(time: int, truth: Truth) -> dict[str, Any]:
    return {
        "time": time,
        "spot": truth.spot,
        "venue": truth.venue,
        "vol": truth.vol,
        "gas_price": truth.gas_price,
        "depth": truth.depth,
        "open": truth.venue_open,
    }


def order_json(order: Order) -> str:
    """An order's fields as JSON; an infinite limit is null."""
    return _json({f.name: getattr(order, f.name) for f in dataclasses.fields(order)})


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps({key: _plain(value) for key, value in values.items()}, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
