"""The files that a run reads: their form is told by their bytes, and what cannot be read is refused in one line."""

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from jobs.alerting import files, forms, options, settings, terminal

JOB = Path(options.__file__).parents[1] / "low_inventory.py"
EVENT = {"type": "inventory", "product_id": "café", "inventory": 3, "timestamp": "2026-01-05T09:00:00.000Z"}
LINE = json.dumps(EVENT, ensure_ascii=False) + "\n"
LINES = LINE.encode() * 3


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("events.jsonl", LINES)
    return content.getvalue()


# A zstd frame of one raw block: https://datatracker.ietf.org/doc/html/rfc8878#section-3.1.1
ZSTD = b"\x28\xb5\x2f\xfd\x20\x02\x11\x00\x00{}"

READ = {
    "plain": LINES,
    "no line end": LINES[:-1],
    "BOM": b"\xef\xbb\xbf" + LINES,
    "gzip": gzip.compress(LINES),
    "gzip in two members": gzip.compress(LINES[:40]) + gzip.compress(LINES[40:]),
    "BOM in gzip": gzip.compress(b"\xef\xbb\xbf" + LINES),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
@pytest.mark.parametrize("name", ["events", "events.jsonl", "events.gz", "events.bz2", "events.zip"])
@pytest.mark.parametrize("in_order", [False, True])
def test_read_by_content_and_not_by_name(tmp_path: Path, name: str, content: bytes, in_order: bool) -> None:
    """Flink is given a file of exactly the lines, under a name that tells it the compression."""
    (tmp_path / name).write_bytes(content)
    events = files.scan([tmp_path / name], name)
    assert events.records == 3
    work = tmp_path / "work"
    work.mkdir()
    files.tables(work, events, in_order)
    (read,) = (work / "events").iterdir()
    assert read.suffix in ("", ".gz")
    text = gzip.decompress(read.read_bytes()) if read.suffix else read.read_bytes()
    assert text.splitlines() == LINES.splitlines()


REFUSED = [
    (zipped(), "compressed as zip"),
    (lzma.compress(LINES), "compressed as xz"),
    (bz2.compress(LINES), "compressed as bzip2"),
    (bz2.compress(b""), "compressed as bzip2"),
    (ZSTD, "compressed as zstd"),
    (gzip.compress(gzip.compress(LINES)), "compressed with gzip twice"),
    (gzip.compress(zipped()), "compressed as zip"),
    *((LINE.encode(encoding), f"encoded as {encoding[:6].upper()}") for encoding in ("utf-16-le", "utf-16-be")),
    *((LINE.encode(encoding), f"encoded as {encoding[:6].upper()}") for encoding in ("utf-32-le", "utf-32-be")),
    *((("\ufeff" + LINE).encode(encoding), "encoded as UTF-16") for encoding in ("utf-16-le", "utf-16-be")),
    *((("\ufeff" + LINE).encode(encoding), "encoded as UTF-32") for encoding in ("utf-32-le", "utf-32-be")),
    (b"type,product_id,inventory\ninventory,A,3\n", "it seems to be CSV"),
    (b"type;product_id;inventory\r\ninventory;A;3", "it seems to be CSV"),
    (json.dumps([EVENT, EVENT], indent=2).encode(), "it seems to be a pretty-printed JSON array"),
    (b"[\n" + LINES.replace(b"\n", b",\n") + b"]", "it seems to be a pretty-printed JSON array"),
    (json.dumps([EVENT, EVENT]).encode(), "it seems to be a JSON array"),
    (b"\xef\xbb\xbf" + json.dumps(EVENT, indent=2).encode(), "it seems to be pretty-printed JSON"),
    (str(EVENT).encode(), "its only line is not a JSON object, and it seems to be JSON objects that are not valid"),
    (b"<events/>\n", "it seems to be XML or HTML"),
    (b"nothing\nto see", "none of its 2 lines is a JSON object, and it seems to be text that is not JSON"),
    (b"\x7fELF\x02\x01\x01\x00", "it seems to be binary data"),
    (gzip.compress(LINES)[:-9], "cut short; expected a complete gzip file"),
    (gzip.compress(LINES)[:10] + b"\xff" * 20, "expected a complete gzip file"),
]


@pytest.mark.parametrize(("content", "expected"), REFUSED, ids=[expected for _, expected in REFUSED])
def test_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "events").write_bytes(content)
    with pytest.raises(settings.SettingsError) as error:
        files.scan([tmp_path / "events"], "my events")
    text = str(error.value)
    assert expected in text
    assert text.startswith(("my events: ", f"{tmp_path}/events: "))
    assert "; expected" in text or ": expected" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"a": 1}\r\n', True),
        (b' {"caf\xe9": 1}', True),
        (b'{"a": ' + b"9" * 5000 + b"}", True),
        (b'{"a": ' + b"[" * 100_000, True),
        (b'{"a": 1', False),
        (b'{"a": 1} x', False),
        (b"[]", False),
        (b"", False),
    ],
)
def test_is_object(line: bytes, expected: bool) -> None:
    """What is not UTF-8, or too deep to parse here, is the job's to judge."""
    assert forms.is_object(line) is expected


@pytest.mark.parametrize(
    ("contents", "records"),
    [([b""], 0), ([b"\xef\xbb\xbf"], 0), ([b"\n \n"], 2), ([b"a,b\n", LINES], 4), ([gzip.compress(b"")], 0)],
)
def test_one_object_is_enough(tmp_path: Path, contents: list[bytes], records: int) -> None:
    """Files without any text, and a line that is no object among others that are, are read."""
    paths = [tmp_path / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    assert files.scan(paths, "folder").records == records


@pytest.mark.parametrize("number", [0, 1, 2])
def test_counted(number: int) -> None:
    assert terminal.counted(number, "alert") == ["0 alerts", "1 alert", "2 alerts"][number]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", LINE.encode("utf-16")])
@pytest.mark.parametrize("how", ["file", "stdin", "pipe"])
def test_nothing_is_destroyed(tmp_path: Path, content: bytes, how: str) -> None:
    """A refused input is one line and exit status 2, and the dead letters of the last run stay."""
    (tmp_path / "events").write_bytes(content)
    (tmp_path / "dead-letters.jsonl").write_bytes(b"before\n")
    (tmp_path / "tmp").mkdir()
    os.mkfifo(tmp_path / "pipe")
    if how == "pipe":
        threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,), daemon=True).start()
    result = subprocess.run(
        [sys.executable, str(JOB), "--input", {"file": "events", "stdin": "-", "pipe": "pipe"}[how]],
        cwd=tmp_path,
        input=content,
        capture_output=True,
        timeout=120,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    )
    assert (result.returncode, result.stdout) == (2, b"")
    (error,) = (line for line in result.stderr.decode().splitlines() if line.startswith("low_inventory: "))
    assert "; expected" in error
    # A copy of what was given has a name that says nothing.
    named = {"file": "events", "stdin": "standard input", "pipe": "pipe"}[how]
    assert error.startswith(f"low_inventory: {named}: ")
    assert (tmp_path / "dead-letters.jsonl").read_bytes() == b"before\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dead-letters.jsonl", "events", "pipe", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []
