"""How large a request of the gallery may be: forms are read into files before any route sees them.

Belongs here: counting bytes. Does not: the skill's calls, which count for themselves once they are let in (`skill/routes.py`).
"""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imaging_assets.policies import Serve

_FORM = 1_000_000
_LABELS = 32_000_000


class BodyLimit:
    """ASGI middleware; answers 413, or cuts off a body that did not say how long it is."""

    def __init__(self, app: ASGIApp, policy: Serve) -> None:
        self._app = app
        self._limits = {
            "/similar": policy.max_image_bytes + _FORM,
            "/upload": policy.max_upload_bytes + _FORM,
            "/upload/labels": _LABELS,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; those of the skill pass."""
        if scope["type"] != "http" or scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        most = self._limits.get(scope["path"], _FORM)
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > most:
            text = f"The request is larger than {most:,} bytes. Send less at once, or raise the limit in the settings of serve."
            await JSONResponse({"detail": text}, 413)(scope, receive, send)
            return
        size = 0

        async def receive_less() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message if size <= most else {"type": "http.disconnect"}

        await self._app(scope, receive_less, send)
