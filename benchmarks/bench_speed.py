"""Speed of the engine: every gate of the simulator as a ratio of two measurements on one machine.

A crash with agents against its own transactions sent without them, in alternation; web3.py beside
the port; drift, memory and order over many blocks; digests and throughput of processes side by
side; what recording and reading cost; how cost grows. Writes speed.json: each gate with its value,
target and whether it is met, and each part with how busy the machine was: wall times of a loaded
machine mean little, times of the processors more. ``--quick`` makes everything shorter, ``--only
NAME`` measures one part anew.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gates import gates
from measure import Cost, cost, timed
from scaling import scaling
from web3 import HTTPProvider, Web3
from workers import processes

from amm_sim import assemble, scenario
from amm_sim.chain.client import DEPLOYER, GAS
from amm_sim.chain.orders import Transaction
from amm_sim.chain.pool import Block, Pool
from amm_sim.engine.actors import address_of
from amm_sim.engine.simulation import BEHIND, Simulation
from amm_sim.errors import ChainError
from amm_sim.opening import FOUNDER
from amm_sim.prepared import Prepared
from amm_sim.scenario import Scenario
from amm_sim.types import PokeOracle

ROOT = Path(__file__).resolve().parents[1]
CRASH = ROOT / "scenarios" / "black_thursday.toml"
CALM = ROOT / "scenarios" / "calm.toml"
ORDER_SIZE = 250
SHORT = {"run.duration": 3600}


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    hours: float
    rounds: int
    drift_blocks: int
    order_blocks: int


FULL = Extent(hours=6.0, rounds=5, drift_blocks=20_000, order_blocks=4_000)
QUICK = Extent(hours=1.0, rounds=2, drift_blocks=3_000, order_blocks=100)


@dataclass
class Log:
    """The blocks of a run: what is needed to send them again."""

    blocks: list[tuple[int, list[Transaction], list[str], list[str]]] = field(default_factory=list)
    """Time, transactions, accounts read with it, accounts of the block before read later."""

    def keep(self, pool: Pool) -> Callable[..., Block]:
        """The port's ``block`` that also writes down what it is given."""
        block = type(pool).block.__get__(pool)

        def kept(
            at: int,
            transactions: list[Transaction],
            accounts: Sequence[str] = (),
            late: Sequence[str] = (),
            **more: Any,
        ) -> Block:
            self.blocks.append((at, list(transactions), list(accounts), list(late)))
            found: Block = block(at, transactions, accounts, late=late, **more)
            return found

        return kept


# ------------------------------------------------------------- with and without agents


def with_agents(prepared: Prepared, log: Log | None, *, record: bool) -> tuple[Cost, Simulation]:
    """The run as ``amm-sim run`` does it, or without writing it down."""
    pool = prepared.pool
    if log is not None:
        log.blocks.clear()
        pool.block = log.keep(pool)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        recorder = prepared.recorder(Path(folder) / "run") if record else None
        simulation = prepared.path(prepared.scenario.run.seed, recorder)
        spent = cost(prepared, simulation.run)
        if recorder is not None:
            recorder.close()
    if log is not None:
        del pool.block
    return spent, simulation


def resent(prepared: Prepared, log: Log, *, look: bool) -> Cost:
    """The same blocks alone, with the same state read after each or with none."""
    block = prepared.pool.block

    def send() -> None:
        read: deque[Block] = deque()
        for at, transactions, accounts, late in log.blocks:
            asked = (accounts, late) if look else ((), ())
            read.append(block(at, transactions, asked[0], late=asked[1], look=look))
            if look and len(read) >= BEHIND:  # what was read is decoded, too
                oldest = read.popleft()
                assert oldest.pool["nav"]
                oldest.late()

    return cost(prepared, send)


def alternated(
    loaded: Scenario, rounds: int, *, unrecorded: bool = False
) -> tuple[dict[str, list[Cost]], Log, int]:
    """A run, its blocks sent again with the same reads, and bare, in alternation.

    Returns:
        What each took in each round, the blocks, and the run's transactions.
    """
    log, spent, transactions = Log(), dict[str, list[Cost]](), 0

    def full() -> Cost:
        nonlocal transactions
        took, simulation = with_agents(prepared, log, record=True)
        transactions = simulation.progress.transactions
        return took

    with assemble.prepare(loaded) as prepared:
        token = prepared.pool.save()
        parts: dict[str, Callable[[], Cost]] = {FULL_RUN: full}
        if unrecorded:
            parts["not_recorded"] = lambda: with_agents(prepared, None, record=False)[0]
        parts |= {
            "with_same_reads": lambda: resent(prepared, log, look=True),
            BARE: lambda: resent(prepared, log, look=False),
        }
        for _ in range(rounds):
            for name, part in parts.items():
                spent.setdefault(name, []).append(part())
                token = prepared.pool.restore(token)
    return spent, log, transactions


FULL_RUN, BARE = "with_agents", "bare"


def crash(extent: Extent) -> dict[str, Any]:
    """The demo's crash: recorded, not recorded, its blocks with reads, bare."""
    loaded = scenario.load(CRASH, {"run.duration": int(extent.hours * 3600)})
    spent, log, transactions = alternated(loaded, extent.rounds, unrecorded=True)
    least = min(each.wall for each in spent[FULL_RUN])
    return {
        "hours": extent.hours,
        **_shares(spent, log, transactions),
        "seconds_for_72_hours": least * 72 / extent.hours,
        "transactions_per_second": transactions / least,
        "recording": 1.0 - _ratio(spent, "not_recorded", FULL_RUN),
        "recording_by_processor": 1.0 - _ratio(spent, "not_recorded", FULL_RUN, "processor"),
    }


def _shares(spent: Mapping[str, Sequence[Cost]], log: Log, transactions: int) -> dict[str, Any]:
    """What a block takes, in which way of sending it, and the ratios."""
    blocks = len(log.blocks)
    each = {name: _each(rows, blocks) for name, rows in spent.items()}
    return {
        "rounds": len(spent[BARE]),
        "blocks": blocks,
        "transactions_per_block": transactions / blocks,
        "accounts_read_per_block": sum(len(accounts) for _, _, accounts, _ in log.blocks) / blocks,
        "accounts_read_later_per_block": sum(len(late) for *_, late in log.blocks) / blocks,
        "milliseconds_per_block": each,
        "milliseconds_of_reads_per_block": each["with_same_reads"]["wall"] - each[BARE]["wall"],
        "ratio_to_bare": _ratio(spent, BARE, FULL_RUN),
        "ratio_to_bare_by_processor": _ratio(spent, BARE, FULL_RUN, "processor"),
        "ratio_to_same_reads": _ratio(spent, "with_same_reads", FULL_RUN),
    }


def _each(rows: Sequence[Cost], blocks: int) -> dict[str, float]:
    kinds = ("wall", "python", "anvil")
    return {k: round(1e3 * min(getattr(r, k) for r in rows) / blocks, 3) for k in kinds}


def _ratio(spent: Mapping[str, Sequence[Cost]], part: str, whole: str, kind: str = "wall") -> float:
    """Median over the rounds, each of which measured both."""
    pairs = zip(spent[part], spent[whole], strict=True)
    return float(statistics.median(getattr(a, kind) / getattr(b, kind) for a, b in pairs))


BUSY = {"cadence": 60, "rate": 60.0, "close_rate": 30.0, "legs": 2, "size": 1.0, "capital": 10**6}
"""A trader that opens or closes something in nearly every block."""


def crowd(retail: Mapping[str, Any]) -> Scenario:
    """An hour of a calm day with 100 retail traders."""
    changes = {**SHORT, "agents.retail.count": 100}
    return scenario.load(CALM, changes | {f"agents.retail.{k}": v for k, v in retail.items()})


def hundred_agents(rounds: int, retail: Mapping[str, Any]) -> dict[str, Any]:
    """The crowd: its ratio, and what its reads cost a block."""
    return _shares(*alternated(crowd(retail), rounds))


# ------------------------------------------------------------- long runs, order, web3


def drift(blocks: int) -> dict[str, float]:
    """Blocks a second late over early, and memory: one transfer of a token in every block.

    The same work in every block, so that nothing but the chain's age differs; medians, because
    what else the machine does comes in bursts.
    """
    with assemble.prepare(scenario.load(CRASH, SHORT)) as prepared:
        simulation = prepared.simulation()
        pool, now = prepared.pool, simulation.head.time
        pack = prepared.chain.function("MockToken", "transfer").pack
        token = prepared.deployment.addresses["quote"]
        transfer = Transaction(FOUNDER, token, pack(DEPLOYER, 0))

        def one(at: int) -> float:
            return timed(lambda: pool.block(at, [transfer], look=False))

        seconds = [one(at) for at in range(now + 1, now + 1 + blocks)]
        megabytes = prepared.chain.anvil.resident_megabytes()  # type: ignore[attr-defined]
    lap = min(1000, blocks // 3)
    early, late = statistics.median(seconds[:lap]), statistics.median(seconds[-lap:])
    return {
        "blocks": blocks,
        "milliseconds_of_an_early_block": round(1e3 * early, 3),
        "milliseconds_of_a_late_block": round(1e3 * late, 3),
        "late_over_early": early / late,
        "anvil_megabytes": round(megabytes, 1),
        "python_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def order(blocks: int) -> dict[str, float]:
    """Transactions per second in big blocks, and blocks out of order, which the port refuses."""
    with assemble.prepare(scenario.load(CRASH, SHORT)) as prepared:
        simulation = prepared.simulation()
        pool, start = prepared.pool, simulation.head.time
        senders = [address_of(f"sender-{i}") for i in range(50)]
        pool.admit(senders)
        pokes = [pool.encode(PokeOracle(), senders[i % 50]) for i in range(ORDER_SIZE)]
        batch = [poke for poke in pokes if poke is not None]
        violations, began = 0, time.perf_counter()
        for at in range(start + 1, start + 1 + blocks):
            try:
                pool.block(at, batch, look=False)
            except ChainError:
                violations += 1
        seconds = time.perf_counter() - began
    count = blocks * ORDER_SIZE
    return {
        "transactions": count,
        "violations": violations,
        "transactions_per_second": count / seconds,
    }


def web3_automine() -> dict[str, float]:
    """The same trades as the port sends them and through web3.py with automine, one by one.

    A block of the busy crowd's, when everybody has money: both ways from one state of the chain.
    """
    with assemble.prepare(crowd(BUSY)) as prepared:
        log = Log()
        prepared.pool.block = log.keep(prepared.pool)  # type: ignore[method-assign]
        simulation = prepared.simulation()
        for _ in range(WARM):
            simulation.step()
        token = prepared.pool.save()
        simulation.step()
        del prepared.pool.block
        at, block, *_ = log.blocks[-1]
        market, done = prepared.deployment.addresses["market"], simulation.head.results
        pairs = zip(block, done, strict=True)
        trades = [each for each, result in pairs if each.to == market and result.error is None]
        rest = [each for each in block if each.to != market]  # posts, without which prices are old
        seconds = []
        for _ in range(ROUNDS):
            token = prepared.pool.restore(token)
            prepared.pool.block(at - 1, rest, look=False)
            seconds.append(timed(lambda: _filled(prepared.pool.block(at, trades, look=False))))
        prepared.pool.restore(token)
        prepared.pool.block(at - 1, rest, look=False)
        prepared.chain.rpc.call("evm_setAutomine", True)
        prepared.chain.rpc.call("evm_setNextBlockTimestamp", hex(at))
        client = Web3(HTTPProvider(prepared.chain.anvil.url))  # type: ignore[attr-defined]
        slow = sum(timed(partial(_by_web3, client, each)) for each in trades)
    return {
        "trades": len(trades),
        "per_second": len(trades) / slow,
        "port_per_second": len(trades) / statistics.median(seconds),
    }


WARM, ROUNDS = 5, 5
POLL = 0.001
"""Seconds: with its usual tenth of one web3.py would mostly sleep."""


def _filled(block: Block) -> None:
    """Most are filled: a refusal would be the quicker transaction."""
    filled = sum(1 for result in block.results if result.error is None)
    assert filled >= 0.8 * len(block.results), f"{filled} of {len(block.results)} trades"


def _by_web3(client: Web3, transaction: Transaction) -> None:
    sender, to = (Web3.to_checksum_address(each) for each in (transaction.sender, transaction.to))
    request = {"from": sender, "to": to, "data": "0x" + transaction.data.hex()}
    sent = client.eth.send_transaction(request | {"gas": GAS})  # type: ignore[arg-type]
    client.eth.wait_for_transaction_receipt(sent, poll_latency=POLL)


# ------------------------------------------------------------- gates


def machine() -> dict[str, Any]:
    """What it is."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


PARTS: Mapping[str, Callable[[Extent], dict[str, Any]]] = {
    "crash": crash,
    "hundred_agents": lambda extent: hundred_agents(extent.rounds, {}),
    "hundred_busy_agents": lambda extent: hundred_agents(extent.rounds, BUSY),
    "drift": lambda extent: drift(extent.drift_blocks),
    "order": lambda extent: order(extent.order_blocks),
    "web3_automine": lambda _: web3_automine(),
    "processes": lambda extent: processes(CRASH, extent.rounds),
    "scaling": lambda extent: scaling(quick=extent is QUICK),
}


def measured(name: str, extent: Extent) -> dict[str, Any]:
    """A part, and how many tasks wanted to run when it began."""
    load = round(os.getloadavg()[0], 2)
    return {**PARTS[name](extent), "load": load}


def main() -> None:
    """Measures everything, or one part anew, and writes speed.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter in everything")
    parser.add_argument("--only", choices=PARTS, help="one part; the others stay as they were")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("speed.json"))
    arguments = parser.parse_args()
    extent = QUICK if arguments.quick else FULL
    found: dict[str, Any] = {}
    if arguments.only:
        found = json.loads(arguments.out.read_text(encoding="utf-8"))
    for name in [arguments.only] if arguments.only else PARTS:
        print(f"[{name}]", flush=True)
        found[name] = measured(name, extent)
    parts = {name: found[name] for name in PARTS}
    result = {"gates": gates(parts), "machine": machine(), **parts}
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, row in result["gates"].items():
        word = "met   " if row["met"] else "MISSED"
        print(f"{word} {name}: {row['value']} (target {row['target']})")


if __name__ == "__main__":
    main()
