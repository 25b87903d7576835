"""Alarms and dashboard against what AWS documents of each metric: its dimensions, and how it is to be summed up."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from deploy import __main__ as deploy
from deploy import packages
from deploy.costs import hourly
from deploy.up import parameters
from tests.deploy.templates import cfn

FLINK = "https://docs.aws.amazon.com/managed-flink/latest/java/metrics-dimensions.html"
FLINK_ALARMS = "https://docs.aws.amazon.com/managed-flink/latest/java/monitoring-metrics-alarms.html"
FUNCTIONS = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
STREAMS = "https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html"
TOPICS = "https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html"
OWN = "lambdas/"


@dataclass(frozen=True)
class Fact:
    """What is known of a metric, and where from."""

    dimensions: frozenset[str]
    statistics: frozenset[str]
    source: str


def fact(dimensions: str, statistics: str, source: str) -> Fact:
    """A fact, the lists with spaces between."""
    return Fact(frozenset(dimensions.split()), frozenset(statistics.split()), source)


FACTS = {
    ("AWS/KinesisAnalytics", "downtime"): fact("Application", "Average Maximum", FLINK_ALARMS),
    ("AWS/KinesisAnalytics", "restartingTime"): fact("Application", "Average Maximum", FLINK),
    ("AWS/KinesisAnalytics", "fullRestarts"): fact("Application", "Average Maximum", FLINK),
    ("AWS/KinesisAnalytics", "numRestarts"): fact("Application", "Average Maximum", FLINK),
    ("AWS/KinesisAnalytics", "numberOfFailedCheckpoints"): fact("Application", "Average Maximum", FLINK_ALARMS),
    ("AWS/KinesisAnalytics", "lastCheckpointDuration"): fact("Application", "Maximum", FLINK_ALARMS),
    ("AWS/KinesisAnalytics", "cpuUtilization"): fact("Application", "Maximum", FLINK_ALARMS),
    ("AWS/KinesisAnalytics", "heapMemoryUtilization"): fact("Application", "Maximum", FLINK_ALARMS),
    ("AWS/KinesisAnalytics", "KPUs"): fact("Application", "Average Maximum", FLINK),
    ("AWS/KinesisAnalytics", "millisBehindLatest"): fact("Application Flow Id", "Maximum", FLINK_ALARMS),
    ("AWS/Kinesis", "IncomingRecords"): fact("StreamName", "Sum", STREAMS),
    ("AWS/Kinesis", "WriteProvisionedThroughputExceeded"): fact("StreamName", "Sum", STREAMS),
    ("AWS/Kinesis", "ReadProvisionedThroughputExceeded"): fact("StreamName", "Sum", STREAMS),
    ("AWS/Lambda", "IteratorAge"): fact("FunctionName", "Maximum Average", FUNCTIONS),
    ("AWS/Lambda", "Invocations"): fact("FunctionName", "Sum", FUNCTIONS),
    ("AWS/Lambda", "Errors"): fact("FunctionName", "Sum", FUNCTIONS),
    ("AWS/Lambda", "Throttles"): fact("FunctionName", "Sum", FUNCTIONS),
    ("AWS/Lambda", "DroppedEventCount"): fact("EventSourceMappingUUID", "Sum", FUNCTIONS),
    ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount"): fact("EventSourceMappingUUID", "Sum", FUNCTIONS),
    ("AWS/SNS", "NumberOfNotificationsDelivered"): fact("TopicName", "Sum", TOPICS),
    ("AWS/SNS", "NumberOfNotificationsFailed"): fact("TopicName", "Sum", TOPICS),
    ("AWS/SNS", "SMSMonthToDateSpentUSD"): fact("", "Maximum", TOPICS),
    ("low-inventory", "ItemsWritten"): fact("service", "Sum", OWN),
    ("low-inventory", "RecordsFailed"): fact("service", "Sum", OWN),
    ("low-inventory", "RecordsRejected"): fact("service", "Sum", OWN),
    ("low-inventory", "ShardsLost"): fact("", "Sum", "monitoring.yaml: LostShards"),
    ("low-inventory", "MessagesPublished"): fact("service", "Sum", OWN),
}
# Counters of a job's lifetime, which never go down: only their rate tells that something happens.
CUMULATIVE = {"fullRestarts", "numRestarts", "numberOfFailedCheckpoints"}
# The metrics of the one Flink that a line does not have.
# https://docs.aws.amazon.com/managed-flink/latest/java/flink-2-2.html
OF_FLINK_1, OF_FLINK_2 = {"downtime", "fullRestarts"}, {"restartingTime", "numRestarts"}
OTHERS = {"connector-4": OF_FLINK_2, "connector-5": OF_FLINK_2, "flink-2.2": OF_FLINK_1}
LINES = pytest.mark.parametrize("line", OTHERS)

# Outputs of the other stacks.
NAMES = {
    "ApplicationName": "low-inventory-application",
    "MetricsNamespace": "low-inventory",
    "SourceStreamName": "http-requests",
    "AlertsStreamName": "alerts-low-inventory",
    "DeadLetterStreamName": "http-requests-dead-letters",
    "KinesisToDynamoName": "KinesisToDynamo",
    "AlertsToSnsName": "AlertsToSns",
    "KinesisToDynamoMapping": "mapping-k",
    "AlertsToSnsMapping": "mapping-a",
    "AlertsTopicName": "alerts-topic",
}
# What must be watched: of which thing, which metric, and what the lack of data means.
WATCHED = {
    "connector-4": {
        ("low-inventory-application", "fullRestarts", "notBreaching"),
        ("low-inventory-application", "numberOfFailedCheckpoints", "notBreaching"),
        ("low-inventory-application", "downtime", "missing"),
        ("low-inventory-application", "millisBehindLatest", "missing"),
        ("low-inventory-application", "cpuUtilization", "missing"),
        ("low-inventory-application", "cpuUtilization", "notBreaching"),
        ("low-inventory-application", "heapMemoryUtilization", "missing"),
        *((name, metric, "notBreaching") for name in ("KinesisToDynamo", "AlertsToSns")
          for metric in ("IteratorAge", "Errors", "Throttles", "Invocations", "RecordsRejected")),
        *((name, metric, "notBreaching") for name in ("mapping-k", "mapping-a")
          for metric in ("OnFailureDestinationDeliveredEventCount", "DroppedEventCount")),
        *((name, "IncomingRecords", "notBreaching")
          for name in ("http-requests", "alerts-low-inventory", "http-requests-dead-letters")),
        *((name, f"{what}ProvisionedThroughputExceeded", "notBreaching") for what in ("Read", "Write")
          for name in ("http-requests", "alerts-low-inventory", "http-requests-dead-letters")),
        ("alerts-topic", "NumberOfNotificationsFailed", "notBreaching"),
        ("", "SMSMonthToDateSpentUSD", "notBreaching"),
    },
}  # fmt: skip
# Polling, the newer lines are refused reads all the time; and they log what they lose.
WATCHED["connector-5"] = WATCHED["connector-4"] - {
    ("http-requests", "ReadProvisionedThroughputExceeded", "notBreaching")
} | {("", "ShardsLost", "notBreaching")}
WATCHED["flink-2.2"] = {
    (name, {"fullRestarts": "numRestarts", "downtime": "restartingTime"}.get(metric, metric), missing)
    for name, metric, missing in WATCHED["connector-5"]
}


@dataclass(frozen=True)
class Use:
    """A metric as an alarm or the dashboard uses it."""

    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: str


QUERY = re.compile(
    r'SELECT MAX\((?P<metric>\w+)\) FROM SCHEMA\("(?P<namespace>[\w/]+)", (?P<dimensions>[\w, ]+)\) '
    r"WHERE Application = '(?P<application>[\w-]+)' AND Flow = 'Input'"
)


def of_query(expression: str) -> Use:
    """The metric of a Metrics Insights query."""
    match = QUERY.fullmatch(expression)
    assert match, expression
    dimensions = dict.fromkeys(match["dimensions"].split(", "), "any") | {"Application": match["application"]}
    return Use(match["namespace"], match["metric"], dimensions, "Maximum")


def of_metric(metric: dict[str, Any], statistic: str) -> Use:
    """The metric of an alarm, or of one of its inputs."""
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
    return Use(metric["Namespace"], metric["MetricName"], dimensions, statistic)


def used(alarm: dict[str, Any]) -> list[Use]:
    """The metrics of an alarm."""
    if "MetricName" in alarm:
        return [of_metric(alarm, alarm["Statistic"])]
    stats = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    queries = [query["Expression"] for query in alarm["Metrics"] if "SELECT" in query.get("Expression", "")]
    return [of_metric(stat["Metric"], stat["Stat"]) for stat in stats] + [of_query(query) for query in queries]


def monitoring(line: str, **parameters: str) -> cfn.Resolver:
    """The template with the parameters of a line."""
    outputs = {"Runtime": packages.LINES[line], "Line": line, "Reader": "polling", **NAMES}
    return cfn.Resolver(cfn.load("monitoring"), **outputs | parameters)


def alarms(line: str, **parameters: str) -> dict[str, dict[str, Any]]:
    """The alarms of a line, by logical id."""
    resolver = monitoring(line, **parameters)
    return {
        name: resolver.resource(name)
        for name, resource in cfn.load("monitoring")["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
        if "Condition" not in resource or resolver.condition(resource["Condition"])
    }


def widgets(line: str, **parameters: str) -> list[dict[str, Any]]:
    """The dashboard's widgets."""
    resource = monitoring(line, **parameters).resource("Dashboard")
    body: dict[str, list[dict[str, Any]]] = json.loads(resource["DashboardBody"])
    return body["widgets"]


def shown(widget: dict[str, Any]) -> Iterator[Use]:
    """The metrics of a widget.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    before: list[str] = []
    for row in widget["properties"]["metrics"]:
        if isinstance(row[0], dict):
            yield of_query(row[0]["expression"])
            continue
        texts = [text for text in row if isinstance(text, str)]
        before = [old if new == "." else new for new, old in zip(texts, before or texts, strict=True)]
        namespace, metric, *pairs = before
        yield Use(namespace, metric, dict(zip(pairs[::2], pairs[1::2], strict=True)), widget["properties"]["stat"])


def check(use: Use, line: str) -> None:
    """Hold a use against the facts."""
    known = FACTS[use.namespace, use.metric]
    assert frozenset(use.dimensions) == known.dimensions, (use, known.source)
    assert use.statistic in known.statistics, (use, known.source)
    assert all("<" not in value for value in use.dimensions.values()), use
    assert use.metric not in OTHERS[line], f"{line} has no {use.metric}"


@LINES
def test_metrics_are_as_documented(line: str) -> None:
    for alarm in alarms(line).values():
        for use in used(alarm):
            check(use, line)
    for widget in widgets(line):
        for use in shown(widget) if widget["type"] == "metric" else ():
            check(use, line)


def test_the_functions_own_metrics_are_those_they_emit() -> None:
    functions = {"KinesisToDynamo": "kinesis_to_dynamo", "AlertsToSns": "alerts_to_sns"}
    own = [
        use
        for w in widgets("connector-4")
        if w["type"] == "metric"
        for use in shown(w)
        if use.namespace in NAMES.values()
    ]
    assert {use.dimensions["service"] for use in own} == set(functions)
    for use in own:
        code = cfn.ROOT / "lambdas" / functions[use.dimensions["service"]] / "lambda_function.py"
        assert f'"{use.metric}"' in code.read_text(), use


def test_a_wrong_dimension_would_be_found() -> None:
    with pytest.raises(AssertionError):
        check(Use("AWS/KinesisAnalytics", "millisBehindLatest", {"Application": "a"}, "Maximum"), "connector-4")


@LINES
def test_what_must_be_watched_is(line: str) -> None:
    found = set()
    for alarm in alarms(line, ReminderHours="4").values():
        for use in used(alarm):
            name = use.dimensions.get("Application") or next(iter(use.dimensions.values()), "")
            found.add((name, use.metric, alarm["TreatMissingData"]))
    assert found == WATCHED[line]


@LINES
def test_what_only_grows_is_watched_by_its_rate(line: str) -> None:
    for name, alarm in alarms(line).items():
        if CUMULATIVE & {use.metric for use in used(alarm)}:
            returned = [query for query in alarm["Metrics"] if query.get("ReturnData", True)]
            assert [query["Expression"] for query in returned] == [f"RATE({alarm['Metrics'][1]['Id']})"], name
            assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


@LINES
def test_every_alarm_says_what_it_is_and_tells_the_operators(line: str) -> None:
    found = alarms(line)
    assert len({alarm["AlarmName"] for alarm in found.values()}) == len(found)
    for name, alarm in found.items():
        assert alarm["AlarmName"].startswith("shop-"), name
        assert alarm["AlarmDescription"].endswith("."), name
        assert alarm["AlarmActions"] == ["<OperatorsTopic>"], name


def test_what_an_alarm_says_to_run_can_be_run() -> None:
    said = " ".join(alarm["AlarmDescription"] for alarm in alarms("connector-4").values())
    commands = re.findall(r"python -m deploy ([a-z -]+)", said)
    assert len(commands) >= 8
    for command in commands:
        deploy.parser().parse_args(command.split())


def breaching(alarm: dict[str, Any], hour: int = 0, **metrics: float | None) -> bool:
    """What an alarm's expression gives for one period of an hour (UTC), None where a metric has no data point."""
    expression = next(query["Expression"] for query in alarm["Metrics"] if query.get("ReturnData", True))
    names = {
        **metrics,
        "HOUR": lambda _: hour,
        "FLOOR": math.floor,
        "FILL": lambda value, filler: filler if value is None else value,
        "WHEN": lambda condition, value, other: value if condition else other,
    }
    value = eval(expression.replace("IF(", "WHEN(").replace("AND", "and"), {"__builtins__": {}}, names)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    return bool(value > 0)


@pytest.mark.parametrize(
    ("function", "stream"), [("KinesisToDynamo", "http-requests"), ("AlertsToSns", "alerts-low-inventory")]
)
def test_a_consumer_that_stops_reading_is_told(function: str, stream: str) -> None:
    """With no invocation there is no lag, no error, no throttle and no failure."""
    alarm = alarms("connector-4")[f"{function}Idle"]
    names = {use.dimensions.get("StreamName") or use.dimensions["FunctionName"] for use in used(alarm)}
    assert names == {function, stream}
    for invocations, idle in ((None, True), (0, True), (1, False), (400, False)):
        assert breaching(alarm, incoming=3, invocations=invocations) == idle
        assert not breaching(alarm, incoming=None, invocations=invocations)
    # A lone record at the end of a period is taken in the next; and the newest one may have no data yet.
    assert 1 < alarm["DatapointsToAlarm"] < alarm["EvaluationPeriods"]


@pytest.mark.parametrize(("every", "mails"), [(4, 6), (24, 1), (2, 12)])
def test_an_application_left_running_is_told_every_so_many_hours(every: int, mails: int) -> None:
    """CloudWatch tells when an alarm goes on; an application that does not run has no point, which is not breaching."""
    resolver = cfn.Resolver(cfn.load("monitoring"), Runtime="FLINK-1_20", ReminderHours=str(every), **NAMES)
    alarm = resolver.resource("LeftRunning")
    day = [breaching(alarm, hour, cpu=0) for hour in range(24)]
    assert sum(now and not before for before, now in zip([False, *day], day, strict=False)) == mails
    assert (alarm["TreatMissingData"], alarm["EvaluationPeriods"]) == ("notBreaching", 1)
    assert "python -m deploy stop" in alarm["AlarmDescription"]
    template = cfn.load("monitoring")
    for hours, there in (("0", False), ("4", True)):
        reminded = cfn.Resolver(template, ReminderHours=hours).condition(
            template["Resources"]["LeftRunning"]["Condition"]
        )
        assert reminded == there


def test_throttling_that_passes_alarms_nobody() -> None:
    for name, alarm in alarms("connector-4").items():
        if name.endswith("Throttling"):
            assert alarm["EvaluationPeriods"] >= 3, name


@LINES
def test_the_dashboard_shows_every_alarm(line: str) -> None:
    (widget,) = [widget for widget in widgets(line) if widget["type"] == "alarm"]
    prefix = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
    assert sorted(widget["properties"]["alarms"]) == sorted(
        prefix + alarm["AlarmName"] for alarm in alarms(line).values()
    )


@LINES
def test_the_essential_alarms_and_the_reminder_are_on_ten_metrics(line: str) -> None:
    lab = {"Alarms": "essential", "ReminderHours": "4"}
    there = alarms(line, **lab).values()
    assert sum(max(1, str(alarm).count("MetricStat")) for alarm in there) == 10
    (widget,) = [widget for widget in widgets(line, **lab) if widget["type"] == "alarm"]
    names = [arn.rpartition(":")[2] for arn in widget["properties"]["alarms"]]
    assert sorted([*names, "shop-left-running"]) == sorted(alarm["AlarmName"] for alarm in there)


@LINES
@pytest.mark.parametrize("reader", ["polling", "efo"])
@pytest.mark.parametrize(("which", "hours"), [("all", "0"), ("essential", "4")])
def test_the_price_is_of_the_alarms_that_are_there(line: str, reader: str, which: str, hours: str) -> None:
    values = {"Line": line, "Reader": reader, "Alarms": which, "ReminderHours": hours}
    there = alarms(line, Reader=reader, Alarms=which, ReminderHours=hours).values()
    metrics = sum(max(1, str(alarm).count("MetricStat")) for alarm in there)
    conditions = parameters.alarm_conditions(values)
    assert hourly.alarms(cfn.body("monitoring"), conditions) == (len(there), metrics)


def test_the_dashboard_tells_the_story_from_left_to_right() -> None:
    first = sorted((w for w in widgets("connector-4") if w["type"] == "metric" and w["y"] == 1), key=lambda w: w["x"])
    story = [next(shown(widget)).metric for widget in first]
    assert story == ["IncomingRecords", "ItemsWritten", "IncomingRecords", "MessagesPublished"]
    streams = [next(shown(widget)).dimensions.get("StreamName") for widget in first]
    assert streams == ["http-requests", None, "alerts-low-inventory", None]


def test_no_widget_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets("connector-4"):
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not taken & cells, widget
        assert max(x for x, _ in cells) < 24
        taken |= cells
    # Nor is there a hole.
    assert len(taken) == 24 * (1 + max(y for _, y in taken))


def test_a_new_deployment_alarms_nobody_and_a_job_that_falls_silent_does() -> None:
    """CloudWatch has insufficient data for a new alarm, and tells only of a change to that."""
    alarm = alarms("connector-4")["JobDown"]
    assert alarm["TreatMissingData"] == "missing"
    assert alarm["InsufficientDataActions"] == ["<OperatorsTopic>"]
