"""The waits between tries: they grow, are bounded, and differ from node to node."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_node.backoff import BASE_S, CAP_S, backoff_s

attempts = st.integers(min_value=1, max_value=10_000)
units = st.floats(min_value=0, max_value=1)


@given(attempts, units)
def test_a_wait_is_positive_and_capped(attempt: int, unit: float) -> None:
    assert BASE_S / 2 <= backoff_s(attempt, unit) <= CAP_S


@given(attempts, units)
def test_a_later_try_never_waits_less_at_the_same_luck(attempt: int, unit: float) -> None:
    assert backoff_s(attempt + 1, unit) >= backoff_s(attempt, unit)


@given(attempts)
def test_luck_spreads_the_nodes_over_half_the_wait(attempt: int) -> None:
    assert backoff_s(attempt, 1.0) == 2 * backoff_s(attempt, 0.0)
