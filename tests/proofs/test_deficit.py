"""P(deficit) at maintenance margin: contracts against mpmath, which works margin and tail out."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import pytest
from mpmath import mpf

from amm_sim import scenario
from amm_sim.chain import Chain
from amm_sim.proofs.crowd import BASE
from amm_sim.proofs.deficit import Case, prove

CALL = Case()
PUT = Case(strike=1900.0, is_call=False, realised=3.0)


def value(spot: mpf, case: Case, vol: mpf, seconds: int) -> mpf:
    """Black-76 from the error function."""
    root = vol * mpmath.sqrt(mpf(seconds) / 31_536_000)
    d1 = mpmath.log(spot / case.strike) / root + root / 2
    sign = 1 if case.is_call else -1
    return sign * (spot * mpmath.ncdf(sign * d1) - case.strike * mpmath.ncdf(sign * (d1 - root)))


def worked(case: Case) -> tuple[float, float]:
    """(maintenance margin, P(deficit)) of one option sold, from the rules alone."""
    p = {key: mpf(str(x)) for key, x in scenario.load_protocol(BASE)["margin"].items()}
    left = round(case.days * 86_400)
    with mpmath.workdps(30):
        spot, vol = mpf(case.spot), mpf(str(case.vol))
        scale = (mpf(30 * 86_400) / left) ** mpf("0.3" if left < 30 * 86_400 else "0.13")
        up = max(vol, p["volUpFloor"]) * (1 + p["volUp"] * scale)
        down = vol * (1 - p["volDown"] * scale)
        mark = value(spot, case, vol, left)
        moves = [mpf(m) / 1000 for m in (800, 865, 930, 1000, 1070, 1135, 1200)]
        losses = [value(spot * m, case, v, left) - mark for m in moves for v in (vol, up, down)]
        losses += [
            p[f"{tail}Weight"] * (value(spot * p[tail], case, up, left) - mark)
            for tail in ("tailDown", "tailUp")
        ]
        margin = p["maintenanceFactor"] * max(losses) + p["maintenanceSpot"] * spot
        margin = max(margin, p["maintenanceFloor"] * spot) + p["positionCharge"]
        later = left - case.delay
        gap = lambda s: value(s, case, vol, later) - mark - margin  # noqa: E731
        end = mpmath.findroot(gap, (case.strike, spot * (1.4 if case.is_call else 0.6)))
        root = mpf(str(case.realised)) * mpmath.sqrt(mpf(case.delay) / 31_536_000)
        d = (mpmath.log(end / spot) + root**2 / 2) / root
        return float(margin), float(mpmath.ncdf(-d if case.is_call else d))


@pytest.mark.parametrize("case", [CALL, PUT], ids=["call", "put"])
def test_contracts_agree_with_the_closed_form(chain: Chain, case: Case) -> None:
    margin, probability = worked(case)
    proof = prove(chain, case, 1000)
    assert proof.margin == pytest.approx(margin, rel=1e-12)
    assert proof.exact == pytest.approx(probability, abs=1e-12)
    assert abs(proof.measured - probability) <= 1 / 1000
    assert proof.holds


def test_proof_notices_a_market_that_moves_otherwise(chain: Chain) -> None:
    proof = prove(chain, replace(CALL, realised=2.6), 400)
    assert abs(proof.measured - worked(CALL)[1]) > 1 / 400
