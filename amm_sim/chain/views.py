"""Exact states as agents see them: floats for decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from amm_sim import types as t
from amm_sim.units import WAD


def pool_view(
    pool: Mapping[str, Any],
    gas_price: float,
    fees: dict[str, float],
    auction: dict[str, float],
    expiries: tuple[t.ExpiryView, ...],
) -> t.PoolView:
    """An exact state as agents see it; ``fees`` and ``auction`` are parameters.

    A field is made when it is first looked at; one of the statement waits for that.
    """
    view = object.__new__(_PoolView)
    put = object.__setattr__
    put(view, "_state", pool)
    put(view, "gas_price", gas_price)
    put(view, "fees", fees)
    put(view, "auction", auction)
    put(view, "expiries", expiries)
    put(view, "memo", {})
    return view


class _PoolView(t.PoolView):
    __slots__ = ("_state",)

    def __getattr__(self, name: str) -> Any:
        """A field that was not looked at before."""
        if name not in FIELDS:
            raise AttributeError(name)
        value = FIELDS[name](self._state)
        object.__setattr__(self, name, value)
        return value


def _at(*path: str) -> Callable[[Mapping[str, Any]], float]:
    """The fixed-point number at a path, as a float."""
    exact = _plain(*path)
    return lambda pool: float(exact(pool) / WAD)


def _plain(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    """What stands at a path."""

    def read(pool: Any) -> Any:
        for key in path:
            pool = pool[key]
        return pool

    return read


FIELDS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "block": _plain("block"),
    "time": _plain("time"),
    "mode": lambda pool: t.Mode(pool["mode"]),
    "spot": _at("oracle", "price"),
    "spot_low": _at("oracle", "low"),
    "spot_high": _at("oracle", "high"),
    "oracle_confidence": _at("oracle", "confidence"),
    "nav": _at("nav", "nav"),
    "cash": _at("nav", "cash"),
    "hedge_equity": _at("nav", "hedgeEquity"),
    "liability": _at("nav", "liability"),
    "delta": _at("greeks", "delta"),
    "gamma": _at("greeks", "gamma"),
    "vega": _at("greeks", "vega"),
    "theta": _at("greeks", "theta"),
    "hedge_size": _at("hedgeSize"),
    "hedge_band": _at("hedge", "band"),
    "hedge_due": _plain("hedge", "due"),
    "scale": _at("solvency", "scale"),
    "shortfall": _at("solvency", "shortfall"),
    "insurance": _at("insurance"),
    "free_liquidity": _at("freeLiquidity"),
    "share_price": _at("sharePrice"),
    "total_shares": _at("totalShares"),
    "stale_expiry": _plain("stale"),
    "worst_stress_nav": _at("worstStressNav"),
    "push_round": _plain("pushRound"),
    "push_price": _at("pushPrice"),
    "push_time": _plain("pushTime"),
    "hedge_pending": _at("hedgePending"),
    "hedge_trade": _at("hedge", "trade"),
    "senior_price": lambda pool: class_price(pool, "senior"),
    "junior_price": lambda pool: class_price(pool, "junior"),
    "stock": _at("stock"),
    "stock_price": _at("stockPrice"),
}
"""What a field of the view is of the exact state."""


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
        units=margin["units"] / WAD,
        credit=margin["credit"] / WAD,
        underlying_wallet=state["underlyingWallet"] / WAD,
    )


def expiry_view(state: Mapping[str, Any]) -> t.ExpiryView:
    """A board as agents see it."""
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
    array = np.array([value / WAD for value in values])
    array.setflags(write=False)  # of one board for all who look
    return array
