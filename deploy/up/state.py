"""What is wanted, what is deployed, and `apply`, which changes one stack to what is wanted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploy import deployment
from deploy.aws import flink_application, stacks
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import step
from deploy.up import parameters

POSITION = ("StartingPosition", "StartingTimestamp")
"""Where the mapping of the events, and a job without state, begin to read."""

OLDEST = "connector-4"
"""The line of the connector that a deployment has which is older than the lines."""

UNFOLLOWED = {
    "Policy": "the state of one policy is no state of the other",
    "Line": "the state of one line may not be readable by another",
    "StartingPosition": "a mapping and a job that have begun to read keep their place",
    "StartingTimestamp": "a mapping and a job that have begun to read keep their place",
}
"""Parameters that cannot change while the state is kept, and why."""


@dataclass(frozen=True)
class Wanted:
    """What `up` was asked for.

    Args:
        deployment: which.
        values: template parameters that are given; later also what is found out, such as the outputs of stacks.
        phones: numbers in E.164 that get the alerts; None to leave them as they are.
        alert_mailboxes: addresses that get the alerts as well; None to leave them.
        alarm_mailboxes: addresses that get the alarms; None to leave them.
        reset_state: whether the job may, and shall, forget its state.
        job_position: where a job that forgets begins, if not where `values` say.
        allow_non_restored: whether state that the new code cannot take over may be dropped.
        learner_lab: whether the account is a Learner Lab.
        tags: tags of every stack and its resources.
        cloudformation_role: the ARN of CloudFormation's service role; empty for none.
    """

    deployment: Deployment
    values: Mapping[str, str] = field(default_factory=dict)
    phones: tuple[str, ...] | None = None
    alert_mailboxes: tuple[str, ...] | None = None
    alarm_mailboxes: tuple[str, ...] | None = None
    reset_state: bool = False
    job_position: Mapping[str, str] = field(default_factory=dict)
    allow_non_restored: bool = False
    learner_lab: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    cloudformation_role: str = ""

    def having(self, values: Mapping[str, str]) -> "Wanted":
        """The same with more values."""
        return replace(self, values={**self.values, **values})


@dataclass(frozen=True)
class Part:
    """A stack as it was found, and the template that it is to have.

    Args:
        stack: its name.
        status: CloudFormation's; empty if there is none.
        parameters: its parameters; empty if there is no stack that can be updated.
        outputs: its outputs.
        body: the template in this tree.
        declared: the parameters of that template, as `get_template_summary` has them.
    """

    stack: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    body: str
    declared: list[dict[str, Any]]

    @property
    def exists(self) -> bool:
        """Whether there is more than a name for a change set."""
        return self.status not in ("", "REVIEW_IN_PROGRESS")


@dataclass(frozen=True)
class Deployed:
    """The deployment as it was found: its stacks by part, and the application's detail or None."""

    parts: Mapping[str, Part]
    application: dict[str, Any] | None

    def parameter(self, part: str, name: str) -> str | None:
        """A parameter of a part's stack; None if the stack does not have it."""
        return self.parts[part].parameters.get(name)

    @property
    def line(self) -> str | None:
        """The line of the connector that is deployed; None before the first deployment."""
        there = self.parts["application"].parameters
        return there.get("Line", OLDEST) if there else None

    @property
    def values(self) -> dict[str, str]:
        """The parameters of all stacks together."""
        return {name: value for part in self.parts.values() for name, value in part.parameters.items()}

    @property
    def declared(self) -> list[dict[str, Any]]:
        """The parameters of all templates."""
        return [one for part in self.parts.values() for one in part.declared]


@dataclass(frozen=True)
class Applied:
    """A stack after `apply`: its outputs and parameters, and whether anything changed."""

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    changed: bool


def read(aws: Aws, wanted: Deployment) -> Deployed:
    """Look at what is deployed, once."""
    cloudformation = aws.client("cloudformation")
    parts = {}
    for part in deployment.PARTS:
        stack = stacks.describe(cloudformation, wanted.stack(part)) or {}
        status = stack.get("StackStatus", "")
        body = stacks.body(deployment.template(part))
        parts[part] = Part(
            wanted.stack(part),
            status,
            {} if status in stacks.LEFT_OVER else stacks.parameters(stack),
            stacks.outputs(stack),
            body,
            cloudformation.get_template_summary(TemplateBody=body)["Parameters"],
        )
    return Deployed(parts, flink_application.describe(aws.client("kinesisanalyticsv2"), wanted.application))


def unfollowed(wanted: Wanted, deployed: Deployed) -> list[str]:
    """The given parameters that differ from the deployed ones and that cannot change while the state is kept."""
    # The mapping's position counts, not the job's, which a reset may have moved.
    before = {**deployed.parts["application"].parameters, **deployed.parts["system"].parameters}
    if deployed.line:
        before["Line"] = deployed.line
    given = {name: value for name, value in wanted.values.items() if name in UNFOLLOWED}
    if given.get("StartingPosition") == "LATEST":
        # The time of the first start, which is kept.
        given.pop("StartingTimestamp", None)
    if "StartingTimestamp" in given:
        given["StartingTimestamp"] = parameters.timestamp_of_mapping(given["StartingTimestamp"])
    return [name for name, value in given.items() if before.get(name, value) != value]


def request(part: str, wanted: Wanted, deployed: Deployed, left_out: Collection[str] = ()) -> stacks.Request:
    """What the stack of a part is to become.

    Args:
        part: which.
        wanted: with the outputs of the parts before it among its values.
        deployed: what is there.
        left_out: resources of the template to leave out for now.
    """
    found = deployed.parts[part]
    values = {name: value for name, value in wanted.values.items() if name not in POSITION}
    if part == "system":
        values |= _position_of_mapping(wanted, deployed)
    if part == "application":
        values |= _position_of_job(wanted, deployed) | {"AllowNonRestoredState": _drops_state(wanted, deployed)}
    return stacks.Request(
        found.stack,
        parameters.without(found.body, left_out),
        parameters.for_cloudformation(found.declared, values, found.parameters),
        wanted.tags,
        wanted.cloudformation_role,
        found.exists,
    )


def _position_of_mapping(wanted: Wanted, deployed: Deployed) -> dict[str, str]:
    given = {name: value for name, value in wanted.values.items() if name in POSITION}
    if given.get("StartingPosition") == "LATEST" == deployed.parameter("system", "StartingPosition"):
        return {}
    if "StartingTimestamp" in given:
        given["StartingTimestamp"] = parameters.timestamp_of_mapping(given["StartingTimestamp"])
    return given


def _position_of_job(wanted: Wanted, deployed: Deployed) -> dict[str, str]:
    """Where the job begins: what is given where it has no state yet or forgets it, and else what it was."""
    given = dict(wanted.job_position) or {name: value for name, value in wanted.values.items() if name in POSITION}
    if not deployed.parts["application"].parameters:
        # A mapping that began earlier, as when `up` was interrupted in between, tells where the job begins.
        return given or parameters.position_of_job(deployed.parts["system"].parameters)
    return given if wanted.reset_state else {}


def _drops_state(wanted: Wanted, deployed: Deployed) -> str:
    """Once asked for, it stays until the code changes again, since each change of it restarts the job."""
    before = deployed.parameter("application", "AllowNonRestoredState") or "false"
    same_code = deployed.parameter("application", "JobKey") == wanted.values.get("JobKey")
    return "true" if wanted.allow_non_restored else before if same_code else "false"


def apply(aws: Aws, part: str, wanted: Wanted, deployed: Deployed, left_out: Collection[str] = ()) -> Applied:
    """Bring the stack of a part to what is wanted, and wait for it.

    Raises:
        RefusedError: if CloudFormation refuses; nothing was changed then.
        StackError: if it fails.
    """
    wish, cloudformation = request(part, wanted, deployed, left_out), aws.client("cloudformation")
    with step(f"stack {wish.name}"):
        planned = stacks.plan(cloudformation, wish)
        if planned is None:
            found = deployed.parts[part]
            return Applied(found.outputs, found.parameters, changed=False)
        stack = stacks.execute(cloudformation, planned)
        return Applied(stacks.outputs(stack), stacks.parameters(stack), changed=True)
