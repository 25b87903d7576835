"""Events from files, and alerts and dead letters back to files."""

import gzip
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from settings import SettingsError

_CHUNK = 1 << 20
# Flink unpacks these by their names; only .gz can be checked here first.
_OTHER_PACKED = (".bz2", ".xz", ".zst", ".deflate", ".gzip")


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


def scan(path: Path) -> Input:
    """Find the files of events at a path (a file, or a folder and all below it, hidden files aside) and count them.

    Raises:
        SettingsError: if the path is not there, a folder holds no file, or a file cannot be read whole.
    """
    if path.is_dir():
        inside = (file for file in sorted(path.rglob("*")) if file.is_file())
        files = [f for f in inside if not any(part[0] in "._" for part in f.relative_to(path).parts)]
        if not files:
            raise SettingsError(f"{path}: expected files of JSON lines in this folder; there are none")
    elif path.is_file():
        files = [path]
    else:
        what = "is no file or folder" if path.exists() else "no such file or folder"
        raise SettingsError(f"{path}: {what}; expected a file of JSON lines or a folder of them")
    for file in files:
        if file.suffix in _OTHER_PACKED:
            raise SettingsError(f"{file}: packed as {file.suffix}; expected plain JSON lines or .gz")
    return Input(tuple(files), sum(map(_count, files)))


def stage(events: Input, folder: Path, in_order: bool) -> None:
    """Make the files ready for Flink in an empty folder.

    Flink reads the files of a folder, and the 32 MB splits of a large one, in any order. Where order matters all is
    put in one file that it cannot split; otherwise links will do.
    """
    if not in_order or (len(events.files) == 1 and events.files[0].suffix == ".gz"):
        for number, file in enumerate(events.files):
            folder.joinpath(f"{number:06}{'.gz' if file.suffix == '.gz' else ''}").symlink_to(file.resolve())
        return
    with gzip.open(folder / "events.gz", "wb", compresslevel=1) as merged:
        for file in events.files:
            with _open(file) as stream:
                last = b"\n"
                while chunk := stream.read(_CHUNK):
                    merged.write(chunk)
                    last = chunk[-1:]
                if last != b"\n":
                    merged.write(b"\n")


def source_options(folder: Path) -> dict[str, str]:
    """Options of a table over a staged folder."""
    return {"connector": "filesystem", "path": str(folder), "format": "raw"}


def sink_options(folder: Path) -> dict[str, str]:
    """Options of a table that writes JSON lines into a folder."""
    return {
        "connector": "filesystem",
        "path": str(folder),
        "format": "json",
        "json.encode.decimal-as-plain-number": "true",
    }


def written(folder: Path) -> Iterator[bytes]:
    """The lines that Flink wrote into a folder, each with its line end."""
    for part in sorted(folder.glob("part-*")):
        with part.open("rb") as lines:
            yield from lines


def collect(folder: Path, target: Path) -> int:
    """Put what Flink wrote into one file, all at once, and return the number of lines."""
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as out:
        for part in sorted(folder.glob("part-*")):
            with part.open("rb") as lines:
                shutil.copyfileobj(lines, out)
    partial.replace(target)
    return _count(target) if target.suffix != ".gz" else sum(1 for _ in written(folder))
