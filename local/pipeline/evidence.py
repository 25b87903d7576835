"""Collect from the emulator what a reconciliation needs."""

import json
from typing import Any

import boto3

from deploy.aws import on_failure
from local.pipeline.deployed import System
from local.pipeline.phone import Message
from local.pipeline.reconcile import Evidence, Range, plain
from local.pipeline.shop import Taken
from local.pipeline.streams import Reader, Record


def ranges(sqs: Any, queue: str) -> list[Range]:
    """What the on-failure messages of a queue name; they stay in it.

    Args:
        sqs: a boto3 SQS client.
        queue: the queue's URL.
    """
    found = list(on_failure.receive(sqs, queue))
    for failure in found:
        on_failure.release(sqs, queue, failure)
    return [Range(failure.shard, failure.first, failure.last) for failure in found]


def source(system: System) -> list[Record]:
    """The stream of events, each shard in its order."""
    return list(Reader(boto3.client("kinesis"), system.stream("Source")).read())


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
        source=source(system),
        items=items,
        ranges=ranges(sqs, system.outputs["KinesisToDynamoFailuresUrl"]),
        messages=messages,
        dead_letters=[(letter["reason"], letter["payload"]) for letter in dead_letters],
        lost_alerts=len(ranges(sqs, system.outputs["AlertsToSnsFailuresUrl"])),
    )
