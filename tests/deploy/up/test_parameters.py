"""From options to parameters, and the steps from one count of shards to another."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.aws.errors import DeployError
from deploy.up import options, parameters, thresholds
from tests.deploy.templates import cfn

counts = st.integers(1, 500)
names = st.sampled_from(["Policy", "Shards", "OutputShards", "Reader", "RoleArn"])
pairs = st.dictionaries(names, st.text(max_size=3))


@given(counts, counts)
def test_shard_steps(now: int, wanted: int) -> None:
    steps = [now, *parameters.shard_steps(now, wanted)]
    assert steps[-1] == wanted
    assert all(before / 2 <= after <= before * 2 for before, after in itertools.pairwise(steps))
    assert len(steps) <= 10


@given(pairs, pairs)
def test_given_wins_then_previous_then_default(values: dict[str, str], previous: dict[str, str]) -> None:
    names = ("Policy", "Shards", "OutputShards", "Reader")
    made = parameters.for_cloudformation([{"ParameterKey": name} for name in names], values, previous)
    by_name = {one["ParameterKey"]: one for one in made}
    for name in names:
        resolved: Any = by_name.get(name, {})
        value = previous[name] if resolved.get("UsePreviousValue") else resolved.get("ParameterValue")
        assert value == values.get(name, previous.get(name))
    assert "RoleArn" not in by_name


THRESHOLDS = [
    ("[]", "expected an object"),
    ("{", "expected JSON"),
    ('{"SKU-1": 1.5}', "'SKU-1': expected a whole number that fits INT, got 1.5"),
    ('{"SKU-1": true}', "whole number"),
    ('{"SKU-1": 2147483648}', "whole number"),
    ('{"": 1}', "1 to 64 characters"),
    (json.dumps({f"SKU-{n:04}": n for n in range(200)}), "the service takes 2048"),
]


@pytest.mark.parametrize(("content", "expected"), THRESHOLDS)
def test_thresholds_that_are_refused(tmp_path: Path, content: str, expected: str) -> None:
    file = tmp_path / "thresholds.json"
    file.write_text(content)
    with pytest.raises(DeployError, match=expected) as error:
        thresholds.read(file)
    assert str(file) in str(error.value)
    assert error.value.status == 2


def test_thresholds_become_one_parameter(tmp_path: Path) -> None:
    file = tmp_path / "thresholds.json"
    file.write_text('{"SKU-2": 4, "SKU-\u00e9": 3}', encoding="utf-8")
    assert thresholds.read(file) == '{"SKU-2":4,"SKU-\\u00e9":3}'
    file.write_text("{}")
    assert thresholds.read(file) == ""


DECLARED: list[dict[str, Any]] = [
    {"ParameterKey": "OutputShards", "ParameterType": "Number", "DefaultValue": "1"},
    {"ParameterKey": "SmsSpendAlarmUSD", "ParameterType": "Number", "DefaultValue": "0.8"},
    {"ParameterKey": "Tracing", "ParameterType": "String", "DefaultValue": ""},
    {"ParameterKey": "JobKey", "ParameterType": "String"},
    {
        "ParameterKey": "AutoScaling",
        "ParameterType": "String",
        "DefaultValue": "true",
        "ParameterConstraints": {"AllowedValues": ["true", "false"]},
    },
    {
        "ParameterKey": "LogRetentionDays",
        "ParameterType": "Number",
        "DefaultValue": "30",
        "ParameterConstraints": {"AllowedValues": ["1", "3"]},
    },
]
VALUES = [
    ("OutputShards", "5", ""),
    ("OutputShards", "1.5", "a whole number from 1, got '1.5'"),
    ("OutputShards", "", "a whole number from 1, got ''"),
    ("SmsSpendAlarmUSD", "2.5", ""),
    ("SmsSpendAlarmUSD", "0", ""),
    ("SmsSpendAlarmUSD", "much", "a number, got 'much'"),
    ("Tracing", "", ""),
    ("AutoScaling", "false", ""),
    ("AutoScaling", "no", "one of true, false, got 'no'"),
    ("LogRetentionDays", "3", ""),
    ("LogRetentionDays", "2", "one of 1, 3, got '2'"),
    ("JobKey", "a.zip", "one of AutoScaling, LogRetentionDays, OutputShards, SmsSpendAlarmUSD, Tracing"),
]


@pytest.mark.parametrize(("name", "value", "expected"), VALUES)
def test_values_of_parameters(name: str, value: str, expected: str) -> None:
    if not expected:
        parameters.check({name: value}, DECLARED, options.OWN_OPTIONS)
        return
    with pytest.raises(DeployError, match=f"--parameter {name}: .*{re.escape(expected)}") as error:
        parameters.check({name: value}, DECLARED, options.OWN_OPTIONS)
    assert error.value.status == 2


def test_a_mapping_is_taken_out_whole() -> None:
    before = cfn.load("system")
    after = cfn.parse(parameters.without(cfn.body("system"), ["KinesisToDynamoMapping"]))
    for part in ("Resources", "Outputs"):
        assert before[part].keys() - after[part].keys() == {"KinesisToDynamoMapping"}
        assert all(before[part][name] == content for name, content in after[part].items())
