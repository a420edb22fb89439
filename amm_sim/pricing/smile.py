"""Slices of the outside volatility surface: power-law SSVI around a term structure.

Gatheral and Jacquier (2014), "Arbitrage-free SVI volatility surfaces", with phi(theta) = eta /
sqrt(theta), theta the at-the-money total variance. Total variance
 w(k, theta) = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)) has no butterfly
arbitrage for eta^2 (1 + |rho|) <= 4 and eta sqrt(theta) (1 + |rho|) <= 4, and no calendar arbitrage
while theta increases.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from amm_sim.errors import ScenarioError
from amm_sim.types import Smile
from amm_sim.units import YEAR

DAY = 86_400 / YEAR


class Slice(NamedTuple):
    """SVI of annualised variance.

    v(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)), k = ln(K / F)
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def vol(self, k: float) -> float:
        """Annualised volatility at log-moneyness ``k``."""
        x = k - self.m
        return math.sqrt(self.a + self.b * (self.rho * x + math.hypot(x, self.sigma)))


def check_smile(path: str, smile: Smile) -> None:
    """Raises ScenarioError for a smile that admits static arbitrage or is no surface."""
    if not (abs(smile.rho) < 1.0):
        raise ScenarioError(f"{path}.rho", smile.rho, "between -1 and 1")
    if not (smile.eta > 0.0 and smile.eta**2 * (1.0 + abs(smile.rho)) <= 4.0):
        raise ScenarioError(
            f"{path}.eta", smile.eta, "above 0 with eta^2 (1 + |rho|) <= 4: no butterfly arbitrage"
        )
    for key in ("long_vol", "decay"):
        value = float(getattr(smile, key))
        if not (math.isfinite(value) and value > 0.0):
            raise ScenarioError(f"{path}.{key}", value, "a finite number above 0")


def total_variance(front: float, smile: Smile, years: float) -> float:
    """At-the-money total variance at ``years``.

    Forward variance decays from front^2 to long_vol^2, so it increases.
    """
    tau = smile.decay * DAY
    return smile.long_vol**2 * years - (front**2 - smile.long_vol**2) * tau * math.expm1(
        -years / tau
    )


def slice_at(front: float, smile: Smile, years: float) -> Slice:
    """The slice in ``years`` > 0 when the front at-the-money volatility is ``front`` > 0."""
    theta = total_variance(front, smile, years)
    phi = smile.eta / math.sqrt(theta)
    rest = 1.0 - smile.rho**2
    return Slice(
        a=theta / 2.0 * rest / years,
        b=theta * phi / 2.0 / years,
        rho=smile.rho,
        m=-smile.rho / phi,
        sigma=math.sqrt(rest) / phi,
    )
