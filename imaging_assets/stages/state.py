"""When is a day done? The name of its manifest says so.

    manifests/<asset>/<key>.<inputs>.<rows>.parquet

`key` is the day (or `all` for an unpartitioned asset), `inputs` the digest of everything the step would read now, `rows` the
digest of what it wrote, without timestamps. A step is done when a manifest with the `inputs` of now exists; one listing per asset
tells the state of all days, and no database is asked.

Belongs here: reading, writing and naming manifests, and the journal of a day under way. Does not: what a step reads or does (the
stage modules) or which days to ask for (`days.py`).

Order of writes: blobs, journal batches, the manifest, then the manifests it replaces and the journal are dropped. A crash between
any two leaves a state from which the same step continues.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from imaging_assets.errors import (
    BlobNotFoundError,
    ManifestCorruptError,
    ManifestError,
    ManifestMissingError,
    ManifestTooNewError,
)
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.digests import DIGEST_LENGTH, digest, rows_digest, sha256_of
from imaging_assets.stages.tables import Table

ALL = "all"
"""Key of the one manifest of an unpartitioned asset."""

_NAME = re.compile(
    rf"(?P<key>[0-9a-z-]+)\.(?P<inputs>[0-9a-f]{{{DIGEST_LENGTH}}})\.(?P<rows>[0-9a-f]{{{DIGEST_LENGTH}}})\.parquet"
)
_VERSION = "imaging_assets.version"
_CHECKSUM = "imaging_assets.sha256"
_NO_CHECKSUM = b"0" * 64


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest by its name alone; its rows are read only when asked for.

    Attributes:
        asset: Asset key.
        key: ISO day, or `all`.
        inputs: Digest of what the step read.
        rows: Digest of what it wrote; Dagster's data version.
        blob: Where it lies.
    """

    asset: str
    key: str
    inputs: str
    rows: str
    blob: BlobInfo


@dataclass(frozen=True, eq=False)
class Draft:
    """A step's result that is not yet a manifest, or, with `frame` None, the manifest that stands unchanged.

    Attributes:
        table: Shape of the rows.
        key: ISO day, or `all`.
        inputs: Digest of what was read.
        rows: Digest of the frame.
        frame: The rows; None when there is nothing to write.
        replaces: Manifests of this key seen when the step began; dropped once the new one stands.
        notes: Small facts kept in the file beside the rows.
        complete: False when some rows carry an error that may pass: the manifest is written under another name than the one that
            counts as done, so that the step is asked for again.
    """

    table: Table
    key: str
    inputs: str
    rows: str
    frame: pl.DataFrame | None
    replaces: tuple[Manifest, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True

    @property
    def changed(self) -> bool:
        """Whether the rows differ from the newest manifest that stood before."""
        return self.frame is not None and self.rows not in {manifest.rows for manifest in self.replaces[-1:]}


@dataclass(frozen=True, slots=True)
class Journal:
    """Finished batches of a step that is still working, so that a restart repeats at most one batch."""

    store: BlobStore
    folder: str

    def append(self, table: Table, batch: pl.DataFrame) -> None:
        """Keep a finished batch; repeating a batch overwrites it."""
        frame = table.frame(batch)
        self.store.write(f"{self.folder}{rows_digest(frame)}.parquet", _encode(frame, table, {}))

    def read(self, table: Table) -> pl.DataFrame:
        """All finished batches as one frame; unreadable ones are left out (their work is simply repeated)."""
        frames = [table.frame([])]
        for blob in self.store.list_blobs(self.folder):
            try:
                frames.append(_decode(self.store.read(blob.path).data, table, blob.path)[0])
            except (ManifestError, BlobNotFoundError):
                continue  # damaged, of another release, or dropped by a run that was faster
        return pl.concat(frames).unique(table.key, keep="last", maintain_order=True)

    def drop(self) -> None:
        """Forget the batches."""
        for blob in list(self.store.list_blobs(self.folder)):
            self.store.delete(blob.path)


class Manifests:
    """All manifests of a store."""

    def __init__(self, store: BlobStore, folder: str = "manifests") -> None:
        self.store = store
        self.folder = folder

    def standing(self, asset: str) -> dict[str, list[Manifest]]:
        """Manifests by key, oldest first. Usually one each; two after a crash or two runs at once."""
        found: dict[str, list[Manifest]] = {}
        prefix = f"{self.folder}/{asset}/"
        for blob in self.store.list_blobs(prefix):
            if match := _NAME.fullmatch(blob.path.removeprefix(prefix)):
                found.setdefault(match["key"], []).append(Manifest(asset, match["key"], match["inputs"], match["rows"], blob))
        for manifests in found.values():
            manifests.sort(key=lambda manifest: (manifest.blob.modified_at, manifest.blob.path))
        return found

    def newest(self, asset: str) -> dict[str, Manifest]:
        """The newest manifest of each key."""
        return {key: manifests[-1] for key, manifests in self.standing(asset).items()}

    def find(self, asset: str, key: str) -> Manifest:
        """The newest manifest of a key.

        Raises:
            ManifestMissingError: The key was never materialised.
        """
        manifest = self.look_up(asset, key)
        if manifest is None:
            raise ManifestMissingError(asset, key)
        return manifest

    def look_up(self, asset: str, key: str) -> Manifest | None:
        """The newest manifest of a key, or None."""
        return next(reversed(self._of_key(asset, key)), None)

    def read(self, manifest: Manifest, table: Table) -> pl.DataFrame:
        """The rows.

        Raises:
            ManifestCorruptError, ManifestTooNewError: The file cannot be used.
            BlobNotFoundError: It was replaced since it was listed.
        """
        return self.read_with_notes(manifest, table)[0]

    def read_with_notes(self, manifest: Manifest, table: Table) -> tuple[pl.DataFrame, dict[str, str]]:
        """The rows and the small facts kept beside them; raises as `read`."""
        return _decode(self.store.read(manifest.blob.path).data, table, manifest.blob.path)

    def rows(self, draft: Draft) -> pl.DataFrame:
        """The rows of a draft, or of the manifest that stands unchanged; raises as `read`."""
        return self.read(self.find(draft.table.asset, draft.key), draft.table) if draft.frame is None else draft.frame

    def begin(self, table: Table, key: str, inputs: str) -> "Work":
        """Look at what stands for a key before a step works on it."""
        return Work(self, table, key, inputs, tuple(self._of_key(table.asset, key)))

    def commit(self, draft: Draft) -> None:
        """Write the manifest, then drop what it replaces and the journal; nothing for an unchanged draft."""
        if draft.frame is None:
            return
        inputs = draft.inputs if draft.complete else digest(draft.inputs, "incomplete")
        path = f"{self.folder}/{draft.table.asset}/{draft.key}.{inputs}.{draft.rows}.parquet"
        self.store.write(path, _encode(draft.frame, draft.table, draft.notes))
        for manifest in draft.replaces:
            if manifest.blob.path != path:
                self.store.delete(manifest.blob.path)
        self.journal(draft.table.asset, draft.key, draft.inputs).drop()

    def journal(self, asset: str, key: str, inputs: str) -> Journal:
        """The journal of a step with these inputs."""
        return Journal(self.store, f"{self.folder}/{asset}/_journal/{key}.{inputs}/")

    def _of_key(self, asset: str, key: str) -> list[Manifest]:
        prefix = f"{self.folder}/{asset}/"
        found = (
            Manifest(asset, key, match["inputs"], match["rows"], blob)
            for blob in self.store.list_blobs(f"{prefix}{key}.")
            if (match := _NAME.fullmatch(blob.path.removeprefix(prefix)))
        )
        return sorted(found, key=lambda manifest: (manifest.blob.modified_at, manifest.blob.path))


@dataclass(frozen=True)
class Work:
    """One step at one key: what stood before, and how to finish."""

    manifests: Manifests
    table: Table
    key: str
    inputs: str
    standing: tuple[Manifest, ...]

    @property
    def done(self) -> Draft | None:
        """The unchanged draft, when the newest manifest has these very inputs.

        After a crash an older one may stand beside it; everybody reads the newest, so only that one counts.
        """
        if self.standing and self.standing[-1].inputs == self.inputs:
            return Draft(self.table, self.key, self.inputs, self.standing[-1].rows, None)
        return None

    @property
    def journal(self) -> Journal:
        """Batches finished by an interrupted run with the same inputs."""
        return self.manifests.journal(self.table.asset, self.key, self.inputs)

    def previous(self) -> pl.DataFrame:
        """Rows of the newest manifest that stood before; empty when there was none."""
        return self.previous_with_notes()[0]

    def previous_with_notes(self) -> tuple[pl.DataFrame, dict[str, str]]:
        """Rows and small facts of the newest manifest that stood before."""
        if not self.standing:
            return self.table.frame([]), {}
        return self.manifests.read_with_notes(self.standing[-1], self.table)

    def draft(
        self, rows: list[dict[str, object]] | pl.DataFrame, notes: Mapping[str, str] | None = None, *, complete: bool = True
    ) -> Draft:
        """The finished rows; see `Draft.complete`."""
        frame = self.table.frame(rows)
        rows_name = rows_digest(frame, self.table.left_out(frame))
        return Draft(self.table, self.key, self.inputs, rows_name, frame, self.standing, notes or {}, complete)


def _encode(frame: pl.DataFrame, table: Table, notes: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    metadata = {**notes, _VERSION: str(table.version), _CHECKSUM: _NO_CHECKSUM.decode()}
    frame.write_parquet(buffer, compression="zstd", metadata=metadata)
    data = buffer.getvalue()
    before, _, after = _around_checksum(data)
    return before + sha256_of(data).encode() + after


def _decode(data: bytes, table: Table, path: str) -> tuple[pl.DataFrame, dict[str, str]]:
    before, checksum, after = _around_checksum(data)
    if checksum != sha256_of(before + _NO_CHECKSUM + after).encode():
        # Polars must not see it: of some damage it makes an abort of the whole process.
        raise _corrupt(path, "its bytes are not those that were written")
    try:
        notes = pl.read_parquet_metadata(io.BytesIO(data))
        frame = pl.read_parquet(io.BytesIO(data))
        version = int(notes[_VERSION])
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
        raise _corrupt(path, str(error)) from error
    if version > table.version:
        raise ManifestTooNewError(
            f"{path} was written by a later release (version {version} of {table.asset}, this one knows {table.version}). "
            "Upgrade imaging-assets."
        )
    for step in range(version, table.version):
        frame = table.migrations[step](frame)
    try:
        frame = table.frame(frame)
    except pl.exceptions.PolarsError as error:
        raise _corrupt(path, str(error)) from error
    return frame, {name: value for name, value in notes.items() if name not in (_VERSION, _CHECKSUM, "ARROW:schema")}


def _around_checksum(data: bytes) -> tuple[bytes, bytes, bytes]:
    """What comes before a manifest's checksum, the checksum (b"" where there is none), what comes after."""
    place = data.rfind(_CHECKSUM.encode())
    if place < 0:
        return data, b"", b""
    start = place + len(_CHECKSUM) + 2  # Parquet puts the kind and the length of the value between
    end = start + len(_NO_CHECKSUM)
    return data[:start], data[start:end], data[end:]


def _corrupt(path: str, why: str) -> ManifestCorruptError:
    return ManifestCorruptError(f"{path} cannot be read as a manifest ({why}). Delete it and run its day again.")
