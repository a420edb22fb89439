"""The toxic frontier on the real auction, and what a bid does to debt / collateral around it."""

from __future__ import annotations

import pytest

from amm_sim.analyzers.liquidation import loan_to_value_after, toxic_frontier
from amm_sim.chain import Chain
from amm_sim.proofs.frontier import END, Frontier


@pytest.mark.parametrize(("incentive", "known"), [(0.05, 0.952381), (0.20, 0.833333)])
def test_auction_stops_taking_from_the_account_at_the_frontier(
    chain: Chain, incentive: float, known: float
) -> None:
    assert Frontier(chain, incentive).find() == pytest.approx(known, abs=1e-6)


def test_bids_make_no_account_worse_on_either_side(chain: Chain) -> None:
    incentive = 0.05
    frontier = Frontier(chain, incentive)
    for ltv in (0.85, 0.93, 0.952):
        bid = frontier.bid(ltv)
        assert not bid.insolvent
        assert bid.after < bid.ltv
        # by hand: debt and collateral shrink by a quarter, END of the equity comes back
        assert bid.gain == pytest.approx((1 - END) * (1 / ltv - 1), rel=1e-9)
        assert bid.after == pytest.approx(loan_to_value_after(ltv, bid.gain, 0.25), rel=1e-9)
    for ltv in (0.953, 0.98):
        bid = frontier.bid(ltv)
        assert bid.insolvent  # the fund's turn: the account pays nothing beyond its own share
        assert bid.after == pytest.approx(ltv, rel=1e-12)
        assert loan_to_value_after(ltv, incentive, 0.25) > ltv  # what the frontier protects from


def test_formula_is_neutral_at_the_frontier_only() -> None:
    for incentive in (0.01, 0.05, 0.2):
        at = toxic_frontier(incentive)
        assert loan_to_value_after(at, incentive, 0.3) == pytest.approx(at, rel=1e-12)
        assert loan_to_value_after(at - 0.01, incentive, 0.3) < at - 0.01
        assert loan_to_value_after(at + 0.005, incentive, 0.3) > at + 0.005
