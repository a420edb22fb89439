"""Orders: what an agent or a publisher may ask of the chain."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


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
class DepositUnderlying(Order):
    """Put underlying into the own trading account, as collateral."""

    amount: float


@dataclass(frozen=True, slots=True)
class WithdrawUnderlying(Order):
    """Take underlying out of the own trading account."""

    amount: float


@dataclass(frozen=True, slots=True)
class BuyUnderlying(Order):
    """Buy underlying that the pool took for debts, for at most ``limit`` quote a unit.

    Paid from the own trading account.
    """

    amount: float
    limit: float


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
class RequestJuniorDeposit(Order):
    """An LP asks to put ``amount`` quote into the class that loses first."""

    amount: float


@dataclass(frozen=True, slots=True)
class RequestJuniorWithdrawal(Order):
    """An LP asks to redeem ``shares`` of the class that loses first."""

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


@dataclass(frozen=True, slots=True)
class PostSignal(Order):
    """An opinion of where the pool's delta should be, -1 less to 1 more, stated at ``time``."""

    value: float
    time: int


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
