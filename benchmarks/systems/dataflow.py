"""A bytewax dataflow with orjson: https://docs.bytewax.io/stable/api/bytewax/bytewax.operators.html"""

from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.files import FileSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from benchmarks.systems import handwritten, serving


class _NowherePartition(StatelessSinkPartition[Any]):  # type: ignore[misc]
    def write_batch(self, items: list[Any]) -> None:
        pass


class _Nowhere(DynamicSink[Any]):  # type: ignore[misc]
    def build(self, step_id: str, worker_index: int, worker_count: int) -> _NowherePartition:
        return _NowherePartition()


def run(path: str) -> None:
    """Read a file. A step takes a batch of lines, which costs less than a step for each line."""
    flow = Dataflow("low_inventory")
    lines = op.input("lines", flow, FileSource(path, batch_size=1000))
    results = op.flat_map_batch(
        "judge",
        lines,
        lambda batch: handwritten.judged([line for line in batch if "inventory" in line], orjson.loads, orjson.dumps),
    )
    op.output("nowhere", results, _Nowhere())
    run_main(flow)


if __name__ == "__main__":
    serving.serve(run)
