"""The worked example of docs/port.md: a foreign pool, our agents, analyzers and page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import mpmath
import polars as pl
import pytest

from amm_sim import adapters, analyzers, assemble, report, scenario, tape
from amm_sim.chain import Artifacts
from amm_sim.chain.adapter import Adapter
from amm_sim.errors import ChainError, ScenarioError
from amm_sim.tape import Tape

ROOT = Path(__file__).parents[3]
SCENARIO = ROOT / "scenarios" / "adapters" / "third_party.toml"
VOL, FEE, YEAR = 0.8, Decimal("0.02"), 31_536_000
START, STRIKES = 1_621_296_000, {28_800: (0.9, 1.0, 1.1), 604_800: (0.8, 1.0, 1.2)}
HALVES = (ROOT / "amm_sim/adapters/third_party.py", ROOT / "contracts/mocks/ThirdPartyLens.sol")
NEVER = Adapter(contracts={}, orders={})


def black(forward: float, strike: float, years: float, is_call: bool) -> float:
    """mpmath's own normal distribution; nothing of ours."""
    if years <= 0:
        return max(forward - strike, 0.0) if is_call else max(strike - forward, 0.0)
    total = VOL * mpmath.sqrt(years)
    d1 = mpmath.log(mpmath.mpf(forward) / strike) / total + total / 2
    call = forward * mpmath.ncdf(d1) - strike * mpmath.ncdf(d1 - total)
    return float(call if is_call else call - forward + strike)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tape, Path]:
    folder = tmp_path_factory.mktemp("run")
    assemble.run(scenario.load(SCENARIO), folder, reproduce="again")
    recorded = tape.load(folder)
    report.write(recorded, analyzers.evaluate(recorded), folder)
    return recorded, folder


def event(recorded: Tape, name: str) -> pl.DataFrame:
    found = recorded.event(name)
    assert found is not None, f"no {name}"
    return found


def test_adapter_fits_two_hundred_lines() -> None:
    assert sum(len(path.read_text().splitlines()) for path in HALVES) <= 200


def test_run_every_trade_costs_black_scholes_and_the_fee(run: tuple[Tape, Path]) -> None:
    recorded, _ = run
    trades = event(recorded, "traded")
    prices = event(recorded, "answer_updated")
    assert {s > 0 for s in trades["size"]} == {True, False}
    for row in trades.iter_rows(named=True):
        before = prices.filter(
            (pl.col("block") < row["block"])
            | ((pl.col("block") == row["block"]) & (pl.col("log") < row["log"]))
        )
        if before.is_empty():
            continue  # at the price of the opening, which is before the run
        spot = float(before["current"][-1]) / 1e8
        expiry, index, is_call = row["id"] >> 16, row["id"] >> 8 & 0xFF, bool(row["id"] & 1)
        strike = (
            1000.0 * ((0.9, 1.0, 1.1) if expiry - 1621296000 == 28800 else (0.8, 1.0, 1.2))[index]
        )
        size = float(row["size"])
        value = size * black(spot, strike, (expiry - row["time"]) / YEAR, is_call)
        expected = value + abs(value) * float(FEE)
        assert float(row["result_cash"]) == pytest.approx(expected, abs=2.1e-6)


def test_run_money_is_neither_made_nor_lost(run: tuple[Tape, Path]) -> None:
    recorded, _ = run
    pool = recorded.table("pool")
    came = sum(event(recorded, "traded")["result_cash"]) + sum(
        event(recorded, "deposit_processed")["amount"]
    )
    gone = sum(event(recorded, "account_settled")["paid"])
    left = recorded.event("withdrawal_processed")
    gone += sum(left["amount"]) if left is not None else 0
    assert pool["cash"][-1] == pool["cash"][0] + came - gone
    assert gone > 0, "nobody was paid"


def test_run_is_explained_by_the_analyzers(run: tuple[Tape, Path]) -> None:
    recorded, folder = run
    metrics = {m.name: m.value for m in analyzers.evaluate(recorded).metrics}
    assert metrics["pnl_residual_share"] < 0.05
    assert metrics["pnl_gamma"] < 0 < metrics["pnl_theta"]
    assert metrics["pnl_lp_flows"] == pytest.approx(200_000)
    fees = sum(abs(x) for x in event(recorded, "traded")["result_premium"]) * FEE
    assert metrics["fees"] == pytest.approx(float(fees), rel=1e-5)
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert recorded.manifest["parameters"]["terms"] == {
        "vol": "0.8",
        "fee": "0.02",
        "maxUse": "0.5",
    }


def test_run_ends_the_expired_board_and_names_what_was_refused(run: tuple[Tape, Path]) -> None:
    recorded, _ = run
    listed = recorded.table("expiries").filter(pl.col("block") == pl.col("block").max())
    assert listed["expiry"].to_list() == [START + 604_800]
    orders = recorded.table("txs")
    dropped = orders.filter(pl.col("status") == "dropped")
    assert set(dropped["error"]) == {"NotOffered"}
    refused = set(orders.filter(pl.col("status") == "refused")["error"])
    assert refused <= {"NotLive", "TooExpensive", "TooLittle", "UsedUp", "NoPrice"}


def test_run_twice_gives_the_same_digest() -> None:
    loaded = scenario.load(SCENARIO, {"run.duration": 3600})
    digests = []
    for _ in range(2):
        with assemble.prepare(loaded) as prepared:
            simulation = prepared.simulation()
            simulation.run()
            digests.append(simulation.digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"protocol.adapter": "nobody"},
            "'nobody': third_party, or module:NAME",
        ),
        ({"protocol.adapter": "no.such:THING"}, "No module named 'no'"),
        ({"protocol.adapter": "amm_sim.adapters:find"}, "module:NAME of an Adapter"),
        ({"protocol.pool.volatility": 1}, r"protocol\.pool\.volatility"),
        ({"protocol.pool.fee": None}, r"protocol\.pool\.fee"),
        ({"pool.insurance": 5}, "the pool has no fund"),
    ],
)
def test_prepare_wrong_input_is_one_line(changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as caught:
        assemble.prepare(scenario.load(SCENARIO, changes))
    assert "\n" not in str(caught.value)


def test_find_takes_an_adapter_from_any_module() -> None:
    assert adapters.find("amm_sim.adapters.third_party:THIRD_PARTY") is adapters.THIRD_PARTY


def test_deploy_without_a_lens_says_so(artifacts: Artifacts) -> None:
    from amm_sim.chain import Anvil, Chain

    quote = {"quote": adapters.THIRD_PARTY.contracts["quote"]}
    with (
        Chain(Anvil(), artifacts) as chain,
        pytest.raises(ChainError, match="no contract for the role lens"),
    ):
        replace(NEVER, contracts=quote).deploy(chain, {})


def test_black_of_the_test_at_the_money() -> None:
    # Hull, Options, Futures and Other Derivatives: c = 2 N(sigma sqrt(T) / 2) - 1 of the forward
    expected = 100 * math.erf(VOL / 2 / math.sqrt(2))
    assert black(100.0, 100.0, 1.0, True) == pytest.approx(expected, rel=1e-12)
