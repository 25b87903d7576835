"""`up`: read, check, refuse, build, apply, confirm."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import ClientError

from deploy import alarm_mail, deployment
from deploy import packages as artifacts
from deploy.aws import errors, flink_application, stacks, waiting
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.costs import hourly
from deploy.progress import say, step
from deploy.up import application, lines, parameters, plan, reset_state, state, subscribers
from deploy.up import options as up_options
from deploy.up.application import Updated
from deploy.up.state import UNFOLLOWED, Deployed, Wanted

add_options = up_options.add

_SETTLED = ("", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
"""States of a stack that can be created or updated at once."""

_SHARDS = ("Shards", "OutputShards")
_MAPPINGS = ("KinesisToDynamoMapping", "AlertsToSnsMapping")
_NAMES = (
    "SourceStreamName",
    "AlertsStreamName",
    "DeadLetterStreamName",
    "TableName",
    "KinesisToDynamoName",
    "AlertsToSnsName",
)
"""Parameters that name what holds records: under another name it would be another thing, and empty."""


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Do what `up` does; the exit status is 0 if the wanted code and its job run."""
    wanted = up_options.read(options, aws.region)
    say(f"account {aws.account()}, region {aws.region}")
    wanted, deployed = _read(aws, wanted)
    subscribers.say_sandbox(aws, wanted)
    lines.say_what_it_lacks(wanted, deployed)
    lines.say_order(wanted, deployed)
    print(_price(wanted, deployed), flush=True)
    if options.plan:
        plan.show(aws, wanted.having(_keys(deployed, _build(wanted))), deployed)
        return 0
    if not options.yes and not _agreed():
        print("nothing was changed")
        return 1
    deployed = _clear(aws, wanted, deployed)
    moved = _refuse(aws, wanted, deployed)
    if wanted.reset_state:
        wanted = replace(wanted, job_position=reset_state.position(aws, wanted))
    changed, wanted, updated = _apply(aws, wanted, deployed, _build(wanted), moved)
    return _confirm(aws, wanted, changed, updated)


# Read


def _read(aws: Aws, wanted: Wanted) -> tuple[Wanted, Deployed]:
    """What is wanted, with what only AWS can tell, and what is deployed."""
    wanted = wanted.having({"ApplicationName": wanted.deployment.application})
    if wanted.values.get("StartingPosition") == "LATEST":
        # LATEST means what comes after the first start, also after later updates, so the job gets a time.
        wanted = wanted.having({"StartingTimestamp": parameters.timestamp(waiting.now())})
    if wanted.learner_lab and "RoleArn" not in wanted.values:
        wanted = wanted.having({"RoleArn": _lab_role(aws)})
    deployed = state.read(aws, wanted.deployment)
    # Before a line is chosen, which may build it.
    _check(wanted, deployed)
    return lines.choose(wanted, deployed), deployed


def _lab_role(aws: Aws) -> str:
    try:
        return str(aws.client("iam").get_role(RoleName="LabRole")["Role"]["Arn"])
    except ClientError as error:
        raise DeployError(
            f"--learner-lab: the role LabRole cannot be found: {errors.sentence(error)}",
            "use the credentials of the lab's AWS details, or name a role with --service-role-arn",
            2,
        ) from None


# Check


def _check(wanted: Wanted, deployed: Deployed) -> None:
    """See that what is given has a meaning, and that no name of what holds records changes. Raises DeployError."""
    given = {name: value for name, value in wanted.values.items() if name != "ApplicationName"}
    parameters.check(given, deployed.declared, up_options.OWN_OPTIONS)
    before = deployed.values
    policy = wanted.values.get("Policy", before.get("Policy", "every"))
    up_options.margin_has_meaning(int(wanted.values.get("RearmMargin", 0)), policy)
    for name in _NAMES:
        if name in before and wanted.values.get(name, before[name]) != before[name]:
            raise DeployError(
                f"{name}: this deployment has {before[name]}, and {wanted.values[name]} would begin empty",
                "create another deployment with --stack-name",
                2,
            )


def _price(wanted: Wanted, deployed: Deployed) -> str:
    """What the deployment costs, as text."""
    values = {**deployed.values, **wanted.values}

    def number(key: str) -> int:
        default = next(one["DefaultValue"] for one in deployed.declared if one["ParameterKey"] == key)
        return int(values.get(key, default))

    size = hourly.Size(
        number("Parallelism"),
        number("ParallelismPerKPU"),
        number("Shards"),
        number("OutputShards"),
        number("RetentionHours"),
        fan_out=values.get("Reader") == "efo",
        alarms=hourly.alarms(deployment.template("monitoring").read_text(), parameters.alarm_conditions(values)),
    )
    return hourly.show(hourly.estimate(size), wanted.learner_lab)


def _agreed() -> bool:
    """Whether the user agrees. Raises DeployError where nobody can be asked; exit status 2."""
    if not sys.stdin.isatty():
        raise DeployError("up asks before it changes anything, and there is no terminal", "add --yes", 2)
    return input("type yes to go on: ").strip() == "yes"


# Refuse


def _clear(aws: Aws, wanted: Wanted, deployed: Deployed) -> Deployed:
    """Wait for operations in progress and delete stacks whose creation failed; what is deployed then."""
    if all(part.status in _SETTLED for part in deployed.parts.values()):
        return deployed
    for part in deployment.PARTS:
        stacks.make_ready(aws.client("cloudformation"), wanted.deployment.stack(part))
    return state.read(aws, wanted.deployment)


def _refuse(aws: Aws, wanted: Wanted, deployed: Deployed) -> bool:
    """Refuse changes that lose state unless they are asked for; return whether the mapping begins at another position.

    Raises:
        DeployError: for those that are not asked for (exit status 2), or if the table is gone.
    """
    lost = state.unfollowed(wanted, deployed)
    if lost and not wanted.reset_state:
        reasons = "; ".join(f"{key}: {UNFOLLOWED[key]}" for key in lost)
        raise DeployError(
            f"this cannot be changed while the state is kept: {reasons}",
            "run it with --reset-state: the job forgets its state, and begins where it has read up to, or at "
            "--starting-position",
            2,
        )
    table = deployed.parts["table"].outputs.get("TableName")
    if table and deployed.parts["system"].parameters and not _exists(aws, table):
        raise DeployError(
            f"the table {table} is gone, though its stack exists", "run `down` to its end, then `up`, which creates it"
        )
    return not set(state.POSITION).isdisjoint(lost)


def _exists(aws: Aws, table: str) -> bool:
    try:
        status = aws.client("dynamodb").describe_table(TableName=table)["Table"]["TableStatus"]
    except ClientError as error:
        if errors.code(error) != "ResourceNotFoundException":
            raise
        return False
    return bool(status != "DELETING")


# Build


def _build(wanted: Wanted) -> dict[str, Path]:
    """Build what has changed; the packages by the parameter that takes their key."""
    artifacts.build(wanted.values["Line"])
    return artifacts.packages(wanted.values["Line"])


def _keys(deployed: Deployed, packages: dict[str, Path]) -> dict[str, str]:
    """The S3 keys of the packages, by the parameter that takes them."""
    return {
        parameter: application.job_key(deployed, package) if parameter == "JobKey" else artifacts.key(package)
        for parameter, package in packages.items()
    }


# Apply


def _apply(
    aws: Aws, wanted: Wanted, deployed: Deployed, packages: dict[str, Path], moved: bool
) -> tuple[list[str], Wanted, Updated]:
    """Apply the stacks in their order; the names of what changed, what is wanted with the outputs, and the application.

    Args:
        aws: the account and region.
        wanted: what is wanted.
        deployed: what is there.
        packages: what to upload.
        moved: whether the mapping of the events begins at another position.
    """
    changed: list[str] = []

    def apply(part: str, left_out: Sequence[str] = ()) -> None:
        nonlocal wanted
        applied = state.apply(aws, part, wanted, deployed, left_out)
        note(wanted.deployment.stack(part), applied.changed)
        wanted = wanted.having(applied.outputs)

    def note(name: str, changes: bool) -> None:
        if changes and name not in changed:
            changed.append(name)

    apply("storage")
    apply("table")
    wanted = wanted.having(_keys(deployed, packages))
    _upload(aws, wanted, packages)
    mappings = _mappings_to_create(aws, deployed, moved)
    for shards in _shards(wanted, deployed):
        wanted = wanted.having(shards)
        if mappings:
            # There cannot be two of the same stream and function, and CloudFormation creates the new one first.
            say(f"{', '.join(mappings)}: deleted, and then created again")
            apply("system", mappings)
            mappings = []
        apply("system")
    note("who gets the alerts", subscribers.subscribe_to_alerts(aws, wanted))
    updated = application.update(aws, wanted, deployed)
    note(wanted.deployment.application, updated.applied.changed)
    wanted = wanted.having(updated.applied.outputs)
    if "monitoring" in deployment.PARTS:
        apply("monitoring")
        note("who gets the alarms", subscribers.subscribe_to_alarms(aws, wanted))
    return changed, wanted, updated


def _upload(aws: Aws, wanted: Wanted, packages: dict[str, Path]) -> None:
    for parameter, package in packages.items():
        key = wanted.values[parameter]
        with step(f"upload {package.name} ({package.stat().st_size / 1e6:.1f} MB) as {key}"):
            artifacts.upload(aws.client("s3"), wanted.values["CodeBucket"], package, key)


def _mappings_to_create(aws: Aws, deployed: Deployed, moved: bool) -> list[str]:
    """The mappings that must be created again: one with another position, and those that somebody deleted."""
    there = {name: uuid for name, uuid in deployed.parts["system"].outputs.items() if name in _MAPPINGS}
    return [name for name, uuid in there.items() if (moved and name == _MAPPINGS[0]) or _is_gone(aws, uuid)]


def _is_gone(aws: Aws, mapping: str) -> bool:
    try:
        aws.client("lambda").get_event_source_mapping(UUID=mapping)
    except ClientError as error:
        if errors.code(error) != "ResourceNotFoundException":
            raise
        return True
    return False


def _shards(wanted: Wanted, deployed: Deployed) -> list[dict[str, str]]:
    """The parameters with which the stack is applied, one after the other: the wanted shards, or steps to them."""
    now = {name: value for name, value in deployed.parts["system"].parameters.items() if name in _SHARDS}
    target = {name: wanted.values[name] for name in now if name in wanted.values}
    steps = {name: parameters.shard_steps(int(now[name]), int(target[name])) for name in target}
    for name, counts in steps.items():
        if len(counts) > 1:
            say(f"{name} from {now[name]} in steps, as a stream is at most doubled or halved at once: {counts}")
    rounds = max([1, *(len(counts) for counts in steps.values())])
    return [
        {name: str(counts[min(n, len(counts) - 1)]) for name, counts in steps.items() if counts} for n in range(rounds)
    ]


# Confirm


def _confirm(aws: Aws, wanted: Wanted, changed: list[str], updated: Updated) -> int:
    """See that what is wanted is what runs, and say so."""
    name = wanted.deployment.application
    application.must_be_live(aws, wanted, updated)
    flink_application.delete_snapshots(aws.client("kinesisanalyticsv2"), name, flink_application.KEPT_SNAPSHOTS)
    nobody = alarm_mail.problem(aws, wanted.values.get("OperatorsTopicArn"))
    if nobody:
        say(nobody)
    print(f"changed: {', '.join(changed)}" if changed else "no change")
    if updated.began is not None:
        print(
            f"application {name} runs {wanted.values['JobKey']}, and its job runs; send events through it: "
            "`python -m deploy verify`"
        )
    if wanted.learner_lab:
        print(hourly.LAB_END)
    return 0
