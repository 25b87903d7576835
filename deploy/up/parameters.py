"""The parameters of the templates: which may be given, and the forms that CloudFormation and a mapping take."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deploy.aws.errors import DeployError

_NUMBER = {True: re.compile(r"[1-9]\d{0,9}"), False: re.compile(r"\d{1,9}(\.\d{1,9})?")}


def check(values: Mapping[str, str], declared: Sequence[Mapping[str, Any]], own_options: Collection[str]) -> None:
    """See that each value belongs to a parameter that may be given: one with a default, as `up` gives the others.

    Args:
        values: what is given.
        declared: the parameters of all templates, as `get_template_summary` has them.
        own_options: the parameters that have an option of their own, which has checked the value.

    Raises:
        DeployError: if it does not, or the template does not allow the value; exit status 2.
    """
    free = {one["ParameterKey"]: one for one in declared if one.get("DefaultValue") is not None}
    for name, value in values.items():
        if name not in free:
            known = ", ".join(sorted(set(free) - set(own_options)))
            raise DeployError(f"--parameter {name}: there is none of that name; expected one of {known}", status=2)
        if name not in own_options:
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


def for_cloudformation(
    declared: Sequence[Mapping[str, Any]], values: Mapping[str, str], previous: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The parameters of a stack as CloudFormation takes them: the given values, else the previous, else the defaults.

    Args:
        declared: the template's parameters, as `get_template_summary` has them.
        values: what is given, for all templates.
        previous: the stack's parameters; empty if there is no stack yet.
    """
    keys = [parameter["ParameterKey"] for parameter in declared]
    return [
        {"ParameterKey": key, "ParameterValue": values[key]}
        if key in values
        else {"ParameterKey": key, "UsePreviousValue": True}
        for key in keys
        if key in values or key in previous
    ]


def timestamp(at: datetime) -> str:
    """A time as the job's settings have it: ISO-8601 in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp_of_mapping(text: str) -> str:
    """An ISO-8601 time as an event source mapping takes it: whole seconds since 1970-01-01T00:00:00Z."""
    return str(int(datetime.fromisoformat(text).astimezone(UTC).timestamp()))


def position_of_job(mapping: Mapping[str, str]) -> dict[str, str]:
    """The position of an event source mapping as the job takes it.

    Args:
        mapping: StartingPosition and StartingTimestamp of the system's stack; empty if they are not known.
    """
    position = {name: value for name, value in mapping.items() if name == "StartingPosition"}
    if position.get("StartingPosition", "TRIM_HORIZON") != "TRIM_HORIZON":
        position["StartingTimestamp"] = timestamp(datetime.fromtimestamp(float(mapping["StartingTimestamp"]), UTC))
    return position


def alarm_conditions(values: Mapping[str, str]) -> list[str]:
    """The conditions of the alarms in monitoring.yaml that hold; a parameter that is left out has its default."""
    every, polls = values.get("Alarms") != "essential", values.get("Reader") != "efo"
    oldest = values["Line"] == "connector-4"
    conditions = {
        "AllAlarms": every,
        "AllAlarmsOfReads": every and (oldest or not polls),
        "AllAlarmsOfLostShards": every and not oldest,
        "Reminded": values.get("ReminderHours", "0") != "0",
    }
    return [name for name, holds in conditions.items() if holds]


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
