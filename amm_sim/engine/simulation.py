"""The run loop: wake, observe, decide, arrange, execute, deliver.

All decisions between two blocks see the same head. An order reaches the mempool after its sender's
latency; a block at time t holds what has arrived by t, as far as its builder takes it. Results are
delivered at the sender's next wake-up. A block is written down while the chain works on later ones.
"""

from __future__ import annotations

import hashlib
import time as wall
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol, overload

from amm_sim.engine.actors import Actor, stream
from amm_sim.engine.blockspace import Blockspace, Plan, Rules
from amm_sim.engine.clock import Clock
from amm_sim.engine.mempool import Mempool, Pending
from amm_sim.engine.port import Log, Mined, Port
from amm_sim.engine.port import Outcome as Executed
from amm_sim.engine.recorder import Recorder
from amm_sim.engine.scribe import Scribe
from amm_sim.engine.watch import Moment, Watch
from amm_sim.errors import AmmSimError
from amm_sim.types import Outcome, PendingView, PoolView, Read, Seen, Status, Truth

DIGEST_EVERY = 100
LATE = 2
"""Blocks after which accounts are known that could wait."""
BEHIND = LATE + 1
NAMES = ("account", "from", "to")
"""Arguments of events that name accounts."""
"""Blocks that wait to be written down, the one that is mined included: what the pool was worth
after them is not asked for yet, or not known."""


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
    """The time axis, in seconds, how a block is arranged, and the seed of builders that draw."""

    start: int
    block_seconds: int
    blocks: int
    builder: str = "arrival"
    rules: Rules = field(default_factory=Rules)
    seed: int = 1


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
        self.on_block = on_block
        self._scribe = None if recorder is None else Scribe(recorder, port, self.actors)
        self.progress = Progress(schedule.blocks)
        self.mempool = Mempool()
        self.space = Blockspace(
            schedule.rules,
            schedule.builder,
            schedule.start,
            stream(schedule.seed, "build", schedule.builder),
        )
        self.clock = Clock(self.actors, self.start)
        self.index = 0
        self.digests: list[str] = []
        self._chain_digest = b""
        self._sequence = 0
        self._by_address = {actor.address: actor for actor in self.actors}
        self._watched = any(actor.reads(Read.SHORTS) for actor in self.actors)
        self._watch = Watch(self._watched, port.margin)
        self._late: list[str] = []
        """Accounts of the head that can wait."""
        self._heads: deque[tuple[Mined, Moment]] = deque()
        """The last blocks, of which some accounts are not read yet."""
        self._later: deque[list[Callable[[], None]]] = deque()
        """What is to be written down, by block."""
        port.admit([actor.address for actor in self.actors])
        self.truth = self.world.truth(0)
        self.head = self._mine(self.start, Plan([], []))

    # ------------------------------------------------------------------ life

    @property
    def digest(self) -> str:
        """Of everything since the start, in hexadecimal."""
        self.catch_up()
        return self._chain_digest.hex()

    def run(self) -> Progress:
        """All remaining blocks."""
        while self.index < self.blocks:
            self.step()
        self.catch_up()
        return self.progress

    def catch_up(self, behind: int = 0) -> None:
        """Writes down what has happened; the last ``behind`` blocks may wait.

        Raises:
            AmmSimError: something could not be written or was never known; all else is written.
        """
        failure = None
        while len(self._later) > behind:
            for work in self._later.popleft():
                try:
                    work()
                except AmmSimError as error:
                    failure = failure or error
        if failure is not None:
            raise failure

    def step(self) -> Mined:
        """One block."""
        before = self.start + self.index * self.block_seconds
        time = before + self.block_seconds
        for moment, actor in self.clock.due(time):
            self._wake(moment, actor)
        self.index += 1
        self.truth = self.world.truth(self.index)
        plan = self.space.build(time, self.mempool.arrived(time), self.truth.congestion)
        self.head = self._mine(time, plan)
        return self.head

    # ------------------------------------------------------------------ agents

    def _wake(self, moment: int, actor: Actor) -> None:
        for order in actor.act(self._seen(moment, actor)):
            self._sequence += 1
            arrival = moment + actor.agent.latency + order.delay
            tip = actor.bid.tip if order.tip is None else order.tip
            self.mempool.add(Pending(arrival, actor, self._sequence, order, moment, tip))

    def _seen(self, moment: int, actor: Actor) -> Seen:
        return Seen(
            time=moment,
            pool=self.view,
            own=self._watch.view(actor.address) if actor.reads(Read.OWN) else None,
            shorts=self._watch.views if actor.reads(Read.SHORTS) else (),
            truth=self.truth if actor.reads(Read.TRUTH) else None,
            outcomes=actor.take(),
            start=self.start,
            mempool=self._public(moment, actor) if actor.reads(Read.MEMPOOL) else (),
        )

    def _public(self, moment: int, actor: Actor) -> tuple[PendingView, ...]:
        """Others' orders that wait for a block."""
        there = [*self.space.waiting, *self.mempool.visible(moment)]
        return tuple(PendingView(i.sequence, i.order, i.tip) for i in there if i.actor is not actor)

    def _asked(self, time: int) -> dict[str, None]:
        """Accounts whose owners wake between the block at ``time`` and the next."""
        woken = self.clock.peek(time + self.block_seconds)
        return {actor.address: None for actor in woken if actor.reads(Read.OWN)}

    def _wanted(self, plan: Plan, asked: Mapping[str, None]) -> list[str]:
        """Accounts to read with a block: what is due, who asks, and whom its orders aim at.

        What else the block makes due is read right after it.
        """
        wanted = dict.fromkeys(self._watch.due(asked))
        for item in plan.included:
            if item.actor.address in asked:
                wanted[item.actor.address] = None
            target = getattr(item.order, "account", None)
            if self._watched and target in self._by_address:
                wanted[target] = None
        return list(wanted)

    # ------------------------------------------------------------------ blocks

    def _mine(self, time: int, plan: Plan) -> Mined:
        encode = self.port.encode
        encoded = [(item, encode(item.order, item.actor.address)) for item in plan.included]
        sent = [(item, transaction) for item, transaction in encoded if transaction is not None]
        asked = self._asked(time)
        wanted = self._wanted(plan, asked)
        calls = [transaction for _, transaction in sent]
        self._later.append([])
        write = partial(self.catch_up, BEHIND)
        block = self.port.block(time, calls, wanted, late=self._late, meanwhile=write)
        index = self.index
        self._later[-1].append(lambda: self._chain(block, index))
        for item, reason in plan.dropped:
            self._deliver(block, item, None, reason)
        for item, transaction in encoded:
            if transaction is None:
                self._deliver(block, item, None, "NotOffered")
        for (item, transaction), result in zip(sent, block.results, strict=True):
            self._deliver(block, item, result)
            self._note(Scribe.call, self.progress.transactions, block, transaction)
        executed = zip(sent, block.results, strict=True)
        self.space.settle([(item.order, result.gas) for (item, _), result in executed])
        if len(self._heads) == LATE:  # while the chain computes what is read now
            self._take_in_late(*self._heads.popleft())
        self.view: PoolView = self.port.pool_view(block.pool, self._gas_price(self.space.going))
        self._look(block, asked)
        self._finish(block)
        return block

    def _chain(self, block: Mined, index: int) -> None:
        """Adds a block to the run's digest."""
        self._chain_digest = hashlib.sha256(self._chain_digest + block.digest).digest()
        if index % DIGEST_EVERY == 0:
            self.digests.append(self._chain_digest.hex())

    def _gas_price(self, multiple: float) -> float:
        """Quote per gas of a multiple of the normal price."""
        if multiple == self.truth.congestion:
            return self.truth.gas_price
        return self.truth.gas_price / (self.truth.congestion or 1.0) * multiple

    def _deliver(
        self, block: Mined, item: Pending, result: Executed | None, reason: str = ""
    ) -> None:
        outcome = _outcome(block, item, result, reason)
        item.actor.inbox.append(outcome)
        item.actor.gas_paid += outcome.gas * self._gas_price(self.space.price(item))
        self.progress.transactions += 1
        if outcome.status is Status.FILLED:
            self.progress.filled += 1
        else:
            self.progress.refusals[outcome.error] += 1
        if result is not None:
            for actor, events in self._named(result):
                self._watch.touch(actor.address, events)
                if actor is not item.actor:
                    actor.disturb()
        self._note(Scribe.order, self.progress.transactions, item, outcome, result)

    def _note(self, what: Callable[..., None], *facts: Any) -> None:
        """Has the scribe write something down, later."""
        scribe = self._scribe
        if scribe is not None:
            self._later[-1].append(lambda: what(scribe, *facts))

    def _named(self, result: Executed) -> list[tuple[Actor, list[Log]]]:
        """Actors whose account a transaction's events name, and those events."""
        named: dict[str, list[Log]] = {}
        for event in result.events:
            for key in NAMES:
                address = event.args.get(key)
                if address in self._by_address:
                    named.setdefault(address, []).append(event)
        return [(self._by_address[address], events) for address, events in named.items()]

    def _look(self, block: Mined, asked: Mapping[str, None]) -> None:
        """Takes in the accounts that were read with a block, and reads what the block made due."""
        watch = self._watch
        self._heads.append((block, watch.to(self.view)))
        self._take_in(block, list(block.accounts.values()))
        due = [address for address in watch.due(asked) if address not in block.accounts]
        if due:
            self._take_in(block, self.port.accounts(due))
        self._late = watch.late(block.number)

    def _take_in(self, block: Mined, states: Sequence[Mapping[str, Any]]) -> None:
        self._watch.see([self.port.account_view(state) for state in states])
        self._note(Scribe.accounts, block, states)

    def _take_in_late(self, block: Mined, moment: Moment) -> None:
        """Accounts that could wait, unless something has happened to them since."""
        states = block.late()
        views = [self.port.account_view(state) for state in states.values()]
        self._watch.see([v for v in views if self._watch.waits(v.address, block.number)], moment)
        if self._scribe is not None and states:
            note = partial(self._scribe.accounts, block, list(states.values()))
            whole = len(self._later) <= LATE  # that block is written already
            self._later[-1 if whole else -1 - LATE].insert(-1, note)

    def _finish(self, block: Mined) -> None:
        self.progress.done = self.index
        truth, price = self.truth, self.view.gas_price
        self._note(lambda scribe: scribe.block(block, truth, price, self._chain_digest.hex()))
        if self.on_block is not None:
            self.on_block(self.progress)

    def disturb(self, address: str) -> None:
        """Something outside of the run has changed an account."""
        self._watch.touch(address)
        if address in self._by_address:
            self._by_address[address].disturb()

    def record_actors(self) -> None:
        """Writes the table of actors; call once, at the end."""
        self.catch_up()
        if self._scribe is not None:
            self._scribe.actors()


class Told(Sequence[dict[str, Any]]):
    """Events as agents read them, made when one does."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self._logs = logs

    @cached_property
    def _events(self) -> tuple[dict[str, Any], ...]:
        return tuple({"event": log.name, **log.floats} for log in self._logs)

    def named(self, name: str) -> list[dict[str, Any]]:
        """Those of one name."""
        return [{"event": name, **log.floats} for log in self._logs if log.name == name]

    def __len__(self) -> int:
        return len(self._logs)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._events[index]


def _outcome(block: Mined, item: Pending, result: Executed | None, reason: str) -> Outcome:
    if result is None:
        status, error, events = Status.DROPPED, reason, ()
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
        events=Told(result.events),
        gas=result.gas,
    )
