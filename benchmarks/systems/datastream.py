"""A PyFlink DataStream job whose functions are Python, which AWS's samples for Python lead one to write.

Flink hands each record to a second process, which runs the functions.
"""

import json
import logging
import sys

from benchmarks.systems import handwritten, serving
from jobs.alerting import jvm


def run(path: str) -> None:
    """Read a file."""
    from pyflink.common import Types, WatermarkStrategy
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.datastream.connectors.file_system import FileSource, StreamFormat
    from pyflink.datastream.functions import SinkFunction

    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_python_executable(sys.executable)
    env.set_parallelism(1)
    source = FileSource.for_record_stream_format(StreamFormat.text_line_format(), path).build()
    lines = env.from_source(source, WatermarkStrategy.no_watermarks(), "events")
    results = lines.filter(lambda line: "inventory" in line).flat_map(
        lambda line: handwritten.judged([line], json.loads, json.dumps), Types.STRING()
    )
    results.add_sink(SinkFunction("org.apache.flink.streaming.api.functions.sink.DiscardingSink"))
    env.execute("low_inventory")


if __name__ == "__main__":
    # py4j logs every object whose JVM is gone.
    logging.disable(logging.CRITICAL)
    # PyFlink's default on one machine, which our job does without: the functions run in this process.
    with jvm.jvm({"_python_worker_execution_mode": "loopback"}):
        serving.serve(run)
