"""From options to parameters, and the steps from one count of shards to another."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import deployment
from deploy.aws.errors import DeployError
from deploy.up import parameters
from tests.deploy import cfn

counts = st.integers(1, 500)
names = st.sampled_from(["Policy", "Shards", "Phone1", "Phone2", "RoleArn"])
pairs = st.dictionaries(names, st.text(max_size=3))


@given(counts, counts)
def test_shard_steps(now: int, wanted: int) -> None:
    steps = [now, *parameters.shard_steps(now, wanted)]
    assert steps[-1] == wanted
    assert all(before / 2 <= after <= before * 2 for before, after in itertools.pairwise(steps))
    assert len(steps) <= 10


@given(pairs, pairs)
def test_given_wins_then_previous_then_default(values: dict[str, str], previous: dict[str, str]) -> None:
    declared = [
        {"ParameterKey": name, "NoEcho": name.startswith("Phone")} for name in ("Policy", "Shards", "Phone1", "Phone2")
    ]
    made = {one["ParameterKey"]: one for one in parameters.for_cloudformation(declared, values, previous)}
    for name in ("Policy", "Shards", "Phone1", "Phone2"):
        resolved: Any = made.get(name, {})
        value = previous[name] if resolved.get("UsePreviousValue") else resolved.get("ParameterValue")
        assert value == values.get(name, previous.get(name))
        # What CloudFormation does not show cannot be compared.
        assert not (name.startswith("Phone") and name in values and resolved.get("UsePreviousValue"))
    assert "RoleArn" not in made


THRESHOLDS = [
    ("[]", "expected an object"),
    ("{", "expected JSON"),
    ('{"SKU-1": 1.5}', "'SKU-1': expected a whole number, got 1.5"),
    ('{"SKU-1": true}', "whole number"),
    ('{"SKU-1": 2147483648}', "whole number"),
    ('{"": 1}', "1 to 64 characters"),
    ('{"Ref": 1}', "not Ref"),
    ('{"Fn::Sub": 1}', "not Ref"),
    (json.dumps({f"SKU-{n}": n for n in range(51)}), "at most 50"),
]


@pytest.mark.parametrize(("content", "expected"), THRESHOLDS)
def test_thresholds_that_are_refused(tmp_path: Path, content: str, expected: str) -> None:
    file = tmp_path / "thresholds.json"
    file.write_text(content)
    with pytest.raises(DeployError, match=expected) as error:
        parameters.read_thresholds(file)
    assert str(file) in str(error.value)
    assert error.value.status == 2


def test_thresholds_are_kept_replaced_and_taken_out() -> None:
    template = deployment.template("application").read_text(encoding="utf-8")
    made = parameters.with_thresholds(template, {"SKU-1": "3"}, None)
    assert '- {"PropertyGroupId": "Thresholds", "PropertyMap": {"SKU-1": "3"}}' in made
    assert parameters.with_thresholds(template, None, made) == made
    assert parameters.with_thresholds(template, {"SKU-2": "4"}, made) != made
    assert parameters.with_thresholds(template, {}, made) == template
    assert parameters.with_thresholds(template, None, None) == template
    assert parameters.thresholds_in(made) == {"SKU-1": "3"}
    assert parameters.thresholds_in(template) == {}


DECLARED: list[dict[str, Any]] = [
    {"ParameterKey": "OutputShards", "ParameterType": "Number", "DefaultValue": "1"},
    {"ParameterKey": "SmsSpendAlarmUSD", "ParameterType": "Number", "DefaultValue": "0.8"},
    {"ParameterKey": "MessageTemplate", "ParameterType": "String", "DefaultValue": ""},
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
    ("MessageTemplate", "", ""),
    ("AutoScaling", "false", ""),
    ("AutoScaling", "no", "one of true, false, got 'no'"),
    ("LogRetentionDays", "3", ""),
    ("LogRetentionDays", "2", "one of 1, 3, got '2'"),
    ("JobKey", "a.zip", "one of AutoScaling, LogRetentionDays, MessageTemplate, OutputShards, SmsSpendAlarmUSD"),
]


@pytest.mark.parametrize(("name", "value", "expected"), VALUES)
def test_values_of_parameters(name: str, value: str, expected: str) -> None:
    if not expected:
        parameters.check({name: value}, DECLARED)
        return
    with pytest.raises(DeployError, match=f"--parameter {name}: .*{re.escape(expected)}") as error:
        parameters.check({name: value}, DECLARED)
    assert error.value.status == 2


def test_the_log_option_is_taken_out_whole() -> None:
    template = deployment.template("application").read_text(encoding="utf-8")
    made = parameters.without(template, ["LogTo"])
    assert template.count(parameters.LOG_OPTION) == 1
    assert parameters.LOG_OPTION not in made
    removed = cfn.load("application")["Resources"].keys() - cfn.parse(made)["Resources"].keys()
    assert removed == {"LogTo"}


def test_a_mapping_is_taken_out_whole() -> None:
    before = cfn.load("system")
    after = cfn.parse(parameters.without(cfn.body("system"), ["KinesisToDynamoMapping"]))
    for part in ("Resources", "Outputs"):
        assert before[part].keys() - after[part].keys() == {"KinesisToDynamoMapping"}
        assert all(before[part][name] == content for name, content in after[part].items())
