"""The settings: what a Managed Flink property file says, checked before anything starts."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .kinesis import lines

MANAGED_PROPERTIES = Path("/etc/flink/application_properties.json")
"""Where the managed service puts the property groups."""

MOST_THRESHOLDS = 1000
"""They become part of the compiled job; with many more it becomes slow and in the end cannot be compiled."""

POLICIES = ("every", "crossing")
POSITIONS = ("LATEST", "TRIM_HORIZON", "AT_TIMESTAMP")
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1

# The service's own group of how to run the code; it is not the job's.
_IGNORED_GROUPS = ("kinesis.analytics.flink.run.options",)
_STREAM_GROUPS = {
    "InputStream0": ("aws.", "scan.", "source."),
    "OutputStream0": ("aws.", "sink.", "json."),
    "DeadLetterStream0": ("aws.", "sink.", "json."),
}
_SOURCE_KEYS = ("source.init.position", "source.init.timestamp", "source.reader.type")
# The connectors' own names for the first two, which they read in another way than the job: see kinesis.table_options.
_CONNECTOR_POSITION = ("scan.stream.initpos", "source.init.timestamp.format")
_ALERT_KEYS = ("threshold", "thresholds", "policy", "rearm_margin", "state_ttl")
_ARN = re.compile(r"arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[a-zA-Z0-9_.-]{1,128}")
# What a line of the connector calls by names of its own.
_CHECKED = ("scan.", "source.", "sink.")
_TTL = re.compile(r"[0-9]{1,9} ?(ms|s|min|h)|[0-9]{1,6} ?d")


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one line that names it and says what was expected."""


@dataclass(frozen=True)
class AlertSettings:
    """The rule's settings.

    Attributes:
        threshold: inventory below this is low.
        policy: one of POLICIES.
        rearm_margin: with `crossing`, how far above its threshold a product must rise before the next alert.
        state_ttl: with `crossing`, how long a silent product is remembered: a Flink duration such as `30 d`.
        thresholds: the products that have a threshold of their own.
        prefilter: drop records that are certainly not low before they are parsed.
    """

    threshold: int = 10
    policy: str = "every"
    rearm_margin: int = 0
    state_ttl: str = "30 d"
    thresholds: dict[str, int] = field(default_factory=dict)
    prefilter: bool = True


@dataclass(frozen=True)
class Stream:
    """A Kinesis stream, and the connector options that its group passes through."""

    arn: str
    options: dict[str, str]

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.arn.partition("/")[2]

    @property
    def region(self) -> str:
        """The region that it is in."""
        return self.arn.split(":")[3]


@dataclass(frozen=True)
class Streams:
    """The streams of a run, where reading starts (`timestamp`: ISO-8601, for AT_TIMESTAMP), the connector's line."""

    source: Stream
    alerts: Stream
    dead_letters: Stream
    position: str = "LATEST"
    timestamp: str | None = None
    line: str = lines.FIRST


@dataclass(frozen=True)
class Tables:
    """The connector options of the job's three tables.

    Attributes:
        events: of the table that is read, with the format `raw`.
        alerts: of the table of alerts.
        dead_letters: of the table of dead letters.
        alerts_key: the column whose value is the partition key of an alert (None: the connector has no such keys).
        payload_bytes: the most bytes that the JSON text of a dead letter's payload may have.
        sequence_numbers: whether the connector of `events` has the metadata column `sequence-number`, which the rule
            needs where events can be read out of the stream's order.
    """

    events: dict[str, str]
    alerts: dict[str, str]
    dead_letters: dict[str, str]
    alerts_key: str | None
    payload_bytes: int
    sequence_numbers: bool = False


def whole_number(text: object, where: str, least: int = _INT_MIN, most: int = _INT_MAX) -> int:
    """Read a whole number that fits INT.

    Raises:
        SettingsError: if `text` is not one, or not from `least` to `most`.
    """
    if not isinstance(text, bool) and isinstance(text, int | str) and re.fullmatch(r"-?[0-9]{1,10}", str(text)):
        number = int(text)
        if least <= number <= most:
            return number
    raise SettingsError(f"{where}: expected a whole number from {least} to {most}, got {text!r}")


def product_thresholds(pairs: object, where: str) -> dict[str, int]:
    """Read thresholds by product.

    Raises:
        SettingsError: if `pairs` is not an object of products to whole numbers.
    """
    if not isinstance(pairs, dict):
        raise SettingsError(f"{where}: expected an object of products and their thresholds")
    if len(pairs) > MOST_THRESHOLDS:
        raise SettingsError(f"{where}: expected at most {MOST_THRESHOLDS} products, got {len(pairs)}")
    for product in pairs:
        # Half a surrogate pair, which JSON can spell, is no character.
        if not 1 <= len(product) <= 64 or any("\ud800" <= character <= "\udfff" for character in product):
            raise SettingsError(f"{where}: {product!r}: expected a product id of 1 to 64 characters")
    return {product: whole_number(value, f"{where}: {product!r}") for product, value in pairs.items()}


def policy(text: str, where: str) -> str:
    """Check the name of a policy. Raises SettingsError."""
    return _one_of(text, POLICIES, where)


def read_json(path: Path) -> object:
    """Read a file of settings. Raises SettingsError if it is not there or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; expected a JSON file") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: expected JSON in UTF-8: {error}") from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = next(key for key, _ in pairs if [each for each, _ in pairs].count(key) > 1)
        raise ValueError(f"{twice!r} is there twice in an object")
    return result


def read_properties(path: Path, line: str = lines.FIRST) -> tuple[Streams, AlertSettings]:
    """Read and check a property file: a list of `{"PropertyGroupId": …, "PropertyMap": {…}}`.

    Args:
        path: the file.
        line: the line of the connector that the streams are read and written with.

    Raises:
        SettingsError: for a group that is missing or unknown, or a key that is missing, unknown or has a bad value.
    """
    groups = _groups(read_json(path), path)
    for name in groups:
        if name not in (*_STREAM_GROUPS, *_IGNORED_GROUPS, "Alerts", "Thresholds"):
            known = ", ".join([*_STREAM_GROUPS, "Alerts", "Thresholds"])
            raise SettingsError(f"{path}: group {_plain(name)}: unknown; expected one of {known}")
    position, timestamp = _position(groups.get("InputStream0", {}), f"{path}: group InputStream0")
    source, alerts, dead_letters = (_stream(groups, name, path, line) for name in _STREAM_GROUPS)
    return Streams(source, alerts, dead_letters, position, timestamp, line), _alerts(groups, path)


def _plain(name: str) -> str:
    """A name from a file as one line shows it."""
    return name if name.isprintable() else repr(name)


def _groups(content: object, path: Path) -> dict[str, dict[str, str]]:
    groups: dict[str, dict[str, str]] = {}
    for group in content if isinstance(content, list) else [None]:
        name = group.get("PropertyGroupId") if isinstance(group, dict) else None
        pairs = group.get("PropertyMap") if isinstance(group, dict) else None
        if not isinstance(name, str) or not isinstance(pairs, dict):
            raise SettingsError(f'{path}: expected a list of {{"PropertyGroupId": name, "PropertyMap": {{…}}}}')
        for key, value in pairs.items():
            if not isinstance(value, str):
                where = f"{path}: group {_plain(name)}: {_plain(key)}"
                raise SettingsError(f"{where}: expected a string; got {value!r}")
        if name in groups:
            raise SettingsError(f"{path}: group {_plain(name)}: expected once; it is there twice")
        groups[name] = pairs
    return groups


def _one_of(text: str, choices: tuple[str, ...], where: str) -> str:
    if text not in choices:
        raise SettingsError(f"{where}: expected one of {', '.join(choices)}; got {text!r}")
    return text


def _stream(groups: dict[str, dict[str, str]], name: str, path: Path, line: str) -> Stream:
    where = f"{path}: group {name}"
    if name not in groups:
        raise SettingsError(f"{where}: missing; expected a group with stream.arn")
    options = dict(groups[name])
    arn = options.pop("stream.arn", None)
    if not _ARN.fullmatch(arn or ""):
        expected = "expected arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"
        raise SettingsError(
            f"{where}: stream.arn: " + (f"missing; {expected}" if arn is None else f"{expected}; got {arn!r}")
        )
    known = ("stream.arn", *_SOURCE_KEYS) if name == "InputStream0" else ("stream.arn",)
    for key in options:
        if key in known:
            continue
        if key.startswith(_CONNECTOR_POSITION):
            raise SettingsError(f"{where}: {key}: unknown key; expected {' and '.join(_SOURCE_KEYS[:2])}")
        if not key.startswith(_STREAM_GROUPS[name]):
            prefixes = ", ".join(f"{prefix}*" for prefix in _STREAM_GROUPS[name])
            raise SettingsError(f"{where}: {_plain(key)}: unknown key; expected {', '.join(known)} or {prefixes}")
        if key.startswith(_CHECKED) and (problem := lines.problem(line, key)):
            raise SettingsError(f"{where}: {_plain(key)}: {problem}")
    if "source.reader.type" in options:
        _one_of(options["source.reader.type"], lines.READERS, f"{where}: source.reader.type")
    return Stream(str(arn), {key: value for key, value in options.items() if not key.startswith("source.init.")})


def _position(group: dict[str, str], where: str) -> tuple[str, str | None]:
    position = _one_of(group.get("source.init.position", "LATEST"), POSITIONS, f"{where}: source.init.position")
    timestamp = group.get("source.init.timestamp")
    if position != "AT_TIMESTAMP":
        if timestamp is not None:
            raise SettingsError(
                f"{where}: source.init.timestamp: expected with source.init.position AT_TIMESTAMP only, not {position}"
            )
        return position, None
    expected = f"{where}: source.init.timestamp: expected ISO-8601 with an offset, such as 2026-01-31T09:30:00Z"
    if timestamp is None:
        raise SettingsError(f"{expected}; it is missing")
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        raise SettingsError(f"{expected}; got {timestamp!r}") from None
    if moment.tzinfo is None or not 1970 < moment.year < 9999:
        raise SettingsError(f"{expected}; got {timestamp!r}")
    return position, timestamp


def _alerts(groups: dict[str, dict[str, str]], path: Path) -> AlertSettings:
    group, where, default = groups.get("Alerts", {}), f"{path}: group Alerts", AlertSettings()
    for key in group:
        if key not in _ALERT_KEYS:
            raise SettingsError(f"{where}: {_plain(key)}: unknown key; expected one of {', '.join(_ALERT_KEYS)}")
    ttl = group.get("state_ttl", default.state_ttl)
    if not _TTL.fullmatch(ttl):
        raise SettingsError(f"{where}: state_ttl: expected a duration such as 12 h or 30 d; got {ttl!r}")
    return AlertSettings(
        threshold=whole_number(group.get("threshold", default.threshold), f"{where}: threshold"),
        policy=policy(group.get("policy", default.policy), f"{where}: policy"),
        rearm_margin=whole_number(group.get("rearm_margin", default.rearm_margin), f"{where}: rearm_margin", 0),
        state_ttl=ttl,
        thresholds=_thresholds(groups, path),
    )


def _thresholds(groups: dict[str, dict[str, str]], path: Path) -> dict[str, int]:
    """The thresholds by product: a group of their own, or one JSON object in the group Alerts."""
    text = groups.get("Alerts", {}).get("thresholds")
    if text is None:
        return product_thresholds(groups.get("Thresholds", {}), f"{path}: group Thresholds")
    where = f"{path}: group Alerts: thresholds"
    if "Thresholds" in groups:
        raise SettingsError(f"{where}: expected it or the group Thresholds, not both")
    try:
        return product_thresholds(json.loads(text, object_pairs_hook=_once), where)
    except SettingsError:
        raise
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{where}: expected a JSON object: {error}") from None
