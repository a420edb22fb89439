"""``ape run deploy [--scenario FILE]``: the protocol with its mocks on the Anvil that Ape runs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse

import click
from ape.cli import ConnectedProviderCommand
from ape.utils import ManagerAccessMixin as Ape

from amm_sim.chain import Artifacts, Chain
from amm_sim.chain.client import Attached
from amm_sim.chain.deploy import deploy_protocol
from amm_sim.scenario import load_protocol


@click.command(cls=ConnectedProviderCommand)
@click.option("--scenario", type=Path, default=Path("scenarios/base.toml"), show_default=True)
def cli(scenario: Path) -> None:
    """Deploy with the parameters of a scenario and print every address."""
    port = urlparse(Ape.network_manager.provider.http_uri).port
    chain = Chain(Attached(port), Artifacts())
    for role, address in deploy_protocol(chain, load_protocol(scenario)).addresses.items():
        click.echo(f"{role:12}{address}")
