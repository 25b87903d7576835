"""Checks values against botocore's models, which are AWS's own: names, bounds and enumerations."""

import functools
from typing import Any

import botocore.session


class ShapeError(ValueError):
    """A value that does not fit its shape; the message names it and says what was expected."""


@functools.cache
def model(service: str) -> Any:
    """Botocore's model of a service, such as `lambda`."""
    return botocore.session.get_session().get_service_model(service)


def check(shape: Any, value: Any, where: str = "") -> None:
    """Raise ShapeError for a value that does not fit a shape, such as an empty property map; `where` names it."""
    if shape.type_name == "structure":
        unknown, missing = set(value) - set(shape.members), set(shape.required_members) - set(value)
        if unknown or missing:
            raise ShapeError(f"{where or shape.name}: unknown {unknown}, missing {missing}")
        for name, part in value.items():
            check(shape.members[name], part, f"{where}.{name}".lstrip("."))
    elif shape.type_name == "list":
        for part in value:
            check(shape.member, part, where)
    elif shape.type_name == "map":
        for name, part in value.items():
            check(shape.key, name, f"{where} key")
            check(shape.value, part, f"{where}.{name}")
    _check_bounds(shape, value, where)


def _check_bounds(shape: Any, value: Any, where: str) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None or most is not None:
        size = value if isinstance(value, int | float) else len(value)
        if (least is not None and size < least) or (most is not None and size > most):
            raise ShapeError(f"{where}: expected {least} to {most}, got {size}")
    if getattr(shape, "enum", None) and value not in shape.enum:
        raise ShapeError(f"{where}: expected one of {', '.join(shape.enum)}, got {value!r}")


def typed(shape: Any, value: Any) -> Any:
    """A value of a template with the types of the API, since CloudFormation accepts text for all of them.

    What is not a member of a structure is left out. Raises ValueError for a number that is none.
    """
    if shape.type_name == "structure":
        return {name: typed(shape.members[name], part) for name, part in value.items() if name in shape.members}
    if shape.type_name == "list":
        return [typed(shape.member, part) for part in value]
    if shape.type_name == "map":
        return {str(name): str(part) for name, part in value.items()}
    if shape.type_name == "boolean":
        return value in (True, "true")
    if shape.type_name in ("integer", "long"):
        return int(value)
    return value if shape.type_name == "timestamp" else str(value)
