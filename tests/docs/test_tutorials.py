"""The tutorials do what they say: their blocks are saved, run and executed in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("[0-9]_*.md"))
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    file: str
    text: str


def blocks(path: Path) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(path.read_text(encoding="utf-8"))]


def command(block: Block) -> list[str]:
    if block.language == "bash":
        return ["bash", "-euo", "pipefail", "-c", block.text]
    return [sys.executable, "-c", block.text]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    binaries = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": binaries + os.pathsep + os.environ["PATH"]}
    for block in blocks(path):
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
            continue
        done = subprocess.run(
            command(block),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr


def test_tutorials_are_numbered_and_link_to_pages_that_exist() -> None:
    assert [path.stem[0] for path in TUTORIALS] == [str(i + 1) for i in range(len(TUTORIALS))]
    assert len(TUTORIALS) >= 2
    for path in TUTORIALS:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).is_file(), f"{path.name}: {target}"


def test_saved_blocks_match_their_language() -> None:
    for path in TUTORIALS:
        for block in blocks(path):
            if block.file:
                assert Path(block.file).suffix == {"toml": ".toml", "python": ".py"}[block.language]
