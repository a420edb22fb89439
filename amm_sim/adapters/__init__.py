"""Pools of others that run in this engine, by the name that ``protocol.adapter`` gives."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from amm_sim.adapters.third_party import THIRD_PARTY
from amm_sim.chain.adapter import Adapter
from amm_sim.errors import ScenarioError

ADAPTERS: Mapping[str, Adapter] = {"third_party": THIRD_PARTY}


def find(name: Any) -> Adapter:
    """An adapter by its name, or by ``module:NAME`` from anywhere on the path.

    Raises:
        ScenarioError: there is none.
    """
    module, separator, attribute = str(name).partition(":")
    allowed = ", ".join(ADAPTERS) + ", or module:NAME of an Adapter"
    if not separator:
        if name not in ADAPTERS:
            raise ScenarioError("protocol.adapter", name, allowed)
        return ADAPTERS[name]
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ScenarioError("protocol.adapter", name, f"{allowed} ({error})") from error
    if not isinstance(found, Adapter):
        raise ScenarioError("protocol.adapter", name, allowed)
    return found


__all__ = ["ADAPTERS", "THIRD_PARTY", "find"]
