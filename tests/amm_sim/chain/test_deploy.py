"""Deployment: predicted addresses, exact parameters, the contracts' bounds as one-line errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from amm_sim import scenario
from amm_sim.chain import Chain
from amm_sim.chain.deploy import create_address, deploy_protocol, read_parameters
from amm_sim.errors import ScenarioError

SMALL = Path(__file__).parents[1] / "engine" / "small.toml"


def tables(changes: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    return scenario.load(SMALL, changes).protocol


def test_create_address_published_example() -> None:
    # Ethereum Stack Exchange question 760, checked by many: sender 0x6ac7ea33..., nonces 0 to 3
    sender = "0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"
    assert [create_address(sender, nonce) for nonce in range(4)] == [
        "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d",
        "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8",
        "0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91",
        "0xfffd933a0bc612844eaf0c6fe3e5b8e9b6c1d19c",
    ]


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 65_536])
def test_create_address_any_nonce_is_where_the_chain_puts_it(chain: Chain, nonce: int) -> None:
    sender = "0x" + "7a" * 20
    chain.rpc.call("anvil_setNonce", sender, hex(nonce))
    assert chain.deploy("MockVolFeed", sender=sender) == create_address(sender, nonce)


def test_deploy_contracts_know_each_other(chain: Chain) -> None:
    deployment = deploy_protocol(chain, tables())
    assert deployment.at(chain, "lens").call("statement")["accounts"] == 0
    assert deployment.unit == 10**12


def test_deploy_parameters_come_back_exactly(chain: Chain) -> None:
    exact = Decimal("0.007000000000000001")
    deployment = deploy_protocol(chain, tables({"protocol.market.premiumFee": exact}))
    found = read_parameters(chain, deployment)
    assert found["market"]["premiumFee"] == str(exact)
    for table, given in tables().items():
        if isinstance(given, Mapping) and table in found:
            for key, value in given.items():
                if key != "premiumFee":
                    assert Decimal(found[table][key]) == value, f"{table}.{key}"


@pytest.mark.parametrize("policy", ["band", "interval", "none"])
@pytest.mark.parametrize("venue", ["perp", "frictionless"])
def test_deploy_every_policy_and_venue(chain: Chain, policy: str, venue: str) -> None:
    deployment = deploy_protocol(
        chain, tables({"protocol.policy": policy, "protocol.venue": venue})
    )
    assert deployment.at(chain, "hedge").call("size") == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"protocol.market.premiumFee": Decimal("0.6")},
            r"^protocol\.market\.premiumFee = '0\.6': in \[0, 0\.5\]$",
        ),
        (
            {"protocol.oracle.twapWindow": 59},
            r"^protocol\.oracle\.twapWindow = '59': in \[60, 86400\]$",
        ),
        (
            {"protocol.band.maxBand": Decimal("0.001")},
            r"^protocol\.band\.minBand = '0\.0025': at most band\.maxBand, which is 0\.001$",
        ),
        (
            {"protocol.market.premiumFe": 1},
            r"^protocol\.market\.premiumFe = 1: unknown key: did you mean premiumFee\?$",
        ),
        (
            {"protocol.market.premiumFee": "much"},
            r"^protocol\.market\.premiumFee = 'much': a number is needed$",
        ),
        (
            {"protocol.market.premiumFee": Decimal("NaN")},
            r"^protocol\.market\.premiumFee = .*finite number",
        ),
        (
            {"protocol.market.cutoff": Decimal("1.5")},
            r"^protocol\.market\.cutoff = .*whole number is needed",
        ),
        (
            {"protocol.market.maxLegs": None},
            r"^protocol\.market\.maxLegs = None: missing: a Wad is needed$",
        ),
        ({"protocol.markt.x": 1}, r"^protocol\.markt = .*unknown key: did you mean market\?$"),
        (
            {"protocol.policy": "always"},
            r"^protocol\.policy = 'always': one of band, aimed, interval, threshold, none$",
        ),
        (
            {"protocol.quote_decimals": 19},
            r"^protocol\.quote_decimals = 19: a whole number in \[0, 18\]$",
        ),
    ],
)
def test_deploy_bad_parameter_is_one_line_with_key_value_and_bounds(
    chain: Chain, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        deploy_protocol(chain, tables(changes))
    assert "\n" not in str(caught.value)


def test_scenarios_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.load(SMALL).run.seed = 2  # type: ignore[misc]
