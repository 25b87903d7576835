"""The memory of every process of a run, sampled all the time."""

import contextlib
import json
import statistics
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from tests.faults.running.cluster import Cluster

_INTERVAL = 2.0
_MIB = 1 << 20
# What it may grow by from the middle third to the last one: an allocator's slack.
_GROWTH, _SLACK = 1.25, 10.0


class Samples:
    """Mebibytes by process, in the order of time; of a JVM, the heap in use."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.values: dict[str, list[float]] = defaultdict(list)
        self._jvms: set[str] = set()

    def take(self, processes: Mapping[str, int]) -> None:
        """Sample the processes that there are now, by their names."""
        for name, pid in processes.items():
            with contextlib.suppress(psutil.Error):
                self.values[name].append(psutil.Process(pid).memory_info().rss / _MIB)
        for name, used in self._cluster.heaps().items():
            self._jvms.add(name)
            self.values[name].append(used / _MIB)

    def thirds(self, name: str) -> list[float]:
        """The memory in each third of the run: the median, of a JVM the least, which is that after a collection."""
        values = self.values[name]
        size = max(1, len(values) // 3)
        what = min if name in self._jvms else statistics.median
        return [float(what(values[start : start + size] or values)) for start in (0, size, 2 * size)]

    def growing(self) -> list[str]:
        """The processes that have more in the last third than in the middle one."""
        return [
            name
            for name in self.values
            if self.thirds(name)[2] > self.thirds(name)[1] * _GROWTH + _SLACK and not name.startswith("holds all: ")
        ]

    def save(self, path: Path) -> None:
        """Write all samples as JSON, for `make figures`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"seconds": _INTERVAL, "mebibytes": self.values}) + "\n")

    def text(self) -> str:
        """Of each process, the memory in each third."""
        return ", ".join(f"{name} {'/'.join(f'{third:.0f}' for third in self.thirds(name))}" for name in self.values)


def processes() -> dict[str, int]:
    """This process, which runs the mappings, and those that it has started, but for the cluster's; by their names.

    The emulator and this process keep all that was ever sent.
    """
    found = {"holds all: tests": psutil.Process().pid}
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            words = child.cmdline()
            if "emulator.server" in words:
                found["holds all: emulator"] = child.pid
            elif "producer" in words:
                found["producer"] = child.pid
            elif any(word.endswith("bootstrap.py") for word in words):
                function = child.environ().get("AWS_LAMBDA_FUNCTION_NAME", "function")
                count = sum(name.startswith(function) for name in found)
                found[f"{function} {count + 1}"] = child.pid
    return found


@contextlib.contextmanager
def sampled(cluster: Cluster) -> Iterator[Samples]:
    """Sample until the end of the block."""
    samples, stopping = Samples(cluster), threading.Event()

    def work() -> None:
        while not stopping.wait(_INTERVAL):
            with contextlib.suppress(OSError, psutil.Error):
                samples.take(processes())

    thread = threading.Thread(target=work, name="memory")
    thread.start()
    try:
        yield samples
    finally:
        stopping.set()
        thread.join()
