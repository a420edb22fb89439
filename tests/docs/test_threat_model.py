"""Claims of docs/threat_model.md and docs/invariants.md name tests, and every named test exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("threat_model", "invariants")
DEFINITION = re.compile(r"(?:def|function) (test\w*)\(")
NAME = re.compile(r"`((?:test)\w+)(\*?)`")
PATH = re.compile(r"`((?:fuzz|tests|benchmarks|scenarios)/[\w./]+)`")


def defined() -> set[str]:
    """Names of all tests, of pytest and of forge."""
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("fuzz/*.t.sol")]
    return {name for file in files for name in DEFINITION.findall(file.read_text())}


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_named_tests_and_files_exist(name: str) -> None:
    known, text = defined(), page(name)
    for test, star in NAME.findall(text):
        found = any(k.startswith(test) for k in known) if star else test in known
        assert found, f"docs/{name}.md names {test}, which does not exist"
    for path in PATH.findall(text):
        assert (ROOT / path).exists(), f"docs/{name}.md names {path}, which does not exist"


@pytest.mark.parametrize("name", PAGES)
def test_every_row_is_shown_by_a_test(name: str) -> None:
    rows = [line for line in page(name).splitlines() if line.startswith("|") and "---" not in line]
    bodies = [row for row in rows if not row.startswith(("| actor", "| attack", "| id", "| asset"))]
    assert len(bodies) > 15
    for row in bodies:
        last = row.rstrip("| ").split("|")[-1]
        assert NAME.search(last) or PATH.search(last), f"no test shows: {row[:80]}"
