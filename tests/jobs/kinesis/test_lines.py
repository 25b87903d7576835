"""The names of the connector's options in each line, and which jar and which keys a line takes."""

from pathlib import Path

import pytest
from pyflink.version import __version__

from jobs.alerting.kinesis import connector, lines
from jobs.alerting.settings import SettingsError
from local.deploy_command import LINE
from tests.jobs.kinesis.declared_options import DECLARED


@pytest.mark.parametrize("line", lines.LINES)
def test_the_table_has_what_the_connector_declares(line: str) -> None:
    named = [name for option in lines.OPTIONS for name in option.names(line)]
    assert sorted(named) == sorted(DECLARED[line])
    # What one line lacks is explained.
    assert all(option.instead or (option.first and option.later) for option in lines.OPTIONS)


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        ("connector-4", "scan.shard.getrecords.maxretries", None),
        ("connector-4", "scan.stream.efo.consumerarn.http-requests", None),
        ("connector-5", "source.shard.discovery.interval", None),
        ("flink-2.2", "sink.batch.max-size", None),
        (
            "connector-4",
            "source.shard.discovery.interval",
            "not an option of connector-4; there it is scan.shard.discovery.intervalmillis",
        ),
        (
            "connector-5",
            "scan.stream.recordpublisher",
            "not an option of connector-5; there it is source.reader.type",
        ),
        (
            "flink-2.2",
            "scan.shard.getrecords.intervalmillis",
            "not an option of flink-2.2; there it is not to be set "
            "(the next read follows at once, 9 to 12 a second of a busy shard)",
        ),
        ("connector-5", "source.reader.typ", "unknown option; docs/lines.md has those of connector-5"),
        ("connector-4", "sink.batch.maxsize", "unknown option; docs/lines.md has those of connector-4"),
    ],
)
def test_keys_of_a_line(line: str, key: str, expected: str | None) -> None:
    assert lines.problem(line, key) == expected


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    """A folder `lib` in which nothing is."""
    return tmp_path


def test_the_line_of_a_package(lib: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the zip the file beside the jar names the line, whatever the environment says."""
    monkeypatch.setenv("CONNECTOR_LINE", "connector-4")
    (lib / connector.LINE_FILE).write_text("connector-5\n")
    assert connector.find(lib) == connector.Connector("connector-5", lib / connector.JAR)


def test_the_line_in_the_repository(lib: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONNECTOR_LINE", raising=False)
    assert connector.find(lib) == connector.Connector("connector-4", lib / "connector-4" / connector.JAR)
    monkeypatch.setenv("CONNECTOR_LINE", "connector-5")
    assert connector.find(lib) == connector.Connector("connector-5", lib / "connector-5" / connector.JAR)


@pytest.mark.parametrize(
    ("line", "jar", "expected"),
    [
        ("connector-3", None, "is no line of the connector; expected one of connector-4, connector-5, flink-2.2"),
        ("connector-5", b"no jar", "expected a Kinesis connector of the line connector-5; it is none"),
        ("flink-2.2", None, f"flink-2.2 is for Flink 2; this is Flink {__version__}"),
    ],
)
def test_what_does_not_fit_is_said(lib: Path, line: str, jar: bytes | None, expected: str) -> None:
    (lib / connector.LINE_FILE).write_text(line)
    if jar:
        (lib / connector.JAR).write_bytes(jar)
    with pytest.raises(SettingsError, match=f"{lib}.*{expected}"):
        connector.find(lib)


def test_the_jar_that_was_built(connector: Path) -> None:
    """The classes that tell a line are in the real jar."""
    from jobs.alerting.kinesis.connector import line_of

    assert line_of(connector) == LINE
