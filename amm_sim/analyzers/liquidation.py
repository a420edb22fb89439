"""Closed forms of liquidation: how far it comes too late, and when it makes things worse."""

from __future__ import annotations

import math

from amm_sim.units import YEAR

OVERSHOOT = 0.5825971579390107
"""-zeta(1/2) / sqrt(2 pi): mean overshoot of a Gaussian walk in its steps (Siegmund 1985)."""


def overshoot(vol: float, step: float) -> float:
    """Mean of |ln(liquidation price / threshold)| if a price comes every ``step`` seconds."""
    return OVERSHOOT * vol * math.sqrt(step / YEAR)


def toxic_frontier(incentive: float) -> float:
    """Debt / collateral above which paying a liquidator ``incentive`` leaves an account worse.

    ``incentive`` is what he gains as a share of the debt he takes over.
    """
    return 1.0 / (1.0 + incentive)


def loan_to_value_after(ltv: float, incentive: float, fraction: float) -> float:
    """Debt / collateral after ``fraction`` of the debt went, with its worth and the incentive."""
    return ltv * (1.0 - fraction) / (1.0 - ltv * fraction * (1.0 + incentive))
