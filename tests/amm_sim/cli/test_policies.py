"""``amm-sim policies``: which table a scenario gets, from ledgers written by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from amm_sim import scenario
from amm_sim.analyzers.policies import COLUMNS, Row, markdown
from amm_sim.cli import cli
from amm_sim.cli.policies import FOLDER, SCENARIOS
from amm_sim.types import PathResult

ROOT = Path(__file__).parents[3]


def written(folder: Path, points: int) -> None:
    """Two paths a point; point i loses i % and 2 i %."""
    folder.mkdir(parents=True)
    listed = [{"point": f"p{i}", "changes": {}} for i in range(points)]
    (folder / "study.json").write_text(json.dumps({"points": listed}))
    zero = {name: 0.0 for _, name, _ in COLUMNS}
    paths = [
        PathResult(f"p{i}", seed, "done", {}, None, 60, {**zero, "lp_loss": 0.01 * i * seed})
        for i in range(points)
        for seed in (1, 2)
    ]
    lines = [json.dumps(asdict(path)) for path in paths]
    (folder / "ledger.jsonl").write_text("\n".join(lines) + "\n")


def test_table_only_prints_the_scenarios_asked_for_against_their_own_base(tmp_path: Path) -> None:
    for name in ("storm", "outage"):
        written(tmp_path / name, len(SCENARIOS[name][0]))
    file = tmp_path / "tables.json"
    words = ["policies", "--table-only", "--out", tmp_path, "-s", "outage", "--json", file]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert [row["policy"] for row in json.loads(file.read_text())["outage"]] == list(
        SCENARIOS["outage"][0]
    )
    rows = {line.split("|")[1].strip(): line for line in done.output.splitlines() if "%" in line}
    assert list(rows) == list(SCENARIOS["outage"][0])
    # both fail: 2 % and 4 % against 0 and 0; Student's 12.706 times 1.4142 % / sqrt(2)
    assert "3.00% [-9.71%, 15.71%]" in rows["B5, both fail"]
    # B1, both fail against B1: 4 % and 8 % less 3 % and 6 %
    assert "6.00% [-4.85%, 7.85%]" in rows["B1, both fail"]
    assert "storm" not in done.output


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_of_the_table_has_a_name_and_a_base_for_each_point(name: str) -> None:
    names, against = SCENARIOS[name]
    points = scenario.load(ROOT / FOLDER / f"{name}.toml").raw["sweep"]["points"]
    assert len(points) == len(names) == len(against)
    assert all(0 <= index < len(names) for index in against)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_published_tables_are_the_committed_results(name: str) -> None:
    rows = json.loads((ROOT / "benchmarks" / "policies.json").read_text())[name]
    text = markdown([Row(row["policy"], row["cells"]) for row in rows])
    assert text in (ROOT / "docs" / "policies.md").read_text()
