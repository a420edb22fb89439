"""Exact states as agents see them: floats for decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amm_sim import types as t
from amm_sim.units import WAD


def pool_view(
    pool: Mapping[str, Any],
    gas_price: float,
    fees: dict[str, float],
    auction: dict[str, float],
) -> t.PoolView:
    """A snapshot as agents see it; ``fees`` and ``auction`` are parameters."""
    oracle, nav, greeks, solvency = (
        pool["oracle"],
        pool["nav"],
        pool["greeks"],
        pool["solvency"],
    )
    return t.PoolView(
        block=pool["block"],
        time=pool["time"],
        mode=t.Mode(pool["mode"]),
        spot=oracle["price"] / WAD,
        spot_low=oracle["low"] / WAD,
        spot_high=oracle["high"] / WAD,
        oracle_confidence=oracle["confidence"] / WAD,
        nav=nav["nav"] / WAD,
        cash=nav["cash"] / WAD,
        hedge_equity=nav["hedgeEquity"] / WAD,
        liability=nav["liability"] / WAD,
        delta=greeks["delta"] / WAD,
        gamma=greeks["gamma"] / WAD,
        vega=greeks["vega"] / WAD,
        theta=greeks["theta"] / WAD,
        hedge_size=pool["hedgeSize"] / WAD,
        hedge_band=pool["hedge"]["band"] / WAD,
        hedge_due=pool["hedge"]["due"],
        scale=solvency["scale"] / WAD,
        shortfall=solvency["shortfall"] / WAD,
        insurance=pool["insurance"] / WAD,
        free_liquidity=pool["freeLiquidity"] / WAD,
        share_price=pool["sharePrice"] / WAD,
        total_shares=pool["totalShares"] / WAD,
        stale_expiry=pool["stale"],
        worst_stress_nav=pool["worstStressNav"] / WAD,
        gas_price=gas_price,
        expiries=tuple(_expiry_view(state) for state in pool["expiries"]),
        push_round=pool["pushRound"],
        fees=fees,
        push_price=pool["pushPrice"] / WAD,
        push_time=pool["pushTime"],
        auction=auction,
        hedge_pending=pool["hedgePending"] / WAD,
        hedge_trade=pool["hedge"]["trade"] / WAD,
        senior_price=class_price(pool, "senior"),
        junior_price=class_price(pool, "junior"),
    )


def class_price(pool: Mapping[str, Any], name: str) -> float:
    """Price of an LP share of a class; of the only one where there are no tranches."""
    price: int = pool["tranches"][f"{name}Price"] or pool["sharePrice"]
    return price / WAD


def account_view(state: Mapping[str, Any]) -> t.AccountView:
    """The exact state of an account as agents see it."""
    margin, auction = state["margin"], state["auction"]
    return t.AccountView(
        address=state["account"],
        balance=margin["balance"] / WAD,
        equity=margin["equity"] / WAD,
        initial_margin=margin["initialMargin"] / WAD,
        maintenance_margin=margin["maintenanceMargin"] / WAD,
        liquidatable=state["liquidatable"],
        auction_started=auction["startedAt"],
        auction_insolvent=auction["insolvent"],
        auction_nonce=auction["nonce"],
        lp_shares=state["lpShares"] / WAD,
        junior_shares=state["juniorShares"] / WAD,
        legs=tuple(t.LegView(leg["id"], leg["size"] / WAD) for leg in state["legs"]),
        wallet=state["wallet"] / WAD,
    )


def _expiry_view(state: Mapping[str, Any]) -> t.ExpiryView:
    return t.ExpiryView(
        expiry=state["expiry"],
        shift=state["shift"] / WAD,
        impact=state["impact"] / WAD,
        open=state["open"],
        refreshed_at=state["refreshedAt"],
        settlement=state["settlement"] / WAD,
        swept=state["swept"],
        strikes=_array(state["strikes"]),
        vols=_array(state["vols"]),
        net=_array(state["net"]),
    )


def _array(values: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([value / WAD for value in values])
