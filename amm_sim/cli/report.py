"""``amm-sim report``: eval.json and report.html from what a folder holds."""

from __future__ import annotations

from pathlib import Path

import click

from amm_sim.cli.sweep import STUDY, write_report
from amm_sim.errors import ScenarioError, SetupError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Write eval.json and report.html of the run or study in FOLDER again, from its records."""
    if (folder / STUDY).is_file():
        write_report(folder)
        click.echo(str(folder / "report.html"))
        return
    if not (folder / "manifest.json").is_file():
        raise ScenarioError("folder", str(folder), "a folder that `amm-sim run` has written")
    evaluate(folder)
    click.echo(str(folder / "report.html"))


def evaluate(folder: Path) -> None:
    """eval.json and report.html from what the folder holds; nothing when nothing was recorded."""
    from amm_sim import analyzers, report, tape

    if not (folder / "manifest.json").is_file():
        return
    recorded = tape.load(folder)
    try:
        report.write(recorded, analyzers.evaluate(recorded), folder)
    except OSError as error:
        raise SetupError(f"{folder} cannot be written: {error.strerror or error}") from error
