"""The watch reads who may be in danger, and nobody else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from amm_sim.engine.watch import AGE, MOVE, ROOM, Watch
from amm_sim.types import AccountView, LegView, series_id
from tests.amm_sim.engine.pools import DAY, MARGIN, pool

PUT, CALL = (series_id(7 * DAY, 1, is_call) for is_call in (False, True))
SHORT = (LegView(PUT, -10.0),)
HEALTHY = AccountView("0xa", 1000.0, 500.0, 400.0, 300.0, False, 0, False, 0, 0.0, SHORT)
LONG = dataclasses.replace(HEALTHY, legs=(LegView(CALL, 1.0),))


@dataclasses.dataclass
class Event:
    name: str
    args: dict[str, Any] = dataclasses.field(default_factory=dict)
    address: str = ""
    index: int = 0
    floats: dict[str, float] = dataclasses.field(default_factory=dict)


SOLD = Event("Traded", {"size": -1, "position": -1})
BOUGHT = Event("Traded", {"size": 1, "position": 1})
BOUGHT_BACK = Event("Traded", {"size": 1, "position": -1})
CLOSED = Event("Traded", {"size": -1, "position": 0})
SLICED = Event("SliceMoved")


def seen(view: AccountView, **keys: Any) -> Watch:
    watch = Watch(margin=MARGIN, **keys)
    watch.to(pool())
    watch.see([view])
    return watch


def test_account_never_seen_is_due_once_touched() -> None:
    watch = Watch(margin=MARGIN)
    watch.to(pool())
    assert watch.due() == []
    watch.touch("0xa")
    assert watch.due() == ["0xa"]
    watch.see([HEALTHY])
    assert watch.due() == []


def test_account_is_due_when_a_move_may_have_used_up_its_equity() -> None:
    """By hand: 10 puts sold fall by at most 10 (0.25 + 0.75 * 1.2) = 11.5 a unit; 200 are left."""
    watch = seen(HEALTHY)
    watch.to(pool(spot=100.0 - 17.3))
    assert watch.due() == []
    watch.to(pool(spot=100.0 - 17.5))
    assert watch.due() == ["0xa"]
    watch.to(pool(spot=400.0))  # a rise costs it 0.05 a unit and contract at most
    assert watch.due() == []
    watch.to(pool(spot=501.0))
    assert watch.due() == ["0xa"]


@pytest.mark.parametrize(
    "change", [{"equity": 299.9}, {"equity": -5.0}, {"equity": 300.0}, {"auction_started": 7}]
)
def test_endangered_account_is_due_in_every_block(change: dict[str, float]) -> None:
    assert seen(dataclasses.replace(HEALTHY, **change)).due() == ["0xa"]


def test_account_under_unknown_rules_is_due_in_every_block() -> None:
    watch = Watch()
    watch.to(pool())
    watch.see([HEALTHY, dataclasses.replace(LONG, address="0xb")])
    assert watch.due() == ["0xa"]


def test_account_is_due_after_a_settlement() -> None:
    watch = seen(HEALTHY)
    watch.to(pool(settled=True))
    assert watch.due() == ["0xa"]
    watch.see([HEALTHY])
    assert watch.due() == []


def test_view_from_before_a_settlement_is_not_believed() -> None:
    watch = seen(HEALTHY)
    before = watch.now
    watch.touch("0xa", [SOLD])
    watch.late(8)
    watch.to(pool(settled=True))
    watch.see([HEALTHY], before)
    assert watch.due() == ["0xa"]


def test_rows_double_when_they_are_full() -> None:
    watch = Watch(margin=MARGIN)
    watch.to(pool())
    names = [f"0x{i}" for i in range(ROOM + 3)]
    watch.see([dataclasses.replace(HEALTHY, address=name) for name in names])
    assert watch.due() == []
    watch.to(pool(spot=50.0))
    assert watch.due() == names


# who can wait


@pytest.mark.parametrize("event", [SOLD, BOUGHT, CLOSED, Event("Withdrawn"), Event("Deposited")])
def test_account_that_met_its_initial_margin_waits(event: Event) -> None:
    watch = seen(HEALTHY)
    watch.touch("0xa", [event])
    assert watch.due() == []
    assert watch.view("0xa") is None
    assert watch.late(8) == ["0xa"]
    assert watch.late(9) == []  # it is on its way
    assert watch.waits("0xa", 8)
    assert not watch.waits("0xa", 9)
    watch.see([HEALTHY])
    assert not watch.waits("0xa", 8)


@pytest.mark.parametrize("events", [[BOUGHT_BACK], [SLICED], [SOLD, SLICED], None])
def test_account_that_may_not_meet_its_margin_is_read_at_once(events: list[Event] | None) -> None:
    watch = seen(HEALTHY)
    watch.touch("0xa", events)
    assert watch.due() == ["0xa"]
    assert watch.late(8) == []


def test_endangered_account_is_read_at_once_whatever_it_does() -> None:
    watch = seen(dataclasses.replace(HEALTHY, equity=299.0))
    watch.touch("0xa", [Event("Deposited")])
    assert watch.due() == ["0xa"]


def test_account_that_waits_and_is_touched_again_waits_anew() -> None:
    watch = seen(HEALTHY)
    watch.touch("0xa", [SOLD])
    watch.late(8)
    watch.touch("0xa", [SOLD])
    assert not watch.waits("0xa", 8)
    assert watch.late(9) == ["0xa"]


# accounts without shorts


def test_account_without_shorts_is_of_no_concern_while_nothing_could_give_it_any() -> None:
    watch = seen(LONG)
    watch.touch("0xa", [BOUGHT])
    assert (watch.due(), watch.late(8)) == ([], [])
    assert watch.due(["0xa"]) == ["0xa"]
    assert watch.view("0xa") is None
    watch.touch("0xa", [SOLD])
    watch.touch("0xa", [BOUGHT])  # what came before was a sale
    assert watch.late(8) == ["0xa"]


def test_account_never_seen_is_of_concern_whatever_it_does() -> None:
    watch = Watch(margin=MARGIN)
    watch.to(pool())
    watch.touch("0xa", [SLICED])
    assert watch.due() == ["0xa"]


def test_owner_who_asks_gets_a_view_that_is_not_old() -> None:
    watch = seen(LONG)
    for changes, due in (
        ({"time": AGE - 1, "spot": 100.0 * (1 + MOVE)}, []),
        ({"time": AGE}, ["0xa"]),
        ({"spot": 100.1 * (1 + MOVE)}, ["0xa"]),
    ):
        watch.to(pool(**changes))
        assert watch.due(["0xa"]) == due
        assert watch.due() == []


def test_where_nobody_watches_shorts_owners_alone_are_read_for() -> None:
    watch = seen(HEALTHY, shorts=False)
    watch.touch("0xa", [SLICED])
    watch.touch("0xb", [SOLD])
    assert (watch.due(), watch.late(8)) == ([], [])
    assert watch.due(["0xa", "0xnew"]) == ["0xa", "0xnew"]


# views


def test_views_show_who_has_shorts_or_is_in_auction() -> None:
    assert seen(LONG).views == ()
    assert seen(dataclasses.replace(HEALTHY, legs=(), auction_started=3)).views != ()


def test_views_are_new_after_every_look() -> None:
    watch = seen(HEALTHY)
    assert watch.views == (HEALTHY,)
    other = dataclasses.replace(HEALTHY, equity=333.0)
    watch.see([other])
    assert watch.views == (other,)
    watch.touch("0xa")
    assert watch.views == ()
