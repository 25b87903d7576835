"""The pattern of large enough numbers, against arithmetic."""

import re

from hypothesis import given
from hypothesis import strategies as st

from jobs.alerting import patterns

bounds = st.one_of(st.integers(-5, 120), st.integers(-(2**31), 2**31 - 1))


@given(bound=bounds, number=st.one_of(st.integers(-5, 130), st.integers(0, 10**10)), near=st.integers(-2, 2))
def test_whole_number_at_least(bound: int, number: int, near: int) -> None:
    pattern = re.compile(patterns.whole_number_at_least(bound))
    for candidate in (number, bound + near):
        fits = max(bound, 0) <= candidate <= 999_999_999
        assert bool(pattern.fullmatch(str(candidate))) == fits
    assert not pattern.fullmatch("0" + str(abs(number)))
