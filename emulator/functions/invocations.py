"""The API's `Invoke`, for whoever calls it: runs a function from its zip, where moto would start Docker."""

import json
import threading
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend

from emulator.functions.description import Function, FunctionError
from emulator.functions.host import FunctionHost
from emulator.functions.runtime import ExecutionEnvironment, Invocation


class Invocations:
    """Invokes functions, from `serve` to `close`. Each process is used again, by one invocation at a time.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html; of the invocation types there is RequestResponse.
    """

    def __init__(self, endpoint_url: str, region: str) -> None:
        self._endpoint_url, self._region = endpoint_url, region
        self._lock = threading.Lock()
        self._host: FunctionHost | None = None
        self._idle: list[ExecutionEnvironment] = []
        self._busy: list[ExecutionEnvironment] = []

    def serve(self) -> None:
        """Answer the calls to the moto of this process."""

        def invoke(
            backend: Any, name: str, qualifier: str | None, body: Any, headers: Any, response_headers: dict[str, str]
        ) -> bytes:
            kind = headers.get("x-amz-invocation-type", "RequestResponse")
            if kind != "RequestResponse":
                raise LambdaClientError(
                    "InvalidParameterValueException", f"the emulator has no {kind}; expected RequestResponse"
                )
            arn = backend.get_function(name, qualifier).function_arn
            try:
                event = json.dumps(json.loads(body or "{}")).encode()
                function = self._function_host().load(arn)
            except FunctionError as error:
                raise LambdaClientError("InvalidParameterValueException", str(error)) from None
            except ValueError as error:
                reason = f"Could not parse request body into json: {error}"
                raise LambdaClientError("InvalidRequestContentException", reason) from None
            invocation = self._invoke(function, event)
            response_headers["x-amz-executed-version"] = function.version
            if invocation.function_error:
                response_headers["x-amz-function-error"] = invocation.function_error
            return invocation.payload

        LambdaBackend.invoke = invoke

    def _function_host(self) -> FunctionHost:
        """Made by the first invocation, since few emulators see one."""
        with self._lock:
            if self._host is None:
                self._host = FunctionHost(self._endpoint_url, self._region, lambda _: None)
                self._host.start()
            return self._host

    def _invoke(self, function: Function, event: bytes) -> Invocation:
        host = self._function_host().host
        with self._lock:
            # After an update of the function, the processes from before it are of no more use.
            for one in [one for one in self._idle if one.function.arn == function.arn and one.function != function]:
                self._idle.remove(one)
                one.close()
            same = [one for one in self._idle if one.function == function]
            environment = same[0] if same else ExecutionEnvironment(function, host)
            if same:
                self._idle.remove(environment)
            self._busy.append(environment)
        try:
            return environment.invoke(event)
        finally:
            with self._lock:
                self._busy.remove(environment)
                self._idle.append(environment)

    def close(self) -> None:
        """End all processes at once, and leave nothing behind; invocations under way fail."""
        with self._lock:
            for environment in self._busy:
                environment.kill()
            for environment in self._idle:
                environment.close()
            if self._host:
                self._host.stop()
