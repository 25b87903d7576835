"""The environment of the function, checked when it is loaded."""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass

FIELDS = ("product_id", "inventory", "ts", "reason")
"""What a message can say of an alert."""

_DEFAULT_TEMPLATE = "ALERTA: {product_id} bajo inventario ({inventory})"
_DEFAULT_WINDOW = "86400"
_TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True)
class AlertSettings:
    """Where messages go and what they say; `window`: seconds in which the same alert is published once."""

    topic_arn: str
    template: str
    table_name: str
    window: int
    failures_bucket: str


def read(environment: Mapping[str, str]) -> AlertSettings:
    """Read `TOPIC_ARN`, `MESSAGE_TEMPLATE`, `IDEMPOTENCY_TABLE`, `IDEMPOTENCY_WINDOW_SECONDS`, `FAILURES_BUCKET`.

    Raises:
        ValueError: if one is missing that has no default, or cannot be used; names it and says what was expected.
    """
    topic_arn = environment.get("TOPIC_ARN", "")
    if not _TOPIC_ARN.fullmatch(topic_arn):
        raise ValueError(f"TOPIC_ARN: expected arn:aws:sns:REGION:ACCOUNT:NAME of a standard topic, got {topic_arn!r}")
    table_name = environment.get("IDEMPOTENCY_TABLE")
    if not table_name:
        raise ValueError("IDEMPOTENCY_TABLE: expected the name of the DynamoDB table that remembers what was published")
    window = environment.get("IDEMPOTENCY_WINDOW_SECONDS", _DEFAULT_WINDOW)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", window):
        raise ValueError(f"IDEMPOTENCY_WINDOW_SECONDS: expected a whole number from 1 to 999999999, got {window!r}")
    bucket = environment.get("FAILURES_BUCKET")
    if not bucket:
        raise ValueError("FAILURES_BUCKET: expected the name of the S3 bucket of failures")
    template = environment.get("MESSAGE_TEMPLATE", _DEFAULT_TEMPLATE)
    return AlertSettings(topic_arn, _checked(template), table_name, int(window), bucket)


def _checked(template: str) -> str:
    names = ", ".join(f"{{{name}}}" for name in FIELDS)
    expected = f"MESSAGE_TEMPLATE: expected a text with no fields but {names}, and {{{{ or }}}} for a brace"
    try:
        fields = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{expected}; got {template!r}: {error}") from None
    for _, name, options, conversion in fields:
        if name is not None and (name not in FIELDS or options or conversion):
            raise ValueError(f"{expected}; got {template!r}")
    if not template.strip():
        raise ValueError(f"{expected}; it is empty")
    return template
