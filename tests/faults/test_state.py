"""What the policy `crossing` keeps of so many products: heap, checkpoints, and the time that they take."""

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any, NoReturn

import boto3
import psutil
import pytest

from emulator.server import work_on
from jobs.alerting.jvm import java_home
from tests.faults.conftest import SEED, days, ended_by_signals, package
from tests.faults.judging.sent import key
from tests.faults.plans.job_run import JobRun
from tests.faults.running.cluster import Cluster, cluster
from tests.faults.running.stage import Stage

SIZES = [size for size in (10_000, 100_000, 1_000_000) if size <= int(os.environ.get("FAULTS_PRODUCTS", "1000000"))]
# One KPU of the managed service is a processor and 4 GiB: https://docs.aws.amazon.com/managed-flink/latest/java/how-scaling.html
KPU = {
    "taskmanager.memory.process.size": "4096m",
    "taskmanager.numberOfTaskSlots": "1",
    "parallelism.default": "1",
    "execution.checkpointing.interval": "5 s",
    # Flink's own; a collection or a busy machine is no lost host.
    "heartbeat.timeout": "50000",
}
# What RocksDB has of it, by Flink's default 40 % without what the JVM itself needs.
_ROCKSDB = {"taskmanager.memory.managed.size": "1372m"}
_REQUEST = 500


def no_system() -> NoReturn:
    """The functions are not needed here."""
    raise AssertionError("no functions here")


def send(run: JobRun, first: int, last: int) -> None:
    """Send a stock of each product once: a high one, which is remembered as a low one is, and makes no alert."""
    for begin in range(first, last, _REQUEST):
        events = [run.shop.event(f"PRODUCT-{number:07}", 30) for number in range(begin, min(last, begin + _REQUEST))]
        entries: list[dict[str, Any]] = [{"Data": data, "PartitionKey": key(alert[0])} for alert, data in events]
        answer = run.stage.kinesis.put_records(StreamName=run.streams.events, Records=entries)
        assert answer["FailedRecordCount"] == 0


@pytest.mark.parametrize("backend", ["hashmap", "rocksdb"])
def test_state_of_crossing(backend: str, endpoint: str, connector: Path, tmp_path: Path) -> None:
    configuration = KPU | {"state.backend.type": backend, "execution.checkpointing.incremental": "true"}
    configuration |= _ROCKSDB if backend == "rocksdb" else {}
    with (
        work_on(endpoint),
        ended_by_signals(),
        cluster(tmp_path / "cluster", package(tmp_path / "package"), 1, configuration) as kpu,
    ):
        stage = Stage(endpoint, boto3.client("kinesis"), tmp_path, SEED, lambda: kpu, no_system, days)
        run = JobRun(stage, "crossing", "TRIM_HORIZON", shards=1)
        run.start()
        last = 0
        for size in SIZES:
            began = time.monotonic()
            send(run, last, size)
            # Behind the source all is one task, and a checkpoint after this has the state of all products.
            while kpu.read_records(run.job) < size:
                assert time.monotonic() - began < 3600, f"{size} products: not within an hour"
                time.sleep(0.5)
            took = time.monotonic() - began
            print(f"\n{backend}, {size:,} products: {figures(kpu, run.job)}, {took:.0f} s", flush=True)
            last = size
        assert kpu.restarts(run.job) == 0
        kpu.cancel_all()


def figures(kpu: Cluster, job: str) -> str:
    """The last checkpoint, the memory of the process, and the heap after a collection."""
    kpu.next_checkpoint(job)
    last = kpu.checkpoints(job)["latest"]["completed"]
    ((_, process),) = kpu.task_managers.items()
    memory = psutil.Process(process.pid).memory_info().rss
    # Of a JDK, not of a JRE.
    jcmd = [str(java_home() / "bin" / "jcmd"), str(process.pid)]
    subprocess.run([*jcmd, "GC.run"], check=True, capture_output=True)
    heap = subprocess.run([*jcmd, "GC.heap_info"], check=True, capture_output=True, text=True).stdout
    used = sum(int(kib) for kib in re.findall(r"generation +total \d+K, used (\d+)K", heap))
    return (
        f"heap {used / 2**10:.0f} MiB, process {memory / 2**20:.0f} MiB, state {last['state_size'] / 2**20:.1f} MiB, "
        f"checkpoint {last['checkpointed_size'] / 2**20:.1f} MiB in {last['end_to_end_duration'] / 1000:.2f} s"
    )
