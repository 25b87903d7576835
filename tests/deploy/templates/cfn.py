"""The templates as data, and what they come to for given parameters, for what the emulator's CloudFormation lacks."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "templates"
# In the order in which the stacks are made; each may ask for outputs of those before it.
TEMPLATES = ("storage", "table", "system", "application", "monitoring")

PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "shop",
}
_NOTHING = object()


def body(name: str) -> str:
    """A template's text."""
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def parse(text: str) -> dict[str, Any]:
    """A template as data, `!Ref x` as `{"Ref": "x"}`."""
    template: dict[str, Any] = yaml.load(text, _Loader)
    return template


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """Reads the short forms of functions too."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt":
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


def load(name: str) -> dict[str, Any]:
    """The template `deploy/<name>.yaml` as data."""
    return parse(body(name))


class Resolver:
    """What CloudFormation makes of a template's values, for given parameters; defaults for the rest.

    Attributes of resources are their names in angle brackets: `<Role.Arn>`.
    """

    def __init__(self, template: dict[str, Any], **parameters: str) -> None:
        self._template = template
        defaults = {name: str(p["Default"]) for name, p in template["Parameters"].items() if "Default" in p}
        self._values = PSEUDO_PARAMETERS | defaults | parameters

    def resource(self, name: str) -> Any:
        """The properties of a resource."""
        return self.value(self._template["Resources"][name]["Properties"])

    def value(self, value: Any) -> Any:
        """A value without intrinsic functions."""
        if isinstance(value, list):
            return [got for got in map(self.value, value) if got is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            function, argument = next(iter(value.items()))
            if function == "Ref":
                return _NOTHING if argument == "AWS::NoValue" else self._values.get(argument, f"<{argument}>")
            if function == "Fn::GetAtt":
                return f"<{argument[0]}.{argument[1]}>"
            if function == "Fn::If":
                return self.value(argument[1] if self.condition(argument[0]) else argument[2])
            if function == "Fn::Sub":
                return self._sub(argument)
        pairs = {key: self.value(got) for key, got in value.items()}
        return {key: got for key, got in pairs.items() if got is not _NOTHING}

    def condition(self, condition: Any) -> bool:
        """Whether a condition, or the one of a name, holds."""
        if isinstance(condition, str):
            return self.condition(self._template["Conditions"][condition])
        function, argument = next(iter(condition.items()))
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Not":
            return not self.condition(argument[0])
        if function == "Fn::And":
            return all(map(self.condition, argument))
        if function == "Fn::Or":
            return any(map(self.condition, argument))
        assert function == "Fn::Equals", f"unknown: {function}"
        return len({str(self.value(side)) for side in argument}) == 1

    def _sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        values = self._values | {name: self.value(got) for name, got in own.items()}
        return re.sub(r"\$\{([^}]+)\}", lambda match: str(values.get(match[1], f"<{match[1]}>")), text)
