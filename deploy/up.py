"""`up`: build, upload, create or update the stacks, start the application, and see that its job runs."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

import artifacts
import deployment
import flink_application
import flink_job
import kept_table
import parameters
import prices
import stacks
import waiting
from aws import Aws
from aws_errors import DeployError
from deployment import Deployment
from reporting import say, step

_UNFOLLOWED = {
    "Policy": "the state of one policy is no state of the other",
    "Runtime": "the state of one Flink version may not be read by another",
    "StartingPosition": "a mapping and a job that have begun to read do not begin again",
    "StartingTimestamp": "a mapping and a job that have begun to read do not begin again",
}
"""Parameters that what runs cannot follow, and why."""


_RECENT = timedelta(minutes=5)
"""How old a metric may be that shows that a job, which nobody touched, still runs."""


class Running(NamedTuple):
    """Since when the application runs: when that began, and when it was RUNNING."""

    began: datetime
    since: datetime


@dataclass
class Up:
    """One run of `up`: what is wanted, and what the stacks have put out so far."""

    aws: Aws
    deployment: Deployment
    values: dict[str, str]
    thresholds: Mapping[str, str] | None = None
    reset_state: bool = False
    changed: list[str] = field(default_factory=list)
    _previous: dict[str, dict[str, str]] = field(default_factory=dict)
    _declared: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cloudformation = self.aws.client("cloudformation")
        self.service = self.aws.client("kinesisanalyticsv2")

    def previous(self, part: str) -> dict[str, str]:
        """The parameters that a part's stack has; empty if there is none that can be updated."""
        if part not in self._previous:
            stack = stacks.describe(self.cloudformation, self.deployment.stack(part)) or {}
            usable = stack.get("StackStatus") not in stacks.LEFT_OVER
            pairs = stack.get("Parameters", []) if usable else []
            self._previous[part] = {pair["ParameterKey"]: pair["ParameterValue"] for pair in pairs}
        return self._previous[part]

    def forget(self) -> None:
        """Ask for the stacks' parameters again."""
        self._previous.clear()

    def body(self, part: str) -> str:
        """The template of a part, with the thresholds in it."""
        text = stacks.body(deployment.template(part))
        if part != "application":
            return text
        old = None
        if self.thresholds is None and self.previous(part):
            name = self.deployment.stack(part)
            old = str(self.cloudformation.get_template(StackName=name)["TemplateBody"])
        return parameters.with_thresholds(text, self.thresholds, old)

    def declared(self, body: str) -> list[dict[str, Any]]:
        """The parameters that a template declares."""
        if body not in self._declared:
            self._declared[body] = self.cloudformation.get_template_summary(TemplateBody=body)["Parameters"]
        return self._declared[body]

    def parameters(self, part: str, body: str) -> list[dict[str, Any]]:
        """The parameters of a part as CloudFormation takes them."""
        declared = self.declared(body)
        values = dict(self.values)
        if part == "system" and "StartingTimestamp" in values:
            values["StartingTimestamp"] = parameters.timestamp_of_mapping(values["StartingTimestamp"])
        return parameters.for_cloudformation(declared, values, self.previous(part))

    def plan(self, part: str) -> list[stacks.Change] | None:
        """Make the change set of a part; None if nothing changes."""
        body = self.body(part)
        return stacks.plan(self.cloudformation, self.deployment.stack(part), body, self.parameters(part, body))

    def apply(self, part: str) -> bool:
        """Bring a part's stack to what is wanted, and tell whether anything changed. Raises StackError."""
        name = self.deployment.stack(part)
        with step(f"stack {name}"):
            planned = self.plan(part)
            if planned is not None:
                self._previous.pop(part, None)
                stacks.execute(self.cloudformation, name)
                self.changed.append(name)
        self.values |= self.deployment.must_have(self.cloudformation, part)
        return planned is not None

    def unfollowed(self) -> list[str]:
        """The given parameters that differ from the previous ones and that what runs cannot follow."""
        before = self.previous("system") | self.previous("application")
        return [key for key in _UNFOLLOWED if key in before and self.values.get(key, before[key]) != before[key]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `up`; one left out keeps the value that the deployment has."""
    positive = whole_number(1)
    parser.add_argument("--role-arn", metavar="ARN", help="one role for everything, where none can be made (LabRole)")
    parser.add_argument(
        "--phone", action="append", metavar="+NUMBER", help="a phone that gets the alerts; repeatable; `none` for none"
    )
    parser.add_argument("--email", metavar="ADDRESS", help="where alarms go")
    parser.add_argument("--threshold", type=whole_number(-(2**31)), metavar="N", help="stock below this is low (10)")
    parser.add_argument("--thresholds", type=Path, metavar="FILE", help="JSON object: product → its own; {} for none")
    parser.add_argument(
        "--policy", choices=["every", "crossing"], help="an alert at every event below, or once (every)"
    )
    parser.add_argument("--rearm-margin", type=whole_number(0), metavar="N", help="for crossing (0)")
    parser.add_argument("--shards", type=positive, metavar="N", help="of the stream of events (1)")
    parser.add_argument("--parallelism", type=positive, metavar="N", help="of the application (1)")
    parser.add_argument("--runtime", metavar="NAME", help="of the application (FLINK-1_20)")
    parser.add_argument("--starting-position", choices=["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])
    parser.add_argument("--starting-timestamp", type=timestamp, metavar="ISO8601", help="for AT_TIMESTAMP")
    parser.add_argument("--reset-state", action="store_true", help="make changes that lose what the job remembers")
    parser.add_argument("--plan", action="store_true", help="show what would change, and change nothing")


def whole_number(least: int) -> Any:
    """An argparse type: a whole number from `least`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number < 2**31:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least}, got {text!r}")
        return number

    return read


def timestamp(text: str) -> str:
    """An argparse type: an ISO-8601 time with an offset or Z."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"expected ISO-8601 with an offset or Z, got {text!r}")
    return text


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Do what `up` does; the exit status is 0 if the wanted code and its job run."""
    values = parameters.given(options)
    thresholds = parameters.read_thresholds(options.thresholds) if options.thresholds else None
    up = Up(aws, Deployment(options.stack_name), values, thresholds, options.reset_state)
    say(f"account {aws.account()}, region {aws.region}")
    artifacts.build()
    packages = artifacts.packages()
    print(prices.show(_estimate(up)), flush=True)
    if options.plan:
        return _show_plan(up, packages)
    for part in deployment.PARTS:
        stacks.make_ready(up.cloudformation, up.deployment.stack(part))
    # What was under way has ended, and may have changed them.
    up.forget()
    lost = _refuse_or_reset(up)
    up.apply("storage")
    _upload(up, packages)
    _system(up, lost)
    running = _application(up, lost)
    if "monitoring" in deployment.PARTS:
        up.apply("monitoring")
    return _result(up, running)


def _estimate(up: Up) -> list[prices.Line]:
    values = up.previous("system") | up.previous("application") | up.values

    def number(key: str) -> int:
        return int(values.get(key, "1"))

    return prices.estimate(
        number("Parallelism"),
        number("ParallelismPerKPU"),
        number("Shards"),
        number("OutputShards"),
        prices.alarms(deployment.template("monitoring").read_text(encoding="utf-8")),
        own_key=not values.get("RoleArn"),
    )


def _show_plan(up: Up, packages: dict[str, Path]) -> int:
    """Print each stack's change set, and leave none of them behind."""
    for parameter, package in packages.items():
        up.values[parameter] = _key(up, parameter, package)
    table = _table_name(up)
    if not up.previous("system") and kept_table.describe(up.aws.client("dynamodb"), table):
        print(f"the table {table} is there, and is imported")
        # CloudFormation plans no resource by a name that is taken.
        up.values["TableName"] = f"{up.deployment.name}-planned"
    for key in up.unfollowed():
        print(f"{key} changes: {_UNFOLLOWED[key]}; `up` wants --reset-state for it")
    for part in deployment.PARTS:
        name = up.deployment.stack(part)
        up.values |= up.deployment.outputs(up.cloudformation, part)
        body = up.body(part)
        _stand_in_for_outputs(up, body)
        state = (stacks.describe(up.cloudformation, name) or {}).get("StackStatus")
        if state in stacks.LEFT_OVER and state != "REVIEW_IN_PROGRESS":
            print(f"stack {name}: left over in {state}; `up` clears it and makes it anew")
            continue
        planned = up.plan(part)
        if planned is None:
            print(f"stack {name}: no change")
            continue
        stacks.drop_plan(up.cloudformation, name)
        print(f"stack {name}: {len(planned)} changes")
        for change in planned:
            replaced = ", replaced" if change.replacement == "True" else ""
            print(f"  {change.action:7} {change.logical_id} ({change.resource_type}{replaced})")
    return 0


def _stand_in_for_outputs(up: Up, body: str) -> None:
    """A stack that is not there has no outputs yet; what takes them is planned with a name that says so."""
    for parameter in up.declared(body):
        if parameter.get("DefaultValue") is None:
            allowed = parameter.get("ParameterConstraints", {}).get("AllowedValues") or ["known-when-created"]
            up.values.setdefault(parameter["ParameterKey"], allowed[0])


def _key(up: Up, parameter: str, package: Path) -> str:
    """The key of a package; one of its own for a job that CloudFormation wrongly believes to be live."""
    key = artifacts.key(package)
    detail = flink_application.describe(up.service, up.deployment.application) if parameter == "JobKey" else None
    if detail is None:
        return key
    live, believed = flink_application.code_key(detail), up.previous("application").get("JobKey", "")
    if artifacts.same_code(live, key):
        return believed if artifacts.same_code(believed, key) else live
    if artifacts.same_code(believed, key):
        say(f"{key} was rolled back; {live} is live: it is tried again")
        return artifacts.key(package, retry_of=int(detail["ApplicationVersionId"]))
    return key


def _upload(up: Up, packages: dict[str, Path]) -> None:
    bucket = up.values["CodeBucket"]
    s3 = up.aws.client("s3")
    for parameter, package in packages.items():
        key = _key(up, parameter, package)
        with step(f"upload {package.name} ({package.stat().st_size / 1e6:.1f} MB) as {key}"):
            up.values[parameter] = artifacts.upload(s3, bucket, package, key)


def _refuse_or_reset(up: Up) -> list[str]:
    """The changes that lose state, which were asked for. Raises DeployError for those that were not."""
    lost = up.unfollowed()
    if lost and not up.reset_state:
        reasons = "; ".join(f"{key}: {_UNFOLLOWED[key]}" for key in lost)
        raise DeployError(
            f"this cannot be changed while the state is kept: {reasons}",
            "run it with --reset-state, which forgets what the job remembers and may send an alert twice",
            2,
        )
    return lost


def _system(up: Up, lost: list[str]) -> None:
    name = up.deployment.stack("system")
    if not up.previous("system") and not stacks.describe(up.cloudformation, name):
        table = _table_name(up)
        kept_table.adopt(up.cloudformation, up.aws.client("dynamodb"), name, table)
    if "StartingPosition" in lost or "StartingTimestamp" in lost:
        _remove_mapping(up)
    now = up.previous("system").get("Shards")
    steps = parameters.shard_steps(int(now), int(up.values.get("Shards", now))) if now else []
    if len(steps) > 1:
        say(f"from {now} shards to {steps[-1]} in steps, as a stream is at most doubled or halved: {steps}")
    for shards in steps[:-1]:
        up.values["Shards"] = str(shards)
        up.apply("system")
    if steps:
        up.values["Shards"] = str(steps[-1])
    up.apply("system")


def _table_name(up: Up) -> str:
    body = stacks.body(deployment.template("system"))
    declared = up.declared(body)
    return next(str(one["DefaultValue"]) for one in declared if one["ParameterKey"] == "TableName")


def _remove_mapping(up: Up) -> None:
    """Let CloudFormation make the mapping anew: there cannot be two of the same stream and function."""
    mapping = up.deployment.outputs(up.cloudformation, "system").get("KinesisToDynamoMapping")
    if mapping:
        say(f"mapping {mapping} is removed, to begin at the new position")
        up.aws.client("lambda").delete_event_source_mapping(UUID=mapping)


def _application(up: Up, lost: list[str]) -> Running | None:
    """Bring the application to what is wanted; since when it runs, or None if it was stopped and stays so."""
    name = up.deployment.application
    before = flink_application.wait_until_steady(up.service, name)
    if before and lost:
        say(f"application {name} is stopped, as it loses its state")
        flink_application.stop(up.service, name, force=True)
    ran = before is not None and before["ApplicationStatus"] == "RUNNING" and not lost
    stopped = before is not None and not ran and not lost and _was_stopped(up, name)
    began = waiting.now()
    changed = _update(up, name, began)
    if stopped:
        say(f"application {name} was stopped, and is left so; `python deploy/deploy.py start` starts it")
        return None
    if flink_application.describe(up.service, name) is None:
        raise DeployError(
            f"the stack of application {name} is complete, but this endpoint has no Managed Service for Apache Flink",
            "on an emulator, run the job with `python jobs/low_inventory.py --properties FILE`",
        )
    if not ran:
        flink_application.start(up.service, name, forget_state=bool(lost))
    detail = flink_application.wait_until_steady(up.service, name) or {}
    if detail.get("ApplicationStatus") != "RUNNING":
        what = f"is READY after its {'update' if ran else 'start'}"
        raise flink_job.failure(flink_job.Services(up.aws), name, up.values["ApplicationLogs"], began, what)
    if ran and not changed:
        return Running(flink_application.began(up.service, name) or began, waiting.now() - _RECENT)
    return Running(began, waiting.now())


def _update(up: Up, name: str, began: datetime) -> bool:
    """Apply the application's stack, and tell whether it changed; a failure comes with what the driver logged."""
    try:
        return up.apply("application")
    except stacks.StackError as error:
        group = up.deployment.outputs(up.cloudformation, "application").get("ApplicationLogs")
        if group:
            raise flink_job.failure(flink_job.Services(up.aws), name, group, began, str(error)) from None
        raise


def _was_stopped(up: Up, name: str) -> bool:
    """Whether the last thing done to an application that is READY was to stop it; one that failed is started again."""
    done = [
        one for one in flink_application.operations(up.service, name, 50) if one["Operation"] != "UpdateApplication"
    ]
    return bool(done) and done[0]["Operation"] == "StopApplication"


def _result(up: Up, running: Running | None) -> int:
    """See that what is wanted is what runs, and say so."""
    name = up.deployment.application
    if running is not None:
        _must_be_live(up, name, running.began)
        services = flink_job.Services(up.aws)
        flink_job.must_run(services, name, up.values["ApplicationLogs"], running.began, running.since)
    _sandbox(up)
    print(f"changed: {', '.join(up.changed)}" if up.changed else "no change")
    if running is not None:
        print(f"application {name} runs {up.values['JobKey']}, and its job runs; see it work: deploy.py verify")
    return 0


def _must_be_live(up: Up, name: str, began: datetime) -> None:
    detail = flink_application.must_be_there(up.service, name)
    live = flink_application.code_key(detail)
    if live != up.values["JobKey"]:
        what = f"the update was rolled back: {live} is live, not {up.values['JobKey']}"
        raise flink_job.failure(flink_job.Services(up.aws), name, up.values["ApplicationLogs"], began, what)


def _sandbox(up: Up) -> None:
    """Say when the account may send text messages only to numbers that are verified."""
    try:
        answer = up.aws.client("sns").get_sms_sandbox_account_status()
    except (ClientError, ResponseParserError):
        # Not every role may ask, and no emulator answers in SNS's own form; nothing depends on it.
        return
    if answer.get("IsInSandbox"):
        say("the account is in the SMS sandbox: only numbers that are verified in the SNS console get messages")
