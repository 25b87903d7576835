"""The application: what the service's API takes, and what the job makes of its property groups."""

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape
from botocore.validate import ParamValidator

from jobs.alerting.kinesis.connector import JAR
from jobs.alerting.settings import AlertSettings, Streams, read_properties
from tests.deploy.templates import cfn

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/"
REQUIRED = {
    "CodeBucket": "code",
    "JobKey": "low-inventory-job-0123456789abcdef.zip",
    "SourceStreamArn": f"{ARN}http-requests",
    "AlertsStreamArn": f"{ARN}alerts-low-inventory",
    "DeadLetterStreamArn": f"{ARN}http-requests-dead-letters",
    "ApplicationRoleArn": "arn:aws:iam::123456789012:role/application",
}
SERVICE = botocore.session.get_session().get_service_model("kinesisanalyticsv2")


def application(**parameters: str) -> dict[str, Any]:
    """The application's properties, with the defaults for parameters that are left out."""
    properties: dict[str, Any] = cfn.Resolver(cfn.load("application"), **REQUIRED, **parameters).resource("Application")
    return properties


def groups(properties: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The property groups, by name."""
    found = properties["ApplicationConfiguration"]["EnvironmentProperties"]["PropertyGroups"]
    return {group["PropertyGroupId"]: group["PropertyMap"] for group in found}


def typed(value: Any, shape: Shape) -> Any:
    """A value with the types that the API has; CloudFormation makes them of texts as its schemas say."""
    if shape.type_name == "structure":
        return {key: typed(got, shape.members[key]) if key in shape.members else got for key, got in value.items()}
    if shape.type_name == "list":
        return [typed(got, shape.member) for got in value]
    if shape.type_name in ("integer", "long"):
        return int(value)
    return {"true": True, "false": False}[value] if shape.type_name == "boolean" and isinstance(value, str) else value


def faults(value: Any, shape: Shape) -> str:
    """What botocore has against a value."""
    return str(ParamValidator().validate(typed(value, shape), shape).generate_report())


VARIANTS: list[dict[str, Any]] = [
    {},
    {"Thresholds": '{"SKU-0001":25}', "Reader": "efo", "AllowNonRestoredState": "true"},
    {"Runtime": "FLINK-2_2", "AutoScaling": "false", "Parallelism": "4", "ParallelismPerKPU": "2"},
    {"StartingPosition": "AT_TIMESTAMP", "StartingTimestamp": "2026-01-31T09:30:00Z", "Policy": "crossing"},
    {"LogLevel": "WARN", "MetricsLevel": "OPERATOR"},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_takes_it(variant: dict[str, Any]) -> None:
    properties = application(**variant)
    run = properties.pop("RunConfiguration")
    create = SERVICE.operation_model("CreateApplication").input_shape
    assert faults(properties, create) == ""
    assert faults(run, SERVICE.operation_model("StartApplication").input_shape.members["RunConfiguration"]) == ""
    assert properties["RuntimeEnvironment"] in SERVICE.shape_for("RuntimeEnvironment").enum
    pairs = SERVICE.shape_for("PropertyMap").metadata
    for name, group in groups(properties).items():
        assert pairs["min"] <= len(group) <= pairs["max"], name
        # https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_PropertyGroup.html
        assert all(1 <= len(text) <= 2048 for pair in group.items() for text in pair), name


def test_a_wrong_name_would_be_found() -> None:
    shape = SERVICE.operation_model("CreateApplication").input_shape
    assert "Unknown parameter" in faults(application() | {"Snapshots": True}, shape)


@pytest.mark.parametrize(
    ("variant", "position", "alerts"),
    [
        ({}, ("TRIM_HORIZON", None), AlertSettings()),
        (
            {"StartingPosition": "LATEST", "StartingTimestamp": "2026-01-31T09:30:00.123Z", "Threshold": "5"},
            ("AT_TIMESTAMP", "2026-01-31T09:30:00.123Z"),
            AlertSettings(threshold=5),
        ),
        (
            {"StartingPosition": "AT_TIMESTAMP", "StartingTimestamp": "2026-01-31T09:30:00+01:00"},
            ("AT_TIMESTAMP", "2026-01-31T09:30:00+01:00"),
            AlertSettings(),
        ),
        (
            {
                "Policy": "crossing",
                "RearmMargin": "3",
                "StateTtl": "12 h",
                "Thresholds": json.dumps({"SKU-0001": 25, 'a"\\é: {': 0}),
            },
            ("TRIM_HORIZON", None),
            AlertSettings(
                policy="crossing", rearm_margin=3, state_ttl="12 h", thresholds={"SKU-0001": 25, 'a"\\é: {': 0}
            ),
        ),
    ],
)
def test_the_job_reads_it(
    tmp_path: Path, variant: dict[str, Any], position: tuple[str, str | None], alerts: AlertSettings
) -> None:
    file = tmp_path / "application_properties.json"
    found = application(**variant)["ApplicationConfiguration"]["EnvironmentProperties"]["PropertyGroups"]
    file.write_text(json.dumps(found))
    streams, settings = read_properties(file)
    assert (streams.position, streams.timestamp) == position
    assert settings == alerts
    assert names(streams) == ["http-requests", "alerts-low-inventory", "http-requests-dead-letters"]


def names(streams: Streams) -> list[str]:
    """The streams' names: read, and the two written."""
    return [stream.name for stream in (streams.source, streams.alerts, streams.dead_letters)]


def test_it_starts_what_is_in_the_package() -> None:
    assert groups(application())["kinesis.analytics.flink.run.options"] == {
        "python": "jobs/low_inventory.py",
        "jarfile": f"lib/{JAR}",
    }


def test_state_and_failed_updates_are_the_service_s_care() -> None:
    configuration = application()["ApplicationConfiguration"]
    assert configuration["ApplicationSnapshotConfiguration"] == {"SnapshotsEnabled": True}
    assert configuration["ApplicationSystemRollbackConfiguration"] == {"RollbackEnabled": True}
    assert configuration["FlinkApplicationConfiguration"]["CheckpointConfiguration"] == {"ConfigurationType": "DEFAULT"}


def test_the_log_stream_is_there_before_the_application() -> None:
    resources = cfn.load("application")["Resources"]
    assert resources["Application"]["DependsOn"] == "LogStream"


def test_fan_out_is_chosen_by_one_parameter() -> None:
    assert "source.reader.type" not in groups(application())["InputStream0"]
    assert groups(application(Reader="efo"))["InputStream0"]["source.reader.type"] == "EFO"
