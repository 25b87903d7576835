"""Where moto's CloudFormation is not what AWS's is and `deploy` sees it, corrected in the process that serves it.

Tried with moto 5.2.5. Each correction is one function below; its docstring says what moto does and what AWS does.
Not emulated: drift, stack policies, nested stacks, and undoing what an update did before it failed.
"""

import contextlib
import functools
from copy import deepcopy
from typing import Any

from moto.awslambda.models import EventSourceMapping
from moto.cloudformation import models, parsing, responses
from moto.cloudformation.models import ChangeSet, CloudFormationBackend
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.dynamodb.exceptions import ResourceNotFoundException
from moto.dynamodb.models.table import Table


@functools.cache
def apply() -> None:
    """Correct the moto of this process. A second call changes nothing."""
    _read_templates_once()
    _read_conditions()
    _refuse_stacks_that_exist()
    _change_only_what_differs()
    _list_the_changes()
    _update_resources()
    _roll_back_what_fails()
    _delete_what_fails_to_be_created()
    _delete_tables_that_are_gone()
    _retain_except_on_create()


def _read_templates_once() -> None:
    """Moto parses a template anew each time, and ValidateTemplate runs all of cfn-lint: 4 s of CPU time.

    AWS checks the syntax alone: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-validate-template.html
    """
    load = models.yaml.load

    @functools.cache
    def parsed(text: str, loader: Any) -> Any:
        return load(text, Loader=loader)

    models.yaml.load = lambda text, Loader: deepcopy(parsed(text, Loader))  # noqa: N803
    models.validate_template_cfn_lint = lambda _: []


def _read_conditions() -> None:
    """Moto takes `!Condition Name` for a function, which never holds; in AWS it is the short form of `Condition: Name`.

    It also finds that a parameter of type Number never equals a text; in AWS it is compared as text.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
    """
    construct, parse = models.yaml_tag_constructor, parsing.parse_condition

    def with_conditions(loader: Any, tag: str, node: Any) -> Any:
        return {"Condition": node.value} if tag == "!Condition" else construct(loader, tag, node)

    def parse_condition(condition: Any, resources_map: Any, condition_map: Any) -> bool:
        if isinstance(condition, dict) and "Fn::Equals" in condition:
            one, other = (parsing.clean_json(side, resources_map) for side in condition["Fn::Equals"])
            return str(one) == str(other)
        return bool(parse(condition, resources_map, condition_map))

    parsing.parse_condition = parse_condition
    models.yaml_tag_constructor = responses.yaml_tag_constructor = with_conditions


def _refuse_stacks_that_exist() -> None:
    """Moto creates a second stack of a name; AWS refuses that, unless the first is in REVIEW_IN_PROGRESS.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html (ChangeSetType)
    """
    create = CloudFormationBackend.create_change_set

    def create_change_set(self: Any, *arguments: Any, **named: Any) -> Any:
        if named["change_set_type"] != "UPDATE":
            for stack in [one for one in self.stacks.values() if one.name == named["stack_name"]]:
                if stack.status != "REVIEW_IN_PROGRESS":
                    raise models.AlreadyExistsException(f"Stack {stack.name} already exists")
                del self.stacks[stack.stack_id]
        return create(self, *arguments, **named)

    CloudFormationBackend.create_change_set = create_change_set


def _change_only_what_differs() -> None:
    """Moto updates a resource that mentions a parameter that is given again, or misses one behind a condition.

    AWS changes the resources whose template differs, or a parameter that it depends on:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks.html
    """

    def build_resource_diff(self: Any, other_template: Any, parameters: Any = None) -> dict[str, list[str]]:
        old, new = self._resource_json_map, other_template["Resources"]
        before = {key: str(value) for key, value in self.resolved_parameters.items() if value is not None}
        differing = {key for key, value in (parameters or {}).items() if before.get(key) != str(value)}
        return {
            "Add": [name for name in new if name not in old],
            "Modify": [
                name
                for name in new
                if name in old and (new[name] != old[name] or differing & _mentioned(new[name], other_template))
            ],
            "Remove": [name for name in old if name not in new],
        }

    ResourceMap.build_resource_diff = build_resource_diff


def _mentioned(resource: Any, template: Any) -> set[str]:
    """The parameters that a resource's template mentions, also in its conditions and in those that they mention."""
    text, conditions = str(resource), dict(template.get("Conditions", {}))
    while named := [name for name in conditions if f"'{name}'" in text]:
        text += "".join(str(conditions.pop(name)) for name in named)
    return {key for key in template.get("Parameters", {}) if f"'{key}'" in text or f"${{{key}}}" in text}


def _list_the_changes() -> None:
    """Moto's DescribeChangeSet ignores parameters; AWS's lists all that will change.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html (Action)
    """

    def diff(self: Any) -> list[Any]:
        resources = self.stack.resource_map
        types = {**resources._resource_json_map, **self.template_dict["Resources"]}
        return [
            models.Change(action, name, types[name]["Type"])
            for action, names in resources.build_resource_diff(self.template_dict, self.parameters).items()
            for name in names
        ]

    ChangeSet.diff = diff


def _update_resources() -> None:
    """Moto forgets a resource that it cannot update, ignores its condition, and keeps a mapping's starting position.

    In AWS a resource whose condition does not hold any more is deleted, and one whose condition holds now is created:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html. Another
    StartingPosition replaces a mapping: the new one is created first, which Lambda refuses while the old one exists:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
    """
    update, create = parsing.parse_and_update_resource, parsing.parse_and_create_resource

    def parse_and_update_resource(
        logical_id: str, resource_json: Any, resources_map: Any, account_id: str, region_name: str
    ) -> Any:
        where = (logical_id, resource_json, resources_map, account_id, region_name)
        original, condition = resources_map._parsed_resources.get(logical_id), resource_json.get("Condition")
        if condition and not resources_map.lazy_condition_map[condition]:
            if original is not None:
                resources_map._delete_resource(original, resource_json)
            return None
        replaced = original is None
        if isinstance(original, EventSourceMapping):
            properties = parsing.clean_json(resource_json["Properties"], resources_map)
            replaced = properties["StartingPosition"] != original.starting_position
        return create(*where) if replaced else update(*where) or original

    parsing.parse_and_update_resource = parse_and_update_resource


def _roll_back_what_fails() -> None:
    """Moto answers ExecuteChangeSet with the error of a resource, and keeps neither outputs nor the new template.

    In AWS the stack rolls back: its events have the reason, and its status is ROLLBACK_COMPLETE or
    UPDATE_ROLLBACK_COMPLETE. Once a change set is executed, all change sets of its stack are deleted.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-execute.html
    """

    def execute_change_set(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
        named = [
            one for one in self.change_sets.values() if change_set_name in (one.change_set_name, one.change_set_id)
        ]
        change_set = [one for one in named if one.stack_name == stack_name][-1]
        stack, kind = self.stacks[change_set.stack_id], change_set.change_set_type
        stack._add_stack_event(f"{kind}_IN_PROGRESS", resource_status_reason="User Initiated")
        before = set(stack.resource_map._resource_json_map)
        try:
            change_set.apply()
        except Exception as error:
            _roll_back(stack, change_set, str(error) or repr(error))
            if kind != "UPDATE" and change_set.on_stack_failure == "DELETE":
                stack.status = "DELETE_COMPLETE"
                self.deleted_stacks[stack.stack_id] = self.stacks.pop(stack.stack_id)
        else:
            stack.status = f"{kind}_COMPLETE"
            stack.template, stack.template_dict = change_set.template, change_set.template_dict
            # Moto remembers what it deleted, and would not create it again.
            for name in before - set(stack.resource_map._resource_json_map):
                stack.resource_map._parsed_resources.pop(name, None)
            stack.output_map = stack._create_output_map()
            stack._add_stack_event(stack.status)
        self.change_sets = {key: one for key, one in self.change_sets.items() if one.stack_name != stack_name}

    CloudFormationBackend.execute_change_set = execute_change_set


def _roll_back(stack: Any, change_set: Any, reason: str) -> None:
    creating = change_set.change_set_type != "UPDATE"
    stack._add_stack_event("CREATE_FAILED" if creating else "UPDATE_FAILED", resource_status_reason=reason)
    stack.status = "ROLLBACK_COMPLETE" if creating else "UPDATE_ROLLBACK_COMPLETE"
    if creating:
        stack.resource_map._parsed_resources.pop("Application", None)
        stack.resource_map.delete()
        stack.resource_map._resource_json_map = {}
        stack.template = change_set.template


def _delete_what_fails_to_be_created() -> None:
    """Moto ignores OnStackFailure; with DELETE, AWS deletes a stack whose first creation fails.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html (OnStackFailure)
    """
    create = CloudFormationResponse.create_change_set

    def create_change_set(self: Any) -> Any:
        answer = create(self)
        newest = list(self.cloudformation_backend.change_sets.values())[-1]
        newest.on_stack_failure = self._get_param("OnStackFailure")
        return answer

    CloudFormationResponse.create_change_set = create_change_set


def _delete_tables_that_are_gone() -> None:
    """Moto fails to delete a stack whose table is gone; for AWS what is not found is deleted.

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract.html (Delete handlers)
    """
    delete = Table.delete

    def delete_if_there(self: Any, account_id: str, region_name: str) -> None:
        with contextlib.suppress(ResourceNotFoundException):
            delete(self, account_id, region_name)

    Table.delete = delete_if_there


def _retain_except_on_create() -> None:
    """Moto deletes a resource with the DeletionPolicy RetainExceptOnCreate; AWS retains it when a stack is deleted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    delete = ResourceMap.delete

    def retaining(self: Any) -> None:
        for resource in self._resource_json_map.values():
            if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
                resource["DeletionPolicy"] = "Retain"
        delete(self)

    ResourceMap.delete = retaining
