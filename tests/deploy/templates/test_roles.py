"""Who may do what: every role against AWS's service authorization reference, as cfn-lint carries it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.policies.permissions import REFERENCE
from tests.deploy.templates import cfn

READ = {"DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"}
LAMBDA = {
    "kinesis": READ,
    "logs": {"CreateLogStream", "PutLogEvents"},
    "s3": {"ListBucket", "PutObject"},
}
FAN_OUT = {"DeregisterStreamConsumer", "DescribeStreamConsumer", "RegisterStreamConsumer", "SubscribeToShard"}
TRACING = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
# What each role may do, and on what.
GRANTED = {
    ("system", "KinesisToDynamoRole"): LAMBDA | {"dynamodb": {"BatchWriteItem"}},
    ("system", "AlertsToSnsRole"): LAMBDA
    | {"dynamodb": {"DeleteItem", "GetItem", "PutItem", "UpdateItem"}, "sns": {"Publish"}},
    ("system", "TextsLogRole"): {
        "logs": {"CreateLogGroup", "CreateLogStream", "PutLogEvents", "PutMetricFilter", "PutRetentionPolicy"},
    },
    ("system", "ApplicationRole"): {
        "kinesis": READ | {"PutRecords"},
        "logs": {"DescribeLogGroups", "DescribeLogStreams", "PutLogEvents"},
        "s3": {"GetObject", "GetObjectVersion"},
    },
}
# Wildcards in a resource, each with its reason beside it in the template.
WILDCARDS = {
    ("xray:PutTelemetryRecords", "*"),
    ("xray:PutTraceSegments", "*"),
    ("s3:PutObject", "<FailuresBucket.Arn>/aws/lambda/*"),
    ("s3:PutObject", "<FailuresBucket.Arn>/rejected/KinesisToDynamo/*"),
    ("s3:PutObject", "<FailuresBucket.Arn>/rejected/AlertsToSns/*"),
    ("logs:DescribeLogGroups", "arn:aws:logs:eu-west-1:123456789012:log-group:*"),
    *(
        (f"logs:{action}", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/kinesis-analytics/shop-application:*")
        for action in ("DescribeLogStreams", "PutLogEvents")
    ),
    *(
        (f"logs:{action}", "arn:aws:logs:eu-west-1:123456789012:log-group:sns/*")
        for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents", "PutMetricFilter", "PutRetentionPolicy")
    ),
    *((f"kinesis:{action}", "<SourceStream.Arn>/consumer/*") for action in FAN_OUT),
    ("s3:GetObject", "arn:aws:s3:::code/low-inventory-job-*"),
    ("s3:GetObjectVersion", "arn:aws:s3:::code/low-inventory-job-*"),
}


def listed(value: Any) -> list[Any]:
    """A list, of one if it is none."""
    return value if isinstance(value, list) else [value]


def roles(**parameters: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each role: its template, its name, its properties."""
    for template in cfn.TEMPLATES:
        content = cfn.load(template)
        resolver = cfn.Resolver(
            {"Parameters": {}, **content}, CodeBucket="code", ApplicationName="shop-application", **parameters
        )
        for name, resource in content["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                yield template, name, resolver.resource(name)


ROLES = [pytest.param(*role, id=role[1]) for role in roles()]


def grants(role: dict[str, Any]) -> set[tuple[str, str]]:
    """Each action with each resource that a role may use it on."""
    statements = [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
    assert all(statement["Effect"] == "Allow" for statement in statements)
    return {
        (action, resource)
        for statement in statements
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def test_there_is_a_role_for_each_that_runs() -> None:
    assert {(template, name) for template, name, _ in roles()} == set(GRANTED)


@pytest.mark.parametrize(("template", "name", "role"), ROLES)
def test_a_role_may_do_what_it_does_and_no_more(template: str, name: str, role: dict[str, Any]) -> None:
    wanted = {f"{service}:{action}" for service, actions in GRANTED[template, name].items() for action in actions}
    assert {action for action, _ in grants(role)} == wanted


def test_fan_out_and_tracing_are_granted_only_when_asked_for() -> None:
    plain = {name: {action for action, _ in grants(role)} for _, name, role in roles()}
    more = {name: {action for action, _ in grants(role)} for _, name, role in roles(Reader="efo", Tracing="true")}
    assert more["ApplicationRole"] - plain["ApplicationRole"] == {f"kinesis:{action}" for action in FAN_OUT}
    assert more["KinesisToDynamoRole"] - plain["KinesisToDynamoRole"] == TRACING
    for _, name, role in roles(Reader="efo", Tracing="true"):
        assert [grant for grant in grants(role) if too_wide(grant)] == [], name


def too_wide(grant: tuple[str, str]) -> bool:
    """Whether an action is on more than it must be. Raises KeyError for an action that AWS does not have."""
    action, resource = grant
    service, _, verb = action.partition(":")
    can_be_narrower = bool(REFERENCE[service]["Actions"][verb.lower()].get("Resources"))
    return (resource == "*" and can_be_narrower) or ("*" in resource and grant not in WILDCARDS)


@pytest.mark.parametrize(("template", "name", "role"), ROLES)
def test_actions_exist_and_resources_are_named(template: str, name: str, role: dict[str, Any]) -> None:
    assert [grant for grant in grants(role) if too_wide(grant)] == []


def test_what_is_too_wide_would_be_found() -> None:
    assert too_wide(("sns:Publish", "*"))
    assert too_wide(("sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:*"))
    with pytest.raises(KeyError):
        too_wide(("sns:*", "<AlertsTopic>"))


@pytest.mark.parametrize(("template", "name", "role"), ROLES)
def test_a_role_is_assumed_by_its_service_for_this_account(template: str, name: str, role: dict[str, Any]) -> None:
    service = {"ApplicationRole": "kinesisanalytics", "TextsLogRole": "sns"}.get(name, "lambda")
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        }
    ]


def test_only_alarms_of_this_account_reach_the_operators() -> None:
    resolver = cfn.Resolver(cfn.load("monitoring"))
    (publish,) = resolver.resource("OperatorsTopicPolicy")["PolicyDocument"]["Statement"]
    assert listed(publish["Action"]) == ["sns:Publish"]
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    # CloudWatch may not use the key that AWS manages for SNS, and nobody would get a mail.
    assert "KmsMasterKeyId" not in cfn.load("monitoring")["Resources"]["OperatorsTopic"].get("Properties", {})


def test_with_a_given_role_none_is_made_and_nothing_needs_more() -> None:
    given = "arn:aws:iam::123456789012:role/LabRole"
    for template, name, _ in roles():
        content = cfn.load(template)
        assert not cfn.Resolver(content, RoleArn=given).condition(content["Resources"][name]["Condition"])
    system = cfn.Resolver(cfn.load("system"), RoleArn=given)
    for function in ("KinesisToDynamo", "AlertsToSns"):
        properties = system.resource(function)
        assert (properties["Role"], properties["TracingConfig"]) == (given, {"Mode": "PassThrough"})
    assert system.value(cfn.load("system")["Outputs"]["ApplicationRoleArn"]["Value"]) == given
