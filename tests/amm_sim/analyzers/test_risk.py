"""Small analyzers of risk against closed forms, worked numbers and plain simulation."""

import math
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from amm_sim.analyzers import providers, ruin, settlement
from amm_sim.analyzers.agents import profits
from amm_sim.analyzers.losses import paid_share
from amm_sim.tape import EXACT, TABLES, Tape
from amm_sim.units import YEAR
from tests.amm_sim.analyzers.tapes import HOUR, START, crash_tape, event, frame

# ------------------------------------------------------------------ insurance: ruin

LUNDBERG = [
    (0, 1.2, 0.83333333333333333),
    (5, 1.2, 0.36216517375589852),
    (10, 1.2, 0.15739633569796820),
    (20, 1.2, 0.029728327789376998),
    (10, 1.5, 0.023782662231501598),
]
"""Fund, income, ruin for losses of mean 1, one a unit of time: worked with 40 digits elsewhere."""


@pytest.mark.parametrize(("fund", "income", "known"), LUNDBERG)
def test_exponential_ruin_is_the_published_number(fund, income, known):
    assert ruin.exponential_ruin(fund, 1.0, 1.0, income) == pytest.approx(known, rel=1e-12)
    assert ruin.exponential_fund(known, 1.0, 1.0, income) == pytest.approx(fund, abs=1e-9)


def test_ruin_is_certain_when_income_does_not_cover_losses():
    assert ruin.exponential_ruin(1e9, 1.0, 1.0, 1.0) == 1.0
    assert ruin.exponential_fund(0.01, 1.0, 1.0, 0.9) == math.inf
    with pytest.raises(ValueError, match="income"):
        ruin.adjustment(np.ones(10), 1.0, 0.9)


def exponential(rng, shape):
    return rng.exponential(1.0, shape)


def test_simulated_ruin_agrees_with_the_closed_form_within_three_errors():
    paths = 20_000
    funds = np.array([0.0, 5.0, 10.0, 20.0])
    rng = np.random.default_rng(8)
    found = ruin.simulated_ruin(funds, exponential, 1.0, 1.2, (paths, 1000), rng)
    exact = np.array([known for _, income, known in LUNDBERG if income == 1.2])
    errors = np.sqrt(exact * (1.0 - exact) / paths)
    assert (np.abs(found - exact) <= 3.5 * errors).all()
    richer = np.array([ruin.exponential_ruin(f, 1.0, 1.0, 1.25) for f in funds])
    assert (np.abs(found - richer) > 3.5 * errors).any()  # power: another income


def test_brownian_ruin_agrees_with_simulation_and_its_limit():
    """Drift 0.5, volatility 2: for ever exp(-2 * 0.5 * 4 / 4) = 1 / e; steps see a bit less."""
    assert ruin.brownian_ruin(4.0, 0.5, 2.0) == pytest.approx(math.exp(-1.0))
    assert ruin.brownian_ruin(4.0, 0.5, 2.0, 1e6) == pytest.approx(math.exp(-1.0), rel=1e-9)
    rng, paths, steps, horizon = np.random.default_rng(3), 20_000, 400, 10.0
    dt = horizon / steps
    low, level = np.zeros(paths), np.zeros(paths)
    for _ in range(steps):
        level += 0.5 * dt + 2.0 * math.sqrt(dt) * rng.standard_normal(paths)
        low = np.minimum(low, level)
    # Broadie, Glasserman and Kou: looking at steps is a barrier 0.5826 steps further away
    shifted = 4.0 + 0.5825971579 * 2.0 * math.sqrt(dt)
    exact = ruin.brownian_ruin(shifted, 0.5, 2.0, horizon)
    error = math.sqrt(exact * (1 - exact) / paths)
    assert abs((low < -4.0).mean() - exact) <= 3.5 * error


def test_adjustment_of_exponential_losses_is_its_closed_form():
    """R = 1 / mean - rate / income, here on the quantiles of the law."""
    quantiles = -np.log1p(-(np.arange(400_000) + 0.5) / 400_000)
    assert ruin.adjustment(quantiles, 1.0, 1.2) == pytest.approx(1.0 - 1.0 / 1.2, rel=2e-3)


# ------------------------------------------------------------------ liquidity providers


def test_first_mover_gains_what_those_who_stay_lose():
    """100 of 1,000 leave at par less 0.3 %, then 8 % of NAV is lost."""
    withdrawn, nav, loss, fee = 100.0, 1000.0, 0.08, 0.003
    leaver = withdrawn * (1 - fee)
    stays = withdrawn * (1 - loss)
    assert providers.first_mover_gain(withdrawn, loss, fee) == pytest.approx(leaver - stays)
    rest = (nav - leaver) - loss * nav
    assert (nav - withdrawn) * (1 - loss) - rest == pytest.approx(leaver - stays)
    assert providers.first_mover_gain(withdrawn, fee, fee) == 0.0


def test_waiting_tail_of_a_queue_agrees_with_its_simulation():
    """M/M/1 by Lindley's recursion: 10 served an hour, 70 % load."""
    served, load, count = 10.0, 0.7, 400_000
    rng = np.random.default_rng(11)
    service = rng.exponential(1.0 / served, count)
    gaps = rng.exponential(1.0 / (served * load), count)
    walk = np.concatenate(([0.0], np.cumsum(service[:-1] - gaps[1:])))
    wait = walk - np.minimum.accumulate(walk)
    for hours in (0.2, 0.5, 1.0):
        share = (wait + service > hours).mean()
        assert share == pytest.approx(providers.waiting_tail(hours, served, load), rel=0.06)
    with pytest.raises(ValueError, match="load"):
        providers.waiting_tail(1.0, 10.0, 1.0)


def test_top_up_probability_is_the_reflection_principle():
    """Without drift 2 Phi(-b / (vol sqrt(T))) = erfc(b / (vol sqrt(2 T))); certain if b = 0."""
    found = providers.hit_probability(0.3, 0.0, 0.8, 0.1)
    assert found == pytest.approx(math.erfc(0.3 / (0.8 * math.sqrt(0.2))), rel=1e-12)
    assert providers.hit_probability(0.0, 1.0, 0.8, 0.1) == 1.0
    ever = providers.hit_probability(0.3, 0.2, 0.8, 1e7)
    assert ever == pytest.approx(math.exp(-2 * 0.2 * 0.3 / 0.64), rel=1e-9)


# ------------------------------------------------------------------ settlement


def test_residual_of_half_an_hour_is_the_published_basis_points():
    assert settlement.residual(0.8, 1800) * 1e4 == pytest.approx(34.8949281727, rel=1e-9)


def test_residual_agrees_with_simulated_unwinding_and_a_linear_one_has_none():
    rng = np.random.default_rng(4)
    steps, paths, vol = 360, 20_000, 0.8
    dt = 1800 / steps / YEAR
    moves = vol * math.sqrt(dt) * rng.standard_normal((paths, steps)) - vol * vol * dt / 2
    path = np.exp(np.cumsum(moves, axis=1))
    average = path.mean(axis=1)
    at_once = (1.0 - average).std()
    assert at_once == pytest.approx(settlement.residual(vol, 1800), rel=0.02)
    sold = np.zeros(paths)
    for k in range(steps):
        sold += path[:, k] / steps
    assert np.abs(sold - average).max() < 1e-6


# ------------------------------------------------------------------ what a tape says


def test_provider_metrics_of_a_hand_made_tape():
    """A provider leaves at 1.00 an hour after asking; in the end shares are worth 0.88.

    In the second and third of four hourly blocks an insolvent auction is open; at worst 110 are
    free for shares worth 1,000 * 0.89.
    """
    d = Decimal
    pool = (
        crash_tape()
        .table("pool")
        .with_columns(
            pl.Series("total_shares", [d(1000)] * 4, dtype=EXACT),
            pl.Series("free_liquidity", [d(500), d(300), d(110), d(200)], dtype=EXACT),
            pl.Series("live_insolvent", [0, 2, 1, 0]),
        )
    )
    lp = "0xa"
    asked = {"time": START, "id": d(3), "lp": lp, "shares": d(100)}
    paid = {"time": START + HOUR, "id": d(3), "lp": lp, "shares": d(100), "amount": d(100)}
    tape = Tape(
        {},
        dict(
            [
                ("pool", pool),
                named("withdrawal_requested", asked),
                named("withdrawal_processed", paid),
            ]
        ),
    )
    found = {m.name: m.value for m in providers.metrics(tape)}
    assert found["least_lp_coverage"] == pytest.approx(110 / 890)
    assert found["longest_lp_wait"] == HOUR
    assert found["lp_run_gain"] == pytest.approx(100 - 88)
    assert found["seconds_loss_pending"] == 2 * HOUR


def test_profits_count_wallet_equity_shares_and_what_waits():
    """Two of a kind: 60 + 30 + 10 shares at 0.88 less 100; 5 in the wallet and 95 queued."""
    d = Decimal
    accounts = [
        {"block": 1, "agent": "x-1", "wallet": 100},
        {"block": 3, "agent": "x-1", "wallet": 60, "equity": 30, "lp_shares": 10},
        {"block": 2, "agent": "x-2", "wallet": 5},
    ]
    agents = [{"agent": f"x-{i}", "kind": "x", "address": f"0x{i}", "capital": 100} for i in (1, 2)]
    queued = {"time": START, "id": d(2), "lp": "0x2", "amount": d(95)}
    tape = Tape(
        {},
        dict(
            [
                ("pool", crash_tape().table("pool")),
                ("accounts", frame(TABLES["accounts"], accounts)),
                ("agents", frame(TABLES["agents"], agents)),
                named("deposit_requested", queued),
            ]
        ),
    )
    assert profits(tape) == {"x": pytest.approx(60 + 30 + 8.8 - 100 + 5 + 95 - 100)}
    served = {**queued, "shares": d(90)}
    tape = Tape({}, {**tape.tables, **dict([named("deposit_processed", served)])})
    assert profits(tape) == {"x": pytest.approx(60 + 30 + 8.8 - 100 + 5 - 100)}


def test_settlement_gap_and_paid_share_by_hand():
    """Settled at 165 where the truth, halfway from 150 to 160, was 155; 90 of 100 were paid."""
    d = Decimal
    market = [{"time": START + i * HOUR, "spot": s} for i, s in enumerate((200, 200, 150, 160))]
    fixed = {"expiry": START + 5 * HOUR // 2, "price": d(165)}
    fill = {"payment": d(90), "penalty": d(4), "insolvent": False}
    gone = {"payment": d(-50), "penalty": d(0), "insolvent": True}
    tape = Tape(
        {"parameters": {"auction": {"penaltyShare": "0.4"}}},
        dict(
            [
                ("market", frame(TABLES["market"], market)),
                event("settlement_fixed", fixed),
                event("bid_filled", fill, gone),
            ]
        ),
    )
    assert settlement.gap(tape) == pytest.approx(165 / 155 - 1)
    assert paid_share(tape) == pytest.approx(0.9)
    assert (settlement.gap(Tape({}, {})), paid_share(Tape({}, {}))) == (0.0, 1.0)


def named(name, *rows):
    """An event table with addresses."""
    kinds = {Decimal: EXACT, str: pl.String, int: pl.Int64}
    schema = {key: kinds[type(value)] for key, value in rows[0].items()}
    return f"event_{name}", pl.DataFrame(list(rows), schema=schema)


def test_profits_count_underlying_that_came_and_not_what_is_only_kept():
    """Came with 10 and 100 quote; 4 left in the account, 3 beside it; spot was last 160."""
    account = {"block": 3, "agent": "x", "wallet": 20, "equity": 900, "credit": 512, "units": 4}
    agent = {"agent": "x", "kind": "x", "address": "0x1", "capital": 100, "underlying": 10}
    tables = {
        "pool": crash_tape().table("pool"),
        "accounts": frame(TABLES["accounts"], [{**account, "underlying_wallet": 3}]),
        "agents": frame(TABLES["agents"], [agent]),
    }
    assert profits(Tape({}, tables)) == {"x": pytest.approx(20 + 900 - 512 - 3 * 160 - 100)}
    elsewhere = frame(TABLES["accounts"], [{**account, "units": 0, "credit": 0}])
    tables |= {"accounts": elsewhere}  # a filler's underlying is nobody's collateral
    assert profits(Tape({}, tables)) == {"x": pytest.approx(20 + 900 - 100)}
