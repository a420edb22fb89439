"""The command line: ``amm-sim doctor | run | sweep | report | list | prove | replay | ...``.

Exit codes: 0 done (an insolvent pool is a result, not a failure), 2 bad input or surroundings, 1
the engine failed. One command a file; what is heavy is imported when a command runs.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from amm_sim.cli.doctor import doctor
from amm_sim.cli.listing import list_scenarios
from amm_sim.cli.policies import policies
from amm_sim.cli.prove import prove
from amm_sim.cli.replay import diff, replay
from amm_sim.cli.report import report
from amm_sim.cli.run import run
from amm_sim.cli.shrink import shrink
from amm_sim.cli.sql import sql
from amm_sim.cli.sweep import sweep
from amm_sim.errors import AmmSimError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """Turns the project's errors into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; no traceback for what was raised on purpose."""
        try:
            return super().invoke(ctx)
        except AmmSimError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted: what was recorded can be read", err=True)
            sys.exit(130)


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(package_name="amm-sim")
def cli() -> None:
    """A risk engine for a decentralised options AMM.

    Agents trade with Solidity contracts on a local Anvil while prices move, oracles fail and gas
    jams; the report says whether, when and why the pool became insolvent.

    \b
    First steps:
      amm-sim doctor                                  is everything there?
      amm-sim list                                    which scenarios exist, what they ask
      amm-sim run scenarios/black_thursday.toml       three days of March 2020
      open runs/black_thursday/report.html            what happened and why
    """


for command in (
    doctor, list_scenarios, run, report, sweep, policies, prove, replay, diff, shrink, sql,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """Entry point of the command ``amm-sim``."""
    cli()
