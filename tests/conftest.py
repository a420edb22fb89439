"""Fixtures that every test may use.

``chain``: one Anvil per test session with the compiled contracts; each test starts from the same
state (snapshot and revert). AMM_SIM_ARTIFACTS names another forge output folder; with it the
contract size limit is off, so that unoptimised builds run too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from amm_sim.chain import Anvil, Artifacts, Chain

START = 1_600_000_000
"""Genesis time of the test chain."""


@pytest.fixture(scope="session")
def artifacts() -> Artifacts:
    return Artifacts()


@pytest.fixture(scope="session")
def _session_chain(artifacts: Artifacts) -> Iterator[Chain]:
    with Chain(Anvil(START, code_limit=artifacts.production), artifacts) as chain:
        yield chain


@pytest.fixture
def chain(_session_chain: Chain) -> Iterator[Chain]:
    """The session's chain, put back afterwards."""
    token = _session_chain.snapshot()
    yield _session_chain
    _session_chain.revert(token)


@pytest.fixture
def user() -> Callable[[int], str]:
    """``user(3)``: the address of a test user."""
    return lambda index: f"0x{0xA000 + index:040x}"
