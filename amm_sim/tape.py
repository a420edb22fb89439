"""The full record of a run: what the recorder writes and analyzers read.

A run folder holds ``manifest.json`` and one Parquet table per name below, plus one per event
(``event_<snake name>``) whose columns come from the ABI: ``block, time, tx, log, contract`` and
the event's arguments, structs flattened with ``_``. Wads are exact ``Decimal(38, 18)``; a table
without rows still has its columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from amm_sim.errors import ScenarioError

EXACT = pl.Decimal(38, 18)
TIME = pl.Int64

BLOCKS: dict[str, Any] = {
    "block": pl.Int64,
    "time": TIME,
    "transactions": pl.Int64,
    "refused": pl.Int64,
    "gas": pl.Int64,
    "gas_price": pl.Float64,  # quote per unit of gas
    "digest": pl.String,
}
TXS: dict[str, Any] = {
    "block": pl.Int64,
    "time": TIME,
    "tx": pl.Int64,  # running number over the run
    "agent": pl.String,
    "kind": pl.String,  # registered kind of the agent or publisher
    "order": pl.String,  # name of the order
    "args": pl.String,  # JSON of the order's fields
    "status": pl.String,  # filled | refused | dropped
    "error": pl.String,  # name of the custom error, "" if filled
    "error_args": pl.String,  # JSON
    "gas": pl.Int64,  # -1 where it was not asked for
    "submitted": TIME,
    "delay": pl.Int64,
}
CALLS: dict[str, Any] = {
    "block": pl.Int64,
    "time": TIME,
    "tx": pl.Int64,  # as in txs; 0 before the start: deployment, money, first prices
    "sender": pl.String,
    "to": pl.String,  # "" creates a contract
    "data": pl.Binary,  # calldata or creation code
}
POOL: dict[str, Any] = {
    "block": pl.Int64,
    "time": TIME,
    "mode": pl.Int64,
    "oracle_mode": pl.Int64,
    "spot": EXACT,  # the oracle's
    "spot_low": EXACT,
    "spot_high": EXACT,
    "confidence": EXACT,
    "cash": EXACT,
    "hedge_equity": EXACT,
    "liability": EXACT,
    "uncovered": EXACT,
    "settled_owed": EXACT,
    "underlying": EXACT,  # taken for debts and not sold, less the haircut: part of nav
    "nav": EXACT,
    "assets": EXACT,
    "short_receivable": EXACT,
    "longs": EXACT,
    "shortfall": EXACT,
    "scale": EXACT,
    "reserved": EXACT,  # the LPs' floor: longs are not paid from it
    "delta": EXACT,
    "gamma": EXACT,
    "vega": EXACT,
    "theta": EXACT,
    "stale": TIME,
    "worst_stress_nav": EXACT,
    "hedge_size": EXACT,
    "hedge_band": EXACT,
    "hedge_due": pl.Boolean,
    "hedge_shortfall": EXACT,
    "insurance": EXACT,
    "free_liquidity": EXACT,
    "share_price": EXACT,
    "total_shares": EXACT,
    "senior_shares": EXACT,  # this and the next three: 0 where there is one class of LP shares
    "senior_value": EXACT,
    "junior_shares": EXACT,
    "junior_value": EXACT,
    "pending_deposits": EXACT,
    "pending_withdrawals": EXACT,
    "total_balances": EXACT,
    "total_units": EXACT,  # underlying of all accounts
    "stock": EXACT,  # underlying that the pool took for debts
    "accounts": pl.Int64,
    "live_insolvent": pl.Int64,
}
EXPIRIES: dict[str, Any] = {
    "block": pl.Int64,
    "time": TIME,
    "expiry": TIME,
    "open": pl.Boolean,
    "settlement": EXACT,
    "scale": EXACT,
    "shift": EXACT,
    "impact": EXACT,
    "liability": EXACT,
    "delta": EXACT,
    "gamma": EXACT,
    "vega": EXACT,
    "strikes": pl.List(pl.Float64),
    "vols": pl.List(pl.Float64),  # at the present shift
    "anchors": pl.List(pl.Float64),  # without it
    "net": pl.List(pl.Float64),
}
MARKET: dict[str, Any] = {
    "time": TIME,
    "spot": pl.Float64,  # the truth
    "venue": pl.Float64,  # price at the hedge venue
    "vol": pl.Float64,  # outside implied volatility
    "gas_price": pl.Float64,
    "depth": pl.Float64,
    "open": pl.Boolean,
}
ORACLE: dict[str, Any] = {
    "block": pl.Int64,
    "time": TIME,
    "mode": pl.Int64,  # what the oracle alone allows
    "price": EXACT,  # that the protocol takes for spot
    "low": EXACT,
    "high": EXACT,
    "confidence": EXACT,
    "as_of": TIME,  # publication of the accepted price
    "twap": EXACT,  # the guard's own average
    "push_round": pl.Int64,
    "push_price": EXACT,  # the push feed's last answer
    "push_time": TIME,
}
ACCOUNTS: dict[str, Any] = {
    "block": pl.Int64,
    "time": TIME,
    "agent": pl.String,  # "" of an address that no agent has
    "address": pl.String,
    "balance": EXACT,
    "units": EXACT,  # underlying in the account
    "credit": EXACT,  # what it counts for in the equity
    "mark": EXACT,
    "equity": EXACT,
    "initial_margin": EXACT,
    "maintenance_margin": EXACT,
    "liquidatable": pl.Boolean,
    "auction_started": TIME,  # 0 = none
    "auction_insolvent": pl.Boolean,
    "lp_shares": EXACT,
    "wallet": EXACT,  # quote outside the protocol
    "underlying_wallet": EXACT,  # likewise underlying, where it is taken as collateral
    "series": pl.List(pl.Int64),
    "sizes": pl.List(pl.Float64),  # + long, - short
}
AGENTS: dict[str, Any] = {
    "agent": pl.String,
    "kind": pl.String,
    "address": pl.String,
    "capital": pl.Float64,
    "underlying": pl.Float64,  # that it came with
    "gas_paid": pl.Float64,  # quote, over the run
}
TABLES: dict[str, dict[str, Any]] = {
    "blocks": BLOCKS,
    "txs": TXS,
    "calls": CALLS,
    "pool": POOL,
    "expiries": EXPIRIES,
    "oracle": ORACLE,
    "accounts": ACCOUNTS,
    "market": MARKET,
    "agents": AGENTS,
}


@dataclass(frozen=True)
class Tape:
    """One run.

    ``tables`` maps a table's name to its frame; ``table`` adds the declared columns where it is
    empty.
    """

    manifest: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    def table(self, name: str) -> pl.DataFrame:
        """The frame of ``name``; an empty one with the declared columns when the run has none.

        Raises:
            KeyError: an event table that the run did not record.
        """
        if name in self.tables:
            return self.tables[name]
        return pl.DataFrame(schema=TABLES[name])

    def event(self, name: str) -> pl.DataFrame | None:
        """The frame of an event by its snake-case name, or None when none was emitted."""
        frame = self.tables.get(f"event_{name}")
        return None if frame is None or frame.is_empty() else frame


def load(folder: Path) -> Tape:
    """Reads a run folder.

    Raises:
        ScenarioError: not a run folder.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise ScenarioError(
            str(folder), "no manifest.json", "a folder that `amm-sim run` has written"
        )
    tables = {name: _table(paths) for name, paths in files(folder).items()}
    return Tape(json.loads(manifest.read_text()), tables)


def files(folder: Path) -> dict[str, list[Path]]:
    """Table -> its files: one, or the whole parts of a run that is still going or was killed."""
    found = {path.stem: [path] for path in sorted(folder.glob("*.parquet"))}
    parts = sorted((folder / "parts").glob("*-?????.parquet"))
    if "blocks" not in found:  # a part ends with its blocks: what comes after is of one begun
        whole = {_number(path) for path in parts if path.stem[:-6] == "blocks"}
        parts = [path for path in parts if _number(path) <= max(whole, default=0)]
    for path in parts:
        name = path.stem[:-6]
        if not (folder / f"{name}.parquet").is_file():
            found.setdefault(name, []).append(path)
    return found


def _number(part: Path) -> int:
    return int(part.stem[-5:])


def _table(paths: list[Path]) -> pl.DataFrame:
    frames = []
    for path in paths:
        try:
            frames.append(pl.read_parquet(path))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ScenarioError(
                str(path),
                "cannot be read",
                f"a whole Parquet file ({str(error).splitlines()[0]}): remove it to read the rest",
            ) from None
    return pl.concat(frames)
