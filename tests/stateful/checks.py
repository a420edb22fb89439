"""The invariants of every state: the protocol's own words beside the ghost's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amm_sim.types import series_id
from tests.stateful.ghost import LOT, WAD
from tests.stateful.world import HOLDERS, MINTED, PEOPLE, TRADERS, View

if TYPE_CHECKING:
    from tests.stateful.core import Core

LANE = (1 << 64) - 1
LOT_PRICE = 10**6
"""A lot's payoff is in whole wei: a contract's in a million of them."""
RECENT = 3
"""Settled expiries whose price is looked at again."""


def check(life: Core) -> None:
    """Reads the protocol once and holds it against the ghost."""
    ghost, world = life.ghost, life.world
    ghost.forget(world.time - 2 * life.p["auction"]["slow"])
    token = [world.deployment.addresses[role] for role in HOLDERS] + PEOPLE
    books = [e for e in ghost.strikes if e not in ghost.settled]
    old = list(ghost.settled)[-RECENT:]
    plan: list[View] = [
        ("lens", "accounts", (PEOPLE,)),
        ("market", "totalBalances", ()),
        ("vault", "cash", ()),
        ("vault", "pendingDeposits", ()),
        ("vault", "pendingWithdrawals", ()),
        ("vault", "totalShares", ()),
        ("insurance", "balance", ()),
        ("vault", "solvency", ()),
        ("oracle", "read", ()),
        ("auction", "liveInsolvent", ()),
        ("quote", "totalSupply", ()),
        ("market", "handovers", ()),
        ("collateral", "totalUnits", ()),
        ("collateral", "stock", ()),
        ("underlying", "balanceOf", (world.deployment.addresses["collateral"],)),
    ]
    fixed = len(plan)
    plan += [("quote", "balanceOf", (a,)) for a in token]
    plan += [("market", "interestOf", (e, len(ghost.strikes[e]))) for e in books]
    plan += [("ledger", "book", (e,)) for e in books]
    plan += [("market", "settlementOf", (e,)) for e in old]
    found = world.views(plan)
    parts = found[:fixed]
    held = dict(zip(token, found[fixed : fixed + len(token)], strict=True))
    rest = found[fixed + len(token) :]
    _money(life, parts, held)
    _accounts(life, parts)
    _books(life, books, rest[: len(books)], rest[len(books) : 2 * len(books)])
    for expiry, state in zip(old, rest[2 * len(books) :], strict=True):
        assert state["price"] == ghost.settled[expiry], "S-5: a settlement price changed"
        assert state["scale"] <= WAD, "S-1"


def _money(life: Core, parts: list[Any], held: dict[str, int]) -> None:
    """T-1, S-1: custody after the handovers that wait, books and ghost agree to the wei."""
    ghost, world = life.ghost, life.world
    unit = world.deployment.unit
    at = {role: held[world.deployment.addresses[role]] * unit for role in HOLDERS}
    _, total, cash, pending, queued, supply, fund, solvency, _, _, minted, handovers = parts[:12]
    units, stock, tokens = parts[12:]
    assert units == sum(ghost.units.values()), "T-1: underlying"
    assert stock == ghost.stock, "T-1: the stock of underlying"
    assert tokens == units + stock, "T-1: the collateral's tokens"
    to_vault, to_fund = handovers["toVault"], handovers["toInsurance"]
    assert total == sum(ghost.balance.values()), "T-1: balances"
    assert at["market"] == total + to_vault + to_fund, "T-1: the market's tokens"
    assert cash == ghost.cash, f"T-1: cash {cash} != {ghost.cash}"
    assert pending == ghost.pending, "T-1: pending deposits"
    vaults = at["vault"] + to_vault
    assert vaults == cash + pending + ghost.gifts, "T-1: the vault's tokens"
    assert fund == ghost.insurance, "T-1: insurance"
    assert at["insurance"] + to_fund == fund, "T-1: the fund's tokens"
    assert at["auction"] == at["hedge"] == 0, "T-1: tokens stick"
    wallets = sum(held[who] for who in PEOPLE)
    assert wallets * unit + sum(at.values()) == minted * unit, "T-1: tokens elsewhere"
    assert minted >= MINTED * len(PEOPLE)
    assert queued == sum(r.amount for r in ghost.withdrawals), "L-2: queued shares"
    assert supply == sum(ghost.shares.values()) + queued, "L-1: shares"
    assert 0 <= solvency["scale"] <= WAD, "S-1"


def _accounts(life: Core, parts: list[Any]) -> None:
    """Q-1 by account, M-3, A-4: what each account holds and needs."""
    ghost = life.ghost
    states, spot = parts[0], parts[8]["price"]
    life.sick = [s["account"] for s in states if s["liquidatable"]]
    insolvent = 0
    for state in states:
        who = state["account"]
        legs = {leg["id"]: leg["size"] // LOT for leg in state["legs"]}
        assert legs == ghost.legs.get(who, {}), "Q-1: legs"
        assert state["margin"]["balance"] == ghost.balance[who], "T-1: a balance"
        assert state["margin"]["units"] == ghost.units.get(who, 0), "T-1: underlying of an account"
        assert state["lpShares"] == ghost.shares.get(who, 0), "L-1: an LP's shares"
        auction = ghost.auctions.get(who)
        started = 0 if auction is None else auction.started
        assert state["auction"]["startedAt"] == started, "A-4: an auction's start"
        if auction is not None:
            assert state["auction"]["insolvent"] == auction.insolvent, "A-4"
            assert state["auction"]["received"] == auction.received, "A-1: received"
            insolvent += auction.insolvent
        if who in TRADERS and any(lots < 0 for lots in legs.values()):
            _covers_intrinsic(life, state["margin"], legs, spot)
    assert parts[9] == insolvent, "A-4: count of insolvent auctions"


def _covers_intrinsic(life: Core, margin: dict[str, int], legs: dict[int, int], spot: int) -> None:
    """M-3: what an account owes and must hold is at least what it would owe at expiry now."""
    owed = 0.0
    for series, lots in legs.items():
        expiry = series >> 16
        at = life.ghost.settled.get(expiry, spot)
        away = at - life.ghost.strikes[expiry][series >> 8 & 0xFF]
        payoff = max(away if series & 1 else -away, 0)
        owed -= lots / 1e6 * (payoff // LOT_PRICE * LOT_PRICE)
    assert margin["mark"] + margin["maintenanceMargin"] >= owed - 1e7, "M-3: below intrinsic"
    assert margin["initialMargin"] >= margin["bufferMargin"] >= margin["maintenanceMargin"], "M-3"


def _books(life: Core, expiries: list[int], interests: list[Any], books: list[Any]) -> None:
    """Q-1: open interest and the ledger's net are the sum of accounts, series by series."""
    for expiry, interest, book in zip(expiries, interests, books, strict=True):
        for k in range(len(life.ghost.strikes[expiry])):
            net = 0
            for shift, is_call in ((128, True), (0, False)):
                longs, shorts = life.ghost.interest(series_id(expiry, k, is_call))
                assert interest[k] >> shift + 64 & LANE == longs, "Q-1: longs"
                assert interest[k] >> shift & LANE == shorts, "Q-1: shorts"
                net += longs - shorts
            assert book["net"][k] == net * LOT, "Q-1: the ledger's net"
