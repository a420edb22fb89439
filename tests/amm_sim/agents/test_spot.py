"""Who lives off the pool's hedges: signs, limits, restraint."""

from amm_sim.agents import Filler, Keeper, Sandwich, SpotArbitrageur, SpotProvider
from amm_sim.types import (
    ArbitrageSpot,
    ExecuteHedgeOrder,
    FillHedge,
    Hedge,
    Mode,
    NoticeNeed,
    ProvideSpot,
    SwapSpot,
)


def test_filler_asks_more_than_the_truth_when_it_sells_and_less_when_it_buys(world):
    filler = Filler(name="f", cost=0.001, largest=30.0)
    sells = filler.act(world.seen(pool=world.pool(hedge_trade=50.0)), world.rng())
    assert sells == [NoticeNeed(), FillHedge(30.0, 200.2)]
    buys = filler.act(world.seen(pool=world.pool(hedge_trade=-5.0)), world.rng())
    assert buys == [NoticeNeed(), FillHedge(-5.0, 199.8)]


def test_filler_rests_without_need_or_outside_normal(world):
    filler = Filler(name="f")
    assert filler.act(world.seen(), world.rng()) == []
    frozen = world.pool(hedge_trade=5.0, mode=Mode.REDUCE_ONLY)
    assert filler.act(world.seen(pool=frozen), world.rng()) == []


def test_sandwich_surrounds_the_hedge_in_its_direction(world):
    sandwich = Sandwich(name="s", push=7.0)
    due = {"hedge_due": True, "hedge_trade": -3.0}
    orders = sandwich.act(world.seen(pool=world.pool(**due)), world.rng())
    assert orders == [SwapSpot(-7.0), Hedge(), SwapSpot(7.0)]
    assert sandwich.act(world.seen(), world.rng()) == []


def test_spot_arbitrageur_trades_to_the_truth_and_provider_opens_once(world):
    assert SpotArbitrageur(name="a").act(world.seen(), world.rng()) == [
        ArbitrageSpot(200.0, 20_000.0)
    ]
    provider = SpotProvider(name="p", amount=10.0, width=1.5)
    assert provider.act(world.seen(), world.rng()) == [ProvideSpot(200.0, 1.5, 10.0)]
    assert provider.act(world.seen(time=world.start + 3600), world.rng()) == []


def test_keeper_executes_what_waits_and_has_patience(world):
    waiting = world.pool(hedge_pending=2.0)
    assert ExecuteHedgeOrder() in Keeper(name="k").act(world.seen(pool=waiting), world.rng())
    due = world.pool(hedge_due=True)
    patient = Keeper(name="k", patience=600)
    assert Hedge() in patient.act(world.seen(pool=due), world.rng())
    assert Hedge() not in patient.act(world.seen(pool=due, time=world.start + 60), world.rng())
