"""What the application runs with, by the parameters of application.yaml that say so.

After a rollback, by the service or by `rollback`, its stack is ahead of it: the stack has what was asked for.
"""

from collections.abc import Mapping
from typing import Any

from deploy.aws import flink_application


def of(detail: dict[str, Any]) -> dict[str, str]:
    """The parameters' live values; those that the service does not tell are left out.

    The parallelism is left out, as the service may change it by itself, and the starting position, as a change of it
    deletes the snapshots that a rollback would need.

    Args:
        detail: the application as DescribeApplication has it.
    """
    configuration = detail["ApplicationConfigurationDescription"]
    flink = configuration.get("FlinkApplicationConfigurationDescription", {})
    parallelism = flink.get("ParallelismConfigurationDescription", {})
    monitoring = flink.get("MonitoringConfigurationDescription", {})
    alerts = flink_application.properties(detail, "Alerts")
    scales = parallelism.get("AutoScalingEnabled")
    told = {
        "JobKey": flink_application.code_key(detail),
        "Runtime": detail.get("RuntimeEnvironment"),
        "SourceStreamArn": flink_application.properties(detail, "InputStream0").get("stream.arn"),
        "AlertsStreamArn": flink_application.properties(detail, "OutputStream0").get("stream.arn"),
        "DeadLetterStreamArn": flink_application.properties(detail, "DeadLetterStream0").get("stream.arn"),
        "Policy": alerts.get("policy"),
        "Threshold": alerts.get("threshold"),
        "Thresholds": alerts.get("thresholds", ""),
        "RearmMargin": alerts.get("rearm_margin"),
        "StateTtl": alerts.get("state_ttl"),
        "ParallelismPerKPU": parallelism.get("ParallelismPerKPU"),
        "AutoScaling": None if scales is None else str(scales).lower(),
        "LogLevel": monitoring.get("LogLevel"),
        "MetricsLevel": monitoring.get("MetricsLevel"),
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def differences(detail: dict[str, Any], stack: Mapping[str, str]) -> list[str]:
    """What the application's stack has and the application has not, a sentence each.

    Args:
        detail: the application as DescribeApplication has it.
        stack: the parameters of its stack.
    """
    return [
        f"{name} is {live or 'empty'}, not {stack[name] or 'empty'}"
        for name, live in of(detail).items()
        if stack.get(name, live) != live
    ]
