"""Publisher of the hedge venue's own market: reference price, depth, whether it trades."""

from __future__ import annotations

from dataclasses import dataclass

from amm_sim.types import Order, PostVenue, Seen, Truth
from amm_sim.units import quantize
from oracles.publisher import Publisher, price


@dataclass(frozen=True, kw_only=True)
class Venue(Publisher):
    """Posts at every wake-up, with little latency: a venue is a market of its own."""

    latency: int = 1

    def posts(self, seen: Seen, truth: Truth, factor: float, delay: int) -> list[Order]:  # noqa: ARG002
        """Price, depth and state of the venue."""
        return [
            PostVenue(
                price(truth.venue * factor), quantize(truth.depth), truth.venue_open, delay=delay
            )
        ]
