"""Fixtures of tests that state gas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from amm_sim.chain import Anvil, Artifacts, Chain


@pytest.fixture
def ticking(artifacts: Artifacts) -> Iterator[Chain]:
    """A chain of its own whose blocks are a second apart, whatever the machine does meanwhile:
    funding that accrues and slots that are written for the first time depend on it."""
    with Chain(Anvil(1_600_000_000, code_limit=artifacts.production), artifacts) as chain:
        chain.rpc.call("anvil_setBlockTimestampInterval", 1)
        yield chain
