"""The table of hedging policies, from results written by hand."""

from __future__ import annotations

import pytest

from amm_sim.analyzers.policies import COLUMNS, markdown, rows
from amm_sim.types import PathResult


def result(seed: int, loss: float, insolvent: int | None = None) -> PathResult:
    metrics = {"lp_loss": loss, "pnl_std_hedged": 100 * seed, "hedge_internalised": 0.25}
    metrics |= {name: 0.0 for _, name, _ in COLUMNS if name not in (*metrics, "reducing_share")}
    return PathResult("p", seed, "done", {}, insolvent, 60, metrics)


def test_rows_difference_is_paired_over_common_seeds() -> None:
    field = [result(1, 0.01), result(2, 0.05), result(3, 0.09)]
    ours = [result(1, 0.00), result(2, 0.03), result(3, 0.06), result(9, 5.0)]
    first, second = rows(["field", "ours"], [field, ours], (0, 0))
    assert first.cells["LP loss"] == "5.00%"
    # -1, -2, -3 %: mean -2 %, Student's 4.3027 times 1 % / sqrt(3); seed 9 has no pair
    assert second.cells["LP loss"].endswith("[-4.48%, 0.48%]")
    assert second.cells["internalised"] == "25.0%"
    assert second.cells["paths"] == "4"
    assert "reducing" not in second.cells  # a ledger older than the metric


def test_rows_insolvent_and_failed_paths_are_counted_apart() -> None:
    failed = PathResult("p", 7, "failed")
    (row,) = rows(["x"], [[result(1, 0.0), result(2, 0.5, 30), failed]], (0,))
    assert row.cells["P(scale < 1)"].startswith("50.0%")
    assert row.cells["paths"] == "2"


def test_rows_insolvency_and_tail_are_paired_with_the_policy_named() -> None:
    """Ten of a hundred pairs lose all under the one alone: Agresti-Min by hand, (10.5 - 0.5) / 102
    +- 1.96 sqrt(11 - 100 / 102) / 102; ES80 is (1 + 0.1) / 2 against 0.1."""
    bad = [result(i, 1.0 if i % 10 == 0 else 0.1, 5 if i % 10 == 0 else None) for i in range(100)]
    good = [result(i, 0.1) for i in range(100)]
    other, ours = rows(["good", "bad"], [good, bad], (0, 0))
    assert ours.cells["P(scale < 1)"].endswith("[3.7%, 15.9%]")
    assert ours.cells["ES80 of LP loss"].startswith("55.00% [")
    assert ours.cells["ES99 of LP loss"] == "100.00%"  # below a thousand paths
    assert "[" not in other.cells["P(scale < 1)"]


@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
def test_markdown_has_a_line_for_each_policy(names: list[str]) -> None:
    found = [[result(1, 0.1), result(2, 0.2)] for _ in names]
    text = markdown(rows(names, found, (0,) * len(names)))
    assert len(text.splitlines()) == 2 + len(names)
