"""Events from files, and alerts and dead letters back to files."""

import errno
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from .settings import SettingsError, Tables

_CHUNK = 1 << 20
# Flink decompresses these by their names, but only .gz can be counted and checked here first.
_OTHER_COMPRESSED = (".bz2", ".xz", ".zst", ".deflate", ".gzip", ".zip")


@dataclass(frozen=True)
class Input:
    """Files of JSON lines and the number of records (lines) in them."""

    files: tuple[Path, ...]
    records: int


def _open(path: Path) -> BinaryIO:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _count(path: Path) -> int:
    """The number of lines in a file. Raises SettingsError if it cannot be read to its end."""
    lines, last = 0, b"\n"
    try:
        with _open(path) as stream:
            while chunk := stream.read(_CHUNK):
                lines += chunk.count(b"\n")
                last = chunk[-1:]
    except EOFError:
        raise SettingsError(f"{path}: cut short after {lines} whole lines; expected a complete .gz file") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SettingsError(f"{path}: expected a .gz file: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; expected a file that can be read") from None
    return lines + (last != b"\n")


def _find(path: Path) -> list[Path]:
    """The files at a path. Raises SettingsError if there are none, OSError if it, or a folder in it, cannot be read."""
    mode = path.stat().st_mode if os.path.lexists(path) else 0
    if stat.S_ISREG(mode):
        return [path]
    if not stat.S_ISDIR(mode):
        what = "not a regular file or folder" if mode else "no such file or folder"
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


def scan(path: Path) -> Input:
    """Find the files of events at a path (a file, or a folder and all below it, hidden files aside) and count them.

    Raises:
        SettingsError: if the path is not there, a folder holds no file, or a file cannot be read whole.
    """
    try:
        files = _find(path)
    except OSError as error:
        raise SettingsError(f"{error.filename or path}: {error.strerror}; expected to be able to read it") from None
    for file in files:
        if file.suffix.lower() in _OTHER_COMPRESSED:
            raise SettingsError(f"{file}: compressed as {file.suffix}; expected plain JSON lines or .gz")
    return Input(tuple(files), sum(map(_count, files)))


@dataclass(frozen=True)
class Written:
    """The folders into which Flink writes alerts and dead letters."""

    alerts: Path
    dead_letters: Path


def tables(folder: Path, events: Input, in_order: bool) -> tuple[Tables, Written]:
    """The job's tables over files, in an empty folder of their own, and where their output will be.

    Flink reads the files of a folder, and the 32 MB splits of a large one, in any order. Where the order matters, all
    events are copied to one file that Flink cannot split; otherwise it reads links to the files.
    """
    source, written = folder / "events", Written(folder / "alerts", folder / "dead-letters")
    for place in (source, written.alerts, written.dead_letters):
        place.mkdir()
    if in_order and not (len(events.files) == 1 and events.files[0].suffix == ".gz"):
        _merge(events, source / "events.gz")
    else:
        for number, file in enumerate(events.files):
            source.joinpath(f"{number:06}{'.gz' if file.suffix == '.gz' else ''}").symlink_to(file.resolve())
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
    with gzip.open(target, "wb", compresslevel=1) as merged:
        for file in events.files:
            with _open(file) as stream:
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

    Args:
        path: the file. Links are followed; a pipe or a device is written to and not replaced.
        events: the files that are read, none of which may be replaced.
        named: how the user named it, for error messages.

    Raises:
        SettingsError: if it cannot be written, or is one of the files that are read.
    """

    def __init__(self, path: Path, events: Input, named: str) -> None:
        self._path = path.resolve()
        if any(file.resolve() == self._path for file in events.files):
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
        with self._partial.open("wb") as out:
            for line in lines(folder) if folder else ():
                out.write(line)
                count += 1
        if self._whole:
            self._partial.replace(self._path)
        return count

    def discard(self) -> None:
        """Remove the partial file, if `fill` did not complete."""
        if self._whole:
            self._partial.unlink(missing_ok=True)
