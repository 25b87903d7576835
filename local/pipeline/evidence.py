"""Collect from the emulator what a reconciliation needs."""

import json
from collections.abc import Iterator
from typing import Any

import boto3

from deploy.aws import on_failure
from deploy.aws.stream_reader import StreamReader
from local.pipeline.deployed import System
from local.pipeline.phone import Message
from local.pipeline.reconcile import Evidence, Place, Record, plain
from local.pipeline.shop import Taken


def failures(s3: Any, system: System, function: str) -> set[Place]:
    """The records of a function, `KinesisToDynamo` or `AlertsToSns`, that are in the bucket of failures."""
    bucket = system.outputs["FailuresBucket"]
    keys = on_failure.keys(s3, bucket, *on_failure.prefixes(system.outputs, function))
    records = [record for key in keys for record in on_failure.read(s3, bucket, key).records]
    places = [record["eventID"].split(":") for record in records]
    return {(shard, int(number)) for shard, number in places}


def _records(stream: str) -> Iterator[dict[str, Any]]:
    """All records of a stream, each shard in its order."""
    reader = StreamReader(boto3.client("kinesis"), stream, "TRIM_HORIZON")
    while records := reader.poll(10_000):
        yield from records


def source(system: System) -> list[Record]:
    """The stream of events, each shard in its order."""
    return [
        Record(
            record["ShardId"],
            int(record["SequenceNumber"]),
            record["PartitionKey"],
            record["Data"],
            record["ApproximateArrivalTimestamp"],
        )
        for record in _records(system.stream("Source"))
    ]


def collect(system: System, taken: list[Taken], given_up: int, messages: list[Message]) -> Evidence:
    """Read the streams, the table and the bucket of failures whole, and add what the shop and the phone counted."""
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    items = {}
    for page in dynamodb.get_paginator("scan").paginate(TableName=system.outputs["TableName"]):
        for stored in page["Items"]:
            item = plain(stored)
            items[item["pk"], item["sk"]] = item
    dead_letters = [json.loads(record["Data"]) for record in _records(system.stream("DeadLetter"))]
    return Evidence(
        sent=taken,
        given_up=given_up,
        source=source(system),
        items=items,
        failed=failures(s3, system, "KinesisToDynamo"),
        messages=messages,
        dead_letters=[(letter["reason"], letter["payload"]) for letter in dead_letters],
        lost_alerts=len(failures(s3, system, "AlertsToSns")),
    )
