"""Everything in an account that a deployment can have created, and of which `down` must leave nothing."""

from collections.abc import Callable
from typing import Any

Client = Callable[[str], Any]


def everything(client: Client) -> dict[str, list[Any]]:
    """List the resources of every kind that the templates create, by kind; empty kinds are left out."""
    found = {kind: look(client) for kind, look in LOOKS.items()}
    return {kind: things for kind, things in found.items() if things}


LOOKS: dict[str, Callable[[Client], list[Any]]] = {
    "alarms": lambda client: client("cloudwatch").describe_alarms()["MetricAlarms"],
    "applications": lambda client: client("kinesisanalyticsv2").list_applications()["ApplicationSummaries"],
    "buckets": lambda client: client("s3").list_buckets()["Buckets"],
    "dashboards": lambda client: client("cloudwatch").list_dashboards()["DashboardEntries"],
    "functions": lambda client: client("lambda").list_functions()["Functions"],
    "log groups": lambda client: client("logs").describe_log_groups()["logGroups"],
    "mappings": lambda client: client("lambda").list_event_source_mappings()["EventSourceMappings"],
    "roles": lambda client: client("iam").list_roles()["Roles"],
    "stacks": lambda client: client("cloudformation").describe_stacks()["Stacks"],
    "streams": lambda client: client("kinesis").list_streams()["StreamNames"],
    "subscriptions": lambda client: client("sns").list_subscriptions()["Subscriptions"],
    "tables": lambda client: client("dynamodb").list_tables()["TableNames"],
    "topics": lambda client: client("sns").list_topics()["Topics"],
}
"""A kind of thing → how it is listed."""
