"""The pricer's constants: the source has those that the script makes; they approximate well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mpmath import mp, mpf

from tools.black76_coefficients import TARGETS, constants, fit, largest_error, load

SOURCE = Path(__file__).parents[2] / "contracts" / "libraries" / "Black76.sol"
DECLARED = re.compile(r"uint256 (?:private|internal) constant (\w+) =\s+(0x[0-9a-f]+);")


@pytest.fixture(autouse=True)
def _digits() -> Iterator[None]:
    """The script's own precision, whatever another test has left."""
    with mp.workdps(60):
        yield


def test_constants_of_source_equal_those_of_script() -> None:
    declared = {name: int(value, 16) for name, value in DECLARED.findall(SOURCE.read_text())}
    declared.pop("LANES")
    assert declared == constants(load())


@pytest.mark.parametrize(
    ("name", "bound"), [("MILLS", "0.023"), ("ATANH", "2.3e-19"), ("EXP", "5e-18")]
)
def test_packed_coefficients_keep_their_error(name: str, bound: str) -> None:
    """In units of the target's tolerance: MILLS keeps 0.023 times 1e-16 of a probability."""
    assert largest_error(name, load()[name]) <= mpf(bound)


@pytest.mark.parametrize("name", ["MILLS", "ATANH"])
def test_lanes_of_packed_words_do_not_spill(name: str) -> None:
    """A lane holds at most the sum of its coefficients; below 2^65 it has room for t <= 2^63."""
    words = load()[name].words()
    assert sum(word >> 128 for word in words) < 2**65
    assert sum(word % 2**128 for word in words) < 2**65


def test_fit_again_gives_the_committed_coefficients() -> None:
    """EXP is the quick one; `python tools/black76_coefficients.py fit` does all three."""
    assert fit(TARGETS["EXP"]) == load()["EXP"]
