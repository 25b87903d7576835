"""What streams and positions become for each line of the connector."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jobs.alerting.kinesis import table_options
from jobs.alerting.settings import Stream, Streams

SUBMITTED = datetime(2026, 1, 5, 8, 59, 59, 999_999, UTC)
ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/s"
STREAM = Stream(ARN, {})
STREAMS = Streams(STREAM, STREAM, STREAM)
FORM = "yyyy-MM-dd'T'HH:mm:ss.SSSX"
COMMON = {"connector": "kinesis", "aws.region": "eu-west-1"}
SOURCES = {
    "connector-4": {
        **COMMON,
        "stream": "s",
        "format": "raw",
        "scan.stream.initpos": "AT_TIMESTAMP",
        "scan.stream.initpos-timestamp": "2026-01-05T08:59:59.999Z",
        "scan.stream.initpos-timestamp-format": FORM,
        "scan.shard.getrecords.intervalmillis": "500",
        "scan.shard.getrecords.maxretries": "20",
    },
    "connector-5": {
        **COMMON,
        "stream.arn": ARN,
        "format": "raw",
        "source.init.position": "AT_TIMESTAMP",
        "source.init.timestamp": "2026-01-05T08:59:59.999Z",
        "source.init.timestamp.format": FORM,
        "source.reader.empty-records-fetch-interval": "500 ms",
        "source.shard.discovery.interval": "1 s",
    },
}
SOURCES["flink-2.2"] = SOURCES["connector-5"]
POSITION = {"connector-4": "scan.stream.initpos", **dict.fromkeys(("connector-5", "flink-2.2"), "source.init.position")}
TIME = {"connector-4": "scan.stream.initpos-timestamp"} | dict.fromkeys(
    ("connector-5", "flink-2.2"), "source.init.timestamp"
)
SINK = {"format": "json", "sink.flush-buffer.timeout": "200"}
SINKS = {line: {**COMMON, **SINK, "stream.arn": ARN} for line in SOURCES}
SINKS["connector-4"] = {**COMMON, **SINK, "stream": "s"}
LINES = pytest.mark.parametrize("line", SOURCES)


@pytest.fixture(params=[None, ""], autouse=True)
def on_aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty AWS_ENDPOINT_URL is none."""
    if request.param is None:
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.param)


def source(line: str, position: str = "LATEST", timestamp: str | None = None, **own: str) -> dict[str, str]:
    """The options of the source; a keyword's double underscore is a dot."""
    stream = Stream(ARN, {key.replace("__", "."): value for key, value in own.items()})
    streams = replace(STREAMS, source=stream, position=position, timestamp=timestamp, line=line)
    return table_options.source_options(streams, SUBMITTED)


@LINES
def test_on_aws(line: str) -> None:
    """LATEST is the time of the submission: the connector would read the word anew at a restart."""
    assert source(line) == SOURCES[line]
    assert table_options.sink_options(STREAM, line) == SINKS[line]
    assert table_options.jvm_environment() == {}


@LINES
def test_start_at_a_time(line: str) -> None:
    at = source(line, "AT_TIMESTAMP", "2026-01-05T10:00:00.25+01:00")
    assert at == SOURCES[line] | {TIME[line]: "2026-01-05T09:00:00.250Z"}
    # 5.x and 6.x die of a time without milliseconds.
    at = source(line, "AT_TIMESTAMP", "2026-01-05T10:00:00+01:00")
    assert at == SOURCES[line] | {TIME[line]: "2026-01-05T09:00:00.000Z"}


@LINES
def test_oldest_record(line: str) -> None:
    without_time = {key: value for key, value in SOURCES[line].items() if "timestamp" not in key}
    assert source(line, "TRIM_HORIZON") == without_time | {POSITION[line]: "TRIM_HORIZON"}


def test_what_a_group_says_wins() -> None:
    own = {"scan.shard.getrecords.intervalmillis": "1000"}
    assert source("connector-4", scan__shard__getrecords__intervalmillis="1000") == SOURCES["connector-4"] | own
    own = {"source.shard.discovery.interval": "5 s"}
    assert source("connector-5", source__shard__discovery__interval="5 s") == SOURCES["connector-5"] | own
    own = {"sink.flush-buffer.timeout": "5000"}
    for line in SOURCES:
        assert table_options.sink_options(Stream(ARN, own), line) == SINKS[line] | own


@LINES
def test_emulator(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    endpoint = {"aws.endpoint": "http://127.0.0.1:1"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint["aws.endpoint"])
    assert source(line) == SOURCES[line] | endpoint
    http = {"sink.http-client.protocol.version": "HTTP1_1"}
    assert table_options.sink_options(STREAM, line) == SINKS[line] | endpoint | http
    assert table_options.jvm_environment() == {"AWS_CBOR_DISABLE": "true", "CBOR_ENABLED": "false"}


FAN_OUT = {"scan.stream.recordpublisher": "EFO", "scan.stream.efo.consumername": "low-inventory"}


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        ("connector-4", "source__reader__type", FAN_OUT),
        ("connector-4", "scan__stream__recordpublisher", FAN_OUT),
        (
            "connector-5",
            "source__reader__type",
            {"source.reader.type": "EFO", "source.efo.consumer.name": "low-inventory"},
        ),
    ],
)
def test_enhanced_fan_out_is_one_property(line: str, key: str, expected: dict[str, str]) -> None:
    assert source(line, **{key: "EFO"}) == SOURCES[line] | expected


@LINES
def test_who_has_sequence_numbers(line: str) -> None:
    """5.x and 6.x declare the column and never fill it."""
    assert table_options.tables(replace(STREAMS, line=line)).sequence_numbers is (line == "connector-4")
