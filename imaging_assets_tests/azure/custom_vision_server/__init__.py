"""A local Custom Vision: real HTTP, the contract's limits, statuses and quirks, iterations that really learn.

Belongs here: what the official SDK meets. Does not: expectations of tests. Complete without Microsoft's OpenAPI files; where they lie
beside the repository every request and response is held against them, and `CustomVisionServer.close` raises what was wrong.

Not here, answered with 501: images by URL, suggestions, export and import, stored predictions' queries, region proposals.
"""

from imaging_assets_tests.azure.custom_vision_server.server import (
    CustomVisionServer,
    Cut,
    Fault,
    NotNeeded,
    Throttled,
    Unavailable,
)
from imaging_assets_tests.azure.custom_vision_server.service import F0, S0, Limits

__all__ = ["F0", "S0", "CustomVisionServer", "Cut", "Fault", "Limits", "NotNeeded", "Throttled", "Unavailable"]
