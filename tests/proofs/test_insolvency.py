"""An unhedged pool's insolvency through the contracts, against the lognormal closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy.integrate import quad
from scipy.stats import norm

from amm_sim.chain import Chain
from amm_sim.errors import ScenarioError
from amm_sim.proofs.insolvency import Case, closed_form, prove

CALLS = Case(2000.0, 2000.0, True, 100.0, 50_000.0, 0.8, 30.0)
PUTS = Case(2000.0, 1800.0, False, 100.0, 60_000.0, 0.8, 30.0)

# P(insolvent), expected bad debt and shortfall given insolvency, worked outside this project:
# S = 2000, 30 days of 365, volatility 80 %; break-even spots 2500 and 1200.
CALLS_KNOWN = (0.1383851548230904, 4479.13540371349, 32367.1669077478)
PUTS_KNOWN = (0.0173187461925660, 159.787416446817, 159.787416446817 / 0.0173187461925660)


@pytest.mark.parametrize(("case", "known"), [(CALLS, CALLS_KNOWN), (PUTS, PUTS_KNOWN)])
def test_closed_form_of_published_cases_agrees(
    case: Case, known: tuple[float, float, float]
) -> None:
    loss = closed_form(case)
    assert (loss.probability, loss.expected, loss.given_insolvent) == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("is_call", [True, False])
def test_closed_form_agrees_with_quadrature(is_call: bool) -> None:
    case = Case(1500.0, 1400.0, is_call, 40.0, 9_000.0, 1.1, 9.0)
    root = case.vol * math.sqrt(9 / 365)

    def loss(z: float) -> float:
        end = case.spot * math.exp(root * z - root * root / 2)
        payoff = max(end - case.strike, 0.0) if is_call else max(case.strike - end, 0.0)
        return max(case.count * payoff - case.equity, 0.0) * float(norm.pdf(z))

    barrier = case.strike + (1 if is_call else -1) * case.equity / case.count
    kink = (math.log(barrier / case.spot) + root * root / 2) / root
    expected = quad(loss, -12, 12, points=[kink], limit=200)[0]
    assert closed_form(case).expected == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("case", "paths"), [(CALLS, 2000), (PUTS, 4000)], ids=["calls", "puts"])
def test_contracts_reproduce_the_closed_form(chain: Chain, case: Case, paths: int) -> None:
    proof = prove(chain, case, paths)
    assert abs(proof.measured.probability - proof.exact.probability) <= 1 / paths
    assert proof.measured.given_insolvent == pytest.approx(proof.exact.given_insolvent, rel=0.01)
    assert proof.holds


def test_proof_notices_a_wrong_equity(chain: Chain) -> None:
    proof = prove(chain, replace(CALLS, equity=55_000.0), 200)
    assert abs(proof.measured.probability - CALLS_KNOWN[0]) > 1 / 200


def test_equity_below_premium_is_refused(chain: Chain) -> None:
    with pytest.raises(ScenarioError, match="equity"):
        prove(chain, replace(CALLS, equity=10.0), 10)
