"""Where moto's CloudFormation is not what AWS is and `deploy` sees it, put right in the process that serves it.

- An operation that fails rolls back: ROLLBACK_COMPLETE or UPDATE_ROLLBACK_COMPLETE, with the resource's reason in the
  events (moto answers the request with the error instead);
- the outputs of a change set that was executed are kept;
- `RetainExceptOnCreate`, and IMPORT of a table;
- an update touches the resources whose template or parameters changed, and leaves the others in place; those whose
  condition does not hold any more go, and a subscription with another endpoint is replaced;
- a mapping whose starting position changes is replaced, which fails while the old one is there.

Not modelled: drift, stack policies, nested stacks, and a rollback's undoing of what an update did before it failed.
"""

import contextlib
import functools
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from moto.awslambda.models import EventSourceMapping
from moto.cloudformation import models, parsing
from moto.cloudformation.utils import validate_template_cfn_lint
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

_create_change_set = models.CloudFormationBackend.create_change_set
_delete_resources = parsing.ResourceMap.delete
_parse_and_update = parsing.parse_and_update_resource
_load = models.yaml.load
_create_table = Table.create_from_cloudformation_json


def apply() -> None:
    """Correct the moto of this process. A second call changes nothing."""
    # Moto reads a template anew, in Python, whenever it is asked about it: half of the time of a test.
    models.yaml.load = lambda text, Loader: deepcopy(_parsed(text, Loader))  # noqa: N803
    # And ValidateTemplate goes through all of cfn-lint each time.
    models.validate_template_cfn_lint = _validated
    parsing.parse_and_update_resource = _update
    parsing.ResourceMap.build_resource_diff = _diff
    parsing.ResourceMap.delete = _retaining
    models.CloudFormationBackend.execute_change_set = _rolling_back
    models.CloudFormationBackend.create_change_set = _planning
    models.ChangeSet.diff = _changes


@functools.cache
def _parsed(text: str, loader: Any) -> Any:
    return _load(text, Loader=loader)


@functools.cache
def _validated(text: str) -> list[Any]:
    return list(validate_template_cfn_lint(text))


def _update(logical_id: str, resource_json: Any, resources_map: Any, account_id: str, region_name: str) -> Any:
    original = resources_map._parsed_resources.get(logical_id)
    condition = resource_json.get("Condition")
    if condition and not resources_map.lazy_condition_map[condition]:
        if original is not None:
            resources_map._delete_resource(original, resource_json)
        return None
    if original is None:
        return parsing.parse_and_create_resource(logical_id, resource_json, resources_map, account_id, region_name)
    if isinstance(original, EventSourceMapping):
        properties = parsing.clean_json(resource_json["Properties"], resources_map)
        if properties["StartingPosition"] != original.starting_position:
            return _replace_mapping(original, logical_id, resource_json, resources_map, account_id, region_name)
    changed = _parse_and_update(logical_id, resource_json, resources_map, account_id, region_name)
    return changed or original


def _replace_mapping(original: Any, logical_id: str, *where: Any) -> Any:
    _, resources_map, account_id, region_name = where
    backend = parsing.lambda_models.lambda_backends[account_id][region_name]
    if original.uuid in {mapping.uuid for mapping in backend.list_event_source_mappings(None, None)}:
        raise ValueError("An event source mapping with this function and event source already exists")
    return parsing.parse_and_create_resource(logical_id, where[0], resources_map, account_id, region_name)


def _text(resources: Any, key: str) -> str | None:
    """A parameter's value, the default where none was given."""
    value = resources.resolved_parameters.get(key)
    return None if value is None else str(value)


def _diff(self: Any, other_template: Any, parameters: Any = None) -> dict[str, list[str]]:
    old, new = self._resource_json_map, other_template["Resources"]
    changed = {key for key, value in (parameters or {}).items() if _text(self, key) != str(value)}
    conditions = other_template.get("Conditions", {})
    touched = [
        name
        for name in new
        if name in old and (new[name] != old[name] or changed & set(_mentioned(new[name], conditions, other_template)))
    ]
    return {
        "Add": [name for name in new if name not in old],
        "Modify": touched,
        "Remove": [name for name in old if name not in new],
    }


def _mentioned(resource: Any, conditions: Any, template: Any) -> list[str]:
    """The parameters that a resource's template mentions, through its conditions too."""
    text = str(resource)
    text += "".join(str(conditions[name]) for name in conditions if f"'{name}'" in text)
    return [key for key in template.get("Parameters", {}) if f"'{key}'" in text or f"${{{key}}}" in text]


def _changes(self: Any) -> list[Any]:
    actions = self.stack.resource_map.build_resource_diff(self.template_dict, self.parameters)
    types = {**self.stack.resource_map._resource_json_map, **self.template_dict["Resources"]}
    imported = self.change_set_type == "IMPORT"
    return [
        models.Change("Import" if imported else action, name, types[name]["Type"])
        for action, names in actions.items()
        for name in names
    ]


def _planning(self: Any, *arguments: Any, **named: Any) -> Any:
    same = [stack for stack in self.stacks.values() if stack.name == named["stack_name"]]
    if named["change_set_type"] != "UPDATE":
        if any(stack.status != "REVIEW_IN_PROGRESS" for stack in same):
            raise models.AlreadyExistsException(f"Stack {named['stack_name']} already exists")
        for stack in same:
            del self.stacks[stack.stack_id]
    return _create_change_set(self, *arguments, **named)


def _retaining(self: Any) -> None:
    for resource in self._resource_json_map.values():
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
            resource["DeletionPolicy"] = "Retain"
    _delete_resources(self)


def _rolling_back(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
    found = [
        one
        for one in self.change_sets.values()
        if change_set_name in (one.change_set_name, one.change_set_id) and one.stack_name == stack_name
    ]
    change_set = found[-1]
    stack = self.stacks[change_set.stack_id]
    stack._add_stack_event(f"{change_set.change_set_type}_IN_PROGRESS", resource_status_reason="User Initiated")
    before = set(stack.resource_map._resource_json_map)
    try:
        with _importing(change_set, self):
            change_set.apply()
    except Exception as error:
        creating = change_set.change_set_type != "UPDATE"
        stack._add_stack_event(
            "CREATE_FAILED" if creating else "UPDATE_FAILED", resource_status_reason=str(error) or repr(error)
        )
        stack.status = "ROLLBACK_COMPLETE" if creating else "UPDATE_ROLLBACK_COMPLETE"
        if creating:
            stack.resource_map._parsed_resources.pop("Application", None)
            stack.resource_map.delete()
            stack.resource_map._resource_json_map = {}
            stack.template = change_set.template
    else:
        stack.status = f"{change_set.change_set_type}_COMPLETE"
        stack.template, stack.template_dict = change_set.template, change_set.template_dict
        # Moto keeps what it deleted, and would not make it again.
        for name in before - set(stack.resource_map._resource_json_map):
            stack.resource_map._parsed_resources.pop(name, None)
        stack.output_map = stack._create_output_map()
        stack._add_stack_event(stack.status)
    # CloudFormation deletes the change sets of a stack once one is executed.
    self.change_sets = {key: one for key, one in self.change_sets.items() if one.stack_name != stack_name}


@contextlib.contextmanager
def _importing(change_set: Any, backend: Any) -> Iterator[None]:
    """Let a table that is imported be the one that is there."""
    if change_set.change_set_type != "IMPORT":
        yield
        return

    def there(resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any) -> Any:
        return dynamodb_backends[account_id][region_name].get_table(resource_name)

    Table.create_from_cloudformation_json = there
    try:
        yield
    finally:
        Table.create_from_cloudformation_json = _create_table
