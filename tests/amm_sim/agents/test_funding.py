"""Amounts that an agent may ask for: never more than there is."""

from hypothesis import example, given
from hypothesis import strategies as st

from amm_sim.agents.agent import rounded_down


@given(st.floats(1e-6, 1e15))
@example(1001.146149758283988286)  # nine digits of it are more; so are those of 2e-9 less
@example(1.0)
@example(9.999999999)
def test_rounded_down_is_never_more_and_hardly_less(amount: float) -> None:
    value = rounded_down(amount)
    assert amount * (1.0 - 2e-8) <= value <= amount
    assert float(f"{value:.8e}") == value
