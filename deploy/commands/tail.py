"""`tail`: show the records of a stream as they come."""

import argparse
import json
import time

from deploy.aws import stream_reader
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import say
from deploy.up.options import whole_number

_STREAMS = {"events": "SourceStreamName", "alerts": "AlertsStreamName", "dead-letters": "DeadLetterStreamName"}
INTERVAL = 1.0
"""Seconds between two requests to a shard: it takes five a second, and others read it too."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `tail`."""
    parser.add_argument("stream", choices=list(_STREAMS), help="which stream")
    parser.add_argument("--from-start", action="store_true", help="from the oldest record on, not from now")
    parser.add_argument(
        "--limit", type=whole_number(1), metavar="N", help="end after N records, or at the end of the stream"
    )


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Print one record a line, as JSON if it is JSON, until Ctrl-C or the limit."""
    outputs = Deployment(options.stack_name).must_have(aws.client("cloudformation"), "system")
    stream = outputs[_STREAMS[options.stream]]
    start = "TRIM_HORIZON" if options.from_start else "LATEST"
    reader = stream_reader.StreamReader(aws.client("kinesis"), stream, start)
    say(f"stream {stream} from {'its start' if options.from_start else 'now'} on; Ctrl-C ends it")
    shown = 0
    while True:
        records = reader.poll()
        for record in records:
            if shown == options.limit:
                return 0
            print(_line(record["Data"]), flush=True)
            shown += 1
        if shown == options.limit or (options.limit and options.from_start and _at_end(reader, records)):
            return 0
        time.sleep(INTERVAL)


def _at_end(reader: stream_reader.StreamReader, records: list[stream_reader.Record]) -> bool:
    return not records and reader.milliseconds_behind == 0


def _line(data: bytes) -> str:
    """A record on one line: JSON compact, and what is none with its control characters escaped."""
    text = data.decode("utf-8", "backslashreplace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
