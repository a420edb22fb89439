"""What a run was: input, parameters as the chain states them, versions, digests."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib.metadata import version
from typing import Any

from amm_sim.chain.anvil import VERSION
from amm_sim.chain.artifacts import ROOT, Artifacts
from amm_sim.chain.deploy import Deployment
from amm_sim.engine.simulation import Simulation
from amm_sim.prepared import Prepared


def manifest(
    prepared: Prepared, simulation: Simulation | None, ended: str, reproduce: str
) -> dict[str, Any]:
    """What a run was: input, parameters as the chain states them, versions, digests."""
    scenario = prepared.scenario
    content: dict[str, Any] = {
        "scenario": scenario.name,
        "question": scenario.question,
        "scenario_digest": scenario.digest,
        "tables": dict(scenario.raw),
        "seed": scenario.run.seed,
        "start": scenario.run.start,
        "block_seconds": scenario.run.block_seconds,
        "state": ended,
        "digest": "",
        "blocks": 0,
        "transactions": 0,
        "reproduce": reproduce,
        "parameters": prepared.parameters,
        "addresses": dict(prepared.deployment.addresses),
        "contracts": dict(prepared.deployment.names),
        "artifacts": artifact_digests(prepared.chain.artifacts, prepared.deployment),
        "anvil": {"version": VERSION, "flags": list(prepared.chain.anvil.flags)},
        "changes": [[c.block, c.method, list(c.params)] for c in prepared.chain.changes],
        "versions": versions(prepared.chain.artifacts, prepared.deployment),
        "seconds": {"prepare": round(prepared.seconds, 3)},
    }
    if simulation is not None:
        content |= {
            "digest": simulation.digest,
            "blocks": simulation.index,
            "transactions": simulation.progress.transactions,
            "digests": simulation.digests,
        }
        content["seconds"]["run"] = round(simulation.progress.seconds, 3)
    return content


def artifact_digests(artifacts: Artifacts, deployment: Deployment) -> dict[str, str]:
    """sha256 of each deployed contract's creation code and ABI, and one over all."""
    each = {name: artifacts[name].digest for name in sorted(set(deployment.names.values()))}
    return {**each, "all": hashlib.sha256("".join(each.values()).encode()).hexdigest()}


def versions(artifacts: Artifacts, deployment: Deployment) -> dict[str, str]:
    """Versions of what computes: Python, packages, solc, and the checkout where git knows it."""
    compilers = {artifacts[name].compiler for name in deployment.names.values()}
    return {**package_versions(), "solc": ", ".join(sorted(compilers))}


def package_versions() -> dict[str, str]:
    """Versions of what computes off the chain."""
    packages = ("amm-sim", "numpy", "scipy", "polars", "web3", "orjson")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "git": _checkout(),
    }


def _checkout() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
