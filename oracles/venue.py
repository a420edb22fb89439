"""Publisher of the hedge venue's own market: reference price, depth, whether it trades."""

from __future__ import annotations

from dataclasses import dataclass

from amm_sim.types import Order, PostVenue, Seen, Truth
from amm_sim.units import quantize
from oracles.publisher import Publisher, price
from oracles.windows import Windows, active, check, hour


@dataclass(frozen=True, kw_only=True)
class Venue(Publisher):
    """Posts at every wake-up, with little latency: a venue is a market of its own."""

    latency: int = 1
    venue: str = ""
    """One of a router's venues; by default all that have a reference price."""
    closed: Windows = ()
    """(from hour, to hour): says that the venue does not trade."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(f"oracles.{self.name}.closed", self.closed, 2, "from hour, to hour")

    def posts(self, seen: Seen, truth: Truth, factor: float, delay: int) -> list[Order]:
        """Price, depth and state of the venue."""
        is_open = truth.venue_open and not active(self.closed, hour(seen))
        at, depth = price(truth.venue * factor), quantize(truth.depth)
        return [PostVenue(at, depth, is_open, self.venue, delay=delay)]
