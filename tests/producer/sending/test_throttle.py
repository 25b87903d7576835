"""The throttle against a stream of its own clock: how much of what the stream takes is used, and how much refused."""

import pytest

from producer.throttle import Throttle


class Clock:
    """A stream that takes `quota` records a second, asked every 20 ms by a sender with all it can send."""

    def __init__(self, quota: int) -> None:
        self.quota, self.now = quota, 0.0
        self.throttle = Throttle()
        self.accepted = self.refused = 0

    def run(self, seconds: float, batch: int = 500) -> None:
        self.accepted = self.refused = 0
        end, second, left = self.now + seconds, -1, 0
        while self.now < end:
            self.now += 0.02
            if int(self.now) != second:
                second, left = int(self.now), self.quota
            allowed = self.throttle.allowance(self.now)
            sent = batch if allowed is None else min(batch, allowed)
            if not sent:
                assert self.throttle.wait() > 0
                continue
            self.throttle.spend(sent)
            taken = min(sent, left)
            left -= taken
            self.accepted += taken
            self.refused += sent - taken
            self.throttle.answered(taken, sent - taken, self.now)


@pytest.mark.parametrize("quota", [50, 1000, 8000])
def test_uses_what_there_is(quota: int) -> None:
    stream = Clock(quota)
    stream.run(20)
    stream.run(60)
    assert stream.accepted >= 0.85 * 60 * quota
    assert stream.refused <= 0.1 * stream.accepted


def test_no_limit_without_refusal() -> None:
    stream = Clock(10**9)
    stream.run(5)
    assert stream.throttle.allowance(stream.now) is None


def test_finds_capacity_again() -> None:
    stream = Clock(100)
    stream.run(30)
    stream.quota = 1000
    stream.run(40)
    stream.run(10)
    assert stream.accepted >= 0.8 * 10 * 1000


def test_goes_on_trying_a_stream_that_takes_nothing() -> None:
    stream = Clock(0)
    stream.run(30)
    assert 30 <= stream.refused <= 5000
    stream.quota = 1000
    stream.run(60)
    assert stream.accepted > 0
