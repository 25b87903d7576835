"""The environment of AlertsToSns: defaults, and one clear error for each variable."""

import pytest

from tests.lambdas import function_under_test

alert_settings = function_under_test.module("alerts_to_sns", "alert_settings")
NEEDED = {
    "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:alerts",
    "IDEMPOTENCY_TABLE": "published-alerts",
    "FAILURES_BUCKET": "failures",
}


def test_defaults() -> None:
    settings = alert_settings.read(NEEDED)
    assert settings.topic_arn == NEEDED["TOPIC_ARN"]
    assert (settings.table_name, settings.failures_bucket) == ("published-alerts", "failures")
    assert settings.template == "ALERTA: {product_id} bajo inventario ({inventory})"
    assert settings.window == 86400


def test_all_of_them() -> None:
    own = {"MESSAGE_TEMPLATE": "{{{product_id}}} {ts} {reason} {inventory}", "IDEMPOTENCY_WINDOW_SECONDS": "1"}
    settings = alert_settings.read(NEEDED | own | {"TOPIC_ARN": "arn:aws-us-gov:sns:us-gov-west-1:123456789012:A_b-9"})
    assert (settings.template, settings.window) == (own["MESSAGE_TEMPLATE"], 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOPIC_ARN", None),
        ("TOPIC_ARN", ""),
        ("TOPIC_ARN", "alerts"),
        ("TOPIC_ARN", "arn:aws:sqs:eu-west-1:123456789012:alerts"),
        ("TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts.fifo"),
        ("TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts\n"),
        ("IDEMPOTENCY_TABLE", None),
        ("IDEMPOTENCY_TABLE", ""),
        *(("IDEMPOTENCY_WINDOW_SECONDS", value) for value in ("", "0", "-1", "1.5", "a day", "٣", "1\n", "9999999999")),
        *(
            ("MESSAGE_TEMPLATE", value)
            for value in ("", " \n", "{", "}", "{}", "{0}", "{product}", "{product_id.upper}", "{product_id[0]}")
        ),
        *(("MESSAGE_TEMPLATE", value) for value in ("{inventory!r}", "{inventory:>9999}", "{ts:{reason}}")),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: str, value: str | None) -> None:
    environment = {**NEEDED, name: value}
    with pytest.raises(ValueError, match=rf"^{name}: expected ") as error:
        alert_settings.read({key: text for key, text in environment.items() if text is not None})
    assert "\n" not in str(error.value)
