"""Hand-made worlds: what an agent sees, each part replaceable by a keyword."""

from dataclasses import replace

import numpy as np
import pytest

from amm_sim.types import AccountView, ExpiryView, Mode, PoolView, Seen, SeriesKey, Truth

START = 1_583_971_200
DAY = 86_400
FEES = {
    "premiumFee": 0.005,
    "spotFee": 0.0006,
    "minFeeDelta": 0.1,
    "bandFee": 1.0,
    "confidenceFee": 3.0,
    "cutoff": 7200.0,
    "accountDeltaLimit": 0.02,
    "minSize": 0.01,
}
AUCTION = {
    "startPrice": 0.98,
    "kinkPrice": 0.90,
    "endPrice": 0.60,
    "fast": 300.0,
    "slow": 3600.0,
    "penaltyShare": 0.4,
    "bountyTime": 1800.0,
    "minBounty": 20.0,
}


class World:
    """Makes values that agents see. Spot 200, volatility 0.8, boards of one and seven days."""

    start = START

    def expiry(self, days=7.0, vol=0.8, **changes):
        strikes = np.array([160.0, 180.0, 200.0, 220.0, 240.0])
        view = ExpiryView(
            expiry=START + int(days * DAY),
            shift=0.0,
            impact=1_000_000.0,
            open=True,
            refreshed_at=START,
            settlement=0.0,
            swept=False,
            strikes=strikes,
            vols=np.full(5, vol),
            net=np.zeros(5),
        )
        return replace(view, **changes)

    def pool(self, **changes):
        view = PoolView(
            block=1,
            time=START,
            mode=Mode.NORMAL,
            spot=200.0,
            spot_low=199.9,
            spot_high=200.1,
            oracle_confidence=1.0,
            nav=1_000_000.0,
            cash=1_000_000.0,
            hedge_equity=0.0,
            liability=0.0,
            delta=0.0,
            gamma=0.0,
            vega=0.0,
            theta=0.0,
            hedge_size=0.0,
            hedge_band=10.0,
            hedge_due=False,
            scale=1.0,
            shortfall=0.0,
            insurance=10_000.0,
            free_liquidity=800_000.0,
            share_price=1.0,
            total_shares=1_000_000.0,
            stale_expiry=0,
            worst_stress_nav=900_000.0,
            gas_price=2e-6,
            expiries=(self.expiry(1.0), self.expiry(7.0)),
            push_round=5,
            fees=FEES,
            push_price=200.0,
            push_time=START - 60,
            auction=AUCTION,
        )
        return replace(view, **changes)

    def account(self, **changes):
        view = AccountView(
            address="0xa",
            balance=100_000.0,
            equity=100_000.0,
            initial_margin=0.0,
            maintenance_margin=0.0,
            liquidatable=False,
            auction_started=0,
            auction_insolvent=False,
            auction_nonce=0,
            lp_shares=0.0,
            legs=(),
            wallet=0.0,
        )
        return replace(view, **changes)

    def truth(self, **changes):
        return replace(Truth(START, 200.0, 200.0, 0.8, 0.8), **changes)

    def seen(self, **changes):
        view = Seen(
            time=changes.pop("time", START),
            pool=changes.pop("pool", self.pool()),
            own=changes.pop("own", self.account()),
            shorts=(),
            truth=changes.pop("truth", self.truth()),
            outcomes=(),
            start=START,
        )
        return replace(view, **changes)

    def series(self, days, index, is_call):
        return SeriesKey(START + int(days * DAY), index, is_call).id

    def rng(self, seed=0):
        return np.random.default_rng(seed)


@pytest.fixture
def world():
    return World()
