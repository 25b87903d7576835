"""The server of the emulator: moto with corrections and the Flink service, in a process that ends with this one."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto.server import ThreadedMotoServer

_ROOT = Path(__file__).resolve().parent.parent

REGION = "us-east-1"
ACCOUNT = "123456789012"

# A job has ten seconds to end; there is seldom more than one.
_END_SECONDS = 30


def _environment() -> dict[str, str]:
    """The environment variables of a process, without whatever could give it access to an AWS account."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # The user's files with profiles and credentials are not read.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def export_line(endpoint: str) -> str:
    """The line that makes a shell, and what it starts, use an emulator."""
    # boto3 and version 1 of the AWS CLI know AWS_DEFAULT_REGION, other SDKs AWS_REGION.
    regions = f"AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}"
    return f"export AWS_ENDPOINT_URL={endpoint} {regions} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"


@contextlib.contextmanager
def work_on(endpoint: str) -> Iterator[None]:
    """Make this process, and what it starts, use an emulator until the end of the block."""
    before, during = dict(os.environ), _environment() | {"AWS_ENDPOINT_URL": endpoint}
    os.environ.clear()
    os.environ.update(during)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def emulator(port: int = 0, limit_reads: bool = False) -> Iterator[str]:
    """Run an emulator until the end of the block, and give its endpoint. The Flink jobs that it runs end first.

    Args:
        port: where to serve; 0 for a free one.
        limit_reads: whether to refuse more than five reads a second of a shard of Kinesis, as AWS does.

    Raises:
        RuntimeError: if it does not start.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator.server", str(port), *(["limit-reads"] if limit_reads else [])],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
        # A Ctrl-C at the terminal must not reach it: this process ends things in their order.
        start_new_session=True,
    )
    try:
        endpoint = process.stdout.readline().strip() if process.stdout else ""
        if not endpoint:
            raise RuntimeError("the emulator (moto) did not start; expected a free port, and what `make test` installs")
        yield endpoint
    finally:
        try:
            process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def moto(port: int = 0, limit_reads: bool = False) -> "ThreadedMotoServer":
    """Start moto with the corrections in a thread of this process; `stop()` ends it.

    Args:
        port: where to serve; 0 for a free one.
        limit_reads: whether to refuse more than five reads a second of a shard of Kinesis, as AWS does.

    Raises:
        OSError: if the port is taken.
    """
    import logging
    import socket

    from moto import backends
    from moto.server import ThreadedMotoServer
    from werkzeug.serving import WSGIRequestHandler

    from emulator import corrections

    corrections.apply(limit_reads)
    # At each request moto looks through its own folder: half a millisecond, in which every other request waits.
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    # What is left on stderr is an error of the emulator itself. Moto tells of each resource that it passes over.
    for name in ("moto", "werkzeug"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # As AWS answers; the connection ends after each answer all the same.
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    # Moto waits for ever if the port is taken.
    socket.create_server(("127.0.0.1", port)).close()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server


def _serve() -> None:
    """Serve until stdin ends, which it does when the parent ends, in whatever way."""
    import warnings

    from emulator.flink import endpoint as flink_endpoint
    from emulator.flink.jobs import RealJobs
    from emulator.flink.service import FlinkService
    from emulator.functions.invocations import Invocations

    warnings.filterwarnings("ignore", module="moto")
    host, port = moto(int(sys.argv[1]), limit_reads=len(sys.argv) > 2).get_host_and_port()
    endpoint = f"http://{host}:{port}"
    jobs = RealJobs(endpoint)
    flink_endpoint.serve(lambda region: FlinkService(region, jobs))
    invocations = Invocations(endpoint, REGION)
    invocations.serve()
    print(endpoint, flush=True)
    waiter = threading.Thread(target=sys.stdin.read)
    waiter.start()
    waiter.join()
    invocations.close()
    jobs.close()
    os._exit(0)


if __name__ == "__main__":
    _serve()
