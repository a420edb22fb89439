"""``--set KEY=VALUE``: dotted keys and values of the command line."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from amm_sim.errors import ScenarioError


def literals(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Dotted keys and values of KEY=VALUE pairs."""
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise ScenarioError("--set", pair, "KEY=VALUE with a dotted key")
        changes[key.strip()] = _literal(text.strip())
    return changes


def _literal(text: str) -> Any:
    """A value as TOML would read it; null removes the key; anything else is a text."""
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return Decimal(text)
    except InvalidOperation:
        return text
