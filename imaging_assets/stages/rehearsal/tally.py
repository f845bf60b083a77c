"""What a rehearsal counts.

Belongs here: counting, from several threads. Does not: what a number means.
"""

from collections import Counter
from threading import Lock


class Tally:
    """Numbers by service and what was done, such as `("custom vision", "upload images")`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def add(self, service: str, what: str, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self._counts[service, what] += number

    def of(self, service: str) -> dict[str, int]:
        """What was counted for one service, by name."""
        return {what: number for (whose, what), number in sorted(self._counts.items()) if whose == service and number}
