"""What more events a second take, what that costs, and which quotas they reach, as Markdown tables.

Quotas are AWS's defaults in us-east-1; most can be raised on request. With --output the dollars go into a file, for
plots.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.costs import monthly
from deploy.costs.monthly import MONTH, Assumptions

RATES = (1, 1_000, 100_000, 1_000_000)
PLOTTED = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_DOCS = "https://docs.aws.amazon.com/"


@dataclass(frozen=True)
class Limit:
    """A quota, and how much of it events use.

    Args:
        what: is limited.
        most: the quota.
        used: by a rate of events a second.
        page: where AWS documents it, after the site's address.
    """

    what: str
    most: float
    used: Callable[[float, Assumptions], float]
    page: str

    def reached(self, a: Assumptions) -> float:
        """Events a second that use all of it."""
        # So many that the rounding to whole shards does not count.
        many = 1e9
        return self.most / self.used(many, a) * many


def alerts(rate: float, a: Assumptions) -> float:
    """Alerts a second."""
    return rate * a.alert_share


def kpus(rate: float, a: Assumptions) -> int:
    """KPUs that work: a vCPU each."""
    return max(1, math.ceil(rate * a.job_us / 1e6 * (1 + a.headroom)))


def concurrency(rate: float, a: Assumptions) -> int:
    """Invocations at a time, at most: one for each shard of events, four for each shard of alerts."""
    return monthly.event_shards(rate, a) + monthly.ALERTS_AT_ONCE * monthly.alert_shards(rate, a)


def of_one_path(rate: float, a: Assumptions) -> float:
    """Events a second of the busiest path, which is one key of the stream and of the table."""
    return rate * a.busiest_path


def writes(rate: float, a: Assumptions) -> float:
    """Write units a second of both tables: one for an event, two for an alert."""
    return rate + 2 * alerts(rate, a)


MESSAGES = (
    Limit(
        "dollars of text messages in a month, one phone",
        1,
        lambda rate, a: alerts(rate, a) * MONTH * monthly.PRICES["text"].dollars,
        "sns/latest/dg/channels-sms-awssupport-spend-threshold.html",
    ),
    Limit("mails a second to a mailbox, which is unsubscribed then", 10, alerts, "general/latest/gr/sns.html"),
    Limit(
        "text messages a second, from a US toll-free number",
        3,
        alerts,
        "sms-voice/latest/userguide/sms-limitations-mps.html",
    ),
)
"""Of what reaches the phones and mailboxes; with the policy `crossing` it is less than half."""

LIMITS = (
    Limit(
        "writes a second to a new table, at once",
        4_000,
        lambda rate, a: rate,
        "amazondynamodb/latest/developerguide/on-demand-capacity-mode.html",
    ),
    Limit(
        "writes a second to a table",
        40_000,
        lambda rate, a: rate,
        "amazondynamodb/latest/developerguide/ServiceQuotas.html",
    ),
    Limit("invocations at a time", 1_000, concurrency, "lambda/latest/dg/gettingstarted-limits.html"),
    Limit(
        "events a second of one path: a shard",
        monthly.SHARD_RECORDS,
        of_one_path,
        "streams/latest/dev/service-sizes-and-limits.html",
    ),
    Limit(
        "events a second of one path: a partition of the table",
        1_000,
        of_one_path,
        "amazondynamodb/latest/developerguide/bp-partition-key-design.html",
    ),
    Limit("messages a second to topics", 30_000, alerts, "general/latest/gr/sns.html"),
    Limit("KPUs of an application", 64, kpus, "managed-flink/latest/java/how-scaling.html"),
    Limit(
        "shards of an account",
        20_000,
        lambda rate, a: monthly.event_shards(rate, a) + 2 * monthly.alert_shards(rate, a),
        "streams/latest/dev/service-sizes-and-limits.html",
    ),
)


def dollars(rate: float, a: Assumptions) -> float:
    """Dollars a month of our system, without texts."""
    return sum(line.dollars for line in monthly.ours(rate, replace(a, kpus=kpus(rate, a))))


def needs(a: Assumptions) -> str:
    """What each rate takes."""
    rows = [
        "| events/s | shards: events | shards: alerts, dead letters, each | KPUs | invocations at a time "
        "| write units/s | $ a month | $ a million events | breaks first, but for messages |",
        "| --: | --: | --: | --: | --: | --: | --: | --: | --- |",
    ]
    for rate in RATES:
        month = dollars(rate, a)
        over = [one for one in sorted(LIMITS, key=lambda limit: limit.reached(a)) if one.used(rate, a) > one.most]
        counts = monthly.event_shards(rate, a), monthly.alert_shards(rate, a), kpus(rate, a) + 1, concurrency(rate, a)
        cells = [f"{count:,}" for count in (rate, *counts)] + [f"{writes(rate, a):,.0f}"]
        cells += [
            monthly.money(month),
            monthly.money(month / (rate * MONTH / 1e6)),
            over[0].what if over else "nothing",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def limits(a: Assumptions) -> str:
    """Which quota is reached when, the first one first."""
    rows = ["| what is limited | default | reached at events/s |", "| --- | --: | --: |"]
    for one in sorted((*MESSAGES, *LIMITS), key=lambda limit: limit.reached(a)):
        at = one.reached(a)
        rows.append(f"| {one.what} | [{one.most:,}]({_DOCS}{one.page}) | {at:,.0f} |".replace(" 0 |", " < 1 |"))
    return "\n".join(rows)


def main() -> None:
    """Print both tables."""
    parser = monthly.parser("scale", __doc__)
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the dollars a month go, by events a second")
    given = parser.parse_args()
    a = monthly.assumptions(given)
    print(f"{needs(a)}\n\n{limits(a)}")
    if given.output:
        lab = [(rate, sum(line.dollars for line in monthly.lab(rate, a))) for rate in PLOTTED]
        ours = [(rate, dollars(rate, a)) for rate in PLOTTED]
        given.output.parent.mkdir(parents=True, exist_ok=True)
        content = {"x": "events a second", "y": "dollars a month", "series": {"the lab": lab, "ours": ours}}
        given.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
