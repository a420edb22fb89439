"""Runs as tables and SQL; a world stepped by hand."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

import amm_sim
from amm_sim import assemble, notebook, scenario, tape
from amm_sim.cli import cli
from amm_sim.data import Run
from amm_sim.errors import ScenarioError
from amm_sim.types import PokeOracle

SMALL = Path(__file__).parent / "engine" / "small.toml"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    assemble.run(scenario.load(SMALL, {"run.duration": 1200}), made, reproduce="x")
    return made


def test_open_run_has_every_table_as_frame_and_as_view(folder: Path) -> None:
    run = amm_sim.open_run(folder)
    assert set(tape.TABLES) <= set(run.tables)
    for name in run.tables:
        frame = run[name]
        counted = run.sql(f'select count(*) as n from "{name}"')["n"][0]
        assert counted == len(frame), name
    assert run.manifest["scenario"] == "small"
    assert "pool" in repr(run)
    run.close()


def test_sql_result_equals_the_frame_to_the_wei(folder: Path) -> None:
    run = Run(folder)
    query = "select block, nav, mode, hedge_due from pool where block % 2 = 0 order by block"
    frame = run["pool"].filter(pl.col("block") % 2 == 0).select("block", "nav", "mode", "hedge_due")
    assert run.sql(query).equals(frame)
    assert run.sql(query).schema == frame.schema
    lists = run.sql("select strikes from expiries order by block, expiry")["strikes"]
    assert lists.equals(run["expiries"].sort("block", "expiry")["strikes"])
    assert run.sql("select * from pool where false").schema["nav"] == tape.EXACT


def test_sql_command_formats_and_errors(folder: Path) -> None:
    listed = invoke("sql", folder)
    assert "pool," in listed.output
    query = "select agent, count(*) n, sum(gas)::double g from txs group by agent order by agent"
    rows = [
        json.loads(line)
        for line in invoke("sql", folder, query, "--format", "json").output.splitlines()
    ]
    txs = Run(folder)["txs"]
    assert {row["agent"]: row["n"] for row in rows} == dict(txs.group_by("agent").len().iter_rows())
    bad = invoke("sql", folder, "select nothing from pool")
    assert bad.exit_code == 2
    assert "nothing" in bad.output
    assert len(bad.output.strip().splitlines()) == 1
    assert invoke("sql", folder / "nowhere", "select 1").exit_code == 2
    data = invoke("sql", folder, "select data, nav from calls, pool limit 1", "--format", "csv")
    assert data.output.splitlines()[1].startswith("0x")


def test_open_run_of_a_study_has_its_paths(tmp_path: Path) -> None:
    lines = [
        {"point": "a", "seed": s, "insolvent_after": [None, 60][s % 2], "metrics": {"x": s / 2}}
        for s in range(4)
    ]
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"point": "b", "se'
    (tmp_path / "ledger.jsonl").write_text(text)
    (tmp_path / "study.json").write_text('{"scenario": "x"}')
    study = amm_sim.open_run(tmp_path)
    assert study.tables == ["paths"]
    assert len(study["paths"]) == 4
    found = study.sql("select count(insolvent_after) n, max(metrics.x) m from paths")
    assert found.row(0) == (2, 1.5)
    assert study.manifest == {"scenario": "x"}


def test_open_run_of_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="amm-sim run"):
        amm_sim.open_run(tmp_path)


# ------------------------------------------------------------------ a world by hand


def docstring_example() -> str:
    """The lines of the module's docstring, as somebody would type them."""
    assert notebook.__doc__ is not None
    return "\n".join(line[4:] for line in notebook.__doc__.splitlines() if line.startswith("    "))


def test_world_docstring_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    code = docstring_example()
    assert len(code.splitlines()) <= 10
    monkeypatch.chdir(SMALL.parents[3])
    exec(compile(code, "example", "exec"), {})


def test_world_steps_to_the_same_digest_as_a_run(folder: Path, tmp_path: Path) -> None:
    with amm_sim.open_world(SMALL, {"run.duration": 1200}, tmp_path / "out") as world:
        first = world.step(5)
        assert first.block == world["pool"]["block"][-1]
        assert len(world.sql("select * from blocks")) == 6
        assert len(world["txs"]) == world["blocks"]["transactions"].sum()
        world.run()
        assert world.step(3).block == world["pool"]["block"][-1]  # the scenario is over
    assert tape.load(tmp_path / "out").manifest["digest"] == tape.load(folder).manifest["digest"]
    assert invoke("replay", tmp_path / "out").exit_code == 0


def test_world_answers_views_and_sends_orders() -> None:
    with amm_sim.open_world(SMALL) as world:
        world.step(10)
        assert world.call("vault", "sharePrice") == pytest.approx(world.pool.share_price)
        assert world.account("retail-1").address
        done = world.send(PokeOracle(), "keeper")
        assert done["error"] == ""
        assert done["events"][0]["event"] == "Poked"
        with pytest.raises(ScenarioError, match="one block between"):
            world.send(PokeOracle(), "keeper")
        with pytest.raises(ScenarioError, match="keeper"):
            world.account("nobody")
        with pytest.raises(ScenarioError, match="market"):
            world.call("nothing", "x")
        world.step(1)
        folder = world.folder
    assert not folder.exists()
    world.close()
