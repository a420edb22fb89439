"""Estimates of a study from hand-made paths: every number worked outside the code."""

from __future__ import annotations

import math

import pytest

from amm_sim.analyzers import study as s
from amm_sim.analyzers.paths import insolvent_after, lp_loss, path_metrics
from amm_sim.types import PathResult
from tests.amm_sim.analyzers.tapes import HOUR, crash_tape

DAY = 86_400


def path(seed: int, after: int | None = None, ran: int = DAY, **metrics: float) -> PathResult:
    status = "done" if ran == DAY else "failed"
    return PathResult("p", seed, status, {}, after, ran, metrics, "d")


def many(insolvent: int, n: int, **metrics: float) -> list[PathResult]:
    return [path(i, 1800 if i < insolvent else None, **metrics) for i in range(n)]


def test_path_metrics_of_a_tape() -> None:
    """Share price 1 -> .88; scale below 1 two hours after the first block."""
    tape = crash_tape()
    assert lp_loss(tape) == pytest.approx(0.12)
    assert insolvent_after(tape) == 2 * HOUR
    found = path_metrics(tape)
    assert found["lp_loss"] == pytest.approx(0.12)
    assert found["bad_debt"] == found["bad_debt_settlement"] + found["bad_debt_liquidation"]
    assert all(math.isfinite(v) for v in found.values())


def test_point_probability_is_wilsons() -> None:
    """10 of 100: [.0552291, .1743657]; guaranteed [.0490047, .1762226]."""
    found = s.point_metrics(many(10, 100), DAY)
    p, exact = s.named(found, "p_insolvent"), s.named(found, "p_insolvent_guaranteed")
    assert (p.value, p.ci_low, p.ci_high) == pytest.approx((0.1, 0.0552291, 0.1743657), abs=1e-7)
    assert (exact.ci_low, exact.ci_high) == pytest.approx((0.0490047, 0.1762226), abs=1e-7)
    assert p.n == 100
    life = s.named(found, "solvent_seconds")
    assert life.value == pytest.approx(0.9 * DAY + 0.1 * 1800)


def test_point_tail_is_the_mean_of_the_worst() -> None:
    """Losses 1 to 400: the worst 2.5 % are 391 to 400."""
    found = s.point_metrics([path(i, lp_loss=float(i)) for i in range(1, 401)], DAY)
    es = s.named(found, "lp_loss_es_97.5")
    assert es.value == pytest.approx(395.5)
    assert es.ci_low < 395.5 < es.ci_high
    assert s.named(found, "lp_loss_var_97.5").value == 390.0


def test_point_bounds_that_do_not_exist_are_none() -> None:
    found = s.point_metrics(many(0, 5, lp_loss=0.1), DAY)
    for name in ("lp_loss_es_97.5", "bad_debt_mean", "solvent_seconds", "lp_loss_var_97.5"):
        m = s.named(found, name)
        assert (m.ci_low, m.ci_high) == (None, None)


def test_point_without_paths_has_no_numbers() -> None:
    assert s.point_metrics([], DAY) == ()


def test_curve_counts_by_horizon() -> None:
    """Of 4: at half an hour, at two hours, at 23 h, never."""
    times = [1800, 7200, 82_800, None]
    found = s.curve([path(i, t) for i, t in enumerate(times)], DAY)
    assert [(m.name, m.value, m.n) for m in found] == [("1 h", 0.25, 4), ("end", 0.75, 4)]
    longer = s.curve([path(1, 1800, 4 * DAY)], 4 * DAY)
    assert [m.name for m in longer] == ["1 h", "1 d", "3 d", "end"]


def test_curve_failed_path_is_censored_not_solvent() -> None:
    """One of four fails technically at 2 h, one is insolvent at 3 h: S = 1 - 1 / 3."""
    paths = [path(0, 10_800), path(1), path(2), path(3, ran=7200)]
    hour, end = s.curve(paths, DAY)
    assert (hour.value, hour.method) == (0.0, "Wilson")
    assert end.value == pytest.approx(1 / 3)
    assert end.method == "Kaplan-Meier"


def test_paired_uses_common_seeds_alone() -> None:
    """Seeds 0..9 against 5..14: five pairs. Losses differ by 1 in each: correlation 1."""
    first = [path(i, lp_loss=float(i)) for i in range(10)]
    other = [path(i, 60 if i == 7 else None, lp_loss=i + 1.0) for i in range(5, 15)]
    found = s.paired(first, other)
    assert (s.named(found, "p_insolvent").value, s.named(found, "p_insolvent").n) == (0.2, 5)
    assert s.named(found, "mcnemar_p").value == 1.0
    assert s.named(found, "lp_loss_mean").value == pytest.approx(1.0)
    assert s.named(found, "lp_loss_correlation").value == pytest.approx(1.0)
    assert s.paired(first, [path(99)]) == ()


def test_paired_mcnemar_worked_by_hand() -> None:
    """Eight seeds fail only at the other point, two only at the first: p = 112 / 1024."""
    first = [path(i, 60 if i < 2 else None) for i in range(40)]
    other = [path(i, 60 if 2 <= i < 10 else None) for i in range(40)]
    found = s.paired(first, other)
    assert s.named(found, "mcnemar_p").value == pytest.approx(112 / 1024)
    assert s.named(found, "p_insolvent").value == pytest.approx(6 / 40)


def test_study_compares_with_the_first_point_and_says_what_failed() -> None:
    points = [("a", {"m.floor": 1}), ("b", {"m.floor": 2})]
    results = {"a": many(2, 10), "b": [*many(5, 9), path(9, ran=60)]}
    found = s.study(points, results, DAY, {"b"})
    a, b = found.points
    assert (a.paired, a.failed, a.stopped) == ((), 0, False)
    assert (b.paths, b.failed, b.stopped) == (9, 1, True)
    assert s.named(b.paired, "p_insolvent").n == 9
    assert "floor = 2: in 55.6% of 9 paths" in found.verdict
    assert "floor = 1: in 20.0% of 10 paths" in found.verdict
    (warning,) = found.warnings
    assert "between 0.5000 and 0.6000" in warning


def test_study_without_paths_says_so() -> None:
    found = s.study([("a", {})], {"a": []}, DAY, ())
    assert found.verdict == "No path has been completed yet."


def test_precise_is_the_half_width() -> None:
    """10 of 100 is known to +- .0596."""
    assert s.precise(0.0596)(10, 100)
    assert not s.precise(0.0595)(10, 100)
