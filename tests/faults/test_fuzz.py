"""Any record at all: the job does not fail, and accounts for each as an oracle that shares no code with it."""

import psutil
import pytest

from local.pipeline import oracle
from tests.faults.conftest import FULL, SEED
from tests.faults.fuzzing.fuzzed import Fuzzer, Judge, Verdict, reduced, wrong
from tests.jobs.detection import Detect

COUNT = 100_000 if FULL else 5_000


def job(detect: Detect, policy: str, margin: int) -> Judge:
    """What the job says of records."""

    def judge(records: list[bytes]) -> Verdict:
        alerts, letters = detect(records, policy=policy, rearm_margin=margin)
        return (
            [(row["product_id"], row["inventory"], row["ts"]) for row in alerts],
            [(row["reason"], row["payload"]) for row in letters],
        )

    return judge


def expected(policy: str, margin: int) -> Judge:
    """What the oracle says of them; half a surrogate pair, which has no UTF-8, is written as a question mark."""

    def judge(records: list[bytes]) -> Verdict:
        alerts, letters = oracle.judge(records, 10, {}, policy, margin)
        return list(alerts), list(letters)

    return judge


def processor_seconds() -> float:
    """The processor's time that the JVM of this session has taken so far."""
    children = [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]
    return sum(sum(child.cpu_times()[:2]) for child in children)


@pytest.mark.parametrize("policy", ["every", "crossing"])
def test_every_record_is_accounted_for(detect: Detect, policy: str) -> None:
    margin = 5 if policy == "crossing" else 0
    ours, theirs = job(detect, policy, margin), expected(policy, margin)
    fuzzer = Fuzzer(SEED)
    records, good = list(fuzzer.records(COUNT)), [fuzzer.good() for _ in range(COUNT)]
    # So that what the JVM compiles counts for neither.
    ours(good[: COUNT // 5])
    began = processor_seconds()
    assert ours(good) == theirs(good)
    between = processor_seconds()
    said = ours(records)
    ended = processor_seconds()
    ratio = (ended - between) / (between - began)
    alerts, letters = theirs(records)
    print(f"\n{policy}, seed {SEED}: {COUNT} records, {len(alerts)} alerts, {len(letters)} dead letters", flush=True)
    print(f"the processor took {ratio:.1f} times what as many good records take", flush=True)
    if said != (alerts, letters):
        bad = wrong(records, job(detect, "every", 0), expected("every", 0))
        shortest = reduced(records[bad[0]], job(detect, "every", 0), expected("every", 0)) if bad else b""
        pytest.fail(f"seed {SEED}: {len(bad)} records differ, such as {shortest!r}, reduced from {records[bad[0]]!r}")


def test_a_record_that_differs_is_found_and_reduced() -> None:
    theirs = expected("every", 0)

    def flawed(records: list[bytes]) -> Verdict:
        return theirs([record.replace(b'"B"', b'"C"') for record in records])

    records = list(Fuzzer(SEED).records(300))
    bad = wrong(records, flawed, theirs)
    assert bad
    assert all(b'"B"' in records[place] for place in bad)
    shortest = reduced(records[bad[0]], flawed, theirs)
    assert b'"B"' in shortest
    assert wrong([shortest], flawed, theirs) == [0]
    assert len(shortest) <= len(records[bad[0]])
