"""Where the gas of an action goes: by call frame, kind of operation and function of the source.

Actions are those of bench_market; the trace is Anvil's, the functions come from solc's source maps.

    python benchmarks/profile_gas.py "trade, long" [lines]
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amm_sim.chain import Anvil, Artifacts, Chain
import bench_market as market
from amm_sim.types import series_id
from amm_sim.units import WAD, to_wad

import os
ROOT = Path(os.environ.get('PROFILE_ROOT', Path(__file__).resolve().parents[1]))
KINDS = {"SLOAD": "storage read", "SSTORE": "storage write", "TLOAD": "transient", "TSTORE": "transient"}
for _i in range(5):
    KINDS[f"LOG{_i}"] = "events"
for _op in ("CALL", "STATICCALL", "DELEGATECALL", "EXTCODECOPY", "EXTCODESIZE", "BALANCE"):
    KINDS[_op] = "access of accounts"


@dataclass
class Frame:
    name: str
    function: str
    address: str
    own: Counter = field(default_factory=Counter)
    inclusive: int = 0
    children: list["Frame"] = field(default_factory=list)


class Source:
    """pc -> function of one contract."""

    def __init__(self, folder: Path, name: str) -> None:
        path = next(p for p in folder.glob(f"*.sol/{name}.json"))
        a = json.loads(path.read_text())
        code = a["deployedBytecode"]["object"].removeprefix("0x")
        code = re.sub(r"__\$.{34}\$__", "0" * 40, code)
        self.files = sorted(a["metadata"]["sources"])
        self.texts: dict[int, list[tuple[int, int, str]]] = {}
        self.raw: dict[int, bytes] = {}
        self.at: dict[int, str] = {}
        self._map(bytes.fromhex(code), a["deployedBytecode"]["sourceMap"])

    def _map(self, code: bytes, compressed: str) -> None:
        entries, last = [], ["0", "0", "-1", "-", "0"]
        for entry in compressed.split(";"):
            parts = entry.split(":")
            last = [parts[i] if i < len(parts) and parts[i] else last[i] for i in range(5)]
            entries.append((int(last[0]), int(last[1]), int(last[2])))
        pc, index = 0, 0
        while pc < len(code) and index < len(entries):
            start, length, file = entries[index]
            self.at[pc] = self._function(file, start, length)
            pc += 1 + (code[pc] - 0x5F if 0x60 <= code[pc] <= 0x7F else 0)
            index += 1

    def _function(self, file: int, start: int, length: int) -> str:
        if file < 0 or file >= len(self.files):
            return "(generated)"
        if file not in self.texts:
            self._parse(file)
        name, best = Path(self.files[file]).stem + " (dispatch, abi)", 10**9
        for low, high, function in self.texts[file]:
            if low <= start and start + length <= high and high - low < best:
                name, best = f"{Path(self.files[file]).stem}.{function}", high - low
        if LINES:
            line = self.raw[file][:start].count(b"\n") + 1
            name += f":{line}"
        return name

    def _parse(self, file: int) -> None:
        raw = (ROOT / self.files[file]).read_bytes()
        self.raw[file] = raw
        text = raw.decode("latin-1")
        found = []
        for m in re.finditer(r"\bfunction (\w+)|\b(constructor)\b|\bmodifier (\w+)", text):
            brace = text.find("{", m.end())
            semi = text.find(";", m.end())
            if brace < 0 or 0 <= semi < brace:
                continue
            depth, i = 0, brace
            while i < len(text):
                depth += {"{": 1, "}": -1}.get(text[i], 0)
                if depth == 0:
                    break
                i += 1
            found.append((m.start(), i + 1, m.group(1) or m.group(2) or m.group(3)))
        self.texts[file] = found


def frames(call: dict[str, Any], names: dict[str, str], codec: Any) -> Iterator[Frame]:
    """In order of entry."""
    name = names.get(call["to"].lower(), call["to"])
    yield Frame(name, call["input"][:10], call["to"].lower())
    for child in call.get("calls", []):
        yield from frames(child, names, codec)


def profile(chain: Chain, names: dict[str, str], tx: str, folder: Path) -> tuple[list[Frame], Counter]:
    tree = chain.rpc.call("debug_traceTransaction", tx, {"tracer": "callTracer"})
    options = {"disableStorage": True, "disableMemory": True, "disableStack": True}
    steps = chain.rpc.call("debug_traceTransaction", tx, options)["structLogs"]
    order = list(frames(tree, names, None))
    stack = [order[0]]
    entered = 1
    sources: dict[str, Source] = {}
    functions: Counter = Counter()
    consumed = [0]  # by callees of the pending call of each depth
    pending: list[tuple[int, str, str] | None] = [None]
    for i, step in enumerate(steps):
        depth = step["depth"]
        while len(stack) < depth:
            child = order[entered]
            entered += 1
            stack[-1].children.append(child)
            stack.append(child)
        del stack[depth:]
        frame = stack[-1]
        cost = None
        gas = step["gas"]
        for j in range(i + 1, len(steps)):
            if steps[j]["depth"] == depth:
                cost = gas - steps[j]["gas"]
                break
            if steps[j]["depth"] < depth:
                break
        if cost is None:
            cost = step["gasCost"]
        step["total"] = cost
    # exclusive: subtract what the callee used
    totals: list[int] = [0] * 20
    order_stack: list[Frame] = [order[0]]
    entered = 1
    below = [0] * 1100
    # walk backwards is awkward; do a forward pass with an explicit sum per call
    open_calls: list[list[Any]] = []
    for i, step in enumerate(steps):
        depth = step["depth"]
        while len(order_stack) < depth:
            order_stack.append(order[entered])
            entered += 1
        del order_stack[depth:]
        while open_calls and open_calls[-1][0] >= depth:
            owner = open_calls.pop()
            _book(owner, sources, functions, folder)
            if open_calls:
                open_calls[-1][3] += owner[2]
        nested = i + 1 < len(steps) and steps[i + 1]["depth"] > depth
        if nested:
            open_calls.append([depth, step, step["total"], 0, order_stack[-1]])
        else:
            _book([depth, step, step["total"], 0, order_stack[-1]], sources, functions, folder)
            if open_calls:
                open_calls[-1][3] += step["total"]
    while open_calls:
        owner = open_calls.pop()
        _book(owner, sources, functions, folder)
        if open_calls:
            open_calls[-1][3] += owner[2]
    return order, functions


def _book(entry: list[Any], sources: dict[str, Source], functions: Counter, folder: Path) -> None:
    _, step, total, nested, frame = entry
    cost = total - nested
    kind = KINDS.get(step["op"], "computing")
    frame.own[kind] += cost
    if frame.name not in sources:
        try:
            sources[frame.name] = Source(folder, frame.name)
        except StopIteration:
            sources[frame.name] = None  # type: ignore[assignment]
    source = sources[frame.name]
    where = source.at.get(step["pc"], "?") if source else "?"
    functions[frame.name, where, kind] += cost


def inclusive(frame: Frame) -> int:
    frame.inclusive = sum(frame.own.values()) + sum(inclusive(c) for c in frame.children)
    return frame.inclusive


def show(frame: Frame, names: dict[str, str], depth: int = 0) -> None:
    own = sum(frame.own.values())
    parts = "  ".join(f"{k} {v:,}" for k, v in frame.own.most_common())
    print(f"{'  ' * depth}{frame.name}.{names.get(frame.function, frame.function)}  {frame.inclusive:,} (own {own:,}: {parts})")
    for child in frame.children:
        show(child, names, depth + 1)


ACTIONS: dict[str, Callable[..., None]] = {}


def last_tx(chain: Chain) -> str:
    return chain.rpc.call("eth_getBlockByNumber", "latest", False)["transactions"][-1]


def run(pool: Any, boards: list[int], action: str) -> str:
    board = boards[0]
    m = market
    if action.startswith("trade"):
        m.trade(pool, m.LONG, board, 6, 1)
        m.trade(pool, m.SHORT, board, 6, -1)
        user, size = (m.LONG, 1) if "long" in action else (m.SHORT, -1)
        m.trade(pool, user, board, 6, size)
    elif action == "refresh":
        pool.must(m.DEPLOYER, "ledger", "refresh", board)
    elif action == "bid":
        victim = m.CROWD[1]
        m.trade(pool, victim, board, 8, -10)
        spot = 2200.0
        while not pool.view("margin", "liquidatable", victim)["below"]:
            spot += 20
            pool.move_to(pool.chain.time + 10, spot)
        pool.must(m.DEPLOYER, "auction", "start", victim)
        nonce = pool.view("auction", "auctionOf", victim)["nonce"]
        pool.chain.advance(300)
        pool.must(m.BIDDER, "auction", "bid", victim, WAD, m.ENOUGH, nonce)
    elif action == "sweep":
        b = boards[1]
        pool.move_to(pool.chain.time + 10, 2100.0)
        for user in m.CROWD:
            m.trade(pool, user, b, 6, 0.5)
        pool.move_to(b, 2600.0)
        first = pool.view("push", "latestRound")
        pool.must(m.DEPLOYER, "market", "settleExpiry", b, first)
        pool.must(m.DEPLOYER, "market", "sweep", b, 1000)
    elif action == "snapshot":
        d = pool.deployment
        data = pool.chain.function(d.names["lens"], "snapshot").pack()
        pool.chain.rpc.call("eth_sendTransaction", {"from": m.DEPLOYER, "to": d.addresses["lens"], "data": "0x" + data.hex(), "gas": hex(30_000_000), "gasPrice": "0x0"})
        pool.chain.mine()
    return last_tx(pool.chain)


LINES = len(sys.argv) > 2 and sys.argv[2] == "lines"


def main() -> None:
    action = sys.argv[1]
    artifacts = Artifacts()
    import amm_sim.chain.anvil as recipe
    recipe.RECIPE = tuple(f for f in recipe.RECIPE if f not in ('--prune-history','--transaction-block-keeper','64')) + ('--steps-tracing',)
    with Chain(recipe.Anvil(market.START), artifacts) as chain:
        pool, boards = market.world(chain)
        tx = run(pool, boards, action)
        names = {}
        for role, address in pool.deployment.addresses.items():
            if role in pool.deployment.names:
                names[address.lower()] = pool.deployment.names[role]
        for library, address in chain._libraries.items():
            names[address.lower()] = library
        names[pool.view("market", "rules").lower()] = "TradeRules"
        selectors = {}
        for name in set(names.values()):
            path = next(artifacts.folder.glob(f"*.sol/{name}.json"), None)
            if path:
                for sig, sel in json.loads(path.read_text())["methodIdentifiers"].items():
                    selectors["0x" + sel] = sig.split("(")[0]
        order, functions = profile(chain, names, tx, artifacts.folder)
    total = inclusive(order[0])
    print(f"{action}: executed {total:,}")
    show(order[0], selectors)
    print()
    kinds: Counter = Counter()
    for frame in order:
        kinds.update(frame.own)
    print(dict(kinds))
    per: defaultdict = defaultdict(Counter)
    for (contract, where, kind), cost in functions.items():
        per[contract, where][kind] += cost
    rows = sorted(per.items(), key=lambda item: -sum(item[1].values()))
    for (contract, where), kinds_ in rows[:90]:
        print(f"{sum(kinds_.values()):>8,}  {contract:18} {where:48}", dict(kinds_))


if __name__ == "__main__":
    main()
