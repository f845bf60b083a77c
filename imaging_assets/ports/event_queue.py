"""Port: messages that tell of new and deleted blobs (a storage queue that Event Grid fills, a folder of files).

Promises, the same for every implementation:

- Delivered at least once, in no order. What is handed out is hidden for some time, and comes again unless it was deleted.
- Each time it is handed out is counted in the message.
- What is set aside is kept, word for word and for ever, where `aside` shows it, and is not handed out any more.
- An implementation that fails half-way leaves a message twice rather than not at all.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from imaging_assets.records.events import Message


class EventQueue(ABC):
    """Messages; safe to use from several threads and processes at once. Every method raises EventQueueError."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it."""

    @abstractmethod
    def receive(self, most: int) -> list[Message]:
        """At most so many of those that nobody holds."""

    @abstractmethod
    def delete(self, messages: Sequence[Message]) -> None:
        """Done with; a message that somebody else holds by now stays, and one that is gone is no error."""

    @abstractmethod
    def set_aside(self, messages: Sequence[Message]) -> None:
        """Keep them where nobody is handed them."""

    @abstractmethod
    def aside(self) -> tuple[int, list[str]]:
        """How many are set aside (never too few), and the texts of up to 32 of the oldest; changes nothing."""

    @abstractmethod
    def send(self, text: str) -> None:
        """Put a message at the end."""

    @abstractmethod
    def path_of(self, container: str, name: str) -> str | None:
        """The store's path of the blob that an event names, or None for one that lies elsewhere."""

    @abstractmethod
    def tell(self, path: str) -> None:
        """Called after we wrote a landed blob ourselves; does nothing where the store tells of it."""
