"""Rebalancing by users: a hand-made tape, closed cycles, common random numbers."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from amm_sim.analyzers import rebalancing as rb
from amm_sim.pricing.inventory import charge
from amm_sim.tape import TABLES, Tape
from amm_sim.types import PathResult
from tests.amm_sim.analyzers.tapes import HOUR, START, crash_tape, empty_tape, event, frame

RHO = 0.7


def trade(block: int, log: int, size: str, delta: str, inventory: str) -> dict[str, object]:
    numbers = {"size": size, "result_delta": delta, "result_inventory": inventory}
    exact = {key: Decimal(value) for key, value in numbers.items()}
    return {"block": block, "time": START + block * HOUR, "log": log, **exact}


def tape() -> Tape:
    """Band 2. Block 1 ends at net 5. In block 2 a user buys 4 deltas (5 -> 1), the pool hedges by
    +2 (3), another sells 3 deltas (6); block 2 ends at 6. In block 3 a user buys 16 (6 -> -10)."""
    pool = [
        {"block": b, "time": START + b * HOUR, "delta": d, "hedge_size": h, "hedge_band": 2}
        for b, d, h in ((1, 8, -3), (2, 7, -1), (3, -9, -1))
    ]
    traded = event(
        "traded",
        trade(2, 1, "8", "0.5", "-3"),
        trade(2, 9, "6", "-0.5", "4"),
        trade(3, 2, "20", "0.8", "5"),
    )
    fill = {"block": 2, "time": START + 2 * HOUR, "log": 5}
    hedged = event("hedged", {**fill, "size": Decimal(2), "cost": Decimal(6)})
    filled = event("hedge_filled", {**fill, "log": 6, "size": Decimal(1), "reward": Decimal("1.5")})
    return Tape({}, {"pool": frame(TABLES["pool"], pool), **dict([traded, hedged, filled])})


def test_rebalancing_worked_by_hand() -> None:
    """Hedging costs 6 / 2 = 3 an underlying. Outside the band: 3 -> 0 saves 9; 1 -> 4 and 4 -> 8
    cause 9 and 12. Paid 3 of rebates and 1.5 of rewards."""
    found = rb.rebalancing(tape())
    assert (found.reducing, found.increasing) == (4.0, 19.0)
    assert (found.saved, found.caused) == (9.0, 21.0)
    assert (found.fees, found.rebates, found.rewards) == (9.0, 3.0, 1.5)
    assert found.share == pytest.approx(4 / 23)
    assert found.efficiency == pytest.approx(2.0)


def test_rebalancing_order_within_a_block_decides_what_a_trade_met() -> None:
    """The second trade before the hedge: 1 -> 4 instead of 3 -> 6, 2 outside instead of 1 -> 4."""
    moved = tape().tables["event_hedged"].with_columns(log=np.array([30]))
    found = rb.rebalancing(Tape({}, {**tape().tables, "event_hedged": moved}))
    assert found.caused == pytest.approx(3.0 * (2.0 + 4.0))


def test_rebalancing_on_other_tapes() -> None:
    assert {m.value for m in rb.metrics(empty_tape())} == {0.0}
    found = rb.rebalancing(crash_tape(), unit_cost=0.5)
    # short 2 delta hedged with 1: a purchase of 0.75 delta takes it from -1 to -1.75; then from 0 a
    # sale of half a delta to 0.5
    assert found.reducing == 0.0
    assert found.increasing == pytest.approx(0.75 + 0.5)


def test_rebalancing_without_any_hedge_costs_nothing() -> None:
    alone = {k: v for k, v in tape().tables.items() if k != "event_hedged"}
    assert rb.rebalancing(Tape({}, alone)).saved == 0.0


# ------------------------------------------------------------------ studies


def path(seed: int, share: float, status: str = "done") -> PathResult:
    return PathResult("p", seed, status, {}, None, 60, {"reducing_share": share})


def test_uplift_is_paired_and_zero_where_the_rebate_is_zero() -> None:
    off = [path(i, 0.2 + 0.01 * i) for i in range(9)]
    on = [path(i, 0.25 + 0.01 * i + 0.001 * (i % 2)) for i in range(12)] + [path(20, 0.9, "failed")]
    found = rb.uplift(on, off)
    assert found.difference.value == pytest.approx(0.05 + 0.001 * 4 / 9)
    assert found.difference.n == 9
    assert 0.0 < found.difference.low < found.difference.value
    assert rb.uplift(off, off).difference.value == 0.0


def _charges(rng: np.random.Generator, *, capped: bool, bands_move: bool) -> np.ndarray:
    """100,000 closed cycles of five trades from any inventory, no hedges in between."""
    n, steps = 100_000, 4
    trades = rng.standard_normal((n, steps)) * 5.0
    trades = np.column_stack((trades, -trades.sum(axis=1)))
    shape = (n, steps + 1) if bands_move else (n, 1)
    bands = np.broadcast_to(10.0 ** rng.uniform(-2, 2, shape), (n, steps + 1))
    delta, paid = rng.standard_normal(n) * 10.0, np.zeros(n)
    charges = np.empty_like(trades)
    for k in range(steps + 1):
        most = paid if capped else np.full(n, np.inf)
        charges[:, k] = charge(delta, delta + trades[:, k], bands[:, k], RHO, most)
        paid, delta = paid + charges[:, k], delta + trades[:, k]
    return charges


def test_no_closed_cycle_of_100_000_leaks_and_without_the_cap_many_do() -> None:
    assert rb.leaks(_charges(np.random.default_rng(4), capped=True, bands_move=True)) == 0
    assert rb.leaks(_charges(np.random.default_rng(4), capped=False, bands_move=True)) > 1000


def test_splitting_an_order_pays_the_same() -> None:
    """Within one side of zero, in either direction: the potential only knows both ends."""
    rng = np.random.default_rng(5)
    start, size, cut = rng.uniform(0, 20, 10_000), rng.uniform(0, 20, 10_000), rng.random(10_000)
    band, rich = np.full(10_000, 3.0), np.full(10_000, np.inf)
    whole = charge(start, start + size, band, RHO, rich)
    first = charge(start, start + cut * size, band, RHO, rich)
    second = charge(start + cut * size, start + size, band, RHO, rich)
    assert np.abs(whole - first - second).max() < 1e-12 * 400
    back = charge(start + size, start, band, RHO, rich)
    assert back == pytest.approx(-RHO * whole, abs=1e-12)
