"""A vol surface and a ledger on chain, a driver in the market's place, a reference in mpmath.

The reference knows nothing of the contract's method: it maximises the objective by bisection of
its derivative, or by a fine grid and bisection where the derivative has several roots, in 40
digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from mpmath import mp, mpf

from amm_sim.chain import Chain
from amm_sim.chain.client import Contract
from amm_sim.types import series_id

mp.dps = 40

WAD = 10**18
LOT = 10**12
YEAR = 31_536_000
NOBODY = "0x" + "00" * 20
ROLES = (
    "quote underlying collateral oracle surface ledger margin market auction insurance vault hedge "
    "breaker"
)
PULL_ID = b"\x01" * 32
ORACLE = {
    "pushHeartbeat": 3600,
    "pushGrace": 90,
    "pullMaxAge": 90,
    "degradedGrace": 600,
    "trustedSpread": WAD * 5 // 1000,
    "degradedSpread": WAD * 2 // 100,
    "maxConfidence": WAD * 3 // 1000,
    "jumpLimit": 0,
    "jumpCooldown": 900,
    "twapWindow": 1800,
    "disputeWindow": 0,
    "sequencerGrace": 0,
}
PRICING = {
    "impact": WAD,
    "maxShift": WAD // 4,
    "curvatureLimit": WAD * 3 // 4,
    "weightWidth": WAD * 6 // 10,
    "anchorSpeed": WAD * 8 // 100,
    "maxFeedGap": WAD * 4 // 100,
    "volMaxAge": 7200,
    "minVol": WAD // 20,
    "maxVol": 5 * WAD,
    "greekMaxAge": 600,
    "greekMaxMove": WAD // 100,
    "stressGap": 0,
}
SMILE = {"a": 0.30, "b": 0.40, "rho": -0.25, "m": 0.02, "sigma": 0.25}
"""A crypto-like slice: 63 % at the money, steeper below."""


def wad(value: Any) -> int:
    return int(mp.nint(mpf(value) * WAD))


def flat(vol: float) -> dict[str, float]:
    """A slice whose vol is the same everywhere."""
    return {"a": vol * vol, "b": 0.0, "rho": 0.0, "m": 0.0, "sigma": 0.1}


@dataclass
class LedgerWorld:
    """Deployed feeds, guard, surface, ledger and driver."""

    chain: Chain
    push: Contract
    pull: Contract
    feed: Contract
    guard: Contract
    surface: Contract
    ledger: Contract
    driver: Contract
    spot: int = 0
    strikes: dict[int, list[int]] = field(default_factory=dict)

    def set_spot(self, spot: int) -> None:
        """Both feeds post ``spot`` (wad) now."""
        self.push.must("post", spot // 10**10, self.chain.time)
        self.pull.must("post", PULL_ID, spot // 10**10, 0, -8, self.chain.time)
        self.spot = spot

    def post_slice(self, expiry: int, smile: Mapping[str, float], confidence: float = 1.0) -> None:
        self.feed.must("post", expiry, {k: wad(v) for k, v in smile.items()}, wad(confidence))

    def list(
        self,
        expiry: int,
        strikes: Sequence[float],
        impact: float,
        smile: Mapping[str, float] = SMILE,
    ) -> None:
        self.strikes[expiry] = [wad(k) for k in strikes]
        self.post_slice(expiry, smile)
        self.driver.must(
            "list",
            self.surface.address,
            self.ledger.address,
            expiry,
            self.strikes[expiry],
            wad(impact),
        )

    def step(
        self,
        expiry: int,
        strike: int,
        is_call: bool,
        size: float | int,
        spot: int | None = None,
        opening: bool = True,
    ) -> dict[str, Any]:
        """A trade for the driver; an int ``size`` is in lots."""
        lots = size if isinstance(size, int) else round(size * 10**6)
        return {
            "id": series_id(expiry, strike, is_call),
            "size": lots * LOT,
            "spot": self.spot if spot is None else spot,
            "opening": opening,
        }

    def trade(self, *steps: dict[str, Any]) -> None:
        """Books the trades."""
        self.driver.must("run", self.ledger.address, list(steps))

    def would(self, *steps: dict[str, Any]) -> list[dict[str, Any]]:
        """What the trades would do now, one after another."""
        result: list[dict[str, Any]] = self.driver.call("run", self.ledger.address, list(steps))
        return result

    def totals(self, plans: Sequence[Sequence[dict[str, Any]]]) -> list[int]:
        """Total cost of each plan, each from the present book."""
        result: list[int] = self.driver.call(
            "totals", self.ledger.address, [list(plan) for plan in plans]
        )
        return result

    def book(self, expiry: int) -> dict[str, Any]:
        result: dict[str, Any] = self.ledger.call("book", expiry)
        return result

    def reference(self, expiry: int, max_shift: int = PRICING["maxShift"]) -> Reference:
        """The reference of the present book."""
        b = self.book(expiry)
        return Reference(
            expiry=expiry,
            impact=mpf(b["impact"]) / WAD,
            strikes=[mpf(k) / WAD for k in b["strikes"]],
            anchors=[mpf(a) / WAD for a in b["anchors"]],
            weights=[mpf(w) / WAD for w in b["weights"]],
            net=[mpf(q) / WAD for q in b["net"]],
            max_shift=mpf(max_shift) / WAD,
        )


def deploy_world(chain: Chain, **changes: int) -> LedgerWorld:
    """A world at spot 2000 with no expiry; ``changes`` are pricing parameters."""
    pricing = PRICING | changes
    book = dict.fromkeys([*ROLES.split(), "lister", "guardian"], NOBODY)
    push = chain.at(chain.deploy("MockPushFeed", 8), "MockPushFeed")
    pull = chain.at(chain.deploy("MockPullFeed"), "MockPullFeed")
    feed = chain.at(chain.deploy("MockVolFeed"), "MockVolFeed")
    driver = chain.at(chain.deploy("LedgerDriver"), "LedgerDriver")
    book["market"] = driver.address
    guard = chain.at(
        chain.deploy("OracleGuard", book, ORACLE, push.address, pull.address, PULL_ID, NOBODY),
        "OracleGuard",
    )
    book["oracle"] = guard.address
    surface = chain.at(chain.deploy("VolSurface", book, pricing, feed.address), "VolSurface")
    book["surface"] = surface.address
    ledger = chain.at(chain.deploy("GreekLedger", book, pricing), "GreekLedger")
    world = LedgerWorld(chain, push, pull, feed, guard, surface, ledger, driver)
    world.set_spot(2000 * WAD)
    return world


# ------------------------------------------------------------------ the reference


def normal(x: mpf) -> mpf:
    """N(x)."""
    return mp.erfc(-x / mp.sqrt(2)) / 2


def black(forward: mpf, strike: mpf, years: mpf, vol: mpf) -> dict[str, mpf]:
    """Black-76 of a call, its put and Greeks."""
    if years <= 0:
        call = max(forward - strike, mpf(0))
        zero = mpf(0)
        return {
            "call": call,
            "put": call - forward + strike,
            "delta": mpf(forward > strike),
            "gamma": zero,
            "vega": zero,
            "theta": zero,
        }
    s = vol * mp.sqrt(years)
    d1 = mp.log(forward / strike) / s + s / 2
    call = forward * normal(d1) - strike * normal(d1 - s)
    density = mp.exp(-d1 * d1 / 2) / mp.sqrt(2 * mp.pi)
    return {
        "call": call,
        "put": call - forward + strike,
        "delta": normal(d1),
        "gamma": density / (forward * s),
        "vega": forward * density * mp.sqrt(years),
        "theta": -forward * density * vol / (2 * mp.sqrt(years)),
    }


@dataclass
class Reference:
    """One expiry's cost function. Numbers are exact readings of the chain's integers."""

    expiry: int
    impact: mpf
    strikes: list[mpf]
    anchors: list[mpf]
    weights: list[mpf]
    net: list[mpf]
    max_shift: mpf

    @property
    def limit(self) -> mpf:
        least, most = min(self.anchors), max(self.anchors)
        return max(mpf(0), min(self.max_shift, least / 2, 5 - most))

    def with_trade(self, strike: int, size: Any) -> Reference:
        net = list(self.net)
        net[strike] += mpf(size)
        return Reference(**{**self.__dict__, "net": net})

    def vol(self, i: int, u: mpf) -> mpf:
        return self.anchors[i] + u * self.weights[i]

    def years(self, time: int) -> mpf:
        return mpf(max(self.expiry - time, 0)) / YEAR

    def objective(self, u: mpf, spot: mpf, time: int) -> mpf:
        """sum q call(u) - V u^2 / 2."""
        total = -self.impact * u * u / 2
        for i, q in enumerate(self.net):
            if q:
                total += q * black(spot, self.strikes[i], self.years(time), self.vol(i, u))["call"]
        return total

    def slope(self, u: mpf, spot: mpf, time: int) -> mpf:
        total = -self.impact * u
        for i, q in enumerate(self.net):
            if q:
                vega = black(spot, self.strikes[i], self.years(time), self.vol(i, u))["vega"]
                total += q * self.weights[i] * vega
        return total

    def shift(self, spot: mpf, time: int, pieces: int = 1) -> mpf:
        """The maximiser over [-limit, limit]; ``pieces`` > 1 where there may be several."""
        if self.impact == 0 or self.years(time) == 0 or self.limit == 0:
            return mpf(0)
        grid = [-self.limit + 2 * self.limit * i / pieces for i in range(pieces + 1)]
        found = [_bisect(lambda u: self.slope(u, spot, time), a, b) for a, b in pairwise(grid)]
        return max(found, key=lambda u: self.objective(u, spot, time))

    def cost(self, spot: mpf, time: int, pieces: int = 1) -> mpf:
        """C(q) of the book as calls."""
        return self.objective(self.shift(spot, time, pieces), spot, time)


def _bisect(falling: Callable[[mpf], mpf], low: mpf, high: mpf) -> mpf:
    """The point where a function turns from positive to negative; an end if it does not."""
    if falling(low) <= 0:
        return low
    if falling(high) >= 0:
        return high
    for _ in range(90):
        mid = (low + high) / 2
        if falling(mid) > 0:
            low = mid
        else:
            high = mid
    return (low + high) / 2
