"""`up --plan`: show what would change, and leave nothing behind."""

from deploy import deployment
from deploy.aws import stacks
from deploy.aws.session import Aws
from deploy.progress import counted
from deploy.up import state
from deploy.up.state import UNFOLLOWED, Deployed, Wanted


def show(aws: Aws, wanted: Wanted, deployed: Deployed) -> None:
    """Print the change set of each stack, and delete it.

    Args:
        aws: the account and region.
        wanted: with the keys of the packages among its values.
        deployed: what is there.
    """
    cloudformation = aws.client("cloudformation")
    for key in state.unfollowed(wanted, deployed):
        print(f"{key} changes: {UNFOLLOWED[key]}; `up` needs --reset-state for it")
    for part in deployment.PARTS:
        found = deployed.parts[part]
        wanted = wanted.having(found.outputs)
        wanted = wanted.having(_unknown_yet(wanted, found.declared))
        if found.status in stacks.LEFT_OVER and found.status != "REVIEW_IN_PROGRESS":
            print(f"stack {found.stack}: in {found.status} since a creation that failed; `up` deletes and creates it")
            continue
        planned = stacks.plan(cloudformation, state.request(part, wanted, deployed))
        if planned is None:
            print(f"stack {found.stack}: no change")
            continue
        stacks.drop_plan(cloudformation, planned)
        print(f"stack {found.stack}: {counted(len(planned.changes), 'change')}")
        for change in planned.changes:
            replaced = ", replaced" if change.replacement == "True" else ""
            print(f"  {change.action:7} {change.logical_id} ({change.resource_type}{replaced})")


def _unknown_yet(wanted: Wanted, declared: list[dict[str, object]]) -> dict[str, str]:
    """Stand-ins for the outputs of stacks that do not exist yet, by the parameters that take them."""
    missing: dict[str, str] = {}
    for parameter in declared:
        if parameter.get("DefaultValue") is None and parameter["ParameterKey"] not in wanted.values:
            constraints = parameter.get("ParameterConstraints")
            allowed = constraints.get("AllowedValues") if isinstance(constraints, dict) else None
            missing[str(parameter["ParameterKey"])] = (allowed or ["known-when-created"])[0]
    return missing
