"""`up --plan`: show what would change, and leave nothing behind."""

from pathlib import Path

from deploy import deployment
from deploy.aws import stacks
from deploy.up import application, kept_table
from deploy.up.state import UNFOLLOWED, Up


def show(up: Up, packages: dict[str, Path]) -> int:
    """Print each stack's change set, and leave none of them behind."""
    for parameter, package in packages.items():
        up.values[parameter] = application.key(up, parameter, package)
    table = up.wanted("system", "TableName")
    if up.is_new() and kept_table.find(up.aws.client("dynamodb"), up.deployment, table):
        print(f"the table {table} is there, and is imported")
        # CloudFormation plans no resource by a name that is taken.
        up.values["TableName"] = f"{up.deployment.name}-planned"
    for key in up.unfollowed():
        print(f"{key} changes: {UNFOLLOWED[key]}; `up` wants --reset-state for it")
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
