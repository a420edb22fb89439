"""Speed of the engine: every gate of the simulator as a ratio of two measurements on one machine.

A crash with agents against its own transactions sent without them, in alternation; web3.py beside
the port; drift, memory and order over many blocks; digests and throughput of processes side by
side; what recording and reading cost. Writes speed.json: each gate with its value, target and
whether it is met, and how busy the machine was: wall times of a loaded machine mean little, times
of the processors more. ``--quick`` makes everything shorter.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from web3 import HTTPProvider, Web3

from amm_sim import assemble, scenario
from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.orders import Transaction
from amm_sim.chain.pool import Block, Pool
from amm_sim.engine.actors import address_of
from amm_sim.engine.recorder import Recorder
from amm_sim.engine.simulation import Simulation
from amm_sim.prepared import Prepared
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


@dataclass(frozen=True)
class Cost:
    """Wall seconds, and processor seconds of this process and of Anvil."""

    wall: float
    processor: float


@dataclass
class Log:
    """The blocks of a run: what is needed to send them again."""

    blocks: list[tuple[int, list[Transaction], list[str]]] = field(default_factory=list)

    def keep(self, pool: Pool) -> Callable[..., Block]:
        """The port's ``block`` that also writes down what it is given."""
        block = type(pool).block.__get__(pool)

        def kept(
            at: int, transactions: list[Transaction], accounts: Sequence[str] = (), **more: Any
        ) -> Block:
            self.blocks.append((at, list(transactions), list(accounts)))
            found: Block = block(at, transactions, accounts, **more)
            return found

        return kept


def processor_of(pid: int) -> float:
    """Processor seconds of a process so far; 0 where the system does not tell."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def cost(prepared: Prepared, work: Callable[[], Any]) -> Cost:
    """What ``work`` on a prepared world takes."""
    pid = getattr(prepared.chain.anvil, "pid", 0)
    wall, own, anvil = time.perf_counter(), time.process_time(), processor_of(pid)
    work()
    processor = time.process_time() - own + processor_of(pid) - anvil
    return Cost(time.perf_counter() - wall, processor)


def timed(work: Callable[[], Any]) -> float:
    """Wall seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# ------------------------------------------------------------- with and without agents


def with_agents(prepared: Prepared, log: Log | None, *, record: bool) -> tuple[Cost, Simulation]:
    """The run as ``amm-sim run`` does it, or without writing it down."""
    pool = prepared.pool
    if log is not None:
        log.blocks.clear()
        pool.block = log.keep(pool)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "run", pool.event_schemas()) if record else None
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
        for at, transactions, accounts in log.blocks:
            block(at, transactions, accounts if look else (), look=look)

    return cost(prepared, send)


def crash(extent: Extent) -> dict[str, Any]:
    """The demo's crash in alternation: recorded, not recorded, its blocks with reads, bare."""
    loaded = scenario.load(CRASH, {"run.duration": int(extent.hours * 3600)})
    log, spent = Log(), dict[str, list[Cost]]()
    with assemble.prepare(loaded) as prepared:
        token = prepared.pool.save()
        for _ in range(extent.rounds):
            full, simulation = with_agents(prepared, log, record=True)
            token = prepared.pool.restore(token)
            plain, _ = with_agents(prepared, None, record=False)
            token = prepared.pool.restore(token)
            reads = resent(prepared, log, look=True)
            token = prepared.pool.restore(token)
            bare = resent(prepared, log, look=False)
            token = prepared.pool.restore(token)
            for name, one in zip(NAMES, (full, plain, reads, bare), strict=True):
                spent.setdefault(name, []).append(one)
    blocks, transactions = len(log.blocks), simulation.progress.transactions
    return {
        "hours": extent.hours,
        "rounds": extent.rounds,
        "blocks": blocks,
        "transactions": transactions,
        "accounts_read_per_block": sum(len(accounts) for _, _, accounts in log.blocks) / blocks,
        "milliseconds_per_block": {n: _each(rows, blocks) for n, rows in spent.items()},
        "seconds_for_72_hours": min(c.wall for c in spent[NAMES[0]]) * 72 / extent.hours,
        "transactions_per_second": transactions / min(c.wall for c in spent[NAMES[0]]),
        "ratio_to_bare": _ratio(spent, "bare", NAMES[0]),
        "ratio_to_same_reads": _ratio(spent, "with_same_reads", NAMES[0]),
        "recording": 1.0 - _ratio(spent, "not_recorded", NAMES[0]),
        "ratio_to_bare_by_processor": _ratio(spent, "bare", NAMES[0], "processor"),
    }


NAMES = ("with_agents", "not_recorded", "with_same_reads", "bare")


def _each(rows: Sequence[Cost], blocks: int) -> dict[str, float]:
    kinds = ("wall", "processor")
    return {k: round(1e3 * min(getattr(r, k) for r in rows) / blocks, 3) for k in kinds}


def _ratio(spent: Mapping[str, Sequence[Cost]], part: str, whole: str, kind: str = "wall") -> float:
    """Median over the rounds, each of which measured both."""
    pairs = zip(spent[part], spent[whole], strict=True)
    return float(statistics.median(getattr(a, kind) / getattr(b, kind) for a, b in pairs))


def hundred_agents(rounds: int) -> dict[str, float]:
    """An hour of a calm day with 100 retail traders: its ratio, and what reads cost a block."""
    log, spent = Log(), list[tuple[float, float, float]]()
    changes = {**SHORT, "agents.retail.count": 100}
    with assemble.prepare(scenario.load(CALM, changes)) as prepared:
        token = prepared.pool.save()
        for _ in range(rounds):
            full, simulation = with_agents(prepared, log, record=True)
            token = prepared.pool.restore(token)
            reads = resent(prepared, log, look=True)
            token = prepared.pool.restore(token)
            bare = resent(prepared, log, look=False)
            token = prepared.pool.restore(token)
            spent.append((full.wall, reads.wall, bare.wall))
    least = min(row[1] for row in spent) - min(row[2] for row in spent)
    return {
        "ratio_to_bare": statistics.median(bare / full for full, _, bare in spent),
        "milliseconds_of_reads_per_block": 1e3 * least / len(log.blocks),
        "transactions": simulation.progress.transactions,
    }


# ------------------------------------------------------------- long runs, order, web3


def drift(blocks: int) -> dict[str, float]:
    """Speed late over speed early in many one-transaction blocks, and memory.

    The fastest of three laps on each side: what else the machine does counts less.
    """
    with assemble.prepare(scenario.load(CRASH, SHORT)) as prepared:
        simulation = prepared.simulation()
        pool, now, laps = prepared.pool, simulation.head.time, []
        poke = pool.encode(PokeOracle(), DEPLOYER)
        assert poke is not None
        for _ in range(6):
            began = time.perf_counter()
            for _ in range(blocks // 6):
                now += 1
                pool.block(now, [poke], look=False)
            laps.append(time.perf_counter() - began)
        megabytes = prepared.chain.anvil.resident_megabytes()  # type: ignore[attr-defined]
    return {
        "blocks": blocks,
        "late_over_early": min(laps[:3]) / min(laps[3:]),
        "anvil_megabytes": round(megabytes, 1),
        "python_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def order(blocks: int) -> dict[str, float]:
    """Transactions per second in big blocks; the port raises at the first one out of order."""
    with assemble.prepare(scenario.load(CRASH, SHORT)) as prepared:
        simulation = prepared.simulation()
        pool, start = prepared.pool, simulation.head.time
        senders = [address_of(f"sender-{i}") for i in range(50)]
        pool.admit(senders)
        pokes = [pool.encode(PokeOracle(), senders[i % 50]) for i in range(ORDER_SIZE)]
        batch = [poke for poke in pokes if poke is not None]
        seconds = timed(
            lambda: [pool.block(start + 1 + i, batch, look=False) for i in range(blocks)]
        )
    count = blocks * ORDER_SIZE
    return {"transactions": count, "violations": 0, "transactions_per_second": count / seconds}


def web3_automine() -> float:
    """Transactions per second of the same poke through web3.py, one by one."""
    with assemble.prepare(scenario.load(CRASH, SHORT)) as prepared:
        prepared.chain.rpc.call("evm_setAutomine", True)
        client = Web3(HTTPProvider(prepared.chain.anvil.url))  # type: ignore[attr-defined]
        poke = prepared.pool.encode(PokeOracle(), DEPLOYER)
        assert poke is not None
        request = {
            "from": Web3.to_checksum_address(poke.sender),
            "to": Web3.to_checksum_address(poke.to),
            "data": "0x" + poke.data.hex(),
        }

        def send() -> None:
            for _ in range(100):
                client.eth.wait_for_transaction_receipt(client.eth.send_transaction(request))  # type: ignore[arg-type]

        return 100 / timed(send)


# ------------------------------------------------------------- processes side by side

CHILD = """
import sys, time
from amm_sim import assemble, scenario
with assemble.prepare(scenario.load(sys.argv[1], {"run.duration": 3600})) as prepared:
    simulation = prepared.simulation()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    simulation.run()
    print(simulation.digest, time.perf_counter() - began, flush=True)
"""


def together(count: int) -> tuple[list[str], float]:
    """The same hour in so many processes at once: digests, and seconds of the slowest."""
    command = [sys.executable, "-c", CHILD, str(CRASH)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    answers = [child.communicate()[0].split() for child in children]
    return [digest for digest, _ in answers], max(float(seconds) for _, seconds in answers)


def processes() -> dict[str, Any]:
    """Digests of three processes; throughput of two over that of one."""
    one, alone = together(1)
    two, both = together(2)
    return {"digests": [*one, *two], "two_over_one": 2.0 * alone / both}


# ------------------------------------------------------------- gates


def gate(value: float, target: float, *, at_most: bool = False) -> dict[str, Any]:
    """A number against its target."""
    met = value <= target if at_most else value >= target
    return {"value": round(value, 4), "target": target, "at_most": at_most, "met": met}


def machine() -> dict[str, Any]:
    """What it is and how busy: runnable tasks over the last minutes."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def measure(extent: Extent) -> dict[str, Any]:
    """Everything."""
    before = machine()
    run, many, web3 = crash(extent), hundred_agents(extent.rounds), web3_automine()
    drifted, ordered, side = drift(extent.drift_blocks), order(extent.order_blocks), processes()
    gates = {
        "seconds for 72 hours": gate(run["seconds_for_72_hours"], 90, at_most=True),
        "speed / same transactions without agents": gate(run["ratio_to_bare"], 0.7),
        "the same by processor time": gate(run["ratio_to_bare_by_processor"], 0.7),
        "100 agents: speed / same transactions": gate(many["ratio_to_bare"], 0.9),
        "100 agents: milliseconds of reads a block": gate(
            many["milliseconds_of_reads_per_block"], 2, at_most=True
        ),
        "transactions per second / web3.py automine": gate(
            ordered["transactions_per_second"] / web3, 40
        ),
        "speed of late / early blocks": gate(drifted["late_over_early"], 0.9),
        "violations of order": gate(ordered["violations"], 0, at_most=True),
        "digests of three processes that differ": gate(
            len(set(side["digests"])) - 1, 0, at_most=True
        ),
        "two workers / one": gate(side["two_over_one"], 1.8),
        "recording's share of the run": gate(run["recording"], 0.05, at_most=True),
    }
    return {
        "gates": gates,
        "machine": before,
        "load_average_at_the_end": machine()["load_average"],
        "crash": run,
        "hundred_agents": many,
        "drift": drifted,
        "order": ordered,
        "web3_automine_per_second": web3,
        "processes": side,
    }


def main() -> None:
    """Measures everything and writes speed.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter in everything")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("speed.json"))
    arguments = parser.parse_args()
    result = measure(QUICK if arguments.quick else FULL)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    for name, row in result["gates"].items():
        word = "met   " if row["met"] else "MISSED"
        print(f"{word} {name}: {row['value']} (target {row['target']})")


if __name__ == "__main__":
    main()
