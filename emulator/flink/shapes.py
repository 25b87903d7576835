"""Checks requests of `kinesisanalyticsv2` against botocore's model, which is AWS's own, bounds and values included."""

from typing import Any

import botocore.session

MODEL = botocore.session.get_session().get_service_model("kinesisanalyticsv2")


class RefusedError(Exception):
    """A request that the service refuses; `kind` is the name of the error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def check(operation: str, request: dict[str, Any]) -> None:
    """Raise RefusedError for a request that does not fit its operation, such as one with an empty property map."""
    _check(MODEL.operation_model(operation).input_shape, request, "")


def _check(shape: Any, value: Any, where: str) -> None:
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        missing = set(shape.required_members) - set(value)
        if unknown or missing:
            raise RefusedError(
                "InvalidArgumentException", f"{where or shape.name}: unknown {unknown}, missing {missing}"
            )
        for name, part in value.items():
            _check(shape.members[name], part, f"{where}.{name}")
    elif shape.type_name == "list":
        for part in value:
            _check(shape.member, part, where)
    elif shape.type_name == "map":
        for name, part in value.items():
            _check(shape.key, name, f"{where} key")
            _check(shape.value, part, f"{where}.{name}")
    _check_bounds(shape, value, where)


def _check_bounds(shape: Any, value: Any, where: str) -> None:
    size = value if isinstance(value, int | float) else len(value)
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        raise RefusedError("InvalidArgumentException", f"{where}: expected {least} to {most}, got {size}")
    if getattr(shape, "enum", None) and value not in shape.enum:
        raise RefusedError("InvalidArgumentException", f"{where}: expected one of {shape.enum}, got {value!r}")


def typed(shape_name: str, value: Any) -> Any:
    """A value of a template with the types of the API; CloudFormation accepts text for all of them."""
    return _typed(MODEL.shape_for(shape_name), value)


def _typed(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure":
        return {name: _typed(shape.members[name], part) for name, part in value.items() if name in shape.members}
    if shape.type_name == "list":
        return [_typed(shape.member, part) for part in value]
    if shape.type_name == "map":
        return {str(name): str(part) for name, part in value.items()}
    if shape.type_name == "boolean":
        return value in (True, "true")
    if shape.type_name in ("integer", "long"):
        return int(value)
    return str(value)
