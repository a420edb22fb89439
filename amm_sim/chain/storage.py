"""Names for storage slots, by the compiler's own layout.

A mapping cannot be walked: its slots are hashes. So every key that a run may have used (addresses,
series, expiries, small numbers) is hashed forward, and slots are looked up among the results.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from amm_sim.chain.artifacts import Artifacts
from amm_sim.chain.client import Chain
from amm_sim.chain.deploy import PULL_ID

WORD = 32
LONGEST = 4096
"""Elements of an array that are named."""
BALANCE_SEED = bytes.fromhex("87a211a2")
"""Solady's ERC-20: the balance of an owner lies at keccak(owner, 8 zeros, seed)."""
SUPPLY = 0x05345CDF77EB68F44C
"""Solady's ERC-20: the total supply."""

State = Mapping[str, Mapping[int, int]]
"""Address -> slot -> value; zeros are absent."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a variable lies inside its slot, counted from the low byte."""

    name: str
    offset: int
    size: int
    signed: bool = False

    def read(self, word: int) -> int:
        """The variable's value in a slot's word."""
        value = word >> 8 * self.offset & (1 << 8 * self.size) - 1
        negative = self.signed and value >> (8 * self.size - 1)
        return value - (1 << 8 * self.size) if negative else value


@dataclass(frozen=True)
class Keys:
    """What mappings may be keyed by: addresses with their names, and whole numbers."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    numbers: Sequence[int] = ()

    def of(self, kind: str) -> Iterator[tuple[bytes, str]]:
        """Padded key and how it is shown."""
        if kind.startswith(("t_address", "t_contract")):
            for address, name in self.addresses.items():
                yield bytes(12) + bytes.fromhex(address[2:]), name
            yield from ((bytes(31) + bytes([sentinel]), str(sentinel)) for sentinel in (0, 1))
        elif kind == "t_bytes32":
            yield PULL_ID, "PULL_ID"
        else:
            for number in self.numbers:
                yield number.to_bytes(WORD, "big", signed=False), str(number)


@dataclass(frozen=True)
class Change:
    """A variable that two states disagree on."""

    contract: str
    variable: str
    left: int
    right: int

    def __str__(self) -> str:
        return f"{self.contract}.{self.variable}: {self.left} | {self.right}"


def checksum(address: str) -> str:
    """An address as Solidity wants it written (EIP-55)."""
    return str(to_checksum_address(address))


def dump(chain: Chain) -> State:
    """The storage of every account now."""
    raw = bytes.fromhex(chain.rpc.call("anvil_dumpState")[2:])
    state = orjson.loads(gzip.decompress(raw))
    return {
        address.lower(): {int(slot, 16): int(value, 16) for slot, value in entry["storage"].items()}
        for address, entry in state["accounts"].items()
        if entry["storage"]
    }


def changes(
    left: State, right: State, contracts: Mapping[str, str], artifacts: Artifacts, keys: Keys
) -> list[Change]:
    """Every variable in which two states differ, by contract in the given order, then by slot.

    ``contracts`` maps addresses to the names of contracts; storage of others is not compared.
    """
    found: list[Change] = []
    for address, contract in contracts.items():
        mine, others = left.get(address.lower(), {}), right.get(address.lower(), {})
        slots = sorted(s for s in mine.keys() | others.keys() if mine.get(s, 0) != others.get(s, 0))
        if slots:
            places = Names(artifacts.layout(contract), keys).places({**mine, **others})
            for slot in slots:
                found += _changes(contract, slot, places, mine.get(slot, 0), others.get(slot, 0))
    return found


def _changes(
    contract: str, slot: int, places: Mapping[int, list[Place]], left: int, right: int
) -> Iterator[Change]:
    named = places.get(slot, [])
    known = [p for p in named if p.read(left) != p.read(right)]
    for place in known:
        yield Change(contract, place.name, place.read(left), place.read(right))
    if not known:
        yield Change(contract, named[0].name if named else f"slot {slot:#x}", left, right)


class Names:
    """The variables of one contract by slot."""

    def __init__(self, layout: Mapping[str, Any], keys: Keys) -> None:
        self._variables: Sequence[Mapping[str, Any]] = layout.get("storage") or ()
        self._types: Mapping[str, Any] = layout.get("types") or {}
        self._keys = keys

    def places(self, storage: Mapping[int, int]) -> dict[int, list[Place]]:
        """Slot -> what lies in it, low bytes first; only slots that ``storage`` has."""
        found: dict[int, list[Place]] = {}
        for slot, place in self._all(storage):
            if slot in storage:
                found.setdefault(slot, []).append(place)
        return found

    def _all(self, storage: Mapping[int, int]) -> Iterator[tuple[int, Place]]:
        for variable in self._variables:
            yield from self._walk(variable, 0, "", storage)
        for key, name in self._keys.of("t_address"):
            owner = keccak(key[12:] + bytes(8) + BALANCE_SEED)
            yield int.from_bytes(owner, "big"), Place(f"balanceOf[{name}]", 0, WORD)
        yield SUPPLY, Place("totalSupply", 0, WORD)

    def _walk(
        self, variable: Mapping[str, Any], base: int, prefix: str, storage: Mapping[int, int]
    ) -> Iterator[tuple[int, Place]]:
        slot, name = base + int(variable["slot"]), prefix + variable["label"]
        yield from self._value(variable["type"], slot, int(variable["offset"]), name, storage)

    def _value(
        self, kind: str, slot: int, offset: int, name: str, storage: Mapping[int, int]
    ) -> Iterator[tuple[int, Place]]:
        entry = self._types[kind]
        size = int(entry["numberOfBytes"])
        if entry["encoding"] == "mapping":
            for key, shown in self._keys.of(entry["key"]):
                at = int.from_bytes(keccak(key + slot.to_bytes(WORD, "big")), "big")
                yield from self._value(entry["value"], at, 0, f"{name}[{shown}]", storage)
        elif entry["encoding"] == "dynamic_array":
            yield slot, Place(f"{name}.length", 0, WORD)
            start = int.from_bytes(keccak(slot.to_bytes(WORD, "big")), "big")
            yield from self._items(entry["base"], start, storage.get(slot, 0), name, storage)
        elif "members" in entry:
            for member in entry["members"]:
                yield from self._walk(member, slot, f"{name}.", storage)
        elif "base" in entry:
            count = size // int(self._types[entry["base"]]["numberOfBytes"])
            yield from self._items(entry["base"], slot, count, name, storage)
        else:
            yield slot, Place(name, offset, min(size, WORD), _signed(kind, entry))

    def _items(
        self, kind: str, start: int, count: int, name: str, storage: Mapping[int, int]
    ) -> Iterator[tuple[int, Place]]:
        size = int(self._types[kind]["numberOfBytes"])
        together = max(1, WORD // size)
        slots = -(-size // WORD)
        for index in range(min(count, LONGEST)):
            slot, offset = start + index // together * slots, index % together * size
            yield from self._value(kind, slot, offset, f"{name}[{index}]", storage)


def _signed(kind: str, entry: Mapping[str, Any]) -> bool:
    return kind.startswith("t_int") or entry.get("label") == "SWad"
