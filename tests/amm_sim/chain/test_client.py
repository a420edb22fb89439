"""The client against real bytecode on Anvil."""

from collections.abc import Callable

import pytest

from amm_sim.chain import Chain, Revert
from amm_sim.chain.abi import CodecError
from amm_sim.errors import SetupError

SLICE = {"a": 10**17, "b": 2 * 10**17, "rho": -5 * 10**17, "m": 0, "sigma": 10**17}


def test_send_transfer_decodes_event_and_state(chain: Chain, user: Callable[[int], str]) -> None:
    token = chain.at(chain.deploy("MockToken", "Dollar", "USD", 6), "MockToken")
    token.must("mint", user(1), 500)
    receipt = token.send("transfer", user(2), 200, sender=user(1))
    assert receipt.ok
    assert receipt.named("Transfer") == [{"from": user(1), "to": user(2), "amount": 200}]
    assert token.call("balanceOf", user(1)) == 300


def test_send_refused_names_the_error(chain: Chain, user: Callable[[int], str]) -> None:
    token = chain.at(chain.deploy("MockToken", "Dollar", "USD", 6), "MockToken")
    receipt = token.send("transfer", user(2), 200, sender=user(1))
    assert not receipt.ok
    assert receipt.error is not None
    assert receipt.error.name == "InsufficientBalance"
    with pytest.raises(Revert, match="InsufficientBalance"):
        token.must("transfer", user(2), 200, sender=user(1))


def test_call_struct_round_trips_with_floats(chain: Chain) -> None:
    feed = chain.at(chain.deploy("MockVolFeed"), "MockVolFeed")
    feed.must("post", 1_700_000_000, SLICE, 10**18)
    stored, confidence, updated = feed.call("latestSlice", 1_700_000_000).values()
    assert stored == SLICE
    assert (confidence, updated) == (10**18, chain.time)
    floats = next(iter(feed.call("latestSlice", 1_700_000_000, floats=True).values()))
    assert floats == {"a": 0.1, "b": 0.2, "rho": -0.5, "m": 0.0, "sigma": 0.1}


def test_pack_unknown_key_names_the_dotted_path(chain: Chain) -> None:
    post = chain.function("MockVolFeed", "post")
    wrong = {**SLICE, "sigm": 1}
    del wrong["sigma"]
    with pytest.raises(CodecError, match=r"post\.slice\.sigm: unknown key: did you mean sigma"):
        post.pack(1, wrong, 1)


def test_revert_snapshot_restores_time_and_state(chain: Chain, user: Callable[[int], str]) -> None:
    token = chain.at(chain.deploy("MockToken", "Dollar", "USD", 6), "MockToken")
    before = chain.time, chain.block
    inner = chain.snapshot()
    token.must("mint", user(1), 500)
    chain.set_time(before[0] + 1000)
    assert chain.time == before[0] + 1000
    chain.revert(inner)
    assert (chain.time, chain.block) == before
    assert token.call("balanceOf", user(1)) == 0


def test_deploy_missing_contract_says_what_to_do(chain: Chain) -> None:
    with pytest.raises(SetupError, match="make build"):
        chain.deploy("NoSuchContract")
