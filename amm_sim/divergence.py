"""Where two runs part: in inputs, in what was sent, in what became of it, in storage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import polars as pl

from amm_sim.chain.artifacts import Artifacts
from amm_sim.chain.storage import Change, Keys, changes, dump
from amm_sim.errors import AmmSimError, ScenarioError
from amm_sim.replay import Call, Script, Stage, Step, recorded, script
from amm_sim.tape import Tape

SMALL_KEYS = range(256)
"""Whole numbers that may key a mapping, besides series and expiries."""
INPUTS = ("scenario", "seed", "tables", "parameters", "artifacts", "anvil", "versions")
"""What of a manifest says how a run was made."""


@dataclass(frozen=True)
class Sent:
    """A transaction as people see it."""

    tx: int
    agent: str
    order: str
    outcome: str

    def __str__(self) -> str:
        return f"tx {self.tx}: {self.agent} {self.order} -> {self.outcome}"


@dataclass(frozen=True)
class Divergence:
    """The first difference of two runs; ``block`` is None when they are equal."""

    inputs: tuple[str, ...]
    """Differences of how the runs were made: dotted key and both values."""
    equal_blocks: int
    block: int | None = None
    time: int | None = None
    left: Sent | None = None
    right: Sent | None = None
    difference: str = ""
    before: tuple[Change, ...] = ()
    """Storage that differed already before that block."""
    after: tuple[Change, ...] = ()
    """Storage that differs after the differing transaction."""
    storage_error: str = ""
    """Why storage could not be compared."""


@dataclass(frozen=True)
class _Part:
    """The place where two scripts part."""

    index: int
    place: int | None
    """Index of the transaction in its block; None if no transaction tells."""
    difference: str
    left: Call | None = None
    right: Call | None = None


def diverge(left: Tape, right: Tape, *, storage: bool = True) -> Divergence:
    """Compares two runs by their records, then sends both again to compare storage.

    Raises:
        ScenarioError: a run did not record its transactions.
    """
    mine, others = script(left), script(right)
    inputs = tuple(_inputs(left.manifest, right.manifest))
    part = _part(mine, others)
    if part is None:
        return Divergence(inputs, len(mine.steps))
    found = _described(mine, others, part, inputs)
    if not storage:
        return found
    try:
        before, after = _storage(mine, others, part)
    except AmmSimError as error:
        return _with(found, storage_error=str(error))
    return _with(found, before=before, after=after)


def _with(found: Divergence, **values: Any) -> Divergence:
    return Divergence(**{**found.__dict__, **values})


def _inputs(left: Any, right: Any, path: str = "") -> Iterator[str]:
    """Leaves in which two manifests differ."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        keys = INPUTS if not path else sorted({*left, *right})
        for key in keys:
            below = f"{path}.{key}" if path else key
            yield from _inputs(left.get(key), right.get(key), below)
    elif isinstance(left, list) and isinstance(right, list) and path.startswith("tables"):
        for index, (mine, others) in enumerate(zip_longest(left, right)):
            yield from _inputs(mine, others, f"{path}[{index}]")
    elif left != right:
        yield f"{path}: {json.dumps(left)} | {json.dumps(right)}"


# ------------------------------------------------------------------ records


def _part(left: Script, right: Script) -> _Part | None:
    for index, (mine, others) in enumerate(zip(left.steps, right.steps, strict=False)):
        if mine.time != others.time:
            return _Part(index, None, f"time {mine.time} | {others.time}")
        if mine.digest != others.digest:
            return _in_block(left, right, index)
    count, other_count = len(left.steps), len(right.steps)
    if count == other_count:
        return None
    return _Part(min(count, other_count), None, f"{count} blocks | {other_count} blocks")


def _in_block(left: Script, right: Script, index: int) -> _Part:
    pairs = zip_longest(left.steps[index].calls, right.steps[index].calls)
    for place, (mine, others) in enumerate(pairs):
        difference = _of_calls(left, right, mine, others)
        if difference:
            return _Part(index, place, difference, mine, others)
    return _Part(index, None, "digests differ, but no recorded transaction does")


def _of_calls(left: Script, right: Script, mine: Call | None, others: Call | None) -> str:
    if mine is None or others is None:
        return "a transaction that only one run has"
    if mine.sender != others.sender:
        return "sender"
    if mine.to != others.to:
        return "target"
    if mine.data != others.data:
        return "arguments"
    return recorded(left.tape, mine.tx).differs(recorded(right.tape, others.tx))


def _described(left: Script, right: Script, part: _Part, inputs: tuple[str, ...]) -> Divergence:
    steps = left.steps if part.index < len(left.steps) else right.steps
    step: Step = steps[part.index]
    return Divergence(
        inputs,
        part.index,
        step.number,
        step.time,
        _sent(left.tape, part.left),
        _sent(right.tape, part.right),
        part.difference,
    )


def _sent(tape: Tape, call: Call | None) -> Sent | None:
    if call is None:
        return None
    row = tape.table("txs").filter(pl.col("tx") == call.tx).row(0, named=True)
    order = f"{row['order']} {row['args']}"
    return Sent(call.tx, row["agent"], order, str(recorded(tape, call.tx)))


# ------------------------------------------------------------------ storage


def _storage(
    left: Script, right: Script, part: _Part
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Variables that differ before the block, and after the differing transaction."""
    if left.deployment.addresses != right.deployment.addresses:
        raise ScenarioError("runs", "addresses", "the contracts lie elsewhere: not comparable")
    states = [_states(each, part) for each in (left, right)]
    names = left.deployment.names
    contracts = {left.deployment.addresses[role]: name for role, name in names.items()}
    keys, artifacts = keys_of(left, right), Artifacts()
    before, after = (
        tuple(changes(mine, others, contracts, artifacts, keys))
        for mine, others in zip(*states, strict=True)
    )
    return before, after


def _states(what: Script, part: _Part) -> tuple[Any, Any]:
    with Stage(what) as stage:
        for step in what.steps[: part.index]:
            stage.play(step.time, step.calls)
        before = dump(stage.chain)
        if part.index < len(what.steps):
            step = what.steps[part.index]
            last = len(step.calls) if part.place is None else part.place + 1
            stage.play(step.time, step.calls[:last])
        return before, dump(stage.chain)


def keys_of(*scripts: Script) -> Keys:
    """Addresses, series and expiries that runs know."""
    addresses: dict[str, str] = {}
    numbers: dict[int, None] = dict.fromkeys(SMALL_KEYS)
    for what in scripts:
        addresses |= what.names
        numbers |= dict.fromkeys(what.tape.table("expiries")["expiry"].unique().sort().to_list())
        trades = what.tape.table("txs").filter(pl.col("order") == "Trade")["args"]
        numbers |= dict.fromkeys(json.loads(args)["series"] for args in trades)
    return Keys(addresses, tuple(numbers))
