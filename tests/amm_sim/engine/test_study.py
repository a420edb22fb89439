"""Studies: points, ledger, kills, resumption, precision; arithmetic instead of a chain."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from amm_sim.analyzers.study import precise
from amm_sim.engine import space
from amm_sim.engine.ledger import DONE, FAILED, Ledger, encode, read
from amm_sim.engine.study import LEAST_PATHS, Plan, Point, Study, Task, counted
from amm_sim.errors import ScenarioError, SetupError
from amm_sim.types import PathResult

CHILD = Path(__file__).with_name("study_child.py")
A, B = Point("a", {"k": 1}), Point("b", {"k": 2})


def result(point: str, seed: int, **fields) -> PathResult:
    return PathResult(point, seed, **{"status": DONE, "digest": "d", **fields})


def work(task: Task) -> PathResult:
    """Insolvent at every fourth seed."""
    after = 60 if task.seed % 4 == 0 else None
    return result(*task.key, changes=task.point.changes, insolvent_after=after, ran=3600)


def study(ledger: Ledger, n: int = 20, how: Callable = work, **fields) -> Study:
    plan = Plan((A, B), range(1, n + 1), fields.pop("enough", None))
    fields.setdefault("executor", lambda: ThreadPoolExecutor(2))
    return Study(plan, ledger, how, workers=2, **fields)


def keys(path: Path) -> Counter:
    return Counter(
        json.loads(line)["point"] + str(json.loads(line)["seed"]) for line in path.open()
    )


# -------------------------------------------------------------------------- points


def test_grid_is_the_product_in_order() -> None:
    table = {"over": {"p.a": [1, 2], "p": {"b": ["x", "y"]}}}
    assert space.points(table) == [
        {"p.a": 1, "p.b": "x"},
        {"p.a": 1, "p.b": "y"},
        {"p.a": 2, "p.b": "x"},
        {"p.a": 2, "p.b": "y"},
    ]


def test_zip_and_points_are_what_is_written() -> None:
    rows = [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    assert space.points({"method": "zip", "over": {"a": [1, 2], "b": [3, 4]}}) == rows
    assert space.points({"method": "points", "points": rows}) == rows


@pytest.mark.parametrize("method", ["latin", "sobol"])
def test_drawn_points_fill_every_stratum_once(method) -> None:
    """One point in each eighth of every axis: so of Latin hypercubes, and of Sobol's nets."""
    over = {
        "a": {"low": 0, "high": 8},
        "b": {"low": Decimal("0.1"), "high": 10, "log": True},
        "c": {"low": 1, "high": 8, "whole": True},
    }
    found = space.points({"method": method, "count": 8, "seed": 3, "over": over})
    again = space.points({"method": method, "count": 8, "seed": 3, "over": over})
    assert found == again != space.points({"method": method, "count": 8, "over": over})
    assert sorted(int(p["a"]) for p in found) == list(range(8))
    assert sorted(int((np.log10(float(p["b"])) + 1) * 4) for p in found) == list(range(8))
    assert sorted(p["c"] for p in found) == list(range(1, 9))
    assert all(len(str(p["b"]).replace(".", "").lstrip("0")) <= 6 for p in found)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"methd": "grid"}, "sweep.methd = 'grid': one of method"),
        ({"method": "gird", "over": {"a": [1]}}, "sweep.method = 'gird': one of grid"),
        ({}, "sweep.over = None"),
        ({"over": {"a": 3}}, "sweep.over.a = 3: a list of values"),
        ({"over": {"a": [1, 1]}}, "points that differ"),
        ({"over": {"run.seed": [1, 2]}}, "a key of the model"),
        ({"over": {"expect": [1, 2]}}, "a key of the model"),
        ({"method": "zip", "over": {"a": [1], "b": [1, 2]}}, "one length"),
        ({"method": "sobol", "count": 6, "over": {"a": {"low": 0, "high": 1}}}, "power of two"),
        ({"method": "latin", "over": {"a": {"low": 0, "high": 1}}}, "sweep.count = None"),
        ({"method": "latin", "count": 2, "over": {"a": {"low": 1, "high": 1}}}, "low < high"),
        ({"method": "latin", "count": 2, "over": {"a": {"low": 0, "high": 1, "log": True}}}, "log"),
        ({"method": "latin", "count": 2, "over": {"a": [1, 2]}}, "a table of low, high"),
        ({"method": "points", "points": 3}, "a list of tables"),
    ],
)
def test_space_error_names_key_and_remedy(table, said) -> None:
    with pytest.raises(ScenarioError) as error:
        space.points(table)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


# -------------------------------------------------------------------------- ledger


def test_ledger_reads_back_what_was_written(tmp_path: Path) -> None:
    written = result("a", 1, metrics={"x": 0.1 + 0.2}, insolvent_after=5, changes={"k": "v"})
    with Ledger(tmp_path / "l") as ledger:
        assert ledger.add(written)
        assert not ledger.add(written)
    assert read(tmp_path / "l").results == {("a", 1): written}
    assert (tmp_path / "l").read_bytes().count(b"\n") == 1


def test_ledger_torn_line_is_skipped_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "l"
    whole = encode(result("a", 1)) + encode(result("a", 2))
    for cut in range(len(encode(result("a", 1))), len(whole)):
        path.write_bytes(whole[:cut])
        with Ledger(path) as ledger:
            assert ledger.done("a", 1)
            ledger.add(result("a", 3))
        known = read(path)
        assert {("a", 1), ("a", 3)} <= set(known.results)
        assert known.skipped == (0 if cut in (len(whole) // 2, len(whole) - 1) else 1)


def test_ledger_concatenation_merges_and_drops_duplicates(tmp_path: Path) -> None:
    one, two, both = tmp_path / "1", tmp_path / "2", tmp_path / "both"
    one.write_bytes(b"".join(encode(result("a", s)) for s in range(1, 6)))
    failed = result("a", 9, status=FAILED, digest="")
    two.write_bytes(encode(failed) + b"".join(encode(result("a", s)) for s in range(4, 10)))
    both.write_bytes(one.read_bytes() + two.read_bytes())
    merged = read(both)
    assert sorted(merged.results) == [("a", s) for s in range(1, 10)]
    assert {r.status for r in merged.results.values()} == {DONE}
    assert merged.conflicts == []


def test_ledger_unequal_digests_are_conflicts(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_bytes(encode(result("a", 1)) + encode(result("a", 1, digest="other")))
    assert read(path).conflicts == [("a", 1)]


def test_ledger_second_writer_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l"), pytest.raises(SetupError, match="another study"):
        Ledger(tmp_path / "l")
    Ledger(tmp_path / "l").close()


def test_ledger_unwritable_place_is_a_setup_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be written"):
        Ledger(tmp_path / "file" / "l")


def test_ledger_not_a_number_is_never_written(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as ledger, pytest.raises(ValueError, match="JSON"):
        ledger.add(result("a", 1, metrics={"x": float("nan")}))


# ----------------------------------------------------------------------- execution


def test_study_runs_every_path_once_and_again_does_nothing(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as ledger:
        counts = study(ledger).run()
        assert (counts.known, counts.done, counts.failed, counts.insolvent) == (0, 40, 0, 10)
        assert counts.left == 0
    before = (tmp_path / "l").read_bytes()
    with Ledger(tmp_path / "l") as ledger:
        counts = study(ledger, how=None).run()
        assert (counts.known, counts.done) == (40, 0)
    assert (tmp_path / "l").read_bytes() == before
    assert set(keys(tmp_path / "l").values()) == {1}


def test_study_more_paths_run_only_what_is_new(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as ledger:
        study(ledger, 10).run()
        counts = study(ledger, 15).run()
        assert (counts.known, counts.done) == (20, 10)


def test_study_that_goes_on_counts_what_was_insolvent_before(tmp_path: Path) -> None:
    """Every fourth seed: two of the first ten and five of all twenty, at both points."""
    with Ledger(tmp_path / "paths.jsonl") as ledger:
        study(ledger, 10).run()
        counts = study(ledger, 20).counts
        assert (counts.known, counts.insolvent) == (20, 4)
        assert study(ledger, 20).run().insolvent == 10


def test_study_failed_path_stops_nothing_and_runs_again(tmp_path: Path) -> None:
    def fails(task: Task) -> PathResult:
        return result(*task.key, status=FAILED, error="boom") if task.seed == 3 else work(task)

    with Ledger(tmp_path / "l") as ledger:
        counts = study(ledger, how=fails).run()
        assert (counts.done, counts.failed) == (38, 2)
    with Ledger(tmp_path / "l") as ledger:
        assert ledger.paths.results["a", 3].error == "boom"
        counts = study(ledger, how=fails).run()
        assert (counts.known, counts.done, counts.failed) == (38, 0, 2)
        counts = study(ledger).run()
        assert (counts.known, counts.done, counts.failed) == (38, 2, 0)
    assert read(tmp_path / "l").results["a", 3].status == DONE


def test_study_impossible_point_ends_it_in_one_line(tmp_path: Path) -> None:
    def impossible(task: Task) -> PathResult:
        return result(*task.key, status="invalid", changes=task.point.changes, error="k = 1: no")

    with (
        Ledger(tmp_path / "l") as ledger,
        pytest.raises(SetupError, match=r'^k = 1: no .at \{"k": 1\}'),
    ):
        study(ledger, how=impossible).run()
    assert read(tmp_path / "l").results == {}


class Fragile(Executor):
    """Runs in line; breaks at one path, as a pool does whose worker dies."""

    def __init__(self, fatal: Callable[[Task], bool]) -> None:
        self.fatal = fatal
        self.broken = False

    def submit(self, call, /, task):
        if self.broken:
            raise BrokenExecutor
        future: Future = Future()
        self.broken = self.fatal(task)
        if self.broken:
            future.set_exception(BrokenExecutor())
        else:
            future.set_result(call(task))
        return future


class Crowd(Executor):
    """Gathers tasks for a moment; a fatal one takes all that are under way with it."""

    def __init__(self, fatal: Callable[[Task], bool]) -> None:
        self.fatal = fatal
        self.gathered: list = []

    def submit(self, call, /, task):
        if not self.gathered:
            threading.Timer(0.01, self._land).start()
        future: Future = Future()
        self.gathered.append((future, call, task))
        return future

    def _land(self) -> None:
        gathered, self.gathered = self.gathered, []
        broken = any(self.fatal(task) for _, _, task in gathered)
        for future, call, task in gathered:
            if broken:
                future.set_exception(BrokenExecutor())
            else:
                future.set_result(call(task))


def test_study_paths_beside_a_fatal_one_are_not_blamed(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as ledger:
        counts = study(ledger, executor=lambda: Crowd(lambda t: t.seed == 7)).run()
    assert (counts.done, counts.failed) == (38, 2)
    failed = [r.seed for r in read(tmp_path / "l").results.values() if r.status == FAILED]
    assert failed == [7, 7]


def test_study_path_that_always_kills_its_worker_is_failed_alone(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as ledger:
        fatal = study(ledger, executor=lambda: Fragile(lambda t: t.key == ("a", 7)))
        counts = fatal.run()
    assert (counts.done, counts.failed, counts.deaths) == (39, 1, 3)
    assert "died 3 times" in read(tmp_path / "l").results["a", 7].error
    assert set(keys(tmp_path / "l").values()) == {1}


def test_study_worker_that_dies_now_and_then_loses_nothing(tmp_path: Path) -> None:
    draw = random.Random(1)
    with Ledger(tmp_path / "l") as ledger:
        counts = study(ledger, executor=lambda: Fragile(lambda _: draw.random() < 0.1)).run()
    assert (counts.done, counts.failed) == (40, 0)
    assert counts.deaths > 0
    assert set(keys(tmp_path / "l").values()) == {1}


# ----------------------------------------------------------------------- precision


def test_counted_depends_on_results_not_on_their_order() -> None:
    results = [work(Task(A, seed)) for seed in range(1, 401)]
    wanted = counted(results, range(1, 401), precise(0.05))
    random.Random(2).shuffle(results)
    assert counted(results, range(1, 401), precise(0.05)) == wanted
    assert LEAST_PATHS < wanted < 400
    assert precise(0.05)(wanted // 4, wanted)
    assert counted(results, range(1, 401), None) == 400


def test_counted_a_gap_is_waited_for() -> None:
    results = [work(Task(A, seed)) for seed in range(1, 401) if seed != 5]
    assert counted(results, range(1, 401), precise(0.05)) == 400


def test_study_precision_spares_paths(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as ledger:
        counts = study(ledger, 2000, enough=precise(0.05)).run()
        need = counted(ledger.of("a", range(1, 2001)), range(1, 2001), precise(0.05))
        assert counts.spared > 3000
        assert counts.left == 0
        assert 2 * need <= counts.done <= 2 * need + 4  # what was under way is kept
        again = study(ledger, 2000, enough=precise(0.05)).run()
        assert again.done == 0


@pytest.mark.parametrize("p", [0.03, 0.15, 0.5])
def test_precision_stopping_keeps_the_coverage(p) -> None:
    """Looking after every path costs coverage; it must not cost more than the tolerance."""
    from amm_sim.analyzers.intervals import wilson

    rng, enough, hits = np.random.default_rng(17), precise(0.05), 0
    stop = {}
    for _ in range(1000):
        total = 0
        for n, hit in enumerate(rng.random(500) < p, 1):
            total += int(hit)
            if n < LEAST_PATHS:
                continue
            if (total, n) not in stop:
                stop[total, n] = enough(total, n)
            if stop[total, n]:
                break
        found = wilson(total, n)
        hits += found.low <= p <= found.high
    assert hits >= 929
