"""OptionMarket in the real protocol: what trades cost, which are refused and with which numbers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from mpmath import mp, mpf

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, Revert
from amm_sim.types import series_id
from amm_sim.units import to_wad
from tests.contracts.ledger_world import YEAR, black
from tests.contracts.pool_world import ENOUGH, UNIT, WAD, Pool, build

Users = Callable[[int], str]

STRIKES = [1600.0, 1800.0, 2000.0, 2200.0, 2400.0]
PLAIN = {
    "vault.depositDelay": 0,
    "pricing.impact": 0,
    "pricing.volMaxAge": 0,
    "hedge.gateSlack": 0,
}
"""No shift: a trade costs its size times Black-76 at the anchor."""


@pytest.fixture
def pool(chain: Chain, user: Users) -> Pool:
    """A million from user 1; users 2 and 3 trade; strikes around 2000 for 30 days."""
    pool = build(chain, PLAIN)
    pool.fund(*(user(i) for i in range(1, 5)))
    pool.deposit(user(1), 1_000_000)
    pool.list(30, STRIKES)
    for i in (2, 3):
        pool.must(user(i), "market", "deposit", 50_000 * WAD)
    return pool


def expiry(pool: Pool) -> int:
    return int(pool.view("ledger", "expiries")[0])


def price(pool: Pool, strike: int, is_call: bool, time: int) -> tuple[mpf, mpf]:
    """Value and delta of one contract by the textbook."""
    years = mpf(expiry(pool) - time) / YEAR
    quote = black(mpf(2000), mpf(STRIKES[strike]), years, mpf("0.8"))
    if is_call:
        return quote["call"], quote["delta"]
    return quote["call"] + mpf(STRIKES[strike]) - 2000, quote["delta"] - 1


def refused(pool: Pool, user: str, strike: int, is_call: bool, size: float) -> Revert:
    """The refusal of a trade at any price."""
    arguments = (series_id(expiry(pool), strike, is_call), to_wad(size), ENOUGH)
    with pytest.raises(Revert) as caught:
        pool.must(user, "market", "trade", *arguments)
    return caught.value


# ------------------------------------------------------------------ price and fee


@pytest.mark.parametrize(
    ("strike", "is_call", "size"),
    [(2, True, 2.0), (2, False, 2.0), (4, True, 1.5), (2, True, -2.0), (1, False, -1.25)],
)
def test_trade_moves_premium_and_fee_by_the_textbook(
    pool: Pool, user: Users, strike: int, is_call: bool, size: float
) -> None:
    cash, fund = pool.view("vault", "cash"), pool.view("insurance", "balance")
    event = pool.trade(user(2), expiry(pool), strike, is_call, size)
    result: dict[str, Any] = event["result"]
    value, delta = price(pool, strike, is_call, pool.chain.time)
    assert result["premium"] / WAD == pytest.approx(float(value * size), abs=1e-12)
    assert result["delta"] / WAD == pytest.approx(float(delta), abs=1e-12)
    share = max(mpf("0.005") * value, mpf("0.0006") * 2000 * max(abs(delta), mpf("0.1")))
    assert result["fee"] / WAD == pytest.approx(float(share * abs(size)), abs=1e-12)
    # cash: premium and fee, rounded up to a millionth of a dollar
    exact = result["premium"] + result["fee"]
    assert result["cash"] % UNIT == 0
    assert 0 <= result["cash"] - exact < UNIT
    balance = pool.view("market", "balanceOf", user(2))
    assert balance == 50_000 * WAD - result["cash"]
    insured = result["fee"] // 10 // UNIT * UNIT
    assert pool.view("insurance", "balance") - fund == insured
    assert pool.view("vault", "cash") - cash == result["cash"] - insured


def test_fee_grows_with_band_and_doubt(pool: Pool, user: Users) -> None:
    now = pool.chain.time
    identity = bytes.fromhex("ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace")
    pool.must(DEPLOYER, "pull", "post", identity, 2000 * 10**8, 4 * 10**8, -8, now)
    seen = pool.view("oracle", "read")
    assert (seen["low"], seen["high"]) == (1996 * WAD, 2004 * WAD)
    quote = pool.view("market", "quote", series_id(expiry(pool), 2, True), WAD)
    value, delta = price(pool, 2, True, pool.chain.time)
    half = max(mpf("0.005") * value, mpf("0.0006") * 2000 * delta) + delta * 4
    doubt = 1 - mpf(seen["confidence"]) / WAD
    assert quote["fee"] / WAD == pytest.approx(float(half * (1 + 3 * doubt)), abs=1e-10)


def test_quote_is_what_the_next_block_charges(pool: Pool, user: Users) -> None:
    pool.chain.set_time(pool.chain.time + 30)
    arguments = (series_id(expiry(pool), 3, False), to_wad(-1.5))
    quote = pool.view("market", "quote", *arguments)
    result = pool.trade(user(2), expiry(pool), 3, False, -1.5)["result"]
    assert result["cash"] == pytest.approx(quote["cash"], abs=1e15)  # a second of theta


# ------------------------------------------------------------------ refusals


def test_short_beyond_its_margin_is_refused_with_equity_and_requirement(
    pool: Pool, user: Users
) -> None:
    pool.must(user(4), "market", "deposit", 300 * WAD)
    error = refused(pool, user(4), 2, True, -1)
    assert error.name == "InsufficientMargin"
    leg = [{"id": series_id(expiry(pool), 2, True), "size": -WAD}]
    need = pool.view("margin", "marginFor", leg, 0, 0, 2000 * WAD)["initialMargin"]
    assert error.args_exact["required"] == pytest.approx(need, rel=1e-6)
    value, delta = price(pool, 2, True, pool.chain.time)
    fee = max(mpf("0.005") * value, mpf("0.0006") * 2000 * delta)
    assert error.args_exact["equity"] / WAD == pytest.approx(float(300 - fee), abs=1e-5)


def test_delta_beyond_the_block_limit_is_refused_with_dollars(pool: Pool, user: Users) -> None:
    error = refused(pool, user(2), 2, True, 30)
    assert error.name == "AccountDeltaLimit"
    _, delta = price(pool, 2, True, pool.chain.time)
    assert error.args_exact["dollars"] / WAD == pytest.approx(float(30 * delta * 2000), abs=0.02)
    # 2 % of a million and of what the trade itself added
    assert error.args_exact["limit"] / WAD == pytest.approx(20_000, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "strike", "size"),
    [("SizeTooSmall", 2, 0.001), ("UnknownSeries", 9, 1.0), ("DeltaOutOfRange", 0, 0.02)],
)
def test_trade_that_may_not_be_is_refused_by_name(
    pool: Pool, user: Users, name: str, strike: int, size: float
) -> None:
    pool.move_to(expiry(pool) - 5 * 86_400, 2600.0)
    assert refused(pool, user(2), strike, True, size).name == name


def test_withdrawal_leaves_the_initial_margin(pool: Pool, user: Users) -> None:
    pool.trade(user(2), expiry(pool), 2, False, -5)
    view = pool.view("margin", "marginOf", user(2))
    spare = (view["equity"] - view["initialMargin"]) // UNIT * UNIT
    with pytest.raises(Revert) as caught:
        pool.must(user(2), "market", "withdraw", spare + UNIT)
    assert caught.value.name == "InsufficientMargin"
    pool.must(user(2), "market", "withdraw", spare - 1000 * UNIT)


# ------------------------------------------------------------------ books


def test_round_trip_costs_exactly_its_fees_and_rounding(pool: Pool, user: Users) -> None:
    out = pool.trade(user(2), expiry(pool), 2, True, 4)["result"]
    back = pool.trade(user(2), expiry(pool), 2, True, -4)["result"]
    lost = 50_000 * WAD - pool.view("market", "balanceOf", user(2))
    assert lost == out["cash"] + back["cash"]
    theta = out["premium"] + back["premium"]  # a second passes between the blocks
    assert lost == pytest.approx(out["fee"] + back["fee"] + theta, abs=2 * UNIT)
    assert pool.view("market", "legsOf", user(2)) == []


def test_money_is_conserved_by_trades_of_all_kinds(pool: Pool, user: Users) -> None:
    total = sum(pool.held(pool.deployment.addresses[r]) for r in ("market", "vault", "insurance"))
    for strike, is_call, size in [(2, True, 5), (3, False, -4), (2, True, -2), (1, False, 3)]:
        pool.trade(user(2), expiry(pool), strike, is_call, size)
        pool.trade(user(3), expiry(pool), strike, is_call, -size / 2)
    pool.square()
    held = [pool.held(pool.deployment.addresses[r]) for r in ("market", "vault", "insurance")]
    assert sum(held) == total
    balances = sum(pool.view("market", "balanceOf", user(i)) for i in (2, 3))
    assert held == [balances, pool.view("vault", "cash"), pool.view("insurance", "balance")]
    assert pool.view("market", "totalBalances") == balances


def test_open_interest_counts_longs_and_shorts(pool: Pool, user: Users) -> None:
    pool.trade(user(2), expiry(pool), 2, True, 5)
    pool.trade(user(3), expiry(pool), 2, True, -3)
    pool.trade(user(2), expiry(pool), 2, True, -6)  # across zero: long 5 to short 1
    interest = pool.view("market", "openInterest", series_id(expiry(pool), 2, True))
    assert interest == {"longs": 0, "shorts": 4 * WAD}
    assert pool.view("ledger", "book", expiry(pool))["net"][2] == -4 * WAD


def test_uncovered_debt_is_what_the_collateral_lacks(pool: Pool, user: Users) -> None:
    pool.must(user(4), "market", "deposit", 1_000 * WAD)
    pool.trade(user(4), expiry(pool), 2, True, -2)
    assert pool.view("market", "uncovered")["current"] == 0
    pool.post(4000.0)
    pool.must(DEPLOYER, "market", "touch", user(4))
    with mp.workdps(30):
        years = mpf(expiry(pool) - pool.chain.time) / YEAR
        owed = 2 * black(mpf(4000), mpf(2000), years, mpf("0.8"))["call"]
        balance = mpf(pool.view("market", "balanceOf", user(4))) / WAD
    current = Decimal(pool.view("market", "uncovered")["current"]) / WAD
    assert float(current) == pytest.approx(float(owed - balance), abs=1e-8)


def test_limits_of_an_open_know_every_debt_until_the_last_is_covered(
    pool: Pool, user: Users
) -> None:
    """The market skips the sum of debts when there is none: two debtors, paid up one by one."""
    pool.must(user(3), "market", "withdraw", 30_000 * WAD)
    pool.must(user(4), "market", "deposit", 20_000 * WAD)
    for i in (3, 4) * 4:
        pool.trade(user(i), expiry(pool), 2, True, -10)
    pool.move_to(pool.chain.time + 60, 2800.0)
    missed = []
    for covers in (None, 3, 4):
        if covers:
            pool.must(user(covers), "market", "deposit", 50_000 * WAD)
        else:
            for i in (3, 4):
                pool.must(DEPLOYER, "market", "touch", user(i))
        nav = pool.view("vault", "navParts")
        missed.append(nav["uncovered"])
        # the account's delta limit is 2 % of NAV after the trade, which is fair but for the fee
        receipt = pool.send(
            user(2), "market", "trade", series_id(expiry(pool), 4, True), 40 * WAD, ENOUGH
        )
        assert receipt.error is not None
        assert receipt.error.name == "AccountDeltaLimit"
        assert receipt.error.args["limit"] == pytest.approx(nav["nav"] / 50, rel=3e-4)
    assert missed[0] > 1.9 * missed[1] > 8_000 * WAD
    assert missed[2] == 0
