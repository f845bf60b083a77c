"""One call to Custom Vision: at the tier's pace, again when that helps, its errors in our words.

Belongs here: pacing, repeating, translating. Does not: which calls there are (`client.py`). The SDK's own retries are off: they leave
out POST and lose the service's message.

Source of the paces: Microsoft's page "Limits and quotas", 2025-01-22.
"""

import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from azure.core.exceptions import AzureError
from msrest.exceptions import ClientException
from requests import RequestException

from imaging_assets.errors import AccessDeniedError, QuotaError, ServiceError

CallKind = Literal["prediction", "train", "other"]
Result = TypeVar("Result")

CALLS_PER_SECOND: Mapping[str, Mapping[CallKind, float]] = {
    "F0": {"prediction": 2, "train": 2, "other": 10},
    "S0": {"prediction": 20, "train": 10, "other": 10},
}
"""By tier; `prediction` is prediction without store."""

MARGIN = 1.05
"""Calls go out so much slower, because they do not arrive as evenly as they left."""

_PASSING = {408, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 60.0
_LONGEST_ASKED = 300.0
"""A service that wants more patience (a month's quota is used up) is told as an error at once."""

_SENTENCE = 300

_LIMITS = {
    "BadRequestExceedProjectLimit": "Delete a project that nobody uses, or name an existing one in custom_vision.project.",
    "BadRequestExceedTagPerProjectLimit": "Use fewer tags (F0 has 50, S0 500), or raise the resource's tier.",
    "BadRequestExceedTagPerImageLimit": "Give the image fewer tags.",
    "BadRequestExceedIterationPerProjectLimit": "Delete iterations in the portal; a project has room for 20.",
    "BadRequestExceededQuota": "Raise the resource's tier, or wait until its month is over.",
    "BadRequestImageExceededCount": "Raise the resource's tier: F0 has room for 5,000 images, S0 for 100,000.",
}


@dataclass(frozen=True)
class Clock:
    """Time and chance, so that tests need not wait: seconds of now, waiting so many, a number of 0-1."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


class Throttle:
    """Lets so many calls a second through, evenly; shared by threads."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._gap = MARGIN / per_second
        self._clock = clock
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is this call's turn."""
        with self._lock:
            turn = max(self._next, self._clock.now())
            self._next = turn + self._gap
        if (rest := turn - self._clock.now()) > 0:
            self._clock.sleep(rest)

    def pause(self, seconds: float) -> None:
        """Let no call through for so long: the service said that there were too many."""
        with self._lock:
            self._next = max(self._next, self._clock.now() + seconds)


class Calls:
    """Makes the calls of one process to one pair of resources."""

    def __init__(self, tier: str, *, tries: int = 6, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._tries = tries
        self._throttles = {kind: Throttle(pace, self.clock) for kind, pace in CALLS_PER_SECOND[tier].items()}

    def make(
        self,
        kind: CallKind,
        doing: str,
        call: Callable[[], Result],
        *,
        repeat: bool = True,
        look: Callable[[], Result | None] | None = None,
        not_again: Collection[int] = (),
    ) -> Result:
        """The result of a call that is repeated while that may help.

        Args:
            doing: What the call does, for messages: "upload 64 images".
            repeat: False for a call that must not take effect twice: then only 429, which took none, is repeated.
            look: Finds what a call brought about whose answer was lost, or None; then the call is repeated.
            not_again: Statuses that the caller knows a better answer to than asking again.

        Raises:
            AccessDeniedError: The key or identity is not accepted.
            QuotaError: A limit of the tier is reached.
            ServiceError: Anything else that did not go away.
        """
        renewed = False
        for attempt in range(1, self._tries + 1):
            self._throttles[kind].wait()
            try:
                return call()
            except (ClientException, RequestException, AzureError) as error:
                status, wait = _status(error), _asked_wait(error)
                translated = _translated(error, doing)
            if status == 401 and not renewed:
                renewed = True  # the token may have ended on the way; the next one is fresh
                continue
            passing = (status is None or status in _PASSING) and not isinstance(translated, AccessDeniedError)
            if not passing or wait > _LONGEST_ASKED or attempt == self._tries or status in not_again:
                raise translated
            if not (repeat or status == 429):
                raise translated
            if look and took_effect_perhaps(translated) and (found := look()) is not None:
                return found
            wait = wait or min(_LONGEST_WAIT, 2.0 ** (attempt - 1)) * (0.5 + self.clock.chance() / 2)
            if status == 429:
                self._throttles[kind].pause(wait)
            else:
                self.clock.sleep(wait)
        raise AssertionError


def took_effect_perhaps(error: ServiceError) -> bool:
    """Whether the service may have done what was asked although it failed to say so."""
    return error.status is None or error.status >= 500 or error.status == 408


def _status(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    return None if response is None or isinstance(error, AzureError) else int(response.status_code)


def _asked_wait(error: Exception) -> float:
    """Seconds of `Retry-After`, 0 when it does not say."""
    response = getattr(error, "response", None)
    text = str(response.headers.get("Retry-After", "")) if response is not None else ""
    return float(text) if text.isdecimal() else 0.0


def _translated(error: Exception, doing: str) -> ServiceError:
    """In our words; not chained, because what the SDK raises may hold headers, and Dagster keeps whole chains."""
    status = _status(error)
    code, words = _said(error)
    told = f"Custom Vision could not {doing}: {' '.join(str(part) for part in (status, code, words) if part)}."
    if status in (401, 403) or isinstance(error, AzureError):
        return AccessDeniedError(
            f"{told} Renew custom_vision.training_key and custom_vision.prediction_key (each resource has its own), or sign in with the "
            "role 'Cognitive Services Custom Vision Contributor' and an endpoint that has its own name.",
            status,
            code,
        )
    if code in _LIMITS:
        return QuotaError(f"{told} {_LIMITS[code]}", status, code)
    return ServiceError(f"{told} {_remedy(status)}", status, code)


def _said(error: Exception) -> tuple[str, str]:
    """The service's code (of its own form, or of the gateway's) and what it or the network said, in brackets."""
    told: Any = getattr(error, "error", None)
    gateway = (getattr(told, "additional_properties", None) or {}).get("error") or {}
    code = str(getattr(told, "code", None) or "")
    words = getattr(told, "message", None) or gateway.get("message")
    if words is None:
        inner = getattr(error, "inner_exception", None) or error
        words = f"no answer, {type(inner).__name__}" if _status(error) is None else ""
    return code, f"({str(words)[:_SENTENCE].strip().rstrip('.')})" if words else ""


def _remedy(status: int | None) -> str:
    if status is None:
        return "Check custom_vision.endpoint and the network, then run again."
    if status == 429:
        return "Run again later, or raise the tier and custom_vision.tier with it; what was done stays done."
    if status in _PASSING:
        return "Run again in a few minutes; what was done stays done."
    return "Mend what it names, then run again."
