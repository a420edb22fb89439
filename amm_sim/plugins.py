"""Kinds of one's own: ``kind = "panic.py:Panic"`` names a file beside the scenario and a class."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from amm_sim.errors import ScenarioError
from amm_sim.scenario import Part, choose

MARK = ".py:"


def find(kinds: Mapping[str, type[Any]], part: Part, folder: Path) -> type[Any]:
    """The class of a part's kind: a known one, or one from a file below ``folder``.

    Raises:
        ScenarioError: unknown kind; no such file or class; the file does not run.
    """
    if MARK not in part.kind:
        return choose(kinds, part)
    name, _, wanted = part.kind.rpartition(":")
    path = (folder / name).resolve()
    if not path.is_file():
        raise ScenarioError(f"{part.path}.kind", part.kind, f"a file beside the scenario: {path}")
    found = getattr(_module(path, part), wanted, None)
    if not isinstance(found, type):
        raise ScenarioError(f"{part.path}.kind", part.kind, f"the name of a class in {path.name}")
    return found


def _module(path: Path, part: Part) -> ModuleType:
    """The file as a module, read once in a process."""
    name = "amm_sim_own_" + "".join(c if c.isalnum() else "_" for c in str(path))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        what = f"{type(error).__name__}: {error}"
        raise ScenarioError(f"{part.path}.kind", part.kind, f"a file that runs ({what})") from error
    return module
