"""What a settlement price leaves open: the residual of a hedge, and the distance from the truth."""

from __future__ import annotations

import math

import numpy as np

from amm_sim.analyzers.frames import floats
from amm_sim.tape import Tape
from amm_sim.types import Metric
from amm_sim.units import YEAR


def residual(vol: float, window: float) -> float:
    """Deviation of (spot at the window's start - average over it) / spot, ``window`` in seconds.

    What a hedge unwound at once at the start leaves if options settle at the average; to first
    order in the volatility of the window.
    """
    return vol * math.sqrt(window / YEAR / 3.0)


def gap(tape: Tape) -> float:
    """Largest |settlement price / true spot at expiry - 1| of the run; 0 without settlements."""
    fixed = tape.event("settlement_fixed")
    if fixed is None or fixed.is_empty():
        return 0.0
    market = tape.table("market")
    times, spots = market["time"].to_numpy(), floats(market, "spot")
    expiries = fixed["expiry"].to_numpy().astype(np.int64)
    truth = np.interp(expiries, times, spots)
    return float(np.abs(floats(fixed, "price") / truth - 1.0).max())


def metrics(tape: Tape) -> list[Metric]:
    """Settlement as a metric."""
    return [
        Metric("settlement_gap", gap(tape), "ratio", method="worst |price / truth at expiry - 1|")
    ]
