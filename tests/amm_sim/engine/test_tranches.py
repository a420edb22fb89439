"""Tranches and floor from a scenario's keys to the tape."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl

from amm_sim import assemble, scenario, tape


def test_run_lps_hold_the_class_of_their_scenario(tmp_path: Path) -> None:
    loaded = scenario.load(Path(__file__).with_name("tranches.toml"))
    assemble.run(loaded, tmp_path, reproduce="")
    recorded = tape.load(tmp_path)
    served = recorded.event("deposit_processed")
    assert served is not None
    asked = {(row["amount"], row["junior"]) for row in served.iter_rows(named=True)}
    assert asked == {(Decimal(200_000), False), (Decimal(100_000), True)}
    pool = recorded.table("pool")
    last = pool.row(-1, named=True)
    assert last["senior_value"] + last["junior_value"] == last["nav"]
    assert last["junior_shares"] == Decimal(100_000)
    assert last["reserved"] > 0
    both = pool.filter(pl.col("junior_shares") > 0)
    assert (both["senior_value"] + both["junior_value"] == both["nav"]).all()
