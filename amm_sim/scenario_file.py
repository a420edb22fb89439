"""A scenario's file as one tree of tables: what it extends, its own tables on top, then changes.

Numbers are read as Decimals, so that a parameter reaches the chain exactly.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from amm_sim.errors import ScenarioError
from amm_sim.tables import convert


def read(path: Path, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The merged tables of a file; ``changes`` maps dotted keys to values, None removes.

    Raises:
        ScenarioError: what is wrong, in one line.

    """
    tables = _read(path, ())
    for key, value in (changes or {}).items():
        _change(tables, key, value)
    return tables


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in seen:
        raise ScenarioError("extends", str(path), "a chain of files without a circle")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise ScenarioError("scenario", str(path), "no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError("scenario", str(path), f"cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError("scenario", str(path), f"no valid TOML: {error}") from None
    if "extends" not in tables:
        return tables
    base = convert(str, tables.pop("extends"), "extends")
    return merge(_read(path.parent / base, (*seen, path.resolve())), tables)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of ``base`` with those of ``over`` on top, key by key; anything but a table replaces.

    A table that names another ``kind`` replaces too: one kind's fields mean nothing to another.
    """
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            other_kind = "kind" in value and "kind" in old and value["kind"] != old["kind"]
            out[key] = dict(value) if other_kind else merge(old, value)
        else:
            out[key] = value
    return out


def _change(tables: dict[str, Any], key: str, value: Any) -> None:
    place: Any = tables
    parts = key.split(".")
    for depth, part in enumerate(parts[:-1]):
        place = _step(place, part, ".".join(parts[: depth + 1]))
    if isinstance(place, list):
        index = next((i for i, entry in enumerate(place) if entry.get("name") == parts[-1]), None)
        if index is None or value is not None:
            raise ScenarioError(
                key, value, "the name of an entry, which can only be removed as a whole"
            )
        del place[index]
    elif not isinstance(place, dict):
        raise ScenarioError(key, value, "a key inside a table")
    elif value is None:
        place.pop(parts[-1], None)
    else:
        place[parts[-1]] = Decimal(repr(value)) if isinstance(value, float) else value


def _step(place: Any, part: str, path: str) -> Any:
    if isinstance(place, list):
        for index, entry in enumerate(place):
            if part in (entry.get("name"), str(index)):
                return entry
        raise ScenarioError(
            path, part, "a name among " + ", ".join(str(e.get("name")) for e in place)
        )
    if not isinstance(place, dict):
        raise ScenarioError(path, part, "a key inside a table")
    return place.setdefault(part, {})
