"""Where moto's event source mappings are not what AWS's are, corrected in the process that serves them.

Tried with moto 5.2.5. Each correction is one function below; its docstring says what moto does and what AWS does.
"""

import functools
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.core.exceptions import JsonRESTError


@functools.cache
def apply() -> None:
    """Correct the moto of this process; call it before the server starts. A second call changes nothing."""
    _run_no_mapping()
    _refuse_a_second_mapping()
    _show_starting_timestamps()
    _show_last_results()


def _run_no_mapping() -> None:
    """Moto invokes a mapped function in Docker inside each PutRecord, without batches, retries or a destination.

    Without Docker each record takes 0.1 s longer and leaves an error in the function's log group. Here mappings are run
    by `emulator.mappings`.
    """
    LambdaBackend.send_kinesis_message = lambda *_, **__: None


def _refuse_a_second_mapping() -> None:
    """Moto accepts a second mapping of a stream to the same function; AWS refuses it.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html (ResourceConflictException)
    """
    create: Callable[..., Any] = LambdaBackend.create_event_source_mapping

    def create_event_source_mapping(self: Any, spec: dict[str, Any]) -> Any:
        made = create(self, spec)
        for uuid, other in list(self._event_source_mappings.items()):
            same = (other.event_source_arn, other.function_arn) == (made.event_source_arn, made.function_arn)
            if same and other is not made:
                del self._event_source_mappings[made.uuid]
                error = JsonRESTError(
                    "ResourceConflictException",
                    f'The event source arn (" {made.event_source_arn} ") and function (" {made.function_arn} ") '
                    f"provided mapping already exists. Please update or delete the existing mapping with UUID {uuid}",
                )
                error.code = 409
                raise error
        return made

    LambdaBackend.create_event_source_mapping = create_event_source_mapping


def _show_starting_timestamps() -> None:
    """Moto keeps StartingPositionTimestamp and does not return it; AWS does.

    https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
    """
    configuration: Callable[..., dict[str, Any]] = EventSourceMapping.get_configuration

    def get_configuration(self: Any) -> dict[str, Any]:
        timestamp = self.starting_position_timestamp
        return configuration(self) | ({} if timestamp is None else {"StartingPositionTimestamp": timestamp})

    EventSourceMapping.get_configuration = get_configuration


def _show_last_results() -> None:
    """Moto has no LastProcessingResult, since it knows none; AWS shows that of the last invocation.

    https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html. `emulator.mappings` sends it
    as a field of UpdateEventSourceMapping, which AWS does not have.
    """
    configuration: Callable[..., dict[str, Any]] = EventSourceMapping.get_configuration
    update: Callable[..., Any] = LambdaBackend.update_event_source_mapping

    def get_configuration(self: Any) -> dict[str, Any]:
        return configuration(self) | {"LastProcessingResult": self.last_processing_result}

    def update_event_source_mapping(self: Any, uuid: str, spec: dict[str, Any]) -> Any:
        if "LastProcessingResult" not in spec:
            return update(self, uuid, spec)
        mapping = self.get_event_source_mapping(uuid)
        if mapping:
            mapping.last_processing_result = spec["LastProcessingResult"]
        return mapping

    EventSourceMapping.last_processing_result = "No records processed"
    EventSourceMapping.get_configuration = get_configuration
    LambdaBackend.update_event_source_mapping = update_event_source_mapping
