"""Venues inside the whole protocol: router, delayed orders, real Uniswap v3, rewarded fillers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.rpc import RpcError
from amm_sim.errors import ScenarioError
from amm_sim.proofs.world import ENOUGH, TRADER
from amm_sim.types import SeriesKey
from amm_sim.units import from_wad, to_wad
from tests.contracts.test_hedging import CALL, SPOT, Pool

ARBITRAGEUR = "0x" + "a1" * 20
SANDWICH = "0x" + "b2" * 20
FILLER = "0x" + "c3" * 20
DEPTH = 5_000_000.0
"""Quote a side that the provider puts into the Uniswap pool."""
RICH = 10**22


def routed(chain: Chain, venues: Sequence[str], **changes: object) -> Pool:
    """The base protocol over a router with prices everywhere."""
    return Pool(chain, **{"venue": "router", "venues": list(venues), **changes})


def equip(pool: Pool, who: str, *spenders: str) -> None:
    """Both tokens in plenty, and leave to take them."""
    pool.chain.fund([who])
    for token in ("quote", "underlying"):
        pool.send(token, "mint", who, RICH)
        for spender in spenders:
            address = pool.world.deployment.addresses[spender]
            assert pool.send(token, "approve", address, ENOUGH, sender=who).ok


def provide(pool: Pool, price: float = SPOT) -> None:
    equip(pool, ARBITRAGEUR, "desk")
    done = pool.send("desk", "provide", to_wad(price), to_wad(2), to_wad(DEPTH), sender=ARBITRAGEUR)
    assert done.ok, done.error


def hedged(pool: Pool) -> dict[str, Any]:
    done = pool.send("hedge", "hedge")
    assert done.ok, done.error
    (event,) = done.named("Hedged")
    return dict(event)


# ------------------------------------------------------------------ router and delayed orders


def test_router_hedge_fills_cheap_venue_and_orders_at_the_slow_one(chain: Chain) -> None:
    pool = routed(chain, ["perp", "async"], **{"perp.skewScale": 20_000})
    pool.trade(1, 100)
    event = hedged(pool)
    router = pool.world.deployment.addresses["venue"]
    filled = from_wad(pool.view("perp", "position", router)["size"])
    waiting = from_wad(pool.view("async", "pendingOf", router))
    assert filled > 0
    assert waiting > 0
    assert filled + waiting == pytest.approx(from_wad(event["size"]))
    assert pool.wad("hedge", "pending") == pytest.approx(waiting)
    assert pool.send("hedge", "hedge").error.name == "NothingToHedge"  # not ordered twice (H-4)
    early = pool.send("async", "execute", router)
    assert early.error is not None
    assert early.error.name == "OrderNotReady"
    pool.price(SPOT)
    assert pool.send("async", "execute", router).ok
    assert pool.wad("hedge", "pending") == 0
    assert pool.wad("hedge", "size") == pytest.approx(filled + waiting)


def test_router_post_reaches_every_venue_with_an_index(chain: Chain) -> None:
    pool = routed(chain, ["perp", "async"])
    pool.price(1900.0)
    for venue in ("perp", "async"):
        assert from_wad(pool.view(venue, "state")["index"]) == 1900.0


def test_router_one_venue_dead_hedges_at_the_other(chain: Chain) -> None:
    pool = routed(chain, ["perp", "async"])
    pool.chain.rpc.call("anvil_setCode", pool.world.deployment.addresses["perp"], "0xfe")
    pool.trade(1, 100)
    event = hedged(pool)
    assert event["shortfall"] == 0
    assert pool.wad("hedge", "pending") == pytest.approx(from_wad(event["size"]))
    assert math.isfinite(from_wad(pool.view("vault", "navParts")["nav"]))


# ------------------------------------------------------------------ Uniswap v3


@pytest.fixture
def uniswap(chain: Chain) -> Callable[..., Pool]:
    def make(**changes: object) -> Pool:
        pool = routed(chain, ["uniswap"], **changes)
        provide(pool)
        return pool

    return make


def _v3_buy(size: float, price: float = SPOT) -> float:
    """Cost of buying: x y = L^2 with L from the deposit, 5 bps on the input (whitepaper 6.2)."""
    width = (1 - 2**-0.5) / 1  # amount = L sqrt(P) (1 - 1 / sqrt(width))
    liquidity = DEPTH / (math.sqrt(price) * width)
    x, y = liquidity / math.sqrt(price), liquidity * math.sqrt(price)
    return y * size / (x - size) / (1 - 0.0005)


def test_uniswap_hedge_buys_at_the_constant_product_price(uniswap: Callable[..., Pool]) -> None:
    pool = uniswap()
    pool.trade(1, 30)
    event = hedged(pool)
    size = from_wad(event["size"])
    assert size > 0
    assert from_wad(event["price"]) == pytest.approx(_v3_buy(size) / size, rel=1e-6)
    assert from_wad(event["cost"]) == pytest.approx(_v3_buy(size) - size * SPOT, rel=1e-4)
    assert pool.wad("hedge", "size") == pytest.approx(size)


def test_uniswap_hedge_sells_borrowed_underlying(uniswap: Callable[..., Pool]) -> None:
    pool = uniswap()
    pool.trade(1, 30, call=False)
    event = hedged(pool)
    assert event["size"] < 0
    assert from_wad(event["price"]) < SPOT
    assert from_wad(event["price"]) > SPOT * (1 - 0.003)
    assert pool.wad("hedge", "size") == pytest.approx(from_wad(event["size"]))


def test_uniswap_position_that_grows_needs_a_fifth_of_its_worth(
    uniswap: Callable[..., Pool],
) -> None:
    """450 quote carry a notional of 2,250: one underlying, not 1.9; less is always allowed."""
    pool = uniswap(
        **{"uniswap.maxDeviation": Decimal("0.02"), "uniswap.depthShare": Decimal("0.05")}
    )
    equip(pool, SANDWICH, "uniswap")

    def trade(size: float) -> Any:
        limit = ENOUGH if size > 0 else 0
        return pool.send("uniswap", "trade", to_wad(size), limit, sender=SANDWICH)

    had = pool.view("quote", "balanceOf", SANDWICH)
    assert pool.send("uniswap", "depositMargin", to_wad(450) + 1, sender=SANDWICH).ok
    assert had - pool.view("quote", "balanceOf", SANDWICH) == 450_000_001  # a wei is a whole unit
    assert trade(1.0).ok
    assert trade(0.9).error.name == "VenueMargin"
    assert trade(-0.4).ok
    before = pool.view("uniswap", "position", SANDWICH)["equity"]
    assert pool.send("uniswap", "withdrawMargin", to_wad(10), sender=SANDWICH).ok
    assert before - pool.view("uniswap", "position", SANDWICH)["equity"] == to_wad(10)
    assert from_wad(pool.view("uniswap", "position", SANDWICH)["size"]) == pytest.approx(0.6)


def test_uniswap_block_takes_at_most_its_share_of_depth(uniswap: Callable[..., Pool]) -> None:
    pool = uniswap(**{"uniswap.depthShare": Decimal("0.001")})
    pool.trade(1, 120)
    first = from_wad(hedged(pool)["size"])
    reserve = DEPTH / (1 - 2**-0.5) / SPOT
    assert first == pytest.approx(0.001 * reserve, rel=0.07)  # the manager's search: 1/16
    assert first <= 0.001 * reserve
    second = from_wad(hedged(pool)["size"])  # the next block
    assert second > 0


def test_uniswap_price_off_the_oracle_is_not_traded(uniswap: Callable[..., Pool]) -> None:
    pool = uniswap()
    equip(pool, SANDWICH, "desk")
    assert pool.send("desk", "swap", to_wad(20), sender=SANDWICH).ok  # 0.5 % up
    assert pool.wad("desk", "price") > SPOT * 1.003
    pool.trade(1, 30)
    done = pool.send("hedge", "hedge")
    assert done.ok, done.error
    assert not done.named("Hedged")
    assert pool.wad("hedge", "shortfall") > 0
    arbitrage = ("desk", "swapTo", to_wad(SPOT), to_wad(1000))
    assert pool.send(*arbitrage, sender=ARBITRAGEUR).ok
    assert pool.wad("desk", "price") == pytest.approx(SPOT, rel=1e-9)
    assert pool.send("hedge", "hedge").named("Hedged")


def test_uniswap_nothing_in_the_block_of_a_large_option_trade(
    uniswap: Callable[..., Pool], chain: Chain
) -> None:
    pool = uniswap(**{"market.largeTrade": Decimal("0.01")})
    pool.trade(1, 40)  # 40 x 0.5 x 2000 = 40k of a million: large
    block = pool.view("hedge", "preview")["decision"]
    assert block["due"]
    rules = chain.at(pool.view("market", "rules"), "TradeRules")
    assert rules.call("largeTradeBlock") == chain.block
    assert not _quote_ok(pool, chain.block)
    assert _quote_ok(pool, chain.block + 1)
    pool.trade(1, 1)
    assert rules.call("largeTradeBlock") < chain.block


def _quote_ok(pool: Pool, block: int) -> bool:
    venue = pool.world.deployment
    data = pool.chain.function("UniswapV3Venue", "quote").pack(to_wad(1))
    call = {"to": venue.addresses["uniswap"], "data": "0x" + data.hex()}
    overrides = {"number": hex(block)}
    answer = pool.chain.rpc.call("eth_call", call, "latest", {}, overrides)
    return int(answer[2:66], 16) == 1


def test_sandwich_profit_is_bounded_by_the_configured_slippage(
    uniswap: Callable[..., Pool],
) -> None:
    """Every push that the venue still trades after: never more than maxDeviation x size."""
    pool = uniswap()
    equip(pool, SANDWICH, "desk")
    pool.trade(1, 60)
    best = 0.0
    for push in (1.0, 3.0, 6.0, 9.0, 12.0, 15.0):
        token = pool.chain.snapshot()
        swaps = [pool.send("desk", "swap", to_wad(push), sender=SANDWICH)]
        hedge = pool.send("hedge", "hedge")
        swaps.append(pool.send("desk", "swap", to_wad(-push), sender=SANDWICH))
        profit = sum(from_wad(s.named("SpotSwapped")[0]["cash"]) for s in swaps)
        size = sum(from_wad(e["size"]) for e in hedge.named("Hedged"))
        assert profit <= 0.003 * SPOT * size + 1e-6, push
        best = max(best, profit)
        pool.chain.revert(token)
    assert best < 0.003 * SPOT * 60


def _block_of_attack(pool: Pool, push: float, size: float) -> tuple[float, float, float]:
    """Push, option trade, hedge, push back in one block, as a hedge inside the trade would let one
    transaction do; the option is closed a block later. Gains on spot and on options, the hedge."""
    series = SeriesKey(pool.expiry, 1, True).id
    pool.now = max(pool.now, pool.chain.time) + 10
    swap, trade = ("desk", "swap"), ("market", "trade")
    pool.world.block(
        pool.now,
        [
            (SANDWICH, *swap, (to_wad(push),)),
            (SANDWICH, *trade, (series, to_wad(size), ENOUGH)),
            (SANDWICH, "hedge", "hedge", ()),
            (SANDWICH, *swap, (to_wad(-push),)),
        ],
    )
    spot = sum(from_wad(e["cash"]) for e in pool.world.events("SpotSwapped"))
    done = sum(from_wad(e["size"]) for e in pool.world.events("Hedged"))
    paid = from_wad(pool.world.events("Traded")[0]["result"]["cash"])
    pool.world.block(pool.now + 1, [(SANDWICH, *trade, (series, to_wad(-size), ENOUGH))])
    back = from_wad(pool.world.events("Traded")[0]["result"]["cash"])
    return spot, -paid - back, done


PUSHES = (2.0, 6.0, 9.0, 11.0, 13.0)


@pytest.mark.parametrize(("rule", "hedges"), [(0, True), (Decimal("0.005"), False)])
def test_hedge_in_the_block_of_the_attackers_own_trade(
    uniswap: Callable[..., Pool], rule: object, hedges: bool
) -> None:
    """Without the rule of large trades whoever trades options makes the pool hedge where he has
    pushed the price, at no risk; with it the pool does not hedge on spot in that block."""
    pool = uniswap(**{"market.largeTrade": rule, "uniswap.depthShare": Decimal("0.05")})
    equip(pool, SANDWICH, "desk", "market")
    assert pool.send("market", "deposit", to_wad(500_000), sender=SANDWICH).ok
    assert pool.send("hedge", "sync").ok
    best, largest = -math.inf, 0.0
    for push in PUSHES:
        token, now = pool.chain.snapshot(), pool.now
        spot, fees, size = _block_of_attack(pool, push, 60.0)
        assert fees < 0.0
        assert spot <= 0.003 * SPOT * size + 1e-6
        assert spot + fees < 0.0  # who trades options only for this pays more half-spread
        best, largest = max(best, spot), max(largest, size)
        pool.chain.revert(token)
        pool.now = now
    assert (largest > 0.0) == hedges
    assert (best > 0.0) == hedges


# ------------------------------------------------------------------ inventory fee

FEE = {"market.inventoryFee": Decimal("0.0008"), "market.inventoryRebate": Decimal("0.7")}


def _phi(delta: float, band: float) -> float:
    size = abs(delta)
    return size - band / 2 if size > band else size * size / (2 * band)


def test_inventory_fee_is_the_change_of_the_potential(chain: Chain) -> None:
    pool = Pool(chain, **FEE)
    pool.trade(1, 50)
    hedged(pool)
    _, band, _ = pool.view("hedge", "inventory").values()
    before = _net(pool)
    done = pool.send("market", "trade", _series(pool), to_wad(20), ENOUGH, sender=TRADER)
    result = {k: from_wad(v) for k, v in done.named("Traded")[0]["result"].items()}
    after = before - 20 * result["delta"]
    expected = 0.0008 * SPOT * (_phi(after, from_wad(band)) - _phi(before, from_wad(band)))
    assert result["inventory"] == pytest.approx(expected, rel=1e-6)
    whole = result["premium"] + result["fee"] + result["inventory"]
    assert result["cash"] == pytest.approx(whole, abs=1.1e-6)


def test_inventory_rebate_is_a_share_and_never_more_than_was_paid(chain: Chain) -> None:
    pool = Pool(chain, **FEE)
    pool.trade(1, 50)
    rules = chain.at(pool.view("market", "rules"), "TradeRules")
    paid = from_wad(rules.call("inventoryPaid", TRADER))
    assert paid > 0
    back = pool.send("market", "trade", _series(pool), to_wad(-50), ENOUGH, sender=TRADER)
    assert from_wad(back.named("Traded")[0]["result"]["inventory"]) == pytest.approx(
        -0.7 * paid, rel=1e-3
    )
    assert from_wad(rules.call("inventoryFees")) == pytest.approx(0.3 * paid, rel=1e-3)


def _series(pool: Pool) -> int:
    return SeriesKey(pool.expiry, 1, True).id


def _net(pool: Pool) -> float:
    book = pool.view("ledger", "aggregate", to_wad(SPOT))
    greeks = next(iter(book.values()))
    return from_wad(greeks["delta"]) + pool.wad("hedge", "size")


# ------------------------------------------------------------------ fillers


@pytest.fixture
def fillers(chain: Chain) -> Callable[..., Pool]:
    def make(**changes: object) -> Pool:
        pool = routed(
            chain, ["perp", "fillers"], **FEE, **{"reward.maxReward": Decimal("0.0008"), **changes}
        )
        equip(pool, FILLER, "fillers")
        return pool

    return make


def _fill(pool: Pool, size: float, limit: float | None = None) -> Any:
    worst = limit if limit is not None else (0.0 if size > 0 else 1e9)
    return pool.send("fillers", "fill", to_wad(size), to_wad(worst), sender=FILLER)


@pytest.mark.parametrize(("call", "sign"), [(True, 1), (False, -1)])
def test_fill_supplies_the_wanted_sign_at_the_oracle_and_reward(
    fillers: Callable[..., Pool], call: bool, sign: int
) -> None:
    """The pool short calls buys underlying; short puts it sells. Half the ramp: half the reward."""
    pool = fillers()
    pool.trade(1, 60, call=call)
    assert pool.send("fillers", "notice").ok
    since = pool.view("fillers", "neededSince")
    pool.price(SPOT, seconds=300)
    before = _held(pool)
    assert _fill(pool, -sign * 10.0).error.name == "NotNeeded"
    done = _fill(pool, sign * 1000.0)
    assert done.ok, done.error
    (fill,) = done.named("HedgeFilled")
    size, price = from_wad(fill["size"]), from_wad(fill["price"])
    assert math.copysign(1, size) == sign
    rate = 0.0008 * (pool.chain.time - since) / 600
    assert price == pytest.approx(SPOT * (1 + sign * rate), rel=2e-6)
    moved = [from_wad(b - a) for a, b in zip(before, _held(pool), strict=True)]
    assert moved[1] == pytest.approx(-size, rel=1e-10)
    assert moved[0] == pytest.approx(size * price, abs=1e-5)
    router = pool.world.deployment.addresses["venue"]
    assert from_wad(pool.view("fillers", "position", router)["size"]) == pytest.approx(size)
    assert from_wad(fill["reward"]) == pytest.approx(abs(size) * SPOT * rate, rel=2e-6)


def _held(pool: Pool) -> tuple[int, int]:
    """Quote and underlying of the filler, wad."""
    quote = pool.view("quote", "balanceOf", FILLER) * 10**12
    return quote, pool.view("underlying", "balanceOf", FILLER)


@pytest.mark.parametrize(("call", "sign"), [(True, 1), (False, -1)])
def test_fill_of_all_that_is_wanted_is_taken_whole_where_nobody_else_sells(
    chain: Chain, call: bool, sign: int
) -> None:
    """At the oracle's price to the unit: no reward yet, and of the escrow everything comes back."""
    pool = routed(chain, ["fillers"], **FEE, **{"reward.maxReward": Decimal("0.0008")})
    equip(pool, FILLER, "fillers")
    pool.trade(1, 60, call=call)
    before = _held(pool)
    done = _fill(pool, sign * 1000.0)
    assert done.ok, done.error
    size = from_wad(done.named("Hedged")[0]["size"])
    assert abs(size) > 10
    assert done.named("Hedged")[0]["shortfall"] == 0
    quote, underlying = (from_wad(b - a) for a, b in zip(before, _held(pool), strict=True))
    assert underlying == -size
    assert quote == pytest.approx(size * SPOT, abs=1.1e-6)


def test_fill_reward_is_paid_from_inventory_fees_only(fillers: Callable[..., Pool]) -> None:
    pool = fillers(**{"reward.budget": Decimal("0.01")})
    pool.trade(1, 60)
    assert pool.send("fillers", "notice").ok
    pool.price(SPOT, seconds=600)
    rules = pool.chain.at(pool.view("market", "rules"), "TradeRules")
    assert _fill(pool, 0.0, limit=0.0).error.name == "NotNeeded"
    assert _fill(pool, 1000.0).ok
    assert pool.wad("fillers", "rewardsPaid") <= 0.01 * from_wad(rules.call("inventoryFees")) + 1e-9


def test_fill_is_refused_at_a_worse_price_outside_normal_and_after_a_jump(
    fillers: Callable[..., Pool],
) -> None:
    pool = fillers()
    pool.trade(1, 60)
    assert _fill(pool, 1000.0, limit=SPOT * 1.0001).error.name == "VenueLimit"
    for spot in (SPOT, SPOT):
        pool.price(spot, seconds=60)
        assert pool.send("oracle", "poke").ok
    token = pool.chain.snapshot()
    assert _fill(pool, 1000.0).ok  # the average is known and near
    pool.chain.revert(token)
    pool.price(SPOT * 1.04, seconds=60)
    assert pool.send("oracle", "poke").ok
    assert _fill(pool, 1000.0).error.name == "RewardsOff"


def test_fill_by_an_account_that_traded_options_in_the_block_is_refused(
    fillers: Callable[..., Pool], chain: Chain
) -> None:
    pool = fillers()
    equip(pool, TRADER, "fillers")
    pool.trade(1, 60)
    pack = chain.function("HedgeAuction", "fill").pack(to_wad(10), 0)
    call = {
        "from": TRADER,
        "to": pool.world.deployment.addresses["fillers"],
        "data": "0x" + pack.hex(),
    }
    with pytest.raises(RpcError):
        chain.rpc.call("eth_call", call, "latest", {}, {"number": hex(chain.block)})
    chain.rpc.call("eth_call", call, "latest", {}, {"number": hex(chain.block + 1)})


def test_reward_above_the_inventory_fee_is_refused_at_deployment(chain: Chain) -> None:
    with pytest.raises(
        ScenarioError,
        match=r"maxReward = '0\.0009': at most market\.inventoryFee",
    ):
        routed(chain, ["perp", "fillers"], **FEE, **{"reward.maxReward": Decimal("0.0009")})


def test_router_hedge_gas_at_one_venue(ticking: Chain) -> None:
    """Through one venue 280k; 370k when margin goes through both."""
    pool = routed(ticking, ["perp"])
    assert pool.send("hedge", "sync").ok
    pool.trade(1, 50)
    hedged(pool)
    pool.trade(1, 20)
    plain = pool.send("hedge", "hedge")
    pool.trade(1, 80)
    funded = pool.send("hedge", "hedge")
    assert not plain.named("MarginMoved")
    assert funded.named("MarginMoved")
    assert plain.gas - CALL <= 280_000
    assert funded.gas - CALL <= 370_000


def test_uniswap_hedge_gas(ticking: Chain) -> None:
    """The real Uniswap v3 pool: 300k without margin, 350k when margin moves, too."""
    pool = Pool(ticking, venue="uniswap")
    provide(pool)
    assert pool.send("hedge", "sync").ok
    plain, funded = [], []
    for size in (50, 20, 30, -60):
        arbitrage = ("desk", "swapTo", to_wad(SPOT), to_wad(1000))
        assert pool.send(*arbitrage, sender=ARBITRAGEUR).ok
        pool.trade(1, size)
        done = pool.send("hedge", "hedge")
        assert done.named("Hedged")
        (funded if done.named("MarginMoved") else plain).append(done.gas - CALL)
    assert max(plain) <= 300_000
    assert max(funded[1:]) <= 350_000  # the first writes storage that nothing had touched
