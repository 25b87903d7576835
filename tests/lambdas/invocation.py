"""The context of an invocation; imports nothing, so that a function in a process of its own can have one."""

import time

REGION, ACCOUNT = "eu-west-1", "123456789012"


class Context:
    """The context of an invocation that has so many seconds."""

    function_name = "function-under-test"
    function_version = "$LATEST"
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function-under-test"
    memory_limit_in_mb = 256
    aws_request_id = "6f5c4d3e-0000-4000-8000-000000000000"
    log_group_name = "/aws/lambda/function-under-test"
    log_stream_name = "2026/01/05/[$LATEST]0"

    def __init__(self, seconds: float = 60) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Until the function would be ended."""
        return max(0, int((self._end - time.monotonic()) * 1000))
