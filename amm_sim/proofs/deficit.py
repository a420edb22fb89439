"""The margin proof: P(deficit) of an account at its maintenance margin, through the contracts.

The contract says what a short option must hold; the account holds just that. Spot then moves for
``delay`` seconds, in which nobody liquidates it: path i ends at the quantile (i + 1/2) / n, and the
contract says whether the account is under water. The share of paths differs from the closed form by
at most 1 / n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

from amm_sim.analyzers.adequacy import Short, deficit_probability
from amm_sim.chain import Chain
from amm_sim.proofs.crowd import margined, views
from amm_sim.types import SeriesKey
from amm_sim.units import YEAR, from_wad, to_wad

BATCH = 500


@dataclass(frozen=True, slots=True)
class Case:
    """``vol`` is the option's, ``realised`` drives spot; ``delay`` seconds to the liquidation."""

    spot: float = 2000.0
    strike: float = 2200.0
    is_call: bool = True
    vol: float = 0.8
    days: float = 7.0
    realised: float = 2.5
    delay: int = 86_400

    @property
    def short(self) -> Short:
        """The option sold."""
        seconds = round(self.days * 86_400)
        return Short(self.spot, self.strike, self.vol, seconds, self.is_call)

    def end(self, z: float) -> float:
        """Spot after the delay at a standard normal ``z``, in whole units of the feed."""
        root = self.realised * math.sqrt(self.delay / YEAR)
        return round(self.spot * math.exp(root * z - root * root / 2.0), 8)


@dataclass(frozen=True, slots=True)
class Proof:
    """Share of paths in deficit beside the closed form; the margin is per option."""

    case: Case
    paths: int
    margin: float
    measured: float
    exact: float

    @property
    def holds(self) -> bool:
        """Within 1 / n."""
        return abs(self.measured - self.exact) <= 1.0 / self.paths


def prove(chain: Chain, case: Case, paths: int) -> Proof:
    """Every path's end is judged by the contract."""
    world = margined(chain)
    start = chain.time + 60
    series = SeriesKey(start + round(case.days * 86_400), 0, case.is_call)
    world.open(start, case.spot, case.vol, series.expiry, [case.strike])
    leg = [{"id": series.id, "size": -to_wad(1)}]
    (held,) = views(world, "margin", "marginFor", [(leg, 0, 0, to_wad(case.spot))])
    balance = held["mark"] + held["maintenanceMargin"]
    world.block(start + case.delay, world.publish(case.spot, start + case.delay))
    ends = [case.end(float(ndtri((i + 0.5) / paths))) for i in range(paths)]
    failed = 0
    for begin in range(0, paths, BATCH):
        calls = [(leg, balance, 0, to_wad(end)) for end in ends[begin : begin + BATCH]]
        failed += sum(v["equity"] < 0 for v in views(world, "margin", "marginFor", calls))
    margin = from_wad(held["maintenanceMargin"])
    exact = deficit_probability(case.short, margin, case.delay, case.realised)
    return Proof(case, paths, margin, failed / paths, exact)
