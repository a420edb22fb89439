"""Exact chain values as rows of the tape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import polars as pl

from amm_sim.chain.abi import FIXED, AbiType
from amm_sim.chain.artifacts import Artifacts
from amm_sim.chain.codec import Codec, Event, EventType, parse_event
from amm_sim.tape import EXACT, TIME
from amm_sim.units import WAD

WHOLE = pl.Decimal(38, 0)
"""Integers of more than 64 bits that are no fixed-point numbers, such as token units."""
HEAD: dict[str, Any] = {
    "block": pl.Int64,
    "time": TIME,
    "tx": pl.Int64,
    "log": pl.Int64,
    "contract": pl.String,
}


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """``BadDebt`` -> ``bad_debt``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).strip("_").lower()


def pool_row(pool: Mapping[str, Any]) -> dict[str, Any]:
    """The pool's own columns; fixed-point numbers as 18-decimal integers."""
    oracle, nav, solvency, greeks = pool["oracle"], pool["nav"], pool["solvency"], pool["greeks"]
    tranches = pool["tranches"]
    return {
        "mode": pool["mode"],
        "oracle_mode": oracle["mode"],
        "spot": oracle["price"],
        "spot_low": oracle["low"],
        "spot_high": oracle["high"],
        "confidence": oracle["confidence"],
        "cash": nav["cash"],
        "hedge_equity": nav["hedgeEquity"],
        "liability": nav["liability"],
        "uncovered": nav["uncovered"],
        "settled_owed": nav["settledOwed"],
        "underlying": nav["underlying"],
        "nav": nav["nav"],
        "assets": solvency["assets"],
        "short_receivable": solvency["shortReceivable"],
        "longs": solvency["longs"],
        "shortfall": solvency["shortfall"],
        "scale": solvency["scale"],
        "reserved": solvency["reserved"],
        "delta": greeks["delta"],
        "gamma": greeks["gamma"],
        "vega": greeks["vega"],
        "theta": greeks["theta"],
        "stale": pool["stale"],
        "worst_stress_nav": pool["worstStressNav"],
        "hedge_size": pool["hedgeSize"],
        "hedge_band": pool["hedge"]["band"],
        "hedge_due": pool["hedge"]["due"],
        "hedge_shortfall": pool["hedgeShortfall"],
        "insurance": pool["insurance"],
        "free_liquidity": pool["freeLiquidity"],
        "share_price": pool["sharePrice"],
        "total_shares": pool["totalShares"],
        "senior_shares": tranches["seniorShares"],
        "senior_value": tranches["seniorValue"],
        "junior_shares": tranches["juniorShares"],
        "junior_value": tranches["juniorValue"],
        "pending_deposits": pool["pendingDeposits"],
        "pending_withdrawals": pool["pendingWithdrawals"],
        "total_balances": pool["totalBalances"],
        "total_units": pool["totalUnits"],
        "stock": pool["stock"],
        "accounts": pool["accounts"],
        "live_insolvent": pool["liveInsolvent"],
    }


def oracle_row(pool: Mapping[str, Any]) -> dict[str, Any]:
    """What the protocol was told and took for true."""
    oracle = pool["oracle"]
    return {
        "mode": oracle["mode"],
        "price": oracle["price"],
        "low": oracle["low"],
        "high": oracle["high"],
        "confidence": oracle["confidence"],
        "as_of": oracle["asOf"],
        "twap": pool["twap"],
        "push_round": pool["pushRound"],
        "push_price": pool["pushPrice"],
        "push_time": pool["pushTime"],
    }


def expiry_row(state: Mapping[str, Any]) -> dict[str, Any]:
    """One listed expiry."""
    return {
        "expiry": state["expiry"],
        "open": state["open"],
        "settlement": state["settlement"],
        "scale": state["scale"],
        "shift": state["shift"],
        "impact": state["impact"],
        "liability": state["liability"],
        "delta": state["delta"],
        "gamma": state["gamma"],
        "vega": state["vega"],
        "strikes": [value / WAD for value in state["strikes"]],
        "vols": [value / WAD for value in state["vols"]],
        "anchors": [value / WAD for value in state["anchors"]],
        "net": [value / WAD for value in state["net"]],
    }


def account_row(state: Mapping[str, Any]) -> dict[str, Any]:
    """One account as it was read."""
    margin, auction, legs = state["margin"], state["auction"], state["legs"]
    return {
        "address": state["account"],
        "balance": margin["balance"],
        "units": margin["units"],
        "credit": margin["credit"],
        "mark": margin["mark"],
        "equity": margin["equity"],
        "initial_margin": margin["initialMargin"],
        "maintenance_margin": margin["maintenanceMargin"],
        "liquidatable": state["liquidatable"],
        "auction_started": auction["startedAt"],
        "auction_insolvent": auction["insolvent"],
        "lp_shares": state["lpShares"],
        "wallet": state["wallet"],
        "underlying_wallet": state["underlyingWallet"],
        "series": [leg["id"] for leg in legs],
        "sizes": [leg["size"] / WAD for leg in legs],
    }


Key = tuple[str, int]
"""Signature and number of indexed arguments: what tells events apart."""
Maker = Callable[[Mapping[str, Any], int, str], dict[str, Any]]
"""Arguments, place in the block and contract of an event -> its row."""


class EventRows:
    """Tables of all known events: one for each name, columns flattened from the ABI."""

    def __init__(self, codec: Codec) -> None:
        self._names: dict[Key, str] = {}
        self._makers: dict[Key, tuple[str, Maker]] = {}
        self.schemas: dict[str, dict[str, Any]] = {}
        for event in codec.events:
            name = snake(event.name)
            columns = _columns(event.inputs, "")
            while name in self.schemas and self.schemas[name] != {**HEAD, **columns}:
                name += "_other"
            self._names[_key(event)] = name
            self.schemas[name] = {**HEAD, **columns}

    def of(self, contracts: Iterable[str], artifacts: Artifacts) -> frozenset[str]:
        """Names of the tables of events that contracts, or the libraries they link, declare."""
        waiting, seen, found = list(contracts), set[str](), set[str]()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            waiting += artifacts[name].links
            events = (entry for entry in artifacts[name].abi if entry["type"] == "event")
            found |= {
                self._names[key] for e in events if (key := _key(parse_event(e))) in self._names
            }
        return frozenset(found)

    def row(self, event: Event) -> tuple[str, dict[str, Any]]:
        """Table and values of a decoded event; the place in the run is the caller's."""
        key = _key(event.type)
        made = self._makers.get(key)
        if made is None:
            made = self._makers[key] = self._names[key], _maker(event.type.inputs)
        name, make = made
        return name, make(event.args, event.index, event.address)


def _key(event: EventType) -> Key:
    return event.signature, len(event.indexed)


def _maker(kind: AbiType) -> Maker:
    """Generated: an event's arguments as a row."""
    cells = ", ".join(_cells(kind, "a", ""))
    scope: dict[str, Any] = {"floats": _floats, "texts": _texts}
    exec(f"def make(a, i, c):\n    return {{'log': i, 'contract': c, {cells}}}", scope)
    made: Maker = scope["make"]
    return made


def _cells(kind: AbiType, source: str, prefix: str) -> Iterator[str]:
    for name, child in kind.fields:
        column, value = prefix + snake(name), f"{source}[{name!r}]"
        if child.kind == "tuple":
            yield from _cells(child, value, column + "_")
        else:
            yield f"{column!r}: {_cell(child, value)}"


def _cell(kind: AbiType, value: str) -> str:
    """Expression of a column's value."""
    if kind.kind == "array" and kind.item is not None:
        item = kind.item
        if item.unit in FIXED:
            return f"floats({value})"
        plain = item.kind == "word" and not item.abi.startswith("bytes")
        return f"[{_cell(item, 'x')} for x in {value}]" if plain else f"texts({value})"
    if kind.kind == "bytes" or (kind.kind == "word" and kind.abi.startswith("bytes")):
        return f"'0x' + {value}.hex()"
    return value


def _floats(values: Sequence[int]) -> list[float]:
    return [value / WAD for value in values]


def _texts(values: Sequence[Any]) -> list[str]:
    return ["0x" + v.hex() if isinstance(v, bytes) else str(v) for v in values]


def _columns(kind: AbiType, prefix: str) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, child in kind.fields:
        column = prefix + snake(name)
        if child.kind == "tuple":
            columns |= _columns(child, column + "_")
        else:
            columns[column] = _column(child)
    return columns


def _column(kind: AbiType) -> Any:
    if kind.kind == "array" and kind.item is not None:
        fixed = kind.item.unit in FIXED
        return pl.List(
            pl.Float64 if fixed else pl.String if kind.item.kind != "word" else _column(kind.item)
        )
    if kind.unit in FIXED:
        return EXACT
    if kind.abi == "bool":
        return pl.Boolean
    if kind.abi.startswith(("uint", "int")):
        return pl.Int64 if kind.bits <= 64 or kind.unit == "SeriesId" else WHOLE
    return pl.String
