"""What each order is on the chain. Floats become integers here, once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from amm_sim import types as t
from amm_sim.chain.codec import Codec
from amm_sim.chain.deploy import PULL_ID, PUSH_DECIMALS, Deployment
from amm_sim.errors import ScenarioError
from amm_sim.units import decision_to_wad, to_lots

HUGE = 2**255 - 1
"""A limit that never binds."""
FEED_UNIT: int = 10 ** (18 - PUSH_DECIMALS)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction of an impersonated sender."""

    sender: str
    to: str
    data: bytes


def wad(value: float) -> int:
    """A decision as an 18-decimal integer; infinity is the largest number."""
    if math.isinf(value):
        return HUGE if value > 0 else -HUGE
    return decision_to_wad(value)


def _feed(value: float) -> int:
    return wad(value) // FEED_UNIT


def _opinion(value: float) -> int:
    """As the feed stores it: what does not fit is the most that does."""
    return max(-(2**127), min(2**127 - 1, wad(value)))


def _nothing(_: Any) -> tuple[Any, ...]:
    return ()


def _slice(order: t.PostVol) -> dict[str, int]:
    return {key: wad(getattr(order, key)) for key in ("a", "b", "rho", "m", "sigma")}


Arguments = Callable[[Any], tuple[Any, ...]]
Plan = tuple[str, Callable[..., bytes], Arguments, str | None]
"""Address, packer, arguments, sender where it is not the agent."""

ACTIONS: Mapping[type[t.Order], tuple[str, str, Arguments]] = {
    t.Deposit: ("market", "deposit", lambda o: (wad(o.amount),)),
    t.Withdraw: ("market", "withdraw", lambda o: (wad(o.amount),)),
    t.DepositUnderlying: ("collateral", "depositUnderlying", lambda o: (wad(o.amount),)),
    t.WithdrawUnderlying: ("collateral", "withdrawUnderlying", lambda o: (wad(o.amount),)),
    t.BuyUnderlying: ("collateral", "buy", lambda o: (wad(o.amount), wad(o.limit))),
    t.Trade: ("market", "trade", lambda o: (o.series, to_lots(o.size), wad(o.limit))),
    t.StartAuction: ("auction", "start", lambda o: (o.account,)),
    t.Bid: ("auction", "bid", lambda o: (o.account, wad(o.fraction), wad(o.limit), o.nonce)),
    t.CloseInsolvent: ("auction", "closeInsolvent", lambda o: (o.account,)),
    t.EndAuction: ("auction", "end", lambda o: (o.account,)),
    t.RequestDeposit: ("vault", "requestDeposit", lambda o: (wad(o.amount),)),
    t.RequestWithdrawal: ("vault", "requestWithdrawal", lambda o: (wad(o.shares),)),
    t.RequestJuniorDeposit: ("vault", "requestJuniorDeposit", lambda o: (wad(o.amount),)),
    t.RequestJuniorWithdrawal: ("vault", "requestJuniorWithdrawal", lambda o: (wad(o.shares),)),
    t.ProcessQueue: ("vault", "process", lambda o: (o.count,)),
    t.PokeOracle: ("oracle", "poke", _nothing),
    t.PokeBreaker: ("breaker", "poke", _nothing),
    t.Refresh: ("ledger", "refresh", lambda o: (o.expiry,)),
    t.Hedge: ("hedge", "hedge", _nothing),
    t.SyncHedge: ("hedge", "sync", _nothing),
    t.TouchAccount: ("market", "touch", lambda o: (o.account,)),
    t.SettleExpiry: ("market", "settleExpiry", lambda o: (o.expiry, o.round_id)),
    t.Sweep: ("market", "sweep", lambda o: (o.expiry, o.count)),
    t.Tighten: ("breaker", "tighten", lambda o: (int(o.mode),)),
    t.ListBoard: ("market", "list", lambda o: (o.expiry, [wad(k) for k in o.strikes])),
    t.PostPush: ("push", "post", lambda o: (_feed(o.price), o.time)),
    t.PostPull: (
        "pull",
        "post",
        lambda o: (PULL_ID, _feed(o.price), _feed(o.confidence), -PUSH_DECIMALS, o.time),
    ),
    t.PostVol: ("vol", "post", lambda o: (o.expiry, _slice(o), wad(o.confidence))),
    t.PostSignal: ("signal", "post", lambda o: (_opinion(o.value), o.time)),
    t.ExecuteHedgeOrder: ("async", "execute", _nothing),
    t.SwapSpot: ("desk", "swap", lambda o: (wad(o.size),)),
    t.ArbitrageSpot: ("desk", "swapTo", lambda o: (wad(o.price), wad(o.largest))),
    t.ProvideSpot: ("desk", "provide", lambda o: (wad(o.price), wad(o.width), wad(o.amount))),
    t.NoticeNeed: ("fillers", "notice", _nothing),
    t.FillHedge: ("fillers", "fill", lambda o: (wad(o.size), wad(o.limit))),
    t.PostVenue: ("index", "postIndex", lambda o: (wad(o.price), wad(o.depth), o.open)),
}
"""Order -> role of the contract (or name of a venue), function, arguments."""
IN_THE_NAME_OF: Mapping[type[t.Order], str] = {t.Tighten: "guardian", t.ListBoard: "lister"}
"""Orders that only one address may give."""


class Encoder:
    """Orders to transactions of one deployment."""

    def __init__(self, codec: Codec, deployment: Deployment) -> None:
        self._codec, self._deployment = codec, deployment
        self._plans: dict[tuple[type[t.Order], str], Plan | None] = {}

    def __call__(self, order: t.Order, sender: str) -> Transaction | None:
        """The transaction; None if this deployment has no such action (a venue without index).

        Raises:
            ScenarioError: a post for a venue that this deployment does not have.
        """
        kind = type(order)
        venue = order.venue if isinstance(order, t.PostVenue) else ""
        if (kind, venue) not in self._plans:
            self._plans[kind, venue] = self._plan(kind, venue)
        plan = self._plans[kind, venue]
        if plan is None:
            return None
        to, pack, arguments, name = plan
        return Transaction(name or sender, to, pack(*arguments(order)))

    def _plan(self, kind: type[t.Order], venue: str) -> Plan | None:
        if kind not in ACTIONS:
            return None
        role, function, arguments = ACTIONS[kind]
        role = self._role(role, venue)
        names, addresses = self._deployment.names, self._deployment.addresses
        if role not in names or not self._codec.has(names[role], function):
            return None
        if kind is t.ExecuteHedgeOrder:
            owner = addresses["hedge" if role == "venue" else "venue"]
            arguments = lambda _: (owner,)  # noqa: E731
        pack = self._codec.function(names[role], function).pack
        return addresses[role], pack, arguments, addresses.get(IN_THE_NAME_OF.get(kind, ""))

    def _role(self, role: str, venue: str) -> str:
        """Where a venue's name stands for a contract, that contract's role."""
        venues = self._deployment.venues
        if venue:
            if venue not in venues:
                raise ScenarioError("oracles.venue.venue", venue, "one of " + ", ".join(venues))
            return venues[venue]
        if role == "index" and role not in self._deployment.names:
            return "venue"
        return venues.get(role, role)
