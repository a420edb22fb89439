"""``amm-sim doctor``: whether everything is there and works."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from amm_sim.errors import AmmSimError, SetupError


@click.command()
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
    from amm_sim.chain.roles import CORE

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


def _check_order() -> str:
    from amm_sim.cli.probes import probe_order

    return probe_order()


def _check_drift() -> str:
    from amm_sim.cli.probes import probe_drift

    return probe_drift()


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
    "order": _check_order,
    "drift": _check_drift,
    "output": _check_folder,
}
