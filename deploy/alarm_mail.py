"""Whether the alarms reach anybody: an address must be confirmed, by its owner, within two days.

https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

from deploy.aws import topics
from deploy.aws.session import Aws

_PENDING = ("PendingConfirmation", "pending confirmation")


def problem(aws: Aws, topic: str | None) -> str:
    """Why nobody gets the alarms, and what to do; empty if somebody gets them or there are no alarms.

    Args:
        aws: the account and region.
        topic: the ARN of the alarms' topic, an output of monitoring.yaml; None if there are no alarms.

    Raises:
        botocore.exceptions.ClientError: if the topic cannot be asked.
    """
    if topic is None:
        return ""
    subscriptions = topics.subscriptions(aws.client("sns"), topic)
    if any(map(topics.confirmed, subscriptions)):
        return ""
    if any(one["SubscriptionArn"] in _PENDING for one in subscriptions):
        return "alarms reach nobody until the owner of the mailbox confirms the mail from SNS, within two days"
    return "alarms reach nobody: `up --email ADDRESS` subscribes a mailbox"
