"""The messages in an on-failure queue: each names a range of a shard's records that a function could not handle.

Their form: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html. They hold no records.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import errors
from deploy.aws.errors import DeployError

_HIDDEN_SECONDS = 120


@dataclass(frozen=True)
class Failure:
    """A message, and the range in it, both ends included."""

    receipt: str
    stream_arn: str
    shard: str
    first: int
    last: int

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.stream_arn.rpartition("/")[2]

    def covers(self, sequence_number: str) -> bool:
        """Whether a record is in the range; of one shard sequence numbers grow, and of another they differ."""
        return self.first <= int(sequence_number) <= self.last


def _refuse(identifier: str) -> None:
    raise DeployError(
        f"message {identifier} of the queue is not of the form that Lambda sends for a Kinesis stream",
        "look at it in the SQS console, and delete it if it is nobody's",
    )


def receive(sqs: Any, queue: str, foreign: Callable[[str], None] = _refuse) -> Iterator[Failure]:
    """The messages of a queue, each once, until none comes that is new.

    Each is hidden from others until it is deleted or released, or for two minutes; one that takes longer than that, or
    stays, comes again, and is let go at the end.

    Args:
        sqs: a boto3 client.
        queue: the queue's URL.
        foreign: takes the id of a message of another form, which is let go at the end.

    Raises:
        DeployError: for a message of another form, unless `foreign` takes it.
    """
    seen: set[str] = set()
    passed: list[str] = []
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=_HIDDEN_SECONDS
        )
        messages = answer.get("Messages", [])
        passed += [message["ReceiptHandle"] for message in messages if message["MessageId"] in seen]
        new = [message for message in messages if message["MessageId"] not in seen]
        if not new:
            break
        for message in new:
            seen.add(message["MessageId"])
            failure = _read(message)
            if failure:
                yield failure
            else:
                foreign(message["MessageId"])
                passed.append(message["ReceiptHandle"])
    for receipt in passed:
        _let_go(sqs, queue, receipt)


def _read(message: dict[str, Any]) -> Failure | None:
    """A message, or None if it is of another form."""
    try:
        batch = json.loads(message["Body"])["KinesisBatchInfo"]
        first, last = int(batch["startSequenceNumber"]), int(batch["endSequenceNumber"])
        return Failure(message["ReceiptHandle"], str(batch["streamArn"]), batch["shardId"], first, last)
    except (ValueError, KeyError, TypeError):
        return None


def delete(sqs: Any, queue: str, failure: Failure) -> None:
    """Take a message out of the queue."""
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=failure.receipt)


def release(sqs: Any, queue: str, failure: Failure) -> None:
    """Let others see a message again at once."""
    _let_go(sqs, queue, failure.receipt)


def _let_go(sqs: Any, queue: str, receipt: str) -> None:
    try:
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=0)
    except ClientError as error:
        # Not hidden any more, or gone: there is nothing to let go.
        if not errors.code(error).endswith(("MessageNotInflight", "InvalidParameterValue")):
            raise


def records(kinesis: Any, failure: Failure) -> list[dict[str, Any]]:
    """The records of a range that the stream still has, in order.

    Raises:
        botocore.exceptions.ClientError: if the stream cannot be read.
    """
    try:
        iterator = kinesis.get_shard_iterator(
            StreamName=failure.stream,
            ShardId=failure.shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=str(failure.first),
        )["ShardIterator"]
    except ClientError as error:
        # The shard is gone, or the first record is: what is left begins at the horizon.
        if errors.code(error) == "ResourceNotFoundException":
            return []
        if errors.code(error) != "InvalidArgumentException":
            raise
        iterator = kinesis.get_shard_iterator(
            StreamName=failure.stream, ShardId=failure.shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    found: list[dict[str, Any]] = []
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator)
        inside = [one for one in answer["Records"] if failure.covers(one["SequenceNumber"])]
        found += inside
        beyond = any(int(one["SequenceNumber"]) >= failure.last for one in answer["Records"])
        if beyond or (not answer["Records"] and not answer.get("MillisBehindLatest")):
            return found
        iterator = answer.get("NextShardIterator")
    return found
