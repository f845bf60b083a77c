"""When is a day done? The name of its manifest says so.

    manifests/<asset>/<key>.<inputs>.<rows>.parquet

`key` is the day (or `all` for an unpartitioned asset), `inputs` the digest of everything the step would read now, `rows` the
digest of what it wrote, without timestamps. A step is done when a manifest with the `inputs` of now exists; one listing per asset
tells the state of all days, and no database is asked.

Belongs here: naming, listing and replacing manifests, and the journal of a day under way. Does not: the bytes of a file
(`manifest_files`), what a step reads or does (the stage modules), which days to ask for (`days.py`).

Order of writes: blobs, journal batches, the manifest, then the manifests it replaces and the journal are dropped. A crash between
any two leaves a state from which the same step continues; what it could not drop any more, the step's next run drops.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from imaging_assets.errors import BlobNotFoundError, ManifestCorruptError, ManifestError, ManifestMissingError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.digests import DIGEST_LENGTH, digest, rows_digest
from imaging_assets.stages.manifest_files import decode, encode
from imaging_assets.stages.parts import Parts
from imaging_assets.stages.tables import Table

ALL = "all"
"""Key of the one manifest of an unpartitioned asset."""

_NAME = re.compile(
    rf"(?P<key>[0-9a-z-]+)\.(?P<inputs>[0-9a-f]{{{DIGEST_LENGTH}}})\.(?P<rows>[0-9a-f]{{{DIGEST_LENGTH}}})\.parquet"
)
_JOURNAL = "_journal/"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest by its name alone; its rows are read only when asked for.

    Attributes:
        asset: Asset key.
        key: ISO day, or `all`.
        inputs: Digest of what the step read.
        rows: Digest of what it wrote; Dagster's data version.
        blob: Where it lies.
        tidy: False where a listing of all keys saw an older manifest or a journal beside it, as a crash leaves them: the step is asked
            for again, and removes them.
    """

    asset: str
    key: str
    inputs: str
    rows: str
    blob: BlobInfo
    tidy: bool = True


@dataclass(frozen=True, eq=False)
class Draft:
    """A step's result that is not yet a manifest, or, with `frame` None, the manifest that stands unchanged.

    Attributes:
        table: Shape of the rows.
        key: ISO day, or `all`.
        inputs: Digest of what was read.
        rows: Digest of the frame.
        frame: The rows; None when there is nothing to write.
        replaces: Manifests of this key seen when the step began; dropped once the new one stands, or beside the one that stands.
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
        self.store.write(f"{self.folder}{rows_digest(frame)}.parquet", encode(frame, table, {}))

    def read(self, table: Table) -> pl.DataFrame:
        """All finished batches as one frame; unreadable ones are left out (their work is simply repeated)."""
        frames = [table.frame([])]
        for blob in self.store.list_blobs(self.folder):
            try:
                frames.append(decode(self.store.read(blob.path).data, table, blob.path)[0])
            except (ManifestError, BlobNotFoundError):
                continue  # damaged, of another release, or dropped by a run that was faster
        return pl.concat(frames).unique(table.key, keep="last", maintain_order=True)


class Manifests:
    """All manifests of a store."""

    def __init__(self, store: BlobStore, folder: str = "manifests") -> None:
        self.store = store
        self.folder = folder
        self.parts = Parts(store, folder)

    def standing(self, asset: str) -> dict[str, list[Manifest]]:
        """Manifests by key, oldest first. Usually one each; two after a crash or two runs at once."""
        found: dict[str, list[Manifest]] = {}
        under_way: set[str] = set()
        prefix = f"{self.folder}/{asset}/"
        for blob in self.store.list_blobs(prefix):
            below = blob.path.removeprefix(prefix)
            if match := _NAME.fullmatch(below):
                found.setdefault(match["key"], []).append(Manifest(asset, match["key"], match["inputs"], match["rows"], blob))
            elif below.startswith(_JOURNAL):
                under_way.add(below.removeprefix(_JOURNAL).partition(".")[0])
        for key, manifests in found.items():
            manifests.sort(key=lambda manifest: (manifest.blob.modified_at, manifest.blob.path))
            manifests[-1] = replace(manifests[-1], tidy=len(manifests) == 1 and key not in under_way)
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
        frame, notes = self.read_index(manifest, table)
        return self.parts.whole(frame, table), notes

    def read_index(self, manifest: Manifest, table: Table) -> tuple[pl.DataFrame, dict[str, str]]:
        """As `read_with_notes`, but of a manifest in parts their index."""
        return decode(self.store.read(manifest.blob.path).data, table, manifest.blob.path)

    def rows(self, draft: Draft, *names: str) -> pl.DataFrame:
        """The rows of a draft, or of the manifest that stands unchanged; some columns of them; raises as `read`."""
        table = draft.table.narrowed(*names) if names else draft.table
        if draft.frame is None:
            return self.read(self.find(draft.table.asset, draft.key), table)
        frame = self.parts.whole(draft.frame, table)
        return frame.select(names) if names else frame

    def begin(self, table: Table, key: str, inputs: str) -> "Work":
        """Look at what stands for a key before a step works on it."""
        return Work(self, table, key, inputs, tuple(self._of_key(table.asset, key)))

    def commit(self, draft: Draft) -> None:
        """Write the manifest unless it stands unchanged; then drop what it replaces and every journal of its key."""
        path, asset = "", draft.table.asset
        if draft.frame is not None:
            inputs = draft.inputs if draft.complete else digest(draft.inputs, "incomplete")
            path = f"{self.folder}/{asset}/{draft.key}.{inputs}.{draft.rows}.parquet"
            table = self.parts.shape_of(draft.frame, draft.table)
            self.store.write(path, encode(draft.frame, table, draft.notes))
        for manifest in draft.replaces:
            if manifest.blob.path != path:
                self.store.delete(manifest.blob.path)
        for blob in list(self.store.list_blobs(f"{self.folder}/{asset}/{_JOURNAL}{draft.key}.")):
            self.store.delete(blob.path)

    def journal(self, asset: str, key: str, inputs: str) -> Journal:
        """The journal of a step with these inputs."""
        return Journal(self.store, f"{self.folder}/{asset}/{_JOURNAL}{key}.{inputs}/")

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
            return Draft(self.table, self.key, self.inputs, self.standing[-1].rows, None, self.standing[:-1])
        return None

    @property
    def journal(self) -> Journal:
        """Batches finished by an interrupted run with the same inputs."""
        return self.manifests.journal(self.table.asset, self.key, self.inputs)

    def previous(self) -> pl.DataFrame:
        """Rows of the newest manifest that stood before; empty when there was none."""
        return self.previous_with_notes()[0]

    def previous_that_fits(self) -> pl.DataFrame:
        """The same; none where another analyser or embedding made them, of other columns or vectors of another length."""
        try:
            return self.previous()
        except ManifestCorruptError:
            return self.table.frame([])

    def previous_with_notes(self) -> tuple[pl.DataFrame, dict[str, str]]:
        """Rows and small facts of the newest manifest that stood before."""
        if not self.standing:
            return self.table.frame([]), {}
        return self.manifests.read_with_notes(self.standing[-1], self.table)

    def draft_of_parts(self, index: pl.DataFrame, rows: str, notes: Mapping[str, str]) -> Draft:
        """A manifest whose rows lie in parts that were written before; `rows` is the digest of all."""
        return Draft(self.table, self.key, self.inputs, rows, index, self.standing, notes)

    def draft(
        self, rows: list[dict[str, object]] | pl.DataFrame, notes: Mapping[str, str] | None = None, *, complete: bool = True
    ) -> Draft:
        """The finished rows; see `Draft.complete`."""
        frame = self.table.frame(rows)
        rows_name = rows_digest(frame, self.table.left_out(frame))
        return Draft(self.table, self.key, self.inputs, rows_name, frame, self.standing, notes or {}, complete)
