"""``amm-sim list``: the scenarios and what they ask."""

from __future__ import annotations

from pathlib import Path

import click

from amm_sim.chain.artifacts import ROOT
from amm_sim.errors import ScenarioError

SCENARIOS = ROOT / "scenarios"


@click.command("list")
@click.argument("folder", type=click.Path(path_type=Path), default=SCENARIOS)
def list_scenarios(folder: Path) -> None:
    """Every scenario in FOLDER with its question."""
    from amm_sim import scenario as scenarios

    if not folder.is_dir():
        raise ScenarioError("folder", str(folder), "no such folder")
    for path in sorted(folder.glob("*.toml")):
        if path.stem == "base":
            continue
        loaded = scenarios.load(path)
        run_ = loaded.run
        size = f"{run_.duration / 3600:g} h in {run_.blocks} blocks, {len(loaded.agents)} agents"
        click.echo(f"{path.stem:24} {size}\n    {loaded.question}")
