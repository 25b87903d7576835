"""The job's SQL, with the settings put in as literals."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from . import patterns
from .settings import AlertSettings

_SQL = Path(__file__).parents[1] / "low_inventory.sql"


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


def views(alerts: AlertSettings, payload_bytes: int) -> dict[str, str]:
    """The views and their queries, in order: from `events` to `alerts_every`, `alerts_crossing` and `refused`.

    Args:
        alerts: thresholds and policy.
        payload_bytes: the most bytes that the JSON text of a dead letter's payload may have.
    """
    # With the policy `crossing` an event above the threshold matters too: it arms the next alert.
    bound = max([alerts.threshold, *alerts.thresholds.values()]) if alerts.policy == "every" else None
    values: dict[str, str | int | Mapping[str, int]] = {
        "mark": secrets.token_hex(16),
        "needs_nothing": patterns.needs_nothing(bound),
        "timestamp": patterns.TIMESTAMP,
        "unwieldy": patterns.UNWIELDY,
        "overlong": patterns.OVERLONG,
        "threshold": alerts.threshold,
        "thresholds": alerts.thresholds,
        "rearm_margin": alerts.rearm_margin,
        "payload_bytes": payload_bytes,
    }
    text = re.sub(r"\{\{(\w+)\}\}", lambda name: literal(values[name[1]]), _SQL.read_text(encoding="utf-8"))
    return dict(re.findall(r"^CREATE TEMPORARY VIEW (\w+) AS\n(.*?);$", text, flags=re.MULTILINE | re.DOTALL))


def inserts(policy: str) -> list[str]:
    """The INSERT statements that feed the tables `alerts` and `dead_letters`, for one statement set."""
    return [
        f"INSERT INTO alerts SELECT * FROM alerts_{policy}",
        "INSERT INTO dead_letters SELECT * FROM refused",
    ]
