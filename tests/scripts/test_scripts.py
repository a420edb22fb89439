"""The scripts as a user of Ape starts them: each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def ape(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("ape")), "run", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_simulate_runs_a_scenario_and_writes_its_folder(tmp_path: Path) -> None:
    done = ape(
        "simulate", "scenarios/calm.toml", "--set", "run.duration=600", "--out", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "eval.json").read_text())["blocks"] == 10
    assert (tmp_path / "report.html").is_file()


def test_simulate_bad_key_exits_with_two_and_no_traceback(tmp_path: Path) -> None:
    done = ape("simulate", "scenarios/calm.toml", "--set", "run.sed=1")
    assert done.returncode == 2
    assert "did you mean seed?" in done.stderr
    assert "Traceback" not in done.stderr


def test_deploy_prints_an_address_for_every_core_contract() -> None:
    done = ape("deploy")
    assert done.returncode == 0, done.stderr
    addresses = dict(line.split() for line in done.stdout.splitlines() if " 0x" in line)
    assert {"market", "vault", "hedge", "ledger", "breaker"} <= set(addresses)
    assert all(len(address) == 42 for address in addresses.values())
