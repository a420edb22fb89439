"""The page holds the tape's data, opens offline, and is drawn by a browser where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from amm_sim import report
from amm_sim.analyzers import evaluate
from amm_sim.report import charts
from tests.amm_sim.analyzers.tapes import crash_tape, empty_tape

CHARTS = ("spot", "delta", "nav", "scale", "share_price", "explain", "liquidations", "refusals")


class _References(HTMLParser):
    """Collects every address that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"src", "href", "action", "data", "poster", "srcset"}
        self.found += [value or "" for name, value in attrs if name in wanted]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    tape = crash_tape()
    report.write(tape, evaluate(tape), folder)
    return folder / "report.html"


def test_page_has_no_external_address(page: Path) -> None:
    parser = _References()
    text = page.read_text()
    parser.feed(text)
    assert parser.found == []
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert not re.search(r"url\(|@import", style[1])


def test_page_escapes_what_the_scenario_says(page: Path) -> None:
    assert "hand &lt;made&gt;" in page.read_text()
    assert "hand <made>" not in page.read_text()


def test_every_chart_has_its_place_in_the_page(page: Path) -> None:
    text = page.read_text()
    assert all(f'id="chart-{name}"' in text for name in CHARTS)


def test_charts_carry_the_tapes_data() -> None:
    tape = crash_tape()
    figures = charts.all_charts(tape, evaluate(tape))
    assert tuple(figures) == CHARTS
    by_name = {name: {t.name: list(t.y) for t in f.data} for name, f in figures.items()}
    assert by_name["spot"]["oracle"] == [200, 200, 150, 160]
    assert by_name["nav"]["NAV"] == [1000, 1010, 890, 880]
    assert by_name["delta"]["net"] == [-1, 0, -1, 0]
    assert by_name["scale"]["payout scale"] == [1, 1, 0.9, 1]
    assert by_name["share_price"]["share price"] == [1, 1.01, 0.89, 0.88]
    assert by_name["liquidations"]["bad debt"] == [30, 7]
    assert by_name["refusals"]["refused"] == [2, 1]
    waterfall = by_name["explain"]["P&L"]
    # NAV fell by 120 although a provider brought 5
    assert waterfall[-1] == pytest.approx(-125)
    assert sum(waterfall[:-1]) == pytest.approx(-125)


def test_page_shows_parameters_and_the_command_that_reproduces_it(page: Path) -> None:
    text = page.read_text()
    assert "insuranceShare" in text
    assert '<pre id="reproduce">amm-sim run hand.toml --seed 7</pre>' in text


def test_summary_has_the_promised_keys_and_no_nan(page: Path) -> None:
    found = json.loads((page.parent / "eval.json").read_text(), parse_constant=_refuse)
    assert set(found) == {
        "scenario", "seed", "digest", "blocks", "transactions", "insolvent", "metrics", "reproduce",
    }  # fmt: skip
    assert found["insolvent"] is True
    keys = {"name", "value", "unit", "ci_low", "ci_high", "n", "method"}
    assert all(set(m) == keys for m in found["metrics"])
    assert all(m["ci_low"] is None for m in found["metrics"] if m["n"] == 1)


def _refuse(constant: str) -> None:
    raise AssertionError(f"eval.json holds {constant}")


def test_empty_run_still_makes_a_page(tmp_path: Path) -> None:
    tape = empty_tape()
    report.write(tape, evaluate(tape), tmp_path)
    assert "stayed solvent" in (tmp_path / "report.html").read_text()


def test_browser_draws_every_chart(page: Path, tmp_path: Path) -> None:
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser is None:
        pytest.skip("no Chromium on this machine")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count('class="main-svg"') >= len(CHARTS)
