"""OracleGuard on real bytecode: cells of trust, jump guard, TWAP, settlement price.

Expected numbers are worked here with exact fractions, from the rules, not from the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from amm_sim.chain import Chain, Revert
from amm_sim.chain.client import DEPLOYER, Contract, Receipt
from amm_sim.types import Mode
from tests.contracts.ledger_world import ROLES

WAD = 10**18
PULL_ID = b"\x01" * 32
HEARTBEAT, PUSH_GRACE, PULL_AGE, DEGRADED_GRACE = 3600, 90, 90, 600
VOID_AGE = HEARTBEAT + DEGRADED_GRACE
WINDOW, COOLDOWN = 1800, 900
NOBODY = "0x" + "00" * 20
BOOK = dict.fromkeys([*ROLES.split(), "lister", "guardian"], NOBODY)
PARAMS = {
    "pushHeartbeat": HEARTBEAT,
    "pushGrace": PUSH_GRACE,
    "pullMaxAge": PULL_AGE,
    "degradedGrace": DEGRADED_GRACE,
    "trustedSpread": WAD * 5 // 1000,
    "degradedSpread": WAD * 2 // 100,
    "maxConfidence": WAD * 3 // 1000,
    "jumpLimit": WAD * 12 // 100,
    "jumpCooldown": COOLDOWN,
    "twapWindow": WINDOW,
    "disputeWindow": 0,
    "sequencerGrace": 0,
}
GAS_BUDGET_READ = 25_000
TRANSACTION_GAS = 21_000


def wad(value: Fraction | float | int | str) -> int:
    return int(Fraction(value) * WAD)


@dataclass(frozen=True)
class Feeds:
    """A guard over its two mock feeds."""

    chain: Chain
    push: Contract
    pull: Contract
    guard: Contract

    def post_push(self, price: float | str, time: int) -> None:
        self.push.must("post", int(Fraction(price) * 10**8), time)

    def post_pull(self, price: float | str, time: int, conf: float | str = 0) -> None:
        scaled = [int(Fraction(x) * 10**8) for x in (price, conf)]
        self.pull.must("post", PULL_ID, *scaled, -8, time)

    def post(self, price: float | str) -> None:
        """Both feeds agree on a price as of now."""
        self.post_push(price, self.chain.time)
        self.post_pull(price, self.chain.time)

    def read(self) -> dict[str, int]:
        seen: dict[str, int] = self.guard.call("read")
        return seen

    def poke_at(self, time: int, price: float | str) -> Receipt:
        """Posts a price and pokes in the block of exactly that time."""
        self.post_push(price, time - 3)
        self.post_pull(price, time - 3)
        self.chain.rpc.call("evm_setNextBlockTimestamp", hex(time))
        receipt = self.guard.must("poke")
        assert self.chain.time == time
        return receipt


@pytest.fixture
def feeds(chain: Chain) -> Feeds:
    return make(chain)


def make(chain: Chain, uptime: str = NOBODY, **changed: int) -> Feeds:
    push = chain.deploy("MockPushFeed", 8)
    pull = chain.deploy("MockPullFeed")
    guard = chain.deploy("OracleGuard", BOOK, {**PARAMS, **changed}, push, pull, PULL_ID, uptime)
    return Feeds(
        chain,
        chain.at(push, "MockPushFeed"),
        chain.at(pull, "MockPullFeed"),
        chain.at(guard, "OracleGuard"),
    )


# ------------------------------------------------------------------ trusted, degraded, frozen


def graded(x: Fraction, trusted: Fraction, limit: Fraction) -> Fraction:
    """Confidence that one criterion leaves: 1 up to ``trusted``, 0.1 at ``limit``."""
    share = max(Fraction(0), x - trusted) / (limit - trusted)
    return 1 - share * Fraction(9, 10)


F = Fraction
Cell = tuple[str, str, int, str, int, str, Mode, Fraction]
CELLS: list[Cell] = [
    # id, push, its age, pull, its age, its half-width, mode, confidence
    ("agree", "2000", 60, "2000", 1, "0", Mode.NORMAL, F(1)),
    ("push newer", "2000", 5, "2005", 60, "0", Mode.NORMAL, F(1)),
    ("spread at the trusted limit", "2000", 60, "2010", 1, "0", Mode.NORMAL, F(1)),
    ("spread over it", "2000", 60, "2011", 1, "0", Mode.REDUCE_ONLY,
     graded(F(11, 2000), F(5, 1000), F(2, 100))),
    ("push above pull", "2011", 60, "2000", 1, "0", Mode.REDUCE_ONLY,
     graded(F(11, 2000), F(5, 1000), F(2, 100))),
    ("spread at the degraded limit", "2000", 60, "2040", 1, "0", Mode.REDUCE_ONLY, F(1, 10)),
    ("spread over both limits", "2000", 60, "2041", 1, "0", Mode.FROZEN, F(1, 10)),
    ("push at its trusted age", "2000", 3690, "2000", 1, "0", Mode.NORMAL, F(1)),
    ("push older", "2000", 3700, "2000", 1, "0", Mode.REDUCE_ONLY,
     graded(F(3700), F(3690), F(4200))),
    ("push at its last age", "2000", 4200, "2000", 1, "0", Mode.REDUCE_ONLY, F(1, 10)),
    ("pull at its trusted age", "2000", 60, "2000", 90, "0", Mode.NORMAL, F(1)),
    ("pull older", "2000", 60, "2000", 1000, "0", Mode.REDUCE_ONLY,
     graded(F(1000), F(90), F(4200))),
    ("pull at its last age", "2000", 60, "2000", 4200, "0", Mode.REDUCE_ONLY, F(1, 10)),
    ("confidence at its limit", "2000", 60, "2000", 1, "6", Mode.NORMAL, F(1)),
    ("confidence wider", "2000", 60, "2000", 1, "12", Mode.REDUCE_ONLY,
     graded(F(6, 1000), F(3, 1000), F(2, 100))),
    ("confidence very wide", "2000", 60, "2000", 1, "400", Mode.REDUCE_ONLY, F(1, 10)),
]  # fmt: skip


@pytest.mark.parametrize("cell", CELLS, ids=[cell[0] for cell in CELLS])
def test_read_two_live_feeds_gives_the_cell(feeds: Feeds, cell: Cell) -> None:
    _, push, push_age, pull, pull_age, conf, mode, confidence = cell
    now = feeds.chain.time + 10
    feeds.post_push(push, now - push_age)
    feeds.post_pull(pull, now - pull_age, conf)
    feeds.chain.set_time(now)
    seen = feeds.read()
    newer = pull if pull_age <= push_age else push
    assert seen["price"] == wad(newer)
    assert seen["low"] == min(wad(push), wad(pull) - wad(conf))
    assert seen["high"] == max(wad(push), wad(pull) + wad(conf))
    assert seen["mode"] == mode
    assert seen["asOf"] == now - min(push_age, pull_age)
    assert abs(seen["confidence"] - wad(confidence)) <= 2


@pytest.mark.parametrize("survivor", ["push", "pull"])
@pytest.mark.parametrize("death", ["age", "silence", "zero", "negative", "future"])
def test_read_one_feed_left_freezes_with_its_price(feeds: Feeds, survivor: str, death: str) -> None:
    now = feeds.chain.time + 10
    price = {"zero": "0", "negative": "-2000"}.get(death, "1900")
    time = {"age": now - VOID_AGE - 1, "future": now + 1}.get(death, now)
    post_dead = feeds.post_pull if survivor == "push" else feeds.post_push
    post_live = feeds.post_push if survivor == "push" else feeds.post_pull
    if death != "silence":
        post_dead(price, time)
    post_live("2000", now - 5)
    feeds.chain.set_time(now)
    seen = feeds.read()
    assert seen["mode"] == Mode.FROZEN
    assert (seen["price"], seen["low"], seen["high"]) == (wad(2000), wad(1960), wad(2040))
    assert seen["confidence"] == WAD // 10
    assert seen["asOf"] == now - 5


def test_read_confidence_as_wide_as_the_price_is_void(feeds: Feeds) -> None:
    feeds.post_push("2000", feeds.chain.time)
    feeds.post_pull("2100", feeds.chain.time, "2100")
    assert feeds.read()["price"] == wad(2000)


def test_read_no_feed_left_keeps_the_last_accepted_price(feeds: Feeds) -> None:
    accepted = feeds.chain.time + 100
    feeds.poke_at(accepted, "2000")
    feeds.chain.advance(VOID_AGE + 100)
    seen = feeds.read()
    assert (seen["price"], seen["low"], seen["high"]) == (wad(2000),) * 3
    assert (seen["mode"], seen["confidence"]) == (Mode.FROZEN, 0)
    assert seen["asOf"] == accepted - 3


def test_read_before_any_price_is_frozen_at_zero(feeds: Feeds) -> None:
    seen = feeds.read()
    assert (seen["price"], seen["mode"], seen["confidence"]) == (0, Mode.FROZEN, 0)
    assert feeds.guard.send("poke").ok


@pytest.mark.parametrize(
    "code",
    ["0xfe", "0x60006000fd", "0x", "0x60206000f3", "0x620fffff6000f3", "0x5b600056"],
    ids=["burns its gas", "reverts", "has no code", "answers briefly", "answers hugely", "loops"],
)
@pytest.mark.parametrize("sick", ["push", "pull", "both"])
def test_read_sick_feed_never_reverts(feeds: Feeds, code: str, sick: str) -> None:
    feeds.poke_at(feeds.chain.time + 10, "2000")
    for name in ("push", "pull") if sick == "both" else (sick,):
        feeds.chain.rpc.call("anvil_setCode", getattr(feeds, name).address, code)
    seen = feeds.read()
    assert (seen["mode"], seen["price"]) == (Mode.FROZEN, wad(2000))
    assert seen["confidence"] == (0 if sick == "both" else WAD // 10)
    assert feeds.guard.send("poke").ok


def test_read_starved_of_gas_reverts_instead_of_freezing(feeds: Feeds) -> None:
    feeds.post("2000")
    data = "0x" + feeds.chain.function("OracleGuard", "read").pack().hex()
    modes = set()
    for gas in range(24_000, 90_000, 500):
        request = {"to": feeds.guard.address, "data": data, "gas": hex(gas)}
        try:
            answer = feeds.chain.rpc.call("eth_call", request, "latest")
        except Exception:  # out of gas, or NotEnoughGas: any refusal will do
            continue
        modes.add(int(answer[2 + 4 * 64 : 2 + 5 * 64], 16))
    assert modes == {Mode.NORMAL}


@pytest.mark.parametrize(("decimals", "expo"), [(8, -8), (18, -18), (0, 0), (6, -5)])
def test_read_feed_scales_are_understood(chain: Chain, decimals: int, expo: int) -> None:
    push = chain.at(chain.deploy("MockPushFeed", decimals), "MockPushFeed")
    pull = chain.at(chain.deploy("MockPullFeed"), "MockPullFeed")
    guard = chain.deploy("OracleGuard", BOOK, PARAMS, push.address, pull.address, PULL_ID, NOBODY)
    push.must("post", 4 * 10**decimals, chain.time)
    pull.must("post", PULL_ID, 4 * 10**-expo, 0, expo, chain.time)
    seen = chain.call(guard, "OracleGuard", "read")
    assert (seen["price"], seen["mode"]) == (4 * WAD, Mode.NORMAL)


def test_params_read_back_are_those_given(feeds: Feeds) -> None:
    assert feeds.guard.call("params") == PARAMS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pushHeartbeat", 0),
        ("degradedSpread", 2 * WAD),
        ("twapWindow", 59),
        ("sequencerGrace", 86_401),
        ("disputeWindow", HEARTBEAT + PUSH_GRACE),
        ("disputeWindow", HEARTBEAT + PUSH_GRACE + 86_402),
    ],
)
def test_deploy_out_of_bounds_names_the_field(chain: Chain, field: str, value: int) -> None:
    with pytest.raises(Revert) as refusal:
        make(chain, **{field: value})
    assert refusal.value.name == "ParamOutOfBounds"
    assert refusal.value.args_exact["field"] == f"oracle.{field}"


def test_read_gas_is_within_budget(feeds: Feeds) -> None:
    feeds.poke_at(feeds.chain.time + 10, "2000")
    used = feeds.guard.send("read").gas - TRANSACTION_GAS
    assert used <= GAS_BUDGET_READ


# ------------------------------------------------------------------ jumps


def settled_at_2000(feeds: Feeds) -> int:
    """Pokes 2000 for a whole window; returns the time of the last poke."""
    time = feeds.chain.time + 10
    for step in range(4):
        feeds.poke_at(time + step * 600, "2000")
    return time + 1800


@pytest.mark.parametrize(
    ("price", "mode"),
    [("2240", Mode.NORMAL), ("2240.01", Mode.REDUCE_ONLY),
     ("1760", Mode.NORMAL), ("1759.99", Mode.REDUCE_ONLY)],
)  # fmt: skip
def test_read_far_from_twap_is_degraded(feeds: Feeds, price: str, mode: Mode) -> None:
    time = settled_at_2000(feeds)
    feeds.post_push(price, time)
    feeds.post_pull(price, time)
    seen = feeds.read()
    assert (seen["mode"], seen["price"]) == (mode, wad(price))


def test_poke_jump_degrades_until_the_cooldown_ends(feeds: Feeds) -> None:
    time = settled_at_2000(feeds) + 60
    receipt = feeds.poke_at(time, "2300")
    (jump,) = receipt.named("JumpDetected")
    assert jump == {"price": wad(2300), "twap": wad(2000), "until": time + COOLDOWN}
    assert receipt.named("Poked")[0]["mode"] == Mode.REDUCE_ONLY
    feeds.poke_at(time + 60, "2000")
    assert feeds.read()["mode"] == Mode.REDUCE_ONLY
    for moment, mode in ((COOLDOWN - 1, Mode.REDUCE_ONLY), (COOLDOWN, Mode.NORMAL)):
        feeds.post_push("2000", time + moment)
        feeds.post_pull("2000", time + moment)
        feeds.chain.set_time(max(time + moment, feeds.chain.time + 1))
        if feeds.chain.time == time + moment:
            assert feeds.read()["mode"] == mode
    assert feeds.read()["mode"] == Mode.NORMAL


def test_poke_jump_limit_zero_is_off(chain: Chain) -> None:
    feeds = make(chain, jumpLimit=0)
    time = settled_at_2000(feeds)
    assert feeds.poke_at(time + 60, "9000").named("JumpDetected") == []
    assert feeds.read()["mode"] == Mode.NORMAL


def test_poke_untrusted_price_does_not_enter_the_twap(feeds: Feeds) -> None:
    time = settled_at_2000(feeds)
    feeds.post_push("2000", time)
    feeds.post_pull("3000", time)
    feeds.chain.set_time(time + 300)
    feeds.guard.must("poke")
    feeds.chain.set_time(time + 900)
    assert feeds.guard.call("twap") == wad(2000)


# ------------------------------------------------------------------ TWAP


def average(path: list[tuple[int, Fraction]], start: int, end: int) -> Fraction:
    """Time-weighted average of a step path [(time, price from then on)]."""
    total = Fraction(0)
    for index, (time, price) in enumerate(path):
        until = path[index + 1][0] if index + 1 < len(path) else end
        spell = min(until, end) - max(time, start)
        total += price * max(0, spell)
    return total / (end - start)


def test_twap_of_spaced_pokes_is_the_exact_average(feeds: Feeds) -> None:
    rng = np.random.default_rng(7)
    time = feeds.chain.time + 10
    path: list[tuple[int, Fraction]] = []
    for _ in range(50):
        price = Fraction(int(rng.integers(190_000, 210_000)), 100)
        feeds.poke_at(time, str(float(price)))
        path.append((time, price))
        end = time + 7
        feeds.chain.set_time(end)
        start = max(path[0][0], end - WINDOW)
        assert abs(feeds.guard.call("twap") - wad(average(path, start, end))) <= 2
        time += int(rng.integers(57, 200))


def test_twap_of_dense_pokes_is_near_the_average(feeds: Feeds) -> None:
    """Observations denser than a 32nd of the window are merged: its first edge is interpolated."""
    time = feeds.chain.time + 10
    path: list[tuple[int, Fraction]] = []
    for step in range(300):
        price = Fraction(2000 + step % 2)
        feeds.poke_at(time, str(int(price)))
        path.append((time, price))
        time += 11
    end = feeds.chain.time
    expected = wad(average(path, end - WINDOW, end))
    assert abs(feeds.guard.call("twap") - expected) <= wad(Fraction(57, WINDOW))


def test_poke_twice_in_a_block_counts_once(feeds: Feeds) -> None:
    time = feeds.chain.time + 100
    feeds.poke_at(time, "2000")
    assert feeds.guard.call("poke")["price"] == wad(2000)
    feeds.chain.set_time(time + 600)
    assert feeds.guard.call("twap") == wad(2000)


# ------------------------------------------------------------------ settlement


def rounds(feeds: Feeds, first: int, *prices: str, spacing: int = 600) -> None:
    """Posts rounds 1, 2, ... at first, first + spacing, ... and moves past the last one."""
    for index, price in enumerate(prices):
        feeds.post_push(price, first + index * spacing)
    feeds.chain.set_time(max(feeds.chain.time + 1, first + spacing * len(prices)))


def test_fix_settlement_takes_the_first_round_after_expiry(feeds: Feeds) -> None:
    first = feeds.chain.time
    rounds(feeds, first, "2000", "2100", "2200", "2300")
    expiry = first + 700
    receipt = feeds.guard.must("fixSettlement", expiry, 3)
    assert receipt.named("SettlementFixed") == [
        {"expiry": expiry, "price": wad(2200), "roundId": 3, "fromTwap": False}
    ]
    assert feeds.guard.call("settlementPrice", expiry) == wad(2200)


def test_fix_settlement_round_exactly_at_expiry_counts(feeds: Feeds) -> None:
    first = feeds.chain.time
    rounds(feeds, first, "2000", "2100", "2200")
    assert feeds.guard.call("fixSettlement", first + 600, 2) == wad(2100)


@pytest.mark.parametrize("wrong", [0, 1, 2, 4, 5, 2**80 - 1])
def test_fix_settlement_any_other_round_is_refused(feeds: Feeds, wrong: int) -> None:
    first = feeds.chain.time
    rounds(feeds, first, "2000", "2100", "2200", "2300")
    receipt = feeds.guard.send("fixSettlement", first + 700, wrong)
    assert receipt.error is not None
    assert receipt.error.name == "WrongRound"
    assert feeds.guard.call("settlementPrice", first + 700) == 0


def test_fix_settlement_is_fixed_for_ever(feeds: Feeds) -> None:
    first = feeds.chain.time
    rounds(feeds, first, "2000", "2100", "2200")
    expiry = first + 100
    feeds.guard.must("fixSettlement", expiry, 2)
    rounds(feeds, first + 5000, "9000", "9100")
    for again in (0, 1, 2, 3, 4):
        assert feeds.guard.call("fixSettlement", expiry, again) == wad(2100)
        assert feeds.guard.must("fixSettlement", expiry, again).named("SettlementFixed") == []


def test_fix_settlement_before_expiry_is_refused(feeds: Feeds) -> None:
    first = feeds.chain.time
    rounds(feeds, first, "2000", "2100")
    receipt = feeds.guard.send("fixSettlement", first + 10_000, 2)
    assert receipt.error is not None
    assert receipt.error.name == "NotExpired"


def twap_world(feeds: Feeds) -> int:
    """A push round, an hour of pull prices, 2000 then 2008; an expiry 900 s into the latter."""
    time = feeds.chain.time + 10
    feeds.post_push("2000", time - 3)
    for step in range(7):
        feeds.post_pull("2000" if step < 3 else "2008", time + step * 600 - 3)
        feeds.chain.rpc.call("evm_setNextBlockTimestamp", hex(time + step * 600))
        feeds.guard.must("poke")
    return time + 1800 + 900


def test_fix_settlement_late_round_falls_back_to_the_twap(feeds: Feeds) -> None:
    expiry = twap_world(feeds)
    feeds.post_push("2500", expiry + HEARTBEAT + PUSH_GRACE + 1)
    feeds.chain.set_time(expiry + 2 * HEARTBEAT)
    (fixed,) = feeds.guard.must("fixSettlement", expiry, 2).named("SettlementFixed")
    assert fixed["fromTwap"]
    assert fixed["price"] == wad(2004)


def test_fix_settlement_silent_feed_waits_for_the_deadline(feeds: Feeds) -> None:
    expiry = twap_world(feeds)
    feeds.chain.set_time(expiry + HEARTBEAT + PUSH_GRACE)
    with pytest.raises(Revert, match="WrongRound"):
        feeds.guard.call("fixSettlement", expiry, 1)
    feeds.chain.set_time(expiry + HEARTBEAT + PUSH_GRACE + 1)
    (fixed,) = feeds.guard.must("fixSettlement", expiry, 1).named("SettlementFixed")
    assert fixed["fromTwap"]
    assert fixed["price"] == wad(2004)


def test_fix_settlement_round_without_a_predecessor_waits_a_day(feeds: Feeds) -> None:
    """A feed that began after the expiry proves nothing; the TWAP is the exit."""
    expiry = feeds.chain.time - 50
    feeds.poke_at(feeds.chain.time + 10, "2000")
    receipt = feeds.guard.send("fixSettlement", expiry, 1)
    assert receipt.error is not None
    assert receipt.error.name == "WrongRound"
    feeds.chain.set_time(expiry + 86_400)
    (fixed,) = feeds.guard.must("fixSettlement", expiry, 1).named("SettlementFixed")
    assert fixed["fromTwap"]
    assert fixed["price"] == wad(2000)


def test_fix_settlement_a_wrong_round_is_wrong_after_a_day_too(feeds: Feeds) -> None:
    """Else whoever waits could choose the average."""
    first = feeds.chain.time
    feeds.guard.must("poke")
    rounds(feeds, first, "2000", "2100", "2200", "2300")
    expiry = first + 700
    feeds.chain.set_time(expiry + 90_000)
    for wrong in (0, 2, 4, 5, 2**80 - 1):
        assert refusal_of(feeds.guard.send("fixSettlement", expiry, wrong)) == "WrongRound"
    assert feeds.guard.call("fixSettlement", expiry, 3) == wad(2200)


def test_fix_settlement_without_any_price_is_refused(feeds: Feeds) -> None:
    expiry = feeds.chain.time
    feeds.chain.set_time(expiry + 90_000)
    receipt = feeds.guard.send("fixSettlement", expiry, 1)
    assert receipt.error is not None
    assert receipt.error.name == "NoSettlementPrice"


def test_fix_settlement_cannot_be_chosen_by_the_moment(
    feeds: Feeds, user: Callable[[int], str]
) -> None:
    """Whoever asks, whenever: every round id gives the one price or a refusal."""
    first = feeds.chain.time
    rounds(feeds, first, "2000", "2100", "2200", "2300", "2400")
    expiry = first + 1300
    prices = set()
    for delay in (0, HEARTBEAT, 2 * HEARTBEAT):
        feeds.chain.set_time(feeds.chain.time + 1 + delay)
        for round_id in range(8):
            token = feeds.chain.snapshot()
            receipt = feeds.guard.send("fixSettlement", expiry, round_id, sender=user(round_id))
            prices |= {event["price"] for event in receipt.named("SettlementFixed")}
            feeds.chain.revert(token)
    assert prices == {wad(2300)}


# ------------------------------------------------------------------ the sequencer

GRACE = 1800


@pytest.fixture
def rollup(chain: Chain) -> tuple[Feeds, Contract]:
    """A guard that asks an uptime feed, 2000 accepted, and that feed."""
    uptime = chain.at(chain.deploy("MockUptimeFeed"), "MockUptimeFeed")
    feeds = make(chain, uptime.address, sequencerGrace=GRACE)
    feeds.poke_at(feeds.chain.time + 10, "2000")
    return feeds, uptime


def test_sequencer_running_changes_nothing(rollup: tuple[Feeds, Contract]) -> None:
    feeds, _ = rollup
    seen = feeds.read()
    assert (seen["mode"], seen["confidence"]) == (Mode.NORMAL, WAD)


def test_sequencer_down_and_grace_price_nothing(rollup: tuple[Feeds, Contract]) -> None:
    feeds, uptime = rollup
    now = feeds.chain.time
    uptime.must("post", False, now)
    feeds.post("2000")
    seen = feeds.read()
    assert (seen["mode"], seen["confidence"], seen["price"]) == (Mode.FROZEN, 0, wad(2000))
    back = now + 600
    uptime.must("post", True, back)
    for moment, mode in ((back + GRACE, Mode.FROZEN), (back + GRACE + 1, Mode.NORMAL)):
        feeds.post_push("2000", moment - 3)
        feeds.post_pull("2000", moment - 3)
        feeds.chain.set_time(moment)
        seen = feeds.read()
        assert (seen["mode"], seen["confidence"]) == (mode, 0 if mode else WAD)


def test_sequencer_down_prices_stay_out_of_the_twap(rollup: tuple[Feeds, Contract]) -> None:
    feeds, uptime = rollup
    uptime.must("post", False, feeds.chain.time)
    time = feeds.chain.time + 60
    feeds.poke_at(time, "1000")
    feeds.chain.set_time(time + 1800)
    assert feeds.guard.call("twap") == wad(2000)


@pytest.mark.parametrize("since", ["never", "tomorrow"])
def test_sequencer_feed_without_a_valid_round_counts_as_down(
    rollup: tuple[Feeds, Contract], since: str
) -> None:
    feeds, uptime = rollup
    uptime.must("post", True, 0 if since == "never" else feeds.chain.time + 86_400)
    assert feeds.read()["mode"] == Mode.FROZEN


@pytest.mark.parametrize("code", ["0xfe", "0x60006000fd", "0x", "0x60206000f3", "0x5b600056"])
def test_sequencer_feed_that_is_sick_counts_as_down(
    rollup: tuple[Feeds, Contract], code: str
) -> None:
    feeds, uptime = rollup
    feeds.chain.rpc.call("anvil_setCode", uptime.address, code)
    assert feeds.read()["mode"] == Mode.FROZEN
    assert feeds.guard.send("poke").ok


def test_sequencer_grace_zero_is_off(chain: Chain) -> None:
    uptime = chain.at(chain.deploy("MockUptimeFeed"), "MockUptimeFeed")
    feeds = make(chain, uptime.address, sequencerGrace=0)
    uptime.must("post", False, feeds.chain.time)
    feeds.poke_at(feeds.chain.time + 10, "2000")
    assert feeds.read()["mode"] == Mode.NORMAL


# ------------------------------------------------------------------ the dispute window

DISPUTE = HEARTBEAT + PUSH_GRACE + 600


def disputable(chain: Chain, outlier: str) -> tuple[Feeds, int]:
    """A guard with a window; half an hour at 2000, then the round that settles says ``outlier``."""
    guarded = make_with_guardian(chain)
    time = guarded.chain.time + 10
    guarded.post_push("2000", time - 3)
    for step in range(4):
        guarded.post_pull("2000", time + step * 600 - 3)
        guarded.chain.rpc.call("evm_setNextBlockTimestamp", hex(time + step * 600))
        guarded.guard.must("poke")
    expiry = time + 2000
    guarded.post_push(outlier, expiry + 50)
    guarded.chain.set_time(expiry + 60)
    return guarded, expiry


def make_with_guardian(chain: Chain) -> Feeds:
    push, pull = chain.deploy("MockPushFeed", 8), chain.deploy("MockPullFeed")
    book, params = {**BOOK, "guardian": DEPLOYER}, {**PARAMS, "disputeWindow": DISPUTE}
    guard = chain.deploy("OracleGuard", book, params, push, pull, PULL_ID, NOBODY)
    found = (chain.at(push, "MockPushFeed"), chain.at(pull, "MockPullFeed"))
    return Feeds(chain, *found, chain.at(guard, "OracleGuard"))


def refusal_of(receipt: Receipt) -> str:
    return "" if receipt.error is None else receipt.error.name


def test_fix_settlement_waits_for_the_dispute_window(chain: Chain) -> None:
    feeds, expiry = disputable(chain, "2010")
    assert refusal_of(feeds.guard.send("fixSettlement", expiry, 2)) == "DisputeOpen"
    feeds.chain.set_time(expiry + DISPUTE - 2)
    with pytest.raises(Revert, match="DisputeOpen"):
        feeds.guard.call("fixSettlement", expiry, 2)
    feeds.chain.set_time(expiry + DISPUTE)
    (fixed,) = feeds.guard.must("fixSettlement", expiry, 2).named("SettlementFixed")
    assert (fixed["price"], fixed["fromTwap"]) == (wad(2010), False)


def test_dispute_of_an_outlier_fixes_the_twap_for_ever(chain: Chain) -> None:
    feeds, expiry = disputable(chain, "2500")
    receipt = feeds.guard.must("dispute", expiry, 2, sender=DEPLOYER)
    assert receipt.named("SettlementDisputed") == [
        {"expiry": expiry, "round": wad(2500), "average": wad(2000)}
    ]
    (fixed,) = receipt.named("SettlementFixed")
    assert (fixed["price"], fixed["fromTwap"]) == (wad(2000), True)
    assert refusal_of(feeds.guard.send("dispute", expiry, 2, sender=DEPLOYER)) == "DisputeOver"
    feeds.post_push("3000", feeds.chain.time)
    feeds.chain.set_time(expiry + DISPUTE + 10)
    assert feeds.guard.call("fixSettlement", expiry, 2) == wad(2000)
    assert feeds.guard.call("fixSettlement", expiry, 3) == wad(2000)


@pytest.mark.parametrize("price", ["1960", "1999", "2040"])
def test_dispute_of_an_honest_round_is_refused(chain: Chain, price: str) -> None:
    """Within two per cent of the average, the guardian has no say."""
    feeds, expiry = disputable(chain, price)
    assert refusal_of(feeds.guard.send("dispute", expiry, 2, sender=DEPLOYER)) == "NothingToDispute"


def test_dispute_is_the_guardians_alone_and_ends(chain: Chain, user: Callable[[int], str]) -> None:
    feeds, expiry = disputable(chain, "2500")
    assert refusal_of(feeds.guard.send("dispute", expiry, 2, sender=user(1))) == "OnlyGuardian"
    assert refusal_of(feeds.guard.send("dispute", expiry, 1, sender=DEPLOYER)) == "WrongRound"
    feeds.chain.set_time(expiry + DISPUTE)
    assert refusal_of(feeds.guard.send("dispute", expiry, 2, sender=DEPLOYER)) == "DisputeOver"


def test_dispute_without_an_observation_before_the_expiry_is_refused(chain: Chain) -> None:
    """An average that is older than its window would be a price that the guardian chose."""
    feeds = make_with_guardian(chain)
    feeds.poke_at(feeds.chain.time + 10, "2000")
    expiry = feeds.chain.time + WINDOW + 60
    feeds.post_push("2500", expiry + 5)
    feeds.chain.set_time(expiry + 10)
    assert refusal_of(feeds.guard.send("dispute", expiry, 2, sender=DEPLOYER)) == "NothingToDispute"


def test_dispute_window_leaves_two_prices_at_most_whoever_calls_when(
    chain: Chain, user: Callable[[int], str]
) -> None:
    """Every caller, round and moment: the round's price, or the average if the guardian acted."""
    feeds, expiry = disputable(chain, "2500")
    prices = set()
    for delay in (70, 600, DISPUTE - 10, DISPUTE, 2 * DISPUTE, 90_000):
        for round_id in range(4):
            for sender in (user(1), DEPLOYER):
                token = feeds.chain.snapshot()
                feeds.chain.set_time(expiry + delay)
                feeds.post_push("2600", expiry + delay)
                if sender == DEPLOYER:
                    feeds.guard.send("dispute", expiry, round_id, sender=sender)
                receipt = feeds.guard.send("fixSettlement", expiry, round_id, sender=sender)
                if receipt.ok:
                    prices.add((sender == DEPLOYER, feeds.guard.call("settlementPrice", expiry)))
                feeds.chain.revert(token)
    assert prices == {(False, wad(2500)), (True, wad(2500)), (True, wad(2000))}
