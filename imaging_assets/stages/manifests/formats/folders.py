"""Folder per class: the first folder below the root is the tag.

Belongs here: reading and writing that order of files. Does not: which files there are.
"""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from imaging_assets.records.manifests import AnnotatedImage, RejectedLine
from imaging_assets.stages.manifests.formats.draft import ImageDraft, Read

_SPLITS = {"train": "train", "validation": "validation", "test": "test"}


def read(paths: Iterable[str]) -> Iterator[Read]:
    """What the folders say of the files, by their paths below the root; above the classes may stand the sides of a split."""
    paths = sorted(paths)
    tops = {PurePosixPath(path).parts[0] for path in paths if "/" in path}
    split = bool(tops) and tops <= _SPLITS.keys()
    for line, path in enumerate(paths, 1):
        parts = PurePosixPath(path).parts[1 if split else 0 :]
        if len(parts) < 2:
            yield RejectedLine(line, path, "the file lies in no folder of a class")
            continue
        draft = ImageDraft(line, "/".join(parts[1:]), split=PurePosixPath(path).parts[0] if split else "")
        draft.tag(parts[0])
        yield from draft.finish(path)


def places(image: AnnotatedImage) -> list[str]:
    """Where the image goes: into the folder of each of its tags; what no folder may be called is spelt with `_`."""
    side = [image.split] if image.split else []
    return ["/".join([*side, folder_name(tag), image.path]) for tag in image.tags]


def folder_name(tag: str) -> str:
    """The tag as a folder's name on every system."""
    name = "".join("_" if character in '/\\:*?"<>|' or ord(character) < 32 else character for character in tag).rstrip(". ")
    return name if name.strip(".") else f"_{name}"
