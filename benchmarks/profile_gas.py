"""Where the gas of an action goes: by call, by kind of operation, by function of the source.

Actions are those of bench_market. The trace is Anvil's; functions come from solc's source maps,
where code that the compiler generates (memory, ABI, inlined pieces) counts for its whole contract.

    python benchmarks/profile_gas.py "trade, long"
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import bench_market as market

from amm_sim.chain import Anvil, Artifacts, Chain
from amm_sim.chain.artifacts import ROOT
from amm_sim.chain.client import DEPLOYER
from amm_sim.units import WAD

KINDS = {
    "storage read": "SLOAD",
    "storage write": "SSTORE",
    "transient": "TLOAD TSTORE",
    "events": "LOG0 LOG1 LOG2 LOG3 LOG4",
    "access": "CALL STATICCALL DELEGATECALL EXTCODECOPY EXTCODESIZE",
}
KIND_OF = {code: kind for kind, codes in KINDS.items() for code in codes.split()}
ROWS = 60


@dataclass
class Frame:
    """One call: who, which function, its own gas by kind, the calls that it made."""

    contract: str
    function: str
    own: Counter[str] = field(default_factory=Counter)
    calls: list[Frame] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Gas with that of its calls."""
        return sum(self.own.values()) + sum(call.total for call in self.calls)

    def walk(self) -> Iterator[Frame]:
        """In order of entry."""
        yield self
        for call in self.calls:
            yield from call.walk()


class Source:
    """Program counter -> function, of one contract."""

    def __init__(self, path: Path) -> None:
        artifact = json.loads(path.read_text())
        self.files: list[str] = sorted(artifact["metadata"]["sources"])
        self._functions: dict[int, list[tuple[int, int, str]]] = {}
        deployed = artifact["deployedBytecode"]
        code = bytes.fromhex(re.sub(r"__\$.{34}\$__", "0" * 40, deployed["object"][2:]))
        places = _unpacked(deployed["sourceMap"])
        self.at = {
            pc: self._name(*place) for pc, place in zip(_counters(code), places, strict=False)
        }

    def _name(self, start: int, length: int, file: int) -> str:
        if not 0 <= file < len(self.files):
            return "(generated)"
        if file not in self._functions:
            text = (ROOT / self.files[file]).read_bytes().decode("latin-1")
            self._functions[file] = list(_functions(text))
        inside = [f for f in self._functions[file] if f[0] <= start and start + length <= f[1]]
        function = min(inside, key=lambda f: f[1] - f[0])[2] if inside else "(generated)"
        return f"{Path(self.files[file]).stem}.{function}"


def _unpacked(source_map: str) -> Iterator[tuple[int, int, int]]:
    """Start, length and file of each instruction; an empty field repeats the last one."""
    last = ["0", "0", "-1"]
    for entry in source_map.split(";"):
        parts = entry.split(":")[:3]
        last = [new or old for new, old in zip([*parts, "", ""], last, strict=False)]
        yield int(last[0]), int(last[1]), int(last[2])


def _counters(code: bytes) -> Iterator[int]:
    """Where instructions start."""
    pc = 0
    while pc < len(code):
        yield pc
        pc += 1 + (code[pc] - 0x5F if 0x60 <= code[pc] <= 0x7F else 0)


def _functions(text: str) -> Iterator[tuple[int, int, str]]:
    """Extent and name of every function with a body."""
    for match in re.finditer(r"\b(?:function|modifier) (\w+)", text):
        body, none = text.find("{", match.end()), text.find(";", match.end())
        if body < 0 or 0 <= none < body:
            continue
        depths = accumulate({"{": 1, "}": -1}.get(letter, 0) for letter in text[body:])
        end = next((i for i, depth in enumerate(depths) if depth == 0), 0)
        yield match.start(), body + end + 1, match.group(1)


# ---------------------------------------------------------------- the trace


def frame_of(
    call: Mapping[str, Any], names: Mapping[str, str], selectors: Mapping[str, str]
) -> Frame:
    """The call tree of Anvil's call tracer."""
    frame = Frame(
        names.get(call["to"].lower(), call["to"]),
        selectors.get(call["input"][:10], call["input"][:10]),
    )
    frame.calls = [frame_of(child, names, selectors) for child in call.get("calls", [])]
    return frame


def book(root: Frame, steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Frame, int, str, int]]:
    """Every step's frame, program counter, kind and own gas; the frames' sums are filled in."""
    entered = root.walk()
    stack: list[Frame] = []
    waiting: list[tuple[Frame, Mapping[str, Any], int]] = []  # calls and what their callees used
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        while len(stack) < step["depth"]:
            stack.append(next(entered))
        del stack[step["depth"] :]
        if after is not None and after["depth"] > step["depth"]:
            waiting.append((stack[-1], step, after["gas"]))
            continue
        cost = step["gasCost"] if after is None else step["gas"] - after["gas"]
        if after is not None and after["depth"] < step["depth"]:
            caller, call, given = waiting.pop()
            cost = step["gasCost"]
            spent = given - (step["gas"] - cost)
            yield _booked(caller, call, call["gas"] - after["gas"] - spent)
        yield _booked(stack[-1], step, cost)


def _booked(frame: Frame, step: Mapping[str, Any], cost: int) -> tuple[Frame, int, str, int]:
    kind = KIND_OF.get(step["op"], "computing")
    frame.own[kind] += cost
    return frame, step["pc"], kind, cost


# ---------------------------------------------------------------- actions


def short_fails(pool: market.Pool, board: int) -> str:
    """A short of ten calls after which the price rises until it can be liquidated; its owner."""
    victim, spot = market.CROWD[1], 2200.0
    market.trade(pool, victim, board, 8, -10)
    while not pool.view("margin", "liquidatable", victim)["below"]:
        spot += 20
        pool.move_to(pool.chain.time + 10, spot)
    pool.must(DEPLOYER, "auction", "start", victim)
    pool.chain.advance(300)
    return victim


def trade(pool: market.Pool, boards: Sequence[int], user: str, size: float) -> None:
    """The second of its account and series."""
    for each, first in ((market.LONG, 1), (market.SHORT, -1), (user, size)):
        market.trade(pool, each, boards[0], 6, first)


def bid(pool: market.Pool, boards: Sequence[int]) -> None:
    victim = short_fails(pool, boards[0])
    nonce = pool.view("auction", "auctionOf", victim)["nonce"]
    pool.must(market.BIDDER, "auction", "bid", victim, WAD, market.ENOUGH, nonce)


def look(pool: market.Pool, view: str) -> None:
    """A view of the lens as a transaction."""
    lens = pool.deployment.at(pool.chain, "lens")
    data = pool.chain.function(lens.name, view).pack().hex()
    request = {"from": DEPLOYER, "to": lens.address, "data": f"0x{data}"}
    pool.chain.rpc.call("eth_sendTransaction", request | {"gas": hex(10**8), "gasPrice": "0x0"})
    pool.chain.mine()


ACTIONS: dict[str, Callable[[market.Pool, Sequence[int]], object]] = {
    "trade, long": lambda pool, boards: trade(pool, boards, market.LONG, 1),
    "trade, short": lambda pool, boards: trade(pool, boards, market.SHORT, -1),
    "refresh": lambda pool, boards: pool.must(DEPLOYER, "ledger", "refresh", boards[0]),
    "bid": bid,
    "settlement": market.settlement,
    "signals": lambda pool, _: look(pool, "signals"),
    "statement": lambda pool, _: look(pool, "statement"),
}


def profile(action: str) -> tuple[Frame, dict[tuple[str, str], Counter[str]]]:
    """The call tree with gas, and gas by contract and function."""
    artifacts = Artifacts()
    paths = {path.stem: path for path in artifacts.folder.glob("*.sol/*.json")}
    with Chain(Anvil(market.START, history=True, extra=("--steps-tracing",)), artifacts) as chain:
        pool, boards = market.world(chain)
        ACTIONS[action](pool, boards)
        tx = chain.rpc.call("eth_getBlockByNumber", "latest", False)["transactions"][-1]
        names = {at.lower(): name for name, at in chain.libraries.items()}
        names |= {pool.deployment.addresses[r].lower(): n for r, n in pool.deployment.names.items()}
        names[pool.view("market", "rules").lower()] = "TradeRules"
        tree = chain.rpc.call("debug_traceTransaction", tx, {"tracer": "callTracer"})
        off = dict.fromkeys(("disableStorage", "disableMemory", "disableStack"), True)
        steps = chain.rpc.call("debug_traceTransaction", tx, off)["structLogs"]
    selectors = {
        f"0x{selector}": signature.partition("(")[0]
        for name in set(names.values()) & paths.keys()
        for signature, selector in json.loads(paths[name].read_text())["methodIdentifiers"].items()
    }
    root = frame_of(tree, names, selectors)
    sources = {f.contract: Source(paths[f.contract]) for f in root.walk() if f.contract in paths}
    functions: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for frame, pc, kind, cost in book(root, steps):
        where = sources[frame.contract].at.get(pc, "?") if frame.contract in sources else "?"
        functions[frame.contract, where][kind] += cost
    return root, functions


def show(frame: Frame, depth: int = 0) -> None:
    parts = ", ".join(f"{kind} {gas:,}" for kind, gas in frame.own.most_common())
    print(f"{'  ' * depth}{frame.contract}.{frame.function} {frame.total:,} (own: {parts})")
    for call in frame.calls:
        show(call, depth + 1)


def main() -> None:
    """Prints the call tree and the dearest functions."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=ACTIONS)
    root, functions = profile(parser.parse_args().action)
    show(root)
    rows = sorted(functions.items(), key=lambda row: -row[1].total())
    for (contract, where), kinds in rows[:ROWS]:
        print(f"{kinds.total():>9,}  {contract:20} {where:48} {dict(kinds)}")


if __name__ == "__main__":
    main()
