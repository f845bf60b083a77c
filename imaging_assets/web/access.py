"""Who may do what: the key of callers, the sign-in of people, and tokens that prove a form is ours.

Belongs here: checking keys, cookies and tokens. Does not: which page asks for what (the routes). Keys are compared in constant time; the
cookie holds an end and a signature made with the key, so nothing is kept on the server and another key signs everybody out.
"""

import hashlib
import hmac
import ipaddress
import secrets
import time
from dataclasses import dataclass

from fastapi import Request

from imaging_assets.policies import Serve

KEY_HEADER = "Ocp-Apim-Subscription-Key"
COOKIE = "imaging_session"
TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 - a header's name
SESSION_SECONDS = 12 * 3600

_BEARER = "bearer "


class KeyMissingError(Exception):
    """A caller without the key, or with another one."""


class SignInRequiredError(Exception):
    """A person has to sign in first."""


class ForgedError(Exception):
    """A change that was not sent by a page of ours."""


class EditingOffError(Exception):
    """Editing is not switched on."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """The rules of one server."""

    policy: Serve

    @property
    def _key(self) -> str:
        return self.policy.key.get_secret_value() if self.policy.key else ""

    @property
    def gallery_is_open(self) -> bool:
        """Whether anybody who reaches the gallery may look; where nobody could sign in, only this machine reaches it."""
        return self.policy.open_gallery or is_loopback(self.policy.host)

    def check_key(self, request: Request) -> None:
        """Raises KeyMissingError; without a key in the settings only this machine reaches the server, and may call."""
        if not self._key:
            return
        given = request.headers.get(KEY_HEADER, "")
        authorization = request.headers.get("Authorization", "")
        if not given and authorization[: len(_BEARER)].lower() == _BEARER:
            given = authorization[len(_BEARER) :]
        if not self.is_key(given):
            raise KeyMissingError

    def is_key(self, given: str) -> bool:
        """Whether this is the key; takes as long for any wrong one."""
        return bool(self._key) and hmac.compare_digest(_digest(given), _digest(self._key))

    def may_edit(self, request: Request) -> bool:
        """Whether the person behind this request may change anything."""
        return self.policy.editing and self.signed_in(request)

    def signed_in(self, request: Request) -> bool:
        """Whether the request carries a session that still holds."""
        session, _, signature = request.cookies.get(COOKIE, "").rpartition(".")
        ends = session.partition(".")[0]
        good = bool(self._key) and hmac.compare_digest(_digest(signature), _digest(self._sign(f"session {session}")))
        return good and ends.isdecimal() and int(ends) > time.time()

    def new_session(self) -> str:
        """The cookie's value for somebody who gave the key."""
        session = f"{int(time.time()) + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{session}.{self._sign(f'session {session}')}"

    def token(self, request: Request) -> str:
        """What forms of this session carry; another site cannot know it."""
        return self._sign(f"token {request.cookies.get(COOKIE, '')}")

    def check_reader(self, request: Request) -> None:
        """Raises SignInRequiredError."""
        if not self.gallery_is_open and not self.signed_in(request):
            raise SignInRequiredError

    def check_editor(self, request: Request, token: str) -> None:
        """Raises EditingOffError, SignInRequiredError, ForgedError."""
        if not self.policy.editing:
            raise EditingOffError
        if not self.signed_in(request):
            raise SignInRequiredError
        if not is_same_origin(request) or not hmac.compare_digest(_digest(token), _digest(self.token(request))):
            raise ForgedError

    def _sign(self, text: str) -> str:
        return hmac.new(self._key.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_same_origin(request: Request) -> bool:
    """Whether the browser says that a page of this server sent the request; programs say nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    return site in (None, "same-origin", "none")


def _digest(text: str) -> bytes:
    """Of equal length for any text, so that a comparison tells nothing about the key's."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
