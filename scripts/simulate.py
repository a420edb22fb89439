"""``ape run simulate [SCENARIO] [OPTIONS]``: ``amm-sim run``; Black Thursday by default."""

from __future__ import annotations

import click

import oracles  # noqa: F401  # Ape takes the project off sys.path once the script is read
from amm_sim.cli import cli as amm_sim

ANYTHING = {"ignore_unknown_options": True, "help_option_names": []}


@click.command(context_settings=ANYTHING)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def cli(arguments: tuple[str, ...]) -> None:
    """Hand everything to ``amm-sim run``."""
    amm_sim.main(["run", *(arguments or ("scenarios/black_thursday.toml",))])
