"""Through a crash the watch misses nobody, though it reads few."""

from __future__ import annotations

from pathlib import Path

from amm_sim import assemble, scenario
from amm_sim.types import AccountView

CRASH = Path(__file__).parents[3] / "scenarios" / "black_thursday.toml"
COARSE = {
    "run.duration": 14 * 3600,
    "protocol.oracle.pullMaxAge": 200,
    "run.block_seconds": 120,
}


def is_below(view: AccountView) -> bool:
    return view.equity < view.maintenance_margin


def test_whoever_is_below_maintenance_is_known_to_be_in_every_block_of_a_crash() -> None:
    """A fresh reading of all in every block is the witness; who has just been accepted may wait."""
    below = unread = fresh_views = 0
    with assemble.prepare(scenario.load(CRASH, COARSE)) as prepared:
        simulation, pool = prepared.simulation(), prepared.pool
        watch = simulation._watch
        owners = [a.address for a in simulation.actors if a.rank]
        while simulation.index < simulation.blocks:
            block = simulation.step()
            for state in pool.accounts(owners):
                fresh = pool.account_view(state)
                known = watch.view(fresh.address)
                if not any(leg.size < 0.0 for leg in fresh.legs):
                    continue
                fresh_views += 1
                sight = watch._sights.get(fresh.address)
                unread += sight is None or sight.time < block.time
                if not is_below(fresh):
                    continue
                waits = any(watch.waits(fresh.address, block.number - n) for n in range(3))
                assert waits or (known is not None and known.equity == fresh.equity)
                below += 1
    assert below >= 10
    assert unread > 0.7 * fresh_views
