"""Blob store over Azure Blob Storage: a place is a folder of one container, or a container (or folder in one) of its own.

Belongs here: the port's promises in the service's words. Does not: which place lies where (`policies.Azure`), signing in (`credentials`).

Names are the service's, with two exceptions. A name whose part ends in a dot is refused, because addresses lose such dots on the way.
Names that no store may hold (`ports.blob_store.check_path`) can be there, written by others; listings leave them out and log them.
A write that is repeated because its answer was lost finds its own stamp on the blob and is not taken for somebody else's.
"""

import logging
import mimetypes
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.storage.blob import (
    BlobClient,
    BlobPrefix,
    BlobProperties,
    BlobSasPermissions,
    BlobServiceClient,
    ContentSettings,
    UserDelegationKey,
    generate_blob_sas,
)
from typing_extensions import override

from imaging_assets.azure.containers import Containers, Spot
from imaging_assets.azure.translation import store_errors
from imaging_assets.errors import BlobConflictError, BlobNameError, BlobNotFoundError, StoreUnavailableError
from imaging_assets.ports.blob_store import BlobStore, check_path
from imaging_assets.records.images import Blob, BlobInfo

_STAMP = "imaging_write"
"""Metadata of conditional writes: names the write that made the blob."""

_PARALLEL = 4
"""Blocks of one large blob moved at once."""

_READ_TRIES = 5
_COPY_SECONDS = 300.0
_EARLIER = timedelta(minutes=5)
"""Signatures begin so much earlier, because clocks differ."""

_log = logging.getLogger(__name__)


class AzureBlobStore(BlobStore):
    """Blobs of an account.

    Args:
        service: Client of the account.
        container: Where every place lies ...
        places: ... but for these: place to `container` or `container/prefix`.
        page_size: Names asked for at once; None lets the service choose (5,000).
    """

    def __init__(
        self,
        service: BlobServiceClient,
        container: str,
        places: Mapping[str, str] | None = None,
        *,
        page_size: int | None = None,
    ) -> None:
        self._service = service
        self._account = service.primary_hostname
        self._containers = Containers(container, places or {})
        self._page_size = page_size
        self._delegation: UserDelegationKey | None = None

    def create(self) -> None:
        """Make the containers that are not there."""
        for name in self._containers.names:
            with store_errors(f"make container {name!r}", name, name, self._account):
                container = self._service.get_container_client(name)
                if not container.exists():
                    container.create_container()

    @override
    def list_blobs(self, prefix: str = "") -> Iterator[BlobInfo]:
        found = []
        for spot, outside in self._containers.below(prefix):
            with store_errors(f"list {prefix!r}", prefix, spot.container, self._account):
                listed = self._service.get_container_client(spot.container).list_blobs(
                    name_starts_with=spot.name, include=["metadata"], results_per_page=self._page_size
                )
                found += [info for blob in listed if (info := _listed(blob, spot)) and not outside(info.path)]
        # The service's own order depends on the account's kind.
        return iter(sorted(found, key=lambda info: info.path))

    @override
    def list_folders(self, prefix: str = "") -> list[str]:
        folder = f"{prefix.removesuffix('/')}/" if prefix else ""
        names = {name for name in self._containers.folders_in(folder) if self._holds_any(f"{folder}{name}/")}
        for spot, outside in self._containers.below(folder):
            if not spot.covers(folder):
                continue
            with store_errors(f"list {folder!r}", folder, spot.container, self._account):
                walked = self._service.get_container_client(spot.container).walk_blobs(
                    name_starts_with=spot.name, delimiter="/", results_per_page=self._page_size
                )
                paths = [spot.path_of(item.name) for item in walked if isinstance(item, BlobPrefix)]
            names |= {path[len(folder) : -1] for path in paths if _is_path(path[:-1]) and not outside(path)}
        return sorted(names)

    @override
    def list_files(self, prefix: str = "") -> list[BlobInfo]:
        folder = f"{prefix.removesuffix('/')}/" if prefix else ""
        found = []
        for spot, outside in self._containers.below(folder):
            if not spot.covers(folder):
                continue
            with store_errors(f"list {folder!r}", folder, spot.container, self._account):
                walked = self._service.get_container_client(spot.container).walk_blobs(
                    name_starts_with=spot.name, delimiter="/", include=["metadata"], results_per_page=self._page_size
                )
                blobs = (item for item in walked if not isinstance(item, BlobPrefix))
                found += [info for blob in blobs if (info := _listed(blob, spot)) and not outside(info.path)]
        return sorted(found, key=lambda info: info.path)

    @override
    def find(self, path: str) -> BlobInfo | None:
        spot = self._spot(path)
        try:
            with store_errors(f"look for {path!r}", path, spot.container, self._account):
                properties = self._blob(spot).get_blob_properties()
        except BlobNotFoundError:
            return None
        return None if _is_folder(properties) else _info(path, properties)

    @override
    def read(self, path: str) -> Blob:
        spot = self._spot(path)
        for remaining in reversed(range(_READ_TRIES)):
            try:
                with store_errors(f"read {path!r}", path, spot.container, self._account):
                    download = self._blob(spot).download_blob(max_concurrency=_PARALLEL)
                    return Blob(download.readall(), _bare(download.properties.etag))
            except BlobConflictError:  # replaced between two blocks of it
                if not remaining:
                    raise
        raise AssertionError

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        spot = self._spot(_writable(path))
        condition: dict[str, Any] = {}
        if if_match is not None:
            condition = {"etag": f'"{if_match}"', "match_condition": MatchConditions.IfNotModified}
        stamp = uuid.uuid4().hex if condition or if_absent else ""
        try:
            with store_errors(f"write {path!r}", path, spot.container, self._account):
                written = self._blob(spot).upload_blob(
                    data,
                    length=len(data),
                    overwrite=not if_absent,
                    metadata={_STAMP: stamp} if stamp else None,
                    content_settings=ContentSettings(content_type=mimetypes.guess_type(path)[0] or "application/octet-stream"),
                    max_concurrency=_PARALLEL,
                    **condition,
                )
        except (BlobConflictError, BlobNotFoundError):
            if mine := self._written(spot, path, stamp):
                return mine
            raise BlobConflictError(path) from None
        return BlobInfo(path, len(data), _bare(written["etag"]), written["last_modified"])

    @override
    def copy(self, source: str, target: str, *, if_match: str | None = None) -> BlobInfo:
        here, there = self._spot(source), self._spot(_writable(target))
        condition: dict[str, Any] = {}
        if if_match is not None:
            condition = {"source_etag": f'"{if_match}"', "source_match_condition": MatchConditions.IfNotModified}
        copied = self._blob(there)
        with store_errors(f"copy {source!r}", source, here.container, self._account):
            status = copied.start_copy_from_url(self._blob(here).url, **condition)["copy_status"]
            properties = copied.get_blob_properties()
            deadline = time.monotonic() + _COPY_SECONDS
            while status == "pending" and time.monotonic() < deadline:
                time.sleep(0.5)
                properties = copied.get_blob_properties()
                status = properties.copy.status or ""
        if status != "success":
            raise StoreUnavailableError(
                f"Copying {source!r} to {target!r} at {self._account} ended as {status!r}. Run again in a few minutes."
            )
        return _info(target, properties)

    @override
    def delete(self, path: str) -> bool:
        spot = self._spot(path)
        try:
            with store_errors(f"delete {path!r}", path, spot.container, self._account):
                self._blob(spot).delete_blob(delete_snapshots="include")
        except BlobNotFoundError:
            return False
        return True

    @override
    def signed_url(self, path: str, valid_for: timedelta) -> str:
        # With a key of the identity (user delegation; role 'Storage Blob Delegator'), or with the account's where that is what was given.
        # A SAS, with which the store may have been opened, cannot sign another.
        spot = self._spot(path)
        begin, end = datetime.now(UTC) - _EARLIER, datetime.now(UTC) + valid_for
        key = getattr(self._service.credential, "account_key", None)
        with store_errors(f"sign an address of {path!r}", path, spot.container, self._account):
            signed = generate_blob_sas(
                str(self._service.account_name),
                spot.container,
                spot.name,
                account_key=key,
                user_delegation_key=None if key else self._delegation_key(end),
                permission=BlobSasPermissions(read=True),
                start=begin,
                expiry=end,
            )
        return f"{self._blob(spot).url.partition('?')[0]}?{signed}"

    def _delegation_key(self, end: datetime) -> UserDelegationKey:
        """The identity's signing key, asked for once a day at most."""
        known = self._delegation
        if known is None or datetime.fromisoformat(str(known.signed_expiry)) < end:
            now = datetime.now(UTC)
            last = max(end, now + timedelta(days=1))
            known = self._delegation = self._service.get_user_delegation_key(now - _EARLIER, last)
        return known

    def _spot(self, path: str) -> Spot:
        return self._containers.spot_of(check_path(path))

    def _blob(self, spot: Spot) -> BlobClient:
        return self._service.get_blob_client(spot.container, spot.name)

    def _holds_any(self, folder: str) -> bool:
        spot = self._containers.spot_of(folder)
        with store_errors(f"list {folder!r}", folder, spot.container, self._account):
            listed = self._service.get_container_client(spot.container).list_blobs(name_starts_with=spot.name, results_per_page=1)
            return next(iter(listed), None) is not None

    def _written(self, spot: Spot, path: str, stamp: str) -> BlobInfo | None:
        """The blob, if the write with that stamp made it."""
        try:
            with store_errors(f"look for {path!r}", path, spot.container, self._account):
                properties = self._blob(spot).get_blob_properties()
        except BlobNotFoundError:
            return None
        return _info(path, properties) if stamp and (properties.metadata or {}).get(_STAMP) == stamp else None


def _listed(blob: BlobProperties, spot: Spot) -> BlobInfo | None:
    path = spot.path_of(blob.name)
    if _is_folder(blob):
        return None
    if not _is_path(path):
        _log.warning(
            "Left out of every listing: %r in container %r is no name that all stores can hold.", blob.name, spot.container
        )
        return None
    return _info(path, blob)


def _info(path: str, properties: BlobProperties) -> BlobInfo:
    return BlobInfo(path, int(properties.size), _bare(properties.etag), properties.last_modified)


def _is_folder(blob: BlobProperties) -> bool:
    """Accounts with a hierarchical namespace list their folders as empty blobs."""
    return (blob.metadata or {}).get("hdi_isfolder", "").lower() == "true"


def _bare(etag: str | None) -> str:
    """An etag without the quotes that headers have and listings do not."""
    return str(etag).strip('"')


def _writable(path: str) -> str:
    if any(part.endswith(".") for part in check_path(path).split("/")):
        raise BlobNameError(f"{path[:80]!r} has a part that ends in a dot, which addresses lose. Rename the file.")
    return path


def _is_path(path: str) -> bool:
    try:
        check_path(path)
    except BlobNameError:
        return False
    return True
