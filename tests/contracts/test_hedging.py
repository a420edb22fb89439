"""The hedge manager inside the whole protocol: signs, sick venues, crashes, gas."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import mpmath
import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, Receipt
from amm_sim.proofs.world import ENOUGH, TRADER, build
from amm_sim.types import Mode, SeriesKey
from amm_sim.units import YEAR, from_wad, to_wad

BASE = Path(__file__).parents[2] / "scenarios" / "base.toml"
DAY = 86_400
SPOT = 2000.0
VOL = 0.8
LIQUIDITY = 1_000_000
QUIET = {
    "vault.depositDelay": 0,
    "vault.withdrawalDelay": 0,
    "market.accountDeltaLimit": 0,
    "market.gammaLimit": 0,
    "market.vegaLimit": 0,
    "market.minDelta": 0,
    "market.maxDelta": 0,
    "hedge.gateSlack": 0,
    "oracle.jumpLimit": 0,
    "pricing.impact": 0,
    "pricing.anchorSpeed": 0,
}
"""The hedge alone: no limits of trades, no impact."""


class Pool:
    """The base protocol with one provider, one trader and one 30-day expiry, a minute a step."""

    def __init__(self, chain: Chain, **changes: object) -> None:
        self.world = build(chain, QUIET | changes, BASE)
        self.chain = chain
        self.now = chain.time + 60
        self.expiry = self.now + 30 * DAY
        self.world.open(self.now, SPOT, VOL, self.expiry, [1800, 2000, 2200])
        self.world.fund(self.now + 1, to_wad(LIQUIDITY), to_wad(LIQUIDITY))

    def send(self, role: str, function: str, *arguments: object, sender: str = DEPLOYER) -> Receipt:
        contract = self.world.deployment.at(self.chain, role)
        receipt: Receipt = contract.send(function, *arguments, sender=sender)
        return receipt

    def price(self, spot: float, seconds: int = 60) -> None:
        """Time passes; both feeds and the venue say ``spot``; the book is revalued."""
        self.now += seconds
        self.world.block(self.now, self.world.publish(spot, self.now))

    def trade(self, strike: int, size: float, *, call: bool = True) -> None:
        series = SeriesKey(self.expiry, strike, call).id
        done = self.send("market", "trade", series, to_wad(size), ENOUGH, sender=TRADER)
        assert done.ok, done.error

    def view(self, role: str, function: str, *arguments: object) -> Any:
        return self.world.call(role, function, *arguments)

    def wad(self, role: str, function: str, *arguments: object) -> float:
        return from_wad(self.world.call(role, function, *arguments))


@pytest.fixture
def pool_with(chain: Chain) -> Callable[..., Pool]:
    return lambda **changes: Pool(chain, **changes)


def _delta(strike: float, *, call: bool, spot: float = SPOT) -> float:
    """Black-Scholes by mpmath, 30 days at 80 vol, no rates."""
    years = mpmath.mpf(30 * DAY) / YEAR
    width = VOL * mpmath.sqrt(years)
    d1 = mpmath.log(mpmath.mpf(spot) / strike) / width + width / 2
    return float(mpmath.ncdf(d1) - (0 if call else 1))


# ------------------------------------------------------------------ signs, by closed form


@pytest.mark.parametrize(
    ("call", "size", "sign"), [(True, 50, 1), (True, -50, -1), (False, 50, -1), (False, -50, 1)]
)
def test_hedge_after_trade_offsets_closed_form_delta(
    pool_with: Callable[..., Pool], call: bool, size: int, sign: int
) -> None:
    """The pool takes the other side of the trade; its hedge has the sign of the trader's delta."""
    pool = pool_with()
    pool.trade(1, size, call=call)
    (hedged,) = pool.send("hedge", "hedge").named("Hedged")
    traders = size * _delta(2000, call=call)
    assert from_wad(hedged["bookDelta"]) == pytest.approx(-traders, rel=1e-4)
    band = from_wad(hedged["band"])
    assert 0.0025 * LIQUIDITY / SPOT * 0.9 < band < 0.025 * LIQUIDITY / SPOT * 1.1
    assert pool.wad("hedge", "size") == pytest.approx(traders - sign * band, rel=1e-3)
    assert from_wad(hedged["netAfter"]) == pytest.approx(-sign * band, rel=1e-9)
    assert pool.wad("hedge", "shortfall") == 0


def test_hedge_costs_what_the_venue_charges_and_nav_pays_it(
    pool_with: Callable[..., Pool],
) -> None:
    pool = pool_with()
    pool.trade(1, 50)
    before = pool.view("vault", "navParts")["nav"]
    (hedged,) = pool.send("hedge", "hedge").named("Hedged")
    size = from_wad(hedged["size"])
    cost = size * SPOT * ((1 + size / 2 / 1e6) * 1.0005 - 1)
    assert from_wad(hedged["cost"]) == pytest.approx(cost, rel=1e-9)
    after = pool.view("vault", "navParts")["nav"]
    assert from_wad(before - after) == pytest.approx(cost, rel=1e-3)


def test_hedge_aimed_ends_at_the_edge_around_the_minimum_variance_aim(
    pool_with: Callable[..., Pool],
) -> None:
    """Short 50 calls: vega by mpmath; volatility falls by 0.4 when spot rises by e."""
    pool = pool_with(policy="aimed", **{"aim.volSlope": Decimal("-0.4"), "aim.maxAim": 100})
    pool.trade(1, 50)
    (hedged,) = pool.send("hedge", "hedge").named("Hedged")
    years = mpmath.mpf(30 * DAY) / YEAR
    vega = -50 * SPOT * mpmath.sqrt(years) * mpmath.npdf(VOL * mpmath.sqrt(years) / 2)
    aim, band = from_wad(hedged["aim"]), from_wad(hedged["band"])
    assert aim == pytest.approx(float(mpmath.mpf("0.4") * vega / SPOT), rel=1e-3)
    assert aim < -2.0
    assert from_wad(hedged["netAfter"]) == pytest.approx(aim - band, abs=1e-6)
    assert pool.wad("hedge", "shortfall") == 0
    assert pool.send("hedge", "sync").ok
    assert pool.wad("hedge", "shortfall") < 1e-3  # reckoned around the aim, not around zero


# ------------------------------------------------------------------ preview and action


@pytest.mark.parametrize("synced", [False, True])
@pytest.mark.parametrize("venue", ["perp", "async"])
def test_preview_states_what_hedge_does_before_and_after_the_first_look_at_the_venue(
    pool_with: Callable[..., Pool], venue: str, synced: bool
) -> None:
    """The band's cost is the venue's half bid-ask, 0.05 % and the impact of a thousandth of what
    the pool owns; the same numbers are in the event."""
    pool = pool_with(venue=venue)
    pool.trade(1, 50)
    if synced:
        assert pool.send("hedge", "sync").ok
    told = pool.view("hedge", "preview")
    (hedged,) = pool.send("hedge", "hedge").named("Hedged")
    assert told["decision"]["due"]
    assert from_wad(hedged["size"]) == pytest.approx(from_wad(told["decision"]["trade"]), rel=1e-6)
    assert from_wad(hedged["band"]) == pytest.approx(from_wad(told["decision"]["band"]), rel=1e-6)
    probe = LIQUIDITY / SPOT / 1000
    half = (0.0005 + probe / 2 / 1e6) / (1 + 0.0005 * probe / 2 / 1e6)
    assert from_wad(told["input"]["cost"]) == pytest.approx(half, rel=0.01)
    again = pool.view("hedge", "preview")
    assert from_wad(again["input"]["cost"]) == pytest.approx(half, rel=0.01)
    assert not again["decision"]["due"]


def test_position_closed_by_the_venue_is_noticed_at_once_after_a_move_and_by_anyones_sync(
    pool_with: Callable[..., Pool],
) -> None:
    """Venues close positions in moves. After one of more than a hundredth no hedge goes by what is
    stored; without a move the preview tells, and whoever reads it syncs first."""
    pool = pool_with()
    pool.trade(1, 50)
    assert pool.send("hedge", "hedge").ok
    held = pool.wad("hedge", "size")
    manager = pool.world.deployment.addresses["hedge"]
    token, now = pool.chain.snapshot(), pool.now
    assert pool.send("venue", "deleverage", manager, to_wad(1)).ok
    pool.price(SPOT * 1.011)
    (hedged,) = pool.send("hedge", "hedge").named("Hedged")
    assert from_wad(hedged["size"]) > 0.9 * held
    pool.chain.revert(token)
    pool.now = now
    assert pool.send("venue", "deleverage", manager, to_wad(1)).ok
    assert pool.view("hedge", "preview")["decision"]["due"]
    quiet = pool.send("hedge", "hedge")
    assert quiet.error is not None
    assert quiet.error.name == "NothingToHedge"
    assert pool.send("hedge", "sync").ok
    assert pool.wad("hedge", "shortfall") > 0
    assert pool.send("hedge", "hedge").ok
    assert pool.wad("hedge", "size") == pytest.approx(held, rel=1e-3)
    assert pool.wad("hedge", "shortfall") == 0


# ------------------------------------------------------------------ a crash


def test_hedge_after_eight_percent_in_a_minute_is_callable_and_effective(
    pool_with: Callable[..., Pool],
) -> None:
    pool = pool_with()
    pool.trade(1, 50, call=False)
    assert pool.send("hedge", "hedge").ok
    pool.price(SPOT * 0.92)
    done = pool.send("hedge", "hedge")
    assert done.ok, done.error
    (hedged,) = done.named("Hedged")
    assert hedged["size"] < 0
    assert abs(hedged["netAfter"]) <= hedged["band"]
    wanted = -50 * _delta(2000, call=False, spot=SPOT * 0.92)
    assert from_wad(hedged["bookDelta"]) == pytest.approx(wanted, rel=1e-3)


# ------------------------------------------------------------------ a dead venue (H-5)

PAUSED, GONE, BURNS, REVERTS = "paused", "0x", "0xfe", "0x60006000fd"


def _kill(pool: Pool, how: str) -> None:
    if how == PAUSED:
        pool.send("venue", "postIndex", to_wad(SPOT), to_wad(1), False)
    else:
        pool.chain.rpc.call("anvil_setCode", pool.world.deployment.addresses["venue"], how)


def _revive(pool: Pool, code: str, spot: float) -> None:
    pool.chain.rpc.call("anvil_setCode", pool.world.deployment.addresses["venue"], code)
    pool.send("venue", "postIndex", to_wad(spot), to_wad(1), True)


def _feeds(pool: Pool, spot: float) -> None:
    """As ``price`` with the oracle's feeds only: the venue may be gone."""
    pool.now += 60
    pool.world.block(pool.now, pool.world.publish(spot, pool.now)[:2])


@pytest.mark.parametrize("how", [PAUSED, GONE, BURNS, REVERTS])
def test_dead_venue_reverts_nothing_else_records_shortfall_and_recovers(
    pool_with: Callable[..., Pool], how: str
) -> None:
    pool = pool_with()
    pool.trade(1, 120, call=False)
    assert pool.send("hedge", "hedge").ok
    address = pool.world.deployment.addresses["venue"]
    code = pool.chain.rpc.call("eth_getCode", address, "latest")
    held = pool.wad("hedge", "size")
    _kill(pool, how)
    _feeds(pool, SPOT * 0.85)
    done = pool.send("hedge", "hedge")
    assert done.ok, done.error
    assert done.named("HedgeFailed")
    assert pool.wad("hedge", "size") == held
    short = pool.wad("hedge", "shortfall")
    assert short > 0.03 * LIQUIDITY / SPOT
    assert math.isfinite(from_wad(pool.view("vault", "navParts")["nav"]))
    pool.trade(1, -10, call=False)
    for role, function, arguments in (
        ("ledger", "refresh", (pool.expiry,)),
        ("hedge", "sync", ()),
        ("breaker", "poke", ()),
        ("vault", "assess", ()),
        ("market", "touch", (TRADER,)),
    ):
        done = pool.send(role, function, *arguments)
        assert done.ok, (role, done.error)
    assert pool.view("lens", "signals")
    assert pool.view("lens", "statement")
    assert pool.view("breaker", "mode") != Mode.NORMAL
    _revive(pool, code, SPOT * 0.85)
    assert pool.send("hedge", "hedge").ok
    assert pool.wad("hedge", "shortfall") == 0


def test_dead_venue_at_expiry_does_not_stop_settlement(pool_with: Callable[..., Pool]) -> None:
    pool = pool_with()
    pool.trade(1, 50, call=False)
    assert pool.send("hedge", "hedge").ok
    _kill(pool, BURNS)
    pool.now = pool.expiry - 60  # the next posts come at expiry
    _feeds(pool, 1900)
    round_id = next(iter(pool.view("push", "latestRoundData").values()))
    assert pool.send("market", "settleExpiry", pool.expiry, round_id).ok
    assert pool.send("market", "sweep", pool.expiry, 10).ok
    assert not pool.view("market", "legsOf", TRADER)


# ------------------------------------------------------------------ gas


CALL = 21_064
"""What any transaction with four bytes of calldata costs."""


def test_hedge_gas_within_budget(ticking: Chain) -> None:
    """One hedge 200k, 250k when margin moves; to learn that nothing is due 40k, at any number of
    expiries."""
    pool = Pool(ticking)
    assert pool.send("hedge", "sync").ok
    pool.trade(1, 50)
    assert pool.send("hedge", "hedge").ok
    pool.trade(1, 20)
    plain = pool.send("hedge", "hedge")
    pool.trade(1, 80)
    funded = pool.send("hedge", "hedge")
    pool.trade(1, -1)
    idle = pool.send("hedge", "hedge")
    assert idle.error is not None
    assert idle.error.name == "NothingToHedge"
    assert not plain.named("MarginMoved")
    assert funded.named("MarginMoved")
    assert plain.gas - CALL <= 200_000
    assert funded.gas - CALL <= 250_000
    assert idle.gas - CALL <= 40_000
    pool.price(SPOT, seconds=700)
    old = pool.send("hedge", "hedge")
    assert old.error is not None
    assert old.gas - CALL > 40_000  # the position is too old to go by: the venue was asked
