"""The command line: ``amm-sim doctor | run | sweep | report | list | prove``.

Exit codes: 0 done (an insolvent pool is a result, not a failure), 2 bad input or surroundings, 1
the engine failed.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amm_sim.chain.artifacts import ROOT
from amm_sim.cli_policies import policies
from amm_sim.cli_prove import prove
from amm_sim.cli_replay import diff, replay
from amm_sim.cli_shrink import shrink
from amm_sim.cli_sql import sql
from amm_sim.cli_sweep import STUDY, sweep, write_report
from amm_sim.errors import AmmSimError, ScenarioError, SetupError

if TYPE_CHECKING:
    from amm_sim.chain.anvil import Fork
    from amm_sim.scenario import Scenario

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
SCENARIOS = ROOT / "scenarios"
LINE_EVERY = 0.25
JSON_EVERY = 2.0


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


for command in (prove, replay, diff, shrink, sql):
    cli.add_command(command)
cli.add_command(sweep)
cli.add_command(policies)

# ----------------------------------------------------------------------------- run


@cli.command()
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
    line = _Line(loaded.name, loaded.run.block_seconds)
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
            _evaluate(folder)
        raise
    line.end()
    _evaluate(folder)
    _say(folder, reproduce)
    for line_ in _unmet(loaded, folder):
        click.echo(f"expectation not met: {line_}", err=True)


def _unmet(loaded: Scenario, folder: Path) -> list[str]:
    """What the scenario expects and this run does not show; a seed or change may well break it."""
    from amm_sim.scenario import unmet

    summary = json.loads((folder / "eval.json").read_text())
    metrics = {metric["name"]: metric["value"] for metric in summary["metrics"]}
    return unmet(loaded.expect, {"insolvent": float(summary["insolvent"]), **metrics})


def literals(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Dotted keys and values of KEY=VALUE pairs."""
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise ScenarioError("--set", pair, "KEY=VALUE with a dotted key")
        changes[key.strip()] = _literal(text.strip())
    return changes


def _literal(text: str) -> Any:
    """A value as TOML would read it; null removes the key; anything else is a text."""
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


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


def _evaluate(folder: Path) -> None:
    """eval.json and report.html from what the folder holds; nothing when nothing was recorded."""
    from amm_sim import analyzers, report, tape

    if not (folder / "manifest.json").is_file():
        return
    recorded = tape.load(folder)
    try:
        report.write(recorded, analyzers.evaluate(recorded), folder)
    except OSError as error:
        raise SetupError(f"{folder} cannot be written: {error.strerror or error}") from error


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


class _Line:
    """What is shown while a run works: one live line on a terminal, JSON lines elsewhere."""

    def __init__(self, name: str, block_seconds: int) -> None:
        self.name, self.block_seconds = name, block_seconds
        self.terminal = sys.stdout.isatty()
        self.blocks = 0
        self._next = 0.0
        self._open = False
        if self.terminal:
            click.echo(f"{name}: starting Anvil, deploying the protocol …", nl=False)
            self._open = True

    def start(self, prepared: Any) -> None:
        """The protocol stands."""
        seconds = round(prepared.seconds, 2)
        if self.terminal:
            click.echo(f" {seconds} s")
            self._open = False
        else:
            click.echo(
                json.dumps({"event": "start", "scenario": self.name, "prepare_seconds": seconds})
            )

    def block(self, progress: Any) -> None:
        """A block was mined."""
        self.blocks += 1
        now = time.monotonic()
        if now < self._next and progress.done < progress.blocks:
            return
        self._next = now + (LINE_EVERY if self.terminal else JSON_EVERY)
        facts = _facts(progress)
        if self.terminal:
            click.echo("\r\x1b[2K" + _sentence(facts), nl=False)
            self._open = True
        else:
            click.echo(json.dumps({"event": "block", **facts}))

    def end(self) -> None:
        """Leaves the live line."""
        if self._open:
            click.echo()
            self._open = False


def _facts(progress: Any) -> dict[str, Any]:
    seconds = max(progress.seconds, 1e-9)
    rate = progress.done / seconds
    return {
        "block": progress.done,
        "blocks": progress.blocks,
        "transactions": progress.transactions,
        "filled": progress.filled,
        "refusals": dict(progress.refusals.most_common(4)),
        "blocks_per_second": round(rate, 1),
        "transactions_per_second": round(progress.transactions / seconds, 1),
        "eta_seconds": round((progress.blocks - progress.done) / rate, 1) if rate else None,
    }


def _sentence(facts: Mapping[str, Any]) -> str:
    share = 100 * facts["block"] // max(1, facts["blocks"])
    refusals = " ".join(f"{name}:{count}" for name, count in facts["refusals"].items())
    text = (
        f"{share:3d} % · block {facts['block']}/{facts['blocks']}"
        f" · {facts['blocks_per_second']:.0f} blocks/s"
        f" · {facts['transactions_per_second']:.0f} tx/s"
        f" · ETA {facts['eta_seconds'] or 0:.0f} s · {refusals}"
    )
    return text[: shutil.get_terminal_size().columns - 1]


# -------------------------------------------------------------------- report, list


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Write eval.json and report.html of the run or study in FOLDER again, from its records."""
    if (folder / STUDY).is_file():
        write_report(folder)
        click.echo(str(folder / "report.html"))
        return
    if not (folder / "manifest.json").is_file():
        raise ScenarioError("folder", str(folder), "a folder that `amm-sim run` has written")
    _evaluate(folder)
    click.echo(str(folder / "report.html"))


@cli.command("list")
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


# -------------------------------------------------------------------------- doctor


@cli.command()
def doctor() -> None:
    """Check that everything a run needs is there and works; each line names what to do."""
    failed = False
    for name, check in CHECKS.items():
        try:
            click.echo(f"ok    {name:12} {check()}")
        except AmmSimError as error:
            failed = True
            click.echo(f"FAIL  {name:12} {error}")
    sys.exit(2 if failed else 0)


def _check_python() -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        raise SetupError(f"Python {sys.version.split()[0]}: 3.11 or 3.12 is needed")
    return sys.version.split()[0]


def _check_anvil() -> str:
    from amm_sim.chain.anvil import VERSION, check_binary

    return f"{VERSION} at {check_binary()}"


def _check_contracts() -> str:
    from amm_sim.chain.artifacts import Artifacts
    from amm_sim.chain.deploy import CORE

    artifacts = Artifacts()
    for name in (*CORE.values(), "PoolLens"):
        _ = artifacts[name]
    return f"{len(CORE) + 1} core contracts in {artifacts.folder}"


def _check_chain() -> str:
    from amm_sim.chain.anvil import Anvil

    began = time.perf_counter()
    with Anvil() as anvil:
        rpc = anvil.connect()
        rpc.call("evm_mine", hex(1_700_000_060))
        block = int(rpc.call("eth_blockNumber"), 16)
        rpc.close()
    if block != 1:
        raise SetupError(f"Anvil mined {block} blocks instead of 1")
    return f"boots, mines and stops in {time.perf_counter() - began:.2f} s"


def _check_folder() -> str:
    target = Path("runs")
    try:
        target.mkdir(exist_ok=True)
        probe = target / ".probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise SetupError(f"{target.absolute()} cannot be written: {error.strerror}") from error
    return f"{target.absolute()} can be written"


CHECKS: Mapping[str, Callable[[], str]] = {
    "python": _check_python,
    "anvil": _check_anvil,
    "contracts": _check_contracts,
    "chain": _check_chain,
    "output": _check_folder,
}


def main() -> None:
    """Entry point of the command ``amm-sim``."""
    cli()
