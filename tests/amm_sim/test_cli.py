"""The command line: exit codes and one-line errors."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from amm_sim.cli import cli

ROOT = Path(__file__).resolve().parents[2]
SMALL = Path(__file__).parent / "engine" / "small.toml"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_run_writes_everything_and_says_how_to_repeat(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = (
        "run",
        SMALL,
        "--seed",
        9,
        "--out",
        out,
        "--set",
        "run.duration=1200",
        "--set",
        "agents.seller=null",
    )
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    summary = json.loads((out / "eval.json").read_text())
    assert set(summary) == {
        "scenario",
        "seed",
        "digest",
        "blocks",
        "transactions",
        "insolvent",
        "metrics",
        "reproduce",
    }
    assert (summary["seed"], summary["blocks"], summary["scenario"]) == (9, 20, "small")
    assert summary["transactions"] > 0
    assert all(
        set(m) == {"name", "value", "unit", "ci_low", "ci_high", "n", "method"}
        for m in summary["metrics"]
    )
    assert "NaN" not in (out / "eval.json").read_text()
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    last = json.loads(result.output.strip().splitlines()[-1])
    assert last["digest"] == summary["digest"]

    again = invoke(*summary["reproduce"].split()[1:], "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert json.loads((tmp_path / "again" / "eval.json").read_text())["digest"] == summary["digest"]

    (out / "report.html").unlink()
    assert invoke("report", out).exit_code == 0
    assert (out / "report.html").exists()


def test_run_with_data_replays_the_file(tmp_path: Path) -> None:
    start = 1_609_718_400
    rows = [
        f"{(start + 3600 * i) * 1000},{1000 + i},{1002 + i},{999 + i},{1001 + i},5"
        for i in range(-2, 5)
    ]
    data = tmp_path / "prices.csv"
    data.write_text("\n".join(rows) + "\n")
    result = invoke(
        "run", SMALL, "--data", data, "--out", tmp_path / "out", "--set", "run.duration=600"
    )
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "run.sed=1"], "run.sed = 1: unknown key: did you mean seed?"),
        (["--set", "run.duration=long"], "run.duration = 'long': a whole number is needed"),
        (["--set", "pool.liquidity=nan"], "pool.liquidity = 'NaN': a finite number is needed"),
        (["--set", "market.vol=-0.5"], "market.vol = -0.5"),
        (["--set", "market.kind=gbm_jump"], "unknown kind: did you mean gbm_jumps?"),
        (["--set", "agents.keeper.kind=keper"], "unknown kind: did you mean keeper?"),
        (["--set", "agents.nobody.rate=1"], "a name among keeper, retail, seller, loyal"),
        (["--set", "boards.0.expiry=0"], "boards[0].expiry = 0: at least 1"),
        (
            ["--set", "protocol.market.premiumFee=0.6"],
            "protocol.market.premiumFee = '0.6': in [0, 0.5]",
        ),
        (["--set", "run.builder=best"], "run.builder = 'best': one of arrival, priority"),
        (["--set", "nonsense"], "--set = 'nonsense': KEY=VALUE"),
        (["--data", "/nowhere.csv"], "--data = '/nowhere.csv': no such file"),
        (["--fork-url", "http://127.0.0.1:1"], "did not start"),
    ],
)
def test_run_bad_input_is_one_line_and_exit_2(
    tmp_path: Path, words: list[str], message: str
) -> None:
    result = invoke("run", SMALL, "--out", tmp_path / "out", *words)
    assert result.exit_code == 2, result.output
    error = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    assert message in error[0]
    assert "Traceback" not in result.output


def test_run_missing_scenario_exits_2() -> None:
    result = invoke("run", "nowhere.toml")
    assert result.exit_code == 2
    assert "no such file" in result.output


def test_run_unwritable_folder_exits_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("run", SMALL, "--out", tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert "cannot be written" in result.output


def test_run_port_in_use_exits_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = invoke("run", SMALL, "--out", tmp_path, "--port", taken.getsockname()[1])
    assert result.exit_code == 2
    assert "is in use" in result.output


def test_report_of_no_run_exits_2(tmp_path: Path) -> None:
    assert invoke("report", tmp_path).exit_code == 2


def test_doctor_sound_surroundings_exit_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("doctor")
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output


def test_doctor_without_contracts_exits_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMM_SIM_ARTIFACTS", str(tmp_path / "none"))
    result = invoke("doctor")
    assert result.exit_code == 2
    assert "run `make build`" in result.output


def test_list_names_every_scenario_with_its_question() -> None:
    result = invoke("list")
    assert result.exit_code == 0
    for path in (ROOT / "scenarios").glob("*.toml"):
        assert (path.stem in result.output) == (path.stem != "base")


def test_help_teaches_the_first_steps() -> None:
    text = invoke("--help").output
    assert "amm-sim doctor" in text
    assert "amm-sim run scenarios/black_thursday.toml" in text
    assert "digest" in invoke("run", "--help").output
