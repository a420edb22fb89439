"""Speed of the engine: a crash with agents against its own transactions sent without them.

Every ratio is of two measurements of one run on one machine, so that it travels. Writes speed.json:
each gate with its value, target and whether it is met. ``--hours`` shortens the crash.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from web3 import HTTPProvider, Web3

from amm_sim import assemble, scenario
from amm_sim.assemble import Prepared
from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.orders import Transaction
from amm_sim.chain.pool import Block
from amm_sim.engine.actors import address_of
from amm_sim.engine.recorder import Recorder
from amm_sim.types import PokeOracle

ROOT = Path(__file__).resolve().parents[1]
CRASH = ROOT / "scenarios" / "black_thursday.toml"
DRIFT_BLOCKS = 6_000
ORDER_BLOCKS, ORDER_SIZE = 200, 250


@dataclass
class Log:
    """The blocks of a run: what is needed to send them again."""

    blocks: list[tuple[int, list[Transaction]]] = field(default_factory=list)
    accounts: int = 0

    def keep(self, block: Callable[..., Block]) -> Callable[..., Block]:
        """The port's ``block`` that also writes down what it is given."""

        def kept(at: int, transactions: list[Transaction], accounts: Sequence[str] = ()) -> Block:
            self.blocks.append((at, list(transactions)))
            self.accounts += len(accounts)
            return block(at, transactions, accounts)

        return kept


def timed(work: Callable[[], Any]) -> float:
    """Wall seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def with_agents(prepared: Prepared, log: Log) -> tuple[float, int]:
    """Seconds of the run as ``amm-sim run`` does it, and its transactions."""
    port = prepared.pool
    port.block = log.keep(type(port).block.__get__(port))  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "run", port.event_schemas())
        simulation = prepared.simulation(recorder)
        seconds = timed(simulation.run)
        recorder.close()
    del port.block  # type: ignore[method-assign]
    return seconds, simulation.progress.transactions


def without_agents(prepared: Prepared, log: Log, *, look: bool) -> float:
    """Seconds of the same blocks alone, with the pool's state after each or without."""

    def send() -> None:
        for at, transactions in log.blocks:
            prepared.pool.block(at, transactions, look=look)

    return timed(send)


def crash(hours: float) -> dict[str, Any]:
    """The demo's crash: with agents, replayed with the same records, replayed bare."""
    loaded = scenario.load(CRASH, {"run.duration": int(hours * 3600)})
    log = Log()
    with assemble.prepare(loaded) as prepared:
        token = prepared.pool.save()
        full, transactions = with_agents(prepared, log)
        token = prepared.pool.restore(token)
        recorded = without_agents(prepared, log, look=True)
        prepared.pool.restore(token)
        bare = without_agents(prepared, log, look=False)
    blocks = len(log.blocks)
    return {
        "hours": hours,
        "blocks": blocks,
        "transactions": transactions,
        "seconds_with_agents": full,
        "seconds_same_blocks_with_pool_state": recorded,
        "seconds_same_blocks_bare": bare,
        "seconds_for_72_hours": full * 72 / hours,
        "transactions_per_second": transactions / full,
        "accounts_read_per_block": log.accounts / blocks,
        "ratio_to_same_records": recorded / full,
        "ratio_to_bare": bare / full,
    }


def drift() -> dict[str, float]:
    """Speed late over speed early in many one-transaction blocks, and Anvil's memory.

    The fastest of three laps on each side: what else the machine does counts less.
    """
    loaded = scenario.load(CRASH, {"run.duration": 3600})
    with assemble.prepare(loaded) as prepared:
        simulation = prepared.simulation()
        pool, now, laps = prepared.pool, simulation.head.time, []
        poke = pool.encode(PokeOracle(), DEPLOYER)
        assert poke is not None
        for _ in range(6):
            began = time.perf_counter()
            for _ in range(DRIFT_BLOCKS // 6):
                now += 1
                pool.block(now, [poke], look=False)
            laps.append(time.perf_counter() - began)
        megabytes = prepared.chain.anvil.resident_megabytes()
    return {
        "first_over_last": min(laps[:3]) / min(laps[3:]),
        "megabytes": megabytes,
        "blocks": DRIFT_BLOCKS,
    }


def order() -> dict[str, float]:
    """Transactions per second in big blocks; the port raises at the first one out of order."""
    loaded = scenario.load(CRASH, {"run.duration": 3600})
    with assemble.prepare(loaded) as prepared:
        simulation = prepared.simulation()
        pool, start = prepared.pool, simulation.head.time
        senders = [address_of(f"sender-{i}") for i in range(50)]
        pool.admit(senders)
        pokes = [pool.encode(PokeOracle(), senders[i % 50]) for i in range(ORDER_SIZE)]
        batch = [poke for poke in pokes if poke is not None]
        seconds = timed(
            lambda: [pool.block(start + 1 + i, batch, look=False) for i in range(ORDER_BLOCKS)]
        )
    count = ORDER_BLOCKS * ORDER_SIZE
    return {"transactions": count, "violations": 0, "transactions_per_second": count / seconds}


def web3_automine() -> float:
    """Transactions per second of the same poke through web3.py, one by one."""
    loaded = scenario.load(CRASH, {"run.duration": 3600})
    with assemble.prepare(loaded) as prepared:
        prepared.chain.rpc.call("evm_setAutomine", True)
        client = Web3(HTTPProvider(prepared.chain.anvil.url))
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


def gate(value: float, target: float, *, at_most: bool = False) -> dict[str, Any]:
    """A number against its target."""
    met = value <= target if at_most else value >= target
    return {"value": round(value, 4), "target": target, "at_most": at_most, "met": met}


def main() -> None:
    """Measures everything and writes speed.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("speed.json"))
    arguments = parser.parse_args()
    run, drifted, ordered, web3 = crash(arguments.hours), drift(), order(), web3_automine()
    gates = {
        "seconds for 72 hours": gate(run["seconds_for_72_hours"], 90, at_most=True),
        "speed / same blocks and records without agents": gate(run["ratio_to_same_records"], 0.7),
        "speed of late / early blocks": gate(drifted["first_over_last"], 0.9),
        "violations of order": gate(ordered["violations"], 0, at_most=True),
        "transactions per second / web3.py automine": gate(
            ordered["transactions_per_second"] / web3, 40
        ),
    }
    result = {
        "gates": gates,
        "crash": run,
        "drift": drifted,
        "order": ordered,
        "web3_automine_per_second": web3,
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    for name, row in gates.items():
        word = "met   " if row["met"] else "MISSED"
        print(f"{word} {name}: {row['value']} (target {row['target']})")


if __name__ == "__main__":
    main()
