"""What the role of a function must allow for a mapping."""

import json
from typing import Any

import pytest

from emulator.mappings import permissions
from emulator.mappings.settings import MappingError
from tests.emulator.mappings.lambda_account import LambdaAccount
from tests.emulator.mappings.sample_batches import mapping

READ = ["kinesis:Describe*", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
STREAM = mapping().stream_arn
BUCKET = "arn:aws:s3:::failures"


def allow(actions: str | list[str], resources: str | list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def template(*statements: dict[str, Any]) -> str:
    """A role with its policies, and one more policy attached to it."""
    first, *rest = [{"Version": "2012-10-17", "Statement": [one]} for one in statements]
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "r",
            "AssumeRolePolicyDocument": {},
            "Policies": [{"PolicyName": f"p{n}", "PolicyDocument": one} for n, one in enumerate(rest)],
        },
    }
    attached = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"ManagedPolicyName": "m", "PolicyDocument": first, "Roles": [{"Ref": "Role"}]},
    }
    return json.dumps({"Resources": {"Role": role, "Attached": attached}})


@pytest.mark.parametrize(
    ("destination", "statements", "missing"),
    [
        ("", [allow("*", "*")], ""),
        ("", [allow(READ, STREAM)], ""),
        ("", [allow(READ[:2], STREAM), allow(READ[2:], "arn:aws:kinesis:*:*:stream/lambda-*")], ""),
        ("", [allow(READ[1:], STREAM)], "kinesis:DescribeStream on .*, kinesis:DescribeStreamSummary on"),
        ("", [allow(READ, STREAM + "-other")], "kinesis:DescribeStream on"),
        ("", [allow(READ, STREAM) | {"Effect": "Deny"}], "kinesis:DescribeStream on"),
        (BUCKET, [allow(READ, STREAM), allow("s3:*", [BUCKET, f"{BUCKET}/aws/lambda/*"])], ""),
        (BUCKET, [allow(READ, STREAM), allow("s3:PutObject", f"{BUCKET}/*")], f"s3:ListBucket on {BUCKET}$"),
        (BUCKET, [allow(READ, STREAM), allow("s3:*", BUCKET)], f"s3:PutObject on {BUCKET}/aws/lambda/u/$"),
    ],
)
def test_roles(account: LambdaAccount, destination: str, statements: list[dict[str, Any]], missing: str) -> None:
    account.cloudformation.create_stack(StackName="s", TemplateBody=template(*statements))
    given = mapping(on_failure_arn=destination)
    role = "arn:aws:iam::123456789012:role/r"
    if not missing:
        permissions.check(account.iam, role, given)
        return
    with pytest.raises(MappingError, match=rf"^mapping .*: expected the function's role r to allow {missing}"):
        permissions.check(account.iam, role, given)


def test_role_that_is_not_there(account: LambdaAccount) -> None:
    with pytest.raises(MappingError, match=r"expected a role that exists, got arn:.*role/gone"):
        permissions.check(account.iam, "arn:aws:iam::123456789012:role/gone", mapping())
