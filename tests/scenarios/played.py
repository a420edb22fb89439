"""What the tests of scenarios share: a run's tape and metrics, and who did anything in it."""

import polars as pl

from amm_sim import analyzers, assemble, tape
from amm_sim.scenario import load

IDLE = {"Deposit", "RequestDeposit"}
"""Orders that alone do not make an agent alive; for an LP a deposit is what it does."""


def played(file, folder, changes=None):
    """The tape of a run and its metrics by name."""
    assemble.run(load(file, changes), folder / "run", reproduce="")
    recorded = tape.load(folder / "run")
    return recorded, {m.name: m.value for m in analyzers.evaluate(recorded).metrics}


def idle(recorded):
    """Kinds of agents that did nothing."""
    filled = recorded.table("txs").filter(pl.col("status") == "filled")
    doing = filled.filter(~pl.col("order").is_in(IDLE) | pl.col("kind").str.starts_with("lp_"))
    return set(recorded.table("agents")["kind"]) - set(doing["kind"])


def assert_is_an_experiment(scenario):
    """A question, and expectations that name one change each."""
    assert scenario.question.endswith("?")
    assert scenario.expect
    assert all(len(e.change) == 1 for e in scenario.expect)
