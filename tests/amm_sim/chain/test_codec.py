"""The codec against eth_abi, the independent reference, and its refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import eth_abi
import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from amm_sim.chain.abi import AbiType, CodecError, parse_type
from amm_sim.chain.codec import Codec, parse_event, parse_function
from amm_sim.chain.packing import encode
from amm_sim.chain.unpacking import decoder
from amm_sim.chain.values import from_decimals
from amm_sim.errors import ScenarioError

WORDS = [
    "uint256",
    "int256",
    "uint64",
    "uint8",
    "int64",
    "int32",
    "bool",
    "address",
    "bytes32",
    "bytes4",
]


def entries(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """ABI entries of words, bytes, strings, arrays and structs, nested up to ``depth``."""
    leaf = st.sampled_from([*WORDS, "bytes", "string"]).map(
        lambda name: {"name": "x", "type": name}
    )
    if depth == 0:
        return leaf
    inner = entries(depth - 1)
    arrays = st.tuples(inner, st.sampled_from(["[]", "[1]", "[3]"])).map(
        lambda p: {**p[0], "type": p[0]["type"] + p[1]}
    )
    structs = st.lists(inner, min_size=1, max_size=4).map(
        lambda items: {
            "name": "x",
            "type": "tuple",
            "components": [{**item, "name": f"f{i}"} for i, item in enumerate(items)],
        }
    )
    return st.one_of(leaf, arrays, structs)


def values(kind: AbiType) -> st.SearchStrategy[Any]:
    """Values of a type in this project's form."""
    if kind.kind == "tuple":
        return st.fixed_dictionaries({name: values(child) for name, child in kind.fields})
    if kind.kind == "array":
        assert kind.item is not None
        low, high = (0, 4) if kind.length < 0 else (kind.length, kind.length)
        return st.lists(values(kind.item), min_size=low, max_size=high)
    if kind.kind == "string":
        return st.text(max_size=40)
    if kind.kind == "bytes":
        return st.binary(max_size=70)
    return words(kind)


def words(kind: AbiType) -> st.SearchStrategy[Any]:
    if kind.abi == "bool":
        return st.booleans()
    if kind.abi == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    if kind.abi.startswith("bytes"):
        return st.binary(min_size=kind.bits // 8, max_size=kind.bits // 8)
    if kind.abi.startswith("int"):
        return st.integers(-(2 ** (kind.bits - 1)), 2 ** (kind.bits - 1) - 1)
    return st.integers(0, 2**kind.bits - 1)


def theirs(kind: AbiType, value: Any) -> Any:
    """A value in eth_abi's form: structs are tuples."""
    if kind.kind == "tuple":
        return tuple(theirs(child, value[name]) for name, child in kind.fields)
    if kind.kind == "array":
        assert kind.item is not None
        return [theirs(kind.item, item) for item in value]
    return value


@st.composite
def samples(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[Any]]:
    inputs = draw(st.lists(entries(2), min_size=1, max_size=4))
    inputs = [{**entry, "name": f"a{i}"} for i, entry in enumerate(inputs)]
    return inputs, [draw(values(parse_type(entry))) for entry in inputs]


@settings(max_examples=300, deadline=None)
@given(samples())
def test_pack_any_arguments_equals_eth_abi(sample: tuple[list[dict[str, Any]], list[Any]]) -> None:
    inputs, arguments = sample
    function = parse_function(
        {"type": "function", "name": "f", "inputs": inputs, "outputs": inputs}
    )
    kinds = [kind for _, kind in function.inputs.fields]
    expected = eth_abi.encode(
        [k.abi for k in kinds], [theirs(k, v) for k, v in zip(kinds, arguments, strict=True)]
    )
    packed = function.pack(*arguments)
    assert packed == keccak(function.signature.encode())[:4] + expected
    names = [name for name, _ in function.inputs.fields]
    assert decoder(function.outputs)(expected, 0) == dict(zip(names, arguments, strict=True))


@settings(max_examples=100, deadline=None)
@given(samples())
def test_slow_path_any_arguments_equals_fast_path(
    sample: tuple[list[dict[str, Any]], list[Any]],
) -> None:
    inputs, arguments = sample
    function = parse_function({"type": "function", "name": "f", "inputs": inputs, "outputs": []})
    value = dict(zip([name for name, _ in function.inputs.fields], arguments, strict=True))
    assert function.pack(*arguments)[4:] == encode(function.inputs, value, "f")


STRUCT = {
    "name": "params",
    "type": "tuple",
    "internalType": "struct TestParams",
    "components": [
        {"name": "fee", "type": "uint256", "internalType": "Wad"},
        {"name": "shift", "type": "int256", "internalType": "SWad"},
        {"name": "delay", "type": "uint64", "internalType": "Seconds"},
        {"name": "on", "type": "bool", "internalType": "bool"},
    ],
}
SET = parse_function({"type": "function", "name": "set", "inputs": [STRUCT], "outputs": [STRUCT]})
GOOD = {"fee": 1, "shift": -1, "delay": 60, "on": True}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fee": -1}, r"set\.params\.fee: -1 is no Wad"),
        ({"fee": 0.5}, r"set\.params\.fee: 0\.5 is no Wad"),
        ({"fee": True}, r"set\.params\.fee: True is no Wad"),
        ({"fee": 2**256}, r"set\.params\.fee"),
        ({"shift": 2**255}, r"set\.params\.shift"),
        ({"delay": 2**64}, r"set\.params\.delay: .* is no Seconds \(uint64\)"),
        ({"on": 1}, r"set\.params\.on: 1 is no bool"),
        ({"fees": 1}, r"set\.params\.fees: unknown key: did you mean fee"),
    ],
)
def test_pack_unfit_value_names_the_dotted_path(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CodecError, match=message):
        SET.pack({**GOOD, **change})


def test_pack_missing_key_names_the_dotted_path() -> None:
    with pytest.raises(CodecError, match=r"set\.params\.delay: missing"):
        SET.pack({k: v for k, v in GOOD.items() if k != "delay"})


def test_from_decimals_is_exact_where_floats_are_not() -> None:
    table = {"fee": Decimal("0.07"), "shift": Decimal("-0.1"), "delay": 60, "on": False}
    exact = from_decimals(SET.output, table, "protocol.test")
    assert exact == {"fee": 70_000_000_000_000_000, "shift": -(10**17), "delay": 60, "on": False}
    assert int(0.07 * 10**18) != exact["fee"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fee": Decimal("NaN")}, "protocol.test.fee = .*finite"),
        ({"fee": Decimal("-1")}, "protocol.test.fee = .*must not be negative"),
        ({"fee": "1"}, "protocol.test.fee = '1': a number is needed"),
        ({"delay": Decimal("1.5")}, "protocol.test.delay = .*whole number"),
        ({"delay": -1}, r"protocol.test.delay = -1: must be in \[0, "),
        ({"dely": 1}, "protocol.test.dely = 1: unknown key: did you mean delay"),
    ],
)
def test_from_decimals_unfit_value_names_key_and_rule(change: dict[str, Any], message: str) -> None:
    table = {"fee": Decimal(1), "shift": Decimal(1), "delay": 60, "on": False}
    with pytest.raises(ScenarioError, match=message):
        from_decimals(SET.output, {**table, **change}, "protocol.test")


def test_view_turns_fixed_point_alone_into_floats() -> None:
    value = {"fee": 5 * 10**17, "shift": -2 * 10**18, "delay": 60, "on": True}
    assert SET.floats(value) == {"fee": 0.5, "shift": -2.0, "delay": 60, "on": True}


def test_error_known_unknown_standard_and_empty() -> None:
    codec = Codec([])
    assert codec.error(b"").name == "Reverted"
    assert codec.error(b"\x12\x34\x56\x78" + bytes(32)).name == "0x12345678"
    panic = keccak(b"Panic(uint256)")[:4] + (0x11).to_bytes(32, "big")
    assert codec.error(panic).args == {"code": 0x11, "meaning": "overflow"}
    message = keccak(b"Error(string)")[:4] + eth_abi.encode(["string"], ["no"])
    assert codec.error(message).args == {"message": "no"}


def test_event_indexed_dynamic_is_its_hash() -> None:
    event = parse_event(
        {
            "type": "event",
            "name": "Said",
            "inputs": [
                {"name": "who", "type": "address", "indexed": True},
                {"name": "what", "type": "string", "indexed": True},
                {"name": "worth", "type": "uint256", "indexed": False, "internalType": "Wad"},
            ],
        }
    )
    assert event.topic == keccak(b"Said(address,string,uint256)")
    assert [kind.abi for _, kind, _ in event.indexed] == ["address", "bytes32"]
    assert event.decode((7).to_bytes(32, "big"), 0) == {"worth": 7}
