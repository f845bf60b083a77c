"""The rows of a manifest in files of their own, so that what did not change is neither read nor written again.

    manifests/<asset>_parts/<part>.<digest>.parquet

The manifest then is an index with a row per part; manifests that follow each other share the parts that are the same in both. A part is
named by its content and never changed. The step writes parts before the manifest; those that no manifest names any more are garbage.

Belongs here: reading and writing parts, rows from an index. Does not: what goes into which part (the step).
"""

from dataclasses import dataclass

import polars as pl

from imaging_assets.errors import BlobNotFoundError, ManifestCorruptError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.stages.digests import DIGEST_LENGTH, sha256_of
from imaging_assets.stages.manifest_files import decode, encode
from imaging_assets.stages.tables import Table


def folder_of_parts(manifests: str, table: Table) -> str:
    """Where the parts of a table lie."""
    return f"{manifests}/{table.asset}_parts/"


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of manifests below a folder."""

    store: BlobStore
    folder: str

    def write(self, part: str, rows: pl.DataFrame, table: Table) -> str:
        """Keep the rows of a part; returns its path. Written even where it is there, so that its age tells when it was last needed."""
        data = encode(rows, table, {})
        path = f"{folder_of_parts(self.folder, table)}{part}.{sha256_of(data)[:DIGEST_LENGTH]}.parquet"
        self.store.write(path, data)
        return path

    def read(self, path: str, table: Table) -> pl.DataFrame:
        """Rows of a part.

        Raises:
            ManifestCorruptError, ManifestTooNewError: The file cannot be used, or is gone.
        """
        try:
            return decode(self.store.read(path).data, table, path)[0]
        except BlobNotFoundError as error:
            told = f"{path}, a part of manifests of {table.asset}, is gone. Delete these manifests and run their days again."
            raise ManifestCorruptError(told) from error

    def whole(self, frame: pl.DataFrame, table: Table) -> pl.DataFrame:
        """The rows behind an index; any other frame is the rows itself."""
        if self.shape_of(frame, table) is table:
            return frame
        return table.frame(pl.concat([table.frame([]), *(self.read(path, table) for path in frame["file"])]))

    def shape_of(self, frame: pl.DataFrame, table: Table) -> Table:
        """The table itself or, where the frame is one, its index."""
        return table.index if table.index and frame.columns == list(table.index.columns) else table
