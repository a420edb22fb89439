"""Scenarios: what is read, what is refused and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from amm_sim import scenario
from amm_sim.errors import ScenarioError
from amm_sim.tables import bounded, build

BASE = """
question = "?"
[run]
start = 2020-03-12T00:00:00Z
duration = 7200
[pool]
liquidity = 1000
[market]
kind = "gbm_jumps"
spot = 200.0
[protocol]
policy = "none"
[protocol.market]
premiumFee = 0.07
"""


def write(folder: Path, text: str, name: str = "s.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_load_plain_scenario_reads_every_table(tmp_path: Path) -> None:
    boards = "[[boards]]\nexpiry = 3600\nstrikes = [0.9, 1]\n"
    loaded = scenario.load(
        write(tmp_path, BASE + boards + '[[agents]]\nkind = "retail"\ncount = 2\n')
    )
    assert (loaded.run.start, loaded.run.blocks, loaded.run.end) == (1583971200, 120, 1583978400)
    assert loaded.boards[0].strikes == (0.9, 1.0)
    assert [part.name for part in loaded.agents] == ["retail-1", "retail-2"]
    assert loaded.protocol["market"]["premiumFee"] == Decimal("0.07")


def test_load_extends_merges_tables_and_replaces_lists(tmp_path: Path) -> None:
    write(tmp_path, BASE + "[[boards]]\nexpiry = 3600\nstrikes = [1]\n", "base.toml")
    child = 'extends = "base.toml"\n[run]\nseed = 9\n[[boards]]\nexpiry = 60\nstrikes = [2]\n'
    loaded = scenario.load(write(tmp_path, child))
    assert (loaded.run.seed, loaded.run.duration) == (9, 7200)
    assert [board.expiry for board in loaded.boards] == [60]


def test_load_other_kind_drops_the_fields_of_the_old_one(tmp_path: Path) -> None:
    write(tmp_path, BASE, "base.toml")
    loaded = scenario.load(
        write(tmp_path, 'extends = "base.toml"\n[market]\nkind = "replay"\nfile = "x"\n')
    )
    assert dict(loaded.market.table) == {"file": "x"}


def test_load_circle_of_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 'extends = "b.toml"', "a.toml")
    write(tmp_path, 'extends = "a.toml"', "b.toml")
    with pytest.raises(ScenarioError, match="circle"):
        scenario.load(tmp_path / "a.toml")


def test_changes_reach_tables_and_named_agents(tmp_path: Path) -> None:
    path = write(tmp_path, BASE + '[[agents]]\nkind = "retail"\nname = "bob"\n')
    loaded = scenario.load(path, {"protocol.market.premiumFee": 0.01, "agents.bob.rate": 3})
    assert loaded.protocol["market"]["premiumFee"] == Decimal("0.01")
    assert loaded.agents[0].table == {"rate": 3}
    assert scenario.load(path, {"agents.bob": None}).agents == ()
    with pytest.raises(ScenarioError, match=r"agents\.bop.*a name among bob"):
        scenario.load(path, {"agents.bop.rate": 3})


def test_digest_changes_with_content_not_with_place(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    first = scenario.load(write(tmp_path, BASE))
    moved = scenario.load(write(tmp_path / "sub", BASE + "\n# a remark\n"))
    changed = scenario.load(write(tmp_path, BASE.replace("0.07", "0.070000000000000001"), "c.toml"))
    assert first.digest == moved.digest != changed.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "duration = 7200",
            "duratoin = 7200",
            r"^run\.duratoin = 7200: unknown key: did you mean duration\?$",
        ),
        ("duration = 7200", 'duration = "2h"', r"^run\.duration = '2h': a whole number is needed$"),
        ("duration = 7200", "duration = 0", r"^run\.duration = 0: at least 1$"),
        ("duration = 7200", "duration = 30", r"^run\.duration = 30: at least one block of 60 s$"),
        ("duration = 7200", "duration = nan", r"^run\.duration = 'NaN': a whole number is needed$"),
        ("duration = 7200", "", r"^run\.duration = None: missing: a whole number is needed$"),
        (
            "liquidity = 1000",
            "liquidity = nan",
            r"^pool\.liquidity = 'NaN': a finite number is needed$",
        ),
        ("liquidity = 1000", "liquidity = -1", r"^pool\.liquidity = -1\.0: at least 0$"),
        ("liquidity = 1000", "liquidity = true", r"^pool\.liquidity = True: a number is needed$"),
        ("start = 2020-03-12T00:00:00Z", "start = 5", r"^run\.start = 5: a date after 1971"),
        ('kind = "gbm_jumps"', "", r"^market\.kind = None: the name of a kind is needed$"),
        ("[pool]", "[pols]", r"^pols = .*: unknown key: did you mean pool\?$"),
        ('question = "?"', "question = 1", r"^question = 1: a text is needed$"),
        ('question = "?"', 'question = "', r"no valid TOML"),
    ],
)
def test_load_bad_value_is_one_line_with_key_value_and_rule(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        scenario.load(write(tmp_path, BASE.replace(old, new)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[[boards]]\nexpiry = 0\nstrikes = [1]", r"boards\[0\]\.expiry = 0: at least 1"),
        (
            "[[boards]]\nexpiry = 60\nlisted = 60\nstrikes = [1]",
            r"boards\[0\]\.expiry = 60: .* later than its listing",
        ),
        (
            "[[boards]]\nexpiry = 60\nstrikes = [1, 1]",
            r"boards\[0\]\.strikes = .*strictly increasing",
        ),
        ("[[boards]]\nexpiry = 60\nstrikes = [-1]", r"boards\[0\]\.strikes\[0\] = -1\.0"),
        (
            "[[boards]]\nexpiry = 60\nstrikes = [1]\n[[boards]]\nexpiry = 60\nstrikes = [1]",
            "no other board has",
        ),
        (
            '[[agents]]\nkind = "a"\n[[agents]]\nkind = "a"',
            r"agents\[1\]\.name = 'a': a name that no other",
        ),
        ('[[agents]]\nkind = "a"\ncount = 0', r"agents\[0\]\.count = 0"),
        ('[[expect]]\nmetric = "x"', "needs min or max"),
    ],
)
def test_load_bad_list_entry_names_its_place(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenario.load(write(tmp_path, BASE + table + "\n"))


def test_load_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file"):
        scenario.load(tmp_path / "none.toml")


class Side(Enum):
    CALL = "call"
    PUT = "put"


@dataclass(frozen=True)
class Inner:
    level: float = field(default=1.0, metadata=bounded(0, 2))


@dataclass(frozen=True)
class Sample:
    name: str
    side: Side = Side.CALL
    inner: Inner = Inner()
    rows: tuple[tuple[float, float], ...] = ()
    limit: int | None = None
    table: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.limit == 13:
            raise ValueError("limit must not be 13")
        if self.limit == 14:
            raise ScenarioError("limit", 14, "another number")


def test_build_nested_dataclass_converts_every_kind_of_field() -> None:
    table = {
        "side": "put",
        "inner": {"level": Decimal("0.5")},
        "rows": [[1, 2], [3, Decimal("4.5")]],
        "limit": 3,
        "table": {"a": 1},
    }
    made = build(Sample, table, "x", name="n")
    assert made == Sample("n", Side.PUT, Inner(0.5), ((1.0, 2.0), (3.0, 4.5)), 3, {"a": 1.0})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "other"}, r"^x\.name = 'other': unknown key"),
        ({"side": "both"}, r"^x\.side = 'both': one of call, put$"),
        ({"inner": {"level": 3}}, r"^x\.inner\.level = 3\.0: in \[0, 2\]$"),
        ({"inner": {"lvel": 3}}, r"^x\.inner\.lvel = 3: unknown key: did you mean level\?$"),
        ({"rows": [[1]]}, r"^x\.rows\[0\] = \[1\]: a list of 2 values is needed$"),
        ({"limit": 13}, r"limit must not be 13"),
        ({"limit": 14}, r"^x\.limit = 14: another number$"),
        ({"limit": Decimal("1.5")}, r"^x\.limit = 1\.5: a whole number is needed$"),
    ],
)
def test_build_bad_field_names_the_dotted_path(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        build(Sample, table, "x", name="n")


def test_unmet_names_missing_and_broken_expectations() -> None:
    wanted = [
        scenario.Expect("a", min=1.0),
        scenario.Expect("b", max=2.0),
        scenario.Expect("c", max=2.0),
    ]
    assert scenario.unmet(wanted, {"a": 1.0, "b": 3.0}) == [
        "b = 3.0, expected in [-inf, 2.0]",
        "c = None, expected in [-inf, 2.0]",
    ]


def test_expect_holds_inside_its_bounds_only() -> None:
    expectation = scenario.Expect("m", min=1.0, max=2.0)
    assert [expectation.holds(v) for v in (0.9, 1.0, 2.0, 2.1, float("nan"))] == [
        False,
        True,
        True,
        False,
        False,
    ]
