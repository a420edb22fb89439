"""The on-chain pricer against exact arithmetic, a third party's library and published numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import QuantLib
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mpmath import erfc, exp, log, mp, mpf, sqrt

from amm_sim.chain import Chain
from amm_sim.chain.client import Revert
from tools.exact_black76 import WAD, YEAR, Exact, Point, exact, wei

HARNESS = "Black76Harness"
VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "reference_values.json"
DAY = 86_400
TWO_YEARS = 2 * YEAR
NOISE = mpf("1e-17")
"""Absolute error per max(F, K) that the library states."""
Price = tuple[int, int, int]
Prices = Callable[[list[Point]], list[Price]]
Greeks = Callable[[list[Point]], list[dict[str, int]]]


@pytest.fixture
def harness(chain: Chain) -> str:
    return chain.deploy(HARNESS)


def batched(chain: Chain, harness: str, function: str, points: list, size: int = 500) -> list:
    """The harness's answers, ``size`` points to a call."""
    answers = []
    for i in range(0, len(points), size):
        answers += chain.call(harness, HARNESS, function, points[i : i + size])
    return answers


@pytest.fixture
def prices(chain: Chain, harness: str) -> Prices:
    return lambda points: [tuple(p) for p in batched(chain, harness, "prices", points)]


@pytest.fixture
def greeks(chain: Chain, harness: str) -> Greeks:
    return lambda points: batched(chain, harness, "greeks", points)


# ------------------------------------------------------------------ points

RATIOS = (
    *(0.01, 0.02, 0.1, 0.3, 0.49999, 0.5, 0.50001, 0.7, 0.9, 0.99, 0.999, 0.999999, 1.0),
    *(1.000001, 1.001, 1.01, 1.1, 1.5, 1.99999, 2.0, 2.00001, 3.0, 10.0, 50.0, 100.0),
)
TIMES = (1, 60, 3600, DAY, 30 * DAY, YEAR, TWO_YEARS)
VOLS = (0.01, 0.05, 0.3, 0.8, 2.0, 5.0)


def grid() -> list[Point]:
    """1,050 points over the whole stated domain, forwards from 1 to 90,000 in turn."""
    forwards = (1.0, 1000.0, 90_000.0)
    cells = enumerate(product(RATIOS, TIMES, VOLS))
    return [
        (wei(forwards[i % 3]), wei(forwards[i % 3] * ratio), seconds, wei(vol))
        for i, (ratio, seconds, vol) in cells
    ]


def drawn(count: int, reach: float) -> list[Point]:
    """Strikes within ``reach`` total volatilities, times and volatilities log-uniform."""
    rng = np.random.default_rng(76)
    points = []
    for _ in range(count):
        seconds = round(math.exp(rng.uniform(0.0, math.log(TWO_YEARS))))
        vol = 0.01 * 500 ** rng.random()
        k = np.clip(rng.uniform(-reach, reach) * vol * math.sqrt(seconds / YEAR), -4.6, 4.6)
        forward = 1000 * 90 ** rng.random()
        points.append((wei(forward), wei(forward * math.exp(k)), seconds, wei(vol)))
    return points


POINTS = st.builds(
    lambda forward, k, seconds, vol: (forward, int(forward * math.exp(k)), seconds, vol),
    st.integers(WAD, 10**24),
    st.floats(-4.6, 4.6) | st.floats(-0.2, 0.2) | st.floats(-1e-4, 1e-4),
    st.integers(1, TWO_YEARS) | st.integers(1, 3600),
    st.integers(WAD // 100, 5 * WAD),
)
"""Forward 1 to 1e6, K/F 0.01 to 100."""


# ------------------------------------------------------------------ error


def assert_price_within_error(point: Point, got: Price, true: Exact) -> None:
    """The three bounds that Black76.sol states."""
    forward, strike = point[:2]
    for price, value in zip(got[:2], true[:2], strict=True):
        error = abs(price - value)
        assert error <= NOISE * max(forward, strike) + 2, (point, price, value)
        if value >= mpf("1e-9") * forward and value >= 10**12:
            assert error <= mpf("1e-11") * value, (point, price, value)
    assert abs(got[2] - true.callDelta) <= 10, (point, got[2], true.callDelta)


def test_price_on_grid_is_within_error(prices: Prices) -> None:
    points = grid()
    assert len(points) >= 1000
    for point, got in zip(points, prices(points), strict=True):
        assert_price_within_error(point, got, exact(point))


def test_price_of_drawn_points_is_within_error(prices: Prices) -> None:
    points = drawn(1500, reach=6.0)
    for point, got in zip(points, prices(points), strict=True):
        assert_price_within_error(point, got, exact(point))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(points=st.lists(POINTS, min_size=1, max_size=20))
def test_price_of_any_points_is_within_error(prices: Prices, points: list[Point]) -> None:
    for point, got in zip(points, prices(points), strict=True):
        assert_price_within_error(point, got, exact(point))


def test_greeks_are_within_error(greeks: Greeks, prices: Prices) -> None:
    points = grid() + drawn(500, reach=5.0)
    for point, got, price in zip(points, greeks(points), prices(points), strict=True):
        true = exact(point)
        assert (got["call"], got["put"], got["callDelta"]) == price
        scales = {"gamma": 1, "vega": point[0], "theta": point[0], "vanna": WAD, "volga": point[0]}
        for name, scale in scales.items():
            value = getattr(true, name)
            error = abs(got[name] - value)
            assert error <= mpf("2e-17") * max(abs(value), scale) + 2, (point, name, got[name])


# ------------------------------------------------------------------ third parties


def test_price_of_drawn_points_equals_quantlib(prices: Prices) -> None:
    points = drawn(300, reach=3.0)
    for point, (call, put, _) in zip(points, prices(points), strict=True):
        forward, strike, vol = (point[i] / WAD for i in (0, 1, 3))
        deviation = vol * math.sqrt(point[2] / YEAR)
        for kind, got in ((QuantLib.Option.Call, call), (QuantLib.Option.Put, put)):
            want = QuantLib.blackFormula(kind, strike, forward, deviation)
            assert got / WAD == pytest.approx(want, rel=1e-9, abs=1e-12 * max(forward, strike))


def test_greeks_of_drawn_points_equal_quantlib(greeks: Greeks) -> None:
    points = drawn(200, reach=2.0)
    for point, got in zip(points, greeks(points), strict=True):
        forward, strike, vol = (point[i] / WAD for i in (0, 1, 3))
        years = point[2] / YEAR
        payoff = QuantLib.PlainVanillaPayoff(QuantLib.Option.Call, strike)
        want = QuantLib.BlackCalculator(payoff, forward, vol * math.sqrt(years))
        assert got["callDelta"] / WAD == pytest.approx(want.deltaForward(), rel=1e-9)
        assert got["gamma"] / WAD == pytest.approx(want.gammaForward(), rel=1e-7, abs=1e-15)
        assert got["vega"] / WAD == pytest.approx(want.vega(years), rel=1e-9, abs=1e-15)
        # at zero rates spot is the forward and theta is per year; QuantLib's has the same sign
        theta = want.theta(forward, years)
        assert got["theta"] / WAD == pytest.approx(theta, rel=1e-6, abs=1e-9 * forward)


def seconds_of(years: float) -> int:
    return round(years * YEAR)


PUBLISHED = [
    # (S, K, T, rate, carry, vol), (call, put; None: not given), digits; source
    pytest.param((42, 40, 0.5, 0.10, 0.10, 0.20), (4.76, 0.81), 2, id="Hull, Options, ex. 15.6"),
    pytest.param((60, 65, 0.25, 0.08, 0.08, 0.30), (2.1334, None), 4, id="Haug 2007, 1.1.1"),
    pytest.param((100, 95, 0.5, 0.10, 0.05, 0.20), (None, 2.4648), 4, id="Haug 2007, 1.1.2"),
    pytest.param((19, 19, 0.75, 0.10, 0.0, 0.28), (1.7011, 1.7011), 4, id="Haug 2007, 1.1.3"),
    pytest.param((1.56, 1.6, 0.5, 0.06, -0.02, 0.12), (0.0291, None), 4, id="Haug 2007, 1.1.5"),
]


@pytest.mark.parametrize(("inputs", "values", "digits"), PUBLISHED)
def test_price_equals_published_value(
    prices: Prices,
    inputs: tuple[float, ...],
    values: tuple[float | None, float | None],
    digits: int,
) -> None:
    """Rate and carry enter through the forward and the discount, outside the library."""
    S, K, T, rate, carry, vol = inputs
    forward = S * math.exp(carry * T)
    ((call, put, _),) = prices([(wei(forward), wei(K), seconds_of(T), wei(vol))])
    for got, want in zip((call, put), values, strict=True):
        if want is not None:
            assert round(got / WAD * math.exp(-rate * T), digits) == want


def test_greeks_equal_published_values(greeks: Greeks) -> None:
    """Haug 2007, chapter 2: delta of a futures call, gamma, vega and vanna of a stock option."""
    delta, gamma, vega, vanna = greeks(
        [
            (wei(105), wei(100), seconds_of(0.5), wei(0.36)),
            (wei(55 * math.exp(0.10 * 0.75)), wei(60), seconds_of(0.75), wei(0.30)),
            (wei(55 * math.exp((0.105 - 0.0355) * 0.75)), wei(60), seconds_of(0.75), wei(0.30)),
            (wei(90 * math.exp(0.05 * 0.25)), wei(80), seconds_of(0.25), wei(0.20)),
        ]
    )
    assert round(delta["callDelta"] / WAD * math.exp(-0.10 * 0.5), 4) == 0.5946
    # by spot: d2c/dS2 = D (dF/dS)^2 d2c/dF2
    assert round(gamma["gamma"] / WAD * math.exp(-0.075 + 2 * 0.075), 4) == 0.0278
    assert round(vega["vega"] / WAD * math.exp(-0.105 * 0.75), 4) == 18.5027
    assert round(vanna["vanna"] / WAD, 4) == -1.0008  # D dF/dS = 1


@pytest.mark.skipif(not VECTORS.exists(), reason="shared reference vectors are not at hand")
def test_price_of_shared_vectors_is_within_1e_15(prices: Prices) -> None:
    entries = json.loads(VECTORS.read_text())["entries"]
    vectors = [e for e in entries if e["id"].startswith("bs_") and "T_years" in e["inputs"]]
    assert len(vectors) >= 10
    for entry in vectors:
        with mp.workdps(50):
            S, K, T, sigma, r, q = (
                mpf(entry["inputs"][name]) for name in ("S", "K", "T_years", "sigma", "r", "q")
            )
            seconds = round(T * YEAR)
            assert abs(seconds / T / YEAR - 1) < mpf("1e-12"), entry["id"]
            forward, discount = S * exp((r - q) * T), exp(-r * T)
            point = (int(mp.nint(forward * WAD)), int(K * WAD), seconds, int(sigma * WAD))
            ((call, put, delta),) = prices([point])
            bound = mpf("1e-15") * max(S, K)
            values = entry["values"]
            assert abs(call * discount / WAD - mpf(values["call"])) <= bound, entry["id"]
            assert abs(put * discount / WAD - mpf(values["put"])) <= bound, entry["id"]
            spot_delta = delta * exp(-q * T) / WAD
            assert abs(spot_delta - mpf(values["delta_call"])) <= mpf("1e-15"), entry["id"]


# ------------------------------------------------------------------ edges


def test_price_at_expiry_is_intrinsic(prices: Prices) -> None:
    above, below, at = prices(
        [(7 * WAD, 5 * WAD, 0, WAD), (5 * WAD, 7 * WAD, 0, WAD), (5 * WAD, 5 * WAD, 0, WAD)]
    )
    assert above == (2 * WAD, 0, WAD)
    assert below == (0, 2 * WAD, 0)
    assert at == (0, 0, 0)


def test_greeks_at_expiry_are_zero(greeks: Greeks) -> None:
    (got,) = greeks([(7 * WAD, 5 * WAD, 0, WAD)])
    value = {"call": 2 * WAD, "put": 0, "callDelta": WAD}
    assert got == {**dict.fromkeys(Exact._fields, 0), **value}


def test_price_deep_out_of_the_money_a_second_before_expiry_is_zero(prices: Prices) -> None:
    """Here exp underflows by thousands of binary digits."""
    high, low = prices([(WAD, 100 * WAD, 1, WAD // 100), (100 * WAD, WAD, 1, WAD // 100)])
    assert high == (0, 99 * WAD, 0)
    assert low == (99 * WAD, 0, WAD)


@pytest.mark.parametrize("bad", [(0, WAD), (WAD, 0), (1 << 96, WAD), (WAD, 1 << 96)])
@pytest.mark.parametrize("function", ["prices", "greeks"])
def test_price_out_of_range_reverts_with_its_numbers(
    chain: Chain, harness: str, function: str, bad: tuple[int, int]
) -> None:
    with pytest.raises(Revert, match="PriceOutOfRange") as caught:
        chain.call(harness, HARNESS, function, [(*bad, DAY, WAD)])
    assert caught.value.args_exact == {"forward": bad[0], "strike": bad[1]}


def test_vol_beyond_its_range_is_clamped(prices: Prices) -> None:
    low, least, high, most = prices(
        [(WAD, WAD, YEAR, vol) for vol in (0, 10**13, 1000 * WAD, 100 * WAD)]
    )
    assert low == least
    assert high == most
    assert least[0] > 0
    assert most[0] == WAD


# ------------------------------------------------------------------ shape


def test_call_less_put_is_forward_less_strike(prices: Prices) -> None:
    points = grid() + drawn(500, reach=6.0)
    for point, (call, put, _) in zip(points, prices(points), strict=True):
        assert abs(call - put - (point[0] - point[1])) <= 2


def rising(values: list[int], noise: int) -> bool:
    return all(later >= earlier - noise for earlier, later in pairwise(values))


def seams(strike: int, seconds: int, vol: int) -> list[int]:
    """Forwards around every branch: F = K, F = 2 K, K = 2 F, d1 = 0, d2 = 0."""
    with mp.workdps(40):
        half = exp(mpf(vol) ** 2 / WAD**2 * seconds / YEAR / 2)
        centres = [strike, 2 * strike, strike // 2, int(strike * half), int(strike / half)]
    steps = sorted(
        {sign * step for sign in (-1, 1) for step in (0, 1, 2, 10, 10**3, 10**6, 10**12)}
    )
    domain = [c for c in centres if strike <= 100 * c <= 10_000 * strike]
    return sorted(centre + step for centre in domain for step in steps)


@pytest.mark.parametrize("seconds", [1, 3600, 30 * DAY, TWO_YEARS])
@pytest.mark.parametrize("vol", [0.01, 0.8, 5.0])
def test_price_across_branches_rises_with_forward(prices: Prices, seconds: int, vol: float) -> None:
    strike = 2000 * WAD
    forwards = seams(strike, seconds, wei(vol))
    got = prices([(forward, strike, seconds, wei(vol)) for forward in forwards])
    noise = int(2 * NOISE * max(*forwards, strike)) + 4
    assert rising([call for call, _, _ in got], noise)
    assert rising([-put for _, put, _ in got], noise)
    assert rising([delta for _, _, delta in got], 20)


@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.9, 1.0, 1.0001, 1.3, 2.0, 100.0])
@pytest.mark.parametrize("seconds", [1, 3600, 30 * DAY, TWO_YEARS])
def test_price_rises_with_vol_and_time(prices: Prices, ratio: float, seconds: int) -> None:
    forward, strike = 2000 * WAD, wei(2000 * ratio)
    noise = int(2 * NOISE * max(forward, strike)) + 4
    vols = [int(v * WAD) for v in np.geomspace(0.01, 5.0, 300)]
    assert rising([p[1] for p in prices([(forward, strike, seconds, v) for v in vols])], noise)
    times = sorted({int(t) for t in np.geomspace(1, TWO_YEARS, 300)})
    assert rising([p[0] for p in prices([(forward, strike, t, WAD) for t in times])], noise)


def test_price_is_at_least_intrinsic_and_at_most_forward_or_strike(prices: Prices) -> None:
    points = grid()
    for (forward, strike, *_), (call, put, delta) in zip(points, prices(points), strict=True):
        assert max(forward - strike, 0) <= call <= forward
        assert max(strike - forward, 0) <= put <= strike
        assert 0 <= delta <= WAD


# ------------------------------------------------------------------ kernels


def test_ln_ratio_is_exact_to_a_few_units(chain: Chain, harness: str) -> None:
    pairs = [(wei(1000), wei(1000 * ratio)) for ratio in RATIOS]
    pairs += [(1, (1 << 96) - 1), ((1 << 96) - 1, 1), (2 * WAD, WAD), (2 * WAD + 1, WAD)]
    for (a, b), got in zip(pairs, batched(chain, harness, "lnRatios", pairs), strict=True):
        with mp.workdps(50):
            true = log(mpf(a) / b) * 2**96
            assert abs(got - true) <= mpf("4e-19") * abs(true) + 8, (a, b)


def test_ln_ratio_of_swapped_numbers_changes_sign(chain: Chain, harness: str) -> None:
    pairs = [(wei(1000), wei(1000 * ratio)) for ratio in RATIOS]
    forth = batched(chain, harness, "lnRatios", pairs)
    back = batched(chain, harness, "lnRatios", [(b, a) for a, b in pairs])
    assert all(abs(x + y) <= 2 for x, y in zip(forth, back, strict=True))


def test_exp_half_square_is_exact_to_1e_17(chain: Chain, harness: str) -> None:
    points = [int(d * 2**64) for d in np.linspace(-12.0, 12.0, 241)]
    answers = batched(chain, harness, "exps", points)
    for d, (mantissa, shift) in zip(points, answers, strict=True):
        with mp.workdps(50):
            true = exp(-((mpf(d) / 2**64) ** 2) / 2)
            assert abs(mpf(mantissa) / 2 ** (64 + shift) / true - 1) <= mpf("1e-17"), d


def test_mills_is_exact_in_the_middle_and_the_tail(chain: Chain, harness: str) -> None:
    points = [int(x * 2**64) for x in np.linspace(0.0, 12.0, 241)]
    for x, got in zip(points, batched(chain, harness, "mills", points), strict=True):
        with mp.workdps(50):
            x_true = mpf(x) / 2**64
            tail = erfc(x_true / sqrt(2)) / 2
            true = tail * exp(x_true**2 / 2)
            bound = min(mpf("2.3e-18") / tail, mpf("2.3e-13")) * true + mpf("5e-19")
            assert abs(mpf(got) / 2**63 - true) <= bound, x_true


def test_total_vol_is_vol_times_root_of_time(chain: Chain, harness: str) -> None:
    points = [(seconds, wei(vol)) for seconds in TIMES for vol in VOLS]
    answers = batched(chain, harness, "totalVols", points)
    for (seconds, vol), (total, root) in zip(points, answers, strict=True):
        with mp.workdps(60):
            years = mpf(seconds) / YEAR
            assert abs(total - mpf(vol) / WAD * sqrt(years) * 2**96) <= 1 + mpf("1e-19") * total
            assert abs(root - sqrt(years) * 2**96) <= 1


# ------------------------------------------------------------------ gas


@pytest.mark.parametrize(("contract", "most"), [("Black76Price", 1800), ("Black76Greeks", 2100)])
def test_gas_is_within_target(chain: Chain, contract: str, most: int) -> None:
    """An external call less an empty one, at 80 vol and 30 days; benchmarks/ has more points."""
    if not optimised(chain, contract + "Gas"):
        pytest.skip("gas is stated for production settings: via IR, 10,000 runs")
    points = [(2000 * WAD, wei(2000 * k), 30 * DAY, wei(0.8)) for k in (0.6, 0.99, 1.0, 1.1, 1.6)]
    meter = chain.deploy("GasMeter")
    gas = {}
    for suffix in ("Gas", "Empty"):
        target = chain.deploy(contract + suffix)
        calls = [chain.function(contract + suffix, "run").pack(*point) for point in points]
        gas[suffix] = chain.call(meter, "GasMeter", "measure", target, calls)
    net = [used - empty for used, empty in zip(gas["Gas"], gas["Empty"], strict=True)]
    assert 1000 < min(net) <= max(net) <= most


def optimised(chain: Chain, contract: str) -> bool:
    path = chain.artifacts.folder / f"{HARNESS}.sol" / f"{contract}.json"
    found = json.loads(path.read_text())["metadata"]["settings"]
    return bool(found.get("viaIR")) and found["optimizer"]["runs"] >= 10_000
