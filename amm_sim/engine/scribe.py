"""What happened in a run, as rows of its tape. Nothing here decides anything."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from amm_sim.engine.actors import PUBLISHER, Actor
from amm_sim.engine.mempool import Pending
from amm_sim.engine.port import Mined, Port
from amm_sim.engine.port import Outcome as Executed
from amm_sim.engine.recorder import Recorder
from amm_sim.types import Order, Outcome, Truth

USUAL = {"tip": None, "ahead_of": 0, "behind": 0}
"""Fields of every order that are rarely set."""


class Scribe:
    """Writes a run's tables.

    Args:
        recorder: where to.
        port: knows how the chain's values become rows.
        actors: everybody in the run.
    """

    def __init__(self, recorder: Recorder, port: Port, actors: Sequence[Actor]) -> None:
        self._add, self._recorder, self._port = recorder.add, recorder, port
        self._actors = actors
        self._names = {actor.address: actor.name for actor in actors}

    def order(self, tx: int, item: Pending, outcome: Outcome, result: Executed | None) -> None:
        """The ``tx``-th order of the run with its events; no result where it was never sent."""
        error = None if result is None else result.error
        self._add(
            "txs",
            {
                "block": outcome.block,
                "time": outcome.time,
                "tx": tx,
                "agent": item.actor.name,
                "kind": item.actor.kind,
                "order": type(item.order).__name__,
                "args": order_json(item.order),
                "status": outcome.status.value,
                "error": outcome.error,
                "error_args": "{}" if error is None else _json(error.args),
                "gas": outcome.gas,
                "submitted": item.submitted,
                "delay": outcome.delay,
            },
        )
        if result is None:
            return
        where = {"block": outcome.block, "time": outcome.time, "tx": tx}
        for event in result.events:
            name, row = self._port.event_row(event)
            self._add(f"event_{name}", {**where, **row})

    def call(self, tx: int, block: Mined, transaction: Any) -> None:
        """What was sent for the ``tx``-th order."""
        where = {"block": block.number, "time": block.time, "tx": tx}
        self._add("calls", {**where, **self._port.call_row(transaction)})

    def accounts(self, block: Mined, states: Sequence[Mapping[str, Any]]) -> None:
        """Accounts as they were read after a block."""
        for state in states:
            where = {"block": block.number, "time": block.time}
            agent = self._names.get(state["account"], "")
            self._add("accounts", {**where, "agent": agent, **self._port.account_row(state)})

    def block(self, block: Mined, truth: Truth, gas_price: float, digest: str) -> None:
        """A block's end: the block itself, the pool, the oracle and the truth."""
        refused = sum(1 for result in block.results if result.error is not None)
        where = {"block": block.number, "time": block.time}
        self._add(
            "blocks",
            {
                **where,
                "transactions": len(block.results),
                "refused": refused,
                "gas": block.gas,
                "gas_price": gas_price,
                "digest": digest,
            },
        )
        self._add("market", _market_row(block.time, truth))
        for row in self._port.expiry_rows(block.pool):
            self._add("expiries", {**where, **row})
        self._add("oracle", {**where, **self._port.oracle_row(block.pool)})
        self._add("pool", {**where, **self._port.pool_row(block.pool)})  # a dead chain says no more
        self._recorder.end_block()

    def actors(self) -> None:
        """Who took part; once, at the end."""
        for actor in self._actors:
            self._add("agents", _actor_row(actor))


def _actor_row(actor: Actor) -> dict[str, Any]:
    capital = actor.agent.capital
    return {
        "agent": actor.name,
        "kind": actor.kind,
        "address": actor.address,
        "capital": float(capital) if actor.rank != PUBLISHER else 0.0,
        "underlying": float(getattr(actor.agent, "underlying", 0.0)),
        "gas_paid": actor.gas_paid,
    }


def _market_row(time: int, truth: Truth) -> dict[str, Any]:
    return {
        "time": time,
        "spot": truth.spot,
        "venue": truth.venue,
        "vol": truth.vol,
        "gas_price": truth.gas_price,
        "depth": truth.depth,
        "open": truth.venue_open,
    }


def order_json(order: Order) -> str:
    """An order's fields as JSON; an infinite limit is null; how it was sent only if unusual."""
    values = {name: getattr(order, name) for name in order.__dataclass_fields__}
    for name, usual in USUAL.items():
        if values[name] == usual:
            del values[name]
    return _json(values)


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps({key: _plain(value) for key, value in values.items()}, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
