"""The Python half of the worked example of docs/port.md: contracts/mocks/ThirdPartyPool.sol.

Its money is in token units of 6 decimals, its sizes and prices in wads; it has no margin, so a
trader's account is its wallet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amm_sim import types as t
from amm_sim.chain.adapter import Adapter, Call, Named
from amm_sim.chain.orders import wad
from amm_sim.units import to_lots

UNIT = 10**12


def _trade(order: t.Trade) -> Call:
    key, size, limit = t.SeriesKey.from_id(order.series), to_lots(order.size), wad(order.limit)
    which = (key.expiry, key.strike_index, key.is_call)
    if size > 0:
        return ("pool", "buy", *which, size, max(limit, 0) // UNIT)
    return ("pool", "sellBack", *which, -size, max(-limit, 0) // UNIT)


def _traded(e: Mapping[str, Any], who: str, size: int, cash: int) -> Named:
    fee = e["fee"] * UNIT
    result = {"premium": cash * UNIT - fee, "fee": fee, "cash": cash * UNIT}
    series = t.series_id(e["expiry"], e["strike"], e["call"])
    return "Traded", {"account": who, "id": series, "size": size, "result": result}


def _flow(e: Mapping[str, Any]) -> dict[str, Any]:
    flow = {"lp": e["lp"], "amount": e["amount"] * UNIT, "shares": e["shares"]}
    return {**flow, "junior": False}


def _paid(e: Mapping[str, Any]) -> Named:
    paid = e["amount"] * UNIT
    return "AccountSettled", {
        "account": e["holder"], "expiry": e["expiry"], "owed": paid, "paid": paid,
    }  # fmt: skip


THIRD_PARTY = Adapter(
    contracts={
        "quote": ("MockToken", lambda _, __: ("US Dollar", "USD", 6)),
        "push": ("MockPushFeed", lambda _, __: (8,)),
        "pool": ("ThirdPartyPool", lambda at, tables: (at["quote"], at["push"], tables["pool"])),
        "lens": ("ThirdPartyLens", lambda at, _: (at["pool"],)),
    },
    orders={
        t.PostPush: lambda o: ("push", "post", wad(o.price) // 10**10, o.time),
        t.ListBoard: lambda o: ("pool", "list", o.expiry, [wad(k) for k in o.strikes]),
        t.Trade: _trade,
        t.RequestDeposit: lambda o: ("pool", "provide", wad(o.amount) // UNIT),
        t.RequestWithdrawal: lambda o: ("pool", "redeem", wad(o.shares)),
        t.SettleExpiry: lambda o: ("pool", "settle", o.expiry),
        t.Sweep: lambda o: ("pool", "pay", o.expiry, o.count),
    },
    events={
        "Bought": lambda e: _traded(e, e["buyer"], e["size"], e["paid"]),
        "SoldBack": lambda e: _traded(e, e["seller"], -e["size"], -e["received"]),
        "Provided": lambda e: ("DepositProcessed", _flow(e)),
        "Redeemed": lambda e: ("WithdrawalProcessed", _flow(e)),
        "Paid": _paid,
    },
    spenders=("pool",),
    fees=lambda tables: {"premiumFee": float(tables["pool"]["fee"]), "minSize": 0.01},
)
