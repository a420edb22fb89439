"""What agents see, what became of their orders, and what an agent is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from amm_sim.types.orders import Mode, Order


@dataclass(frozen=True, slots=True)
class ExpiryView:
    """One listed expiry as the chain states it. Arrays run over strikes."""

    expiry: int
    shift: float
    impact: float
    open: bool
    refreshed_at: int
    settlement: float
    """Settlement price; 0 until settled."""
    swept: bool
    strikes: npt.NDArray[np.float64]
    vols: npt.NDArray[np.float64]
    """Volatility at the present shift."""
    net: npt.NDArray[np.float64]
    """Traders' net position, calls plus puts."""


@dataclass(frozen=True, slots=True)
class PoolView:
    """The pool after the last block."""

    block: int
    time: int
    mode: Mode
    spot: float
    """The oracle's price, not the truth."""
    spot_low: float
    spot_high: float
    oracle_confidence: float
    nav: float
    cash: float
    hedge_equity: float
    liability: float
    delta: float
    """Option book's delta; the hedge's is ``hedge_size``."""
    gamma: float
    vega: float
    theta: float
    hedge_size: float
    hedge_band: float
    hedge_due: bool
    scale: float
    shortfall: float
    insurance: float
    free_liquidity: float
    share_price: float
    total_shares: float
    stale_expiry: int
    """First expiry whose Greeks are stale; 0 = none."""
    worst_stress_nav: float
    gas_price: float
    """Quote per unit of gas in this block."""
    expiries: tuple[ExpiryView, ...]
    push_round: int
    """Latest round of the push feed."""
    fees: dict[str, float] = field(default_factory=dict)
    """MarketParams as floats: what a trader needs to estimate the fee."""
    push_price: float = 0.0
    """Answer of that round; 0 before the first.

    With its time all that a publisher needs of its own past.
    """
    push_time: int = 0
    auction: dict[str, float] = field(default_factory=dict)
    """AuctionParams as floats: what a liquidator needs to price a bid."""
    hedge_pending: float = 0.0
    """Ordered at a venue that fills later, and not filled yet."""
    hedge_trade: float = 0.0
    """What the policy would trade now."""
    senior_price: float = 1.0
    """Price of a share of the only class of LPs, or of the one that loses last."""
    junior_price: float = 1.0
    stock: float = 0.0
    """Underlying that the pool took for debts and sells."""
    stock_price: float = 0.0
    """What a unit of it costs now; 0 while it is not for sale."""
    memo: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What follows from all this alone and one agent has already reckoned: the next need not."""


@dataclass(frozen=True, slots=True)
class LegView:
    """A position in one series, in contracts."""

    series: int
    size: float


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as the chain states it."""

    address: str
    balance: float
    equity: float
    initial_margin: float
    maintenance_margin: float
    liquidatable: bool
    auction_started: int
    """Time at which its auction started; 0 = none."""
    auction_insolvent: bool
    auction_nonce: int
    lp_shares: float
    """Of the only class, or of the one that loses last."""
    legs: tuple[LegView, ...]
    wallet: float = math.inf
    """Quote that it holds outside the protocol; infinite if not read."""
    junior_shares: float = 0.0
    units: float = 0.0
    """Underlying in the account."""
    credit: float = 0.0
    """What of ``equity`` is underlying, less the haircut."""
    underlying_wallet: float = 0.0
    """Underlying outside the protocol; 0 where none is taken as collateral."""

    def worth(self, spot: float) -> float:
        """What the account is worth to who takes it over: underlying counts in full."""
        return self.equity - self.credit + self.units * spot


@dataclass(frozen=True, slots=True)
class Smile:
    """Shape of the outside surface around its front level; pricing.smile makes slices of it.

    ``rho`` and ``eta`` are those of a power-law SSVI surface (Gatheral and Jacquier 2014), free
    of static arbitrage for eta^2 (1 + |rho|) <= 4; forward variance decays from the front level
    to ``long_vol`` with ``decay`` days.
    """

    rho: float = -0.15
    eta: float = 0.6
    long_vol: float = 0.75
    decay: float = 20.0


@dataclass(frozen=True, slots=True)
class Truth:
    """The outside world at this moment; only for agents entitled to it."""

    time: int
    spot: float
    venue: float
    """Price at the hedge venue."""
    vol: float
    """Front at-the-money implied volatility that the outside market quotes."""
    realised: float
    """Volatility that the path is driven by, where the generator knows it; else ``vol``."""
    smile: Smile = field(default_factory=Smile)
    depth: float = 1.0
    """Depth of the hedge venue as a multiple of normal."""
    venue_open: bool = True
    gas_price: float = 0.0
    """Quote per unit of gas."""
    congestion: float = 1.0
    """Gas price as a multiple of normal."""


class Status(StrEnum):
    """What became of an order."""

    FILLED = "filled"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An order's result, delivered to its agent at its next wake-up. A revert is data."""

    order: Order
    status: Status
    block: int
    time: int
    delay: int
    """Seconds from submission to execution."""
    error: str = ""
    """Name of the custom error of a refusal."""
    error_args: dict[str, float] = field(default_factory=dict)
    events: Sequence[dict[str, Any]] = ()
    """Decoded events as name -> value dictionaries with floats; key "event" holds the name."""
    gas: int = 0

    def named(self, name: str) -> Sequence[dict[str, Any]]:
        """Events of one name; others need not be made for it."""
        quick = getattr(self.events, "named", None)
        if quick is not None:
            found: Sequence[dict[str, Any]] = quick(name)
            return found
        return [event for event in self.events if event["event"] == name]


@dataclass(frozen=True, slots=True)
class PendingView:
    """Somebody's order in the public mempool."""

    ticket: int
    order: Order
    tip: float


class Read(StrEnum):
    """What an agent declares that it reads.

    The engine batches the reads of all agents that are due.
    """

    POOL = "pool"
    OWN = "own"
    SHORTS = "shorts"
    """Every account with short positions or in auction: for liquidators and keepers.

    As last read: whoever is below its maintenance margin is up to date, the healthy may be older.
    """
    TRUTH = "truth"
    MEMPOOL = "mempool"
    """Everybody else's orders that have arrived and wait."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that an agent may know when it acts."""

    time: int
    pool: PoolView
    own: AccountView | None
    shorts: tuple[AccountView, ...]
    truth: Truth | None
    outcomes: tuple[Outcome, ...]
    """Results since its last wake-up."""
    start: int = 0
    """Time of the run's first block: hours of a scenario's windows count from here."""
    mempool: tuple[PendingView, ...] = ()


class Population(Protocol):
    """Many agents who differ by their names alone, as one.

    Only those to whom something comes up are woken. A behaviour with a method ``population(alike)``
    makes one of all agents of a scenario's table.
    """

    def draw(self, slots: int, rng: np.random.Generator) -> Sequence[int]:
        """Members to whom something comes up in the next ``slots`` of the kind's cadence."""
        ...

    def unsure(self, member: int) -> bool:
        """Whether its account must be read before it acts."""
        ...

    def forget(self, member: int) -> None:
        """Somebody else has changed its account."""
        ...

    def act(self, member: int, seen: Seen) -> list[Order]:
        """Orders of a member that was drawn last; ``seen.own`` is None if it knows its account."""
        ...


class Agent(Protocol):
    """One behaviour.

    Implementations are frozen dataclasses whose other fields are the scenario's keys.
    """

    @property
    def name(self) -> str:
        """Unique in a run; seeds its randomness."""
        ...

    @property
    def cadence(self) -> int:
        """Seconds between wake-ups."""
        ...

    @property
    def latency(self) -> int:
        """Seconds from decision to the mempool."""
        ...

    @property
    def capital(self) -> float:
        """Quote minted to it at the start."""
        ...

    @property
    def reads(self) -> frozenset[Read]:
        """What the engine must read for it."""
        ...

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        """Orders of this wake-up. Pure but for the generator."""
        ...
