"""How likely an account at its maintenance margin is under water before it can be liquidated.

Exact revaluation under a lognormal spot: the account's balance is fixed, so it is in deficit beyond
one spot, at which the option is worth the balance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import ndtr

from amm_sim.pricing.single import black
from amm_sim.units import YEAR


@dataclass(frozen=True, slots=True)
class Short:
    """One option sold: spot and implied volatility of now, seconds to expiry."""

    spot: float
    strike: float
    vol: float
    seconds: float
    is_call: bool = True

    def value(self, spot: float, later: float = 0.0) -> float:
        """Value at another spot, ``later`` seconds from now."""
        years = max(self.seconds - later, 0.0) / YEAR
        return black(spot, self.strike, years, self.vol, self.is_call)[0]


def break_even(short: Short, balance: float, delay: float) -> float:
    """Spot at which the option is worth ``balance`` after ``delay`` seconds.

    0 for a put that can never be worth it.
    """
    if not short.is_call and short.value(0.0 + 1e-300, delay) <= balance:
        return 0.0
    ends = (math.log(short.strike) - 60.0, math.log(short.strike + balance) + 60.0)
    root = brentq(lambda x: short.value(math.exp(x), delay) - balance, *ends, xtol=1e-15)
    return math.exp(float(root))


def deficit_probability(short: Short, margin: float, delay: float, vol: float) -> float:
    """P(equity < 0 after ``delay`` seconds) of an account whose equity is ``margin`` now.

    ``vol`` drives spot, without drift; the option's own volatility stays.
    """
    end = break_even(short, short.value(short.spot) + margin, delay)
    root = vol * math.sqrt(delay / YEAR)
    if end <= 0.0 or root <= 0.0:
        return 0.0
    d = (math.log(end / short.spot) + root * root / 2.0) / root
    return float(ndtr(-d if short.is_call else d))
