"""A risk engine for a decentralised options AMM, on its real contracts.

import amm_sim
run = amm_sim.open_run("runs/calm")               # a run or study as tables and SQL
world = amm_sim.open_world("scenarios/calm.toml") # a world to step by hand
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amm_sim.data import open_run
    from amm_sim.notebook import open_world

__all__ = ["open_run", "open_world"]


def __getattr__(name: str) -> Any:
    """Both are imported when asked for: the command line's --help stays quick."""
    if name == "open_run":
        from amm_sim.data import open_run  # noqa: PLC0415

        return open_run
    if name == "open_world":
        from amm_sim.notebook import open_world  # noqa: PLC0415

        return open_world
    raise AttributeError(f"module 'amm_sim' has no attribute {name!r}")
