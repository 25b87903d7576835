"""The messages in an on-failure queue: each names a range of a shard's records that a function could not handle.

Their form: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html. They hold no records.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

import aws_errors
from aws_errors import DeployError

_HIDDEN_SECONDS = 120


@dataclass(frozen=True)
class Failure:
    """A message, and the range in it, both ends included."""

    receipt: str
    stream: str
    shard: str
    first: int
    last: int

    def covers(self, sequence_number: str) -> bool:
        """Whether a record is in the range; of one shard sequence numbers grow, and of another they differ."""
        return self.first <= int(sequence_number) <= self.last


def receive(sqs: Any, queue: str) -> Iterator[Failure]:
    """The messages of a queue, until none comes; each is hidden from others until deleted or released.

    Raises:
        DeployError: for a message of another form.
    """
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=_HIDDEN_SECONDS
        )
        if not answer.get("Messages"):
            return
        for message in answer["Messages"]:
            yield _read(message)


def _read(message: dict[str, Any]) -> Failure:
    try:
        batch = json.loads(message["Body"])["KinesisBatchInfo"]
        stream = batch["streamArn"].rpartition("/")[2]
        first, last = int(batch["startSequenceNumber"]), int(batch["endSequenceNumber"])
        return Failure(message["ReceiptHandle"], stream, batch["shardId"], first, last)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DeployError(
            f"message {message['MessageId']} of the queue is not of the form that Lambda sends for a Kinesis stream",
            "look at it in the SQS console, and delete it if it is nobody's",
        ) from None


def delete(sqs: Any, queue: str, failure: Failure) -> None:
    """Take a message out of the queue."""
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=failure.receipt)


def release(sqs: Any, queue: str, failure: Failure) -> None:
    """Let others see a message again at once."""
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=failure.receipt, VisibilityTimeout=0)


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
        if aws_errors.code(error) == "ResourceNotFoundException":
            return []
        if aws_errors.code(error) != "InvalidArgumentException":
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
