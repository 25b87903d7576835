"""What the system costs without any event, in US dollars an hour, before anything is created.

No free tier is counted, as in deploy/costs/monthly.py, which says when and where each price was seen.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

REGION = "us-east-1"
"""Whose list prices these are; other regions differ."""

# https://aws.amazon.com/managed-service-apache-flink/pricing/
KPU_HOUR = 0.11
STORAGE_GB_MONTH = 0.10
STORAGE_GB_A_KPU = 50
# https://aws.amazon.com/kinesis/data-streams/pricing/, provisioned
SHARD_HOUR = 0.015
EXTENDED_RETENTION_SHARD_HOUR = 0.020
FAN_OUT_SHARD_HOUR = 0.015
# https://aws.amazon.com/cloudwatch/pricing/, an alarm by each of its metrics
ALARM_METRIC_MONTH = 0.10
DASHBOARD_MONTH = 3.00

HOURS_A_MONTH = 730

LAB_BUDGET = 50
"""Dollars of AWS Academy's Learner Lab."""

LAB_END = """the end of the lab's hours does not stop the application, which goes on costing money. With --email ADDRESS
a mail says every 4 hours that it still runs. To stop it, to delete everything:
  python -m deploy stop
  python -m deploy down"""
"""What `up --learner-lab` ends with."""

# From its type to the next resource, or to a comment between two of them.
_ALARM = re.compile(r"^    Type: AWS::CloudWatch::Alarm\n(.*?)(?=^  \S|\Z)", re.DOTALL | re.MULTILINE)


class Alarms(NamedTuple):
    """How many alarms there are, and how many metrics they watch, by which they are billed."""

    alarms: int
    metrics: int


@dataclass(frozen=True)
class Line:
    """A line of the estimate."""

    what: str
    dollars_an_hour: float


def alarms(template: str, conditions: Collection[str]) -> Alarms:
    """The alarms of a template in YAML.

    Args:
        template: its text.
        conditions: those that hold, of the conditions that alarms have.

    An alarm on one metric, or on a query that finds one, watches one; on an expression, those in the expression.
    """
    found = [
        body
        for body in _ALARM.findall(template)
        if all(condition in conditions for condition in re.findall(r"^    Condition: (\w+)$", body, re.MULTILINE))
    ]
    return Alarms(len(found), sum(max(1, body.count("MetricStat:")) for body in found))


@dataclass(frozen=True)
class Size:
    """What the cost of a deployment without any event depends on.

    Args:
        parallelism: of the application; autoscaling can raise it.
        parallelism_per_kpu: tasks on one KPU.
        shards: of the stream of events.
        output_shards: of the streams of alerts and of dead letters, each.
        retention_hours: how long the streams keep a record; the first 24 are part of a shard's price.
        fan_out: whether the job reads by enhanced fan-out.
        alarms: the alarms.
    """

    parallelism: int
    parallelism_per_kpu: int
    shards: int
    output_shards: int
    retention_hours: int
    fan_out: bool
    alarms: Alarms


def estimate(size: Size) -> list[Line]:
    """What is paid whether or not an event comes."""
    kpus = math.ceil(size.parallelism / size.parallelism_per_kpu)
    total = size.shards + 2 * size.output_shards
    watched = size.alarms
    lines = [
        Line(f"application: {kpus} KPU, and one for orchestration", (kpus + 1) * KPU_HOUR),
        Line(f"application: {STORAGE_GB_A_KPU} GB a KPU", kpus * STORAGE_GB_A_KPU * STORAGE_GB_MONTH / HOURS_A_MONTH),
        Line(f"streams: {total} shards", total * SHARD_HOUR),
        Line(
            f"alarms: {watched.alarms}, on {watched.metrics} metrics",
            watched.metrics * ALARM_METRIC_MONTH / HOURS_A_MONTH,
        ),
        Line("dashboard", DASHBOARD_MONTH / HOURS_A_MONTH),
    ]
    if size.retention_hours > 24:
        lines.append(Line("streams: retention after the first day", total * EXTENDED_RETENTION_SHARD_HOUR))
    if size.fan_out:
        lines.append(Line("stream of events: enhanced fan-out", size.shards * FAN_OUT_SHARD_HOUR))
    return lines


def show(lines: list[Line], lab: bool = False) -> str:
    """The estimate as text; in a Learner Lab against its budget, first."""
    total = sum(line.dollars_an_hour for line in lines)
    rows = [f"  {line.dollars_an_hour:8.4f}  {line.what}" for line in lines]
    days = int(LAB_BUDGET / total / 24)
    budget = [
        f"${total:.2f} an hour, ${total * 24:.2f} a day: the lab's budget of ${LAB_BUDGET} lasts {days} days",
        "if it runs all the time. An account that is over its budget is lost with all that is in it.",
    ]
    return "\n".join(
        [
            *(budget if lab else []),
            f"about ${total:.2f} an hour (${total * HOURS_A_MONTH:.0f} a month) by the list prices of {REGION};",
            "no free tier is counted; events, invocations, writes, messages, logs and requests to KMS come on top:",
            *rows,
            f"  {total:8.4f}  in all; `stop` saves the application's part, `down` all of it",
        ]
    )
