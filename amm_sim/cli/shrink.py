"""``amm-sim shrink``: a run that went wrong as the smallest test that goes wrong likewise."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amm_sim.errors import SetupError

if TYPE_CHECKING:
    from amm_sim.shrink import Shrunk


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--until",
    default="insolvent",
    show_default=True,
    metavar="CONDITION",
    help="insolvent, bad_debt, T-1, event:NAME, or a comparison such as 'nav < 0'.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=300.0,
    show_default=True,
    help="Time for leaving out; what is left by then is written.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The test; default RUN/shrunk/<Name>.t.sol."
)
def shrink(run: Path, until: str, seconds: float, out: Path | None) -> None:
    """Find the few transactions of RUN that make it go wrong, and write them as a Foundry test.

    RUN is cut at the first block in which CONDITION holds. Then transactions are left out, as
    long as it still comes to hold on the real contracts: whole agents first, then smaller and
    smaller pieces, until no single one can be left out or time is up. The test deploys the present
    contracts, sends what is left and fails with `Broken` for as long as CONDITION comes to hold.
    The few may get there in another way than the run did: the more special the condition, the
    less room for that.

    \b
    CONDITION:
      insolvent              the payout scale fell below 1
      bad_debt               an account left a loss behind
      T-1                    tokens do not cover the books
      event:Tripped          an event of this name was emitted
      'nav < 0'              a column of the table pool compared with a number

    \b
    Example:
      amm-sim run scenarios/studies/crash_gbm.toml --out runs/crash \\
          --set protocol.policy=none --set protocol.market.stressFloor=0
      amm-sim shrink runs/crash
    """
    from amm_sim import foundry, tape
    from amm_sim.shrink import shrink as fewer

    shown = _Line()
    try:
        found = fewer(tape.load(run), until, seconds, shown.show)
    finally:
        shown.end()
    name = foundry.contract_name(found)
    target = out or run / "shrunk" / f"{name}.t.sol"
    text = foundry.render(found)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{target} cannot be written: {error.strerror or error}") from error
    _say(found, target)


def _say(found: Shrunk, target: Path) -> None:
    state = "no single one can be left out" if found.minimal else "time was up: maybe not the least"
    click.echo(
        f"{len(found.items)} of {found.original} transactions ({state});"
        f" {found.plays} lists played in {found.seconds:.0f} s"
    )
    for item in found.items:
        click.echo(f"  {item.time}  {item.agent}: {item.label}"[:120])
    folder = shlex.quote(str(target.parent))
    click.echo(f"test    {target}")
    click.echo(
        f"run it  FOUNDRY_TEST={folder} forge test --gas-limit 9000000000000000 "
        f"--match-path {shlex.quote(str(target))}"
    )


class _Line:
    """A live line on a terminal; silent elsewhere."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()

    def show(self, left: int, plays: int) -> None:
        """So many transactions are left after so many lists."""
        if self.terminal:
            click.echo(
                f"\r\x1b[2K{left} transactions left, {plays} lists played", nl=False, err=True
            )

    def end(self) -> None:
        """Leaves the line."""
        if self.terminal:
            click.echo(err=True)
