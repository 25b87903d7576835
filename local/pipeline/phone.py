"""What the phones get: the queue beside them on the topic, received all the time."""

import threading
from dataclasses import dataclass
from typing import Any

import boto3


@dataclass(frozen=True)
class Message:
    """A text message, the alert that it is of, and when it was published (milliseconds since 1970)."""

    text: str
    product_id: str
    inventory: int
    ts: str
    published: int


def subscribe(topic: str) -> str:
    """Subscribe a queue beside the phone, which gets what the emulator does not send as text; give its URL."""
    sns: Any = boto3.client("sns")
    sqs: Any = boto3.client("sqs")
    url = str(sqs.create_queue(QueueName="low-inventory-phone")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return url


class Phone:
    """Receives in a thread of its own, from `start` to `stop`."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url
        self._messages: list[Message] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._receive, name="phone")

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def stop(self) -> None:
        """End, at the latest after the emulator's answer to a last receive."""
        self._stopping.set()
        self._thread.join()

    def messages(self) -> list[Message]:
        """The messages so far, as they came."""
        return list(self._messages)

    def _receive(self) -> None:
        sqs: Any = boto3.client("sqs")
        while not self._stopping.wait(0.2):
            while messages := self._some(sqs):
                self._messages += map(_message, messages)
                sqs.delete_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)],
                )

    def _some(self, sqs: Any) -> list[dict[str, Any]]:
        answer = sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        )
        return list(answer.get("Messages", []))


def _message(message: dict[str, Any]) -> Message:
    attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
    return Message(
        message["Body"],
        attributes["product_id"],
        int(attributes["inventory"]),
        attributes["ts"],
        int(message["Attributes"]["SentTimestamp"]),
    )
