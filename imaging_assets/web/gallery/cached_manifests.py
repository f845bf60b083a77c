"""Manifests kept in memory: a page would otherwise read every day's table again.

Belongs here: keeping and forgetting. Does not: what a table says. A manifest's name and etag say what is in it, so what is kept is
never old.
"""

from collections import OrderedDict
from threading import Lock

import polars as pl
from typing_extensions import override

from imaging_assets.stages.state import Manifest, Manifests
from imaging_assets.stages.tables import Table

_MOST_BYTES = 256_000_000

_Read = tuple[pl.DataFrame, dict[str, str]]


class CachedManifests(Manifests):
    """The manifests of a store, those read last in memory (up to 256 MB). Safe to share between threads."""

    def __init__(self, inner: Manifests) -> None:
        super().__init__(inner.store, inner.folder)
        self._kept: OrderedDict[tuple[str, ...], _Read] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @override
    def read_with_notes(self, manifest: Manifest, table: Table) -> _Read:
        key = (manifest.blob.path, manifest.blob.etag, *table.columns)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        read = super().read_with_notes(manifest, table)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = read
                self._bytes += int(read[0].estimated_size())
            while self._bytes > _MOST_BYTES and len(self._kept) > 1:
                _, (forgotten, _) = self._kept.popitem(last=False)
                self._bytes -= int(forgotten.estimated_size())
        return read
