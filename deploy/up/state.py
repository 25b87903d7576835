"""One run of `up`: what is wanted, what the stacks had before, and what they have put out so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from deploy import deployment
from deploy.aws import stacks
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import say, step
from deploy.up import parameters

UNFOLLOWED = {
    "Policy": "the state of one policy is no state of the other",
    "Runtime": "the state of one Flink version may not be read by another",
    "StartingPosition": "a mapping and a job that have begun to read do not begin again",
    "StartingTimestamp": "a mapping and a job that have begun to read do not begin again",
}
"""Parameters that what runs cannot follow, and why."""

POSITION = ("StartingPosition", "StartingTimestamp")
"""Where the mapping of the events, and a job without state, begin to read."""

_NAMES = (
    "SourceStreamName",
    "AlertsStreamName",
    "DeadLetterStreamName",
    "TableName",
    "KinesisToDynamoName",
    "AlertsToSnsName",
)
"""Parameters that name what holds records: under another name it would be another thing, and empty."""


@dataclass
class Up:
    """One run of `up`.

    Args:
        aws: the account and region.
        deployment: which.
        values: the parameters that are given, and the stacks' outputs as they come.
        thresholds: product → threshold; None to leave them as they are.
        reset_state: whether the job may, and shall, forget what it remembers.
        left_out: resources of the system's template that are not to be there for now.
        job_position: where the job begins, if not where the mapping of the events does.
        changed: the stacks that were changed.
    """

    aws: Aws
    deployment: Deployment
    values: dict[str, str]
    thresholds: Mapping[str, str] | None = None
    reset_state: bool = False
    left_out: frozenset[str] = frozenset()
    job_position: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    _previous: dict[str, dict[str, str]] = field(default_factory=dict)
    _declared: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _log_option: bool | None = None

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

    def previous_thresholds(self) -> dict[str, str]:
        """The thresholds by product that the application's stack has."""
        return parameters.thresholds_in(self._previous_body()) if self.previous("application") else {}

    def _previous_body(self) -> str:
        name = self.deployment.application
        return str(self.cloudformation.get_template(StackName=name)["TemplateBody"])

    def forget(self) -> None:
        """Ask for the stacks' parameters again."""
        self._previous.clear()

    def body(self, part: str) -> str:
        """The template of a part, without what is to be left out; the application's with its thresholds."""
        text = stacks.body(deployment.template(part))
        if part != "application":
            return parameters.without(text, self.left_out) if part == "system" else text
        if not self.has_log_option():
            text = parameters.without(text, ["LogTo"])
        keep = self.thresholds is None and self.previous(part)
        return parameters.with_thresholds(text, self.thresholds, self._previous_body() if keep else None)

    def has_log_option(self) -> bool:
        """Whether CloudFormation knows in this region the resource that connects the application's log.

        The registry's schemas lack it in some regions; there a template with it is refused, used or not.
        """
        if self._log_option is None:
            try:
                self.cloudformation.validate_template(TemplateBody=stacks.body(deployment.template("application")))
                self._log_option = True
            except ClientError as error:
                if parameters.LOG_OPTION not in str(error):
                    raise
                self._log_option = False
                say(f"CloudFormation has no {parameters.LOG_OPTION} in {self.aws.region}: `up` connects the log itself")
        return self._log_option

    def declared(self, body: str) -> list[dict[str, Any]]:
        """The parameters that a template declares."""
        if body not in self._declared:
            self._declared[body] = self.cloudformation.get_template_summary(TemplateBody=body)["Parameters"]
        return self._declared[body]

    def parameters(self, part: str, body: str) -> list[dict[str, Any]]:
        """The parameters of a part as CloudFormation takes them."""
        declared = self.declared(body)
        values = dict(self.values)
        if part == "application":
            values = self._with_position(values)
        if part == "system" and "StartingTimestamp" in values:
            values["StartingTimestamp"] = parameters.timestamp_of_mapping(values["StartingTimestamp"])
        return parameters.for_cloudformation(declared, values, self.previous(part))

    def _with_position(self, values: dict[str, str]) -> dict[str, str]:
        """The application's parameters with where the job begins, which a job with state does not heed."""
        if self.reset_state and self.previous("application"):
            return values | self.job_position
        if self.previous("application"):
            return {name: value for name, value in values.items() if name not in POSITION}
        mapping = {name: value for name, value in self.previous("system").items() if name in POSITION}
        return values if "StartingPosition" in values else values | parameters.position_of_job(mapping)

    def is_new(self) -> bool:
        """Whether there is no stack of the system yet."""
        name = self.deployment.stack("system")
        return not self.previous("system") and not stacks.describe(self.cloudformation, name)

    def take_left_over(self) -> None:
        """Take the values of stacks whose creation failed, which are cleared, for what is not given."""
        for part in deployment.PARTS:
            stack = stacks.describe(self.cloudformation, self.deployment.stack(part)) or {}
            if stack.get("StackStatus") not in stacks.LEFT_OVER:
                continue
            shown = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
            # CloudFormation does not show phones and addresses.
            known = {name: value for name, value in shown.items() if name not in POSITION and value != "****"}
            if part == "system":
                known |= parameters.position_of_job({name: shown[name] for name in POSITION if name in shown})
            self.values = known | self.values
            if part == "application" and self.thresholds is None:
                self.thresholds = parameters.thresholds_in(self._previous_body())

    def check_parameters(self) -> None:
        """See that what `--parameter` gave is a template's, and changes no name.

        Raises:
            DeployError: if not; exit status 2.
        """
        declared = [one for part in deployment.PARTS for one in self.declared(self.body(part))]
        parameters.check(self.values, declared)
        before = self.previous("system")
        for name in _NAMES:
            if name in before and self.values.get(name, before[name]) != before[name]:
                raise DeployError(
                    f"{name}: this deployment has {before[name]}, and {self.values[name]} would begin empty",
                    "make another deployment with --stack-name",
                    2,
                )

    def wanted(self, part: str, name: str) -> str:
        """A parameter with a default: given, or as it was, or the default."""
        declared = self.declared(self.body(part))
        default = next(str(one["DefaultValue"]) for one in declared if one["ParameterKey"] == name)
        return self.values.get(name, self.previous(part).get(name, default))

    def plan(self, part: str) -> list[stacks.Change] | None:
        """Make the change set of a part; None if nothing changes."""
        body = self.body(part)
        return stacks.plan(self.cloudformation, self.deployment.stack(part), body, self.parameters(part, body))

    def plan_and_drop(self, part: str) -> None:
        """See that CloudFormation takes what is wanted of a part. Raises RefusedError."""
        if self.plan(part) is not None:
            stacks.drop_plan(self.cloudformation, self.deployment.stack(part))

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
        # The mapping's position, not the job's, which a reset gives it.
        before = self.previous("application") | self.previous("system")
        given = {name: value for name, value in self.values.items() if name in UNFOLLOWED}
        if "StartingTimestamp" in given:
            given["StartingTimestamp"] = parameters.timestamp_of_mapping(given["StartingTimestamp"])
        return [name for name, value in given.items() if before.get(name, value) != value]
