"""Answers that end early, at every byte, by FIN and by RST: perhaps written twice, never lost, in order in a key."""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from producer.keyed_queue import Record
from producer.put_records import PutRecords, SendError, kinesis_client
from producer.sender import Sender
from tests.emulated import REGION, SOURCE
from tests.producer.servers.cutting_kinesis import CuttingKinesis, http

THROTTLED = http("400 Bad Request", b'{"__type": "ProvisionedThroughputExceededException", "message": "slow down"}')
HTML = b"<html>welcome</html>"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CuttingKinesis]:
    server = CuttingKinesis()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    yield server
    server.close()


def records(count: int, keys: int) -> list[Record]:
    return [Record(number, f"key-{number % keys}", b"%d" % number) for number in range(1, count + 1)]


def by_key(some: list[Record]) -> dict[str, list[bytes]]:
    result: dict[str, list[bytes]] = {}
    for record in some:
        result.setdefault(record.key, []).append(record.data)
    return result


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("kind", ["good", "throttled"])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
def test_an_answer_cut_at_any_byte_is_a_retry(server: CuttingKinesis, reset: bool, kind: str, is_first: bool) -> None:
    batch, client = records(2, 2), kinesis_client(REGION)
    known = PutRecords(client, SOURCE)
    whole: list[bytes] = []
    server.answer = lambda _, good: whole.append(good) or good  # type: ignore[func-returns-value]
    known.send(batch)
    answer = whole[0] if kind == "good" else THROTTLED
    server.reset = reset
    for cut in range(len(answer)):
        server.answer = lambda _, good, cut=cut: answer[:cut]  # type: ignore[misc]
        put_records = PutRecords(client, SOURCE) if is_first else known
        for result in put_records.send(batch):
            assert result.code in ("IncompleteReadError", "ConnectionClosedError"), answer[:cut]
            assert result.transient, answer[:cut]
            assert result.maybe_stored, answer[:cut]
    server.answer, server.reset = lambda *_: answer, False
    code = None if kind == "good" else "ProvisionedThroughputExceededException"
    assert [result.code for result in known.send(batch)] == [code, code]


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_nothing_is_lost_and_order_holds(server: CuttingKinesis, reset: bool) -> None:
    server.reset = reset
    # Every second answer is cut, each a byte further than the one before.
    server.answer = lambda number, good: good if number % 2 == 0 else good[: number // 2 % len(good)]
    some, given_up = records(300, 2), []
    with Sender(
        kinesis_client(REGION),
        SOURCE,
        backoff=0.0001,
        tries=1000,
        on_given_up=lambda *arguments: given_up.append(arguments),
    ) as sender:
        for record in some:
            sender.put(record)
    assert (sender.counts.sent, given_up) == (300, [])
    assert server.by_key() == by_key(some)
    assert 300 < len(server.stored) <= 300 + sender.counts.retried


@pytest.mark.parametrize("bad", [http("200 OK", HTML), http("200 OK", HTML, False), http("404 Not Found", HTML)])
def test_after_a_good_answer_no_answer_stops_it(server: CuttingKinesis, bad: bytes) -> None:
    server.answer = lambda number, good: bad if 1 < number < 5 else good
    some = records(20, 1)
    with Sender(kinesis_client(REGION), SOURCE, backoff=0.0001) as sender:
        for record in some:
            sender.put(record)
    assert (sender.counts.sent, sender.counts.given_up) == (20, 0)
    assert sender.counts.retried >= 3
    assert server.by_key() == by_key(some)


def test_what_is_given_up_after_lost_answers_may_have_been_stored(server: CuttingKinesis) -> None:
    # Of record 2 two answers are lost, and the third says that it was not stored.
    server.answer = lambda number, good: {2: good[:-5], 3: good[:20], 4: THROTTLED}.get(number, good)
    given_up: list[tuple[Any, ...]] = []
    with Sender(
        kinesis_client(REGION),
        SOURCE,
        tries=3,
        backoff=0.0001,
        on_given_up=lambda record, *rest: given_up.append((record.number, *rest)),
    ) as sender:
        for record in records(4, 1):
            sender.put(record)
        sender.put(Record(5, "", b"no key"))
    assert sorted(given_up) == [
        (2, "ProvisionedThroughputExceededException", 3, True),
        (5, "PartitionKeyLength", 0, False),
    ]
    counts = sender.counts
    assert (counts.sent, counts.given_up, counts.maybe_stored) == (3, 2, 1)


def test_an_endpoint_that_never_gives_a_whole_answer(server: CuttingKinesis) -> None:
    server.answer = lambda _, good: good[:-1]
    sender = Sender(kinesis_client(REGION), SOURCE, tries=3, backoff=0.0001)
    sender.put(records(1, 1)[0])
    with pytest.raises(SendError) as caught:
        sender.flush()
    assert caught.value.code == "IncompleteReadError"
    counts = sender.counts
    assert (counts.sent, counts.given_up, counts.maybe_stored, counts.waiting) == (0, 1, 1, 0)


@pytest.mark.parametrize(("code", "maybe_stored"), [("ResourceNotFoundException", 1), ("AccessDeniedException", 1)])
def test_a_stop_counts_what_may_have_been_stored(server: CuttingKinesis, code: str, maybe_stored: int) -> None:
    refusal = http("400 Bad Request", b'{"__type": "%s", "message": ""}' % code.encode())
    # The first record's answer is lost; the request that brings it again is refused.
    server.answer = lambda number, good: good[:-1] if number == 1 else refusal
    sender = Sender(kinesis_client(REGION), SOURCE, backoff=0.0001)
    with pytest.raises(SendError):
        for record in records(5, 1):
            sender.put(record)
        sender.flush()
    counts = sender.counts
    assert (counts.sent, counts.maybe_stored) == (0, maybe_stored)
    assert counts.given_up >= 1


def test_the_command_stores_all_in_spite_of_cuts(server: CuttingKinesis) -> None:
    chance = random.Random(5)
    server.answer = lambda _, good: good if chance.random() < 0.5 else good[: chance.randrange(len(good))]
    command = [sys.executable, "-m", "producer", "--rate", "0", "--count", "400", "--seed", "2", "--region", REGION]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    last = result.stderr.splitlines()[-1]
    found = re.match(r"sent (\d+), retried (\d+), given up (\d+)(?: \((\d+) may have been stored\))?, in ", last)
    assert found, result.stderr
    sent, retried, given_up, maybe_stored = (int(number or 0) for number in found.groups())
    assert retried > 0
    assert (sent + given_up, given_up) == (400, maybe_stored)
    assert sent <= sum(map(len, server.by_key().values())) <= 400
    assert result.returncode == (1 if given_up else 0), result.stderr
