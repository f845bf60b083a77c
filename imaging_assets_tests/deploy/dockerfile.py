"""The Dockerfile as a list of instructions.

Belongs here: parsing. Does not: running them (`test_image.py`) or expectations.
"""

import re

from imaging_assets_tests.deploy.files import DEPLOY


def instructions() -> list[tuple[str, str]]:
    """Name and rest of each instruction, in order; continued lines joined, comments gone."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]
