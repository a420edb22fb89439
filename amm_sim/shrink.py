"""From a run in which something happened to the few transactions that still make it happen.

Delta debugging (Zeller and Hildebrandt, 2002) on the real contracts: whole agents are left out
first, then ever smaller pieces, from the back to the front, so that what comes before a piece is
not sent again: a snapshot stands at its beginning.
"""

from __future__ import annotations

import time as wall
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import polars as pl

from amm_sim.chain.codec import Codec
from amm_sim.chain.pool import Block
from amm_sim.conditions import OPERATORS, Comparison, Condition, Reading, condition
from amm_sim.errors import ScenarioError
from amm_sim.replay import Call, Script, Stage, Step, script, uses_a_fork
from amm_sim.tape import Tape

MARKS = 48
"""Snapshots that are kept at once."""


# ------------------------------------------------------------------ playing a list


@dataclass(frozen=True, slots=True)
class Item:
    """A transaction that may be left out."""

    time: int
    number: int
    """Of its block."""
    call: Call
    agent: str
    label: str


@dataclass
class Player:
    """Plays lists of transactions from one baseline and says whether the condition still holds."""

    stage: Stage
    condition: Condition
    end: int
    """Time at which the condition is looked at."""
    plays: int = 0
    sent: int = 0

    def play(self, items: Sequence[Item]) -> bool:
        """Whether an event of the condition was emitted."""
        seen = False
        for (time, _), group in groupby(items, key=lambda item: (item.time, item.number)):
            calls = [item.call for item in group]
            self.sent += len(calls)
            seen |= self._seen(self.stage.play(time, calls))
        return seen

    def holds(self, items: Sequence[Item], seen: bool = False) -> bool:
        """Whether the condition holds at the end; ``seen`` says that the event came before."""
        self.plays += 1
        seen |= self.play(items)
        if self.condition.event:
            return seen
        if not items or items[-1].time < self.end:
            self.stage.play(self.end, [])
        return any(self.compare(each) for each in self.condition.comparisons)

    def compare(self, comparison: Comparison) -> bool:
        """Whether a comparison holds now; never when a view reverts."""
        left, right = self._read(comparison.left), comparison.right
        value = self._read(right) if isinstance(right, Reading) else right
        if left is None or value is None:
            return False
        return OPERATORS[comparison.operator](left, value)

    def _read(self, reading: Reading) -> int | None:
        words = [self._word(each) for each in reading.all()]
        return None if None in words else sum(word for word in words if word is not None)

    def _word(self, reading: Reading) -> int | None:
        request = {"to": reading.to, "data": "0x" + reading.data.hex(), "gas": hex(60_000_000)}
        answer = self.stage.chain.rpc.batch([("eth_call", [request, "latest"])])[0]
        if not isinstance(answer, str):
            return None
        raw = bytes.fromhex(answer[2:])[32 * reading.word : 32 * reading.word + 32]
        return int.from_bytes(raw, "big", signed=True) * reading.factor

    def _seen(self, block: Block) -> bool:
        name = self.condition.event
        return bool(name) and any(e.name == name for r in block.results for e in r.events)


# ------------------------------------------------------------------ shrinking


@dataclass(frozen=True)
class Shrunk:
    """The result. ``minimal``: no single transaction can be left out."""

    script: Script
    condition: Condition
    items: tuple[Item, ...]
    end: int
    original: int
    """Transactions up to the block in which the condition first held, set-up included."""
    minimal: bool
    plays: int
    seconds: float


class _OutOfTime(Exception):
    pass


@dataclass
class Shrinker:
    """Leaves out what is not needed, until nothing more can be or time is up."""

    player: Player
    items: list[Item]
    deadline: float
    on_progress: Callable[[int, int], None] | None = None
    """Called with transactions left and lists played."""
    _base: str = field(init=False)

    def __post_init__(self) -> None:
        self._base = self.player.stage.pool.save()

    def run(self) -> bool:
        """Shrinks ``items``; True when no single one can be left out."""
        try:
            self._by_group(lambda item: item.agent)
            self._by_group(lambda item: f"{item.agent} {item.label.split(' ', 1)[0]}")
            size = max(1, len(self.items) // 2)
            while True:
                smaller = self._pass(size)
                if size == 1 and not smaller:
                    return True
                size = max(1, size // 2)
        except _OutOfTime:
            return False

    def _by_group(self, key: Callable[[Item], str]) -> None:
        """Leaves out everything of one key, largest group first."""
        counts: dict[str, int] = {}
        for item in self.items:
            counts[key(item)] = counts.get(key(item), 0) + 1
        for name in sorted(counts, key=lambda each: (-counts[each], each)):
            self._try([item for item in self.items if key(item) != name])

    def _try(self, items: list[Item]) -> None:
        self._check_time()
        self._base = self.player.stage.pool.restore(self._base)
        if self.player.holds(items):
            self._take(items)

    def _pass(self, size: int) -> bool:
        """One pass from back to front over pieces of ``size``; whether anything was left out."""
        before = len(self.items)
        marks = self._march(size)
        tail: list[Item] = []
        for start in reversed(range(0, before, size)):
            self._check_time()
            begin, token, seen = next(mark for mark in reversed(marks) if mark[0] <= start)
            while marks[-1][0] != begin:
                marks.pop()
            token = self.player.stage.pool.restore(token)
            marks[-1] = (begin, token, seen)
            self._base = marks[0][1]
            if not self.player.holds([*self.items[begin:start], *tail], seen):
                tail = [*self.items[start : start + size], *tail]
            else:
                self._take([*self.items[:start], *tail])
        return len(self.items) < before

    def _march(self, size: int) -> list[tuple[int, str, bool]]:
        """Plays everything once; snapshots where blocks begin: (first item, token, event seen)."""
        pool = self.player.stage.pool
        self._base = pool.restore(self._base)
        every = max(size, len(self.items) // MARKS)
        marks = [(0, self._base, False)]
        seen, last = False, 0
        for start in self._beginnings():
            if start - marks[-1][0] >= every:
                seen |= self.player.play(self.items[last:start])
                last = start
                marks.append((start, pool.save(), seen))
        return marks

    def _beginnings(self) -> Iterator[int]:
        for index in range(1, len(self.items)):
            if self.items[index].time != self.items[index - 1].time:
                yield index

    def _take(self, items: list[Item]) -> None:
        self.items = items
        if self.on_progress is not None:
            self.on_progress(len(items), self.player.plays)

    def _check_time(self) -> None:
        if wall.monotonic() > self.deadline:
            raise _OutOfTime


def shrink(
    tape: Tape,
    until: str = "insolvent",
    seconds: float = 300.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Shrunk:
    """The shortest list of a run's transactions, found in time, after which ``until`` holds.

    Raises:
        ScenarioError: not a condition, or the run never met it.
    """
    began = wall.monotonic()
    if uses_a_fork(tape):
        why = "on a fork's own contracts, which no test can create: without [fork]'s addresses"
        raise ScenarioError("run", tape.manifest.get("scenario"), why)
    what = script(tape)
    creations = [step for step in what.setup if all(not call.to for call in step.calls)]
    with Stage(Script(tape, tuple(creations), what.steps)) as stage:
        wanted = condition(until, what, stage.chain.codec)
        stage.pool.admit(what.senders)
        base = stage.pool.save()
        index = _first(what, wanted, stage)
        stage.pool.restore(base)
        codec = stage.chain.codec
        if index is None:
            raise ScenarioError("--until", until, "something that happened in this run")
        items = list(_items(what, index, codec))
        player = Player(stage, wanted, what.steps[index].time)
        shrinker = Shrinker(player, items, began + seconds, on_progress)
        shrinker._try(_filled(what, items))
        minimal = shrinker.run()
        return Shrunk(
            what,
            wanted,
            tuple(shrinker.items),
            player.end,
            len(items),
            minimal,
            player.plays,
            wall.monotonic() - began,
        )


def _first(what: Script, wanted: Condition, stage: Stage) -> int | None:
    """Index of the first block after which the condition holds."""
    try:
        return wanted.first(what)
    except KeyError:
        player = Player(stage, wanted, 0)
    player.play([item for item in _items(what, -1, stage.chain.codec) if not item.call.tx])
    for index, step in enumerate(what.steps):
        stage.play(step.time, step.calls)
        if any(player.compare(each) for each in wanted.comparisons):
            return index
    return None


def _items(what: Script, last: int, codec: Codec) -> Iterator[Item]:
    """Every transaction after the deployment, up to the block with index ``last``."""
    rows = what.tape.table("txs").select("tx", "agent", "order", "args").iter_rows()
    known = {tx: (agent, f"{order} {args}") for tx, agent, order, args in rows}
    steps: Iterable[Step] = (*what.setup, *what.steps[: last + 1])
    for step in steps:
        for call in step.calls:
            if call.to:
                name = f"{what.names.get(call.sender, call.sender)} (set-up)"
                agent, label = known.get(call.tx, (name, _named(what, call, codec)))
                yield Item(step.time, step.number, call, agent, label)


def _named(what: Script, call: Call, codec: Codec) -> str:
    """``vault.process``: role of the contract and function."""
    role = what.names.get(call.to, call.to)
    contract = what.deployment.names.get(role, "")
    return f"{role}.{codec.called(contract, call.data)}"


def _filled(what: Script, items: list[Item]) -> list[Item]:
    """Without what was refused: a revert leaves nothing behind."""
    txs = what.tape.table("txs")
    refused = set(txs.filter(pl.col("status") == "refused")["tx"].to_list())
    return [item for item in items if item.call.tx not in refused]
