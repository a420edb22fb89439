"""Every analyzer on a hand-made tape and on an empty one."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from amm_sim.analyzers import activity, evaluate, explain, hedging, losses, solvency
from amm_sim.pricing.black76 import price
from amm_sim.tape import TABLES, Tape
from amm_sim.units import YEAR, to_wad
from tests.amm_sim.analyzers.tapes import HOUR, START, crash_tape, empty_tape, event, frame


def test_solvency_of_crash_finds_first_failure_and_depth() -> None:
    s = solvency.solvency(crash_tape())
    assert s.insolvent_at == START + 2 * HOUR
    assert s.least_scale == pytest.approx(0.9)
    assert s.worst_shortfall == 40
    assert s.seconds_insolvent == HOUR
    assert (s.nav_start, s.nav_end, s.nav_least) == (1000, 880, 880)
    assert s.drawdown == pytest.approx(1 - 0.88 / 1.01)
    assert s.mode_changes == 2
    assert s.seconds_by_mode["WIND_DOWN"] == HOUR


def test_drawdown_of_rising_path_is_zero() -> None:
    assert solvency.drawdown(np.array([1.0, 1.0, 2.0])) == 0.0
    assert solvency.drawdown(np.array([])) == 0.0


def test_bad_debt_by_cause_sums_each_cause() -> None:
    assert losses.bad_debt(crash_tape()) == {"settlement": 7.0, "liquidation": 30.0}


def test_liquidations_counts_solvent_and_insolvent_apart() -> None:
    counts = losses.liquidations(crash_tape())
    assert counts == {
        "auctions": 1,
        "solvent_fills": 1,
        "insolvent_fills": 1,
        "closed_by_pool": 1,
    }


def test_refusals_are_ordered_by_count() -> None:
    assert activity.refusals(crash_tape()) == [("NothingToHedge", 2), ("StressLimit", 1)]


def test_fills_list_every_kind_even_without_fill() -> None:
    assert activity.fills(crash_tape()) == [("retail", 1), ("keeper", 0), ("lp", 0)]


def test_activity_metrics_count_sides_and_costs() -> None:
    found = {m.name: m.value for m in activity.metrics(crash_tape())}
    assert found["trades_bought"] == 1
    assert found["trades_sold"] == 1
    assert found["fees"] == 10
    assert found["hedge_cost"] == 0.5
    assert found["fees_less_hedge_cost"] == 9.5


def test_hedge_cost_is_measured_against_the_truth_not_the_late_oracle() -> None:
    # bought 2 at 190, sold 1 at 170; the oracle said 200 and 165, the truth was 185 and 172
    fills = event(
        "hedged",
        {"block": 1, "time": 100, "size": Decimal(2), "price": Decimal(190), "cost": Decimal(-20)},
        {"block": 2, "time": 160, "size": Decimal(-1), "price": Decimal(170), "cost": Decimal(-5)},
    )
    market = frame(TABLES["market"], [{"time": 100, "spot": 185.0}, {"time": 160, "spot": 172.0}])
    seen = Tape({}, dict([fills, ("market", market)]))
    assert hedging.hedge_cost(seen) == 2 * 5 + 1 * 2
    assert hedging.hedge_cost(Tape({}, dict([fills]))) == -25


def test_hedge_profit_excludes_margin_transfers() -> None:
    # equity 100, 110, 10, 10 and 10 of margin in the second block: profit 0, 0, -100, -100
    assert hedging.hedge_profit(crash_tape()).tolist() == [0.0, 0.0, -100.0, -100.0]


def test_tracking_error_compares_with_the_book_alone() -> None:
    t = hedging.tracking(crash_tape())
    # hourly changes of NAV without the deposit: 10, -120, -15; of the book alone: 10, -20, -15
    assert t.hedged == pytest.approx(np.std([10, -120, -15], ddof=1))
    assert t.unhedged == pytest.approx(np.std([10, -20, -15], ddof=1))
    assert t.ratio == pytest.approx(t.hedged / t.unhedged)
    assert t.largest_lag_delta == 200


def test_explain_terms_sum_to_change_of_nav_to_the_wei() -> None:
    terms = explain.explain(crash_tape())
    assert sum(v for _, v in terms) == to_wad(880) - to_wad(1000)


def test_explain_terms_by_hand() -> None:
    terms = {name: value / 1e18 for name, value in explain.explain(crash_tape())}
    assert terms["delta"] == pytest.approx(-2 * -50 + -1 * 10)
    assert terms["hedge market move"] == pytest.approx(2 * -50)
    assert terms["hedge cost"] == -0.5
    assert terms["hedge basis and funding"] == pytest.approx(-100 + 100 + 0.5)
    assert terms["fees"] == pytest.approx(10 * 0.75)
    assert terms["liquidation penalties"] == pytest.approx(2 * 0.5)
    assert terms["credit losses"] == pytest.approx(-(37 - 12) - 1)
    assert terms["LP flows"] == 5


def test_explain_underlying_is_what_it_brought_above_the_debts_it_paid() -> None:
    """Two units for a debt of 300 are held at 240; one is sold for 130, the other held at 110."""
    pool = [
        {"block": 1, "time": 100, "nav": 1000},
        {"block": 2, "time": 160, "nav": 940, "underlying": 240},
        {"block": 3, "time": 220, "nav": 940, "underlying": 110},
    ]
    d = Decimal
    events = [
        event("underlying_taken", {"block": 2, "time": 160, "amount": d(2), "value": d(300)}),
        event("underlying_sold", {"block": 3, "time": 220, "amount": d(1), "paid": d(130)}),
    ]
    tape = Tape({}, dict([("pool", frame(TABLES["pool"], pool)), *events]))
    terms = {name: value / 1e18 for name, value in explain.explain(tape)}
    assert terms["underlying"] == 130 + 110 - 300
    assert terms["residual"] == 0.0


def test_explain_residual_share_is_of_absolute_terms() -> None:
    assert explain.residual_share([("a", 60), ("b", -30), ("residual", 10)]) == pytest.approx(0.1)
    with_deposit = [("a", 60), ("LP flows", 900), ("b", -30), ("residual", 10)]
    assert explain.residual_share(with_deposit) == pytest.approx(0.1)
    assert explain.residual_share([("residual", 0)]) == 0.0


def _option_tape(vol_after: float, spot_after: float) -> Tape:
    """The pool is short one call of strike 2000 for an hour in which vol and spot move."""
    spots, vols = [2000.0, spot_after], [0.8, vol_after]
    expiry = START + 30 * 86_400
    value = [
        float(price(s, 2000.0, (expiry - START - i * HOUR) / YEAR, v)[0])
        for i, (s, v) in enumerate(zip(spots, vols, strict=True))
    ]
    pool = frame(
        TABLES["pool"],
        [
            {
                "block": i + 1,
                "time": START + i * HOUR,
                "spot": Decimal(spots[i]),
                "nav": Decimal(str(round(10_000 - value[i], 9))),
                "scale": 1,
            }
            for i in range(2)
        ],
    )
    rows = [
        {
            "block": i + 1,
            "time": START + i * HOUR,
            "expiry": expiry,
            "strikes": [2000.0],
            "vols": [vols[i]],
            "anchors": [vols[i]],
            "net": [1.0],
        }
        for i in range(2)
    ]
    return Tape({}, {"pool": pool, "expiries": frame(TABLES["expiries"], rows)})


def test_explain_vega_term_is_what_a_moved_anchor_costs() -> None:
    terms = {name: value / 1e18 for name, value in explain.explain(_option_tape(0.81, 2000.0))}
    # vega of the call by hand: S sqrt(T) phi(d1), d1 = sigma sqrt(T) / 2
    root = math.sqrt(30 / 365)
    d1 = 0.8 * root / 2
    vega = 2000 * root * math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    assert terms["vega"] == pytest.approx(-vega * 0.01, rel=1e-6)


def test_explain_ignores_expiries_after_settlement() -> None:
    tape = _option_tape(0.9, 2000.0)
    rows = tape.table("expiries")
    settled = rows.with_columns(
        pl.when(pl.col("block") == 2)
        .then(pl.lit([], dtype=pl.List(pl.Float64)))
        .otherwise(pl.col(c))
        .alias(c)
        for c in ("strikes", "vols", "anchors", "net")
    )
    terms = dict(explain.explain(Tape({}, {**tape.tables, "expiries": settled})))
    assert terms["vega"] == 0


def test_every_analyzer_accepts_an_empty_tape() -> None:
    evaluation = evaluate(empty_tape())
    assert not evaluation.insolvent
    assert evaluation.explain == (("residual", 0.0),)
    assert evaluation.refusals == ()
    assert all(math.isfinite(m.value) for m in evaluation.metrics)


def test_metric_names_are_unique() -> None:
    names = [m.name for m in evaluate(crash_tape()).metrics]
    assert len(names) == len(set(names))


def test_verdict_names_the_time_of_insolvency() -> None:
    assert "12 Mar 2020 02:00 UTC" in evaluate(crash_tape()).verdict


def test_verdict_counts_no_deposit_as_profit() -> None:
    assert "after losing 125." in evaluate(crash_tape()).verdict
