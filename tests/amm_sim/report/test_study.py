"""The page and summary of a study."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from amm_sim.analyzers.study import study
from amm_sim.report import study as report
from amm_sim.types import Metric, PathResult, StudyResult
from tests.amm_sim.report.test_report import _References

DAY = 86_400
MANIFEST = {
    "scenario": "crash <now>",
    "question": "a < b?",
    "seeds": "1 to 50",
    "reproduce": "amm-sim sweep x.toml --paths 50",
    "reproduce_path": "amm-sim run x.toml --seed 1",
}


def result(axes: dict[str, list], n: int = 50) -> StudyResult:
    points, paths = [], {}
    for i, values in enumerate(product(*axes.values())):
        points.append((str(i), dict(zip(axes, values, strict=True))))
        paths[str(i)] = [
            PathResult(
                str(i), k, "done", {}, 60 * k if k <= 5 * i else None, DAY,
                {"lp_loss": k * (i + 1) / 10 / n, "bad_debt": float(i * k), "hedge_cost": 10.0 + k},
            )
            for k in range(1, n + 1)
        ]  # fmt: skip
    return study(points, paths, DAY, ())


GRID = {"protocol.policy": ["band", "none"], "protocol.market.stressFloor": [0.55, 0.3, 0.0]}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    report.write(result(GRID), MANIFEST, folder)
    return folder


def test_page_fetches_nothing_and_escapes(page: Path) -> None:
    parser = _References()
    text = (page / "report.html").read_text()
    parser.feed(text)
    assert parser.found == []
    assert "a &lt; b?" in text
    assert "crash <now>" not in text


def test_page_shows_every_point_with_intervals(page: Path) -> None:
    """25 of 50: Wilson [.3664, .6336], worked with scipy's binomtest."""
    text = (page / "report.html").read_text()
    assert text.count("<td class='n'>50</td>") == 6
    assert "0.5000<br><span class='note'>0.3664 to 0.6336</span>" in text
    assert 'id="reproduce">amm-sim sweep x.toml --paths 50' in text
    assert 'id="differences"' in text


def test_page_grid_of_two_parameters_has_maps(page: Path) -> None:
    text = (page / "report.html").read_text()
    assert all(f'id="chart-map-{i}"' in text for i in range(4))
    assert 'id="chart-map-4"' not in text  # the hedge costs the same everywhere
    assert 'id="chart-curve"' in text


def test_page_other_shapes_have_no_map() -> None:
    for axes in ({"a.b": [1, 2]}, {"a": [1, 2], "b": [1, 2], "c": [1, 2]}, {}):
        text = report.render(result(axes), MANIFEST)
        assert "chart-map" not in text
        assert 'id="points"' in text


def test_map_puts_each_point_into_its_cell() -> None:
    found = result(GRID)
    figure = report._map(found.points, tuple(GRID), "p_insolvent", "P")
    heat = figure.data[0]
    assert list(heat.x) == ["0.55", "0.3", "0.0"]
    assert list(heat.y) == ["band", "none"]
    assert [list(row) for row in heat.z] == [[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]]


def test_summary_is_strict_json(page: Path) -> None:
    text = (page / "eval.json").read_text()
    summary = json.loads(text, parse_constant=pytest.fail)
    assert len(summary["points"]) == 6
    last = summary["points"][-1]
    assert last["changes"] == {"protocol.policy": "none", "protocol.market.stressFloor": 0.0}
    assert {m["name"] for m in last["difference_from_first"]} >= {"p_insolvent", "mcnemar_p"}
    assert all(m["n"] == 50 for m in last["metrics"])


def test_summary_not_a_number_is_null(tmp_path: Path) -> None:
    found = result({})
    bad = Metric("broken", math.nan, "ratio")
    points = (replace(found.points[0], metrics=(bad,)),)
    report.write(replace(found, points=points), MANIFEST, tmp_path)
    summary = json.loads((tmp_path / "eval.json").read_text(), parse_constant=pytest.fail)
    assert summary["points"][0]["metrics"][0]["value"] is None
