"""What the system costs on AWS, for the lab's settings and for those of deploy/, as two Markdown tables.

List prices of us-east-1 in US dollars without the free tier, for a month of 730 hours. The assumptions are
options; `python -m benchmarks.function_usage` measures those of the functions and the events.
"""

import argparse
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

from deploy import deployment
from deploy.costs import hourly
from deploy.progress import Parser

MONTH = hourly.HOURS_A_MONTH * 3600
GB = 1e9
RATES = (1, 100, 1000)
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
VCPU_MB = 1769
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARD_RECORDS, SHARD_BYTES = 1000, 1 << 20
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
ITEM_OVERHEAD = 100
BATCH = 100
ALERTS_AT_ONCE = 4
"""The ParallelizationFactor of AlertsToSns."""
PUTS = 25
"""Items of a BatchWriteItem."""


class Seen(NamedTuple):
    """When AWS listed a price so, as far as is known, and where that can be seen.

    Args:
        month: of AWS's own price file, or in which someone copied the price from AWS's price list or page; the newest
            that was found. What AWS lists today is on its page.
        source: the copy.
    """

    month: str
    source: str


_GITHUB = "https://github.com/"
_PRICING = f"{_GITHUB}lamngockhuong/aws-price/blob/508fb45/lib/data/pricing/"
# Fetched from AWS's price list (pricing.us-east-1.amazonaws.com) on 3 September 2026.
PRICE_LIST = Seen(
    "2026-09",
    f"{_GITHUB}catchmeif404/aws-cost-calculator/blob/bfd879f/backend/src/main/resources/pricing/us-east-1-pricing.json",
)
# Fetched from the same on 21 September 2026.
METRICS_LIST = Seen("2026-09", f"{_GITHUB}aditya0si/agent-report-distribution/blob/634ed16/docs/COST.md")
# Copied from AWS's page on 20 September 2026: what its examples for US East reckon with.
FLINK_PAGE = Seen("2026-09", f"{_GITHUB}api-evangelist/kinesis/blob/1112aa1/plans/kinesis-plans-pricing.yml")
# What AWS's pages load, each with its publication date.
CLOUDWATCH_FILE = Seen("2025-09", f"{_PRICING}cloudwatch.json")
DYNAMODB_FILE = Seen("2025-08", f"{_PRICING}dynamodb.json")
# Quotes AWS's page, read in April 2026: 0.00700 from any kind of number, and a carrier's fee of about 0.003.
TEXTS_QUOTE = Seen("2026-04", f"{_GITHUB}memoverflow/AWS-SMS-Country-Reports/tree/194ab25")


@dataclass(frozen=True)
class Price:
    """A list price.

    Args:
        dollars: for one unit.
        unit: what is counted.
        page: where AWS publishes it, after the site's address.
        seen: when and where it was seen.
    """

    dollars: float
    unit: str
    page: str
    seen: Seen


_AWS = "https://aws.amazon.com/"
PRICES = {
    "kpu": Price(hourly.KPU_HOUR, "KPU-hour", "managed-service-apache-flink/pricing/", FLINK_PAGE),
    "kpu storage": Price(hourly.STORAGE_GB_MONTH, "GB-month", "managed-service-apache-flink/pricing/", FLINK_PAGE),
    "shard": Price(hourly.SHARD_HOUR, "shard-hour", "kinesis/data-streams/pricing/", PRICE_LIST),
    "put": Price(0.014e-6, "PUT unit", "kinesis/data-streams/pricing/", PRICE_LIST),
    "request": Price(0.20e-6, "invocation", "lambda/pricing/", PRICE_LIST),
    "duration": Price(0.0000166667, "GB-second", "lambda/pricing/", PRICE_LIST),
    "write": Price(0.625e-6, "write unit", "dynamodb/pricing/on-demand/", PRICE_LIST),
    "storage": Price(0.25, "GB-month", "dynamodb/pricing/on-demand/", PRICE_LIST),
    "recovery": Price(0.20, "GB-month", "dynamodb/pricing/on-demand/", DYNAMODB_FILE),
    "publish": Price(0.50e-6, "message", "sns/pricing/", PRICE_LIST),
    # To the United States, without the carrier's fee; many other countries cost more.
    "text": Price(0.007, "text", "end-user-messaging/pricing/", TEXTS_QUOTE),
    "alarm": Price(hourly.ALARM_METRIC_MONTH, "alarm metric", "cloudwatch/pricing/", PRICE_LIST),
    "metric": Price(0.30, "metric", "cloudwatch/pricing/", METRICS_LIST),
    "dashboard": Price(hourly.DASHBOARD_MONTH, "dashboard", "cloudwatch/pricing/", CLOUDWATCH_FILE),
    "log": Price(0.50, "GB", "cloudwatch/pricing/", PRICE_LIST),
    "log storage": Price(0.03, "GB-month", "cloudwatch/pricing/", PRICE_LIST),
    "kms": Price(0.03e-4, "request", "kms/pricing/", PRICE_LIST),
    "s3": Price(0.023, "GB-month", "s3/pricing/", PRICE_LIST),
}


@dataclass(frozen=True)
class Assumptions:
    """What the costs rest on.

    CPU times are medians of nine runs of function_usage.py, in which an event took 0.22 to 0.27 ms and an alert 6.8 to
    8.5 ms.

    Args:
        event_bytes: size of an event in the stream; measured.
        item_bytes: size of an event's item in the table, names and values, without DynamoDB's own 100 bytes; measured.
        alert_share: share of all events that become alerts, 0 to 1, policy `every`; measured.
        headroom: share of the shards of the stream of events that is kept free, 0 to 1.
        cpu_ms: CPU time of an invocation of KinesisToDynamo, milliseconds; measured.
        cpu_ms_event: CPU time of KinesisToDynamo for each event, in addition, milliseconds; measured.
        cpu_ms_alerts: CPU time of an invocation of AlertsToSns, milliseconds; measured.
        cpu_ms_alert: CPU time of AlertsToSns for each alert, in addition, milliseconds; measured.
        request_ms: how long a function waits for a request to DynamoDB or SNS, milliseconds.
        memory_mb: memory of each function, MB.
        lab_memory_mb: memory of each of the lab's functions, MB; the console's default.
        log_bytes: bytes that an invocation of KinesisToDynamo logs; measured.
        log_bytes_alerts: bytes that an invocation of AlertsToSns logs; measured.
        log_bytes_alert: bytes that AlertsToSns logs for each alert, in addition; measured.
        log_bytes_lab: bytes that an invocation of the lab's functions logs: the lines START, END and REPORT.
        job_log_gb: what the job logs in a month, GB.
        kms_calls: KMS requests in five minutes for each reader or writer of a stream; AWS promises less than a few
            dollars a month for a stream (https://docs.aws.amazon.com/streams/latest/dev/costs-performance.html).
        kpus: KPUs of the application that run the job; one more is added for orchestration.
        job_us: CPU time of the job for an event, microseconds.
        busiest_path: share of all events that have the most frequent path, 0 to 1; 30 % are of 100 products, evenly.
        code_gb: packages in the bucket for code, GB.
    """

    event_bytes: float = 148
    item_bytes: float = 210
    alert_share: float = 0.048
    headroom: float = 0.10
    cpu_ms: float = 2.8
    cpu_ms_event: float = 0.24
    cpu_ms_alerts: float = 0.6
    cpu_ms_alert: float = 7.6
    request_ms: float = 10
    memory_mb: float = 256
    lab_memory_mb: float = 128
    log_bytes: float = 928
    log_bytes_alerts: float = 481
    log_bytes_alert: float = 520
    log_bytes_lab: float = 300
    job_log_gb: float = 0.1
    kms_calls: float = 12
    kpus: float = 1
    job_us: float = 2.7
    busiest_path: float = 0.003
    code_gb: float = 0.068


@dataclass(frozen=True)
class Line:
    """What one thing costs in a month: how many units of which price."""

    what: str
    price: str
    units: float

    @property
    def dollars(self) -> float:
        """A month."""
        return self.units * PRICES[self.price].dollars


def shards(rate: float, seconds: float, a: Assumptions, at_once: int = 1) -> int:
    """Shards of a stream that take the records, and whose function keeps up with them, and leave the headroom.

    Args:
        rate: records a second, each of at most `event_bytes`.
        seconds: of the function for a record.
        a: the assumptions.
        at_once: invocations of the function that the mapping runs for a shard at a time.
    """
    needed = rate * max(1 / SHARD_RECORDS, a.event_bytes / SHARD_BYTES, seconds / at_once) * (1 + a.headroom)
    # Floating point may leave a trace above a whole number.
    return max(1, math.ceil(round(needed, 9)))


def invocations(rate: float, at_once: int) -> float:
    """Invocations a second of a function that gets what a second brings, up to 100 records at a time.

    Args:
        rate: records a second.
        at_once: how many invocations share the records of a second; by their keys, so that some get none.
    """
    share = at_once * (1 - math.pow(1 - 1 / at_once, rate))
    return max(rate / BATCH, min(rate, share))


def seconds(cpu_ms: float, requests: float, memory_mb: float, a: Assumptions) -> float:
    """An invocation as it is billed: CPU time at the share of a vCPU that the memory brings, and requests."""
    return math.ceil(round(cpu_ms * VCPU_MB / memory_mb + requests * a.request_ms, 6)) / 1000


def keep(events: float, a: Assumptions) -> float:
    """Seconds of an invocation of KinesisToDynamo with so many events."""
    return seconds(a.cpu_ms + events * a.cpu_ms_event, math.ceil(events / PUTS), a.memory_mb, a)


def publish(alerts: float, a: Assumptions) -> float:
    """Seconds of an invocation of AlertsToSns with so many alerts; each takes three requests."""
    return seconds(a.cpu_ms_alerts + alerts * a.cpu_ms_alert, 3 * alerts, a.memory_mb, a)


def event_shards(rate: float, a: Assumptions) -> int:
    """Shards of our stream of events."""
    return shards(rate, keep(BATCH, a) / BATCH, a)


def alert_shards(rate: float, a: Assumptions) -> int:
    """Shards of our streams of alerts and of dead letters, each (OutputShards)."""
    return shards(rate * a.alert_share, publish(BATCH, a) / BATCH, a, ALERTS_AT_ONCE)


def lab(rate: float, a: Assumptions) -> list[Line]:
    """The lab: batches of one, a PutItem an event, streams kept a day, a SQL application of one KPU."""
    events, alerts = rate * MONTH, rate * MONTH * a.alert_share
    kept = seconds(a.cpu_ms + a.cpu_ms_event, 1, a.lab_memory_mb, a)
    published = seconds(a.cpu_ms_alerts + a.cpu_ms_alert, 1, a.lab_memory_mb, a)
    count = shards(rate, kept, a) + shards(rate * a.alert_share, published, a)
    gb_seconds = (events * kept + alerts * published) * a.lab_memory_mb / 1024
    logs = (events + alerts) * a.log_bytes_lab / GB
    return [
        Line("streams: shards (events, alerts)", "shard", count * hourly.HOURS_A_MONTH),
        Line("streams: records written", "put", events + alerts),
        Line("SQL application: 1 KPU", "kpu", hourly.HOURS_A_MONTH),
        Line("functions: invocations", "request", events + alerts),
        Line("functions: duration", "duration", gb_seconds),
        Line("table: writes", "write", events),
        Line("table: a month's items", "storage", events * (a.item_bytes + ITEM_OVERHEAD) / GB),
        Line("topic: messages", "publish", alerts),
        Line("logs: written", "log", logs),
        Line("logs: kept", "log storage", logs),
    ]


def ours(rate: float, a: Assumptions) -> list[Line]:
    """The templates of deploy/ with the defaults of their parameters, but for the counts of shards."""
    return _streams(rate, a) + _functions(rate, a) + _tables(rate, a) + _rest(rate, a)


def _streams(rate: float, a: Assumptions) -> list[Line]:
    events, alerts = rate * MONTH, rate * MONTH * a.alert_share
    shard_hours = (event_shards(rate, a) + 2 * alert_shards(rate, a)) * hourly.HOURS_A_MONTH
    # Readers and writers: of the events three (producer, function, job), of the alerts two, of the dead letters one.
    calls = 6 * a.kms_calls * MONTH / 300
    return [
        Line("streams: shards (events, alerts, dead letters)", "shard", shard_hours),
        Line("streams: records written", "put", events + alerts),
        Line("streams: encryption, AWS managed key", "kms", calls),
    ]


def _functions(rate: float, a: Assumptions) -> list[Line]:
    alert_rate = rate * a.alert_share
    keep_rate = invocations(rate, event_shards(rate, a))
    publish_rate = invocations(alert_rate, ALERTS_AT_ONCE * alert_shards(rate, a))
    busy = keep_rate * keep(rate / keep_rate, a) + publish_rate * publish(alert_rate / publish_rate, a)
    logs = (keep_rate * a.log_bytes + publish_rate * a.log_bytes_alerts + alert_rate * a.log_bytes_alert) * MONTH / GB
    return [
        Line("functions: invocations", "request", (keep_rate + publish_rate) * MONTH),
        Line("functions: duration", "duration", busy * MONTH * a.memory_mb / 1024),
        Line("logs: written", "log", logs + a.job_log_gb),
        Line("logs: kept 30 days", "log storage", logs + a.job_log_gb),
    ]


def _tables(rate: float, a: Assumptions) -> list[Line]:
    events, alerts = rate * MONTH, rate * MONTH * a.alert_share
    gigabytes = events * (a.item_bytes + ITEM_OVERHEAD) / GB
    return [
        Line("table: writes", "write", events),
        Line("table: a month's items", "storage", gigabytes),
        Line("table: point-in-time recovery of them", "recovery", gigabytes),
        # Powertools puts a record and completes it; it reads none. Removal by TTL is free.
        Line("idempotency table: two writes an alert", "write", 2 * alerts),
    ]


def _rest(rate: float, a: Assumptions) -> list[Line]:
    gigabytes = a.kpus * hourly.STORAGE_GB_A_KPU
    # Of line connector-5, polling.
    conditions = ["AllAlarms", "AllAlarmsOfLostShards"]
    watched = hourly.alarms(deployment.template("monitoring").read_text(encoding="utf-8"), conditions)
    return [
        Line(f"application: {a.kpus:g} KPU, and one for orchestration", "kpu", (a.kpus + 1) * hourly.HOURS_A_MONTH),
        Line(f"application: {gigabytes:g} GB running storage", "kpu storage", gigabytes),
        Line("topic: messages", "publish", rate * MONTH * a.alert_share),
        Line(f"alarms: {watched.alarms}, on {watched.metrics} metrics", "alarm", watched.metrics),
        # ItemsWritten and MessagesPublished; the others come only when something is wrong, and are paid by the hour.
        Line("metrics of the functions", "metric", 2),
        Line("dashboard", "dashboard", 1),
        Line("bucket: code", "s3", a.code_gb),
    ]


def amount(text: str) -> float:
    """An option's value. Raises argparse.ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def money(dollars: float) -> str:
    """An amount in dollars and cents; below a cent it says so."""
    return "< 0.01" if 0 < dollars < 0.01 else f"{dollars:,.2f}"


def price(name: str) -> str:
    """A list price as text, linked to AWS's page."""
    one = PRICES[name]
    small = one.dollars < 1e-5
    text = f"{one.dollars * 1e6:.3f} a million {one.unit}s" if small else f"{one.dollars:.10f}".rstrip("0")
    return f"[{text}]({_AWS}{one.page})" if small else f"[{text.rstrip('.')} per {one.unit}]({_AWS}{one.page})"


def table(setting: Callable[[float, Assumptions], list[Line]], a: Assumptions) -> str:
    """The lines of a setting at each rate, their sum, and the sum for a million events."""
    columns = [setting(rate, a) for rate in RATES]
    sums = [sum(line.dollars for line in column) for column in columns]
    rows = [
        "| $ a month | list price, $ | date | " + " | ".join(f"{rate:,}/s" for rate in RATES) + " |",
        "| --- | --- | --- | " + " | ".join("--:" for _ in RATES) + " |",
    ]
    for same in zip(*columns, strict=True):
        amounts = " | ".join(money(line.dollars) for line in same)
        first = same[0]
        rows.append(f"| {first.what} | {price(first.price)} | {PRICES[first.price].seen.month} | {amounts} |")
    million = [total / (rate * MONTH / 1e6) for total, rate in zip(sums, RATES, strict=True)]
    rows.append("| **in all, without texts** | | | " + " | ".join(f"**{money(total)}**" for total in sums) + " |")
    rows.append("| **for a million events** | | | " + " | ".join(f"**{money(one)}**" for one in million) + " |")
    texts = [Line("texts to one phone", "text", rate * MONTH * a.alert_share).dollars for rate in RATES]
    rows.append(
        f"| texts to one phone | {price('text')} | {PRICES['text'].seen.month} | {' | '.join(map(money, texts))} |"
    )
    return "\n".join(rows)


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """A command line whose options are the assumptions; their docstring explains them."""
    explained = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", inspect.getdoc(Assumptions) or "", re.MULTILINE))
    made = Parser(prog=f"python -m deploy.costs.{module}", description=description)
    for field in fields(Assumptions):
        text = " ".join(explained[field.name].split()).replace("%", "%%")
        option = "--" + field.name.replace("_", "-")
        made.add_argument(option, type=amount, default=field.default, metavar="N", help=f"{text} (%(default)s)")
    return made


def assumptions(given: argparse.Namespace) -> Assumptions:
    """The assumptions of a command line."""
    return Assumptions(**{field.name: getattr(given, field.name) for field in fields(Assumptions)})


def main() -> None:
    """Print both tables."""
    a = assumptions(parser("monthly", __doc__).parse_args())
    for title, setting in (("The lab", lab), ("Ours", ours)):
        print(f"{title}\n\n{table(setting, a)}\n")


if __name__ == "__main__":
    main()
