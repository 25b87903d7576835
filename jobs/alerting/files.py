"""Events from files, pipes and standard input, and alerts and dead letters back to files."""

import contextlib
import errno
import gzip
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, Self

from . import forms
from .settings import SettingsError, Tables

STDIN = Path("-")
"""The path that means standard input."""

_CHUNK = 1 << 20
# A longer line is not parsed to see whether it is a JSON object.
_LONGEST_PARSED = 16 << 20
_EXPECTED = "expected JSON lines in UTF-8, plain or compressed with gzip"


@dataclass(frozen=True)
class File:
    """A file of JSON lines.

    Attributes:
        path: where it is.
        gzip: whether it is compressed with gzip, whatever its name.
        bom: whether it begins with a byte order mark, which is not part of the first record.
    """

    path: Path
    gzip: bool = False
    bom: bool = False

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it to read its lines, without compression and mark."""
        with gzip.open(self.path) if self.gzip else self.path.open("rb") as stream:
            if self.bom:
                stream.read(len(forms.UTF8_BOM))
            yield stream  # type: ignore[misc]


@dataclass(frozen=True)
class Input:
    """Files of JSON lines and the number of records (lines) in them."""

    files: tuple[File, ...]
    records: int


def find(path: Path) -> tuple[Path, ...]:
    """Find the files of events at a path: a file, or a folder and all below it, hidden files aside.

    Raises:
        SettingsError: if the path is not there, or a folder holds no file.
    """
    try:
        return tuple(_find(path))
    except OSError as error:
        raise SettingsError(f"{error.filename or path}: {error.strerror}; expected to be able to read it") from None


def _find(path: Path) -> list[Path]:
    mode = path.stat().st_mode if os.path.lexists(path) else 0
    if stat.S_ISREG(mode):
        return [path]
    if not stat.S_ISDIR(mode):
        what = "neither a regular file nor a folder nor a pipe" if mode else "no such file or folder"
        raise SettingsError(f"{path}: {what}; expected a file of JSON lines or a folder of them")
    files: list[Path] = []
    for folder, folders, names in os.walk(path, onerror=_fail):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        files += [Path(folder, name) for name in sorted(names) if name[0] not in "._"]
    files = sorted(file for file in files if file.is_file())
    if not files:
        raise SettingsError(f"{path}: expected files of JSON lines in this folder; there are none")
    return files


def _fail(error: OSError) -> NoReturn:
    raise error


def is_pipe(path: Path) -> bool:
    """Whether a path is standard input (`-`) or a named pipe, which Flink cannot read."""
    return path == STDIN or path.is_fifo()


def spool(path: Path, target: Path) -> None:
    """Copy standard input (`-`) or a named pipe to a file.

    Raises:
        SettingsError: if standard input is closed, or the pipe cannot be read.
    """
    if path == STDIN and sys.stdin is None:
        raise SettingsError("--input -: standard input is closed; expected JSON lines there")
    try:
        source = contextlib.nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; expected a pipe that can be read") from None
    with source as stream, naming(str(target)), target.open("wb") as copy:
        shutil.copyfileobj(stream, copy, _CHUNK)


def scan(paths: Sequence[Path], named: str, spooled: bool = False) -> Input:
    """Tell the form of files by their content, and count their records.

    Args:
        paths: the files.
        named: how the user named all of them, for an error message.
        spooled: whether the one file is our copy of what was named, so that its own name says nothing.

    Raises:
        SettingsError: if a file cannot be read whole or is in a form that the job does not read, or if not one line
            of all of them is a JSON object.
    """
    found, records, any_object, head = [], 0, False, b""
    for path in paths:
        name = named if spooled else str(path)
        with _readable(name):
            file, begins = _tell(path, name)
            lines, has_object = _count(file, not any_object)
        found.append(file)
        records += lines
        any_object |= has_object
        head = head or begins.removeprefix(forms.UTF8_BOM).strip()
    if head and not any_object:
        none = "its only line is not" if records == 1 else f"none of its {records} lines is"
        raise SettingsError(
            f"{named}: {none} a JSON object, and it seems to be {forms.seeming(head)}; "
            "expected one JSON object on each line"
        )
    return Input(tuple(found), records)


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    """Make one line of what can go wrong when a file of this name is read."""
    try:
        yield
    except EOFError:
        raise SettingsError(f"{name}: cut short; expected a complete gzip file") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SettingsError(f"{name}: expected a complete gzip file: {error}") from None
    except OSError as error:
        raise SettingsError(f"{name}: {error.strerror}; expected a file that can be read") from None


def _tell(path: Path, name: str) -> tuple[File, bytes]:
    """A file with its form, and how its text begins. Raises SettingsError for a form that the job does not read."""
    with path.open("rb") as plain:
        head = plain.read(forms.HEAD)
    packed = head.startswith(forms.GZIP)
    if packed:
        with gzip.open(path) as stream:
            head = stream.read(forms.HEAD)
    problem = "compressed with gzip twice" if packed and head.startswith(forms.GZIP) else forms.unreadable(head)
    if problem:
        raise SettingsError(f"{name}: {problem}; {_EXPECTED}")
    return File(path, packed, head.startswith(forms.UTF8_BOM)), head


def _count(file: File, look: bool) -> tuple[int, bool]:
    """The number of lines in a file, and, if `look`, whether one of them is a JSON object."""
    lines, last, found = 0, b"\n", False
    with file.open() as stream:
        while look and not found and (line := stream.readline(_LONGEST_PARSED)):
            lines += line.count(b"\n")
            last = line[-1:]
            found = forms.is_object(line) or (len(line) == _LONGEST_PARSED and line.startswith(b"{"))
        while chunk := stream.read(_CHUNK):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n"), found


@contextlib.contextmanager
def naming(what: str) -> Iterator[None]:
    """Have an error of writing that names no file, such as a full disk, name this."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or what) from None


@dataclass(frozen=True)
class Written:
    """The folders into which Flink writes alerts and dead letters."""

    alerts: Path
    dead_letters: Path


def tables(folder: Path, events: Input, in_order: bool) -> tuple[Tables, Written]:
    """The job's tables over files, in an empty folder of their own, and where their output will be.

    Flink reads the files of a folder, and the 32 MB splits of a large one, in any order. Where the order matters, all
    events are copied to one file that Flink cannot split. Otherwise it reads links to the files, whose names tell it
    the compression, and copies of those that begin with a mark.
    """
    source, written = folder / "events", Written(folder / "alerts", folder / "dead-letters")
    for place in (source, written.alerts, written.dead_letters):
        place.mkdir()
    if in_order and not (len(events.files) == 1 and events.files[0].gzip and not events.files[0].bom):
        _merge(events, source / "events.gz")
    else:
        for number, file in enumerate(events.files):
            target = source / f"{number:06}{'.gz' if file.gzip and not file.bom else ''}"
            if file.bom:
                with file.open() as stream, naming(str(target)), target.open("wb") as copy:
                    shutil.copyfileobj(stream, copy, _CHUNK)
            else:
                target.symlink_to(file.path.resolve())
    alerts, dead_letters = _sink_options(written.alerts), _sink_options(written.dead_letters)
    return Tables(source_options(source), alerts, dead_letters, alerts_key=None, payload_bytes=2**31 - 1), written


def source_options(folder: Path) -> dict[str, str]:
    """The options of a table over a folder of files."""
    return {"connector": "filesystem", "path": str(folder), "format": "raw"}


def _sink_options(folder: Path) -> dict[str, str]:
    return {
        "connector": "filesystem",
        "path": str(folder),
        "format": "json",
        "json.encode.decimal-as-plain-number": "true",
    }


def _merge(events: Input, target: Path) -> None:
    with naming(str(target)), gzip.open(target, "wb", compresslevel=1) as merged:
        for file in events.files:
            with file.open() as stream:
                last = b"\n"
                while chunk := stream.read(_CHUNK):
                    merged.write(chunk)
                    last = chunk[-1:]
                if last != b"\n":
                    merged.write(b"\n")


def lines(folder: Path) -> Iterator[bytes]:
    """The lines that Flink wrote into a folder, each with its line end."""
    for part in sorted(folder.glob("part-*")):
        with part.open("rb") as content:
            yield from content


class Target:
    """A file that is replaced, all at once, by what Flink wrote; until then an existing file stays as it is.

    As a context it removes what was only partly written.

    Args:
        path: the file. Links are followed; a pipe or a device is written to and not replaced.
        read: the files that are read, none of which may be replaced.
        named: how the user named it, for error messages.

    Raises:
        SettingsError: if it cannot be written, or is one of the files that are read.
    """

    def __init__(self, path: Path, read: Sequence[Path], named: str) -> None:
        self._path, self._named = path.resolve(), named
        if any(file.resolve() == self._path for file in read):
            raise SettingsError(f"{named}: expected a file other than the ones that are read")
        if self._path.is_dir() or not self._path.parent.is_dir():
            raise SettingsError(f"{named}: expected a file in a folder that exists")
        self._whole = not self._path.exists() or self._path.is_file()
        self._partial = self._path.with_name(f"{self._path.name}.{os.getpid()}.partial") if self._whole else self._path
        try:
            if self._whole:
                self._partial.touch()
            elif not os.access(self._path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise SettingsError(f"{named}: {error.strerror}; expected a file that can be written") from None

    def fill(self, folder: Path | None) -> int:
        """Write the lines of a folder that Flink wrote (None: no lines), and return their number."""
        count = 0
        with naming(self._named), self._partial.open("wb") as out:
            for line in lines(folder) if folder else ():
                out.write(line)
                count += 1
        if self._whole:
            self._partial.replace(self._path)
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._whole:
            self._partial.unlink(missing_ok=True)
