"""What moto's SNS lacks, added in the process that serves it. Tried with moto 5.2.5."""

import functools
from typing import Any

from moto.core.responses import ActionResult
from moto.sns.responses import SNSResponse


@functools.cache
def apply() -> None:
    """Correct the moto of this process; call it before the server starts. A second call changes nothing."""
    _tell_that_no_sandbox_holds()


def _tell_that_no_sandbox_holds() -> None:
    """Moto answers this action with an error page; AWS tells whether the account is in the SMS sandbox. Here none is.

    https://docs.aws.amazon.com/sns/latest/api/API_GetSMSSandboxAccountStatus.html
    """

    def get_sms_sandbox_account_status(_: Any) -> ActionResult:
        return ActionResult({"IsInSandbox": False})

    SNSResponse.get_sms_sandbox_account_status = get_sms_sandbox_account_status
