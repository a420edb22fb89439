"""Overshoot at liquidation through the contracts, against Siegmund's constant."""

from __future__ import annotations

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest

from amm_sim.analyzers.liquidation import OVERSHOOT, overshoot
from amm_sim.chain import Chain
from amm_sim.proofs.overshoot import Case, clustered, prove

CASE = Case(liquidations=120, accounts=4)
FARTHEST = 5.4
"""Standard errors that Student's t with 29 degrees of freedom passes once in 100,000 times."""


def test_constant_is_zeta_of_one_half_over_the_root_of_two_pi() -> None:
    with mpmath.workdps(30):
        exact = -mpmath.zeta(mpmath.mpf(1) / 2) / mpmath.sqrt(2 * mpmath.pi)
    assert pytest.approx(float(exact), rel=1e-15) == OVERSHOOT


@pytest.mark.parametrize(
    ("vol", "step", "basis_points"),
    [(0.8, 12, 2.875051763), (0.8, 3600, 49.79735728), (39.53, 60, 317.6636325)],
)
def test_law_gives_the_published_basis_points(vol: float, step: int, basis_points: float) -> None:
    assert overshoot(vol, step) * 1e4 == pytest.approx(basis_points, rel=1e-4)


def test_accounts_are_found_by_the_law_beyond_their_thresholds(chain: Chain) -> None:
    proof = prove(chain, CASE, np.random.default_rng(7))
    assert proof.liquidations >= CASE.liquidations
    assert proof.paths >= 30
    assert abs(proof.z) < FARTHEST
    late = replace(proof, expected=overshoot(CASE.vol, 4 * CASE.step))
    assert abs(late.z) > FARTHEST  # power: prices a quarter as often


def test_clustered_error_of_equal_neighbours_is_that_of_the_paths() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(3.0, 1.0, 400)
    mean, error = clustered([[float(v)] * 5 for v in values])
    assert mean == pytest.approx(values.mean())
    assert error == pytest.approx(values.std(ddof=1) / math.sqrt(400), rel=1e-9)
