"""``amm-sim sweep``: many paths of a scenario at every point of its [sweep] table."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amm_sim.cli.line import Live
from amm_sim.errors import ScenarioError, SetupError

if TYPE_CHECKING:
    from amm_sim.engine.ledger import Paths
    from amm_sim.engine.study import Counts, Plan, Study
    from amm_sim.scenario import Scenario
    from amm_sim.types import PathResult

LEDGER, STUDY, FAILED = "ledger.jsonl", "study.json", "failed"


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--paths", "-n", type=click.IntRange(1, 10**7), default=100, show_default=True,
    help="Paths for each point; with --until at most.",
)  # fmt: skip
@click.option(
    "--workers", "-k", type=click.IntRange(1, 1024), default=None,
    help="Processes, each with its own Anvil; default one per core.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder; default runs/<scenario>-sweep."
)
@click.option("--seed", type=click.IntRange(0, 2**62), help="First seed; default the scenario's.")
@click.option(
    "--until", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), metavar="HALFWIDTH",
    help="End a point once P(insolvent) is known to +- HALFWIDTH at 95 %.",
)  # fmt: skip
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a key at every point."
)
@click.option(
    "--cluster", metavar="ADDRESS",
    help="Run on the workers of this dask scheduler, like tcp://host:8786, instead of here.",
)  # fmt: skip
def sweep(
    scenario: Path,
    paths: int,
    workers: int | None,
    out: Path | None,
    seed: int | None,
    until: float | None,
    changes: tuple[str, ...],
    cluster: str | None,
) -> None:
    """Run SCENARIO --paths times at every point of its [sweep] table; estimate with intervals.

    Path i has the same seed at every point, so that differences between points are paired. Results
    go to DIR/ledger.jsonl line by line: the same command again does only what is missing, whatever
    ended the last one. Ledgers of several machines (other seeds: --seed) are merged by
    concatenation. `amm-sim report DIR` writes the page again.

    With --cluster the workers need the same checkout, built; results still go to DIR here.

    \b
    Examples:
      amm-sim sweep scenarios/studies/crash_gbm.toml --paths 200 --workers 2
      amm-sim sweep scenarios/studies/crash_gbm.toml --paths 1000 --until 0.03
    """
    from amm_sim import scenario as scenarios
    from amm_sim.cli.changes import literals

    wanted = literals(changes)
    loaded = scenarios.load(scenario, wanted)
    first = loaded.run.seed if seed is None else seed
    folder = out or Path("runs") / f"{loaded.name}-sweep"
    command = ["amm-sim", "sweep", str(scenario), "--paths", str(paths), "--seed", str(first)]
    command += ["--until", str(until)] if until else []
    command += [word for change in changes for word in ("--set", change)]
    request = {
        "seeds": f"{first} to {first + paths - 1}",
        "first": first,
        "paths": paths,
        "until": until,
        "reproduce": shlex.join(command),
    }
    run_study(loaded, wanted, folder, request, Place(workers, cluster))


@dataclass(frozen=True)
class Place:
    """Where paths run: processes of this machine or the workers of a cluster."""

    workers: int | None = None
    cluster: str | None = None

    def executors(self, paths: int) -> tuple[Callable[[], Executor], int]:
        """What makes executors, and how many paths run at once.

        Raises:
            SetupError: no scheduler or no worker at the address.
        """
        from amm_sim.paths import LocalPool

        if self.cluster is None:
            local = LocalPool(min(self.workers or os.cpu_count() or 1, max(1, paths)))
            return local, local.workers
        try:
            from amm_sim.cluster import Cluster
        except ImportError as error:
            raise SetupError(f"--cluster needs dask and distributed: {error}") from error
        cluster = Cluster(self.cluster)
        return cluster, self.workers or cluster.workers()


def run_study(
    loaded: Scenario,
    changes: Mapping[str, Any],
    folder: Path,
    request: dict[str, Any],
    place: Place,
) -> None:
    """Runs what the folder's ledger does not know yet, writes page and summary."""
    from amm_sim import paths as worker
    from amm_sim.analyzers.study import precise
    from amm_sim.engine.ledger import Ledger
    from amm_sim.engine.study import Plan, Study

    plan_points, contracts = _points(loaded, changes)
    enough = precise(request["until"]) if request["until"] else None
    seeds = range(request["first"], request["first"] + request["paths"])
    plan = Plan(plan_points, seeds, enough)
    manifest = _manifest(loaded, plan, contracts, request)
    with Ledger(folder / LEDGER) as ledger:
        executor, workers = place.executors(len(plan_points) * len(seeds))
        _write(folder, {**manifest, "state": "running"})
        line = _Line(loaded.name)
        work = worker.Work((folder / FAILED).absolute(), contracts if place.cluster else "")
        study = Study(plan, ledger, work, executor, workers, on_path=line.path)
        line.start(study)
        state = "interrupted"
        try:
            study.run()
            state = "complete"
        finally:
            line.end()
            _write(folder, {**manifest, "state": state})
            if ledger.paths.results:
                write_report(folder)
    _say(folder, study)


def _points(loaded: Scenario, changes: Mapping[str, Any]) -> tuple[Any, str]:
    from amm_sim import paths as worker
    from amm_sim.chain.artifacts import Artifacts
    from amm_sim.engine import space

    rows = [{}] if loaded.sweep is None else space.points(loaded.sweep)
    contracts = worker.contracts_digest(Artifacts())
    return worker.points_of(loaded.path, changes, rows, contracts), contracts


def _manifest(
    loaded: Scenario, plan: Plan, contracts: str, request: Mapping[str, Any]
) -> dict[str, Any]:
    from amm_sim.manifest import package_versions

    some = plan.points[0].changes
    words = ["amm-sim", "run", str(loaded.path), "--seed", str(request["first"])]
    words += [word for key, value in some.items() for word in ("--set", f"{key}={value}")]
    return {
        "scenario": loaded.name,
        "question": loaded.question,
        "scenario_digest": loaded.digest,
        "contracts_digest": contracts,
        "horizon": loaded.run.blocks * loaded.run.block_seconds,
        "points": [{"point": p.hash, "changes": p.changes} for p in plan.points],
        **request,
        "reproduce_path": shlex.join(words),
        "versions": package_versions(),
    }


def _write(folder: Path, manifest: Mapping[str, Any]) -> None:
    draft = folder / f"{STUDY}.part"
    draft.write_text(json.dumps(manifest, indent=2, allow_nan=False, default=str) + "\n")
    draft.replace(folder / STUDY)


def write_report(folder: Path) -> None:
    """eval.json and report.html from study.json and ledger.jsonl.

    Raises:
        ScenarioError: not a folder that `amm-sim sweep` has written.
    """
    from amm_sim.analyzers.study import precise, study
    from amm_sim.engine import ledger
    from amm_sim.engine.study import counted
    from amm_sim.report import study as report

    try:
        manifest = json.loads((folder / STUDY).read_text())
    except (OSError, ValueError) as error:
        raise ScenarioError("folder", str(folder), f"no study that can be read: {error}") from None
    known = ledger.read(folder / LEDGER)
    seeds = range(manifest["first"], manifest["first"] + manifest["paths"])
    enough = precise(manifest["until"]) if manifest["until"] else None
    points = [(p["point"], p["changes"]) for p in manifest["points"]]
    results, ended = {}, set()
    for point, _ in points:
        found = [r for s in seeds if (r := known.results.get((point, s))) is not None]
        count = counted(found, seeds, enough)
        results[point] = [r for r in found if r.seed in seeds[:count]]
        ended |= {point} if count < len(seeds) else set()
    result = study(points, results, manifest["horizon"], ended)
    notes = (*result.warnings, *_notes(known, manifest, ended, results))
    report.write(replace(result, warnings=notes), manifest, folder)


def _notes(
    known: Paths,
    manifest: Mapping[str, Any],
    ended: set[str],
    results: Mapping[str, list[PathResult]],
) -> list[str]:
    notes = []
    wanted = sum(manifest["paths"] for point in results if point not in ended)
    have = sum(len(found) for point, found in results.items() if point not in ended)
    if have < wanted:
        notes.append(f"The study is not finished: {wanted - have} paths are missing.")
    if known.skipped:
        notes.append(
            f"{known.skipped} torn lines of the ledger were skipped; their paths run again."
        )
    if known.conflicts:
        first = known.conflicts[0]
        notes.append(
            f"{len(known.conflicts)} paths are in the ledger twice with unequal digests, the first "
            f"with seed {first[1]} of point {first[0]}: something else than the seed decided."
        )
    return notes


def _say(folder: Path, study: Study) -> None:
    counts = study.counts
    summary = json.loads((folder / "eval.json").read_text())
    if not sys.stdout.isatty():
        facts: dict[str, Any] = {
            "done": counts.done,
            "known": counts.known,
            "failed": counts.failed,
        }
        facts |= {"spared": counts.spared, "folder": str(folder), "verdict": summary["verdict"]}
        click.echo(json.dumps({"event": "end", **facts}))
        return
    click.echo(summary["verdict"])
    for text in summary["warnings"]:
        click.echo(f"note    {text}")
    click.echo(f"report  {folder / 'report.html'}")
    click.echo(f"again   {summary['reproduce']}")


class _Line(Live):
    """A study: paths, P(insolvent) with its interval."""

    def __init__(self, name: str) -> None:
        super().__init__(json_every=5.0)
        self.name = name
        self._began = time.monotonic()

    def start(self, study: Study) -> None:
        """Says how much there is."""
        counts, points = study.counts, len(study.plan.points)
        if self.terminal:
            known = f", {counts.known} of them known" if counts.known else ""
            click.echo(f"{self.name}: {points} points, {counts.paths} paths{known}")
        else:
            facts = {"points": points, "paths": counts.paths, "known": counts.known}
            self.tell("start", {"scenario": self.name, **facts})

    def path(self, result: PathResult, counts: Counts) -> None:
        """A path is in the ledger."""
        if result.error:
            self.end()
            last = result.error.strip().splitlines()[-1]
            click.echo(f"path {result.seed} failed: {last}", err=True)
        if self.due(last=not counts.left):
            self.show("path", _facts(counts, time.monotonic() - self._began), _sentence)


def _facts(counts: Counts, seconds: float) -> dict[str, Any]:
    from amm_sim.analyzers.intervals import wilson

    new = counts.done + counts.failed
    rate = new / max(seconds, 1e-9)
    facts: dict[str, Any] = {
        "done": counts.paths - counts.left,
        "paths": counts.paths,
        "failed": counts.failed,
        "paths_per_second": round(rate, 2),
        "eta_seconds": round(counts.left / rate, 1) if rate else None,
    }
    if counts.known + counts.done:
        p = wilson(counts.insolvent, counts.known + counts.done)
        facts |= {
            "p_insolvent": round(p.value, 5),
            "low": round(p.low, 5),
            "high": round(p.high, 5),
        }
    return facts


def _sentence(facts: Mapping[str, Any]) -> str:
    share = 100 * facts["done"] // max(1, facts["paths"])
    risk = ""
    if "p_insolvent" in facts:
        risk = (
            f" · P(insolvent) {facts['p_insolvent']:.4f} [{facts['low']:.4f}, {facts['high']:.4f}]"
        )
    failed = f" · {facts['failed']} failed" if facts["failed"] else ""
    return (
        f"{share:3d} % · path {facts['done']}/{facts['paths']}{risk}"
        f" · {facts['paths_per_second']:.2f} paths/s · ETA {facts['eta_seconds'] or 0:.0f} s"
        f"{failed}"
    )
