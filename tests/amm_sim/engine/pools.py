"""States of a pool, as far as the watch looks at them, and margin parameters to reckon by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from amm_sim.types import ExpiryView

DAY = 86_400
MARGIN = {
    "maintenanceFactor": 0.75,
    "maintenanceSpot": 0.01,
    "maintenanceFloor": 0.05,
    "tailDown": 0.5,
    "tailUp": 1.6,
    "tailDownWeight": 0.3,
    "tailUpWeight": 0.25,
    "volUp": 0.5,
    "volDown": 0.3,
    "volUpFloor": 0.4,
}


def board(days: float = 7.0, vol: float = 0.8, settlement: float = 0.0) -> ExpiryView:
    """Of five strikes around 100."""
    strikes = np.array([80.0, 90.0, 100.0, 110.0, 120.0])
    vols = np.full(0 if settlement else 5, vol)
    return ExpiryView(
        int(days * DAY), 0.0, 0.0, not settlement, 0, settlement, False, strikes, vols, strikes * 0
    )


BOARDS = (board(),)


def pool(time: int = 0, spot: float = 100.0, *, settled: bool = False, **changes: Any) -> Any:
    """After a block."""
    expiries = (board(settlement=100.0),) if settled else BOARDS
    return SimpleNamespace(time=time, spot=spot, expiries=expiries, **changes)
