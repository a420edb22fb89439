"""A simulation over every venue: each order does what it is meant to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from amm_sim import assemble, scenario
from amm_sim.tape import Tape, load

VENUES = Path(__file__).with_name("venues.toml")


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    folder = tmp_path_factory.mktemp("venues")
    assemble.run(scenario.load(VENUES), folder, reproduce="")
    return load(folder)


def test_run_over_every_venue_fills_each_kind_of_order(tape: Tape) -> None:
    filled = tape.table("txs").filter(pl.col("status") == "filled")
    kinds = Counter(filled["order"].to_list())
    assert kinds["ProvideSpot"] == 1
    for kind in ("ArbitrageSpot", "ExecuteHedgeOrder", "Hedge", "SwapSpot", "NoticeNeed"):
        assert kinds[kind] > 0, kind


def test_run_over_every_venue_uses_more_than_one(tape: Tape) -> None:
    legs = tape.event("leg_filled")
    assert legs is not None
    assert legs["venue"].n_unique() > 1


def test_sandwich_profit_is_within_the_configured_slippage(tape: Tape) -> None:
    from amm_sim.analyzers.hedging import sandwich_profit

    legs = tape.event("leg_filled")
    assert legs is not None
    uniswap = tape.manifest["addresses"]["uniswap"]
    there = legs.filter(pl.col("venue") == uniswap)["size"].cast(pl.Float64).abs().sum()
    assert float(there) > 1.0  # it did trade between the attacker's swaps
    assert sandwich_profit(tape) <= 0.003 * 1000.0 * 1.2 * float(there) + 1e-6
