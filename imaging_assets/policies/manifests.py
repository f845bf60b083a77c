"""Settings: where labels come from and how they find their images."""

import re
from typing import Literal

from pydantic import Field, field_validator

from imaging_assets.policies.group import Group

LabelFormat = Literal["auto", "csv", "coco", "voc", "via", "via-csv", "yolo", "label-studio", "cvat", "azure-ml"]
"""Of the files of a label source; `auto` goes by their content."""

LABEL_COLUMNS = (
    "path", "tags", "sha256", "who", "when", "split", "left", "top", "right", "bottom", "width", "height", "image_width", "image_height",
)  # fmt: skip
"""What a column of a CSV file may mean; width and height are those of a box."""


class LabelSource(Group):
    """Where labels come from: a folder of the store, and how its files are read and joined."""

    name: str = Field(min_length=1, description="Shown wherever the labels are, as `label_source`.")
    folder: str = Field(min_length=1, description="Folder in the store; of nested ones the inner counts.")
    format: LabelFormat = Field("auto", description="Format of its files; `auto` goes by their content.")
    priority: int = Field(0, description="Of statements of the same time, that of the higher priority wins.")
    images: str = Field(
        "", description="Beginning of the paths of the images that it describes, below the landing place or below the day."
    )
    rewrite: dict[str, str] = Field(
        default_factory=dict,
        description="Where nothing has the name as it stands: regular expression to what replaces it, the first that fits.",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description='CSV: meaning to name or 1-based number of a column, as in `{path = "Picture", tags = "3"}`.',
    )
    header_rows: int | None = Field(
        None, ge=0, le=2, description="CSV: rows above the first line; unset: found by names of columns."
    )
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="CSV: separates several tags in one cell; unset: `labels.separator`."
    )
    encoding: str = Field("utf-8", description="Of text files, as Python calls it: `cp1252`, `utf-16`.")

    @field_validator("folder", "images")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.strip("/")

    @field_validator("rewrite")
    @classmethod
    def _expressions(cls, value: dict[str, str]) -> dict[str, str]:
        for pattern, replacement in value.items():
            try:
                re.compile(pattern).sub(replacement, "")
            except (re.error, IndexError) as error:
                raise ValueError(f"{pattern!r} to {replacement!r} is no regular expression and replacement ({error})") from error
        return value

    @field_validator("columns")
    @classmethod
    def _meanings(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := value.keys() - set(LABEL_COLUMNS):
            raise ValueError(f"there is no meaning {min(unknown)!r}; there are {', '.join(LABEL_COLUMNS)}")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError(f"there is no encoding {value!r}") from error
        return value


class Labels(Group):
    """How labels find their images."""

    sources: tuple[LabelSource, ...] = Field(
        (), description="Label sources beside the folder `places.labels`, which is one by itself; see below."
    )
    separator: str = Field("|", min_length=1, max_length=1, description="Separates several tags in one cell of a CSV file.")
    from_folders: bool = Field(
        default=False, description="Take the first folder below the day as the tag of every landed image (folder per class)."
    )

    @field_validator("sources")
    @classmethod
    def _told_apart(cls, value: tuple[LabelSource, ...]) -> tuple[LabelSource, ...]:
        for what, found in (("name", [source.name for source in value]), ("folder", [source.folder for source in value])):
            if twice := [item for item in found if found.count(item) > 1]:
                raise ValueError(f"two sources have the {what} {twice[0]!r}")
        return value

    @property
    def priorities(self) -> dict[str, int]:
        """Priority by source name; sources that are not named here have 0."""
        return {source.name: source.priority for source in self.sources}
