"""Exact chain values as rows of the tape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import polars as pl

from amm_sim.chain.codec import FIXED, AbiType, Codec, Event
from amm_sim.tape import EXACT, TIME
from amm_sim.units import from_wad

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


def pool_row(number: int, time: int, pool: Mapping[str, Any]) -> dict[str, Any]:
    """The pool's row; fixed-point numbers as 18-decimal integers."""
    oracle, nav, solvency, greeks = pool["oracle"], pool["nav"], pool["solvency"], pool["greeks"]
    return {
        "block": number,
        "time": time,
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
        "nav": nav["nav"],
        "assets": solvency["assets"],
        "short_receivable": solvency["shortReceivable"],
        "longs": solvency["longs"],
        "shortfall": solvency["shortfall"],
        "scale": solvency["scale"],
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
        "pending_deposits": pool["pendingDeposits"],
        "pending_withdrawals": pool["pendingWithdrawals"],
        "total_balances": pool["totalBalances"],
        "accounts": pool["accounts"],
        "live_insolvent": pool["liveInsolvent"],
    }


def expiry_row(number: int, time: int, state: Mapping[str, Any]) -> dict[str, Any]:
    """The row of one listed expiry."""
    lists = {
        key: [from_wad(v) for v in state[key]] for key in ("strikes", "vols", "anchors", "net")
    }
    same = (
        "expiry",
        "open",
        "settlement",
        "scale",
        "shift",
        "impact",
        "liability",
        "delta",
        "gamma",
        "vega",
    )
    return {"block": number, "time": time, **{key: state[key] for key in same}, **lists}


class EventRows:
    """Tables of all known events: one for each name, columns flattened from the ABI."""

    def __init__(self, codec: Codec) -> None:
        self._names: dict[str, str] = {}
        self.schemas: dict[str, dict[str, Any]] = {}
        for event in codec.events:
            name = snake(event.name)
            columns = _columns(event.inputs, "")
            while name in self.schemas and self.schemas[name] != {**HEAD, **columns}:
                name += "_other"
            self._names[f"{event.signature}/{len(event.indexed)}"] = name
            self.schemas[name] = {**HEAD, **columns}

    def row(self, event: Event) -> tuple[str, dict[str, Any]]:
        """Table and values of a decoded event."""
        values: dict[str, Any] = {}
        _flatten(event.type.inputs, event.args, "", values)
        return self._names[f"{event.type.signature}/{len(event.type.indexed)}"], values


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


def _flatten(kind: AbiType, value: Mapping[str, Any], prefix: str, out: dict[str, Any]) -> None:
    for name, child in kind.fields:
        column = prefix + snake(name)
        if child.kind == "tuple":
            _flatten(child, value[name], column + "_", out)
        else:
            out[column] = _cell(child, value[name])


def _cell(kind: AbiType, value: Any) -> Any:
    if kind.kind == "array" and kind.item is not None:
        if kind.item.unit in FIXED:
            return [from_wad(item) for item in value]
        return (
            [_cell(kind.item, item) for item in value]
            if kind.item.kind == "word"
            else [str(v) for v in value]
        )
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if (
        kind.bits > 64
        and kind.unit not in FIXED
        and isinstance(value, int)
        and abs(value) >= 10**38
    ):
        return None
    return value
