"""Speed of the engine: every gate of the simulator as a ratio of two measurements on one machine.

A crash with agents against its own transactions sent without them, in alternation; web3.py beside
the port; drift, memory and order over many blocks; digests and throughput of processes side by
side; what recording and reading cost; how cost grows. Writes speed.json: each gate with its value,
target and whether it is met, and how busy the machine was: wall times of a loaded machine mean
little, times of the processors more. ``--quick`` makes everything shorter, ``--only NAME`` measures
one part and prints it.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Cost, cost, timed
from scaling import scaling
from web3 import HTTPProvider, Web3
from workers import processes

from amm_sim import assemble, scenario
from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.orders import Transaction
from amm_sim.chain.pool import Block, Pool
from amm_sim.engine.actors import address_of
from amm_sim.engine.simulation import Simulation
from amm_sim.errors import ChainError
from amm_sim.opening import FOUNDER
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
        for at, transactions, accounts in log.blocks:
            found = block(at, transactions, accounts if look else (), look=look)
            assert found.accounts is not None  # what was read is decoded, too

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
        "recording_by_processor": 1.0 - _ratio(spent, "not_recorded", NAMES[0], "processor"),
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


BUSY = {"cadence": 60, "rate": 60.0, "close_rate": 30.0, "legs": 2, "size": 1.0, "capital": 10**6}
"""A trader that opens or closes something in nearly every block."""


def hundred_agents(rounds: int, retail: Mapping[str, Any]) -> dict[str, float]:
    """An hour of a calm day with 100 retail traders: its ratio, and what reads cost a block."""
    log, spent = Log(), dict[str, list[Cost]]()
    changes = {**SHORT, "agents.retail.count": 100}
    changes |= {f"agents.retail.{key}": value for key, value in retail.items()}
    with assemble.prepare(scenario.load(CALM, changes)) as prepared:
        token = prepared.pool.save()
        for _ in range(rounds):
            full, simulation = with_agents(prepared, log, record=True)
            token = prepared.pool.restore(token)
            reads = resent(prepared, log, look=True)
            token = prepared.pool.restore(token)
            bare = resent(prepared, log, look=False)
            token = prepared.pool.restore(token)
            for name, one in zip(("with_agents", *NAMES[2:]), (full, reads, bare), strict=True):
                spent.setdefault(name, []).append(one)
    blocks = len(log.blocks)
    least = {name: min(one.wall for one in rows) for name, rows in spent.items()}
    return {
        "ratio_to_bare": _ratio(spent, "bare", "with_agents"),
        "ratio_to_bare_by_processor": _ratio(spent, "bare", "with_agents", "processor"),
        "milliseconds_of_reads_per_block": 1e3
        * (least["with_same_reads"] - least["bare"])
        / blocks,
        "milliseconds_per_block": 1e3 * least["with_agents"] / blocks,
        "transactions_per_block": simulation.progress.transactions / blocks,
        "accounts_read_per_block": sum(len(accounts) for _, _, accounts in log.blocks) / blocks,
    }


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


PARTS: Mapping[str, Callable[[Extent], dict[str, Any]]] = {
    "crash": crash,
    "hundred_agents": lambda extent: hundred_agents(extent.rounds, {}),
    "hundred_busy_agents": lambda extent: hundred_agents(extent.rounds, BUSY),
    "drift": lambda extent: drift(extent.drift_blocks),
    "order": lambda extent: order(extent.order_blocks),
    "web3_automine": lambda _: {"per_second": web3_automine()},
    "processes": lambda extent: processes(CRASH, extent.rounds),
    "scaling": lambda extent: scaling(quick=extent is QUICK),
}


def measure(extent: Extent) -> dict[str, Any]:
    """Everything."""
    before = machine()
    found = {name: part(extent) for name, part in PARTS.items()}
    run, many, busy = (found[name] for name in ("crash", "hundred_agents", "hundred_busy_agents"))
    drifted, ordered, side = (found[name] for name in ("drift", "order", "processes"))
    steepest = max(each["exponent"] for each in found["scaling"].values())
    gates = {
        "seconds for 72 hours": gate(run["seconds_for_72_hours"], 90, at_most=True),
        "speed / same transactions without agents": gate(run["ratio_to_bare"], 0.7),
        "the same by processor time": gate(run["ratio_to_bare_by_processor"], 0.7),
        "100 agents: speed / same transactions": gate(many["ratio_to_bare"], 0.9),
        "100 busy agents: speed / same transactions": gate(busy["ratio_to_bare"], 0.9),
        "100 agents: milliseconds of reads a block": gate(
            many["milliseconds_of_reads_per_block"], 2, at_most=True
        ),
        "transactions per second / web3.py automine": gate(
            ordered["transactions_per_second"] / found["web3_automine"]["per_second"], 40
        ),
        "speed of late / early blocks": gate(drifted["late_over_early"], 0.9),
        "violations of order": gate(ordered["violations"], 0, at_most=True),
        "digests of processes that differ": gate(len(set(side["digests"])) - 1, 0, at_most=True),
        "two workers / one, a core each": gate(side["two_over_one"], 1.8),
        "recording's share of the run": gate(run["recording"], 0.05, at_most=True),
        "steepest exponent of cost": gate(steepest, 1.1, at_most=True),
    }
    return {
        "gates": gates,
        "machine": before,
        "load_average_at_the_end": machine()["load_average"],
        **found,
    }


def main() -> None:
    """Measures everything and writes speed.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter in everything")
    parser.add_argument("--only", choices=PARTS, help="one part, printed and not written")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("speed.json"))
    arguments = parser.parse_args()
    if arguments.only:
        part = PARTS[arguments.only](QUICK if arguments.quick else FULL)
        print(json.dumps(part, indent=2))
        return
    result = measure(QUICK if arguments.quick else FULL)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    for name, row in result["gates"].items():
        word = "met   " if row["met"] else "MISSED"
        print(f"{word} {name}: {row['value']} (target {row['target']})")


if __name__ == "__main__":
    main()
