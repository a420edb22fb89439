"""A scenario is the experiment and its test.

Tables of a scenario::

    extends = "base.toml"  # optional: tables are merged key by key, lists replaced
    question = "..."       # what the experiment asks
    [run]                  # start, duration, block_seconds, seed
    [pool]                 # liquidity, insurance: money placed before the first block
    [market]               # the truth: a kind and the fields of that kind's dataclass
    [oracles.<name>]       # a publisher: kind and fields; or a list [[oracles]]
    [[agents]]             # kind, name, count and fields
    [[boards]]             # expiry (seconds after start), strikes (multiples of spot), listed
    [[expect]]             # metric, min, max, change: an expectation, one change that breaks it
    [mempool]              # room in a block, its price, outages: see engine/blockspace.py
    [sweep]                # points of a study: see engine/space.py
    [fork]                 # a chain to fork and what of it is used: see Forked in assemble.py
    [protocol.<table>]     # parameters; shape and bounds come from the contracts

Every error is one line that names the dotted key, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import orjson

from amm_sim.errors import ScenarioError
from amm_sim.scenario_file import read
from amm_sim.tables import bounded, build, convert, known_keys, plain

T = TypeVar("T")
MAX_BLOCKS = 5_000_000
TABLES = (
    "extends",
    "question",
    "run",
    "pool",
    "market",
    "oracles",
    "agents",
    "boards",
    "expect",
    "sweep",
    "mempool",
    "fork",
    "protocol",
)


def _at_least(low: float) -> Any:
    return field(metadata=bounded(low))


@dataclass(frozen=True)
class Run:
    """When, how long and with which seed. Times in seconds."""

    start: int
    duration: int = _at_least(1)
    block_seconds: int = field(default=60, metadata=bounded(1, 86_400))
    seed: int = field(default=1, metadata=bounded(0, 2**63 - 1))
    builder: str = "arrival"
    """How a block is arranged: arrival, priority, random, bundles."""

    def __post_init__(self) -> None:
        if not 86_400 * 366 <= self.start < 2**40:
            raise ScenarioError(
                "start", self.start, "a date after 1971 (like 2020-03-12T00:00:00Z) or its seconds"
            )
        if self.blocks < 1:
            raise ScenarioError(
                "duration", self.duration, f"at least one block of {self.block_seconds} s"
            )
        if self.blocks > MAX_BLOCKS:
            raise ScenarioError(
                "duration", self.duration, f"at most {MAX_BLOCKS} blocks of {self.block_seconds} s"
            )

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return self.duration // self.block_seconds

    @property
    def end(self) -> int:
        """Time of the last block."""
        return self.start + self.blocks * self.block_seconds


@dataclass(frozen=True)
class Pool:
    """Money placed before the first block, in quote.

    ``liquidity`` comes from a silent first provider, ``insurance`` endows the fund.
    """

    liquidity: float = field(default=0.0, metadata=bounded(0))
    insurance: float = field(default=0.0, metadata=bounded(0))


@dataclass(frozen=True, kw_only=True)
class Board:
    """One listed expiry. ``strikes`` are multiples of spot at listing, ``listed`` s after start."""

    expiry: int = _at_least(1)
    strikes: tuple[float, ...] = field(metadata=bounded(0.01, 100))
    listed: int = field(default=0, metadata=bounded(0))

    def __post_init__(self) -> None:
        if self.expiry <= self.listed:
            raise ScenarioError(
                "expiry",
                self.expiry,
                f"seconds after start, later than its listing at {self.listed}",
            )
        if not self.strikes or list(self.strikes) != sorted(set(self.strikes)):
            raise ScenarioError(
                "strikes", list(self.strikes), "strictly increasing multiples of spot, at least one"
            )
        if len(self.strikes) > 12:
            raise ScenarioError("strikes", len(self.strikes), "at most 12 strikes")


@dataclass(frozen=True)
class Expect:
    """What the run's evaluation must show; with ``change`` applied it must not."""

    metric: str
    min: float | None = None
    max: float | None = None
    change: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ScenarioError("metric", self.metric, "an expectation needs min or max")

    def holds(self, value: float) -> bool:
        """Whether ``value`` is in the range; NaN never is."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


def unmet(expectations: Sequence[Expect], metrics: Mapping[str, float]) -> list[str]:
    """Expectations that these metrics do not meet, each in a line."""
    lines = []
    for wanted in expectations:
        value = metrics.get(wanted.metric)
        if value is None or not wanted.holds(value):
            low = -math.inf if wanted.min is None else wanted.min
            bounds = f"[{low}, {math.inf if wanted.max is None else wanted.max}]"
            lines.append(f"{wanted.metric} = {value}, expected in {bounds}")
    return lines


@dataclass(frozen=True)
class Part:
    """A table whose ``kind`` names the class that understands it."""

    path: str
    name: str
    kind: str
    table: Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A read and checked scenario. Parts are built later, by those who know their kinds."""

    name: str
    path: Path
    question: str
    run: Run
    pool: Pool
    market: Part
    oracles: tuple[Part, ...]
    agents: tuple[Part, ...]
    boards: tuple[Board, ...]
    expect: tuple[Expect, ...]
    protocol: Mapping[str, Any]
    sweep: Mapping[str, Any] | None
    """Points of a study, as written; None without any."""
    mempool: Mapping[str, Any]
    """Rules of the mempool, as written."""
    fork: Mapping[str, Any]
    """The forked chain, as written; empty without."""
    raw: Mapping[str, Any]
    """Everything after merging and changes, as JSON-ready values."""

    @property
    def digest(self) -> str:
        """sha256 of the merged tables; where the file lies does not count."""
        return hashlib.sha256(orjson.dumps(self.raw, option=orjson.OPT_SORT_KEYS)).hexdigest()


def load(path: Path | str, changes: Mapping[str, Any] | None = None) -> Scenario:
    """Reads a scenario and applies ``changes``, a mapping from dotted keys to values.

    An agent is named in a dotted key by its name: ``agents.sniper.cadence``.

    Raises:
        ScenarioError: what is wrong, in one line.

    """
    path = Path(path)
    return parse(read(path, changes), path)


def load_protocol(path: Path | str, changes: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Only the parameters of a scenario file; ``changes`` maps dotted keys below ``protocol``."""
    below = {f"protocol.{key}": value for key, value in (changes or {}).items()}
    return _table(read(Path(path), below), "protocol")


def parse(tables: Mapping[str, Any], path: Path) -> Scenario:
    """A scenario from merged tables."""
    known_keys(tables, TABLES, "")
    run = build(Run, _table(tables, "run"), "run")
    boards = tuple(build(Board, t, f"boards[{i}]") for i, t in enumerate(_list(tables, "boards")))
    return Scenario(
        name=path.stem,
        path=path,
        question=convert(str, tables.get("question", ""), "question"),
        run=run,
        pool=build(Pool, tables.get("pool", {}), "pool"),
        market=_part(_table(tables, "market"), "market", "market"),
        oracles=_oracles(tables.get("oracles", {})),
        agents=_agents(_list(tables, "agents"), "agents"),
        boards=_expiries_differ(boards),
        expect=tuple(
            build(Expect, t, f"expect[{i}]") for i, t in enumerate(_list(tables, "expect"))
        ),
        protocol=_table(tables, "protocol"),
        sweep=_table(tables, "sweep") if "sweep" in tables else None,
        mempool=_table({"mempool": {}, **tables}, "mempool"),
        fork=_table({"fork": {}, **tables}, "fork"),
        raw=plain(tables),
    )


# --------------------------------------------------------------------------- parts


def _table(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = tables.get(key)
    if not isinstance(value, Mapping):
        raise ScenarioError(key, value, f"a table [{key}] is needed")
    return value


def _list(tables: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = tables.get(key, [])
    if not isinstance(value, list):
        raise ScenarioError(key, value, f"tables [[{key}]] are needed")
    return value


def _part(table: Any, path: str, name: str) -> Part:
    if not isinstance(table, Mapping):
        raise ScenarioError(path, table, "a table is needed")
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise ScenarioError(f"{path}.kind", kind, "the name of a kind is needed")
    return Part(
        path, name, kind, {k: v for k, v in table.items() if k not in ("kind", "name", "count")}
    )


def _oracles(tables: Any) -> tuple[Part, ...]:
    """Publishers, as tables [oracles.<name>] (whose default kind is the name) or a list."""
    if isinstance(tables, list):
        return _agents(tables, "oracles")
    if not isinstance(tables, Mapping):
        raise ScenarioError("oracles", tables, "tables [oracles.<name>] are needed")
    return tuple(
        _part(
            {"kind": name, **table} if isinstance(table, Mapping) else table,
            f"oracles.{name}",
            name,
        )
        for name, table in tables.items()
    )


def _agents(tables: Sequence[Any], key: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    for index, table in enumerate(tables):
        part = _part(table, f"{key}[{index}]", "")
        name = convert(str, table.get("name", part.kind), f"{part.path}.name")
        count = convert(int, table.get("count", 1), f"{part.path}.count", bounded(1, 10_000))
        names = [name] if count == 1 else [f"{name}-{i + 1}" for i in range(count)]
        parts += [dataclasses.replace(part, name=each) for each in names]
    seen: set[str] = set()
    for part in parts:
        if part.name in seen:
            raise ScenarioError(f"{part.path}.name", part.name, "a name that no other agent has")
        seen.add(part.name)
    return tuple(parts)


def _expiries_differ(boards: tuple[Board, ...]) -> tuple[Board, ...]:
    seen: set[int] = set()
    for index, board in enumerate(boards):
        if board.expiry in seen:
            raise ScenarioError(
                f"boards[{index}].expiry", board.expiry, "an expiry that no other board has"
            )
        seen.add(board.expiry)
    return boards


def choose(kinds: Mapping[str, type[T]], part: Part) -> type[T]:
    """The class of a part's kind.

    Raises:
        ScenarioError: unknown kind, with the nearest known one.

    """
    if part.kind not in kinds:
        near = get_close_matches(part.kind, kinds, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ScenarioError(
            f"{part.path}.kind",
            part.kind,
            f"unknown kind: {hint}known are {', '.join(sorted(kinds))}",
        )
    return kinds[part.kind]
