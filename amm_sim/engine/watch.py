"""The accounts with short positions, read as often as their health asks for.

A margin view reprices an account in two dozen scenarios: reading every account in every block would
cost more than all transactions. Like a liquidator's bot, the watch reads the endangered in every
block, and the others when something touched them, when spot has moved or when their view is old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amm_sim.types import AccountView

ENDANGERED = 1.2
"""Equity below this multiple of maintenance margin: read in every block."""
MOVE = 0.01
"""Relative move of the oracle's spot after which any account is read again."""
AGE = 300
"""Seconds after which any account is read again."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was last seen of an account, when and at which spot."""

    view: AccountView
    time: int
    spot: float


class Watch:
    """Accounts that have shorts or are in auction, in the order in which they came."""

    def __init__(self) -> None:
        self._sights: dict[str, Sight | None] = {}

    def touch(self, addresses: Iterable[str]) -> None:
        """Something happened to these accounts: their views are void."""
        for address in addresses:
            self._sights[address] = None

    def due(self, time: int, spot: float) -> list[str]:
        """Accounts to be read at ``time`` and ``spot``."""
        return [a for a, sight in self._sights.items() if sight is None or _due(sight, time, spot)]

    def see(self, views: Iterable[AccountView], time: int, spot: float) -> None:
        """Fresh views of watched accounts; one without shorts and auction is watched no longer."""
        for view in views:
            if view.address not in self._sights:
                continue
            if view.auction_started > 0 or any(leg.size < 0.0 for leg in view.legs):
                self._sights[view.address] = Sight(view, time, spot)
            else:
                del self._sights[view.address]

    @property
    def views(self) -> tuple[AccountView, ...]:
        """What is known of every watched account."""
        return tuple(sight.view for sight in self._sights.values() if sight is not None)


def _due(sight: Sight, time: int, spot: float) -> bool:
    view = sight.view
    endangered = view.equity < ENDANGERED * view.maintenance_margin or view.auction_started > 0
    moved = abs(spot - sight.spot) > MOVE * sight.spot
    return endangered or moved or time - sight.time >= AGE
