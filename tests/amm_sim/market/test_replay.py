import gzip

import numpy as np
import pytest

from amm_sim.errors import ScenarioError
from amm_sim.market import Replay

HOUR = 3600
START = 1_584_000_000
BARS = [
    (100.0, 104.0, 98.0, 103.0),
    (103.0, 103.5, 90.0, 92.0),
    (92.0, 99.0, 91.0, 98.0),
    (98.0, 98.0, 98.0, 98.0),
]


def text(bars=None, scale=1, header=True, times=None):
    bars = BARS if bars is None else bars
    times = [START + HOUR * i for i in range(len(bars))] if times is None else times
    rows = ["open_time,open,high,low,close,volume"] if header else []
    rows += [
        f"{t * scale},{o},{h},{lo},{c},1.5" for t, (o, h, lo, c) in zip(times, bars, strict=True)
    ]
    return "\n".join(rows) + "\n"


@pytest.fixture
def kline(tmp_path):
    def write(name="k.csv", **keys):
        file = tmp_path / name
        data = text(**keys).encode()
        file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(file)

    return write


def prices(file, start=START, step=HOUR, count=3, seed=0, **keys):
    return Replay(file=file, **keys).path(start, step, count, np.random.default_rng(seed)).spot


@pytest.mark.parametrize(
    "keys", [{}, {"scale": 1000}, {"scale": 10**6}, {"header": False}, {"name": "k.csv.gz"}]
)
def test_replay_of_any_dialect_gives_the_closes(kline, keys):
    assert prices(kline(**keys)) == pytest.approx([100.0, 103.0, 92.0, 98.0])


def test_close_convention_puts_a_close_at_the_end_of_its_bar(kline):
    assert prices(kline(), start=START + HOUR, count=2) == pytest.approx([103.0, 92.0, 98.0])


def test_open_convention_puts_an_open_at_its_open_time(kline):
    assert prices(kline(), convention="open") == pytest.approx([100.0, 103.0, 92.0, 98.0])
    bars = [(100.0, 104.0, 98.0, 103.0), (102.0, 110.0, 90.0, 95.0), (96.0, 97.0, 95.0, 96.0)]
    assert prices(kline(bars=bars), convention="open", count=2) == pytest.approx([100, 102, 96])
    assert prices(kline(bars=bars), convention="close", count=2) == pytest.approx([100, 103, 95])
    later = prices(kline(bars=bars), start=START + HOUR, count=1)
    assert later == pytest.approx(
        [103, 95]
    )  # the close that stands at the start, not the next open


def test_start_key_shifts_the_file_to_the_run(kline):
    generator = Replay(file=kline(), start="2020-03-12T09:00")
    path = generator.path(10**9 + 600, HOUR, 2, np.random.default_rng(0))
    assert path.times[0] == 10**9 + 600
    assert path.spot == pytest.approx([103.0, 92.0, 98.0])


@pytest.mark.parametrize("seed", range(5))
def test_bridge_touches_high_and_low_and_stays_inside(kline, seed):
    spot = prices(kline(), step=60, count=180, seed=seed)
    for index, (_, high, low, close) in enumerate(BARS[:3]):
        bar = spot[60 * index : 60 * index + 61]
        assert bar.max() == pytest.approx(max(high, bar[0]))
        assert bar.min() == pytest.approx(low)
        assert bar[-1] == pytest.approx(close)


def test_linear_and_hold_between_bars(kline):
    linear = prices(kline(), step=1800, count=2, between="linear")
    assert linear == pytest.approx([100.0, np.sqrt(100.0 * 103.0), 103.0])
    assert prices(kline(), step=1800, count=2, between="hold") == pytest.approx([100, 100, 103])


def gapped():
    return {"times": [START + HOUR * i for i in (0, 1, 4, 5)]}


def test_gap_is_refused_and_reported(kline):
    with pytest.raises(ScenarioError, match=r"2 bars are missing after 2020-03-12 09:00 UTC.*gaps"):
        prices(kline(**gapped()), count=5)


def test_gap_outside_the_run_does_not_matter(kline):
    assert prices(kline(**gapped()), count=2) == pytest.approx([100.0, 103.0, 92.0])


def test_gap_is_held_or_interpolated_by_key(kline):
    held = prices(kline(**gapped()), count=6, gaps="hold")
    assert held == pytest.approx([100.0, 103.0, 92.0, 92.0, 92.0, 98.0, 98.0])
    bars = [(100.0, 100.0, 100.0, 100.0)] * 2 + [(160.0, 160.0, 160.0, 160.0)] * 2
    straight = prices(kline(bars=bars, **gapped()), count=6, gaps="interpolate")
    middle = np.sqrt(100.0 * 160.0)
    assert straight == pytest.approx([100.0, 100.0, 100.0, middle, 160.0, 160.0, 160.0])


def test_unsorted_file_is_refused(kline):
    times = [START, START + 2 * HOUR, START + HOUR, START + 3 * HOUR]
    with pytest.raises(ScenarioError, match="increase; bar 3"):
        prices(kline(times=times))


def test_run_outside_the_file_is_refused_with_its_coverage(kline):
    with pytest.raises(ScenarioError, match="it covers 2020-03-12 08:00 UTC to"):
        prices(kline(), count=9)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("time,open\n", "at least two bars"),
        (text() + "x,1,2,3,4,5\n", ":6"),
        (text() + f"{START + 4 * HOUR},1,2,3\n", ":6"),
        (text() + f"{START + 4 * HOUR},nan,2,3,4,5\n", ":6"),
        (text(bars=[*BARS, (98.0, 97.0, 90.0, 95.0)]), "bar 5"),
        (text(bars=[*BARS, (98.0, 99.0, 0.0, 95.0)]), "bar 5"),
    ],
)
def test_malformed_file_is_refused_with_its_place(tmp_path, content, message):
    file = tmp_path / "bad.csv"
    file.write_text(content)
    with pytest.raises(ScenarioError, match=message):
        prices(str(file))


def test_missing_or_broken_file_is_refused(tmp_path):
    with pytest.raises(ScenarioError, match=r"market\.file"):
        prices(str(tmp_path / "none.csv"))
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(ScenarioError, match=r"market\.file"):
        prices(str(broken))


@pytest.mark.parametrize("key", ["gaps", "convention", "between"])
def test_unknown_policy_is_refused(key):
    with pytest.raises(ScenarioError, match=f"market.{key}"):
        Replay(**{"file": "k.csv", key: "guess"})


def test_bad_start_is_refused():
    with pytest.raises(ScenarioError, match=r"market\.start"):
        Replay(file="k.csv", start="12th of March")
