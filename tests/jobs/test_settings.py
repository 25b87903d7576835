"""Each setting that cannot be used gives one line that names it and says what was expected."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from jobs.alerting import settings
from jobs.alerting.settings import AlertSettings, SettingsError, read_properties

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/"
GROUPS: dict[str, dict[str, Any]] = {
    "InputStream0": {"stream.arn": f"{ARN}http-requests"},
    "OutputStream0": {"stream.arn": f"{ARN}alerts-low-inventory"},
    "DeadLetterStream0": {"stream.arn": f"{ARN}http-requests-dead-letters"},
}


def write(path: Path, changes: dict[str, dict[str, Any] | None]) -> Path:
    groups: dict[str, Any] = copy.deepcopy(GROUPS)
    for name, pairs in changes.items():
        if pairs is None:
            del groups[name]
        else:
            groups.setdefault(name, {}).update(pairs)
    content = [{"PropertyGroupId": name, "PropertyMap": pairs} for name, pairs in groups.items()]
    path.write_text(json.dumps(content))
    return path


def test_the_least_that_a_file_must_say(tmp_path: Path) -> None:
    streams, alerts = read_properties(write(tmp_path / "p.json", {}))
    assert (streams.source.name, streams.source.region) == ("http-requests", "eu-west-1")
    assert (streams.position, streams.timestamp) == ("LATEST", None)
    assert alerts == AlertSettings(10, "every", 0, "30 d", {})


def test_all_that_a_file_can_say(tmp_path: Path) -> None:
    changes: dict[str, dict[str, Any] | None] = {
        "InputStream0": {
            "source.init.position": "AT_TIMESTAMP",
            "source.init.timestamp": "2026-01-05T10:00:00+01:00",
            "scan.stream.recordpublisher": "EFO",
        },
        "OutputStream0": {"sink.batch.max-size": "100", "json.map-null-key.mode": "FAIL"},
        "DeadLetterStream0": {"sink.batch.max-size": "50"},
        "Alerts": {"threshold": "25", "policy": "crossing", "rearm_margin": "5", "state_ttl": "12 h"},
        "Thresholds": {"SKU-0001": "3", "it's": "-4", "x" * 64: "5"},
        "kinesis.analytics.flink.run.options": {"python": "jobs/low_inventory.py"},
    }
    streams, alerts = read_properties(write(tmp_path / "p.json", changes))
    assert alerts == AlertSettings(25, "crossing", 5, "12 h", {"SKU-0001": 3, "it's": -4, "x" * 64: 5})
    assert streams.timestamp == "2026-01-05T10:00:00+01:00"
    assert streams.source.options == {"scan.stream.recordpublisher": "EFO"}
    assert streams.dead_letters.options == {"sink.batch.max-size": "50"}
    assert streams.alerts.options == {"sink.batch.max-size": "100", "json.map-null-key.mode": "FAIL"}


@pytest.mark.parametrize(
    ("changes", "named", "expected"),
    [
        ({"InputStream0": None}, "group InputStream0", "missing"),
        ({"OutputStream0": None}, "group OutputStream0", "missing"),
        ({"DeadLetterStream0": None}, "group DeadLetterStream0", "missing"),
        ({"Alert": {"threshold": "3"}}, "group Alert:", "expected one of"),
        ({"InputStream0": {"stream.arn": "http-requests"}}, "InputStream0: stream.arn", "expected arn:aws:kinesis"),
        ({"OutputStream0": {"stream.arn": f"{ARN}a'b"}}, "OutputStream0: stream.arn", "expected arn:aws:kinesis"),
        ({"InputStream0": {"scan": "x"}}, "InputStream0: scan", "unknown key; expected stream.arn"),
        ({"InputStream0": {"scan.stream.initpos": "LATEST"}}, "scan.stream.initpos", "expected source.init.position"),
        ({"InputStream0": {"source.init.timestamp.format": "x"}}, "format", "expected source.init.position"),
        ({"InputStream0": {"scan.shard.idle": "1"}}, "InputStream0: scan.shard.idle", "unknown option; docs/lines.md"),
        (
            {"InputStream0": {"source.shard.discovery.interval": "1 s"}},
            "InputStream0: source.shard.discovery.interval",
            "not an option of connector-4; there it is scan.shard.discovery.intervalmillis",
        ),
        ({"InputStream0": {"source.reader.type": "efo"}}, "source.reader.type", "expected one of POLLING, EFO"),
        ({"OutputStream0": {"sink.batch": "1"}}, "OutputStream0: sink.batch", "unknown option; docs/lines.md"),
        ({"InputStream0": {"sink.x": "y"}}, "InputStream0: sink.x", "expected stream.arn"),
        ({"OutputStream0": {"source.init.position": "LATEST"}}, "OutputStream0: source.init.position", "unknown key"),
        ({"InputStream0": {"source.init.position": "latest"}}, "source.init.position", "expected one of LATEST"),
        ({"InputStream0": {"source.init.position": "AT_TIMESTAMP"}}, "source.init.timestamp", "it is missing"),
        (
            {"InputStream0": {"source.init.position": "AT_TIMESTAMP", "source.init.timestamp": "2026-01-05T09:00:00"}},
            "source.init.timestamp",
            "expected ISO-8601 with an offset",
        ),
        (
            {"InputStream0": {"source.init.position": "AT_TIMESTAMP", "source.init.timestamp": "noon"}},
            "source.init.timestamp",
            "expected ISO-8601 with an offset",
        ),
        ({"Alerts": {"threshold": "ten"}}, "Alerts: threshold", "expected a whole number"),
        ({"Alerts": {"threshold": "2147483648"}}, "Alerts: threshold", "expected a whole number"),
        ({"Alerts": {"threshold": 10}}, "Alerts: threshold", "expected a string"),
        ({"Alerts": {"rearm_margin": "-1"}}, "Alerts: rearm_margin", "from 0"),
        ({"Alerts": {"policy": "always"}}, "Alerts: policy", "expected one of every, crossing"),
        ({"Alerts": {"state_ttl": "long"}}, "Alerts: state_ttl", "expected a duration"),
        ({"Alerts": {"state_ttl": "2 w"}}, "Alerts: state_ttl", "expected a duration"),
        ({"Alerts": {"state_ttl": "٣ d"}}, "Alerts: state_ttl", "expected a duration"),
        ({"Alerts": {"state_ttl": "99999999999 d"}}, "Alerts: state_ttl", "expected a duration"),
        ({"Alerts": {"treshold": "1"}}, "Alerts: treshold", "unknown key"),
        ({"Thresholds": {"A": "few"}}, "Thresholds: 'A'", "expected a whole number"),
        ({"Thresholds": {"": "1"}}, "Thresholds: ''", "expected a product id"),
        ({"Thresholds": {"x" * 65: "1"}}, "Thresholds: 'xxx", "expected a product id of 1 to 64 characters"),
        ({"Thresholds": {"\ud800": "1"}}, "Thresholds: '\\ud800'", "expected a product id"),
        ({"Thresholds": {f"P{i}": "1" for i in range(1001)}}, "Thresholds", "expected at most 1000 products, got 1001"),
        ({"Alerts": {"a\nb": "1"}}, "Alerts: 'a\\nb'", "unknown key"),
        ({"a\nb": {}}, "group 'a\\nb'", "unknown"),
        (
            {"InputStream0": {"source.init.position": "AT_TIMESTAMP", "source.init.timestamp": "0001-01-01T00:00+01"}},
            "source.init.timestamp",
            "expected ISO-8601 with an offset",
        ),
        (
            {"InputStream0": {"source.init.timestamp": "2026-01-05T09:00:00Z"}},
            "source.init.timestamp",
            "with source.init.position AT_TIMESTAMP only",
        ),
    ],
)
def test_refused(tmp_path: Path, changes: dict[str, dict[str, Any] | None], named: str, expected: str) -> None:
    path = write(tmp_path / "p.json", changes)
    with pytest.raises(SettingsError) as raised:
        read_properties(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert named in message
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[", "expected JSON"),
        ("{}", "expected a list"),
        ("[1]", "expected a list"),
        ('[{"PropertyGroupId": "A"}]', "expected a list"),
        ("[" * 100_000, "expected JSON"),
        ('[{"PropertyGroupId": "A", "PropertyGroupId": "B", "PropertyMap": {}}]', "'PropertyGroupId' is there twice"),
    ],
)
def test_no_property_file(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=expected):
        read_properties(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        settings.read_json(tmp_path / "none.json")


def test_group_that_stands_twice(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps([{"PropertyGroupId": "Alerts", "PropertyMap": {}}] * 2))
    with pytest.raises(SettingsError, match="group Alerts: expected once"):
        read_properties(path)


def test_the_example_in_the_repo_is_usable() -> None:
    read_properties(Path(settings.__file__).parents[2] / "application_properties.json")
