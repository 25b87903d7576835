"""`redrive`: the records of a range go to the function again, and a message goes only when all of them are done."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deploy.aws import on_failure, session
from deploy.commands import redrive
from tests.deploy.deployed import Account
from tests.deploy.playing import queue, send_failure
from tests.emulated import REGION


class Invocations:
    """Lambda's `Invoke`, which the emulator runs only in Docker: keeps what a function is given, and answers."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.failing: set[str] = set()
        self.function_error = ""
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


def put(account: Account, count: int) -> list[dict[str, Any]]:
    """Put so many records into the stream of events."""
    kinesis = account.client("kinesis")
    return [kinesis.put_record(StreamName="http-requests", Data=f"{n}", PartitionKey="k") for n in range(count)]


def depth(account: Account) -> int:
    """How many messages there are, hidden ones included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = account.client("sqs").get_queue_attributes(QueueUrl=queue(account), AttributeNames=names)["Attributes"]
    return sum(int(number) for number in found.values())


def test_a_range_in_batches(account: Account, invocations: Invocations) -> None:
    records = put(account, 250)
    shard = records[0]["ShardId"]
    send_failure(account, shard, records[10]["SequenceNumber"], records[239]["SequenceNumber"], "aws-us-gov")
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert outcome.status == 0, outcome.err
    assert invocations.data() == [str(n) for n in range(10, 240)]
    assert [len(event["Records"]) for event in invocations.events] == [100, 100, 30]
    assert invocations.paths == {"/2015-03-31/functions/KinesisToDynamo/invocations"}
    first = invocations.events[0]["Records"][0]
    assert first["eventID"] == f"{shard}:{records[10]['SequenceNumber']}"
    assert first["eventSourceARN"] == "arn:aws-us-gov:kinesis:eu-west-1:123456789012:stream/http-requests"
    assert depth(account) == 0


def test_what_fails_again_stays(account: Account, invocations: Invocations) -> None:
    records = put(account, 3)
    numbers = [record["SequenceNumber"] for record in records]
    invocations.failing.add(numbers[1])
    for number in numbers:
        send_failure(account, records[0]["ShardId"], number, number)
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert outcome.status == 1
    assert "2 messages redriven, 1 stay in the queue" in outcome.out
    assert numbers[1] in outcome.err
    assert depth(account) == 1


def test_an_alert_that_may_have_been_sent_is_not_sent_again(account: Account, invocations: Invocations) -> None:
    record = put(account, 1)[0]
    number = record["SequenceNumber"]
    send_failure(account, record["ShardId"], number, number, function="AlertsToSns")
    account.flink.passed += timedelta(hours=25)
    kept = account.run("redrive", "alerts-to-sns")
    assert (kept.status, invocations.data()) == (1, [])
    assert "older than a day" in kept.err
    sent = account.run("redrive", "alerts-to-sns", "--older")
    assert (sent.status, invocations.data()) == (0, ["0"])
    assert invocations.paths == {"/2015-03-31/functions/AlertsToSns/invocations"}


def test_what_cannot_be_redriven_stays(account: Account, invocations: Invocations) -> None:
    number = put(account, 1)[0]["SequenceNumber"]
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: send_failure(account, "shardId-000000000009", "1", "2"), "none of its records any more"),
        (lambda: send_failure(account, "shardId-000000000000", number, number), "KinesisToDynamo: Unhandled"),
    ]
    invocations.function_error = "Unhandled"
    for count, (send, expected) in enumerate(cases, 1):
        send()
        outcome = account.run("redrive", "kinesis-to-dynamo")
        assert (outcome.status, expected in outcome.err) == (1, True), outcome.err
        # Those of before are hidden for a while.
        assert depth(account) == count


def test_a_message_of_another_form_stops_nothing(account: Account, invocations: Invocations) -> None:
    records = put(account, 1)
    for body in ("hello", '{"KinesisBatchInfo": 7}'):
        account.client("sqs").send_message(QueueUrl=queue(account), MessageBody=body)
    send_failure(account, records[0]["ShardId"], records[0]["SequenceNumber"], records[0]["SequenceNumber"])
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert outcome.status == 1
    assert outcome.err.count("is not of the form that Lambda sends") == 2
    assert "1 messages redriven, 2 stay in the queue" in outcome.out
    assert invocations.data() == ["0"]
    # Whoever looks for them sees them at once.
    assert len(account.client("sqs").receive_message(QueueUrl=queue(account), MaxNumberOfMessages=10)["Messages"]) == 2


@pytest.mark.parametrize("code", ["InvalidParameterValue", "AWS.SimpleQueueService.MessageNotInflight"])
def test_a_message_that_comes_again_is_let_be(account: Account, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    assert account.run("up").status == 0
    number = put(account, 1)[0]["SequenceNumber"]
    send_failure(account, "shardId-000000000000", number, number)
    # As if each took longer than a message is hidden.
    monkeypatch.setattr(on_failure, "_HIDDEN_SECONDS", 0)

    def not_hidden(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, "ChangeMessageVisibility")

    monkeypatch.setattr(account.client("sqs"), "change_message_visibility", not_hidden)
    answers = ["it fails again", ""]
    monkeypatch.setattr(redrive, "_again", lambda *_: answers.pop(0))
    outcome = account.run("redrive", "kinesis-to-dynamo")
    assert (outcome.status, answers) == (1, [""])
    assert "0 messages redriven, 1 stay in the queue" in outcome.out
    assert depth(account) == 1
