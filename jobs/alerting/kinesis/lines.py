"""The lines of the Kinesis connector, and what each calls an option.

`python -m jobs.alerting.kinesis.lines` prints it as a table.

The names are those of https://github.com/apache/flink-connector-aws: tag v4.3.0-rc2 for connector-4, v5.1.0 for
connector-5, and v6.0.1-rc1, which declares the same as v5.1.0, for flink-2.2.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

FIRST = "connector-4"
LINES = {FIRST: "1", "connector-5": "1", "flink-2.2": "2"}
"""The lines, and the major version of Flink that each is for."""

READERS = ("POLLING", "EFO")


@dataclass(frozen=True)
class Option:
    """One thing that can be set, or several of a kind.

    Attributes:
        meaning: what it sets.
        first: its names in connector-4. One that ends in a dot is followed by the name of a stream.
        later: its names in connector-5 and flink-2.2; the first of them, or else of `first`, names it for the job.
        instead: what happens in the line that has no name for it.
    """

    meaning: str
    first: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    instead: str = ""

    def names(self, line: str) -> tuple[str, ...]:
        """Its names in a line; none if the line has no such option."""
        return self.first if line == FIRST else self.later


def _tries(request: str, *more: str) -> tuple[str, ...]:
    return tuple(
        f"scan.{request}.{end}" for end in ("maxretries", "backoff.base", "backoff.max", "backoff.expconst", *more)
    )


def _same(meaning: str, *names: str) -> Option:
    return Option(meaning, names, names)


_SDK = "the AWS SDK's retries, which tables cannot set"
OPTIONS = (
    Option("stream, by its name", ("stream",), (), "the ARN names it"),
    Option("stream, by its ARN", (), ("stream.arn",), "its name and the region"),
    _same("region", "aws.region"),
    _same("endpoint, for an emulator", "aws.endpoint"),
    Option("where reading begins", ("scan.stream.initpos",), ("source.init.position",)),
    Option("the time at which it begins", ("scan.stream.initpos-timestamp",), ("source.init.timestamp",)),
    Option("the form of that time", ("scan.stream.initpos-timestamp-format",), ("source.init.timestamp.format",)),
    Option("polling, or enhanced fan-out (EFO)", ("scan.stream.recordpublisher",), ("source.reader.type",)),
    Option("EFO: name of the consumer", ("scan.stream.efo.consumername",), ("source.efo.consumer.name",)),
    Option("EFO: who registers the consumer", ("scan.stream.efo.registration",), ("source.efo.lifecycle",)),
    Option("EFO: ARN of the consumer", ("scan.stream.efo.consumerarn.",), (), "found by `source.efo.consumer.name`"),
    Option(
        "EFO: time-outs",
        (
            "scan.stream.registerstreamconsumer.timeout",
            "scan.stream.deregisterstreamconsumer.timeout",
            "scan.shard.subscribetoshard.timeout",
        ),
        ("source.efo.subscription.timeout", "source.efo.deregister.timeout"),
    ),
    Option(
        "EFO: retries and waits between them",
        _tries("stream.registerstreamconsumer")
        + _tries("stream.deregisterstreamconsumer")
        + _tries("stream.describestreamconsumer")
        + _tries("shard.subscribetoshard"),
        tuple(f"source.efo.describe.retry-strategy.{end}" for end in ("attempts.max", "delay.min", "delay.max")),
    ),
    Option(
        "EFO: connections",
        ("scan.stream.efo.http-client.max-concurrency", "scan.stream.efo.http-client.read-timeout"),
        (),
        "the AWS SDK's own values",
    ),
    Option(
        "how often shards are looked for",
        ("scan.shard.discovery.intervalmillis",),
        ("source.shard.discovery.interval",),
    ),
    Option(
        "most records of one read",
        ("scan.shard.getrecords.maxrecordcount",),
        ("source.shard.get-records.max-record-count",),
    ),
    Option(
        "time between two reads of a shard",
        ("scan.shard.getrecords.intervalmillis",),
        (),
        "the next read follows at once, 9 to 12 a second of a busy shard",
    ),
    Option(
        "time until a shard is read again that gave nothing",
        (),
        ("source.reader.empty-records-fetch-interval",),
        "the time between two reads",
    ),
    Option("retries of a read", _tries("shard.getrecords"), (), _SDK),
    Option(
        "retries of other requests",
        _tries("shard.getiterator") + _tries("list.shards") + _tries("stream.describe"),
        (),
        _SDK,
    ),
    Option("reads of as many records as fit", ("scan.shard.adaptivereads",), (), "a fixed number of records a read"),
    Option(
        "when a shard without records is idle for watermarks",
        ("scan.shard.idle.interval",),
        (),
        "Flink's `table.exec.source.idle-timeout`",
    ),
    Option(
        "EFO: errors that are tried again", ("scan.shard.consumer.error.recoverable",), (), "a fixed list of errors"
    ),
    Option("which reader gets a shard", ("scan.shard-assigner",), (), "the reader with the fewest shards"),
    _same("a refused write restarts the job, and is not sent again", "sink.fail-on-error"),
    _same("longest wait for a batch", "sink.flush-buffer.timeout"),
    _same("size of a batch", "sink.batch.max-size", "sink.flush-buffer.size"),
    _same("requests under way and waiting", "sink.requests.max-inflight", "sink.requests.max-buffered"),
    _same("partition keys of a table without one", "sink.partitioner", "sink.partitioner-field-delimiter"),
    _same(
        "connections of the sink",
        *(f"sink.http-client.{end}" for end in ("protocol.version", "max-concurrency", "read-timeout")),
    ),
)
_BY_ID = {(option.later or option.first)[0]: option for option in OPTIONS}


def rename(line: str, options: Mapping[str, str]) -> dict[str, str]:
    """Options of a table by the names of a line. What has no name there is left out; what is not in the table stays."""
    names = {key: _BY_ID[key].names(line)[:1] if key in _BY_ID else (key,) for key in options}
    return {name: options[key] for key in options for name in names[key]}


def problem(line: str, key: str) -> str | None:
    """Why a key is no option of a line, in a few words (None: it is one).

    The connectors take a key of `scan.*` or `source.*` that they do not know without a word.
    """
    for option in OPTIONS:
        if any(key == name or (name.endswith(".") and key.startswith(name)) for name in option.names(line)):
            return None
    for option in OPTIONS:
        if key in option.first + option.later:
            names = " or ".join(option.names(line))
            return f"not an option of {line}; there it is {names or f'not to be set ({option.instead})'}"
    return f"unknown option; docs/lines.md has those of {line}"


def table() -> str:
    """The table in Markdown."""
    rows = ["| what it sets | connector-4 | connector-5 and flink-2.2 |", "| --- | --- | --- |"]
    for option in OPTIONS:
        rows.append(f"| {option.meaning} | {_cell(option, option.first)} | {_cell(option, option.later)} |")
    return "\n".join(rows)


def _cell(option: Option, names: tuple[str, ...]) -> str:
    if not names:
        return f"none: {option.instead}"
    # `backoff.*` stands for three names.
    shown = (re.sub(r"(?<=\.backoff\.)\w+$", "*", f"{name}STREAM" if name.endswith(".") else name) for name in names)
    return ", ".join(f"`{name}`" for name in dict.fromkeys(shown))


if __name__ == "__main__":
    print(table())
