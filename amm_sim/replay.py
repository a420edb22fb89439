"""A recorded run again, from what it sent: no agents, no scenario, no market.

The table ``calls`` holds every transaction with its sender and calldata, also those before the
start, so a run can be sent again to a fresh Anvil with equal digests, and it can be changed: cut,
shortened, compared (see ``divergence`` and ``shrink``).
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import polars as pl

from amm_sim.chain.anvil import Anvil, Fork
from amm_sim.chain.artifacts import Artifacts
from amm_sim.chain.client import DEPLOYER, GAS, LIBRARIAN, Chain, Changed
from amm_sim.chain.deploy import Deployment
from amm_sim.chain.orders import Transaction
from amm_sim.chain.pool import Block, Pool, Result
from amm_sim.engine.table import Table
from amm_sim.errors import ChainError, ScenarioError
from amm_sim.opening import FOUNDER
from amm_sim.tape import Tape


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction as it was sent. ``tx`` is its number in the run, 0 before the start."""

    tx: int
    sender: str
    to: str
    """Empty where it creates a contract."""
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """A block: its transactions in order; ``digest`` is the run's after it, "" before the start."""

    number: int
    time: int
    calls: tuple[Call, ...]
    digest: str = ""


@dataclass(frozen=True)
class Script:
    """All that a run sent, block by block."""

    tape: Tape
    setup: tuple[Step, ...]
    """Deployment, money, first prices and boards."""
    steps: tuple[Step, ...]
    """From the first block of the run on."""

    @property
    def senders(self) -> list[str]:
        """Everybody who ever sent."""
        return list(dict.fromkeys(c.sender for s in (*self.setup, *self.steps) for c in s.calls))

    @cached_property
    def deployment(self) -> Deployment:
        """Where the contracts lie."""
        manifest = self.tape.manifest
        protocol = manifest["tables"].get("protocol", {})
        decimals = int(protocol.get("quote_decimals", 6))
        return Deployment(manifest["addresses"], manifest["contracts"], decimals)

    @cached_property
    def names(self) -> dict[str, str]:
        """Who is behind an address: contracts by role, agents and publishers by name."""
        agents = self.tape.table("agents")
        found = {address: role for role, address in self.deployment.addresses.items()}
        found |= dict(zip(agents["address"], agents["agent"], strict=True))
        return found | {DEPLOYER: "deployer", LIBRARIAN: "librarian", FOUNDER: "founder"}


def script(tape: Tape) -> Script:
    """What a run sent.

    Raises:
        ScenarioError: the run did not record it, or nothing was recorded.
    """
    calls, blocks = tape.table("calls"), tape.table("blocks")
    missing = [key for key in ("addresses", "contracts", "anvil") if key not in tape.manifest]
    if missing or calls.is_empty() or blocks.is_empty():
        what = f"without {missing[0]}" if missing else "without recorded transactions"
        raise ScenarioError("run", tape.manifest.get("scenario"), f"{what}: run it again")
    if uses_a_fork(tape) and "changes" not in tape.manifest:
        what = "on a fork's own contracts without what was set there: run it again"
        raise ScenarioError("run", tape.manifest.get("scenario"), what)
    first = blocks["block"][0]
    by_block: dict[int, list[Call]] = {}
    times: dict[int, int] = {}
    for block, time, *rest in calls.iter_rows():
        by_block.setdefault(block, []).append(Call(*rest))
        times[block] = time
    setup = [Step(n, times[n], tuple(by_block[n])) for n in sorted(by_block) if n < first]
    rows = blocks.select("block", "time", "digest").iter_rows()
    steps = [Step(n, time, tuple(by_block.get(n, ())), digest) for n, time, digest in rows]
    return Script(tape, tuple(setup), tuple(steps))


def uses_a_fork(tape: Tape) -> bool:
    """Whether contracts of a fork took the place of mocks."""
    keys = tape.manifest.get("tables", {}).get("fork", {})
    return any(key not in ("url", "block", "cache") for key in keys)


class Stage:
    """A fresh chain after the set-up of a run, to be driven by recorded transactions.

    Raises:
        ChainError: the recorded set-up does not work here.
    """

    def __init__(
        self, script: Script, artifacts: Artifacts | None = None, fork: Fork | None = None
    ) -> None:
        self.script = script
        genesis, recorded, limited = _node(script)
        self._changes = deque(Changed(*each) for each in script.tape.manifest.get("changes", ()))
        anvil = Anvil(genesis, fork=fork or recorded, code_limit=limited)
        self.chain = Chain(anvil, artifacts or Artifacts())
        try:
            self.chain.fund(script.senders)
            nonces = self._nonces()
            for step in script.setup:
                self._set(step.number)
                self._prepare(step, nonces)
            self._set(None)
            self.pool = Pool(self.chain, script.deployment)
            self.pool.admit(script.senders)
        except BaseException:
            self.chain.close()
            raise

    def play(self, time: int, calls: Iterable[Call], *, look: bool = False) -> Block:
        """One block."""
        transactions = [Transaction(call.sender, call.to, call.data) for call in calls]
        return self.pool.block(time, transactions, look=look)

    def close(self) -> None:
        """Ends the chain."""
        self.chain.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _nonces(self) -> dict[str, int]:
        senders = self.script.senders
        asked = [("eth_getTransactionCount", [sender, "latest"]) for sender in senders]
        counts = self.chain.rpc.strict(asked)
        return {sender: int(count, 16) for sender, count in zip(senders, counts, strict=True)}

    def _set(self, before: int | None) -> None:
        """What was set outside of transactions before a block, or at all."""
        while self._changes and (before is None or self._changes[0].block < before):
            change = self._changes.popleft()
            self.chain.change(change.method, *change.params)

    def _prepare(self, step: Step, nonces: dict[str, int]) -> None:
        """A block before the start, where contracts are created."""
        requests = []
        for place, call in enumerate(step.calls):
            requests.append(_request(call, nonces[call.sender], len(step.calls) - place))
            nonces[call.sender] += 1
        self.chain.rpc.strict([("eth_sendTransaction", [request]) for request in requests])
        self.chain.rpc.call("evm_mine", hex(step.time))
        receipts = self.chain.rpc.call("eth_getBlockReceipts", "latest")
        failed = [i for i, receipt in enumerate(receipts) if receipt["status"] != "0x1"]
        if len(receipts) != len(step.calls) or failed:
            call = step.calls[failed[0]] if failed else step.calls[0]
            to = self.script.names.get(call.to, call.to) or "creation of a contract"
            raise ChainError(f"block {step.number} of the set-up cannot be sent again: {to} failed")


def _request(call: Call, nonce: int, rank: int) -> dict[str, str]:
    request = {
        "from": call.sender,
        "data": "0x" + call.data.hex(),
        "gas": hex(GAS),
        "gasPrice": hex(rank),
        "nonce": hex(nonce),
    }
    return {**request, "to": call.to} if call.to else request


def recorded_fork(tape: Tape) -> Fork | None:
    """The fork that a run's Anvil was started with."""
    flags: list[str] = list(tape.manifest["anvil"]["flags"])
    if "--fork-url" not in flags:
        return None
    pinned = "--fork-block-number" in flags
    block = int(flags[flags.index("--fork-block-number") + 1]) if pinned else None
    return Fork(flags[flags.index("--fork-url") + 1], block)


def _node(script: Script) -> tuple[int, Fork | None, bool]:
    """Genesis time, fork, and whether contracts were limited in size, from Anvil's flags."""
    flags: list[str] = list(script.tape.manifest["anvil"]["flags"])
    stated = flags[flags.index("--timestamp") + 1] if "--timestamp" in flags else None
    genesis = int(stated or script.setup[0].time - 1)
    return genesis, recorded_fork(script.tape), "--disable-code-size-limit" not in flags


# ------------------------------------------------------------------ what happened


@dataclass(frozen=True)
class Happened:
    """What became of a transaction, comparable across runs."""

    status: str
    error: str
    error_args: str
    gas: int
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def __str__(self) -> str:
        said = f" {self.error}{self.error_args}" if self.error else ""
        names = ", ".join(name for name, _ in self.events)
        return f"{self.status}{said}, {self.gas} gas" + (f", {names}" if names else "")

    def differs(self, other: Happened) -> str:
        """The first difference in words; "" when there is none."""
        for key in ("status", "error", "error_args", "gas"):
            mine, others = getattr(self, key), getattr(other, key)
            if mine != others:
                return f"{key} {mine} | {others}"
        for (name, row), (other_name, other_row) in zip(self.events, other.events, strict=False):
            if name != other_name:
                return f"event {name} | {other_name}"
            for key in row:
                if row[key] != other_row.get(key):
                    return f"event {name}.{key} {row[key]} | {other_row.get(key)}"
        mine, others = len(self.events), len(other.events)
        return "" if mine == others else f"events {mine} | {others}"


PLACE = ("block", "time", "tx", "log")


def recorded(tape: Tape, tx: int) -> Happened:
    """What the tables say of a transaction."""
    row = tape.table("txs").filter(pl.col("tx") == tx).row(0, named=True)
    events: list[tuple[int, str, dict[str, Any]]] = []
    for table, frame in tape.tables.items():
        if table.startswith("event_") and "log" in frame.columns:
            events += [
                (found["log"], table.removeprefix("event_"), _without_place(found))
                for found in frame.filter(pl.col("tx") == tx).iter_rows(named=True)
            ]
    ordered = tuple((name, found) for _, name, found in sorted(events, key=lambda e: e[0]))
    return Happened(row["status"], row["error"], row["error_args"], row["gas"], ordered)


def replayed(pool: Pool, result: Result) -> Happened:
    """The same of a transaction that was just sent."""
    events = []
    schemas = pool.event_schemas()
    for event in result.events:
        name, row = pool.event_row(event)
        frame = Table(name, schemas[name]).frame([{**dict.fromkeys(PLACE, 0), **row}])
        events.append((name, _without_place(frame.row(0, named=True))))
    error = result.error
    if error is None:
        return Happened("filled", "", "{}", result.gas, tuple(events))
    args = json.dumps(error.args, default=lambda raw: "0x" + raw.hex(), separators=(",", ":"))
    return Happened("refused", error.name, args, result.gas, tuple(events))


def _without_place(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in PLACE}


# ------------------------------------------------------------------ replay


@dataclass(frozen=True)
class Verdict:
    """What a replay found. ``block`` and ``tx`` are of the first difference, None without any."""

    blocks: int
    transactions: int
    digest: str
    block: int | None = None
    time: int | None = None
    tx: int | None = None
    difference: str = ""

    @property
    def equal(self) -> bool:
        """Whether every digest was the recorded one."""
        return self.block is None


def replay(
    tape: Tape,
    artifacts: Artifacts | None = None,
    on_block: Callable[[int, int], None] | None = None,
    fork: Fork | None = None,
) -> Verdict:
    """Sends a run again and compares digests block by block, up to the first difference.

    Args:
        tape: the run.
        artifacts: names of errors and events; the code is the recorded one.
        on_block: called with blocks done and all blocks.
        fork: where a forked run's chain is now, by default where it was.
    """
    what = script(tape)
    chained, sent = b"", 0
    with Stage(what, artifacts, fork) as stage:
        for done, step in enumerate(what.steps):
            block = stage.play(step.time, step.calls)
            chained = hashlib.sha256(chained + block.digest).digest()
            sent += len(step.calls)
            if chained.hex() != step.digest:
                tx, why = _first(what, stage, step.calls, block.results)
                return Verdict(done, sent, chained.hex(), step.number, step.time, tx, why)
            if on_block is not None:
                on_block(done + 1, len(what.steps))
    return Verdict(len(what.steps), sent, chained.hex())


def _first(
    what: Script, stage: Stage, calls: Sequence[Call], results: Sequence[Result]
) -> tuple[int | None, str]:
    for call, result in zip(calls, results, strict=True):
        difference = recorded(what.tape, call.tx).differs(replayed(stage.pool, result))
        if difference:
            return call.tx, difference
    return None, "the recorded transactions or the time of this block were altered"
