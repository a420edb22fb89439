"""Kinds from a file beside the scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from amm_sim.agents import AGENTS, Behaviour, Keeper
from amm_sim.errors import ScenarioError
from amm_sim.plugins import find
from amm_sim.scenario import Part

GOOD = """
from dataclasses import dataclass
from amm_sim.agents import Behaviour

@dataclass(frozen=True, kw_only=True)
class Idle(Behaviour):
    def act(self, seen, rng):
        return []

number = 3
"""


def part(kind: str) -> Part:
    return Part("agents[0]", "mine", kind, {})


def test_find_known_kind_is_the_registered_class(tmp_path: Path) -> None:
    assert find(AGENTS, part("keeper"), tmp_path) is Keeper


def test_find_class_of_a_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text(GOOD)
    found = find(AGENTS, part("idle.py:Idle"), tmp_path)
    assert issubclass(found, Behaviour)
    assert find(AGENTS, part("idle.py:Idle"), tmp_path) is found


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nowhere.py:Idle", "a file beside the scenario"),
        ("idle.py:Other", "the name of a class in idle.py"),
        ("idle.py:number", "the name of a class in idle.py"),
        ("broken.py:Idle", "a file that runs (ZeroDivisionError: division by zero)"),
        ("keepr", "did you mean keeper"),
    ],
)
def test_find_what_is_not_there_says_what_would_do(tmp_path: Path, kind: str, said: str) -> None:
    (tmp_path / "idle.py").write_text(GOOD)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    with pytest.raises(ScenarioError) as caught:
        find(AGENTS, part(kind), tmp_path)
    assert "agents[0].kind" in str(caught.value)
    assert said in str(caught.value)
