"""Turns streams and positions into the options of the connector's tables; lines.py has their names."""

import os
from datetime import UTC, datetime

from ..settings import Stream, Streams, Tables
from . import lines

# A record of a stream takes 1 MiB: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
_PAYLOAD_BYTES = 900_000


def tables(streams: Streams) -> Tables:
    """The job's tables on streams, as it is submitted now. The partition key of an alert is its product."""
    return Tables(
        source_options(streams, datetime.now(UTC)),
        sink_options(streams.alerts, streams.line),
        sink_options(streams.dead_letters, streams.line),
        alerts_key="product_id",
        payload_bytes=_PAYLOAD_BYTES,
        # Only connector-4 fills its metadata columns, and needs them: the others read a shard before its children.
        sequence_numbers=streams.line == lines.FIRST,
    )


def source_options(streams: Streams, submitted: datetime) -> dict[str, str]:
    """The options of the table that reads the events.

    The connector is never told LATEST: connector-4 keeps the word in its state for a shard from which nothing was read
    yet, and the others forget when they began until their first checkpoint. Whatever starts the job again would begin
    at the new end of the shard and lose what came while it was away. It gets the time of the job's submission instead.
    A time before the stream's retention means the oldest record:
    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html (Timestamp)

    A shard allows five GetRecords a second, shared with the Lambda on the same stream (which polls once a second):
    https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html. connector-4's own 200 ms would use
    them all up and give in after three tries; the others can be slowed down only at a shard that has nothing.

    Args:
        streams: the streams and the position in the source.
        submitted: when the job is submitted.
    """
    options = {
        **_common(streams.source),
        "format": "raw",
        "scan.shard.getrecords.intervalmillis": "500",
        "source.reader.empty-records-fetch-interval": "500 ms",
        "scan.shard.getrecords.maxretries": "20",
        "source.init.position": "TRIM_HORIZON",
    }
    if streams.position != "TRIM_HORIZON":
        start = submitted if streams.timestamp is None else datetime.fromisoformat(streams.timestamp)
        moment = start.astimezone(UTC).isoformat(timespec="milliseconds")
        options |= {
            "source.init.position": "AT_TIMESTAMP",
            "source.init.timestamp": moment.replace("+00:00", "Z"),
            "source.init.timestamp.format": "yyyy-MM-dd'T'HH:mm:ss.SSSX",
        }
    if streams.line != lines.FIRST:
        # These lines give a reader its first shards only when they look for shards once more, by default after 10 s.
        options["source.shard.discovery.interval"] = "1 s"
    own = lines.rename(streams.line, streams.source.options)
    if "EFO" in (own.get("source.reader.type"), own.get("scan.stream.recordpublisher")):
        # The connector wants a name for the consumer that it registers.
        options["source.efo.consumer.name"] = "low-inventory"
    return lines.rename(streams.line, options) | own


def sink_options(stream: Stream, line: str) -> dict[str, str]:
    """Options of a table that writes to a stream: do not wait long for a batch.

    What the stream does not take is sent again, and is in every checkpoint until then. With `sink.fail-on-error`, an
    entry that is throttled would restart the job (KinesisStreamsSinkWriter, handlePartiallyFailedRequest).
    """
    options = {
        **_common(stream),
        "format": "json",
        "sink.flush-buffer.timeout": "200",
    }
    if os.environ.get("AWS_ENDPOINT_URL"):
        options["sink.http-client.protocol.version"] = "HTTP1_1"
    return lines.rename(line, options) | stream.options


def jvm_environment() -> dict[str, str]:
    """Variables that a JVM of our own needs to speak to an emulator, which knows JSON only and not CBOR."""
    return {"AWS_CBOR_DISABLE": "true", "CBOR_ENABLED": "false"} if os.environ.get("AWS_ENDPOINT_URL") else {}


def _common(stream: Stream) -> dict[str, str]:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    options = {"connector": "kinesis", "stream": stream.name, "stream.arn": stream.arn, "aws.region": stream.region}
    return options | ({"aws.endpoint": endpoint} if endpoint else {})
