"""The closed-form proof: an unhedged pool's insolvency probability, through the contracts.

A pool without defences sells ``count`` options and waits. It fails when the payoff exceeds its
equity. Path i ends at the quantile (i + 1/2) / n of the lognormal terminal price, so the share of
failing paths differs from the closed form by at most 1 / n, and no random number is drawn. Every
path runs settlement, sweep and payout on the contracts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.errors import ScenarioError
from amm_sim.proofs.world import ENOUGH, TRADER, World, build
from amm_sim.types import SeriesKey
from amm_sim.units import YEAR, from_wad, to_wad


@dataclass(frozen=True, slots=True)
class Case:
    """``equity`` includes the premium; ``days`` to expiry; one strike, calls or puts."""

    spot: float = 2000.0
    strike: float = 2000.0
    is_call: bool = True
    count: float = 100.0
    equity: float = 50_000.0
    vol: float = 0.8
    days: float = 30.0

    @property
    def seconds(self) -> int:
        """Time to expiry."""
        return round(self.days * 86_400)


@dataclass(frozen=True, slots=True)
class Loss:
    """Probability of insolvency; expected bad debt, and the same given insolvency, in quote."""

    probability: float
    expected: float
    given_insolvent: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What the contracts said beside the closed form."""

    case: Case
    paths: int
    measured: Loss
    exact: Loss

    @property
    def holds(self) -> bool:
        """Probability within 1 / n and expected shortfall within 1 %."""
        near = abs(self.measured.probability - self.exact.probability) <= 1.0 / self.paths
        gap = abs(self.measured.given_insolvent - self.exact.given_insolvent)
        return near and gap <= 0.01 * self.exact.given_insolvent


def closed_form(case: Case) -> Loss:
    """Lognormal terminal price without drift: the pool fails beyond the break-even spot."""
    root = case.vol * math.sqrt(case.seconds / YEAR)
    sign = 1.0 if case.is_call else -1.0
    barrier = case.strike + sign * case.equity / case.count
    if barrier <= 0.0:
        return Loss(0.0, 0.0, 0.0)
    d1 = math.log(case.spot / barrier) / root + root / 2
    probability = float(ndtr(sign * (d1 - root)))
    excess = sign * (case.spot * float(ndtr(sign * d1)) - barrier * probability)
    expected = case.count * excess
    return Loss(probability, expected, expected / probability if probability > 0 else 0.0)


def terminal_price(case: Case, index: int, paths: int) -> float:
    """Quantile (index + 1/2) / paths of the terminal price, in whole units of the feed."""
    return price_at(case, float(ndtri((index + 0.5) / paths)))


def price_at(case: Case, z: float) -> float:
    """Terminal price at a standard normal ``z``, in whole units of the feed."""
    root = case.vol * math.sqrt(case.seconds / YEAR)
    return round(case.spot * math.exp(-root * root / 2 + root * z), 8)


class Sold:
    """A pool that has sold the case's options: one baseline for any number of prices."""

    def __init__(self, chain: Chain, case: Case) -> None:
        self._world = build(chain)
        start = chain.time + 60
        self._series = SeriesKey(start + case.seconds, 0, case.is_call)
        _sell(self._world, case, start, self._series)
        self._baseline = chain.snapshot()

    def loss(self, price: float) -> float:
        """What longs are owed and not paid if the option settles at ``price``, in quote."""
        loss = _settle(self._world, self._series, price)
        self._world.chain.revert(self._baseline)
        self._baseline = self._world.chain.snapshot()
        return loss


def prove(
    chain: Chain, case: Case, paths: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Proof:
    """Runs every path from one snapshot; ``progress`` is called with (done, paths)."""
    sold = Sold(chain, case)
    losses: list[float] = []
    for index in range(paths):
        losses.append(sold.loss(terminal_price(case, index, paths)))
        progress(index + 1, paths)
    failed = [loss for loss in losses if loss > 0]
    total = math.fsum(losses)
    measured = Loss(len(failed) / paths, total / paths, total / len(failed) if failed else 0.0)
    return Proof(case, paths, measured, closed_form(case))


def _sell(world: World, case: Case, start: int, series: SeriesKey) -> None:
    """The pool sells at ``start``, with liquidity such that equity including premium is the case's.

    A trial in the same second tells the premium.
    """
    world.open(start - 2, case.spot, case.vol, series.expiry, [case.strike])
    baseline = world.chain.snapshot()
    equity = to_wad(case.equity)
    premium = _trade(world, case, start, series, liquidity=equity)
    world.chain.revert(baseline)
    if premium >= equity:
        raise ScenarioError("equity", case.equity, f"above the premium, {from_wad(premium):.2f}")
    _trade(world, case, start, series, liquidity=equity - premium)


def _trade(world: World, case: Case, start: int, series: SeriesKey, liquidity: int) -> int:
    """Funds and trades; the premium in wei."""
    world.fund(start - 1, liquidity, ENOUGH // 2)
    refresh = (DEPLOYER, "ledger", "refresh", (series.expiry,))
    trade = (TRADER, "market", "trade", (series.id, to_wad(case.count), ENOUGH))
    world.block(start, [refresh, trade])
    (traded,) = world.events("Traded")
    return int(traded["result"]["cash"])


def _settle(world: World, series: SeriesKey, price: float) -> float:
    """Settles at ``price``; what longs were owed and not paid, in quote."""
    world.settle(series.expiry + 1, series.expiry, price)
    settled = world.events("AccountSettled")
    return from_wad(sum(max(0, event["owed"] - event["paid"]) for event in settled))
