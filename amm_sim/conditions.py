"""What a run showed and its shrunk list must still show: a comparison of views, or an event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any

from amm_sim.chain.abi import AbiType
from amm_sim.chain.codec import Codec, Function
from amm_sim.chain.records import pool_row, snake
from amm_sim.errors import ScenarioError
from amm_sim.replay import Script
from amm_sim.tape import POOL
from amm_sim.units import to_wad

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
NAMED: Mapping[str, str] = {
    "insolvent": "scale < 1",
    "bad_debt": "event:BadDebt",
    "T-1": "tokens",
}
"""Conditions with a name; T-1 is broken when tokens do not cover what the books say."""
COMPARISON = re.compile(r"\s*([a-z_]+)\s*(<=|>=|<|>)\s*(-?[0-9.]+(?:e-?[0-9]+)?)\s*")
COLUMNS = tuple(column for column in POOL if column not in ("block", "time"))
COUNTED = ("mode", "oracle_mode", "accounts", "live_insolvent", "stale")
"""Columns of the pool that are plain integers."""


@dataclass(frozen=True)
class Reading:
    """A word of a view's answer, times ``factor``, and what else is added to it."""

    to: str
    data: bytes
    word: int
    factor: int = 1
    plus: tuple[Reading, ...] = ()

    def all(self) -> Iterator[Reading]:
        """Itself and those that are added."""
        yield self
        for other in self.plus:
            yield from other.all()


@dataclass(frozen=True)
class Comparison:
    """Holds when ``left operator right``; a number on the right is in the reading's own unit."""

    text: str
    left: Reading
    operator: str
    right: Reading | int


@dataclass(frozen=True)
class Condition:
    """What a run showed: one of the comparisons holds, or an event was emitted."""

    text: str
    comparisons: tuple[Comparison, ...] = ()
    event: str = ""
    column: tuple[str, str, Decimal] | None = None
    """The comparison as a column of the table pool, where it is one."""

    def first(self, what: Script) -> int | None:
        """Index of the first block that shows it by the tables; None if no block does.

        Raises:
            KeyError: the tables do not tell.
        """
        numbers = [step.number for step in what.steps]
        if self.event:
            frame = what.tape.event(snake(self.event))
            return None if frame is None else numbers.index(frame["block"][0])
        if self.column is None:
            raise KeyError(self.text)
        name, operator, limit = self.column
        test = OPERATORS[operator]
        values = enumerate(what.tape.table("pool")[name])
        return next((i for i, v in values if v is not None and test(v, limit)), None)


def condition(text: str, what: Script, codec: Codec) -> Condition:
    """A condition from its text: a name, ``event:Name`` or ``column < number``.

    Raises:
        ScenarioError: not a condition.
    """
    written = NAMED.get(text, text)
    if written == "tokens":
        return Condition(text, tuple(_tokens(what, codec)))
    if written.startswith("event:"):
        name = written.removeprefix("event:")
        known = sorted({event.name for event in codec.events})
        if name not in known:
            raise ScenarioError("--until", text, "event:NAME with one of " + ", ".join(known))
        return Condition(text, event=name)
    matched = COMPARISON.fullmatch(written)
    if matched is None or matched[1] not in COLUMNS:
        allowed = ", ".join(NAMED) + ", event:NAME, or COLUMN < NUMBER with a column of pool"
        raise ScenarioError("--until", text, allowed)
    name, operator, number = matched[1], matched[2], Decimal(matched[3])
    limit = int(number) if name in COUNTED else to_wad(number)
    view, word = _words(codec)[name]
    left = Reading(what.deployment.addresses["lens"], view.pack(), word)
    return Condition(
        text, (Comparison(written, left, operator, limit),), column=(name, operator, number)
    )


def _words(codec: Codec) -> dict[str, tuple[Function, int]]:
    """Column of the pool's row -> the view that says it and the index of its word there."""
    places: dict[str, Any] = {}
    for view in (codec.function("PoolLens", name) for name in ("signals", "statement")):
        places |= _leaves(view.output, view, count())
    return pool_row(places)


def _leaves(kind: AbiType, view: Function, words: Iterator[int]) -> Any:
    if kind.kind == "tuple":
        return {name: _leaves(child, view, words) for name, child in kind.fields}
    return view, next(words)


def _tokens(what: Script, codec: Codec) -> Iterator[Comparison]:
    """Tokens of market, vault or fund less than their books when squared: invariant T-1."""
    book, unit = what.deployment.addresses, what.deployment.unit
    waits = codec.function("OptionMarket", "handovers").pack()
    to_vault, to_fund = (Reading(book["market"], waits, word) for word in range(2))
    for role, contract, function, coming, going in (
        ("market", "OptionMarket", "totalBalances", (), (to_vault, to_fund)),
        ("vault", "LPVault", "cash", (to_vault,), ()),
        ("insurance", "InsuranceFund", "balance", (to_fund,), ()),
    ):
        held = codec.function("MockToken", "balanceOf").pack(book[role])
        owed = codec.function(contract, function).pack()
        yield Comparison(
            f"tokens of {role} < {function}",
            Reading(book["quote"], held, 0, unit, coming),
            "<",
            Reading(book[role], owed, 0, plus=going),
        )
