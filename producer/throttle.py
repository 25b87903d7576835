"""How fast to send to a stream that refuses some of the records."""

from math import inf


class Throttle:
    """Learns from refusals how many records a second a stream accepts, and stays just below that.

    There is no limit until the first refusal. A refusal sets the limit below the recently accepted rate, at most once a
    second; then it grows by a tenth each second, to find capacity that becomes available. (Backoff alone is not enough:
    if each key is retried on its own, a busy stream continues to refuse, and some records run out of tries.) A shard's
    quota is per second:
    https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html

    All times are seconds of one monotonic clock.
    """

    _LEAST = 20.0
    """Records a second that are always tried, so that a stream that accepts records again is noticed."""

    def __init__(self) -> None:
        self._rate = inf
        self._budget = self._budget_at = 0.0
        self._window_at: float | None = None
        self._accepted = 0
        self._accepted_before = 0.0
        self._cut_at = -inf

    def allowance(self, now: float) -> int | None:
        """How many records may be sent now; None: as many as there are."""
        if self._rate == inf:
            return None
        # At most a tenth of a second's worth, so that there is no burst after a pause.
        earned = self._rate * (now - self._budget_at)
        self._budget = min(max(1.0, self._rate / 10), self._budget + earned)
        self._budget_at = now
        return int(self._budget)

    def wait(self) -> float:
        """Seconds from the last call of `allowance` until one more record may be sent."""
        return max(0.0, (1 - self._budget) / self._rate)

    def spend(self, records: int) -> None:
        """Note that so many records are being sent."""
        self._budget -= records

    def answered(self, accepted: int, refused: int, now: float) -> None:
        """Note an answer: so many records were stored, so many refused for lack of throughput."""
        if self._window_at is None:
            self._window_at = now
        self._accepted += accepted
        passed = now - self._window_at
        # Of the last second, or of the whole window if it is longer.
        taken = (self._accepted + self._accepted_before * max(0.0, 1 - passed)) / max(1.0, passed)
        if refused and now - self._cut_at >= 1:
            self._rate = max(self._LEAST, 0.9 * min(taken, self._rate))
            self._budget, self._budget_at, self._cut_at = 0.0, now, now
        elif passed < 1:
            return
        else:
            self._rate *= 1.1 ** min(passed, 10.0)
        self._accepted, self._accepted_before, self._window_at = 0, taken, now
