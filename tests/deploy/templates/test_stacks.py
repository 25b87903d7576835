"""The templates on the emulator, which makes what it knows and passes over the rest with a warning."""

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.deploy.scripted_flink import ScriptedFlink
from tests.deploy.templates import cfn
from tests.emulated import REGION, Emulator

JOB = "low-inventory-job-1.zip"
LAB_ROLE = "arn:aws:iam::123456789012:role/LabRole"
# It passes these over; what they must be is in the other tests.
LACKING = {
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
}


TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
}


class Shop:
    """An empty account on the emulator, and the stacks made in it."""

    def __init__(self, emulator: Emulator) -> None:
        self.client = emulator.client
        self.outputs: dict[str, str] = {}

    def create(self, name: str, **parameters: str) -> None:
        """Make the stack of a template, its other parameters from the outputs of those before it."""
        self.client("cloudformation").create_stack(
            StackName=f"shop-{name}",
            TemplateBody=cfn.body(name),
            Parameters=self.parameters(name, parameters),
            Capabilities=["CAPABILITY_IAM"],
        )
        stack = self.client("cloudformation").describe_stacks(StackName=f"shop-{name}")["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        self.outputs |= {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def parameters(self, name: str, given: dict[str, str]) -> list[dict[str, str]]:
        """The parameters of a stack, as the API has them."""
        known = set(cfn.load(name).get("Parameters", {}))
        values = {key: value for key, value in self.outputs.items() if key in known} | given
        return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]

    def create_storage_and_system(self, **parameters: str) -> None:
        """Make the first three stacks, with functions that do nothing."""
        self.create("storage")
        self.create("table")
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as code:
            code.writestr("lambda_function.py", "def lambda_handler(event, context): pass")
        for key in ("k.zip", "a.zip", JOB):
            self.client("s3").put_object(Bucket=self.outputs["CodeBucket"], Key=key, Body=package.getvalue())
        names = {"KinesisToDynamoKey": "k.zip", "AlertsToSnsKey": "a.zip", "ApplicationName": "shop-application"}
        self.create("system", **names, **parameters)


@pytest.fixture
def shop(emulator: Emulator, flink: ScriptedFlink) -> Iterator[Shop]:
    flink.reset()
    with warnings.catch_warnings():
        # What the emulator says of the types that it lacks.
        warnings.simplefilter("ignore", UserWarning)
        yield Shop(emulator)


def test_the_streams(shop: Shop) -> None:
    shop.create_storage_and_system(Shards="3", OutputShards="2", RetentionHours="400")
    kinesis = shop.client("kinesis")
    found = {}
    for name in kinesis.list_streams()["StreamNames"]:
        stream = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        found[name] = (stream["OpenShardCount"], stream["RetentionPeriodHours"])
    assert found == {
        "http-requests": (3, 400),
        "alerts-low-inventory": (2, 400),
        "http-requests-dead-letters": (2, 400),
    }


def test_the_tables(shop: Shop) -> None:
    shop.create_storage_and_system()
    dynamodb = shop.client("dynamodb")
    keys = {}
    for name in dynamodb.list_tables()["TableNames"]:
        table = dynamodb.describe_table(TableName=name)["Table"]
        assert table["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
        keys[name] = [key["AttributeName"] for key in table["KeySchema"]]
    assert keys == {"HttpRequests": ["pk", "sk"], shop.outputs["IdempotencyTableName"]: ["id"]}


def test_the_functions(shop: Shop) -> None:
    shop.create_storage_and_system(MessageTemplate="{product_id}: {inventory}")
    functions = shop.client("lambda").list_functions()["Functions"]
    roles = {
        role["Arn"]
        for role in shop.client("iam").list_roles()["Roles"]
        if "lambda.amazonaws.com" in str(role["AssumeRolePolicyDocument"])
    }
    assert {f["FunctionName"] for f in functions} == {"KinesisToDynamo", "AlertsToSns"}
    assert {f["Role"] for f in functions} == roles
    for function in functions:
        assert (function["Runtime"], function["Architectures"]) == ("python3.11", ["x86_64"])
        assert function["Handler"] == "lambda_function.lambda_handler"
    powertools = {
        "POWERTOOLS_METRICS_NAMESPACE": "shop-system",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "FAILURES_BUCKET": shop.outputs["FailuresBucket"],
    }
    assert {f["FunctionName"]: f["Environment"]["Variables"] for f in functions} == {
        "KinesisToDynamo": powertools | {"TABLE_NAME": "HttpRequests", "POWERTOOLS_SERVICE_NAME": "KinesisToDynamo"},
        "AlertsToSns": powertools
        | {
            "TOPIC_ARN": shop.outputs["AlertsTopicArn"],
            "IDEMPOTENCY_TABLE": shop.outputs["IdempotencyTableName"],
            "IDEMPOTENCY_WINDOW_SECONDS": "86400",
            "MESSAGE_TEMPLATE": "{product_id}: {inventory}",
            "POWERTOOLS_SERVICE_NAME": "AlertsToSns",
        },
    }
    groups = shop.client("logs").describe_log_groups()["logGroups"]
    retention = {group["logGroupName"]: group["retentionInDays"] for group in groups}
    assert retention == {"/aws/lambda/KinesisToDynamo": 30, "/aws/lambda/AlertsToSns": 30}


@pytest.mark.parametrize(
    ("function", "stream", "differs"),
    [
        (
            "KinesisToDynamo",
            "SourceStreamArn",
            {"MaximumBatchingWindowInSeconds": 1, "StartingPosition": "AT_TIMESTAMP"},
        ),
        ("AlertsToSns", "AlertsStreamArn", {"MaximumBatchingWindowInSeconds": 0, "StartingPosition": "TRIM_HORIZON"}),
    ],
)
def test_the_mappings(shop: Shop, function: str, stream: str, differs: dict[str, Any]) -> None:
    shop.create_storage_and_system(StartingPosition="LATEST", StartingTimestamp="1767603600")
    (mapping,) = shop.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    wanted = differs | {
        "EventSourceArn": shop.outputs[stream],
        "UUID": shop.outputs[f"{function}Mapping"],
        "BatchSize": 100,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 7,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    assert {key: mapping[key] for key in wanted} == wanted
    destination = f"arn:aws:s3:::{shop.outputs['FailuresBucket']}"
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": destination}}


@pytest.mark.parametrize(("template", "bucket"), [("storage", "CodeBucket"), ("system", "FailuresBucket")])
def test_a_bucket_is_private(template: str, bucket: str) -> None:
    resources = cfn.load(template)["Resources"]
    properties = resources[bucket]["Properties"]
    assert list(properties["PublicAccessBlockConfiguration"].values()) == [True] * 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    policies = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::S3::BucketPolicy"]
    (policy,) = [one for one in policies if one["Bucket"] == {"Ref": bucket}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("role", ["", LAB_ROLE])
def test_all_five_stacks(shop: Shop, role: str) -> None:
    """Each finds what it asks for among the outputs of those before it; with a given role none is made."""
    iam = shop.client("iam")
    iam.create_role(RoleName="LabRole", AssumeRolePolicyDocument=json.dumps(TRUST))
    shop.create_storage_and_system(RoleArn=role)
    shop.create("application", JobKey=JOB)
    assert shop.outputs["ApplicationName"] == "shop-application"
    shop.create("monitoring")
    dashboard = shop.client("cloudwatch").get_dashboard(DashboardName=shop.outputs["DashboardName"])
    assert "${" not in dashboard["DashboardBody"]
    made = [found["RoleName"] for found in iam.list_roles()["Roles"] if found["RoleName"] != "LabRole"]
    functions = shop.client("lambda").list_functions()["Functions"]
    assert len(made) == (0 if role else 4)
    assert {role} == {f["Role"] for f in functions} if role else len({f["Role"] for f in functions}) == 2
    assert shop.client("kms").list_keys()["Keys"] == []
    alarms = [alarm["AlarmName"] for alarm in shop.client("cloudwatch").describe_alarms()["MetricAlarms"]]
    assert alarms
    # Only who asks for a reminder gets one.
    assert "shop-monitoring-left-running" not in alarms


def test_what_the_emulator_lacks_is_known(shop: Shop) -> None:
    """A type that is neither made here nor checked elsewhere would go unseen."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        shop.create_storage_and_system()
        shop.create("application", JobKey=JOB)
        shop.create("monitoring")
    said = [str(warning.message).split()[3] for warning in caught if "not supported by moto" in str(warning.message)]
    assert set(said) == LACKING


@pytest.mark.parametrize(("shards", "status"), [("2", "FAILED"), ("4", "CREATE_COMPLETE")])
def test_the_same_again_is_no_change(shop: Shop, shards: str, status: str) -> None:
    shop.create_storage_and_system(Shards="2")
    cloudformation = shop.client("cloudformation")
    kept = [
        {"ParameterKey": key, "UsePreviousValue": True}
        for key in ("CodeBucket", "KinesisToDynamoKey", "AlertsToSnsKey", "TableName", "TableArn", "ApplicationName")
    ]
    cloudformation.create_change_set(
        StackName="shop-system",
        ChangeSetName="again",
        ChangeSetType="UPDATE",
        TemplateBody=cfn.body("system"),
        Parameters=[*kept, {"ParameterKey": "Shards", "ParameterValue": shards}],
        Capabilities=["CAPABILITY_IAM"],
    )
    changes = cloudformation.describe_change_set(StackName="shop-system", ChangeSetName="again")
    assert changes["Status"] == status
    assert status == "CREATE_COMPLETE" or "didn't contain changes" in changes["StatusReason"]


def test_nothing_is_left_but_the_stack_of_the_table_and_the_failures(shop: Shop) -> None:
    shop.create_storage_and_system()
    cloudformation = shop.client("cloudformation")
    cloudformation.delete_stack(StackName="shop-system")
    s3 = boto3.resource("s3", region_name=REGION, endpoint_url=shop.client("s3").meta.endpoint_url)
    s3.Bucket(shop.outputs["CodeBucket"]).object_versions.delete()
    cloudformation.delete_stack(StackName="shop-storage")
    left = [
        *shop.client("kinesis").list_streams()["StreamNames"],
        *shop.client("dynamodb").list_tables()["TableNames"],
        *shop.client("lambda").list_functions()["Functions"],
        *shop.client("lambda").list_event_source_mappings()["EventSourceMappings"],
        *shop.client("logs").describe_log_groups()["logGroups"],
        *shop.client("sns").list_topics()["Topics"],
        *shop.client("iam").list_roles()["Roles"],
        *(bucket["Name"] for bucket in shop.client("s3").list_buckets()["Buckets"]),
    ]
    assert left == ["HttpRequests", shop.outputs["FailuresBucket"]]
