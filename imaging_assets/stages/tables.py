"""The columns of every manifest, on one page.

Belongs here: names, types, keys and versions of tables. Does not: how they are filled (the stage of that name) or stored
(`stages/state.py`). A change of columns raises `version` and adds a migration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

TEXT, INTEGER, REAL, BOOLEAN, TIME = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean(), pl.Datetime("us", "UTC")
REGION = pl.Struct({"tag": pl.String(), "left": REAL, "top": REAL, "width": REAL, "height": REAL})

Migration = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Table:
    """A manifest's shape.

    Attributes:
        asset: The asset it belongs to.
        columns: Name to type, in order.
        key: Columns that identify a row; rows are kept sorted by them.
        timeless: Columns left out of the digest of the rows, because they say when, not what.
        unsaid: Columns left out of it while every row has the value given here: one that was added later does not rename what stands.
        version: Raised with every change of columns.
        migrations: From version n to n + 1, for n = 1, 2, ...
        index: Where the rows lie in parts (`parts.py`), the table that names these; it is read wherever a file has its columns.
    """

    asset: str
    columns: Mapping[str, pl.DataType]
    key: tuple[str, ...]
    timeless: tuple[str, ...] = ()
    unsaid: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    migrations: Mapping[int, Migration] = field(default_factory=dict)
    index: "Table | None" = None

    def frame(self, rows: list[dict[str, object]] | pl.DataFrame) -> pl.DataFrame:
        """Rows in declared order and types, sorted by key."""
        frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, schema=dict(self.columns))
        frame = frame.select(pl.col(name).cast(kind) for name, kind in self.columns.items())
        in_order = not self.key or (len(self.key) == 1 and frame[self.key[0]].is_sorted())
        return frame if in_order else frame.sort(self.key)

    def narrowed(self, *names: str) -> "Table":
        """Some of the columns, to read no more than these; without the whole key, in whatever order."""
        columns = {name: self.columns[name] for name in names}
        return replace(self, columns=columns, key=self.key if columns.keys() >= set(self.key) else ())

    def left_out(self, frame: pl.DataFrame) -> list[str]:
        """Columns that the digest of these rows leaves out."""
        unsaid = [name for name, value in self.unsaid.items() if (frame[name] == value).all()]
        return [*self.timeless, *unsaid]


ARRIVALS = Table("_arrivals", {"path": TEXT, "day": TEXT}, key=("path",))
"""No asset: on which day each blob outside dated folders was first seen."""


def _with_looks(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = [pl.lit(None).alias(name) for name in ("orientation", "sharpness", "brightness", "entropy")]
    return frame.with_columns(*numbers, problems=pl.lit([], dtype=pl.List(TEXT)))


def _of_unnamed_source(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(source=pl.lit(""))


RAW_IMAGES = Table(
    "raw_images",
    {"path": TEXT, "size": INTEGER, "etag": TEXT, "modified_at": TIME, "source": TEXT},  # source: "" for `places.landing`
    key=("path",),
    timeless=("modified_at",),
    unsaid={"source": ""},
    version=2,
    migrations={1: _of_unnamed_source},
)

RESIZED_IMAGES = Table(
    "resized_images",
    {
        "path": TEXT,
        "size": INTEGER,
        "etag": TEXT,
        "sha256": TEXT,
        "phash": TEXT,  # 16 hex digits of a 64-bit DCT hash
        "status": TEXT,
        "reason": TEXT,
        "detail": TEXT,
        "format": TEXT,
        "width": INTEGER,  # upright, as landed
        "height": INTEGER,
        "orientation": INTEGER,  # as landed: 1 to 8, as EXIF counts
        "captured_at": TIME,
        "sharpness": REAL,
        "brightness": REAL,
        "entropy": REAL,
        "problems": pl.List(TEXT),  # what may be wrong with the picture; never a reason to set it aside
        "resized": TEXT,
        "resized_size": INTEGER,
        "resized_width": INTEGER,
        "resized_height": INTEGER,
        "thumbnail": TEXT,
        "duplicate_group": TEXT,  # sha256 of the first of its kind on that day; "" when alone
        "recipe": TEXT,
        "decoders": TEXT,
        "source": TEXT,  # landing source; "" for `places.landing`
    },
    key=("path",),
    # The etag changes when equal bytes are copied or touched; nothing downstream may care.
    timeless=("etag", "decoders"),
    unsaid={"source": ""},
    version=3,
    migrations={1: _with_looks, 2: _of_unnamed_source},
)

LABEL_RECORDS = Table(
    "label_records",
    {
        "statement": TEXT,  # digest of file and what the line says: the row's identity
        "source": TEXT,
        "file": TEXT,
        "line": INTEGER,
        "selector": TEXT,  # path or name the line gives
        "tags": pl.List(TEXT),
        "regions": pl.List(REGION),  # as the file states them
        "in_pixels": BOOLEAN,  # regions are in pixels, else fractions
        "stated_width": INTEGER,  # size of the image by the label file; null when it does not tell
        "stated_height": INTEGER,
        "who": TEXT,
        "stated_at": TIME,  # when it was said by the file, else last write of the file that first said it
        "retracted_at": TIME,
        "status": TEXT,  # bound, unmatched, ambiguous, rejected
        "reason": TEXT,  # why it is not bound; what is odd about a bound one
        "sha256": TEXT,  # bound for ever at the first match
        "path": TEXT,  # where the bytes were at that match
    },
    key=("file", "line", "statement"),
    version=2,
    migrations={
        1: lambda frame: frame.with_columns(
            in_pixels=False, stated_width=pl.lit(None, INTEGER), stated_height=pl.lit(None, INTEGER), who=pl.lit("")
        )
    },
)

TAGGED_MANIFESTS = Table(
    "tagged_manifests",
    {
        "path": TEXT,
        "sha256": TEXT,
        "phash": TEXT,
        "status": TEXT,
        "width": INTEGER,
        "height": INTEGER,
        "resized": TEXT,
        "tags": pl.List(TEXT),
        "regions": pl.List(REGION),  # fractions of the upright image
        "region_problems": pl.List(TEXT),  # boxes that were cut to the image or left out, and why
        "conflict": TEXT,  # what was stated for equal bytes under other names, or ""
        "label_source": TEXT,
        "label_file": TEXT,
        "label_line": INTEGER,
        "stated_at": TIME,
    },
    key=("path",),
    timeless=("stated_at", "label_line"),
    version=2,
    migrations={1: lambda frame: frame.with_columns(pl.lit([], pl.List(TEXT)).alias("region_problems"))},
)

TRAINING_SET_INDEX = Table(
    "training_sets",
    {
        "part": TEXT,  # the ten days in which its images were first seen
        "file": TEXT,
        "placed": pl.Binary(),  # the first 64 bits of the digests of its images
        "excluded": pl.Binary(),  # the same, of those with conflicting labels
        "summary": TEXT,  # JSON; see `manifests/set_parts.py`
    },
    key=("part",),
    version=2,  # A release that knows no parts must not take it for an empty set.
    migrations={1: lambda frame: frame},
)

TRAINING_SETS = Table(
    "training_sets",
    {
        "sha256": TEXT,
        "sightings": pl.List(pl.Struct({"day": TEXT, "path": TEXT})),  # where these bytes are, oldest day first
        "resized": TEXT,
        "tags": pl.List(TEXT),
        "regions": pl.List(REGION),
        "stated_at": TIME,
        "conflict": TEXT,
        "phash": TEXT,
        "group": TEXT,
        "split": TEXT,
        "reason": TEXT,
    },
    key=("sha256",),
    # Where an image lies is nothing to a training.
    timeless=("stated_at", "sightings"),
    index=TRAINING_SET_INDEX,
)

SPLITS = Table(
    "splits",  # not an asset: the memory of which image was placed where
    {"sha256": TEXT, "phash": TEXT, "group": TEXT, "split": TEXT, "reason": TEXT, "tag": TEXT},
    key=("sha256",),
)

TRAINING_ITERATIONS = Table(
    "training_iterations",
    {
        "sequence": INTEGER,
        "training_digest": TEXT,
        "model_id": TEXT,
        "verdict": TEXT,
        "reason": TEXT,
        "kind": TEXT,
        "tags": pl.List(TEXT),
        "images": INTEGER,
        "test_images": INTEGER,
        "accuracy": REAL,
        "champion_id": TEXT,
        "champion_accuracy": REAL,
        "worst_tag": TEXT,
        "worst_tag_change": REAL,
        "seconds": REAL,
        "finished_at": TIME,
    },
    key=("sequence",),
    timeless=("seconds", "finished_at"),
)

PREDICTIONS = Table(
    "predictions",
    {"sha256": TEXT, "tag": TEXT, "probability": REAL, "box": REGION, "rank": INTEGER, "model_id": TEXT, "error": TEXT},
    key=("sha256", "rank"),
)

REVIEW_QUEUES = Table(
    "review_queues",
    {
        "rank": INTEGER,  # 1 is asked first
        "sha256": TEXT,
        "path": TEXT,
        "resized": TEXT,  # what is shown
        "width": INTEGER,  # of the resized image
        "height": INTEGER,
        "reason": TEXT,  # least certain, most different, label doubted
        "score": REAL,
        "tags": pl.List(TEXT),  # what its label says now
        "predictions": pl.List(pl.Struct({"tag": TEXT, "probability": REAL, "box": REGION})),
        "kind": TEXT,
        "model_id": TEXT,
    },
    key=("rank",),
)

SEARCH_DOCUMENTS = Table(
    "search_documents", {"id": TEXT, "path": TEXT, "document": TEXT, "generation": TEXT, "error": TEXT}, key=("id",)
)

IMAGE_CATALOG = Table("image_catalog", {"id": TEXT, "path": TEXT, "row": TEXT, "catalog_id": TEXT}, key=("id",))


def image_vectors(dimensions: int) -> Table:
    """Vectors of an embedding of that many dimensions."""
    return Table(
        "image_vectors",
        {"sha256": TEXT, "embedding_id": TEXT, "vector": pl.Array(pl.Float32(), dimensions)},
        key=("sha256",),
    )


def label_suspects(dimensions: int) -> Table:
    """Not an asset: what a second opinion says of the labels of the newest training set, and the vectors it was formed on."""
    return Table(
        "label_suspects",
        {
            "sha256": TEXT,
            "day": TEXT,  # of the last sighting
            "path": TEXT,
            "tags": pl.List(TEXT),
            "group": TEXT,
            "looks_like": pl.List(TEXT),  # the tags it seems to have
            "lead": REAL,  # 0-1; how far they are ahead of the label
            "probability": REAL,  # of the least likely of them
            "suspect": pl.Boolean(),
            "embedding_id": TEXT,
            "vector": pl.Array(pl.Float32(), dimensions),
        },
        key=("sha256",),
    )
