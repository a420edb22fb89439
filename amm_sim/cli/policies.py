"""``amm-sim policies``: hedging policies under common random numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from amm_sim.analyzers.policies import Row

FOLDER = Path("scenarios/policies")
NAMES = (
    "B0 none",
    "B1 interval 24 h",
    "B2 threshold 1 % NAV",
    "B3 interval 12 h",
    "B4 atomic",
    "B5 band",
    "B6 band, fillers",
)
OUTAGES = (
    "B5, both venues trade",
    "B5, one of two fails",
    "B5, both fail",
    "B1, both venues trade",
    "B1, both fail",
)
FIELD = (1,) * len(NAMES)
"""Policies are compared with B1, the field's practice."""
HEALTHY = (0, 0, 0, 3, 3)
"""A failure is compared with the same policy on venues that trade."""
SCENARIOS = {
    "calm": (NAMES, FIELD),
    "jump": (NAMES, FIELD),
    "crash": (NAMES, FIELD),
    "thin": (NAMES, FIELD),
    "storm": (NAMES, FIELD),
    "outage": (OUTAGES, HEALTHY),
}
"""Scenario -> its points' names and what each is compared with."""
ORDINARY = ("calm", "jump", "crash")


@click.command()
@click.option("--paths", "-n", type=click.IntRange(2, 10**6), default=20, show_default=True)
@click.option("--workers", "-k", type=click.IntRange(1, 1024), default=None)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/policies"))
@click.option(
    "--scenario",
    "-s",
    "chosen",
    type=click.Choice(tuple(SCENARIOS)),
    multiple=True,
    default=ORDINARY,
    help="Of scenarios/policies; repeatable. Default calm, jump and crash.",
)
@click.option("--table-only", is_flag=True, help="Print what the ledgers know already.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the tables here, too.")
def policies(
    paths: int,
    workers: int | None,
    out: Path,
    chosen: tuple[str, ...],
    table_only: bool,
    file: Path | None,
) -> None:
    """Run the hedging policies B0 to B6 on calm, jump and crash paths; print one table each.

    In brackets: 95 % interval of the difference from B1 over the same seeds. Like a sweep it goes
    on where it ended. On a thin pool: falls (thin), a fast market (storm), lost venues (outage).

    \b
    Examples:
      amm-sim policies --paths 20 --workers 2
      amm-sim policies -s storm -s outage --paths 100
    """
    from amm_sim.analyzers.policies import markdown

    tables = {}
    for name in chosen:
        if not table_only:
            _run(name, paths, workers, out / name)
        if (out / name / "study.json").is_file():
            tables[name] = table(out / name, *SCENARIOS[name])
            click.echo(f"\n{name}\n\n{markdown(tables[name])}")
    if file is not None:
        found = {name: [asdict(row) for row in rows] for name, rows in tables.items()}
        file.write_text(json.dumps(found, indent=1) + "\n")


def _run(name: str, paths: int, workers: int | None, folder: Path) -> None:
    from amm_sim import scenario
    from amm_sim.cli.sweep import Place, run_study

    loaded = scenario.load(FOLDER / f"{name}.toml")
    first = loaded.run.seed
    request: dict[str, Any] = {
        "seeds": f"{first} to {first + paths - 1}",
        "first": first,
        "paths": paths,
        "until": None,
        "reproduce": f"amm-sim policies -s {name} --paths {paths}",
    }
    run_study(loaded, {}, folder, request, Place(workers))


def table(folder: Path, names: Sequence[str] = NAMES, against: Sequence[int] = FIELD) -> list[Row]:
    """The table of a study's folder."""
    from amm_sim.analyzers.policies import rows
    from amm_sim.engine import ledger

    points = [p["point"] for p in json.loads((folder / "study.json").read_text())["points"]]
    known = ledger.read(folder / "ledger.jsonl").results
    found = [[r for (p, _), r in sorted(known.items()) if p == point] for point in points]
    return rows(names, found, against)
