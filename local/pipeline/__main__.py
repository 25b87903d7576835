"""The whole system on one machine, from the code, the packages and the templates that run in AWS: the entry point."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, RenderableType
from rich.live import Live

from deploy import packages, progress
from deploy.aws.errors import DeployError
from deploy.progress import say
from emulator.mappings.mappings import EventSourceMappings
from emulator.mappings.worker import Pace
from emulator.server import REGION, emulator, export_line, work_on
from local import terminal
from local.pipeline import deployed, evidence, job, reconcile
from local.pipeline import options as pipeline_options
from local.pipeline import screen as live_view
from local.pipeline.figures import Watch
from local.pipeline.options import Options
from local.pipeline.phone import Phone
from local.pipeline.screen import Figures
from local.pipeline.shop import Shop
from producer.sender import SendError

_ROOT = Path(__file__).resolve().parents[2]

POLL_INTERVAL = 0.2
"""Seconds between two looks of a mapping at a shard. Lambda's base rate is one a second."""

# Faster than Lambda does, so that a retry does not slow a short run.
_FIRST_RETRY, _LONGEST_RETRY = 0.02, 0.2
_REARM_MARGIN = 5
_RUNNING = "running"
_STALLED, _QUIET = 30.0, 1.0
_LOOK_INTERVAL = 0.5
_LINE_INTERVAL = 5.0


class PipelineError(RuntimeError):
    """The system could not be brought up or broke; the message says which part, and why."""


class Pipeline:
    """The parts at work, as `start` leaves them."""

    def __init__(self, options: Options, began: float, endpoint: str, stack: contextlib.ExitStack) -> None:
        self._options = options
        self._began = time.time() - (time.monotonic() - began)
        self.endpoint = endpoint
        say("creating streams, tables, topic, bucket, functions and mappings from deploy/templates/*.yaml")
        self.system = deployed.create(options.shards)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipeline-")))
        alerts = {"threshold": "10", "policy": options.policy, "rearm_margin": str(self.policy.rearm_margin)}
        say(f"starting the job from {job.PACKAGE.relative_to(_ROOT)}")
        groups = job.properties(self.system.outputs, alerts)
        self.job = stack.enter_context(job.run(groups, min(options.shards, 2), folder))
        pace = Pace(poll=POLL_INTERVAL, first_retry=_FIRST_RETRY, longest_retry=_LONGEST_RETRY)
        self.mappings = stack.enter_context(EventSourceMappings(endpoint, REGION, lambda _: None, pace))
        self.phone = Phone(self.system.phone_queue)
        stack.callback(self.phone.stop)
        self.phone.start()
        self.shop = Shop(self.system.stream("Source"), options.rate, options.duration, options.seed, options.bad_ratio)
        stack.callback(self.shop.stop)
        self._watch = Watch(self.system, self.mappings, self.phone, self.shop, began)

    @property
    def policy(self) -> reconcile.Policy:
        """The job's settings."""
        margin = _REARM_MARGIN if self._options.policy == "crossing" else 0
        return reconcile.Policy(10, self._options.policy, margin)

    def figures(self, stage: str) -> Figures:
        """The state now. Raises PipelineError if the job has ended or a mapping does not run."""
        failure = self.job.failure()
        if failure is not None:
            raise PipelineError(f"the job: {failure}")
        for problem in self.mappings.problems():
            raise PipelineError(f"a mapping does not run: {problem}")
        return self._watch.figures(stage)

    def first_message(self) -> float:
        """Seconds from the start to the first message; there must be one."""
        return min(message.published for message in self.phone.messages()) / 1000 - self._began

    def evidence(self) -> reconcile.Evidence:
        """What there is to reconcile."""
        return evidence.collect(self.system, self.shop.taken(), self.shop.counts().given_up, self.phone.messages())


def _stages(pipeline: Pipeline) -> Iterator[Figures]:
    """Figures, as often as they are asked for, from the start of the job until all that was sent has arrived."""
    while not pipeline.job.running():
        yield pipeline.figures("starting the job, a JVM")
    pipeline.shop.start()
    while pipeline.shop.busy():
        yield pipeline.figures(_RUNNING)
    alerts, dead_letters = reconcile.expected(evidence.source(pipeline.system), pipeline.policy)
    last, changed = None, time.monotonic()
    while True:
        now = pipeline.figures("waiting for the last ones")
        yield now
        totals = (now.kept, now.messages, now.dead_letters, now.alerts, now.failures, now.lost_alerts)
        arrived = now.kept >= now.sent and now.messages + now.lost_alerts >= alerts and now.dead_letters >= dead_letters
        if totals != last:
            last, changed = totals, time.monotonic()
        quiet = time.monotonic() - changed
        # A message that comes twice comes late.
        if arrived and not now.alerts_lag and quiet > _QUIET:
            return
        if quiet > _STALLED:
            say(f"nothing has come for {_STALLED:.0f} s; reconciling what there is")
            return


def _show(pipeline: Pipeline, picture: Path | None) -> None:
    """Show the system at work until all has arrived; and save the last one while events were sent as a picture."""
    rates, console = live_view.Rates(), Console(stderr=True)
    said = float("-inf")
    with Live(console=console, auto_refresh=False) if console.is_terminal else contextlib.nullcontext() as live:
        for figures in _stages(pipeline):
            rates.add(figures)
            if live is not None:
                live.update(live_view.screen(figures, rates), refresh=True)
            elif figures.at - said >= _LINE_INTERVAL:
                said = figures.at
                say(live_view.line(figures))
            if picture is not None and figures.stage == _RUNNING:
                _draw(live_view.screen(figures, rates), picture)
            time.sleep(_LOOK_INTERVAL)


def _draw(screen: RenderableType, picture: Path) -> None:
    with Path(os.devnull).open("w") as nowhere:
        drawing = Console(record=True, width=100, file=nowhere)
        drawing.print(screen)
        drawing.save_svg(str(picture), title="make pipeline")


def _report(result: reconcile.Result, pipeline: Pipeline) -> None:
    for difference in result.differences:
        say(f"DIFFERENCE  {difference}")
    say(
        f"reconciled: {pipeline.shop.counts().sent} events sent, {result.kept} in the table, {result.refused} "
        f"refused and {result.failed} failed (in the bucket of failures), {result.alerts} alerts sent once, "
        f"{result.dead_letters} dead letters; {len(result.differences) or 'no'} differences"
    )
    if result.failed:
        say("well-formed events failed: the function's log says why; `python -m deploy redrive` sends them again")
    if result.latencies:
        say(f"the first message went out {pipeline.first_message():.1f} s after the start")
        say(
            f"from put_record to publish: median {result.latency(50):.2f} s, 99th percentile "
            f"{result.latency(99):.2f} s ({len(result.latencies)} alerts; mappings poll every {POLL_INTERVAL:g} s, "
            "Lambda every second)"
        )


def _keep(pipeline: Pipeline) -> None:
    """Say how to look inside, and go on until a signal. Raises PipelineError if the job ends."""
    outputs = pipeline.system.outputs
    say(
        "it goes on until Ctrl-C. In another terminal:\n"
        f"  {export_line(pipeline.endpoint)}\n"
        f"  aws dynamodb scan --table-name {outputs['TableName']} --max-items 5\n"
        f"  aws logs tail {outputs['AlertsToSnsLogs']} --since 10m\n"
        f"  aws s3 ls --recursive s3://{outputs['FailuresBucket']}\n"
        f"  .venv/bin/python -m producer --stream {outputs['SourceStreamName']}\n"
        "  .venv/bin/python -m deploy tail dead-letters --from-start   # or logs, redrive: as with AWS"
    )
    while True:
        pipeline.figures("kept running")
        time.sleep(1)


def run(options: Options) -> int:
    """Bring the system up, let it work, reconcile, and leave nothing behind; return the exit status."""
    packages.packages()
    began = time.monotonic()
    progress.begin()
    with contextlib.ExitStack() as stack:
        try:
            say("starting the emulator")
            endpoint = stack.enter_context(emulator())
            stack.enter_context(work_on(endpoint))
            pipeline = Pipeline(options, began, endpoint, stack)
            _show(pipeline, options.picture)
            result = reconcile.reconcile(pipeline.evidence(), pipeline.policy)
            _report(result, pipeline)
            if options.keep:
                with contextlib.suppress(KeyboardInterrupt):
                    _keep(pipeline)
                say("stopping; nothing is left behind")
        finally:
            terminal.ignore()
    return 1 if result.differences else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status (1: a difference or a part that broke, 2: bad option, 130: stopped)."""
    options = pipeline_options.read(arguments)
    terminal.interrupt()
    try:
        return run(options)
    except KeyboardInterrupt:
        say("stopped; nothing is left behind")
        return 130
    except DeployError as error:
        say(f"pipeline: {error}; {error.next_step}")
        return error.status
    except (RuntimeError, OSError, SendError, BotoCoreError, ClientError) as error:
        say(f"pipeline: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
