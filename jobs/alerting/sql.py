"""The job's SQL, reading.sql and low_inventory.sql, with the settings put in as literals and the macros written out."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from . import patterns
from .settings import AlertSettings, SettingsError, Tables

_READING = Path(__file__).parents[1] / "reading.sql"
RULE = _READING.with_name("low_inventory.sql")
_VIEW = re.compile(
    r"^(?:-- certainly not low: ([^\n]*)\n)?CREATE TEMPORARY VIEW (\w+) AS\n(.*?);$", re.MULTILINE | re.DOTALL
)

# An array or an object has a length, a scalar has none.
_FIELD = "CASE WHEN JSON_VALUE(event, '$.{0}.length()') IS NULL THEN JSON_VALUE(event, '$.{0}') END"
_REST = """TRIM(LEADING ' ' FROM SPLIT_INDEX(text, '"{0}":', 1))"""
_CUT = (
    f"CASE WHEN {_REST} LIKE '\"%' THEN SPLIT_INDEX({_REST}, '\"', 1) "
    f"ELSE NULLIF(SPLIT_INDEX(SPLIT_INDEX({_REST}, ',', 0), '}}}}', 0), 'null') END"
)
_MACROS = {"field": _FIELD, "cut": _CUT}


def literal(value: str | int | Mapping[str, int]) -> str:
    """Write a value as an SQL literal; whatever a text holds, it stays a text.

    Args:
        value: a text (STRING), a whole number, or a map of texts to INT.
    """
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(value)
    if not value:
        return "CAST(NULL AS MAP<STRING, INT>)"
    # Without the cast Flink would give all keys the CHAR type of the longest.
    pairs = (f"CAST({literal(key)} AS STRING), {literal(number)}" for key, number in value.items())
    return f"MAP[{', '.join(pairs)}]"


def views(alerts: AlertSettings, tables: Tables) -> dict[str, str]:
    """The views and their queries, in order: from `events` to `refused` and to `alerts_POLICY`, one for each policy.

    Args:
        alerts: the settings of the rule.
        tables: the tables that the views are between.
    """
    reading, rule = _read(_READING), _read(RULE)
    needs_text = any("{{field(" in query for _, _, query in rule)
    values: dict[str, str | int | Mapping[str, int]] = {
        "token": secrets.token_hex(16),
        "certainly_not_low": patterns.certainly_not_low(_bound(alerts, rule)),
        "plain": patterns.PLAIN,
        "flat": patterns.FLAT,
        "timestamp": patterns.TIMESTAMP,
        "perhaps_beyond": patterns.PERHAPS_BEYOND,
        "text": patterns.TEXT,
        "long_number": patterns.LONG_NUMBER,
        "long_name": patterns.LONG_NAME,
        "threshold": alerts.threshold,
        "thresholds": alerts.thresholds,
        "rearm_margin": alerts.rearm_margin,
        "payload_bytes": tables.payload_bytes,
    }

    def fill(match: re.Match[str]) -> str:
        name, argument = match.groups()
        if name == "in_order":
            return "in_stream_order" if tables.sequence_numbers else "with_threshold"
        if name == "event":
            return "text" if needs_text else "CAST(NULL AS STRING)"
        if name == "too_deep":
            return _too_deep()
        return literal(values[name]) if argument is None else _MACROS[name].format(argument)

    return {name: re.sub(r"\{\{(\w+)(?:\(([^()]+)\))?\}\}", fill, query) for _, name, query in reading + rule}


def _too_deep() -> str:
    """Whether `skeleton`, the record without its texts, has more levels than a record may have.

    The levels are halved until only 512 or more leave any. So that the limit is there, some are put before them.
    """
    halvings = patterns.LEVELS.bit_length()
    rest = f"CONCAT('{'[' * (2**halvings - patterns.LEVELS - 1)}', REGEXP_REPLACE(skeleton, '[^\\[\\]{{}}]++', ''))"
    for _ in range(halvings):
        rest = f"REGEXP_REPLACE({rest}, {literal(patterns.HALF)}, '')"
    return f"{rest} <> ''"


def _read(file: Path) -> list[tuple[str, str, str]]:
    """The views of a file: what is certainly not low for it, where that is said, its name and its query."""
    return _VIEW.findall(file.read_text(encoding="utf-8"))


def _bound(alerts: AlertSettings, rule: list[tuple[str, str, str]]) -> int | None:
    """The inventory from which on no event can matter to the policy, as the rule's file says (None: any can matter).

    Raises:
        SettingsError: if the file does not say it in one of the ways that are understood.
    """
    highest = max([alerts.threshold, *alerts.thresholds.values()])
    bounds = {"inventory >= threshold": highest, "inventory > threshold": highest + 1, "none": None}
    view = f"alerts_{alerts.policy}"
    said = {name: said for said, name, _ in rule}[view]
    if said not in bounds:
        expected = f"expected `-- certainly not low: ` and one of {', '.join(bounds)} on the line before"
        raise SettingsError(f"{RULE.name}: {view}: {expected}")
    return bounds[said] if alerts.prefilter else None
