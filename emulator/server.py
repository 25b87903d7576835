"""An AWS of one's own: moto's server, corrected, with the Flink service, in a process that ends with this one."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent

REGION = "us-east-1"
ACCOUNT = "123456789012"

# A job gets half a minute to end; there is seldom more than one.
_END_SECONDS = 60


def _environment() -> dict[str, str]:
    """The variables of a process that can reach no account of the user's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # No file of the user's, with profiles and credentials, is read.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def export_line(endpoint: str) -> str:
    """What lets a shell, and what it starts, work on an emulator."""
    return f"export AWS_ENDPOINT_URL={endpoint} AWS_REGION={REGION} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"


@contextlib.contextmanager
def work_on(endpoint: str) -> Iterator[None]:
    """Let this process, and what it starts, work on an emulator."""
    before, during = dict(os.environ), _environment() | {"AWS_ENDPOINT_URL": endpoint}
    os.environ.clear()
    os.environ.update(during)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def emulator(port: int = 0) -> Iterator[str]:
    """Run an emulator on `port` (0: a free one), and give its endpoint. The Flink jobs that it runs end before it does.

    Raises:
        RuntimeError: if it does not start.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator.server", str(port)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=_environment(),
        # A Ctrl-C at the terminal is for us, who end things in their order.
        start_new_session=True,
    )
    try:
        endpoint = process.stdout.readline().strip() if process.stdout else ""
        if not endpoint:
            raise RuntimeError("the emulator (moto) did not start; `make test` installs what it needs")
        yield endpoint
    finally:
        try:
            process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _serve() -> None:
    """Serve until stdin ends, which it does when the parent ends, in whatever way."""
    import logging

    from moto.server import ThreadedMotoServer
    from werkzeug.serving import WSGIRequestHandler

    from emulator.corrections import kinesis, resources, stacks
    from emulator.flink import endpoint as flink_endpoint
    from emulator.flink.jobs import RealJobs
    from emulator.flink.service import FlinkService

    kinesis.apply()
    stacks.apply()
    resources.apply()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # Clients keep their connections.
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=int(sys.argv[1]), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    jobs = RealJobs(endpoint)
    flink_endpoint.serve(lambda region: FlinkService(region, jobs))
    print(endpoint, flush=True)
    waiter = threading.Thread(target=sys.stdin.read)
    waiter.start()
    waiter.join()
    jobs.close()
    os._exit(0)


if __name__ == "__main__":
    _serve()
