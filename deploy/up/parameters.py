"""From the options of `up` to the parameters of the templates."""

import argparse
import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.aws.errors import DeployError
from deploy.up import phones

LOG_OPTION = "AWS::KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption"
"""The resource that connects the application's log; some regions' CloudFormation does not know it."""

_THRESHOLDS = "# {Thresholds}"
_GROUP = re.compile(r'- (\{"PropertyGroupId": "Thresholds".*\})')
_SAME_NAME = {
    "role_arn": "RoleArn",
    "shards": "Shards",
    "starting_position": "StartingPosition",
    "runtime": "Runtime",
    "policy": "Policy",
    "threshold": "Threshold",
    "rearm_margin": "RearmMargin",
    "parallelism": "Parallelism",
    "email": "OperatorEmail",
}
_OPTIONS = (
    {parameter: f"--{option.replace('_', '-')}" for option, parameter in _SAME_NAME.items()}
    | {"StartingTimestamp": "--starting-timestamp"}
    | {f"Phone{n + 1}": "--phone" for n in range(phones.COUNT)}
)
"""A parameter → the option of its own that gives it."""


def given(options: argparse.Namespace) -> dict[str, str]:
    """The parameters that the options name, and no others but for the phones; `StartingTimestamp` is still ISO-8601.

    Args:
        options: of `up`.

    Raises:
        DeployError: for a timestamp without AT_TIMESTAMP or the reverse, or a parameter that has an option of its own.
    """
    for name, _ in options.parameter:
        if name in _OPTIONS:
            raise DeployError(f"--parameter {name}: expected it as {_OPTIONS[name]}", status=2)
    values = dict(options.parameter) | {
        parameter: str(value)
        for option, parameter in _SAME_NAME.items()
        if (value := getattr(options, option)) is not None
    }
    if (options.starting_position == "AT_TIMESTAMP") != (options.starting_timestamp is not None):
        raise DeployError("--starting-timestamp and --starting-position AT_TIMESTAMP go together", status=2)
    if options.starting_timestamp is not None:
        values["StartingTimestamp"] = options.starting_timestamp
    return values


def check(values: Mapping[str, str], declared: Sequence[Mapping[str, Any]]) -> None:
    """See that each value is of a parameter that may be given: one with a default, as `up` gives the others.

    Args:
        values: what is given.
        declared: the parameters of all templates, as `get_template_summary` has them.

    Raises:
        DeployError: if it is not, or not one of those that the template allows, or no number; exit status 2.
    """
    free = {one["ParameterKey"]: one for one in declared if one.get("DefaultValue") is not None}
    for name, value in values.items():
        if name not in free:
            known = ", ".join(sorted(set(free) - set(_OPTIONS)))
            raise DeployError(f"--parameter {name}: there is none of that name; expected one of {known}", status=2)
        if name not in _OPTIONS:
            _check_value(value, free[name])


def _check_value(value: str, parameter: Mapping[str, Any]) -> None:
    name, allowed = parameter["ParameterKey"], parameter.get("ParameterConstraints", {}).get("AllowedValues")
    expected = f"one of {', '.join(map(str, allowed))}" if allowed else ""
    if parameter["ParameterType"] == "Number" and not allowed:
        # A count has a count as its default.
        whole = str(parameter["DefaultValue"]).isdecimal()
        expected = "" if _NUMBER[whole].fullmatch(value) else "a whole number from 1" if whole else "a number"
    elif allowed and value in map(str, allowed):
        expected = ""
    if expected:
        raise DeployError(f"--parameter {name}: expected {expected}, got {value!r}", status=2)


_NUMBER = {True: re.compile(r"[1-9]\d{0,9}"), False: re.compile(r"\d{1,9}(\.\d{1,9})?")}


def timestamp_of_mapping(text: str) -> str:
    """An ISO-8601 time as an event source mapping takes it: seconds since 1970-01-01T00:00:00Z."""
    return str(int(datetime.fromisoformat(text).astimezone(UTC).timestamp()))


def position_of_job(mapping: Mapping[str, str]) -> dict[str, str]:
    """The position of an event source mapping as the job takes it: a time in ISO-8601, and only where it is heeded.

    Args:
        mapping: StartingPosition and StartingTimestamp of the system's stack; empty if they are not known.
    """
    position = {name: value for name, value in mapping.items() if name == "StartingPosition"}
    if position.get("StartingPosition") == "AT_TIMESTAMP":
        at = datetime.fromtimestamp(float(mapping["StartingTimestamp"]), UTC)
        position["StartingTimestamp"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return position


def for_cloudformation(
    declared: Sequence[Mapping[str, Any]], values: Mapping[str, str], previous: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The parameters of a stack as CloudFormation takes them: those given, the previous values, the defaults.

    Args:
        declared: the template's parameters, as `get_template_summary` has them.
        values: what is given; what the template does not declare is another template's.
        previous: the stack's parameters; empty if there is none yet.
    """
    parameters: list[dict[str, Any]] = []
    for parameter in declared:
        key = parameter["ParameterKey"]
        # CloudFormation shows asterisks in place of a NoEcho value, so it alone can tell whether that changes.
        same = not parameter.get("NoEcho") and previous.get(key) == values.get(key)
        if key in values and not (same and key in previous):
            parameters.append({"ParameterKey": key, "ParameterValue": values[key]})
        elif key in previous:
            parameters.append({"ParameterKey": key, "UsePreviousValue": True})
    return parameters


def read_thresholds(path: Path) -> dict[str, str]:
    """Read thresholds by product from a JSON file.

    Raises:
        DeployError: if it is no object of 1 to 50 products and whole numbers, or not JSON. A property group takes 50
            pairs (https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_PropertyGroup.html).
    """
    try:
        pairs = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeployError(f"{path}: {error.strerror}; expected a JSON file", status=2) from None
    except ValueError as error:
        raise DeployError(f"{path}: expected JSON in UTF-8: {error}", status=2) from None
    if not isinstance(pairs, dict):
        raise DeployError(f"{path}: expected an object of products and their thresholds", status=2)
    if len(pairs) > 50:
        raise DeployError(
            f"{path}: {len(pairs)} products; the service takes at most 50 in a property group",
            "keep the products that differ most, and let --threshold be the value of the others",
            2,
        )
    for product, value in pairs.items():
        _check_threshold(path, product, value)
    return {product: str(value) for product, value in pairs.items()}


def _check_threshold(path: Path, product: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
        raise DeployError(f"{path}: {product!r}: expected a whole number, got {value!r}", status=2)
    # In a template these are functions, whatever they stand in.
    if not 1 <= len(product) <= 64 or product in ("Ref", "Condition") or product.startswith("Fn::"):
        raise DeployError(
            f"{path}: {product!r}: expected a product id of 1 to 64 characters, not Ref or Fn::", status=2
        )


def with_thresholds(template: str, thresholds: Mapping[str, str] | None, previous: str | None) -> str:
    """The application's template with the group of thresholds in it.

    Args:
        template: the text of application.yaml.
        thresholds: product → threshold; empty for none, None to keep those of `previous`.
        previous: the template that the stack was made with, if there is a stack.
    """
    if thresholds is None:
        found = _GROUP.search(previous or "")
        group = found.group(1) if found else None
    else:
        content = {"PropertyGroupId": "Thresholds", "PropertyMap": dict(sorted(thresholds.items()))}
        group = json.dumps(content, ensure_ascii=True) if thresholds else None
    if group is None:
        return template
    if _THRESHOLDS not in template:
        raise DeployError(f"application.yaml: expected the line {_THRESHOLDS}, which takes the thresholds")
    return template.replace(_THRESHOLDS, f"- {group}")


def thresholds_in(template: str) -> dict[str, str]:
    """The thresholds by product in a template of the application; empty if there are none."""
    found = _GROUP.search(template)
    return dict(json.loads(found.group(1))["PropertyMap"]) if found else {}


def without(template: str, names: Collection[str]) -> str:
    """A template without some of its resources, and the outputs of the same names."""
    for name in names:
        template = re.sub(rf"^  {name}:\n(?:    .*\n)+", "", template, flags=re.MULTILINE)
    return template


def shard_steps(now: int, wanted: int) -> list[int]:
    """The counts of shards to go through, the wanted one last: each at most the double and at least the half.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
    """
    steps = []
    while now != wanted:
        now = min(wanted, now * 2) if wanted > now else max(wanted, (now + 1) // 2)
        steps.append(now)
    return steps
