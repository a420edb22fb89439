"""Return data and logs to exact values: decoders generated from types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amm_sim.chain.abi import WORD, AbiType, CodecError

Decoder = Callable[[bytes, int], Any]


def decoder(kind: AbiType) -> Decoder:
    """``decode(data, position)`` of a type whose content starts at ``position``."""
    if not kind.dynamic:
        scope: dict[str, Any] = {"ib": int.from_bytes}
        exec(f"def decode(d, o):\n    return {_read_expression(kind, 0)}", scope)
        made: Decoder = scope["decode"]
        return made
    if kind.kind == "array":
        return _words_decoder(kind) if _numbers(kind) else _array_decoder(kind)
    if kind.kind == "tuple":
        return _tuple_decoder(kind)
    return decode_string if kind.kind == "string" else _bytes_decoder


def _read_expression(kind: AbiType, offset: int) -> str:
    if kind.kind == "tuple":
        parts = []
        for name, child in kind.fields:
            parts.append(f"{name!r}: {_read_expression(child, offset)}")
            offset += child.size
        return "{" + ", ".join(parts) + "}"
    if kind.kind == "array":
        assert kind.item is not None
        items = [
            _read_expression(kind.item, offset + i * kind.item.size) for i in range(kind.length)
        ]
        return "[" + ", ".join(items) + "]"
    return _read_word(kind, offset)


def _read_word(kind: AbiType, offset: int) -> str:
    piece = f"d[o+{offset}:o+{offset + WORD}]"
    if kind.abi == "address":
        return f"'0x' + d[o+{offset + 12}:o+{offset + WORD}].hex()"
    if kind.abi == "bool":
        return f"d[o+{offset + WORD - 1}] == 1"
    if kind.abi.startswith("bytes"):
        return f"d[o+{offset}:o+{offset + kind.bits // 8}]"
    signed = ", signed=True" if kind.abi.startswith("int") else ""
    return f"ib({piece}, 'big'{signed})"


def decode_string(data: bytes, position: int) -> str:
    """A text whose length is at ``position``."""
    return _bytes_decoder(data, position).decode(errors="replace")


def _bytes_decoder(data: bytes, position: int) -> bytes:
    start = position + WORD
    return data[start : start + int.from_bytes(data[position:start], "big")]


def _numbers(kind: AbiType) -> bool:
    """Whether it is a list of numbers."""
    item = kind.item
    if kind.length >= 0 or item is None or item.kind != "word":
        return False
    return item.abi.startswith(("uint", "int"))


def _words_decoder(kind: AbiType) -> Decoder:
    """Generated: a list of numbers, whose items need no call each."""
    assert kind.item is not None
    item = _read_word(kind.item, 0)
    body = f"[{item} for o in range(p, p + {WORD} * n, {WORD})]"
    scope: dict[str, Any] = {"ib": int.from_bytes, "count": _count}
    exec(f"def decode(d, p):\n    p, n = count(d, p, {WORD})\n    return {body}", scope)
    made: Decoder = scope["decode"]
    return made


def _count(data: bytes, position: int, size: int) -> tuple[int, int]:
    """Where the items of a list begin and how many there are.

    Raises:
        CodecError: more than the data can hold.
    """
    count = int.from_bytes(data[position : position + WORD], "big")
    if count * size > len(data):
        raise CodecError(f"{count} items of {size} bytes do not fit in {len(data)} bytes")
    return position + WORD, count


def _array_decoder(kind: AbiType) -> Decoder:
    assert kind.item is not None
    item, inner = kind.item, decoder(kind.item)

    def decode(data: bytes, position: int) -> list[Any]:
        count = kind.length
        if count < 0:
            position, count = _count(data, position, item.size)
        places = range(position, position + count * item.size, item.size)
        if item.dynamic:
            return [
                inner(data, position + int.from_bytes(data[p : p + WORD], "big")) for p in places
            ]
        return [inner(data, place) for place in places]

    return decode


def _tuple_decoder(kind: AbiType) -> Decoder:
    plan: list[tuple[str, int, bool, Decoder]] = []
    offset = 0
    for name, child in kind.fields:
        plan.append((name, offset, child.dynamic, decoder(child)))
        offset += child.size

    def decode(data: bytes, position: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, at, dynamic, inner in plan:
            place = position + at
            if dynamic:
                place = position + int.from_bytes(data[place : place + WORD], "big")
            out[name] = inner(data, place)
        return out

    return decode
