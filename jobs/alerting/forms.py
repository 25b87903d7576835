"""What form the content of a file has, told by its bytes and never by its name."""

import json
import re

HEAD = 4096
"""How many bytes from the beginning of a file are enough to tell its form."""

GZIP = b"\x1f\x8b"
UTF8_BOM = b"\xef\xbb\xbf"

_ENCODINGS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
# JSON begins with two ASCII characters, so the zero bytes among the first four tell the encoding without a mark:
# https://datatracker.ietf.org/doc/html/rfc4627#section-3
_ASCII = rb"[\t\n\r -~]"
_ZEROS = {
    rb"\0\0\0" + _ASCII + rb"|" + _ASCII + rb"\0\0\0": "UTF-32",
    rb"(\0" + _ASCII + rb"){2}|(" + _ASCII + rb"\0){2}": "UTF-16",
}
# The first bytes of each format, from its specification.
_PACKED = {
    rb"PK(\x03\x04|\x05\x06|\x07\x08)": "zip",
    rb"\xfd7zXZ\0": "xz",
    rb"\x28\xb5\x2f\xfd": "zstd",
    rb"BZh[1-9](1AY&SY|\x17rE8P\x90)": "bzip2",
    rb"7z\xbc\xaf\x27\x1c": "7z",
    rb"\x04\x22\x4d\x18": "lz4",
    rb"PAR1": "Parquet",
    rb"Obj\x01": "Avro",
}


def unreadable(head: bytes) -> str | None:
    """Why a file that begins so cannot be read as JSON lines (None: it can), such as `compressed as xz`."""
    for pattern, name in _PACKED.items():
        if re.match(pattern, head):
            return f"in the format {name}" if name in ("Parquet", "Avro") else f"compressed as {name}"
    for mark, name in _ENCODINGS.items():
        if head.startswith(mark):
            return f"encoded as {name}"
    return next((f"encoded as {name}" for pattern, name in _ZEROS.items() if re.match(pattern, head)), None)


def is_object(line: bytes) -> bool:
    """Whether a line is a JSON object. Bytes that are not UTF-8 and deep nesting are the job's to judge: they count."""
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        json.loads(line.decode(errors="replace"), parse_int=str)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def seeming(head: bytes) -> str:
    """What a text seems to be of which no line is a JSON object, with what helps where something does."""
    lines = [line.strip() for line in head.removeprefix(UTF8_BOM).splitlines() if line.strip()]
    first = lines[0] if lines else b""
    if b"\0" in head:
        return "binary data"
    if first.startswith(b"["):
        several = "a pretty-printed JSON array" if len(lines) > 1 else "a JSON array"
        return f"{several}, which `jq -c '.[]'` turns into lines"
    if first.startswith(b"{"):
        whole = first == b"{" or first.endswith((b",", b"{", b"["))
        return "pretty-printed JSON, which `jq -c .` turns into lines" if whole else "JSON objects that are not valid"
    if first.startswith(b"<"):
        return "XML or HTML"
    for separator in (b",", b"\t", b";"):
        if separator in first and all(separator in line for line in lines[:-1]):
            return "CSV"
    return "text that is not JSON"
