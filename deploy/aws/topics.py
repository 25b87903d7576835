"""Who is subscribed to a topic."""

from typing import Any


def subscriptions(sns: Any, topic: str) -> list[dict[str, Any]]:
    """The subscriptions of a topic as SNS lists them. Raises ClientError if there is no such topic."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [one for page in pages for one in page["Subscriptions"]]
