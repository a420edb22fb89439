"""``amm-sim run``: one scenario, its folder and its page."""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amm_sim.cli.changes import literals
from amm_sim.cli.line import Line
from amm_sim.cli.report import evaluate
from amm_sim.errors import AmmSimError, ScenarioError

if TYPE_CHECKING:
    from amm_sim.chain.anvil import Fork
    from amm_sim.scenario import Scenario


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Another seed than the scenario's.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Price file for a replay market (CSV of klines, may be gzipped).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the results; default runs/<scenario>.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key, like protocol.market.premiumFee=0.01 or agents.sniper.cadence=30.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port for Anvil; 0 takes a free one."
)
@click.option("--fork-url", help="Fork this chain; the protocol is deployed on top.")
@click.option("--fork-block", type=click.IntRange(0), help="Block to fork at.")
@click.option(
    "--fork-cache",
    type=click.Path(path_type=Path),
    help="Folder that keeps what the fork asks for: with it, later runs need no network.",
)
def run(
    scenario: Path,
    seed: int | None,
    data: Path | None,
    out: Path | None,
    changes: tuple[str, ...],
    port: int,
    fork_url: str | None,
    fork_block: int | None,
    fork_cache: Path | None,
) -> None:
    """Run SCENARIO and write manifest.json, eval.json, report.html and the tables.

    The same scenario and seed give the same digest on every machine. Ctrl-C leaves a readable
    partial run. The exit code is 0 also when the pool became insolvent: that is a result.
    """
    from amm_sim import assemble
    from amm_sim import scenario as scenarios
    from amm_sim.chain.anvil import Fork

    wanted = literals(changes)
    if seed is not None:
        wanted["run.seed"] = seed
    if data is not None:
        wanted |= _data(scenario, data)
    loaded = scenarios.load(scenario, wanted)
    folder = out or Path("runs") / loaded.name
    fork = Fork(fork_url, fork_block, fork_cache) if fork_url else None
    if fork is None and (fork_block, fork_cache) != (None, None):
        raise ScenarioError("--fork-url", None, "the chain whose block is meant")
    reproduce = _command(scenario, loaded.run.seed, data, changes, fork)
    node = assemble.Node(port, fork)
    line = Line(loaded.name)
    try:
        assemble.run(
            loaded,
            folder,
            reproduce=reproduce,
            on_start=line.start,
            on_block=line.block,
            node=node,
        )
    except BaseException:
        line.end()
        with suppress(AmmSimError, OSError):  # what ended the run matters more
            evaluate(folder)
        raise
    line.end()
    evaluate(folder)
    _say(folder, reproduce)
    for line_ in _unmet(loaded, folder):
        click.echo(f"expectation not met: {line_}", err=True)


def _unmet(loaded: Scenario, folder: Path) -> list[str]:
    """What the scenario expects and this run does not show; a seed or change may well break it."""
    from amm_sim.scenario import unmet

    summary = json.loads((folder / "eval.json").read_text())
    metrics = {metric["name"]: metric["value"] for metric in summary["metrics"]}
    return unmet(loaded.expect, {"insolvent": float(summary["insolvent"]), **metrics})


def _data(scenario: Path, data: Path) -> dict[str, Any]:
    from amm_sim import scenario as scenarios

    if not data.is_file():
        raise ScenarioError("--data", str(data), "no such file")
    if scenarios.load(scenario).market.kind == "replay":
        return {"market.file": str(data)}
    return {"market": {"kind": "replay", "file": str(data)}}


def _command(
    scenario: Path,
    seed: int,
    data: Path | None,
    changes: tuple[str, ...],
    fork: Fork | None,
) -> str:
    words = ["amm-sim", "run", str(scenario), "--seed", str(seed)]
    words += ["--data", str(data)] if data else []
    for change in changes:
        words += ["--set", change]
    if fork is not None:
        words += ["--fork-url", fork.url]
        words += ["--fork-block", str(fork.block)] if fork.block is not None else []
        words += ["--fork-cache", str(fork.cache)] if fork.cache is not None else []
    return shlex.join(words)


def _say(folder: Path, reproduce: str) -> None:
    summary = json.loads((folder / "eval.json").read_text())
    if sys.stdout.isatty():
        word = "INSOLVENT" if summary["insolvent"] else "solvent"
        click.echo(f"{word} · {summary['blocks']} blocks · {summary['transactions']} transactions")
        click.echo(f"digest  {summary['digest']}")
        click.echo(f"report  {folder / 'report.html'}")
        click.echo(f"again   {reproduce}")
    else:
        keys = ("scenario", "seed", "digest", "blocks", "transactions", "insolvent", "reproduce")
        click.echo(
            json.dumps({"event": "end", "folder": str(folder), **{k: summary[k] for k in keys}})
        )
