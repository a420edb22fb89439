"""``amm-sim replay | diff``: a run again from its records, and where two runs part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from amm_sim.divergence import Divergence

FOLDER = click.Path(path_type=Path)
SHOWN = 8
"""Differing inputs and variables that are shown."""


@click.command()
@click.argument("run", type=FOLDER)
def replay(run: Path) -> None:
    """Send the recorded transactions of RUN again, without agents, and compare digests.

    The table calls.parquet holds all that was sent, the deployment included. Exit code 0 when
    every block's digest is the recorded one; 1 with the first differing block and transaction.

    \b
    Example:
      amm-sim run scenarios/calm.toml --out runs/calm
      amm-sim replay runs/calm
    """
    from amm_sim import tape
    from amm_sim.replay import replay as again

    loaded = tape.load(run)
    bar: Any = click.progressbar(length=len(loaded.table("blocks")), label="blocks", show_pos=True)
    with bar:
        verdict = again(loaded, on_block=lambda *_: bar.update(1))
    if verdict.equal:
        click.echo(f"equal: {verdict.blocks} blocks, {verdict.transactions} transactions")
        click.echo(f"digest {verdict.digest}")
        return
    click.echo(f"differs in block {verdict.block} (time {verdict.time}) after {verdict.blocks}")
    where = "" if verdict.tx is None else f"tx {verdict.tx}: "
    click.echo(f"recorded | replayed: {where}{verdict.difference}")
    raise SystemExit(1)


@click.command()
@click.argument("left", metavar="RUN_A", type=FOLDER)
@click.argument("right", metavar="RUN_B", type=FOLDER)
@click.option("--storage/--no-storage", default=True, help="Send both again to compare storage.")
def diff(left: Path, right: Path, storage: bool) -> None:
    """Find the first difference of two runs: block, transaction, outcome, storage variable.

    Values are shown as RUN_A | RUN_B. Storage is compared after the differing transaction, by the
    compiler's layout of the present contracts. Exit code 0 when the runs are equal, 1 when not.

    \b
    Example: from where on does a higher fee matter?
      amm-sim run scenarios/calm.toml --out runs/a
      amm-sim run scenarios/calm.toml --out runs/b --set protocol.market.premiumFee=0.02
      amm-sim diff runs/a runs/b
    """
    from amm_sim import tape
    from amm_sim.divergence import diverge

    found = diverge(tape.load(left), tape.load(right), storage=storage)
    for line in _some("made differently", found.inputs):
        click.echo(line)
    if found.block is None:
        click.echo(f"equal: {found.equal_blocks} blocks")
        return
    for line in _lines(found):
        click.echo(line)
    raise SystemExit(1)


def _lines(found: Divergence) -> list[str]:
    where = f"block {found.block} (time {found.time})"
    lines = [
        f"equal for {found.equal_blocks} blocks, then they part in {where}: {found.difference}"
    ]
    lines += [f"  A  {found.left}"] if found.left else []
    lines += [f"  B  {found.right}"] if found.right else []
    lines += _some("storage that differed before the block", found.before)
    lines += _some("storage that differs after that transaction", found.after)
    if found.storage_error:
        lines.append(f"storage not compared: {found.storage_error}")
    return lines


def _some(title: str, items: tuple[Any, ...]) -> list[str]:
    if not items:
        return []
    more = [f"  … and {len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return [f"{title}:", *(f"  {item}" for item in items[:SHOWN]), *more]
