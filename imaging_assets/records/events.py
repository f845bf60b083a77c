"""Values of the events that tell of new and deleted blobs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is handed out; it is hidden from others for a while and comes again unless it is deleted.

    Attributes:
        id: Of the message, not of the event in it.
        text: As it was sent.
        dequeues: How often it was handed out, this time included.
        receipt: What proves that we hold it.
    """

    id: str
    text: str
    dequeues: int
    receipt: str


@dataclass(frozen=True, slots=True)
class BlobEvent:
    """Something happened to a blob.

    Attributes:
        id: Of the event; one that is delivered twice has the same.
        kind: The service's own word, such as `Microsoft.Storage.BlobCreated`.
        container: The blob's container, "" where the event names none.
        name: The blob in it, "" where the event is about none.
    """

    id: str
    kind: str
    container: str
    name: str
