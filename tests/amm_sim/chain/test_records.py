"""Rows of events, written out by hand from an ABI with everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import eth_abi
import polars as pl
import pytest
from eth_utils.crypto import keccak

from amm_sim.chain.artifacts import Artifact
from amm_sim.chain.codec import Codec
from amm_sim.chain.records import HEAD, EventRows
from amm_sim.engine.table import Table

WHO = "0x" + "00" * 19 + "07"
RESULT = {
    "name": "result",
    "type": "tuple",
    "internalType": "struct Result",
    "components": [
        {"name": "cashPaid", "type": "int256", "internalType": "SWad"},
        {"name": "isOpen", "type": "bool", "internalType": "bool"},
    ],
}
EVENT = {
    "type": "event",
    "name": "ManyThings",
    "inputs": [
        {"name": "who", "type": "address", "internalType": "address", "indexed": True},
        {**RESULT, "indexed": False},
        {"name": "strikes", "type": "uint256[]", "internalType": "Wad[]", "indexed": False},
        {"name": "keys", "type": "bytes4[]", "internalType": "bytes4[]", "indexed": False},
        {"name": "units", "type": "uint256", "internalType": "uint256", "indexed": False},
        {"name": "mark", "type": "bytes32", "internalType": "bytes32", "indexed": False},
    ],
}
OTHER = {"type": "event", "name": "Elsewhere", "inputs": []}


@dataclass(frozen=True)
class Contracts:
    """Artefacts by name."""

    all: dict[str, Artifact]

    def __getitem__(self, name: str) -> Artifact:
        return self.all[name]

    def __iter__(self) -> Iterator[Artifact]:
        return iter(self.all.values())


def artifact(name: str, *events: dict[str, Any], links: tuple[str, ...] = ()) -> Artifact:
    return Artifact(name, "contracts/x.sol", events, "", dict.fromkeys(links, (0,)), "", 1)


def log() -> dict[str, Any]:
    types = ["(int256,bool)", "uint256[]", "bytes4[]", "uint256", "bytes32"]
    values = [(-(10**37) - 1, True), [10**18, 5 * 10**17], [b"abcd"], 2**70, b"\1" * 32]
    topic = keccak(b"ManyThings(address,(int256,bool),uint256[],bytes4[],uint256,bytes32)")
    return {
        "address": "0xc0",
        "topics": ["0x" + topic.hex(), "0x" + "00" * 12 + WHO[2:]],
        "data": "0x" + eth_abi.encode(types, values).hex(),
        "logIndex": "0x3",
    }


def test_row_has_every_argument_flat_and_exact() -> None:
    codec = Codec([artifact("A", EVENT)])
    rows, event = EventRows(codec), codec.event(log())
    assert event is not None
    name, row = rows.row(event)
    assert (name, rows.row(event)[1]) == ("many_things", row)
    assert row == {
        "log": 3,
        "contract": "0xc0",
        "who": WHO,
        "result_cash_paid": -(10**37) - 1,
        "result_is_open": True,
        "strikes": [1.0, 0.5],
        "keys": ["0x61626364"],
        "units": 2**70,
        "mark": "0x" + "01" * 32,
    }
    schema = rows.schemas[name]
    assert set(schema) == {*HEAD, *row}
    frame = Table(name, schema).frame([{"block": 1, "time": 2, "tx": 3, **row}])
    assert str(frame["result_cash_paid"][0]) == "-10000000000000000000.000000000000000001"
    assert frame["units"][0] == Decimal(2**70)
    assert frame["strikes"].dtype == pl.List(pl.Float64)


@pytest.mark.parametrize(
    ("contracts", "names"),
    [(["A"], {"many_things"}), (["B"], set()), (["C"], {"many_things"}), ([], set())],
)
def test_events_of_contracts_are_their_own_and_their_libraries(
    contracts: list[str], names: set[str]
) -> None:
    every = [artifact("A", EVENT), artifact("B"), artifact("C", links=("A",)), artifact("D", OTHER)]
    known = Contracts({each.name: each for each in every})
    rows = EventRows(Codec(every))
    assert rows.of(contracts, known) == names  # type: ignore[arg-type]
    assert set(rows.schemas) == {"many_things", "elsewhere"}
