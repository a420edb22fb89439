"""The ABI codec: functions, errors and events over all contracts.

Values are exact: integers for every number (18-decimal fixed point keeps its integer), lower-case
``0x`` strings for addresses, ``bytes`` for bytes, dictionaries for structs, lists for arrays.
``values.view`` turns exact values into what people and agents read: the types Wad and SWad, which
the ABI keeps in ``internalType``, become floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from eth_utils.crypto import keccak

from amm_sim.chain.abi import WORD, AbiType, CodecError, parse_tuple, parse_type
from amm_sim.chain.artifacts import Artifact
from amm_sim.chain.packing import encode_sequence, static_packer
from amm_sim.chain.unpacking import Decoder, decode_string, decoder
from amm_sim.chain.values import view
from amm_sim.errors import ChainError


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
    inputs = parse_tuple(entry.get("inputs", ()), "arguments")
    outputs = parse_tuple(entry.get("outputs", ()), "results")
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
    fast = static_packer(kinds, selector)

    def slow(*args: Any) -> bytes:
        if len(args) != len(kinds):
            raise CodecError(f"{name}: {len(args)} arguments where {len(kinds)} belong")
        return selector + encode_sequence(kinds, list(args), paths)

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
        inputs = parse_tuple(entry["inputs"], entry["name"])
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
            message = decode_string(body, WORD)
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
    whole = parse_tuple(inputs, entry["name"])
    signature = entry["name"] + whole.abi
    indexed = []
    for item in inputs:
        if item["indexed"]:
            kind = parse_type(item)
            if kind.kind != "word":
                kind = parse_type({"name": item["name"], "type": "bytes32"})
            indexed.append((item["name"], kind, decoder(kind)))
    body = parse_tuple([item for item in inputs if not item["indexed"]], entry["name"])
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
