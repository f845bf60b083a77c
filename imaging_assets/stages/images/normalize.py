"""Any image as the pipeline would store it, for a model that is asked about it now.

Belongs here: the way round a full encode where the bytes may serve as they are. Does not: encoding (`encode`, `engine`).
"""

from PIL import Image

from imaging_assets.policies import Resize
from imaging_assets.stages.images.engine import ImageEngine
from imaging_assets.stages.images.facts import facts_of, open_image


def normalize_image(data: bytes, limits: Resize, engine: ImageEngine) -> bytes:
    """Upright bytes within the limits; a model answers the same for them as for the day's resized blob.

    Raises:
        UnreadableImageError: The image cannot be used; the reason says why.
    """
    return data if _is_plain_jpeg(data, limits) else engine.encode(data).data


def _is_plain_jpeg(data: bytes, limits: Resize) -> bool:
    """Whether only the header had to be read to know that every pixel may stay; what is odd in any way is encoded anew."""
    if len(data) > limits.max_bytes or data[:3] != b"\xff\xd8\xff":
        return False
    try:
        facts = facts_of(open_image(data, limits))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return False  # the engine says what is wrong with it
    fine = facts.kind == "JPEG" and facts.mode in ("RGB", "L") and facts.turn == 1
    return fine and not facts.profile and max(facts.width, facts.height) <= limits.max_edge
