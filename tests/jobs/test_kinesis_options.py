"""What streams and positions become for the connector."""

from datetime import UTC, datetime

import pytest

from jobs.alerting import kinesis
from jobs.alerting.settings import Stream, Streams

SUBMITTED = datetime(2026, 1, 5, 8, 59, 59, 999_999, UTC)
STREAM = Stream("s", "eu-west-1", {})
SOURCE = {
    "connector": "kinesis",
    "stream": "s",
    "aws.region": "eu-west-1",
    "format": "raw",
    "scan.stream.initpos": "AT_TIMESTAMP",
    "scan.stream.initpos-timestamp": "2026-01-05T08:59:59.999Z",
    "scan.stream.initpos-timestamp-format": "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "scan.shard.getrecords.intervalmillis": "500",
    "scan.shard.getrecords.maxretries": "20",
}
SINK = {
    "connector": "kinesis",
    "stream": "s",
    "aws.region": "eu-west-1",
    "format": "json",
    "sink.flush-buffer.timeout": "200",
}


@pytest.fixture(params=[None, ""], autouse=True)
def on_aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty AWS_ENDPOINT_URL is none."""
    if request.param is None:
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.param)


def test_on_aws() -> None:
    assert kinesis.source_options(Streams(STREAM, STREAM, STREAM), SUBMITTED) == SOURCE
    assert kinesis.sink_options(STREAM) == SINK
    assert kinesis.jvm_environment() == {}


def test_start_at_a_time() -> None:
    streams = Streams(STREAM, STREAM, STREAM, "AT_TIMESTAMP", "2026-01-05T10:00:00.250+01:00")
    assert kinesis.source_options(streams, SUBMITTED) == SOURCE | {
        "scan.stream.initpos-timestamp": "2026-01-05T09:00:00.250Z"
    }


def test_latest_is_the_time_of_the_submission() -> None:
    """The connector would read the word anew at each restart, for a shard from which nothing was read."""
    assert kinesis.source_options(Streams(STREAM, STREAM, STREAM, "LATEST"), SUBMITTED) == SOURCE


def test_oldest_record() -> None:
    options = kinesis.source_options(Streams(STREAM, STREAM, STREAM, "TRIM_HORIZON"), SUBMITTED)
    without_time = {key: value for key, value in SOURCE.items() if "initpos" not in key}
    assert options == without_time | {"scan.stream.initpos": "TRIM_HORIZON"}


def test_what_a_group_says_wins() -> None:
    own = {"scan.shard.getrecords.intervalmillis": "1000"}
    assert kinesis.source_options(Streams(Stream("s", "eu-west-1", own), STREAM, STREAM), SUBMITTED) == SOURCE | own
    own = {"sink.flush-buffer.timeout": "5000"}
    assert kinesis.sink_options(Stream("s", "eu-west-1", own)) == SINK | own


def test_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = {"aws.endpoint": "http://127.0.0.1:1"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint["aws.endpoint"])
    assert kinesis.source_options(Streams(STREAM, STREAM, STREAM), SUBMITTED) == SOURCE | endpoint
    http = {"sink.http-client.protocol.version": "HTTP1_1"}
    assert kinesis.sink_options(STREAM) == SINK | endpoint | http
    assert kinesis.jvm_environment() == {"AWS_CBOR_DISABLE": "true", "CBOR_ENABLED": "false"}


def test_enhanced_fan_out_is_one_property() -> None:
    own = {"scan.stream.recordpublisher": "EFO"}
    options = kinesis.source_options(Streams(Stream("s", "eu-west-1", own), STREAM, STREAM), SUBMITTED)
    assert options == SOURCE | own | {"scan.stream.efo.consumername": "low-inventory"}
