"""Exact values to what people and agents read, and a scenario's decimals to exact values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from amm_sim.chain.abi import FIXED, AbiType
from amm_sim.errors import ScenarioError, unknown
from amm_sim.units import WAD, from_wad, to_wad


def view(kind: AbiType, value: Any) -> Any:
    """``value`` with every Wad and SWad as a float; all else unchanged."""
    if kind.kind == "word":
        return from_wad(value) if kind.unit in FIXED else value
    if kind.kind == "tuple":
        scaled = kind.scaled
        found = {name: part / WAD if name in scaled else part for name, part in value.items()}
        for name, child in kind.nested:
            found[name] = view(child, value[name])
        return found
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
