"""Resources that moto's CloudFormation lacks and the templates have.

- `AWS::KinesisAnalyticsV2::Application` and its logging option, by the calls that CloudFormation's own handler makes;
- `AWS::Logs::LogStream` and `AWS::SNS::Subscription`;
- `AWS::CloudWatch::Alarm`, which moto keeps and never evaluates;
- `AWS::KMS::Key` is there, with a key policy that DescribeKey cannot read.
"""

import contextlib
import json
import time
from typing import Any

from moto.cloudformation import parsing
from moto.cloudwatch.models import cloudwatch_backends
from moto.kms.models import Key
from moto.logs.models import logs_backends
from moto.sns.models import sns_backends

from emulator.flink import endpoint, shapes
from emulator.flink.shapes import RefusedError

_applied = False


def apply() -> None:
    """Add them to the moto of this process, which `flink_endpoint.serve` has given the Flink service.

    A second call changes nothing.
    """
    global _applied
    if not _applied:
        _applied = True
        types = {one.cloudformation_type(): one for one in _TYPES}
        listed, mapped = [*parsing.get_model_list(), *types.values()], parsing.get_model_map() | types
        parsing.get_model_list = lambda: listed
        parsing.get_model_map = lambda: mapped
        _write_key_policies_as_text()


def _write_key_policies_as_text() -> None:
    """Moto keeps the policy of a template's key as it is in the template, and then fails to read it as JSON."""
    create = Key.create_from_cloudformation_json

    def with_text(resource_name: str, cloudformation_json: Any, *where: Any, **named: Any) -> Any:
        properties = cloudformation_json["Properties"]
        text = properties | {"KeyPolicy": json.dumps(properties["KeyPolicy"])}
        return create(resource_name, cloudformation_json | {"Properties": text}, *where, **named)

    Key.create_from_cloudformation_json = with_text


def _call(region: str, operation: str, **request: Any) -> dict[str, Any]:
    return endpoint.service(region).handle(operation, request)


def _steady(region: str, name: str) -> None:
    """Wait as CloudFormation does; each look lets the application go on."""
    while _call(region, "DescribeApplication", ApplicationName=name)["ApplicationDetail"]["ApplicationStatus"] not in (
        "READY",
        "RUNNING",
    ):
        time.sleep(0.001)


class Resource:
    """What moto asks of a model."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str | None:
        return None

    @staticmethod
    def is_created() -> bool:
        return True

    @staticmethod
    def has_cfn_attr(attr: str) -> bool:
        return False

    @classmethod
    def delete_from_cloudformation_json(cls, *arguments: Any) -> None:
        """It goes with what it belongs to."""


class Application(Resource):
    """AWS::KinesisAnalyticsV2::Application."""

    @staticmethod
    def cloudformation_name_type() -> str | None:
        return "ApplicationName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::KinesisAnalyticsV2::Application"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "Application":
        properties = shapes.typed("CreateApplicationRequest", cloudformation_json["Properties"])
        _call(region_name, "CreateApplication", **properties)
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> "Application":
        properties = shapes.typed("CreateApplicationRequest", cloudformation_json["Properties"])
        wanted = properties["ApplicationConfiguration"]
        location = wanted["ApplicationCodeConfiguration"]["CodeContent"]["S3ContentLocation"]
        parallelism = wanted["FlinkApplicationConfiguration"]["ParallelismConfiguration"]
        name = original_resource.physical_resource_id
        detail = _call(region_name, "DescribeApplication", ApplicationName=name)["ApplicationDetail"]
        _call(
            region_name,
            "UpdateApplication",
            ApplicationName=name,
            CurrentApplicationVersionId=detail["ApplicationVersionId"],
            RuntimeEnvironmentUpdate=properties["RuntimeEnvironment"],
            RunConfigurationUpdate=cloudformation_json["Properties"]["RunConfiguration"],
            ApplicationConfigurationUpdate={
                "ApplicationCodeConfigurationUpdate": {
                    "CodeContentUpdate": {
                        "S3ContentLocationUpdate": {f"{key}Update": value for key, value in location.items()}
                    }
                },
                "FlinkApplicationConfigurationUpdate": {
                    "ParallelismConfigurationUpdate": {f"{key}Update": value for key, value in parallelism.items()}
                },
                "EnvironmentPropertyUpdates": wanted["EnvironmentProperties"],
            },
        )
        _steady(region_name, name)
        return cls(name)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        _call(region_name, "DeleteApplication", ApplicationName=resource_name, CreateTimestamp=0)
        with contextlib.suppress(RefusedError):
            while True:
                _call(region_name, "DescribeApplication", ApplicationName=resource_name)


class LoggingOption(Resource):
    """AWS::KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "LoggingOption":
        operation = "AddApplicationCloudWatchLoggingOption"
        properties = shapes.typed(f"{operation}Request", cloudformation_json["Properties"])
        _call(region_name, operation, **properties)
        return cls(resource_name)


class LogStream(Resource):
    """AWS::Logs::LogStream."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Logs::LogStream"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "LogStream":
        properties = cloudformation_json["Properties"]
        backend = logs_backends[account_id][region_name]
        backend.create_log_stream(properties["LogGroupName"], properties["LogStreamName"])
        return cls(properties["LogStreamName"])


class Subscription(Resource):
    """AWS::SNS::Subscription."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SNS::Subscription"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "Subscription":
        properties = cloudformation_json["Properties"]
        backend = sns_backends[account_id][region_name]
        made = backend.subscribe(properties["TopicArn"], properties["Endpoint"], properties["Protocol"])
        return cls(made.arn)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> "Subscription":
        """Another endpoint is another subscription, which SNS may have already; the old one is deleted after it."""
        made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        if made.physical_resource_id != original_resource.physical_resource_id:
            sns_backends[account_id][region_name].unsubscribe(original_resource.physical_resource_id)
        return made

    @classmethod
    def delete_from_cloudformation_json(cls, *arguments: Any) -> None:
        name, _, account_id, region_name = arguments
        sns_backends[account_id][region_name].unsubscribe(name)


class Alarm(Resource):
    """AWS::CloudWatch::Alarm; of one on an expression (`Metrics`) there is no more than its name and what it is for."""

    @staticmethod
    def cloudformation_name_type() -> str | None:
        return "AlarmName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "Alarm":
        given = cloudformation_json["Properties"]
        cloudwatch_backends[account_id][region_name].put_metric_alarm(
            name=resource_name,
            namespace=given.get("Namespace"),
            metric_name=given.get("MetricName"),
            comparison_operator=given["ComparisonOperator"],
            evaluation_periods=int(given["EvaluationPeriods"]),
            period=given.get("Period"),
            threshold=float(given["Threshold"]),
            statistic=given.get("Statistic"),
            description=given.get("AlarmDescription", ""),
            dimensions=given.get("Dimensions", []),
            alarm_actions=given.get("AlarmActions", []),
            ok_actions=given.get("OKActions", []),
            treat_missing_data=given.get("TreatMissingData"),
        )
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> "Alarm":
        """An alarm of the same name is replaced."""
        name = original_resource.physical_resource_id
        return cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, *arguments: Any) -> None:
        name, _, account_id, region_name = arguments
        cloudwatch_backends[account_id][region_name].delete_alarms([name])


_TYPES = (Application, LoggingOption, LogStream, Subscription, Alarm)
