"""Values to calldata: generated code for static types, and a slow way that says what is wrong.

Addresses are ``0x`` strings, structs mappings, arrays lists or tuples. When the generated code
stumbles, the slow way names the dotted path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from amm_sim.chain.abi import WORD, AbiType, CodecError
from amm_sim.errors import unknown


def encode(kind: AbiType, value: Any, path: str) -> bytes:
    """ABI encoding of ``value``.

    Raises:
        CodecError: with the dotted path of what does not fit.

    """
    if kind.kind == "word":
        return _encode_word(kind, value, path)
    if kind.kind == "tuple":
        return encode_sequence(*_fields_of(kind, value, path))
    if kind.kind == "array":
        return _encode_array(kind, value, path)
    return _encode_bytes(kind, value, path)


def _encode_word(kind: AbiType, value: Any, path: str) -> bytes:
    name = kind.abi
    try:
        if name == "address":
            return address_word(value)
        if name == "bool":
            return _bool_word(value)
        if name.startswith("bytes"):
            return _fixed_bytes(value, kind.bits // 8)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        if name.startswith("int"):
            value.to_bytes(kind.bits // 8, "big", signed=True)
            return value.to_bytes(WORD, "big", signed=True)
        return bytes(value.to_bytes(kind.bits // 8, "big")).rjust(WORD, b"\0")
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise CodecError(f"{path}: {value!r} is no {kind.unit} ({name})") from error


def _encode_bytes(kind: AbiType, value: Any, path: str) -> bytes:
    if kind.kind == "string" and isinstance(value, str):
        raw = value.encode()
    elif kind.kind == "bytes" and isinstance(value, bytes):
        raw = value
    else:
        raise CodecError(f"{path}: {value!r} is no {kind.abi}")
    return len(raw).to_bytes(WORD, "big") + raw + bytes(-len(raw) % WORD)


def _encode_array(kind: AbiType, value: Any, path: str) -> bytes:
    if not isinstance(value, list | tuple):
        raise CodecError(f"{path}: {value!r} is no list")
    if kind.length >= 0 and len(value) != kind.length:
        raise CodecError(f"{path}: {len(value)} items where {kind.length} belong")
    assert kind.item is not None
    body = encode_sequence(
        [kind.item] * len(value),
        list(value),
        [f"{path}[{i}]" for i in range(len(value))],
    )
    return body if kind.length >= 0 else len(value).to_bytes(WORD, "big") + body


def encode_sequence(kinds: list[AbiType], values: list[Any], paths: list[str]) -> bytes:
    """Heads, then tails, of values one after another; ``paths`` are for errors."""
    heads: list[bytes] = []
    tails: list[bytes] = []
    offset = sum(kind.size for kind in kinds)
    for kind, value, path in zip(kinds, values, paths, strict=True):
        body = encode(kind, value, path)
        if kind.dynamic:
            heads.append(offset.to_bytes(WORD, "big"))
            tails.append(body)
            offset += len(body)
        else:
            heads.append(body)
    return b"".join(heads + tails)


def _fields_of(kind: AbiType, value: Any, path: str) -> tuple[list[AbiType], list[Any], list[str]]:
    if not isinstance(value, Mapping):
        raise CodecError(f"{path}: {value!r} is no {kind.unit}: a mapping is needed")
    names = [name for name, _ in kind.fields]
    check_keys(names, value, path)
    return (
        [k for _, k in kind.fields],
        [value[name] for name in names],
        [f"{path}.{name}" for name in names],
    )


def check_keys(names: list[str], value: Mapping[str, Any], path: str) -> None:
    """Every name is there and nothing else.

    Raises:
        CodecError: naming the dotted path, with the nearest known key.

    """
    for key in value:
        if key not in names:
            raise CodecError(f"{path}.{key}: {unknown(key, names)}")
    for name in names:
        if name not in value:
            raise CodecError(f"{path}.{name}: missing")


@lru_cache(maxsize=4096)
def address_word(value: Any) -> bytes:
    """The word of an address given as 0x and 40 hexadecimal digits."""
    if not isinstance(value, str) or len(value) != 42 or value[:2] != "0x":
        raise ValueError(value)
    return bytes(12) + bytes.fromhex(value[2:])


_TRUE = (1).to_bytes(WORD, "big")
_FALSE = bytes(WORD)


def _bool_word(value: Any) -> bytes:
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    raise TypeError(value)


def _fixed_bytes(value: Any, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise TypeError(value)
    return value.ljust(WORD, b"\0")


def _small_int(value: int, size: int) -> bytes:
    value.to_bytes(size, "big", signed=True)
    return value.to_bytes(WORD, "big", signed=True)


def _number(value: Any) -> int:
    if type(value) is bool or not isinstance(value, int):
        raise TypeError(value)
    return value


def _exactly(value: Mapping[str, Any], size: int) -> Mapping[str, Any]:
    if len(value) != size:
        raise KeyError(size)
    return value


# ------------------------------------------------------------- generated


def static_packer(kinds: list[AbiType], prefix: bytes) -> Callable[..., bytes] | None:
    """Generated packer of static arguments, or None when one is dynamic."""
    if any(kind.dynamic for kind in kinds):
        return None
    names = [f"a{i}" for i in range(len(kinds))]
    checks: list[str] = []
    words: list[str] = []
    for name, kind in zip(names, kinds, strict=True):
        _pack_expressions(kind, name, words, checks)
    body = " + ".join(["prefix", *words])
    lines = [
        f"def pack({', '.join(names)}):",
        *(f"    {check}" for check in checks),
        f"    return {body}",
    ]
    scope: dict[str, Any] = {
        "prefix": prefix,
        "word": address_word,
        "truth": _bool_word,
        "fixed": _fixed_bytes,
        "small": _small_int,
        "number": _number,
        "exactly": _exactly,
    }
    exec("\n".join(lines), scope)
    packer: Callable[..., bytes] = scope["pack"]
    return packer


def _pack_expressions(kind: AbiType, source: str, words: list[str], checks: list[str]) -> None:
    if kind.kind == "tuple":
        checks.append(f"exactly({source}, {len(kind.fields)})")
        for name, child in kind.fields:
            _pack_expressions(child, f"{source}[{name!r}]", words, checks)
    elif kind.kind == "array":
        assert kind.item is not None
        checks.append(f"exactly({source}, {kind.length})")
        for index in range(kind.length):
            _pack_expressions(kind.item, f"{source}[{index}]", words, checks)
    else:
        words.append(_pack_word(kind, source))


def _pack_word(kind: AbiType, source: str) -> str:
    size = kind.bits // 8
    if kind.abi == "address":
        return f"word({source})"
    if kind.abi == "bool":
        return f"truth({source})"
    if kind.abi.startswith("bytes"):
        return f"fixed({source}, {size})"
    if kind.abi == "uint256":
        return f"number({source}).to_bytes(32, 'big')"
    if kind.abi == "int256":
        return f"number({source}).to_bytes(32, 'big', signed=True)"
    if kind.abi.startswith("uint"):
        return f"number({source}).to_bytes({size}, 'big').rjust(32, b'\\0')"
    return f"small(number({source}), {size})"
