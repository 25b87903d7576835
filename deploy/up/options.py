"""The options of `up`, and what they ask for."""

import argparse
import re
import string
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy import packages
from deploy.aws.errors import DeployError
from deploy.deployment import Deployment
from deploy.up import thresholds
from deploy.up.state import Wanted

LAB_REGIONS = ("us-east-1", "us-west-2")
"""The regions that AWS Academy's Learner Lab allows."""

_LAB = {
    "Parallelism": "1",
    "AutoScaling": "false",
    "RetentionHours": "24",
    "Tracing": "false",
    "Alarms": "essential",
    "ReminderHours": "4",
}
"""What `--learner-lab` sets, unless an option says otherwise."""

_INT = 2**31
_MESSAGE_FIELDS = ("product_id", "inventory", "ts", "reason")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PARAMETERS = {
    "service_role_arn": "RoleArn",
    "shards": "Shards",
    "starting_position": "StartingPosition",
    "line": "Line",
    "runtime": "Runtime",
    "policy": "Policy",
    "threshold": "Threshold",
    "rearm_margin": "RearmMargin",
    "parallelism": "Parallelism",
    "reader": "Reader",
    "message": "MessageTemplate",
}
OWN_OPTIONS = {parameter: f"--{option.replace('_', '-')}" for option, parameter in _PARAMETERS.items()} | {
    "StartingTimestamp": "--starting-timestamp",
    "Thresholds": "--thresholds",
    "AllowNonRestoredState": "--allow-non-restored-state",
}
"""A parameter of the templates → the option of its own that gives it."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add them; an option that is left out keeps the value that the deployment has."""
    positive = whole_number(1)
    add_ = parser.add_argument
    add_("--plan", action="store_true", help="show the price and what would change, and change nothing: run this first")
    add_("--yes", action="store_true", help="do not ask after showing the price")
    add_(
        "--learner-lab", action="store_true", help="settings for AWS Academy's Learner Lab: LabRole, one KPU, low cost"
    )
    add_(
        "--phone", action="append", metavar="+NUMBER", help="a phone that gets the alerts; repeatable; `none` for none"
    )
    add_(
        "--alert-email",
        action="append",
        metavar="ADDRESS",
        help="a mailbox that gets the alerts as well; repeatable; `none` for none",
    )
    add_(
        "--email",
        action="append",
        metavar="ADDRESS",
        help="a mailbox that gets the alarms; repeatable; `none` for none",
    )
    add_(
        "--message",
        type=message,
        metavar="TEXT",
        help="text of an alert, with {product_id}, {inventory}, {ts}, {reason} (Spanish, as in the lab)",
    )
    add_("--threshold", type=whole_number(0), metavar="N", help="an inventory below this is low (10)")
    add_(
        "--thresholds", type=Path, metavar="FILE", help="JSON object of products and their own thresholds; {} for none"
    )
    add_(
        "--policy",
        choices=["every", "crossing"],
        help="an alert for every event below the threshold, or one when a product goes below it (every)",
    )
    add_(
        "--rearm-margin",
        type=whole_number(0),
        metavar="N",
        help="with crossing: how far to rise above the threshold first (0)",
    )
    add_("--shards", type=positive, metavar="N", help="shards of the stream of events (1)")
    add_("--parallelism", type=positive, metavar="N", help="parallelism of the application (1)")
    add_(
        "--reader",
        choices=["polling", "efo"],
        help="how the job reads: efo is enhanced fan-out, billed on its own (polling)",
    )
    add_(
        "--line",
        choices=list(packages.LINES),
        help="line of the Kinesis connector (the deployed one, else connector-5 if it can be built, else connector-4)",
    )
    runtimes = sorted(set(packages.LINES.values()))
    add_("--runtime", choices=runtimes, help="runtime of the application (that of the line)")
    add_(
        "--starting-position",
        choices=["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"],
        help="where in the stream of events a new deployment begins to read (TRIM_HORIZON)",
    )
    add_("--starting-timestamp", type=timestamp, metavar="ISO8601", help="the time for AT_TIMESTAMP")
    add_("--reset-state", action="store_true", help="allow changes with which the job loses its state")
    add_("--allow-non-restored-state", action="store_true", help="drop the state that the new code cannot take over")
    add_(
        "--service-role-arn",
        "--role-arn",
        metavar="ARN",
        help="one existing role for the functions and the application, where you may create none",
    )
    add_("--cloudformation-role-arn", default="", metavar="ARN", help="a service role for CloudFormation")
    add_("--tag", action="append", default=[], type=pair, metavar="KEY=VALUE", help="a tag on everything; repeatable")
    add_(
        "--parameter",
        action="append",
        default=[],
        type=pair,
        metavar="NAME=VALUE",
        help="another parameter of the templates, such as OutputShards=2; repeatable",
    )


def read(options: argparse.Namespace, region: str) -> Wanted:
    """What the options ask for; checked as far as that needs no request to AWS.

    Args:
        options: of `up`.
        region: where the deployment is.

    Raises:
        DeployError: if they contradict each other or one is of another form; exit status 2. No phone number or address
            is in the message.
    """
    for name, _ in options.parameter:
        if name in OWN_OPTIONS:
            raise DeployError(f"--parameter {name}: expected it as {OWN_OPTIONS[name]}", status=2)
    if (options.starting_position == "AT_TIMESTAMP") != (options.starting_timestamp is not None):
        raise DeployError("--starting-timestamp and --starting-position AT_TIMESTAMP go together", status=2)
    if options.policy is not None:
        margin_has_meaning(options.rearm_margin or 0, options.policy)
    if options.learner_lab and region not in LAB_REGIONS:
        raise DeployError(
            f"--learner-lab: a Learner Lab allows only the regions {' and '.join(LAB_REGIONS)}, not {region}",
            f"add --region {LAB_REGIONS[0]}",
            2,
        )
    if options.line and options.runtime not in (None, packages.LINES[options.line]):
        raise DeployError(
            f"--line {options.line} runs on {packages.LINES[options.line]}, not on {options.runtime}",
            "leave --runtime out: it follows from the line",
            2,
        )
    given = {parameter: getattr(options, option) for option, parameter in _PARAMETERS.items()}
    values = {parameter: str(value) for parameter, value in given.items() if value is not None}
    if options.starting_timestamp is not None:
        values["StartingTimestamp"] = options.starting_timestamp
    if options.thresholds is not None:
        values["Thresholds"] = thresholds.read(options.thresholds)
    return Wanted(
        Deployment(options.stack_name),
        (_LAB if options.learner_lab else {}) | values | dict(options.parameter),
        phones=_endpoints("--phone", options.phone, _PHONE, "+ and 7 to 15 digits (E.164)"),
        alert_mailboxes=_endpoints("--alert-email", options.alert_email, _ADDRESS, "name@domain"),
        alarm_mailboxes=_endpoints("--email", options.email, _ADDRESS, "name@domain"),
        reset_state=options.reset_state,
        allow_non_restored=options.allow_non_restored_state,
        learner_lab=options.learner_lab,
        tags=dict(options.tag),
        cloudformation_role=options.cloudformation_role_arn,
    )


def margin_has_meaning(margin: int, policy: str) -> None:
    """See that only `crossing` is given a margin. Raises DeployError, exit status 2."""
    if margin and policy != "crossing":
        raise DeployError(f"--rearm-margin: expected with --policy crossing only, not {policy}", status=2)


def _endpoints(
    option: str, given: Sequence[str] | None, form: re.Pattern[str], expected: str
) -> tuple[str, ...] | None:
    """The endpoints of an option: None if it is not given, empty for `none` alone."""
    if given is None or list(given) == ["none"]:
        return None if given is None else ()
    for place, one in enumerate(given, 1):
        if not form.fullmatch(one):
            raise DeployError(f"{option}, value {place}: expected {expected}, or none alone", status=2)
        if one in given[: place - 1]:
            raise DeployError(f"{option}, value {place}: expected each once, and it was given before", status=2)
    return tuple(given)


def whole_number(least: int) -> Any:
    """An argparse type: a whole number from `least` that fits INT."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number < _INT:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {_INT - 1}, got {text!r}")
        return number

    return read


def message(text: str) -> str:
    """An argparse type: a text that AlertsToSns can fill in (`lambdas/alerts_to_sns/alert_settings.py`)."""
    try:
        fields = [field for field in string.Formatter().parse(text) if field[1] is not None]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; a brace of the text itself is written twice") from None
    if text.isspace():
        raise argparse.ArgumentTypeError("expected a text, got white space")
    for _, name, form, conversion in fields:
        if name not in _MESSAGE_FIELDS or form or conversion:
            names = ", ".join(f"{{{field}}}" for field in _MESSAGE_FIELDS)
            raise argparse.ArgumentTypeError(f"expected no fields but {names}, got {{{name}}}")
    return text


def timestamp(text: str) -> str:
    """An argparse type: an ISO-8601 time with an offset or Z."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"expected ISO-8601 with an offset or Z, got {text!r}")
    return text


def pair(text: str) -> tuple[str, str]:
    """An argparse type: a name and a value, which may be empty."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name, value
