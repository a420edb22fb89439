"""Generated pages are current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_parameters_page_is_current() -> None:
    command = [sys.executable, str(ROOT / "docs/generate_parameters.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run `make docs`"


def test_tables_page_is_current() -> None:
    command = [sys.executable, str(ROOT / "docs/generate_tables.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run `make docs`"


def test_speed_page_is_current() -> None:
    command = [sys.executable, str(ROOT / "docs/generate_speed.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run `make docs`"


def test_every_default_has_a_meaning_or_speaks_for_itself() -> None:
    text = (ROOT / "docs/parameters.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert all(line.split("|")[2].strip() for line in rows), "a parameter without a default"
