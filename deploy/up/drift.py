"""What the application runs with, by the parameters of application.yaml that say so.

After a rollback, by the service or by `rollback`, its stack is ahead of it: the stack has what was asked for.
"""

from collections.abc import Mapping
from typing import Any

from deploy.aws import flink_application


def of(detail: dict[str, Any]) -> dict[str, str]:
    """The parameters' live values; those that the service does not tell are left out.

    The parallelism is left out: the service may change it by itself.

    Args:
        detail: the application as DescribeApplication has it.
    """
    configuration = detail["ApplicationConfigurationDescription"]
    flink = configuration.get("FlinkApplicationConfigurationDescription", {})
    parallelism = flink.get("ParallelismConfigurationDescription", {})
    monitoring = flink.get("MonitoringConfigurationDescription", {})
    source = flink_application.properties(detail, "InputStream0")
    alerts = flink_application.properties(detail, "Alerts")
    scales = parallelism.get("AutoScalingEnabled")
    told = {
        "JobKey": flink_application.code_key(detail),
        "Runtime": detail.get("RuntimeEnvironment"),
        "SourceStreamArn": source.get("stream.arn"),
        "StartingPosition": source.get("source.init.position"),
        "StartingTimestamp": source.get("source.init.timestamp"),
        "AlertsStreamArn": flink_application.properties(detail, "OutputStream0").get("stream.arn"),
        "DeadLetterStreamArn": flink_application.properties(detail, "DeadLetterStream0").get("stream.arn"),
        "Policy": alerts.get("policy"),
        "Threshold": alerts.get("threshold"),
        "RearmMargin": alerts.get("rearm_margin"),
        "StateTtl": alerts.get("state_ttl"),
        "ParallelismPerKPU": parallelism.get("ParallelismPerKPU"),
        "AutoScaling": None if scales is None else str(scales).lower(),
        "LogLevel": monitoring.get("LogLevel"),
        "MetricsLevel": monitoring.get("MetricsLevel"),
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def differences(detail: dict[str, Any], stack: Mapping[str, str], thresholds: Mapping[str, str]) -> list[str]:
    """What the application's stack has and the application has not, a sentence each.

    Args:
        detail: the application as DescribeApplication has it.
        stack: the parameters of its stack.
        thresholds: product → threshold, in the template of its stack.
    """
    found = [
        f"{name} is {live}, not {stack[name]}" for name, live in of(detail).items() if stack.get(name, live) != live
    ]
    if flink_application.properties(detail, "Thresholds") != dict(thresholds):
        found.append("the thresholds by product are others")
    return found
