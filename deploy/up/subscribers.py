"""Phones and mailboxes: subscribing them, and what an account in the SMS sandbox needs first."""

from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import topics
from deploy.aws.session import Aws
from deploy.progress import say
from deploy.up.state import Wanted


def say_sandbox(aws: Aws, wanted: Wanted) -> None:
    """Say if the account is in the SMS sandbox, which of the given numbers are not verified, and how to verify one."""
    sns = aws.client("sns")
    try:
        if not sns.get_sms_sandbox_account_status().get("IsInSandbox"):
            return
        pages = sns.get_paginator("list_sms_sandbox_phone_numbers").paginate()
        verified = {one["PhoneNumber"] for page in pages for one in page["PhoneNumbers"] if one["Status"] == "Verified"}
    except ClientError:
        # Not every role may ask, and nothing depends on it.
        return
    say("this account is in the SMS sandbox of SNS: only phones that are verified in it get text messages")
    missing = [str(n) for n, number in enumerate(wanted.phones or (), 1) if number not in verified]
    if missing:
        say(f"not verified: --phone number {', '.join(missing)}. To verify one, send it a code, and give that back:")
        verify = f"--region {aws.region} --phone-number +NUMBER"
        say(f"  aws sns create-sms-sandbox-phone-number {verify}")
        say(f"  aws sns verify-sms-sandbox-phone-number {verify} --one-time-password CODE")
        say("a mailbox needs no such step: `--alert-email ADDRESS` sends the alerts there as well")


def subscribe_to_alerts(aws: Aws, wanted: Wanted) -> bool:
    """Subscribe who gets the alerts; return whether that changed anything."""
    sns, topic = aws.client("sns"), wanted.values["AlertsTopicArn"]
    changed = [
        topics.subscribe_exactly(sns, topic, protocol, endpoints)
        for protocol, endpoints in (("sms", wanted.phones), ("email", wanted.alert_mailboxes))
        if endpoints is not None
    ]
    log_texts(sns, wanted.values.get("TextsLogRoleArn", ""))
    return any(changed)


def subscribe_to_alarms(aws: Aws, wanted: Wanted) -> bool:
    """Subscribe who gets the alarms; return whether that changed anything."""
    if wanted.alarm_mailboxes is None:
        return False
    return topics.subscribe_exactly(
        aws.client("sns"), wanted.values["OperatorsTopicArn"], "email", wanted.alarm_mailboxes
    )


def log_texts(sns: Any, role: str) -> None:
    """Let SNS log what became of each text message, unless the account has a role for that.

    The setting is one of the account in this region, not of a topic.
    https://docs.aws.amazon.com/sns/latest/dg/sms_stats_cloudwatch.html
    """
    if role and not sns.get_sms_attributes(attributes=["DeliveryStatusIAMRole"])["attributes"].get(
        "DeliveryStatusIAMRole"
    ):
        sns.set_sms_attributes(attributes={"DeliveryStatusIAMRole": role, "DeliveryStatusSuccessSamplingRate": "0"})


def forget_texts_log(sns: Any, role: str) -> None:
    """Take that setting back if it names this role, as `down` deletes the role."""
    if (
        role
        and sns.get_sms_attributes(attributes=["DeliveryStatusIAMRole"])["attributes"].get("DeliveryStatusIAMRole")
        == role
    ):
        sns.set_sms_attributes(attributes={"DeliveryStatusIAMRole": ""})
