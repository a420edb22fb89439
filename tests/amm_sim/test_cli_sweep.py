"""``amm-sim sweep`` from end to end: real processes, real protocol."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from amm_sim.cli import cli

SMALL = Path(__file__).parent / "engine" / "small.toml"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def study(folder: Path, sweep: str) -> Path:
    path = folder / "study.toml"
    head = f'extends = "{SMALL}"\nquestion = "What does the floor do?"\n[run]\nduration = 600\n'
    path.write_text(head + sweep)
    return path


GRID = '[sweep.over]\n"protocol.market.stressFloor" = [0.55, 0.0]\n'


def test_sweep_writes_everything_resumes_and_repeats(tmp_path: Path) -> None:
    path, out = study(tmp_path, GRID), tmp_path / "out"
    first = invoke("sweep", path, "-n", 2, "-k", 1, "--out", out)
    assert first.exit_code == 0, first.output
    end = json.loads(first.output.strip().splitlines()[-1])
    assert (end["event"], end["done"], end["failed"]) == ("end", 4, 0)
    text = (out / "eval.json").read_text()
    summary = json.loads(text)
    assert "NaN" not in text
    assert "Infinity" not in text
    assert [p["changes"] for p in summary["points"]] == [
        {"protocol.market.stressFloor": 0.55},
        {"protocol.market.stressFloor": 0.0},
    ]
    assert {(p["paths"], p["failed"]) for p in summary["points"]} == {(2, 0)}
    assert (out / "report.html").read_text().startswith("<!doctype html>")

    ledger = (out / "ledger.jsonl").read_bytes()
    again = invoke(*summary["reproduce"].split()[1:], "--out", out)
    assert again.exit_code == 0, again.output
    assert json.loads(again.output.strip().splitlines()[-1])["known"] == 4
    assert (out / "ledger.jsonl").read_bytes() == ledger
    assert json.loads((out / "eval.json").read_text()) == summary

    (out / "eval.json").unlink()
    assert invoke("report", out).exit_code == 0
    assert json.loads((out / "eval.json").read_text()) == summary


HUNGRY = """
import resource
from dataclasses import dataclass
from amm_sim.agents.agent import Behaviour

@dataclass(frozen=True, kw_only=True)
class Hungry(Behaviour):
    cadence: int = 10_000

    def act(self, seen, rng):
        if seen.truth is None and rng.random() < 0.5:
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, hard))
            try:
                return [bytearray(1 << 30)]
            finally:
                resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        return []
"""


def test_sweep_worker_out_of_memory_is_a_failed_path_that_says_so(tmp_path: Path) -> None:
    """The kernel refuses a worker memory in some paths: the others are whole, the study ends."""
    (tmp_path / "hungry.py").write_text(HUNGRY)
    agent = '[[agents]]\nkind = "hungry.py:Hungry"\nname = "hungry"\ncapital = 0\n'
    path, out = study(tmp_path, agent), tmp_path / "out"
    result = invoke("sweep", path, "-n", 4, "-k", 1, "--out", out)
    assert result.exit_code == 0, result.output
    paths = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
    failed = [each for each in paths if each["status"] == "failed"]
    assert 0 < len(failed) < len(paths) == 4
    for each in failed:
        assert each["error"].rstrip().splitlines()[-1].startswith("out of memory (")
        assert "fewer --workers" in each["error"]
        assert (out / "failed" / f"{each['point']}-{each['seed']}" / "manifest.json").is_file()
    assert "out of memory" in result.output
    assert "failed for technical reasons" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ('[sweep.over]\n"protocol.market.stresFloor" = [1, 2]\n', "stresFloor"),
        ('[sweep.over]\n"market.volx" = [1, 2]\n', "volx"),
        ('[sweep.over]\n"agents.nobody.rate" = [1, 2]\n', "nobody"),
        ('[sweep]\nmethod = "gird"\n', "sweep.method = 'gird'"),
        ('[sweep.over]\n"protocol.market.stressFloor" = [2.0]\n', "stressFloor"),
    ],
)
def test_sweep_wrong_table_is_one_line_and_exit_code_2(
    tmp_path: Path, sweep: str, said: str
) -> None:
    result = invoke("sweep", study(tmp_path, sweep), "-n", 1, "-k", 1, "--out", tmp_path / "out")
    errors = [line for line in result.output.splitlines() if not line.startswith("{")]
    assert result.exit_code == 2
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert said in errors[0]


def test_sweep_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = invoke("sweep", study(tmp_path, GRID), "-n", 1, "--out", tmp_path / "file" / "x")
    assert result.exit_code == 2
    assert "cannot be written" in result.output


def test_sweep_interrupted_says_so_and_leaves_a_page(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from amm_sim.cli import main; main()"]
    words = ["sweep", str(study(tmp_path, GRID)), "-n", "500", "-k", "1", "--out", str(out)]
    running = subprocess.Popen(
        [*command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    ledger = out / "ledger.jsonl"
    for _ in range(1200):
        if ledger.is_file() and ledger.read_bytes().count(b"\n") >= 2:
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.strip() == "interrupted: what was recorded can be read"
    assert json.loads((out / "study.json").read_text())["state"] == "interrupted"
    done = ledger.read_bytes().count(b"\n")
    summary = json.loads((out / "eval.json").read_text())
    assert sum(p["paths"] for p in summary["points"]) == done < 1000
    assert summary["warnings"] == [f"The study is not finished: {1000 - done} paths are missing."]
