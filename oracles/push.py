"""Publisher of the push feed: deviation threshold, heartbeat, delay."""

from __future__ import annotations

import math
from dataclasses import dataclass

from amm_sim.errors import ScenarioError
from amm_sim.types import Order, PostPush, Seen, Truth
from oracles.publisher import Publisher, price


@dataclass(frozen=True, kw_only=True)
class Push(Publisher):
    """Posts a round when spot has moved by ``deviation`` or the heartbeat is due."""

    deviation: float = 0.005
    """Relative move that triggers a round."""
    heartbeat: int = 3600
    """Seconds after which a round is due in any case."""
    stamp: str = "arrival"
    """Time of a round: arrival (when it is due in the mempool, as Chainlink's transmission) or
    observed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        path = f"oracles.{self.name}"
        if not (math.isfinite(self.deviation) and self.deviation > 0.0):
            raise ScenarioError(f"{path}.deviation", self.deviation, "a finite number above 0")
        if self.heartbeat < self.cadence:
            raise ScenarioError(
                f"{path}.heartbeat", self.heartbeat, f"at least the cadence, {self.cadence}"
            )
        if self.stamp not in ("arrival", "observed"):
            raise ScenarioError(f"{path}.stamp", self.stamp, "one of arrival, observed")

    def posts(self, seen: Seen, truth: Truth, factor: float, delay: int) -> list[Order]:
        """One round if it is due, else nothing."""
        observed = price(truth.spot * factor)
        if not self.due(seen, observed):
            return []
        time = seen.time + (self.latency + delay if self.stamp == "arrival" else 0)
        return [PostPush(observed, time, delay=delay)]

    def due(self, seen: Seen, observed: float) -> bool:
        """Whether deviation or heartbeat ask for a round; the heartbeat counts a wake-up ahead."""
        last = seen.pool.push_price
        if last <= 0.0 or abs(observed / last - 1.0) >= self.deviation:
            return True
        return seen.time + self.cadence - seen.pool.push_time >= self.heartbeat
