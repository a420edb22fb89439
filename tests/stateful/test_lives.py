"""Lives of the whole protocol on a chain, each step against a ghost that keeps its own books.

make lives ARGS="-s"             # 20,000 steps; -s shows the mix of calls
AMM_SIM_STEPS=5000 AMM_SIM_SEED=7 pytest -s tests/stateful
"""

from __future__ import annotations

import os

import pytest

from amm_sim.chain import Chain
from tests.stateful.checks import check
from tests.stateful.life import Life
from tests.stateful.world import STRANGER, TRADERS

STEPS = int(os.environ.get("AMM_SIM_STEPS", "900"))
SEED = int(os.environ.get("AMM_SIM_SEED", "2"))
CALLS = 25
"""Functions that a life calls."""


@pytest.mark.slow
def test_life_keeps_every_invariant_and_every_call_succeeds_and_is_refused(chain: Chain) -> None:
    life = Life(chain, SEED)
    while life.steps < STEPS or (life.missing() and life.steps < 3 * STEPS):
        life.step()
    print(f"\n{life.table()}")  # noqa: T201
    assert len(life.tally) >= CALLS
    assert life.missing() == []
    life.wind_up()


def test_check_notices_a_token_that_the_books_do_not_know(chain: Chain) -> None:
    life = Life(chain, SEED)
    market = life.world.deployment.addresses["market"]
    assert life.world.do((STRANGER, "quote", "transfer", (market, 1)), life.soon()).ok
    with pytest.raises(AssertionError, match="T-1"):
        check(life)


def test_check_notices_a_position_that_the_ghost_does_not_have(chain: Chain) -> None:
    life = Life(chain, SEED)
    series = life.live()[0] << 16 | 1
    life.ghost.add(TRADERS[0], series, 1)
    with pytest.raises(AssertionError, match="Q-1"):
        check(life)
