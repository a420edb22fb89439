"""Publishers of the mocked feeds, by the ``kind`` of a scenario's [[oracles]].

They act like agents, through the same mempool, and may read the truth.
"""

from collections.abc import Iterable

from amm_sim.types import Order, PostPull, PostPush, PostVenue, Truth
from oracles.publisher import Publisher
from oracles.pull import Pull
from oracles.push import Push
from oracles.venue import Venue
from oracles.vol import Vol

PUBLISHERS: dict[str, type[Publisher]] = {"pull": Pull, "push": Push, "venue": Venue, "vol": Vol}


def opening(truth: Truth, expiries: Iterable[int]) -> list[Order]:
    """One honest post of every feed, so that the guard has a price and boards can be listed."""
    feed = Vol(name="opening")
    confidence = Pull(name="opening").confidence(truth) * truth.spot
    return [
        PostPush(truth.spot, truth.time),
        PostPull(truth.spot, confidence, truth.time),
        PostVenue(truth.venue, truth.depth, truth.venue_open),
        *(feed.slice(expiry, truth) for expiry in expiries),
    ]


__all__ = ["PUBLISHERS", "Publisher", "Pull", "Push", "Venue", "Vol", "opening"]
