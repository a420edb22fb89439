"""The ABI codec: values to calldata and back, errors and events over all contracts.

Values are exact: integers for every number (18-decimal fixed point keeps its integer), lower-case
``0x`` strings for addresses, ``bytes`` for bytes, dictionaries for structs, lists for arrays.
``view`` turns exact values into what people and agents read: the types Wad and SWad, which the ABI
keeps in ``internalType``, become floats. ``from_decimals`` is the way in for parameters.

Packing of static types runs generated code (under a microsecond); when it stumbles, the slow path
says where, by dotted path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from eth_utils.crypto import keccak

from amm_sim.chain.artifacts import Artifact
from amm_sim.errors import ChainError, ScenarioError, unknown
from amm_sim.units import from_wad, to_wad

WORD = 32
FIXED = frozenset({"Wad", "SWad"})
"""Unit types whose integer is scaled by 1e18."""


class CodecError(ChainError):
    """A value does not fit the ABI; the message starts with the dotted path."""


# --------------------------------------------------------------------------- types


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


def parse_type(entry: Mapping[str, Any]) -> AbiType:
    """The type tree of one ABI entry ``{name, type, internalType, components}``."""
    name: str = entry["type"]
    unit: str = entry.get("internalType", name)
    if name.endswith("]"):
        return _array(entry, name, unit)
    if name == "tuple":
        return _tuple(entry.get("components", ()), unit)
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


def _tuple(components: Iterable[Mapping[str, Any]], unit: str) -> AbiType:
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


# -------------------------------------------------------- encoding, slow and exact


def encode(kind: AbiType, value: Any, path: str) -> bytes:
    """ABI encoding of ``value``.

    Raises:
        CodecError: with the dotted path of what does not fit.

    """
    if kind.kind == "word":
        return _encode_word(kind, value, path)
    if kind.kind == "tuple":
        return _encode_sequence(*_fields_of(kind, value, path))
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
    body = _encode_sequence(
        [kind.item] * len(value),
        list(value),
        [f"{path}[{i}]" for i in range(len(value))],
    )
    return body if kind.length >= 0 else len(value).to_bytes(WORD, "big") + body


def _encode_sequence(kinds: list[AbiType], values: list[Any], paths: list[str]) -> bytes:
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


# ------------------------------------------------------------- encoding, generated


def _packer(kinds: list[AbiType], prefix: bytes) -> Callable[..., bytes] | None:
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


# ------------------------------------------------------------- decoding, generated

Decoder = Callable[[bytes, int], Any]


def decoder(kind: AbiType) -> Decoder:
    """``decode(data, position)`` of a type whose content starts at ``position``."""
    if not kind.dynamic:
        scope: dict[str, Any] = {"ib": int.from_bytes}
        exec(f"def decode(d, o):\n    return {_read_expression(kind, 0)}", scope)
        made: Decoder = scope["decode"]
        return made
    if kind.kind == "array":
        return _array_decoder(kind)
    if kind.kind == "tuple":
        return _tuple_decoder(kind)
    return _string_decoder if kind.kind == "string" else _bytes_decoder


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


def _string_decoder(data: bytes, position: int) -> str:
    return _bytes_decoder(data, position).decode(errors="replace")


def _bytes_decoder(data: bytes, position: int) -> bytes:
    start = position + WORD
    return data[start : start + int.from_bytes(data[position:start], "big")]


def _array_decoder(kind: AbiType) -> Decoder:
    assert kind.item is not None
    item, inner = kind.item, decoder(kind.item)

    def decode(data: bytes, position: int) -> list[Any]:
        count = kind.length
        if count < 0:
            count = int.from_bytes(data[position : position + WORD], "big")
            position += WORD
            if count * item.size > len(data):
                raise CodecError(f"{count} items of {item.abi} do not fit in {len(data)} bytes")
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


# ------------------------------------------------------------- floats and decimals


def view(kind: AbiType, value: Any) -> Any:
    """``value`` with every Wad and SWad as a float; all else unchanged."""
    if kind.kind == "word":
        return from_wad(value) if kind.unit in FIXED else value
    if kind.kind == "tuple":
        return {name: view(child, value[name]) for name, child in kind.fields}
    if kind.kind == "array":
        assert kind.item is not None
        return [view(kind.item, item) for item in value]
    return value


def from_decimals(kind: AbiType, value: Any, path: str) -> Any:
    """Exact chain values of a struct whose fixed-point fields TOML gives as Decimals or integers.

    Raises:
        ScenarioError: naming the dotted path.

    """
    if kind.kind == "tuple":
        return _struct_from_decimals(kind, value, path)
    if kind.kind == "array":
        assert kind.item is not None
        if not isinstance(value, list | tuple):
            raise ScenarioError(path, value, "a list is needed")
        return [from_decimals(kind.item, item, f"{path}[{i}]") for i, item in enumerate(value)]
    if kind.unit in FIXED:
        return _fixed_from_decimal(kind, value, path)
    if kind.abi.startswith(("uint", "int")):
        return _whole(kind, value, path)
    return value


def _struct_from_decimals(kind: AbiType, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(path, value, "a table is needed")
    names = [name for name, _ in kind.fields]
    for key in value:
        if key not in names:
            raise ScenarioError(f"{path}.{key}", value[key], unknown(key, names))
    for name, child in kind.fields:
        if name not in value:
            raise ScenarioError(f"{path}.{name}", None, f"missing: a {child.unit} is needed")
    return {
        name: from_decimals(child, value[name], f"{path}.{name}") for name, child in kind.fields
    }


def _fixed_from_decimal(kind: AbiType, value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        raise ScenarioError(path, value, "a number is needed")
    try:
        wad = to_wad(value)
    except ValueError as error:
        raise ScenarioError(path, value, "a finite number is needed") from error
    if wad < 0 and kind.unit == "Wad":
        raise ScenarioError(path, value, "must not be negative")
    return wad


def _whole(kind: AbiType, value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ScenarioError(path, value, f"a whole number is needed ({kind.unit})")
    low, high = (
        (-(2 ** (kind.bits - 1)), 2 ** (kind.bits - 1))
        if kind.abi.startswith("int")
        else (0, 2**kind.bits)
    )
    if not low <= value < high:
        raise ScenarioError(path, value, f"must be in [{low}, {high - 1}]")
    return value


# ----------------------------------------------------------------------- functions


@dataclass(frozen=True)
class Function:
    """One function: packs calldata, unpacks results."""

    name: str
    signature: str
    selector: bytes
    inputs: AbiType
    outputs: AbiType
    view: bool
    pack: Callable[..., bytes] = field(repr=False)
    _unpack: Decoder = field(repr=False)

    def unpack(self, data: bytes) -> Any:
        """None, the single result, or a dictionary of the named results."""
        count = len(self.outputs.fields)
        if count == 0:
            return None
        if len(data) < WORD:
            raise ChainError(f"{self.signature} returned {len(data)} bytes: no contract there?")
        values = self._unpack(data, 0)
        return next(iter(values.values())) if count == 1 else values

    def floats(self, value: Any) -> Any:
        """What ``unpack`` returned, with floats."""
        fields = self.outputs.fields
        return view(fields[0][1], value) if len(fields) == 1 else view(self.outputs, value)

    @property
    def output(self) -> AbiType:
        """Type of the single result."""
        return self.outputs.fields[0][1]


def parse_function(entry: Mapping[str, Any]) -> Function:
    """A function, or a constructor (empty selector), of an ABI."""
    name = entry.get("name", "constructor")
    inputs = _tuple(entry.get("inputs", ()), "arguments")
    outputs = _tuple(entry.get("outputs", ()), "results")
    signature = name + inputs.abi
    selector = keccak(signature.encode())[:4] if name != "constructor" else b""
    return Function(
        name,
        signature,
        selector,
        inputs,
        outputs,
        entry.get("stateMutability") in ("view", "pure"),
        _function_packer(name, inputs, selector),
        decoder(outputs) if outputs.fields else _nothing,
    )


def _nothing(_data: bytes, _position: int) -> None:
    return None


def _function_packer(name: str, inputs: AbiType, selector: bytes) -> Callable[..., bytes]:
    kinds = [kind for _, kind in inputs.fields]
    paths = [f"{name}.{field_name}" for field_name, _ in inputs.fields]
    fast = _packer(kinds, selector)

    def slow(*args: Any) -> bytes:
        if len(args) != len(kinds):
            raise CodecError(f"{name}: {len(args)} arguments where {len(kinds)} belong")
        return selector + _encode_sequence(kinds, list(args), paths)

    if fast is None:
        return slow

    def pack(*args: Any) -> bytes:
        try:
            return fast(*args)
        except (
            KeyError,
            IndexError,
            TypeError,
            ValueError,
            OverflowError,
            AttributeError,
        ):
            return slow(*args)

    return pack


# --------------------------------------------------------------- errors and events


@dataclass(frozen=True)
class DecodedError:
    """A revert: its name and exact arguments. ``signature`` tells errors of one name apart."""

    name: str
    args: dict[str, Any]
    floats: dict[str, Any]
    signature: str = ""


@dataclass(frozen=True)
class ErrorType:
    """An error of the ABI with its decoder."""

    name: str
    signature: str
    inputs: AbiType
    decode: Decoder = field(repr=False)


@dataclass(frozen=True)
class EventType:
    """An event of the ABI with its decoding plan."""

    name: str
    signature: str
    topic: bytes
    inputs: AbiType
    indexed: tuple[tuple[str, AbiType, Decoder], ...] = field(repr=False)
    body: AbiType = field(repr=False)
    decode: Decoder = field(repr=False)


@dataclass(frozen=True)
class Event:
    """A decoded log. ``args`` are exact, in the order of the ABI."""

    name: str
    address: str
    args: dict[str, Any]
    index: int
    type: EventType = field(repr=False)

    @property
    def floats(self) -> dict[str, Any]:
        """The arguments with fixed-point numbers as floats."""
        found: dict[str, Any] = view(self.type.inputs, self.args)
        return found


_PANICS = {
    0x01: "assert",
    0x11: "overflow",
    0x12: "division by zero",
    0x21: "enum",
    0x32: "index",
    0x41: "memory",
}


class Codec:
    """All functions, errors and events of a set of contracts.

    Errors are found by selector and events by topic over all contracts, so that a revert in the
    depth of a call keeps its name.
    """

    def __init__(self, artifacts: Iterable[Artifact]) -> None:
        self._functions: dict[str, dict[str, Function]] = {}
        self._errors: dict[bytes, ErrorType] = {}
        self._events: dict[tuple[bytes, int], EventType] = {}
        for artifact in artifacts:
            self.add(artifact)

    def add(self, artifact: Artifact) -> None:
        """Learns one contract's ABI; knowing it already is no harm."""
        if artifact.name in self._functions:
            return
        functions = self._functions[artifact.name] = {}
        for entry in artifact.abi:
            if entry["type"] in ("function", "constructor"):
                function = parse_function(entry)
                functions[function.signature] = function
                functions.setdefault(function.name, function)
            elif entry["type"] == "error":
                self._add_error(entry)
            elif entry["type"] == "event" and not entry.get("anonymous"):
                self._add_event(entry)

    def _add_error(self, entry: Mapping[str, Any]) -> None:
        inputs = _tuple(entry["inputs"], entry["name"])
        signature = entry["name"] + inputs.abi
        self._errors.setdefault(
            keccak(signature.encode())[:4],
            ErrorType(entry["name"], signature, inputs, decoder(inputs)),
        )

    def _add_event(self, entry: Mapping[str, Any]) -> None:
        event = parse_event(entry)
        self._events.setdefault((event.topic, len(event.indexed)), event)

    def function(self, contract: str, name: str) -> Function:
        """A function by name (or by signature where names are overloaded)."""
        functions = self._functions.get(contract, {})
        if name not in functions:
            near = get_close_matches(name, [f for f in functions if "(" not in f], 1)
            raise CodecError(
                f"{contract} has no function {name}"
                + (f", did you mean {near[0]}?" if near else "")
            )
        return functions[name]

    def has(self, contract: str, name: str) -> bool:
        """Whether a contract has a function."""
        return name in self._functions.get(contract, {})

    def called(self, contract: str, data: bytes) -> str:
        """Name of the function that calldata calls; its selector where the ABI has none."""
        for function in self._functions.get(contract, {}).values():
            if function.selector == data[:4]:
                return function.name
        return "0x" + data[:4].hex()

    def constructor(self, contract: str) -> Function:
        """A contract's constructor; one without arguments if it declares none."""
        functions = self._functions.get(contract, {})
        return functions.get("constructor") or parse_function({"type": "constructor"})

    @property
    def events(self) -> tuple[EventType, ...]:
        """Every known event, by name."""
        return tuple(sorted(self._events.values(), key=lambda event: event.signature))

    @property
    def errors(self) -> tuple[ErrorType, ...]:
        """Every known error, by name."""
        return tuple(sorted(self._errors.values(), key=lambda error: error.signature))

    def error(self, data: bytes) -> DecodedError:
        """The name and arguments of revert data.

        Unknown data keeps its selector as name; no data is ``Reverted``.
        """
        selector, body = data[:4], data[4:]
        known = self._errors.get(selector)
        if known is not None:
            args = known.decode(body, 0) if known.inputs.fields else {}
            return DecodedError(known.name, args, view(known.inputs, args), known.signature)
        if selector == b"\x08\xc3y\xa0":
            message = _string_decoder(body, WORD)
            return DecodedError(
                "Error", {"message": message}, {"message": message}, "Error(string)"
            )
        if selector == b"NH{q":
            code = int.from_bytes(body[:WORD], "big")
            panic = {"code": code, "meaning": _PANICS.get(code, "unknown")}
            return DecodedError("Panic", panic, panic, "Panic(uint256)")
        if not data:
            return DecodedError("Reverted", {}, {})
        return DecodedError(
            "0x" + selector.hex(),
            {"data": "0x" + body.hex()},
            {"data": "0x" + body.hex()},
        )

    def event(self, log: Mapping[str, Any]) -> Event | None:
        """The decoded event of a JSON-RPC log, or None when no contract declares it."""
        topics: list[str] = log["topics"]
        if not topics:
            return None
        known = self._events.get((bytes.fromhex(topics[0][2:]), len(topics) - 1))
        if known is None:
            return None
        values = known.decode(bytes.fromhex(log["data"][2:]), 0) if known.body.fields else {}
        for (name, _, read), topic in zip(known.indexed, topics[1:], strict=True):
            values[name] = read(bytes.fromhex(topic[2:]), 0)
        args = {name: values[name] for name, _ in known.inputs.fields}
        return Event(known.name, log["address"], args, int(log["logIndex"], 16), known)


def parse_event(entry: Mapping[str, Any]) -> EventType:
    """An event of an ABI. Indexed values of dynamic types are their hashes: bytes32."""
    inputs: list[Mapping[str, Any]] = [
        {**item, "name": item["name"] or f"arg{i}"} for i, item in enumerate(entry["inputs"])
    ]
    whole = _tuple(inputs, entry["name"])
    signature = entry["name"] + whole.abi
    indexed = []
    for item in inputs:
        if item["indexed"]:
            kind = parse_type(item)
            if kind.kind != "word":
                kind = parse_type({"name": item["name"], "type": "bytes32"})
            indexed.append((item["name"], kind, decoder(kind)))
    body = _tuple([item for item in inputs if not item["indexed"]], entry["name"])
    hashed = {name: kind for name, kind, _ in indexed}
    fields = tuple((name, hashed.get(name, kind)) for name, kind in whole.fields)
    shown = AbiType("tuple", whole.abi, entry["name"], whole.dynamic, whole.size, fields=fields)
    return EventType(
        entry["name"],
        signature,
        keccak(signature.encode()),
        shown,
        tuple(indexed),
        body,
        decoder(body),
    )
