"""Accounts, read as often as their health asks for.

A margin view reprices an account in two dozen scenarios: reading every account in every block would
cost more than all transactions. What an account holds changes only in transactions, whose events
name it: such an account is read again at once. For what moves with the price, the watch does as a
liquidator's bot: it reads who is below maintenance or in auction in every block, other sellers when
spot has moved or their view is old, the sooner the nearer they are, and accounts without shorts,
which nothing can happen to, now and then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from amm_sim.types import AccountView

SAFE = 1.2
"""Equity over maintenance margin at which MOVE and AGE hold. Down to 1 they fall in proportion to
nothing, beyond they rise: a move of MOVE changes the multiple by a few hundredths."""
MOVE = 0.01
"""Relative move of the oracle's spot after which such an account with shorts is read again."""
AGE = 300
"""Seconds after which it is."""
FAR = 3.0
"""So many times as much at most, however much equity there is."""
CALM = 6.0
"""So many times as much where there are no shorts."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was last seen of an account, when and at which spot."""

    view: AccountView
    time: int
    spot: float
    exposed: bool
    """Whether it has shorts or is in auction."""
    reach: float
    """Move of spot after which it is read again."""
    wait: float
    """Seconds after which it is."""

    def due(self, time: int, spot: float) -> bool:
        """Whether it is to be read again."""
        return abs(spot - self.spot) > self.reach or time - self.time >= self.wait


class Watch:
    """What is known of accounts, in the order in which they came.

    Args:
        shorts: whether somebody needs all accounts with shorts, not only its own.
    """

    def __init__(self, shorts: bool = True) -> None:
        self._shorts = shorts
        self._sights: dict[str, Sight | None] = {}

    def touch(self, addresses: Iterable[str]) -> None:
        """Something happened to these accounts: their views are void."""
        for address in addresses:
            self._sights[address] = None

    def due(self, time: int, spot: float, asked: Collection[str] = ()) -> list[str]:
        """Accounts to be read at ``time`` and ``spot``; ``asked``: those that want their own."""
        mine = [a for a in asked if a not in self._sights]
        known = [
            a
            for a, sight in self._sights.items()
            if (a in asked or self._cares(sight)) and (sight is None or sight.due(time, spot))
        ]
        return mine + known

    def see(self, views: Iterable[AccountView], time: int, spot: float) -> None:
        """Fresh views."""
        for view in views:
            exposed = view.auction_started > 0 or any(leg.size < 0.0 for leg in view.legs)
            patience = _patience(view, exposed)
            reach, wait = patience * MOVE * spot, patience * AGE
            self._sights[view.address] = Sight(view, time, spot, exposed, reach, wait)

    def view(self, address: str) -> AccountView | None:
        """What is known of an account."""
        sight = self._sights.get(address)
        return None if sight is None else sight.view

    @property
    def views(self) -> tuple[AccountView, ...]:
        """What is known of every account that has shorts or is in auction."""
        return tuple(s.view for s in self._sights.values() if s is not None and s.exposed)

    def _cares(self, sight: Sight | None) -> bool:
        return self._shorts and (sight is None or sight.exposed)


def _patience(view: AccountView, exposed: bool) -> float:
    """How much may change before another look, in multiples of MOVE and AGE."""
    if view.auction_started > 0:
        return 0.0
    if not exposed:
        return CALM
    margin = view.maintenance_margin
    distance = view.equity / margin - 1.0 if margin > 0.0 else SAFE - 1.0
    return min(max(distance / (SAFE - 1.0), 0.0), FAR)
