"""`redrive`: what is in the bucket of failures goes to its function again, and is moved only when all of it is done."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from deploy.aws import session
from tests.deploy.deployed import Account
from tests.deploy.playing import give_up, objects, reject, store
from tests.emulated import REGION
from tests.lambdas import function_under_test


class Invocations:
    """Lambda's `Invoke`, which the emulator runs only in Docker: keeps what a function is given, and answers."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.failing: set[str] = set()
        self.function_error = ""
        self.meanwhile: Callable[[], object] = lambda: None
        self.paths: set[str] = set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def data(self) -> list[str]:
        """The records that the function was given, in order."""
        records = [record for event in self.events for record in event["Records"]]
        return [base64.b64decode(record["kinesis"]["data"]).decode() for record in records]


def _handler(invocations: Invocations) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            invocations.paths.add(self.path)
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            invocations.events.append(event)
            invocations.meanwhile()
            numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
            failed = [{"itemIdentifier": number} for number in numbers if number in invocations.failing]
            body = json.dumps({"batchItemFailures": failed}).encode()
            self.send_response(200)
            if invocations.function_error:
                self.send_header("X-Amz-Function-Error", invocations.function_error)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a test shows what fails."""

    return Handler


@pytest.fixture
def invocations(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invocations]:
    """A deployment whose functions can be invoked."""
    assert account.run("up").status == 0
    started = Invocations()
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{started.server.server_address[1]}")
    monkeypatch.setattr(session, "connect", lambda region: session.Aws(boto3.session.Session(), REGION))
    yield started
    started.close()


def event(*data: str, arrived: datetime | None = None) -> dict[str, Any]:
    """An event as a function gets it."""
    made = function_under_test.event([one.encode() for one in data])
    for record in made["Records"]:
        record["kinesis"]["approximateArrivalTimestamp"] = (arrived or datetime.now(UTC)).timestamp()
    return made


def test_both_kinds_are_sent_as_they_came_and_moved(account: Account, invocations: Invocations) -> None:
    first, second, lone = event("a", "b"), event("c"), event("d")
    keys = [give_up(account, second, name="2"), give_up(account, first, name="1"), reject(account, lone)]
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert outcome.status == 0, outcome.err
    assert "4 records sent again; 0 objects stay" in outcome.out
    # What Lambda gave up on first, in its order, each with the records as they were.
    assert [sent["Records"] for sent in invocations.events] == [one["Records"] for one in (first, second, lone)]
    assert invocations.paths == {"/2015-03-31/functions/KinesisToDynamo/invocations"}
    # The function answers before the client gives up on it.
    assert {sent["seconds"] < 60 for sent in invocations.events} == {True}
    assert sorted(objects(account)) == sorted(f"redriven/{key}" for key in keys)
    assert "0 records sent again; 0 objects stay" in account.run("redrive", "kinesis-to-dynamo").out
    assert len(invocations.events) == 3


def test_only_the_failures_of_the_function_are_sent(account: Account, invocations: Invocations) -> None:
    others = [give_up(account, event("a")), reject(account, event("b"))]
    reject(account, event("c"), "AlertsToSns")
    assert account.run("redrive", "alerts-to-sns").status == 0
    assert invocations.data() == ["c"]
    assert invocations.paths == {"/2015-03-31/functions/AlertsToSns/invocations"}
    assert set(others) < set(objects(account))


def test_what_an_earlier_mapping_gave_up_on_is_sent(account: Account, invocations: Invocations) -> None:
    give_up(account, event("a"), mapping="00000000-0000-4000-8000-000000000000")
    give_up(account, event("b"), "AlertsToSns", mapping="00000000-0000-4000-8000-000000000001")
    assert account.run("redrive", "kinesis-to-dynamo").status == 0
    assert invocations.data() == ["a"]


def test_what_fails_again_stays(account: Account, invocations: Invocations) -> None:
    key = give_up(account, event("a", "b"))
    number = function_under_test.numbers(2)[1]
    invocations.failing.add(number)
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert outcome.status == 1
    assert "0 records sent again; 1 object stays" in outcome.out
    assert f"{key}: stays: 1 of 2 records failed again, the first {number}" in outcome.err
    assert objects(account) == [key]


def test_what_is_rejected_again_stays(account: Account, invocations: Invocations) -> None:
    key = reject(account, event("a"))
    # The function stores it once more, at the same key, and reports nothing.
    invocations.meanwhile = lambda: reject(account, event("a"))
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert outcome.status == 1
    assert f"{key}: stays: the function rejected it again" in outcome.err
    assert objects(account) == [key]


def test_a_function_that_fails_as_a_whole_is_said(account: Account, invocations: Invocations) -> None:
    key = give_up(account, event("a"))
    invocations.function_error = "Unhandled"
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert outcome.status == 1
    assert "KinesisToDynamo: Unhandled" in outcome.err
    assert objects(account) == [key]


def test_an_alert_that_may_have_been_sent_is_not_sent_again(account: Account, invocations: Invocations) -> None:
    give_up(account, event("0"), "AlertsToSns")
    account.flink.passed += timedelta(hours=25)
    kept = account.run("redrive", "alerts-to-sns")
    assert (kept.status, invocations.data()) == (1, [])
    assert "older than a day" in kept.err
    sent = account.run("redrive", "alerts-to-sns", "--older")
    assert (sent.status, invocations.data()) == (0, ["0"])


@pytest.mark.parametrize("content", ["hello", [], {"record": {}}, {"payload": "{}"}, {"payload": '{"Records": []}'}])
def test_an_object_of_another_form_stops_nothing(account: Account, invocations: Invocations, content: object) -> None:
    foreign = store(account, "rejected/KinesisToDynamo/0", content)
    reject(account, event("a"))
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert outcome.status == 1
    assert f"{foreign}: stays: expected what Lambda or a function writes when it gives up" in outcome.err
    assert "1 record sent again; 1 object stays" in outcome.out
    assert invocations.data() == ["a"]
    assert foreign in objects(account)
