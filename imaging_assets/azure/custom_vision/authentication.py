"""How requests to Custom Vision are signed: a key in a header, or the token of an identity.

Belongs here: what the SDK's transport (msrest) takes as credentials. Does not: where keys and identities come from.
"""

from azure.core.credentials import TokenCredential
from msrest.authentication import ApiKeyCredentials, Authentication
from requests import Session
from typing_extensions import override

SCOPE = "https://cognitiveservices.azure.com/.default"
"""What a token must be for."""


class TokenAuthentication(Authentication):
    """Signs every request with the identity's token of now; the identity keeps it and renews it before it ends."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    @override
    def signed_session(self, session: Session | None = None) -> Session:
        """The session with the token in its headers."""
        session = session or Session()
        session.headers["Authorization"] = f"Bearer {self._credential.get_token(SCOPE).token}"
        return session


def key_authentication(header: str, key: str) -> Authentication:
    """Signs every request with a key."""
    return ApiKeyCredentials(in_headers={header: key})
