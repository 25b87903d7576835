"""Who is subscribed to a topic, and changing that."""

from collections.abc import Collection
from typing import Any

_CONFIRMED = "arn:"
"""How the ARN of a subscription begins. Without an ARN, SNS gives a word instead: PendingConfirmation or Deleted."""


def subscriptions(sns: Any, topic: str) -> list[dict[str, Any]]:
    """The subscriptions of a topic as SNS lists them. Raises ClientError if there is no such topic."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [one for page in pages for one in page["Subscriptions"]]


def confirmed(subscription: dict[str, Any]) -> bool:
    """Whether a subscription gets messages: a mailbox gets none until its owner confirms it."""
    return str(subscription["SubscriptionArn"]).startswith(_CONFIRMED)


def subscribe_exactly(sns: Any, topic: str, protocol: str, wanted: Collection[str]) -> bool:
    """Subscribe the endpoints that are wanted, unsubscribe the others; return whether anything changed.

    Subscribe is idempotent (https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html); for a mailbox that was
    never confirmed it sends the mail with the confirmation again. A subscription that waits for its confirmation cannot
    be deleted; it ends by itself after two days.

    Args:
        sns: a boto3 client.
        topic: the topic's ARN.
        protocol: `sms` or `email`.
        wanted: phone numbers in E.164, or mail addresses.
    """
    found = [one for one in subscriptions(sns, topic) if one["Protocol"] == protocol]
    there = {one["Endpoint"] for one in found if confirmed(one)}
    for endpoint in wanted:
        if endpoint not in there:
            sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    extra = [one for one in found if confirmed(one) and one["Endpoint"] not in wanted]
    for one in extra:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    return bool(extra) or not set(wanted) <= there
