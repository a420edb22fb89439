"""Values that cross module borders: orders, what agents see, results.

Floats here are for decisions; the exact integers of the chain go straight to the recorder. Prices
and amounts are in quote, sizes in contracts (+ long, - short, from the trader's side),
volatilities and ratios in 1 = 100 %, times in seconds since 1970, Greeks from the pool's side (+
the pool gains if the variable rises).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Mode(IntEnum):
    """The pool's one effective mode."""

    NORMAL = 0
    REDUCE_ONLY = 1
    FROZEN = 2
    WIND_DOWN = 3


def series_id(expiry: int, strike_index: int, is_call: bool) -> int:
    """The chain's SeriesId: expiry << 16 | strike index << 8 | is call."""
    return expiry << 16 | strike_index << 8 | int(is_call)


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """A series by expiry, index of its strike and kind."""

    expiry: int
    strike_index: int
    is_call: bool

    @property
    def id(self) -> int:
        """The chain's SeriesId."""
        return series_id(self.expiry, self.strike_index, self.is_call)

    @staticmethod
    def from_id(value: int) -> SeriesKey:
        """The series of a SeriesId."""
        return SeriesKey(value >> 16, value >> 8 & 0xFF, bool(value & 1))


# ------------------------------------------------------ orders: what an agent may ask of the chain


@dataclass(frozen=True, slots=True)
class Order:
    """An intent.

    Subclasses name the action; the chain layer knows contract, function and encoding.
    """

    delay: int = field(default=0, kw_only=True)
    """Seconds that the order is held back beyond its sender's latency.

    Congestion, a slow keeper.
    """
    tip: float | None = field(default=None, kw_only=True)
    """Offer above the base fee, in multiples of the normal gas price; None: as the sender bids."""
    ahead_of: int = field(default=0, kw_only=True)
    """Ticket of a pending order right before which it wants to be executed, or not at all."""
    behind: int = field(default=0, kw_only=True)
    """Likewise right after."""


@dataclass(frozen=True, slots=True)
class Deposit(Order):
    """Put quote into the own trading account."""

    amount: float


@dataclass(frozen=True, slots=True)
class Withdraw(Order):
    """Take quote out of the own trading account."""

    amount: float


@dataclass(frozen=True, slots=True)
class Trade(Order):
    """Buy (+) or sell (-) ``size`` contracts.

    ``limit`` bounds the signed cash paid (negative: least receipt).
    """

    series: int
    size: float
    limit: float


@dataclass(frozen=True, slots=True)
class StartAuction(Order):
    """Start the liquidation auction of an account under maintenance margin."""

    account: str


@dataclass(frozen=True, slots=True)
class Bid(Order):
    """Take up to ``fraction`` of an account under liquidation for at most ``limit`` quote."""

    account: str
    fraction: float
    limit: float
    nonce: int


@dataclass(frozen=True, slots=True)
class CloseInsolvent(Order):
    """Let the pool close an account whose insolvent auction ran out."""

    account: str


@dataclass(frozen=True, slots=True)
class EndAuction(Order):
    """End the auction of an account that is healthy again."""

    account: str


@dataclass(frozen=True, slots=True)
class RequestDeposit(Order):
    """An LP asks to put ``amount`` quote into the pool."""

    amount: float


@dataclass(frozen=True, slots=True)
class RequestWithdrawal(Order):
    """An LP asks to redeem ``shares``."""

    shares: float


@dataclass(frozen=True, slots=True)
class ProcessQueue(Order):
    """Serve up to ``count`` requests of each LP queue."""

    count: int


@dataclass(frozen=True, slots=True)
class PokeOracle(Order):
    """Record an observation for the guard's TWAP."""


@dataclass(frozen=True, slots=True)
class PokeBreaker(Order):
    """Re-examine every trigger of the breaker."""


@dataclass(frozen=True, slots=True)
class Refresh(Order):
    """Revalue an expiry at the oracle's price."""

    expiry: int


@dataclass(frozen=True, slots=True)
class Hedge(Order):
    """Let the pool hedge if its policy says so."""


@dataclass(frozen=True, slots=True)
class ExecuteHedgeOrder(Order):
    """Have the pool's order that waits at a venue filled."""


@dataclass(frozen=True, slots=True)
class SyncHedge(Order):
    """Read the venue position into storage."""


@dataclass(frozen=True, slots=True)
class TouchAccount(Order):
    """Recompute what an account's debts exceed its collateral by."""

    account: str


@dataclass(frozen=True, slots=True)
class SettleExpiry(Order):
    """Fix an expiry's settlement price by a round of the push feed."""

    expiry: int
    round_id: int


@dataclass(frozen=True, slots=True)
class Sweep(Order):
    """Settle up to ``count`` accounts of a settled expiry."""

    expiry: int
    count: int


@dataclass(frozen=True, slots=True)
class Tighten(Order):
    """The guardian's tightening of the mode."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class ListBoard(Order):
    """List an expiry; goes out in the lister's name. Strikes in quote, strictly increasing."""

    expiry: int
    strikes: tuple[float, ...]


# publishers' orders (oracles/ and the venue's market), through the same mempool


@dataclass(frozen=True, slots=True)
class PostPush(Order):
    """A round of the push feed."""

    price: float
    time: int


@dataclass(frozen=True, slots=True)
class PostPull(Order):
    """A price of the pull feed with its confidence interval, both in quote."""

    price: float
    confidence: float
    time: int


@dataclass(frozen=True, slots=True)
class PostVol(Order):
    """An SVI slice of annualised variance for one expiry; see types/Types.sol."""

    expiry: int
    a: float
    b: float
    rho: float
    m: float
    sigma: float
    confidence: float


@dataclass(frozen=True, slots=True)
class PostVenue(Order):
    """The hedge venue's reference price, its depth multiple (1 = normal), and whether it is open.

    ``venue`` names one of a router's venues; by default all that have a reference price.
    """

    price: float
    depth: float
    open: bool
    venue: str = ""


# orders of those who live off the pool's hedges


@dataclass(frozen=True, slots=True)
class SwapSpot(Order):
    """Buy (+) or sell (-) underlying on the Uniswap pool at any price."""

    size: float


@dataclass(frozen=True, slots=True)
class ArbitrageSpot(Order):
    """Trade the Uniswap pool toward ``price``, at most ``largest`` underlying."""

    price: float
    largest: float


@dataclass(frozen=True, slots=True)
class ProvideSpot(Order):
    """Concentrated liquidity in [price / width, price * width], ``amount`` of quote a side.

    Opens the pool at ``price`` if it has none.
    """

    price: float
    width: float
    amount: float


@dataclass(frozen=True, slots=True)
class NoticeNeed(Order):
    """Starts the reward's clock when the pool needs delta."""


@dataclass(frozen=True, slots=True)
class FillHedge(Order):
    """Sell the pool ``size`` underlying (+) or buy it from the pool (-) for the present reward.

    ``limit`` is the worst price.
    """

    size: float
    limit: float


# ------------------------------------------------------------------ what agents see


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
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
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
    legs: tuple[LegView, ...]
    wallet: float = math.inf
    """Quote that it holds outside the protocol; infinite if not read."""


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
    events: tuple[dict[str, Any], ...] = ()
    """Decoded events as name -> value dictionaries with floats; key "event" holds the name."""
    gas: int = 0


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
    """Every account with short positions or in auction: for liquidators and keepers."""
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


# ------------------------------------------------------------------ what analyzers say


LP_FLOWS = "LP flows"
"""The term of P&L explain that is no profit: deposits less withdrawals of liquidity providers."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of the report. The interval is None where one run stands alone (n = 1)."""

    name: str
    value: float
    unit: str
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 1
    method: str = "read from the chain"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every analyzer's result for one run."""

    insolvent: bool
    verdict: str
    metrics: tuple[Metric, ...]
    explain: tuple[tuple[str, float], ...]
    """P&L terms and the residual, in quote; they sum to the change of NAV."""
    refusals: tuple[tuple[str, int], ...]
    fills: tuple[tuple[str, int], ...]
    """Filled orders by kind of agent."""


# ------------------------------------------------------------------ studies


@dataclass(frozen=True, slots=True)
class PathResult:
    """One path of a study, as its ledger keeps it."""

    point: str
    """Hash of the parameter point."""
    seed: int
    status: str
    """done | failed."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What the point changes, by dotted key."""
    insolvent_after: int | None = None
    """Seconds after the start at which the pool first could not pay longs in full."""
    ran: int = 0
    """Seconds that the path lived; less than the scenario's duration only when it failed."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    digest: str = ""
    seconds: float = 0.0
    """Wall time."""
    error: str = ""
    """Traceback of a failed path."""

    @property
    def key(self) -> tuple[str, int]:
        """What a path is known by."""
        return self.point, self.seed

    @property
    def insolvent(self) -> bool:
        """Whether the pool ever became insolvent."""
        return self.insolvent_after is not None


@dataclass(frozen=True, slots=True)
class PointResult:
    """What the paths of one parameter point say together."""

    point: str
    changes: Mapping[str, Any]
    paths: int
    failed: int
    stopped: bool
    """Whether the wanted precision ended it before the last path."""
    metrics: tuple[Metric, ...]
    curve: tuple[Metric, ...]
    """P(insolvent) by horizon; the name says which."""
    paired: tuple[Metric, ...]
    """Differences from the first point over common seeds; empty for that point."""


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A study's points and what is to be known about them."""

    points: tuple[PointResult, ...]
    verdict: str
    warnings: tuple[str, ...]
