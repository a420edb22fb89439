"""Hand-made tapes: four blocks an hour apart, round numbers, every expectation worked by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from amm_sim.tape import EXACT, TABLES, Tape

START = 1_583_971_200
HOUR = 3600


def frame(schema: dict[str, Any], rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows with zeros, false and empty text where a column is not given."""
    filled = [{name: row.get(name, _zero(kind)) for name, kind in schema.items()} for row in rows]
    return pl.DataFrame(filled, schema=schema)


def _zero(kind: Any) -> Any:
    if kind == pl.Boolean:
        return False
    if kind == pl.String:
        return ""
    return [] if isinstance(kind, pl.List) else 0


def event(name: str, *rows: dict[str, Any]) -> tuple[str, pl.DataFrame]:
    """An event table; floats and Decimals become exact columns."""
    schema: dict[str, Any] = {}
    for key, value in rows[0].items():
        exact = isinstance(value, Decimal)
        schema[key] = EXACT if exact else pl.Boolean if isinstance(value, bool) else pl.Int64
    return f"event_{name}", pl.DataFrame(list(rows), schema=schema)


def crash_tape() -> Tape:
    """Spot 200, 200, 150, 160; the pool is short 2 delta of options, hedged with +1, then +2.

    NAV 1000 -> 1010 -> 890 -> 880; scale falls to 0.9 in the third block only.

    A deposit of 5 lands in the last block.
    """
    pool = [
        {"spot": 200, "nav": 1000, "scale": 1, "share_price": 1, "delta": -2, "hedge_size": 1},
        {"spot": 200, "nav": 1010, "scale": 1, "share_price": "1.01", "delta": -2, "hedge_size": 2},
        {"spot": 150, "nav": 890, "scale": "0.9", "share_price": "0.89", "delta": -1, "mode": 3},
        {"spot": 160, "nav": 880, "scale": 1, "share_price": "0.88", "uncovered": 1},
    ]
    equity = [100, 110, 10, 10]
    for i, row in enumerate(pool):
        row.update(block=i + 1, time=START + i * HOUR, hedge_equity=equity[i])
        row.update({k: Decimal(v) for k, v in row.items() if isinstance(v, str)})
    pool[2]["shortfall"] = 40
    txs = [
        {"agent": "a", "kind": "retail", "status": "filled", "block": 2},
        {"agent": "a", "kind": "retail", "status": "refused", "error": "StressLimit", "block": 3},
        {
            "agent": "b",
            "kind": "keeper",
            "status": "refused",
            "error": "NothingToHedge",
            "block": 3,
        },
        {
            "agent": "b",
            "kind": "keeper",
            "status": "refused",
            "error": "NothingToHedge",
            "block": 4,
        },
    ]
    d = Decimal
    tables = dict(
        [
            ("pool", frame(TABLES["pool"], pool)),
            ("txs", frame(TABLES["txs"], txs)),
            (
                "agents",
                frame(TABLES["agents"], [{"kind": "retail"}, {"kind": "keeper"}, {"kind": "lp"}]),
            ),
            event(
                "traded",
                {
                    "block": 2,
                    "time": START + HOUR,
                    "log": 3,
                    "result_delta": d("0.5"),
                    "size": d("1.5"),
                    "result_fee": d(4),
                    "result_inventory": d(3),
                },
                {
                    "block": 3,
                    "time": START + 2 * HOUR,
                    "log": 1,
                    "result_delta": d("0.5"),
                    "size": d(-1),
                    "result_fee": d(6),
                    "result_inventory": d(-1),
                },
            ),
            event("hedged", {"block": 2, "time": START + HOUR, "size": d(1), "cost": d("0.5")}),
            event("margin_moved", {"block": 2, "time": START + HOUR, "amount": d(10)}),
            event(
                "bad_debt",
                {"block": 3, "time": START + 2 * HOUR, "loss": d(30), "insured": d(12), "cause": 1},
                {"block": 4, "time": START + 3 * HOUR, "loss": d(7), "insured": d(0), "cause": 0},
            ),
            event(
                "bid_filled",
                {"block": 3, "time": START + 2 * HOUR, "penalty": d(2), "insolvent": False},
                {"block": 3, "time": START + 2 * HOUR, "penalty": d(0), "insolvent": True},
            ),
            event("closed_by_pool", {"block": 3, "time": START + 2 * HOUR, "paid": d(9)}),
            event("auction_started", {"block": 3, "time": START + 2 * HOUR, "insolvent": False}),
            event("deposit_processed", {"block": 4, "time": START + 3 * HOUR, "amount": d(5)}),
        ]
    )
    manifest = {
        "scenario": "hand <made>",
        "seed": 7,
        "question": "Does it fail?",
        "digest": "00ff",
        "blocks": 4,
        "transactions": 4,
        "reproduce": "amm-sim run hand.toml --seed 7",
        "parameters": {"market": {"insuranceShare": 0.25}, "auction": {"insurancePart": 0.5}},
    }
    return Tape(manifest, tables)


def empty_tape() -> Tape:
    """A run that recorded nothing."""
    return Tape({}, {})
