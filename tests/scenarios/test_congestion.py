"""Full blocks keep oracles and keepers out: the scenario holds, and fails once others stay away."""

from pathlib import Path

import pytest

from amm_sim.scenario import load
from tests.scenarios.played import played

FILE = Path(__file__).parents[2] / "scenarios" / "congestion.toml"
SCENARIO = load(FILE)


@pytest.mark.slow
@pytest.mark.parametrize("crowded", [True, False], ids=["as it is", "others stay away"])
def test_congestion_holds_what_it_expects_until_others_stay_away(tmp_path, crowded):
    (change,) = {repr(e.change): e.change for e in SCENARIO.expect}.values()
    recorded, metrics = played(FILE, tmp_path, None if crowded else change)
    for expectation in SCENARIO.expect:
        assert expectation.holds(metrics[expectation.metric]) is crowded, expectation.metric
    dropped = set(recorded.table("txs").filter(status="dropped")["error"])
    assert dropped == ({"Expired", "Replaced"} if crowded else set())
    paid = dict(recorded.table("agents").select("agent", "gas_paid").rows())
    assert paid["keeper"] > 0.0
