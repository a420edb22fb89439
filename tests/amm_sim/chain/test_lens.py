"""What is read piecemeal is what the chain says as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from amm_sim import assemble, scenario
from amm_sim.chain.lens import Boards, Kept, State
from amm_sim.chain.pool import Pool
from amm_sim.prepared import Prepared

CRASH = Path(__file__).parents[3] / "scenarios" / "black_thursday.toml"
COARSE = {
    "run.duration": 34 * 3600,
    "run.block_seconds": 300,
    "protocol.oracle.pullMaxAge": 400,
    "protocol.oracle.trustedSpread": 0.02,
}
"""Past the first settlement, in blocks of five minutes."""
WITNESSED = {"Traded", "Refreshed", "Hedged", "BidFilled", "AccountSettled", "DepositProcessed"}


class Asked:
    """Stands for a lens: remembers which boards it was asked for."""

    def boards(self, expiries: object = ()) -> tuple[int, ...]:
        return tuple(expiries)  # type: ignore[arg-type,call-overload]


def board(expiry: int, net: int = 0) -> dict[str, int]:
    return {"expiry": expiry, "net": net}


def test_boards_are_asked_for_once_and_then_where_something_was_touched() -> None:
    boards, lens = Boards(), Asked()
    assert boards.asked(lens) == [()]  # type: ignore[arg-type]
    boards.stated([board(10), board(20)], 0b11)
    assert boards.asked(lens) == []  # type: ignore[arg-type]
    boards.touch(20)
    assert boards.asked(lens) == [(20,)]  # type: ignore[arg-type]
    stated = boards.stated([board(20, 7)], 0b11)
    assert [(b["expiry"], b["net"], b["open"]) for b in stated] == [(10, 0, True), (20, 7, True)]
    assert boards.asked(lens) == []  # type: ignore[arg-type]


def test_boards_are_all_asked_for_after_an_unknown_one_or_anything() -> None:
    boards, lens = Boards(), Asked()
    boards.stated([board(10)], 1)
    boards.touch(30)
    assert boards.asked(lens) == [()]  # type: ignore[arg-type]
    boards.stated([board(10), board(30)], 0b11)
    boards.forget()
    assert boards.asked(lens) == [()]  # type: ignore[arg-type]


def test_boards_stated_is_the_same_list_until_something_changes() -> None:
    boards, made = Boards(), []
    first = boards.stated([board(10), board(20)], 0b11)
    kept = Kept(lambda source: made.append(source) or len(made))
    assert boards.stated([], 0b11) is first
    assert (kept(first), kept(boards.stated([], 0b11))) == ((1, 2), (1, 2))
    closed = boards.stated([], 0b01)
    assert closed is not first
    assert closed[0] is first[0]
    assert [each["open"] for each in closed] == [True, False]
    assert kept(closed) == (1, 3)
    boards.touch(10)
    assert kept(boards.stated([board(10)], 0b01)) == (4, 3)  # the same values, but read anew


def test_state_waits_for_the_statement_only_when_somebody_looks_at_it() -> None:
    waited: list[int] = []
    state = State({"spot": 1}, ("nav", "scale"), lambda: waited.append(1) or {"nav": 2, "scale": 3})
    assert (state["spot"], waited) == (1, [])
    assert (state["nav"], state["scale"], waited) == (2, 3, [1])
    assert dict(state) == {"spot": 1, "nav": 2, "scale": 3}
    with pytest.raises(KeyError):
        state["nothing"]


@pytest.fixture(scope="module")
def prepared() -> object:
    with assemble.prepare(scenario.load(CRASH, COARSE)) as made:
        yield made


def test_every_block_is_what_a_fresh_and_whole_reading_says(prepared: Prepared) -> None:
    """Trades, refreshes, hedges, liquidations, a settlement: no board is ever kept too long."""
    read, events = set[bool](), set[str]()
    for simulation in prepared.paths([1]):
        while simulation.index < simulation.blocks:
            before = prepared.pool._boards._stated
            block = simulation.step()
            whole = prepared.pool.observe()
            assert {key: block.pool[key] for key in whole} == whole
            read.add(prepared.pool._boards._stated is before)
            events |= {event.name for result in block.results for event in result.events}
    assert read == {True, False}
    assert events >= WITNESSED


def test_block_looked_at_late_says_what_was_then(prepared: Prepared) -> None:
    pool: Pool = prepared.pool
    for _ in prepared.paths([1]):
        now = prepared.chain.time
        first = pool.block(now + 60, [])
        pool.block(now + 120, [])
        assert first.pool["time"] == now + 60
        assert first.pool["nav"]["nav"] != 0
