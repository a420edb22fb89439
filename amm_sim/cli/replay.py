"""``amm-sim replay | diff``: a run again from its records, and where two runs part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amm_sim.errors import ScenarioError

if TYPE_CHECKING:
    from amm_sim.chain.anvil import Fork
    from amm_sim.divergence import Divergence
    from amm_sim.tape import Tape

FOLDER = click.Path(path_type=Path)
SHOWN = 8
"""Differing inputs and variables that are shown."""


@click.command()
@click.argument("run", type=FOLDER)
@click.option("--fork-url", help="Where a forked run's chain is now; by default where it was.")
@click.option("--fork-cache", type=FOLDER, help="Folder that keeps what the fork asks for.")
def replay(run: Path, fork_url: str | None, fork_cache: Path | None) -> None:
    """Send the recorded transactions of RUN again, without agents, and compare digests.

    The table calls.parquet holds all that was sent, the deployment included. Exit code 0 when
    every block's digest is the recorded one; 1 with the first differing block and transaction. A
    run on a fork forks the same block again: from its cache it needs no network.

    \b
    Example:
      amm-sim run scenarios/calm.toml --out runs/calm
      amm-sim replay runs/calm
    """
    from amm_sim import tape
    from amm_sim.replay import replay as again

    loaded = tape.load(run)
    fork = _fork(loaded, fork_url, fork_cache)
    bar: Any = click.progressbar(length=len(loaded.table("blocks")), label="blocks", show_pos=True)
    with bar:
        verdict = again(loaded, on_block=lambda *_: bar.update(1), fork=fork)
    if verdict.equal:
        click.echo(f"equal: {verdict.blocks} blocks, {verdict.transactions} transactions")
        click.echo(f"digest {verdict.digest}")
        return
    click.echo(f"differs in block {verdict.block} (time {verdict.time}) after {verdict.blocks}")
    where = "" if verdict.tx is None else f"tx {verdict.tx}: "
    click.echo(f"recorded | replayed: {where}{verdict.difference}")
    raise SystemExit(1)


def _fork(loaded: Tape, url: str | None, cache: Path | None) -> Fork | None:
    """The recorded fork with what the command line says otherwise."""
    from amm_sim.replay import recorded_fork

    recorded = recorded_fork(loaded) if "anvil" in loaded.manifest else None
    if recorded is None and (url or cache):
        raise ScenarioError(
            "--fork-url" if url else "--fork-cache", url or str(cache), "a forked run"
        )
    return replace(recorded, url=url or recorded.url, cache=cache) if recorded else None


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
