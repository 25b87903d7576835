"""`up`: build, upload, create or update the stacks, start the application, and see that its job runs."""

import argparse
from pathlib import Path

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from deploy import alarm_mail, deployment
from deploy import packages as artifacts
from deploy.aws import errors, flink_job, stacks
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.costs import hourly
from deploy.deployment import Deployment
from deploy.progress import say, step
from deploy.up import application, kept_table, parameters, phones, plan, reset_state
from deploy.up import options as up_options
from deploy.up.application import Running
from deploy.up.state import POSITION, UNFOLLOWED, Up

add_options = up_options.add

_SHARDS = ("Shards", "OutputShards")
_MAPPINGS = ("KinesisToDynamoMapping", "AlertsToSnsMapping")


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Do what `up` does; the exit status is 0 if the wanted code and its job run."""
    values = parameters.given(options)
    numbers = None if options.phone is None else phones.read(options.phone)
    thresholds = parameters.read_thresholds(options.thresholds) if options.thresholds else None
    up = Up(aws, Deployment(options.stack_name), values, thresholds, options.reset_state)
    say(f"account {aws.account()}, region {aws.region}")
    up.check_parameters()
    artifacts.build()
    packages = artifacts.packages()
    print(hourly.show(_estimate(up)), flush=True)
    if options.plan:
        up.values |= _phones(up, numbers)
        return plan.show(up, packages)
    up.take_left_over()
    for part in deployment.PARTS:
        stacks.make_ready(up.cloudformation, up.deployment.stack(part))
    # What was under way has ended, and may have changed them.
    up.forget()
    lost = _refuse_or_reset(up)
    up.values |= _phones(up, numbers)
    _see_table(up)
    if up.reset_state:
        reset_state.prepare(up)
    up.apply("storage")
    _upload(up, packages)
    _system(up, anew=not set(POSITION).isdisjoint(lost))
    running = application.bring(up)
    if "monitoring" in deployment.PARTS:
        up.apply("monitoring")
    return _result(up, running)


def _estimate(up: Up) -> list[hourly.Line]:
    values = up.previous("system") | up.previous("application") | up.values

    def number(key: str) -> int:
        return int(values.get(key, "1"))

    return hourly.estimate(
        number("Parallelism"),
        number("ParallelismPerKPU"),
        number("Shards"),
        number("OutputShards"),
        hourly.alarms(deployment.template("monitoring").read_text(encoding="utf-8")),
        own_key=not values.get("RoleArn"),
    )


def _upload(up: Up, packages: dict[str, Path]) -> None:
    bucket = up.values["CodeBucket"]
    s3 = up.aws.client("s3")
    for parameter, package in packages.items():
        key = application.key(up, parameter, package)
        with step(f"upload {package.name} ({package.stat().st_size / 1e6:.1f} MB) as {key}"):
            up.values[parameter] = artifacts.upload(s3, bucket, package, key)


def _phones(up: Up, numbers: list[str] | None) -> dict[str, str]:
    """The parameters of the phones; none if none is given, which leaves them as they are."""
    if numbers is None:
        return {}
    slots = phones.subscribed(up.cloudformation, up.aws.client("sns"), up.deployment.stack("system"))
    return phones.parameters(numbers, slots)


def _refuse_or_reset(up: Up) -> list[str]:
    """The changes that lose state, which were asked for. Raises DeployError for those that were not."""
    lost = up.unfollowed()
    if lost and not up.reset_state:
        reasons = "; ".join(f"{key}: {UNFOLLOWED[key]}" for key in lost)
        raise DeployError(
            f"this cannot be changed while the state is kept: {reasons}",
            "run it with --reset-state: the job forgets what it remembers, and begins where it is, or at "
            "--starting-position",
            2,
        )
    return lost


def _see_table(up: Up) -> None:
    """See, before anything is made, that the table is the deployment's own and there. Raises DeployError if not."""
    name, dynamodb = up.wanted("system", "TableName"), up.aws.client("dynamodb")
    if up.is_new():
        kept_table.find(dynamodb, up.deployment, name)
        return
    table = kept_table.describe(dynamodb, name)
    if up.previous("system") and (table is None or table["TableStatus"] == "DELETING"):
        raise DeployError(
            f"the table {name} is gone, as a `down` that was broken off leaves it", "run `down` to its end, then `up`"
        )


def _system(up: Up, anew: bool) -> None:
    """Apply the stack of the system; `anew` if its mapping of the events must begin at another position."""
    if up.is_new():
        table = up.wanted("system", "TableName")
        kept_table.adopt(up.cloudformation, up.aws.client("dynamodb"), up.deployment, table)
    mappings = _mappings_to_make(up, anew)
    for shards in _shards(up):
        up.values |= shards
        if mappings:
            # There cannot be two of the same stream and function, and CloudFormation makes the new one first.
            say(f"{', '.join(sorted(mappings))}: removed, and then made anew at the starting position")
            up.left_out, mappings = mappings, frozenset()
            up.apply("system")
            up.left_out = frozenset()
        up.apply("system")


def _mappings_to_make(up: Up, anew: bool) -> frozenset[str]:
    """The stack's mappings that must be made anew: one that begins elsewhere, and those that somebody removed."""
    outputs = up.deployment.outputs(up.cloudformation, "system")
    there = {name: outputs[name] for name in _MAPPINGS if name in outputs}
    moved = {"KinesisToDynamoMapping"} if anew else set()
    return frozenset(name for name, mapping in there.items() if name in moved or _is_gone(up, mapping))


def _is_gone(up: Up, mapping: str) -> bool:
    try:
        up.aws.client("lambda").get_event_source_mapping(UUID=mapping)
    except ClientError as error:
        if errors.code(error) != "ResourceNotFoundException":
            raise
        return True
    return False


def _shards(up: Up) -> list[dict[str, str]]:
    """The parameters with which the stack is applied, one after the other: the wanted shards, or steps to them."""
    now = {name: value for name, value in up.previous("system").items() if name in _SHARDS}
    wanted = {name: up.values[name] for name in now if name in up.values}
    steps = {name: parameters.shard_steps(int(now[name]), int(wanted[name])) for name in wanted}
    for name, counts in steps.items():
        if len(counts) > 1:
            say(f"{name} from {now[name]} in steps, as a stream is at most doubled or halved at once: {counts}")
    rounds = max([1, *(len(counts) for counts in steps.values())])
    return [
        {name: str(counts[min(n, len(counts) - 1)]) for name, counts in steps.items() if counts} for n in range(rounds)
    ]


def _result(up: Up, running: Running | None) -> int:
    """See that what is wanted is what runs, and say so."""
    name = up.deployment.application
    if running is not None:
        application.must_be_live(up, name, running.began)
        services = flink_job.Services(up.aws)
        flink_job.must_run(services, name, up.values["ApplicationLogs"], running.began, running.since)
    _sandbox(up)
    nobody = alarm_mail.problem(up.aws, up.deployment)
    if nobody:
        say(nobody)
    print(f"changed: {', '.join(up.changed)}" if up.changed else "no change")
    if running is not None:
        print(
            f"application {name} runs {up.values['JobKey']}, and its job runs; see it work: `python -m deploy verify`"
        )
    return 0


def _sandbox(up: Up) -> None:
    """Say when the account may send text messages only to numbers that are verified."""
    try:
        answer = up.aws.client("sns").get_sms_sandbox_account_status()
    except (ClientError, ResponseParserError):
        # Not every role may ask, and no emulator answers in SNS's own form; nothing depends on it.
        return
    if answer.get("IsInSandbox"):
        say("the account is in the SMS sandbox: only numbers that are verified in the SNS console get messages")
