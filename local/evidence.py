"""Collect from the emulator what a reconciliation needs."""

import json
from typing import Any

import boto3

from phone import Message
from reconcile import Evidence, Range, plain
from shop import Taken
from streams import Reader
from system import System


def ranges(sqs: Any, queue: str) -> list[Range]:
    """What the on-failure messages of a queue name; they stay in it.

    Args:
        sqs: a boto3 SQS client.
        queue: the queue's name.
    """
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found: list[Range] = []
    handles: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages"):
        for message in messages:
            batch = json.loads(message["Body"])["KinesisBatchInfo"]
            numbers = (int(batch[f"{end}SequenceNumber"]) for end in ("start", "end"))
            found.append(Range(batch["shardId"], *numbers))
            handles.append(message["ReceiptHandle"])
    for handle in handles:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return found


def collect(system: System, taken: list[Taken], given_up: int, messages: list[Message]) -> Evidence:
    """Read the streams, the table and the queues whole.

    Args:
        system: what the stack made.
        taken: shard, sequence number and data of each event that the stream took.
        given_up: the number of events that it did not take.
        messages: what the phones got.
    """
    kinesis, sqs, dynamodb = boto3.client("kinesis"), boto3.client("sqs"), boto3.client("dynamodb")
    items = {}
    for page in dynamodb.get_paginator("scan").paginate(TableName=system.outputs["TableName"]):
        for stored in page["Items"]:
            item = plain(stored)
            items[item["pk"], item["sk"]] = item
    dead_letters = [json.loads(record.data) for record in Reader(kinesis, system.stream("DeadLetter")).read()]
    return Evidence(
        sent=taken,
        given_up=given_up,
        source=list(Reader(kinesis, system.stream("Source")).read()),
        items=items,
        ranges=ranges(sqs, system.outputs["KinesisToDynamoFailuresName"]),
        messages=messages,
        dead_letters=[(letter["reason"], letter["payload"]) for letter in dead_letters],
        lost_alerts=len(ranges(sqs, system.outputs["AlertsToSnsFailuresName"])),
    )
