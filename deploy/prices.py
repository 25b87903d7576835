"""What the system costs while it stands idle, in US dollars an hour, before anything is created."""

import math
from dataclasses import dataclass

REGION = "us-east-1"
"""Whose list prices these are; other regions differ."""

# https://aws.amazon.com/managed-service-apache-flink/pricing/
KPU_HOUR = 0.11
STORAGE_GB_MONTH = 0.10
STORAGE_GB_A_KPU = 50
# https://aws.amazon.com/kinesis/data-streams/pricing/, provisioned
SHARD_HOUR = 0.015
EXTENDED_RETENTION_SHARD_HOUR = 0.020
# https://aws.amazon.com/cloudwatch/pricing/, after the ten alarms and three dashboards that are free
ALARM_MONTH = 0.10

HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Line:
    """A line of the estimate."""

    what: str
    dollars_an_hour: float


def estimate(parallelism: int, parallelism_per_kpu: int, shards: int, output_shards: int, alarms: int) -> list[Line]:
    """What is paid whether or not an event comes.

    Args:
        parallelism: of the application; autoscaling can raise it.
        parallelism_per_kpu: tasks on one KPU.
        shards: of the stream of events.
        output_shards: of the streams of alerts and of dead letters, each.
        alarms: how many there are.
    """
    kpus = math.ceil(parallelism / parallelism_per_kpu)
    total = shards + 2 * output_shards
    return [
        Line(f"application: {kpus} KPU, and one that directs them", (kpus + 1) * KPU_HOUR),
        Line(f"application: {STORAGE_GB_A_KPU} GB a KPU", kpus * STORAGE_GB_A_KPU * STORAGE_GB_MONTH / HOURS_A_MONTH),
        Line(f"streams: {total} shards", total * SHARD_HOUR),
        Line("streams: retention after the first day", total * EXTENDED_RETENTION_SHARD_HOUR),
        Line(f"{alarms} alarms", alarms * ALARM_MONTH / HOURS_A_MONTH),
    ]


def show(lines: list[Line]) -> str:
    """The estimate as text."""
    total = sum(line.dollars_an_hour for line in lines)
    rows = [f"  {line.dollars_an_hour:8.4f}  {line.what}" for line in lines]
    return "\n".join(
        [
            f"about ${total:.2f} an hour (${total * HOURS_A_MONTH:.0f} a month) by the list prices of {REGION};",
            "events, invocations, writes, messages and logs come on top:",
            *rows,
            f"  {total:8.4f}  in all; `stop` saves the application's part, `down` all of it",
        ]
    )
