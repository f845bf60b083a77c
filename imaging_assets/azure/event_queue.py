"""Event queue over Azure Storage Queue, which Event Grid fills; what is set aside lies in `<queue>-poison`, as Azure Functions does it.

Belongs here: the port's promises in the service's words. Does not: what a message says (`stages/events.py`), signing in (`credentials`).
"""

from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor

from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.queue import QueueServiceClient
from typing_extensions import override

from imaging_assets.azure.containers import Containers
from imaging_assets.azure.translation import code_of, queue_errors
from imaging_assets.errors import EventQueueError
from imaging_assets.ports.event_queue import EventQueue
from imaging_assets.records.events import Message

_AT_ONCE = 32
"""The most that one call hands out or shows."""

_THREADS = 8
_FOR_EVER = -1
_NOT_OURS = {"MessageNotFound", "PopReceiptMismatch"}
"""Somebody else holds the message by now, or deleted it."""

_PROBE = "imaging-assets doctor"
_NO_MESSAGE = Message("00000000-0000-0000-0000-000000000000", "", 0, "AgAAAAMAAAAAAAAAAAAAAAAAAAA=")


class StorageEventQueue(EventQueue):
    """Messages of a queue.

    Args:
        service: Client of the account.
        queue: Name of the queue.
        containers: Which path of the store lies where.
        hidden_seconds: How long a message that was handed out stays hidden; whole seconds, at least one.
    """

    def __init__(self, service: QueueServiceClient, queue: str, containers: Containers, *, hidden_seconds: float) -> None:
        self._queue = service.get_queue_client(queue)
        self._poison = service.get_queue_client(f"{queue}-poison")
        self._account = service.primary_hostname
        self._containers = containers
        self._hidden = max(1, round(hidden_seconds))

    def create(self) -> None:
        """Make the queues that are not there."""
        for queue in (self._queue, self._poison):
            with queue_errors(f"make queue {queue.queue_name!r}", str(queue.queue_name), self._account):
                try:
                    queue.create_queue()
                except ResourceExistsError:
                    continue

    @property
    @override
    def name(self) -> str:
        return str(self._queue.queue_name)

    @override
    def receive(self, most: int) -> list[Message]:
        with queue_errors(f"receive from {self.name!r}", self.name, self._account):
            received = self._queue.receive_messages(
                max_messages=most, messages_per_page=min(most, _AT_ONCE), visibility_timeout=self._hidden
            )
            return [
                Message(message.id, str(message.content), int(message.dequeue_count or 1), str(message.pop_receipt))
                for message in received
            ]

    @override
    def delete(self, messages: Sequence[Message]) -> None:
        self._each(messages, self._delete)

    @override
    def set_aside(self, messages: Sequence[Message]) -> None:
        """Sent to the other queue first; a message that cannot be deleted then is there twice, and its text says the same."""
        self._each(messages, self._set_aside)

    @override
    def aside(self) -> tuple[int, list[str]]:
        name = str(self._poison.queue_name)
        with queue_errors(f"look into {name!r}", name, self._account):
            peeked = [str(message.content) for message in self._poison.peek_messages(_AT_ONCE)]
            shown = [text for text in peeked if text != _PROBE]
            if len(peeked) < _AT_ONCE:
                return len(shown), shown
            return max(len(shown), int(self._poison.get_queue_properties().approximate_message_count or 0)), shown

    @override
    def send(self, text: str) -> None:
        with queue_errors(f"send to {self.name!r}", self.name, self._account):
            self._queue.send_message(text)

    @override
    def path_of(self, container: str, name: str) -> str | None:
        return self._containers.path_of(container, name)

    @override
    def tell(self, path: str) -> None:
        """Event Grid does."""

    def peek(self) -> int:
        """How many of the first few wait; changes nothing. For `doctor`."""
        with queue_errors(f"look into {self.name!r}", self.name, self._account):
            return len(self._queue.peek_messages(_AT_ONCE))

    def try_to_delete(self) -> None:
        """Whether we may: a message that is not there is deleted. For `doctor`."""
        self._delete(_NO_MESSAGE, {*_NOT_OURS, "InvalidQueryParameterValue"})

    def try_to_set_aside(self) -> None:
        """Whether we may: by a message that goes by itself after a second. For `doctor`."""
        name = str(self._poison.queue_name)
        with queue_errors(f"send to {name!r}", name, self._account):
            self._poison.send_message(_PROBE, time_to_live=1)

    def _set_aside(self, message: Message) -> None:
        name = str(self._poison.queue_name)
        with queue_errors(f"send to {name!r}", name, self._account):
            self._poison.send_message(message.text, time_to_live=_FOR_EVER)
        self._delete(message)

    def _delete(self, message: Message, harmless: Container[str] = frozenset(_NOT_OURS)) -> None:
        with queue_errors(f"delete a message of {self.name!r}", self.name, self._account):
            try:
                self._queue.delete_message(message.id, message.receipt)
            except HttpResponseError as error:
                if code_of(error) not in harmless:
                    raise

    @staticmethod
    def _each(messages: Sequence[Message], do: Callable[[Message], None]) -> None:
        """All of them, a few at once; the first error is raised after the others were tried."""
        with ThreadPoolExecutor(_THREADS) as threads:
            futures = [threads.submit(do, message) for message in messages]
        failed = [error for future in futures if isinstance(error := future.exception(), EventQueueError)]
        for future in futures:
            if not isinstance(future.exception(), EventQueueError):
                future.result()
        if failed:
            raise failed[0]
