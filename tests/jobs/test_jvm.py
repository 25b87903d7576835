"""The JVM: what a run says if it failed, that one thread of it plans, and what is not started."""

import gc
import sys

import pytest

from jobs.alerting import jvm
from tests.jobs.detection import Detect

PROVIDERS = (
    "[SystemPropertyCredentialsProvider(), ProfileCredentialsProvider(profileName=default)]: Unable to load\n settings"
)


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (
            f"a.SdkClientException: Unable to load credentials from any of the providers in {PROVIDERS}",
            "no AWS cred",
        ),
        (
            f"b.SdkClientException: Unable to load AWS credentials from any provider in: {PROVIDERS}",
            "no AWS cr",
        ),
        ("c.ResourceNotFoundException: Stream x\n not found", "c.ResourceNotFoundException: Stream x not found"),
    ],
)
def test_in_short(cause: str, said: str) -> None:
    line = jvm.in_short(cause)
    assert line.startswith(said)
    assert "\n" not in line and len(line) < 200


def test_one_java_thread() -> None:
    """While the job is planned no other thread uses the JVM: Python would tell it there of its garbage."""
    made = list[bool]()

    @jvm.one_java_thread()
    def plan() -> None:
        made.append(gc.isenabled())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        plan()
    assert (made, gc.isenabled()) == ([False], True)


def test_nothing_for_python_functions(detect: Detect) -> None:
    """PyFlink would import Beam for a second and serve functions that the job does not have."""
    detect([])
    assert "apache_beam" not in sys.modules
