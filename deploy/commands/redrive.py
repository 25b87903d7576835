"""`redrive`: read what an on-failure queue names from the stream again, and give it to the function."""

import argparse
import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from deploy.aws import on_failure, waiting
from deploy.aws.errors import DeployError
from deploy.aws.on_failure import Failure
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import say

_FUNCTIONS = {"kinesis-to-dynamo": "KinesisToDynamo", "alerts-to-sns": "AlertsToSns"}
_BATCH = 100
_KNOWN_SENT = timedelta(days=1)
"""How long it is known of an alert that it was sent (IDEMPOTENCY_WINDOW_SECONDS of system.yaml)."""

_BATCH_BYTES = 4_000_000
"""A synchronous invocation takes 6 MB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), and
the data is in base64 there."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `redrive`."""
    parser.add_argument("function", choices=list(_FUNCTIONS), help="whose on-failure queue")
    parser.add_argument(
        "--older", action="store_true", help="alerts older than a day too: those that were sent are sent again"
    )


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Redrive every message of the queue; 1 if some stay in it."""
    outputs = Deployment(options.stack_name).must_have(aws.client("cloudformation"), "system")
    function = _FUNCTIONS[options.function]
    queue = outputs[f"{function}FailuresUrl"]
    sqs = aws.client("sqs")
    done = 0
    kept: list[Failure] = []
    foreign: list[str] = []
    for failure in on_failure.receive(sqs, queue, foreign.append):
        problem = _again(aws, outputs[f"{function}Name"], failure, function == "AlertsToSns" and not options.older)
        where = f"{failure.shard} {failure.first} to {failure.last}"
        if problem:
            kept.append(failure)
            say(f"{where}: stays in the queue: {problem}")
        else:
            done += 1
            on_failure.delete(sqs, queue, failure)
            say(f"{where}: done")
    for failure in kept:
        on_failure.release(sqs, queue, failure)
    for identifier in foreign:
        say(f"message {identifier}: stays in the queue: it is not of the form that Lambda sends for a Kinesis stream")
    print(f"{done} messages redriven, {len(kept) + len(foreign)} stay in the queue")
    if kept:
        print(f"`python -m deploy logs {options.function}` shows why a record fails")
    if foreign:
        print("look at those of another form in the SQS console, and delete them if they are nobody's")
    return 1 if kept or foreign else 0


def _again(aws: Aws, function: str, failure: Failure, once: bool) -> str:
    """Invoke the function with the records of a range; what is wrong, or nothing.

    Args:
        aws: the account and region.
        function: its name.
        failure: the range.
        once: whether nothing is to be sent again that may have been sent.
    """
    records = on_failure.records(aws.client("kinesis"), failure)
    if not records:
        return "the stream has none of its records any more"
    if once and records[0]["ApproximateArrivalTimestamp"] < waiting.now() - _KNOWN_SENT:
        return "its alerts are older than a day, so that it is not known which were sent; --older sends them all"
    failed: list[str] = []
    for batch in _batches(records):
        event = {"Records": [_event(aws.region, function, failure, record) for record in batch]}
        failed += _invoke(aws.client("lambda"), function, event)
    if failed:
        return f"{len(failed)} of {len(records)} records failed again, the first {failed[0]}"
    return "" if int(records[0]["SequenceNumber"]) == failure.first else "its first records are gone from the stream"


def _batches(records: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The records in order, in batches that an invocation takes."""
    batch: list[dict[str, Any]] = []
    size = 0
    for record in records:
        length = len(record["Data"]) * 4 // 3 + 1000
        if batch and (len(batch) == _BATCH or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    yield batch


def _event(region: str, function: str, failure: Failure, record: dict[str, Any]) -> dict[str, Any]:
    """A record as a mapping gives it to a function (https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html)."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{failure.shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": function,
        "awsRegion": region,
        "eventSourceARN": failure.stream_arn,
    }


def _invoke(client: Any, function: str, event: dict[str, Any]) -> list[str]:
    """Invoke a function; the sequence numbers that it reports as failed. Raises DeployError if it fails as a whole."""
    answer = client.invoke(FunctionName=function, InvocationType="RequestResponse", Payload=json.dumps(event).encode())
    text = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise DeployError(f"function {function}: {answer['FunctionError']}: {text[:500]}", "look at its `logs`")
    try:
        return [item["itemIdentifier"] for item in (json.loads(text or "null") or {}).get("batchItemFailures", [])]
    except (ValueError, AttributeError, KeyError, TypeError):
        raise DeployError(f"function {function}: expected batchItemFailures in its answer") from None
