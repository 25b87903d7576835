"""The connector jar that the job was built with, and the line of the connector that it is of (docs/lines.md).

python -m jobs.alerting.kinesis.connector JAR LINE      ends with status 2 and says why if the jar is not of the line
"""

import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..settings import SettingsError
from . import lines

JAR, LINE_FILE = "pyflink-dependencies.jar", "connector-line.txt"
"""What `build.sh` puts side by side: the jar, and the name of its line."""

LIB = Path(__file__).resolve().parents[3] / "lib"
"""Beside this code: in the repository with a folder for each line, in the job's zip with the one."""


@dataclass(frozen=True)
class Connector:
    """A line of the connector, and the place of its jar, which need not be there."""

    line: str
    jar: Path


def find(lib: Path = LIB) -> Connector:
    """The connector beside this code: in the job's zip the only one, in the repository that of CONNECTOR_LINE.

    Args:
        lib: the folder `lib` of the zip or of the repository.

    Raises:
        SettingsError: if the line that is named is none, is for another Flink, or is not the one of the jar.
    """
    note = lib / LINE_FILE
    if note.exists():
        folder, line, where = lib, note.read_text(encoding="utf-8").strip(), str(note)
    else:
        line = os.environ.get("CONNECTOR_LINE", lines.FIRST)
        folder, where = lib / line, f"CONNECTOR_LINE={line}"
    if line not in lines.LINES:
        raise SettingsError(f"{where}: {line!r} is no line of the connector; expected one of {', '.join(lines.LINES)}")
    jar = folder / JAR
    if jar.exists():
        check(jar, line)
    from pyflink.version import __version__ as flink

    if flink.partition(".")[0] != lines.LINES[line]:
        raise SettingsError(f"{where}: {line} is for Flink {lines.LINES[line]}; this is Flink {flink}")
    return Connector(line, jar)


def check(jar: Path, line: str) -> None:
    """Raises SettingsError if a jar is not of a line."""
    found = line_of(jar)
    if found != line:
        raise SettingsError(f"{jar}: expected a Kinesis connector of the line {line}; it is {found or 'none'}")


def line_of(jar: Path) -> str | None:
    """The line that a jar is of, by the classes that are in it (None: it has no Kinesis connector for tables).

    Only 4.x reads by FlinkKinesisConsumer; only from 6.x on the sink is opened with Flink 2's WriterInitContext:
    https://github.com/apache/flink-connector-aws (tags v4.3.0-rc2, v5.1.0, v6.0.1-rc1).
    """
    package = "org/apache/flink/connector/kinesis"
    try:
        with zipfile.ZipFile(jar) as classes:
            names = classes.NameToInfo
            if "org/apache/flink/streaming/connectors/kinesis/FlinkKinesisConsumer.class" in names:
                return "connector-4"
            if f"{package}/source/KinesisStreamsSource.class" not in names:
                return None
            sink = classes.read(f"{package}/sink/KinesisStreamsSink.class")
    except (OSError, KeyError, zipfile.BadZipFile):
        return None
    return "flink-2.2" if b"WriterInitContext" in sink else "connector-5"


if __name__ == "__main__":
    try:
        check(Path(sys.argv[1]), sys.argv[2])
    except SettingsError as error:
        print(f"build.sh: {error}", file=sys.stderr)
        sys.exit(2)
