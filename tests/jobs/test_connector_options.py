"""What streams and positions become for the connector."""

import pytest

import connector_options
from settings import Stream, Streams

STREAM = Stream("s", "eu-west-1", {})


def test_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    streams = Streams(STREAM, STREAM, STREAM, "AT_TIMESTAMP", "2026-01-05T10:00:00.250+01:00")
    options = connector_options.source_options(streams)
    assert options["scan.stream.initpos"] == "AT_TIMESTAMP"
    assert options["scan.stream.initpos-timestamp"] == "2026-01-05T09:00:00.250Z"
    assert options["scan.shard.getrecords.intervalmillis"] == "500"
    assert "aws.endpoint" not in options
    assert connector_options.jvm_environment() == {}


def test_what_a_group_says_wins() -> None:
    stream = Stream("s", "eu-west-1", {"sink.flush-buffer.timeout": "5000"})
    assert connector_options.sink_options(STREAM)["sink.flush-buffer.timeout"] == "200"
    assert connector_options.sink_options(stream)["sink.flush-buffer.timeout"] == "5000"
    assert connector_options.sink_options(stream)["sink.fail-on-error"] == "true"


def test_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert connector_options.sink_options(STREAM)["aws.endpoint"] == "http://127.0.0.1:1"
    assert connector_options.jvm_environment() == {"AWS_CBOR_DISABLE": "true", "CBOR_ENABLED": "false"}


def test_enhanced_fan_out_is_one_property() -> None:
    stream = Stream("s", "eu-west-1", {"scan.stream.recordpublisher": "EFO"})
    options = connector_options.source_options(Streams(stream, STREAM, STREAM))
    assert options["scan.stream.efo.consumername"] == "low-inventory"
