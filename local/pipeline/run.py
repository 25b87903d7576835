"""One run of the pipeline: start the parts, send the events, show them, and reconcile."""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from deploy import progress
from deploy.aws.errors import DeployError
from deploy.progress import counted, say
from emulator import terminal
from emulator.mappings.mappings import EventSourceMappings
from emulator.mappings.worker import Pace
from emulator.server import REGION, emulator, export_line, work_on
from local import deploy_command
from local.pipeline import evidence, phone, reconcile, screen
from local.pipeline.deployed import PipelineError, System
from local.pipeline.figures import Figures, Watch
from local.pipeline.options import Options
from local.pipeline.shop import Shop
from producer.sender import SendError

POLL_INTERVAL = 0.2
"""Seconds between two reads of a shard by a mapping. Lambda's base rate is one a second."""

# Faster than Lambda does, so that a retry does not slow a short run.
_FIRST_RETRY, _LONGEST_RETRY = 0.02, 0.2
_REARM_MARGIN = 5
_STALLED, _QUIET = 30.0, 1.0


class Pipeline:
    """The parts at work on an emulator, until the stack ends them; `began` is by `time.monotonic`."""

    def __init__(self, options: Options, began: float, endpoint: str, stack: contextlib.ExitStack) -> None:
        self._options, self._began, self._stack = options, began, stack
        pace = Pace(poll=POLL_INTERVAL, first_retry=_FIRST_RETRY, longest_retry=_LONGEST_RETRY)
        margin = _REARM_MARGIN if options.policy == "crossing" else 0
        self.policy = reconcile.Policy(10, options.policy, margin)
        self.system = System(
            [
                *("--policy", options.policy, "--rearm-margin", str(margin), "--starting-position", "TRIM_HORIZON"),
                *("--shards", str(options.shards), "--parallelism", str(min(options.shards, 2))),
            ],
            stack,
        )
        self._mappings = stack.enter_context(EventSourceMappings(endpoint, REGION, lambda _: None, pace))

    def at(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._began

    def stages(self) -> Iterator[Figures]:
        """Figures, as often as they are asked for, from the start until all that was sent has arrived.

        Raises:
            PipelineError: if a part cannot be started, or ends.
            SendError: if the stream cannot be written.
        """
        while not self.system.ready():
            heard = "".join(f"\n{text}" for text in self.system.said[-1:])
            waiting = "`deploy up` builds what has changed, and creates streams and functions: about 10 s."
            yield Figures(self.at(), "starting", waiting + heard)
        self._look()
        while not self.system.job_runs():
            yield self.figures("starting", "The Flink job starts, in a JVM: about 10 s. Then events are sent.")
        self.shop.start()
        while self.shop.busy():
            yield self.figures("running")
        yield from self._last_ones()

    def _look(self) -> None:
        self.phone = phone.Phone(phone.subscribe(self.system.outputs["AlertsTopicArn"]))
        self._stack.callback(self.phone.stop)
        self.phone.start()
        one = self._options
        self.shop = Shop(self.system.stream("Source"), one.rate, one.duration, one.seed, one.bad_ratio)
        self._stack.callback(self.shop.stop)
        self._watch = Watch(self.system, self._mappings, self.phone, self.shop)

    def _last_ones(self) -> Iterator[Figures]:
        alerts, dead_letters = reconcile.expected(evidence.source(self.system), self.policy)
        last, changed = None, time.monotonic()
        while True:
            now = self.figures("waiting for the last ones")
            yield now
            totals = (now.kept, now.messages, now.dead_letters, now.alerts, now.failures, now.lost_alerts)
            messages = now.messages + now.lost_alerts
            arrived = now.kept >= now.sent and messages >= alerts and now.dead_letters >= dead_letters
            if totals != last:
                last, changed = totals, time.monotonic()
            quiet = time.monotonic() - changed
            # A message that comes twice comes late.
            if arrived and not now.alerts_lag and quiet > _QUIET:
                return
            if quiet > _STALLED:
                say(f"nothing has come for {_STALLED:.0f} s; reconciling what there is")
                return

    def figures(self, stage: str, waiting: str = "") -> Figures:
        """The state now. Raises PipelineError if the job has ended or a mapping does not run."""
        self.system.ready()
        if stage != "starting":
            self.system.job_runs()
        for problem in self._mappings.problems():
            raise PipelineError(f"a mapping does not run: {problem}")
        return self._watch.figures(self.at(), stage, waiting)

    def first_message(self) -> float:
        """Seconds from the start to the first message; there must be one."""
        published = min(message.published for message in self.phone.messages()) / 1000
        return self.at() - (time.time() - published)

    def evidence(self) -> reconcile.Evidence:
        """What there is to reconcile."""
        return evidence.collect(self.system, self.shop.taken(), self.shop.counts().given_up, self.phone.messages())


def _report(result: reconcile.Result, pipeline: Pipeline, kept: bool) -> None:
    for difference in result.differences:
        say(f"DIFFERENCE  {difference}")
    say(
        f"reconciled: {counted(pipeline.shop.counts().sent, 'event')} sent, {result.kept} in the table, "
        f"{result.refused} rejected and {result.failed} failed (in the bucket of failures), "
        f"{counted(result.alerts, 'alert')} sent once, {counted(result.dead_letters, 'dead letter')}; "
        + (counted(len(result.differences), "difference") if result.differences else "no differences")
    )
    if result.failed and not kept:
        say("well-formed events failed; with --keep the function's log can be read")
    if result.latencies:
        say(f"the first message went out {pipeline.first_message():.1f} s after the start")
        late = result.latency(99, after=10)
        later = f", after the first ten seconds {late:.2f} s" if late else ""
        say(
            f"from put_record to publish: median {result.latency(50):.2f} s, 99th percentile "
            f"{result.latency(99):.2f} s{later} "
            f"({counted(len(result.latencies), 'alert')}; mappings read every "
            f"{POLL_INTERVAL:g} s and retry first after {_FIRST_RETRY:g} s; on AWS every {Pace().poll:g} s and "
            f"after about {Pace().first_retry:g} s)"
        )


def _keep(pipeline: Pipeline, shell: Path) -> None:
    """Say how to look inside, and go on until a signal. Raises PipelineError if the job ends."""
    outputs = pipeline.system.outputs
    say(
        "it goes on until Ctrl-C. In another terminal:\n"
        f"  . {shell}\n"
        "  deploy status   # or verify, logs, tail: `python -m deploy`, on this emulator\n"
        "  deploy tail dead-letters --from-start\n"
        f"  aws dynamodb scan --table-name {outputs['TableName']} --max-items 5\n"
        f"  aws s3 ls --recursive s3://{outputs['FailuresBucket']}\n"
        f"  .venv/bin/python -m producer --stream {outputs['SourceStreamName']}"
    )
    while True:
        pipeline.figures("kept running")
        time.sleep(1)


def _shell_file(endpoint: str, stack: contextlib.ExitStack) -> Path:
    """A file that makes a shell work on the emulator, for as long as it is there; never on an account of the user's."""
    path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipeline-")), "env")
    command = f"cd '{deploy_command.ROOT}' && '{sys.executable}' -m deploy"
    path.write_text(f'{export_line(endpoint)}\ndeploy() {{ ({command} "$@"); }}\n', encoding="utf-8")
    return path


def run(options: Options) -> int:
    """Start the system, let it work, reconcile, and leave nothing behind; return the exit status."""
    began = time.monotonic()
    progress.begin()
    with contextlib.ExitStack() as stack:
        try:
            say(
                "starting the emulator of AWS; the first message comes after about 15 s, or a minute or two if the "
                "packages must be built"
            )
            endpoint = stack.enter_context(emulator())
            stack.enter_context(work_on(endpoint))
            shell = _shell_file(endpoint, stack)
            pipeline = Pipeline(options, began, endpoint, stack)
            screen.show(pipeline.stages(), pipeline.system.said, shell, options.picture)
            result = reconcile.reconcile(pipeline.evidence(), pipeline.policy)
            _report(result, pipeline, options.keep)
            if options.latencies:
                options.latencies.write_text(json.dumps({"milliseconds": sorted(result.latencies)}) + "\n")
            if options.keep:
                with contextlib.suppress(KeyboardInterrupt):
                    _keep(pipeline, shell)
                say("stopping; nothing is left behind")
        finally:
            terminal.ignore()
    return 1 if result.differences else 0


def main(options: Options) -> int:
    """Run, with one line for an error; return the exit status."""
    try:
        return terminal.run("pipeline", lambda: run(options), SendError)
    except DeployError as error:
        say(f"pipeline: {error}; {error.next_step}")
        return error.status
