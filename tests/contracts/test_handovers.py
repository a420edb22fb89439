"""Books first, tokens later: what trades book, and who gets tokens when."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, Revert
from tests.contracts.pool_world import WAD, Pool, build

Users = Callable[[int], str]

STRIKES = [1600.0, 1800.0, 2000.0, 2200.0, 2400.0]
NOTHING = {"toVault": 0, "toInsurance": 0}


@pytest.fixture
def pool(chain: Chain, user: Users) -> Pool:
    """A million from user 1, no delays; users 2 and 3 have 50,000 each in the market."""
    delays = {"vault.depositDelay": 0, "vault.withdrawalDelay": 0, "vault.withdrawalFee": 0}
    pool = build(chain, delays | {"pricing.volMaxAge": 0, "hedge.gateSlack": 0})
    pool.fund(*(user(i) for i in range(1, 4)))
    pool.deposit(user(1), 1_000_000)
    pool.list(30, STRIKES)
    for i in (2, 3):
        pool.must(user(i), "market", "deposit", 50_000 * WAD)
    return pool


def custody(pool: Pool) -> list[int]:
    """Tokens of market, vault and fund."""
    return [pool.held(pool.deployment.addresses[r]) for r in ("market", "vault", "insurance")]


def trade(pool: Pool, user: str, size: float) -> int:
    """The at-the-money call; what it cost."""
    (expiry,) = pool.view("ledger", "expiries")
    return int(pool.trade(user, expiry, 2, True, size)["result"]["cash"])


def test_trade_moves_books_alone_and_square_moves_the_tokens_once(pool: Pool, user: Users) -> None:
    before, fund = custody(pool), pool.view("insurance", "balance")
    cash = trade(pool, user(2), 5)
    assert custody(pool) == before
    insured = pool.view("insurance", "balance") - fund
    waiting = {"toVault": cash - insured, "toInsurance": insured}
    assert insured > 0
    assert pool.view("market", "handovers") == waiting
    assert pool.must(DEPLOYER, "market", "square").named("Squared") == [waiting]
    assert custody(pool) == [before[0] - cash, before[1] + cash - insured, before[2] + insured]
    assert pool.view("market", "handovers") == NOTHING
    assert pool.must(DEPLOYER, "market", "square").named("Squared") == []


def test_opposite_trades_net_before_tokens_move(pool: Pool, user: Users) -> None:
    before = custody(pool)
    paid = trade(pool, user(2), 5) + trade(pool, user(3), -5)
    pool.square()
    assert before[0] - custody(pool)[0] == paid
    assert abs(paid) < 100 * WAD  # fees, not premiums


def test_withdrawal_of_gains_takes_tokens_from_the_vault(pool: Pool, user: Users) -> None:
    """The whole of two balances, more than was ever deposited; nobody squares by hand."""
    trade(pool, user(2), 5)
    pool.square()
    pool.move_to(pool.chain.time + 60, 2400.0)
    trade(pool, user(2), -5)
    assert pool.view("market", "handovers")["toVault"] < 0
    balances = [pool.view("market", "balanceOf", user(i)) for i in (3, 2)]
    assert sum(balances) > 100_000 * WAD
    for i, balance in zip((3, 2), balances, strict=True):
        had = pool.held(user(i))
        pool.must(user(i), "market", "withdraw", balance)
        assert pool.held(user(i)) - had == balance
    assert custody(pool)[0] == pool.view("market", "totalBalances") == 0
    assert custody(pool)[1] == pool.view("vault", "cash")


def test_payments_are_from_own_tokens_while_they_suffice(pool: Pool, user: Users) -> None:
    trade(pool, user(2), 5)
    waiting, before = pool.view("market", "handovers"), custody(pool)
    had = pool.held(user(1))
    pool.withdraw(user(1), 100 * WAD)
    assert pool.held(user(1)) - had == before[1] - custody(pool)[1] > 99 * WAD
    assert pool.view("market", "handovers") == waiting != NOTHING
    assert custody(pool)[0] == before[0]


def test_last_provider_leaves_with_what_the_market_still_held(pool: Pool, user: Users) -> None:
    cost = trade(pool, user(2), 5) + trade(pool, user(2), -5)  # fees stay with the pool
    assert pool.view("market", "handovers")["toVault"] > 0
    had, cash = pool.held(user(1)), pool.view("vault", "cash")
    assert cash > 1_000_000 * WAD
    (expiry,) = pool.view("ledger", "expiries")
    pool.move_to(expiry, 2000.0)
    pool.must(DEPLOYER, "market", "settleExpiry", expiry, pool.view("push", "latestRound"))
    pool.must(DEPLOYER, "market", "sweep", expiry, 10)
    pool.withdraw(user(1), pool.view("vault", "sharesOf", user(1)))
    assert pool.held(user(1)) - had == pytest.approx(cash, abs=WAD)
    assert cost > 0


def test_hand_over_by_a_stranger_is_refused(pool: Pool, user: Users) -> None:
    with pytest.raises(Revert, match="OnlyProtocol"):
        pool.must(user(3), "vault", "handOver", WAD)
