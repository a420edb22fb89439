"""Types of the ABI as trees, with the names that Solidity gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from amm_sim.errors import ChainError

WORD = 32
FIXED = frozenset({"Wad", "SWad"})
"""Unit types whose integer is scaled by 1e18."""


class CodecError(ChainError):
    """A value does not fit the ABI; the message starts with the dotted path."""


@dataclass(frozen=True)
class AbiType:
    """A node of a type tree. ``size`` is the number of bytes in the head when static, else 32."""

    kind: str
    """word, bytes, string, array, tuple"""
    abi: str
    """Canonical name for signatures, such as ``(uint256,int256)[]``."""
    unit: str
    """The Solidity name: ``Wad``, ``Timestamp``, ``struct SviSlice`` ..."""
    dynamic: bool
    size: int
    bits: int = 0
    item: AbiType | None = None
    length: int = -1
    """Of an array; -1 when dynamic."""
    fields: tuple[tuple[str, AbiType], ...] = ()

    @cached_property
    def scaled(self) -> frozenset[str]:
        """Fields of a tuple whose integer is scaled by 1e18."""
        return frozenset(n for n, kind in self.fields if kind.kind == "word" and kind.unit in FIXED)

    @cached_property
    def nested(self) -> tuple[tuple[str, AbiType], ...]:
        """Fields of a tuple that have parts of their own."""
        return tuple(field for field in self.fields if field[1].kind in ("tuple", "array"))


def parse_type(entry: Mapping[str, Any]) -> AbiType:
    """The type tree of one ABI entry ``{name, type, internalType, components}``."""
    name: str = entry["type"]
    unit: str = entry.get("internalType", name)
    if name.endswith("]"):
        return _array(entry, name, unit)
    if name == "tuple":
        return parse_tuple(entry.get("components", ()), unit)
    if name in ("bytes", "string"):
        return AbiType(name, name, unit, True, WORD)
    return AbiType("word", name, unit.rsplit(".", 1)[-1], False, WORD, _bits(name))


def _array(entry: Mapping[str, Any], name: str, unit: str) -> AbiType:
    head, _, tail = name.rpartition("[")
    count = tail[:-1]
    item = parse_type({**entry, "type": head, "internalType": unit.rpartition("[")[0] or head})
    length = int(count) if count else -1
    dynamic = item.dynamic or length < 0
    size = WORD if dynamic else item.size * length
    return AbiType("array", f"{item.abi}[{count}]", unit, dynamic, size, item=item, length=length)


def parse_tuple(components: Iterable[Mapping[str, Any]], unit: str) -> AbiType:
    """The tree of a struct, or of a list of arguments, called ``unit``."""
    fields = tuple((c["name"] or f"arg{i}", parse_type(c)) for i, c in enumerate(components))
    dynamic = any(kind.dynamic for _, kind in fields)
    size = WORD if dynamic else sum(kind.size for _, kind in fields)
    abi = f"({','.join(kind.abi for _, kind in fields)})"
    return AbiType("tuple", abi, unit, dynamic, size, fields=fields)


def _bits(name: str) -> int:
    if name == "address":
        return 160
    if name == "bool":
        return 8
    digits = "".join(c for c in name if c.isdigit())
    bits = int(digits or 256)
    return bits * 8 if name.startswith("bytes") else bits
