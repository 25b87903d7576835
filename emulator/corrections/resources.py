"""Resources that moto's CloudFormation lacks, or has wrong, and the templates have.

Tried with moto 5.2.5. `apply` lists them; the properties are those of the template reference,
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/.
"""

import contextlib
import functools
import json
import time
from typing import Any

from moto.cloudformation import parsing
from moto.cloudwatch.models import cloudwatch_backends
from moto.iam.models import Role
from moto.logs.models import logs_backends

from emulator import shapes
from emulator.flink import endpoint
from emulator.flink.state import RefusedError


@functools.cache
def apply() -> None:
    """Add these types to the moto of this process, in which `emulator.flink.endpoint` must serve the Flink service.

    A second call changes nothing.
    """
    _add(Application, LogStream, MetricFilter, Alarm)
    _write_role_policies_as_text()


def _add(*types: "type[Resource]") -> None:
    by_name = {one.TYPE: one for one in types}
    listed, mapped = [*parsing.get_model_list(), *types], parsing.get_model_map() | by_name
    parsing.get_model_list = lambda: listed
    parsing.get_model_map = lambda: mapped


def _write_role_policies_as_text() -> None:
    """Moto keeps policies of a template's role as objects, which GetRolePolicy shows in Python's form; AWS shows JSON.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html (PolicyDocument)
    """

    def put_policy(self: Any, policy_name: str, policy_json: Any) -> None:
        self.policies[policy_name] = policy_json if isinstance(policy_json, str) else json.dumps(policy_json)

    Role.put_policy = put_policy


class Resource:
    """A type of resource, in the form that moto asks for. Each subclass says how one is created, updated and deleted.

    The three get the physical id, for `create` the one that the template gives or CloudFormation makes, and give the
    physical id after it.
    """

    TYPE = ""
    NAME: str | None = None
    """The property with the physical id, if there is one."""

    def __init__(self, physical_id: str) -> None:
        self.physical_resource_id = physical_id

    @staticmethod
    def create(name: str, properties: dict[str, Any], account_id: str, region: str) -> str:
        """Create one."""
        raise NotImplementedError

    @classmethod
    def update(cls, name: str, properties: dict[str, Any], account_id: str, region: str) -> str:
        """Update one; by default what is created again replaces it."""
        return cls.create(name, properties, account_id, region)

    @staticmethod
    def delete(name: str, account_id: str, region: str) -> None:
        """Delete one; by default it is deleted with what it belongs to."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.TYPE

    @classmethod
    def cloudformation_name_type(cls) -> str | None:
        return cls.NAME

    @staticmethod
    def is_created() -> bool:
        return True

    @staticmethod
    def has_cfn_attr(attr: str) -> bool:
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "Resource":
        return cls(cls.create(resource_name, cloudformation_json["Properties"], account_id, region_name))

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> "Resource":
        name, properties = original_resource.physical_resource_id, cloudformation_json["Properties"]
        return cls(cls.update(name, properties, account_id, region_name))

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        cls.delete(resource_name, account_id, region_name)


def _call(region: str, operation: str, **request: Any) -> dict[str, Any]:
    return endpoint.service(region).handle(operation, request)


def _typed(properties: dict[str, Any]) -> dict[str, Any]:
    shape = shapes.model("kinesisanalyticsv2").shape_for("CreateApplicationRequest")
    return dict(shapes.typed(shape, properties))


class Application(Resource):
    """By the calls that CloudFormation's own handler makes; it waits until the application is READY or RUNNING."""

    TYPE = "AWS::KinesisAnalyticsV2::Application"
    NAME = "ApplicationName"

    @staticmethod
    def create(name: str, properties: dict[str, Any], account_id: str, region: str) -> str:
        _call(region, "CreateApplication", **_typed(properties))
        return name

    @classmethod
    def update(cls, name: str, properties: dict[str, Any], account_id: str, region: str) -> str:
        wanted = _typed(properties)["ApplicationConfiguration"]
        location = wanted["ApplicationCodeConfiguration"]["CodeContent"]["S3ContentLocation"]
        parallelism = wanted["FlinkApplicationConfiguration"]["ParallelismConfiguration"]
        detail = _call(region, "DescribeApplication", ApplicationName=name)["ApplicationDetail"]
        _call(
            region,
            "UpdateApplication",
            ApplicationName=name,
            CurrentApplicationVersionId=detail["ApplicationVersionId"],
            RuntimeEnvironmentUpdate=properties["RuntimeEnvironment"],
            RunConfigurationUpdate=properties["RunConfiguration"],
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
        status = ""
        while status not in ("READY", "RUNNING", "ROLLED_BACK"):
            time.sleep(0.001)
            detail = _call(region, "DescribeApplication", ApplicationName=name)["ApplicationDetail"]
            status = detail["ApplicationStatus"]
        return name

    @staticmethod
    def delete(name: str, account_id: str, region: str) -> None:
        _call(region, "DeleteApplication", ApplicationName=name, CreateTimestamp=0)
        with contextlib.suppress(RefusedError):
            while True:
                _call(region, "DescribeApplication", ApplicationName=name)


class LogStream(Resource):
    """A log stream, which its log group takes with it."""

    TYPE = "AWS::Logs::LogStream"

    @staticmethod
    def create(name: str, properties: dict[str, Any], account_id: str, region: str) -> str:
        stream: str = properties["LogStreamName"]
        logs_backends[account_id][region].create_log_stream(properties["LogGroupName"], stream)
        return stream


class MetricFilter(Resource):
    """A metric of lines of a log. Moto counts no lines, so there is nothing to keep."""

    TYPE = "AWS::Logs::MetricFilter"

    @staticmethod
    def create(name: str, properties: dict[str, Any], account_id: str, region: str) -> str:
        return name


class Alarm(Resource):
    """An alarm, which moto never evaluates; one on an expression (`Metrics`) has little more than its name."""

    TYPE = "AWS::CloudWatch::Alarm"
    NAME = "AlarmName"

    @staticmethod
    def create(name: str, properties: dict[str, Any], account_id: str, region: str) -> str:
        cloudwatch_backends[account_id][region].put_metric_alarm(
            name=name,
            namespace=properties.get("Namespace"),
            metric_name=properties.get("MetricName"),
            comparison_operator=properties["ComparisonOperator"],
            evaluation_periods=int(properties["EvaluationPeriods"]),
            period=properties.get("Period"),
            threshold=float(properties["Threshold"]),
            statistic=properties.get("Statistic"),
            description=properties.get("AlarmDescription", ""),
            dimensions=properties.get("Dimensions", []),
            alarm_actions=properties.get("AlarmActions", []),
            ok_actions=properties.get("OKActions", []),
            treat_missing_data=properties.get("TreatMissingData"),
        )
        return name

    @staticmethod
    def delete(name: str, account_id: str, region: str) -> None:
        cloudwatch_backends[account_id][region].delete_alarms([name])
