"""The probes of ``amm-sim doctor`` pass with the recipe and fail without its parts."""

from __future__ import annotations

import pytest

from amm_sim.chain import anvil
from amm_sim.cli import probes
from amm_sim.errors import SetupError


def test_probe_order_by_the_recipe_finds_nothing_out_of_place() -> None:
    assert probes.probe_order().startswith("2000 transactions in 20 blocks, none")


def test_probe_order_without_rank_coded_fees_is_a_setup_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = tuple("fifo" if flag == "fees" else flag for flag in anvil.RECIPE)
    monkeypatch.setattr(anvil, "RECIPE", recipe)
    with pytest.raises(SetupError, match="lost their order"):
        probes.probe_order()


def test_probe_drift_by_the_recipe_is_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "LONG", 600)
    monkeypatch.setattr(probes, "SLOW", 4.0)  # of a busy machine
    assert "MB after 600 blocks" in probes.probe_drift()


def test_probe_drift_says_what_grew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "LONG", 300)
    monkeypatch.setattr(probes, "LAP", 100)
    monkeypatch.setattr(probes, "MEGABYTES", 1.0)
    with pytest.raises(SetupError, match="MB after 300 blocks: Anvil slows down or grows"):
        probes.probe_drift()
