"""The watch reads who is in danger in every block and the healthy now and then."""

from __future__ import annotations

import dataclasses

import pytest

from amm_sim.engine.watch import AGE, CALM, FAR, MOVE, SAFE, Watch
from amm_sim.types import AccountView, LegView

SHORT = (LegView(1, -1.0),)
HEALTHY = AccountView("0xa", 1000.0, SAFE * 300.0, 400.0, 300.0, False, 0, False, 0, 0.0, SHORT)


def seen(view: AccountView) -> Watch:
    watch = Watch()
    watch.touch([view.address])
    watch.see([view], 0, 100.0)
    return watch


def test_touched_account_is_due_until_seen() -> None:
    watch = seen(HEALTHY)
    assert watch.due(60, 100.0) == []
    watch.touch(["0xa"])
    assert watch.due(60, 100.0) == ["0xa"]
    assert watch.views == ()


@pytest.mark.parametrize(
    ("time", "spot", "due"),
    [
        (60, 100.0, False),
        (AGE - 1, 100.0 * (1 + MOVE), False),
        (AGE, 100.0, True),
        (60, 100.0 * (1 + MOVE) + 0.01, True),
        (60, 100.0 * (1 - MOVE) - 0.01, True),
    ],
)
def test_healthy_account_is_due_when_old_or_spot_moved(time: int, spot: float, due: bool) -> None:
    assert bool(seen(HEALTHY).due(time, spot)) is due


@pytest.mark.parametrize(
    ("equity", "share"),
    [(330.0, 0.5), (315.0, 0.25), (360.0, 1.0), (420.0, 2.0), (480.0, 3.0), (3000.0, FAR)],
)
def test_account_is_read_the_sooner_the_nearer_it_is_to_maintenance(
    equity: float, share: float
) -> None:
    """By hand: maintenance is 300, so an equity of 330 is half as far from it as SAFE."""
    watch = seen(dataclasses.replace(HEALTHY, equity=equity))
    assert not watch.due(int(0.99 * share * AGE), 100.0 * (1.0 + 0.99 * share * MOVE))
    assert watch.due(int(1.01 * share * AGE) + 1, 100.0)
    assert watch.due(1, 100.0 * (1.0 - 1.01 * share * MOVE))


@pytest.mark.parametrize(
    "change",
    [{"equity": 299.9}, {"equity": -5.0}, {"auction_started": 7}],
)
def test_endangered_account_is_due_in_every_block(change: dict[str, float]) -> None:
    assert seen(dataclasses.replace(HEALTHY, **change)).due(1, 100.0) == ["0xa"]


def test_views_show_who_has_shorts_or_is_in_auction() -> None:
    assert seen(dataclasses.replace(HEALTHY, legs=(LegView(1, 1.0),))).views == ()
    assert seen(dataclasses.replace(HEALTHY, legs=(), auction_started=3)).views != ()


@pytest.mark.parametrize(
    ("time", "spot", "due"),
    [(AGE, 100.0, False), (AGE * CALM, 100.0, True), (60, 105.0, False), (60, 107.0, True)],
)
def test_account_without_shorts_is_due_to_its_owner_alone_and_rarely(
    time: int, spot: float, due: bool
) -> None:
    watch = seen(dataclasses.replace(HEALTHY, legs=(LegView(1, 1.0),)))
    assert bool(watch.due(time, spot, ["0xa"])) is due
    assert watch.due(time, spot) == []


def test_touched_account_is_due_to_its_owner_where_nobody_watches_shorts() -> None:
    watch = Watch(shorts=False)
    watch.see([HEALTHY], 0, 100.0)
    watch.touch(["0xa"])
    assert watch.due(60, 100.0) == []
    assert watch.due(60, 100.0, ["0xa", "0xnew"]) == ["0xnew", "0xa"]
    assert watch.view("0xa") is None


def test_views_keep_the_order_of_arrival() -> None:
    watch = Watch()
    others = [dataclasses.replace(HEALTHY, address=name) for name in ("0xb", "0xa", "0xc")]
    watch.touch(view.address for view in others)
    watch.see(reversed(others), 0, 100.0)
    watch.touch(["0xb"])
    watch.see(others[:1], 60, 100.0)
    assert [view.address for view in watch.views] == ["0xb", "0xa", "0xc"]
