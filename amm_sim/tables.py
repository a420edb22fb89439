"""Tables of a TOML file as dataclasses: fields are the keys, annotations the types.

Every error is one line that names the dotted key, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from amm_sim.errors import ScenarioError, unknown

T = TypeVar("T")


def bounded(low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    """Metadata of a field whose value lies in [low, high]: ``field(metadata=bounded(0, 1))``."""
    return {"low": low, "high": high}


def build(cls: type[T], table: Any, path: str, **given: Any) -> T:
    """A dataclass from a table: its fields are the keys, its annotations the types.

    ``given`` fills fields that the table may not hold (a name, a seed). Fields may carry
    ``bounded(low, high)``. ``__post_init__`` may raise ScenarioError (path whole or relative to the
    table) or ValueError.

    Raises:
        ScenarioError: unknown or missing key, wrong type, not finite, out of bounds.

    """
    if not isinstance(table, Mapping):
        raise ScenarioError(path, table, "a table is needed")
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    known_keys(table, [name for name in fields if name not in given], path)
    values = dict(given)
    for name, spec in fields.items():
        if name in given:
            continue
        where = f"{path}.{name}"
        if name in table:
            values[name] = convert(hints[name], table[name], where, spec.metadata)
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise ScenarioError(where, None, f"missing: {_say(hints[name])} is needed")
    try:
        return cls(**values)
    except ScenarioError as error:
        whole = error.path.startswith((f"{path}.", f"{path}["))
        where = error.path if whole else f"{path}.{error.path}"
        raise ScenarioError(where, error.value, error.allowed) from None
    except ValueError as error:
        raise ScenarioError(path, plain(table), str(error)) from None


def known_keys(table: Mapping[str, Any], names: Sequence[str], path: str) -> None:
    """Nothing but ``names`` may stand in a table.

    Raises:
        ScenarioError: another key, with the nearest name.
    """
    for key in table:
        if key not in names:
            raise ScenarioError(
                f"{path}.{key}" if path else key, plain(table[key]), unknown(key, names)
            )


def convert(hint: Any, value: Any, path: str, limits: Mapping[str, Any] | None = None) -> Any:
    """``value`` of a TOML file as the annotated type.

    Raises:
        ScenarioError: wrong type, not finite, out of ``limits``.

    """
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _union(hint, value, path, limits)
    if origin in (tuple, list, frozenset):
        return _sequence(hint, origin, value, path, limits)
    if origin in (dict, Mapping):
        inner = typing.get_args(hint)[1]
        return {
            k: convert(inner, v, f"{path}.{k}", limits) for k, v in _mapping(value, path).items()
        }
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type[Any]", hint), value, path)
    return _scalar(hint, value, path, limits or {})


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(path, value, "a table is needed")
    return value


def _union(hint: Any, value: Any, path: str, limits: Mapping[str, Any] | None) -> Any:
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    problem: ScenarioError | None = None
    for option in options:
        try:
            return convert(option, value, path, limits)
        except ScenarioError as error:
            problem = error
    assert problem is not None
    raise problem


def _sequence(
    hint: Any, origin: Any, value: Any, path: str, limits: Mapping[str, Any] | None
) -> Any:
    if not isinstance(value, list | tuple):
        raise ScenarioError(path, value, "a list is needed")
    inner = typing.get_args(hint)
    if origin is tuple and len(inner) > 0 and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            raise ScenarioError(path, plain(value), f"a list of {len(inner)} values is needed")
        return tuple(
            convert(h, v, f"{path}[{i}]", limits)
            for i, (h, v) in enumerate(zip(inner, value, strict=True))
        )
    return origin(convert(inner[0], item, f"{path}[{i}]", limits) for i, item in enumerate(value))


def _scalar(hint: Any, value: Any, path: str, limits: Mapping[str, Any]) -> Any:
    if hint is float or hint is Decimal:
        return _within(_number(hint, value, path), path, limits)
    if hint is int:
        return _within(_integer(value, path), path, limits)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint, value, path)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(hint, type) and isinstance(value, hint):
        return value
    raise ScenarioError(path, plain(value), f"{_say(hint)} is needed")


def _number(hint: Any, value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ScenarioError(path, plain(value), "a number is needed")
    number = hint(value)
    if not math.isfinite(number):
        raise ScenarioError(path, str(value), "a finite number is needed")
    return number


def _integer(value: Any, path: str) -> int:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(aware.timestamp())
    if isinstance(value, bool) or not isinstance(value, int):
        raise ScenarioError(path, plain(value), "a whole number is needed")
    return value


def _member(hint: type[Enum], value: Any, path: str) -> Enum:
    for member in hint:
        if value in (member.value, member.name):
            return member
    raise ScenarioError(
        path, plain(value), "one of " + ", ".join(str(member.value) for member in hint)
    )


def _within(value: Any, path: str, limits: Mapping[str, Any]) -> Any:
    low, high = limits.get("low"), limits.get("high")
    if low is not None and value < low:
        raise ScenarioError(
            path, plain(value), f"at least {low}" if high is None else f"in [{low}, {high}]"
        )
    if high is not None and value > high:
        raise ScenarioError(
            path, plain(value), f"at most {high}" if low is None else f"in [{low}, {high}]"
        )
    return value


def _say(hint: Any) -> str:
    words = {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
        Decimal: "a number",
    }
    return words.get(hint, str(getattr(hint, "__name__", hint)))


def plain(value: Any) -> Any:
    """JSON-ready form of a TOML value: Decimals become numbers where they are short, else text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Decimal):
        return _plain_decimal(value)
    if isinstance(value, int | float | str | bool) or value is None:
        return value
    return str(value)


def _plain_decimal(value: Decimal) -> Any:
    number = float(value)
    if math.isfinite(number) and Decimal(repr(number)) == value:
        return number
    return str(value)
