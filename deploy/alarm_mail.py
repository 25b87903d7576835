"""Whether the alarms reach anybody: an address must be confirmed, by its owner, within two days.

https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

from deploy.aws import stacks, topics
from deploy.aws.session import Aws
from deploy.deployment import Deployment

_PENDING = ("PendingConfirmation", "pending confirmation")


def problem(aws: Aws, wanted: Deployment) -> str:
    """Why the alarms reach nobody, and what to do, without the address; empty if they reach somebody or there are none.

    Args:
        aws: the account and region.
        wanted: the deployment.

    Raises:
        botocore.exceptions.ClientError: if the topic cannot be asked.
    """
    cloudformation = aws.client("cloudformation")
    topic = wanted.outputs(cloudformation, "monitoring").get("OperatorsTopicArn")
    if topic is None:
        return ""
    subscriptions = [one["SubscriptionArn"] for one in topics.subscriptions(aws.client("sns"), topic)]
    # One that was unsubscribed is listed as Deleted for three days.
    if any(one.startswith("arn:") for one in subscriptions):
        return ""
    if any(one in _PENDING for one in subscriptions):
        return "alarms reach nobody until the mail to their address is confirmed, within two days"
    made = stacks.resources(cloudformation, wanted.stack("monitoring"))
    if any(logical == "OperatorSubscription" for _, logical, _ in made):
        return (
            "alarms reach nobody: their address was not confirmed in time, or unsubscribed; again: "
            f"`aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint ADDRESS`"
        )
    return "alarms reach nobody; `up --email ADDRESS` lets them"
