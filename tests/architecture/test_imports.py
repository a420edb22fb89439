"""Who may import whom: the table of the house, kept by reading every import statement."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("amm_sim", "oracles")

VALUES = {"types", "errors", "units", "tape"}
MAY: dict[str, set[str]] = {
    "types": {"errors", "units"},
    "errors": set(),
    "units": set(),
    "tape": {"errors"},
    "pricing": VALUES,
    "market": VALUES | {"pricing"},
    "oracles": VALUES | {"pricing"},
    "agents": VALUES | {"pricing"},
    "chain": VALUES,
    "adapters": VALUES | {"chain"},
    "tables": {"errors"},
    "scenario": {"errors", "tables", "scenario_file"},
    "scenario_file": {"errors", "tables"},
    "engine": VALUES,
    "analyzers": VALUES | {"pricing"},
    "report": VALUES,
    "data": VALUES,
}
"""Part -> parts of ours that it may import, besides itself."""
ROOTS = {"", "assemble", "opening", "prepared", "manifest", "paths", "cluster", "proofs", "cli"}
ROOTS |= {"replay", "divergence", "shrink", "conditions", "foundry", "notebook", "plugins"}
"""Composition roots: free."""

ONLY_IN: dict[str, set[str]] = {
    "web3": {"chain"},
    "ape": {"chain"},
    "eth_abi": {"chain"},
    "eth_utils": {"chain"},
    "tomllib": {"scenario_file"},
    "plotly": {"report"},
    "click": {"cli"},
    "duckdb": {"data"},
    "distributed": {"cluster"},
}
"""Library -> the parts that may import it."""


def part_of(module: str) -> str:
    """``amm_sim.chain.codec`` -> ``chain``; ``oracles.push`` -> ``oracles``."""
    words = module.split(".")
    if words[0] == "oracles":
        return "oracles"
    return words[1] if len(words) > 1 else ""


def modules() -> list[tuple[str, Path]]:
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found.append((name.removesuffix(".__init__"), path))
    return found


def imports(path: Path) -> set[str]:
    """Full names of everything that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(
    ("module", "path"), modules(), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_imports_point_against_the_flow_of_data(module: str, path: Path) -> None:
    part = part_of(module)
    allowed = MAY.get(part)
    wrong = []
    for name in imports(path):
        top = name.split(".")[0]
        if top in PACKAGES:
            target = part_of(name)
            if allowed is not None and target not in allowed | {part, ""}:
                wrong.append(name)
        elif top in ONLY_IN and part not in ONLY_IN[top]:
            wrong.append(name)
    assert not wrong, f"{module} may not import {wrong}"


def test_rules_cover_every_part() -> None:
    assert {part_of(module) for module, _ in modules()} <= set(MAY) | ROOTS


IMPORT = re.compile(r'import\s+(?:\{[^}]*\}\s+from\s+)?"([^"]+)"', re.S)
SOLIDITY: dict[str, set[str]] = {
    "types": {"types"},
    "interfaces": {"types", "interfaces"},
    "libraries": {"types", "libraries", "interfaces"},
}
"""Folder of contracts/ -> folders that it may import; others are free."""


@pytest.mark.parametrize("folder", sorted(SOLIDITY))
def test_solidity_imports_point_to_types(folder: str) -> None:
    wrong = []
    for path in sorted((ROOT / "contracts" / folder).glob("*.sol")):
        for target in IMPORT.findall(path.read_text()):
            if target.startswith("."):
                place = (path.parent / target).resolve().relative_to(ROOT / "contracts").parts
                if place[0] not in SOLIDITY[folder]:
                    wrong.append(f"{path.name} -> {target}")
    assert not wrong
