"""The signal that moves the band's aim, published in good faith and by an attacker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amm_sim import assemble, scenario
from amm_sim.analyzers.frames import floats
from amm_sim.tape import Tape, load

SIGNAL = Path(__file__).with_name("signal.toml")
SHARE = 0.4
ASLEEP = 1_000_000
HONEST: dict[str, Any] = {}
HOSTILE = {"agents.signal.phase": ASLEEP, "agents.attacker.phase": 0}
NOBODY = {"agents.signal.phase": ASLEEP}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], Tape]:
    known: dict[str, Tape] = {}

    def make(changes: dict[str, Any]) -> Tape:
        key = repr(changes)
        if key not in known:
            folder = tmp_path_factory.mktemp("signal")
            assemble.run(scenario.load(SIGNAL, changes), folder, reproduce="")
            known[key] = load(folder)
        return known[key]

    return make


def column(tape: Tape, name: str) -> np.ndarray:
    frame = tape.event("hedged")
    assert frame is not None
    return floats(frame, name)


def test_forecast_moves_the_aim_to_its_side_and_the_noise_is_as_stated(
    run: Callable[[dict[str, Any]], Tape],
) -> None:
    """Drift 20 with an information ratio of 2 on a full opinion of 50: mean 0.4, deviation 0.2; a
    hedge is due most when the aim just moved, so that only its sign is tested."""
    posted = run(HONEST).event("signal_posted")
    assert posted is not None
    opinion = floats(posted, "value")
    assert len(opinion) > 100
    assert opinion.mean() == pytest.approx(0.4, abs=4 * 0.2 / len(opinion) ** 0.5)
    assert opinion.std() == pytest.approx(0.2, rel=4 / (2 * len(opinion)) ** 0.5)
    share = column(run(HONEST), "aim") / column(run(HONEST), "band")
    assert len(share) > 3
    assert share.mean() > 0.1
    assert share.max() <= SHARE + 1e-6


def test_attacker_moves_the_aim_by_its_share_of_the_band_and_no_further(
    run: Callable[[dict[str, Any]], Tape],
) -> None:
    tape = run(HOSTILE)
    posted = tape.event("signal_posted")
    assert posted is not None
    assert np.abs(floats(posted, "value")).min() >= 1e9
    aim, band = column(tape, "aim"), column(tape, "band")
    assert np.abs(aim) == pytest.approx(SHARE * band, rel=1e-5)  # it does all that it can
    assert set(np.sign(aim)) == {-1.0, 1.0}
    net = np.abs(column(tape, "net_after"))
    assert (net <= (1.0 + SHARE) * band + column(tape, "shortfall") + 1e-6).all()


def test_attacker_cannot_have_the_pool_trade_back_and_forth(
    run: Callable[[dict[str, Any]], Tape],
) -> None:
    """Bands around both aims overlap as long as the share is below one: once net delta is in both,
    swinging the aim trades nothing. Hedged volume grows by the book's moves over the narrower room,
    not by the number of swings."""

    def volume(changes: dict[str, Any]) -> float:
        return float(np.abs(column(run(changes), "size")).sum())

    swings = len(run(HOSTILE).event("signal_posted"))
    band = float(column(run(HOSTILE), "band").mean())
    more = volume(HOSTILE) - volume(NOBODY)
    assert swings > 50
    assert more < 0.1 * swings * 2.0 * SHARE * band
