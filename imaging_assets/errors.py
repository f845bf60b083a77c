"""Every error this project raises on purpose, in one tree; each message names the thing and ends with the remedy.

    ImagingError
    ├── SettingsError             a setting is missing, unknown or out of range
    ├── UsageError                a command was asked for something that is not there
    │   └── ImageNotFoundError    no image, or several, by that name
    ├── StoreError
    │   ├── StoreUnavailableError the store, its folder or its marker is gone: nothing is deleted because of it
    │   ├── BlobNotFoundError     no blob by that path
    │   ├── BlobConflictError     a conditional write lost to another writer
    │   └── BlobNameError         a path that no store may hold
    ├── ManifestError
    │   ├── ManifestMissingError  the upstream day has not been materialised
    │   ├── ManifestCorruptError  a manifest that cannot be read back
    │   └── ManifestTooNewError   written by a later release
    ├── ConsentRequiredError
    │   └── MassDeletionError     more is gone than a person is likely to have meant
    ├── UnreadableImageError      one image; always turned into a quarantined row
    ├── AnalysisError             one image of one step; always turned into a row with its error
    ├── LabelFileError            a label file as a whole
    ├── TrainingError             training was started and failed
    ├── ModelNotFoundError        no trained model by that id
    ├── DataAssetError            Azure ML refused a data set
    ├── CatalogError              the SQL catalogue cannot be reached or is of a later release
    ├── EventQueueError           the queue that tells of new blobs cannot be reached or used
    ├── UnreadableEventError      one message; left in the queue, then set aside
    ├── ServiceError              an outside service refused, failed, or gave no answer
    │   ├── AccessDeniedError     it does not accept the key or identity
    │   └── QuotaError            a limit of its tier is reached
    ├── WorkerLostError           processes or machines that work on images died again and again
    └── SearchIndexError
        ├── SearchIndexMissingError an index was deleted behind our back
        └── QueryError            a query names an unknown field or a bad page

Errors of third parties are translated where they arise (a port's implementation); nothing above a port sees them.
"""

from collections.abc import Callable
from typing import Literal

from typing_extensions import override

QuarantineReason = Literal[
    "empty file",
    "unsupported format",
    "damaged",
    "truncated",
    "too many pixels",
    "cannot fit",
    "decoder took too long",
    "decoder died",
    "gone while reading",
]
"""The closed list of reasons an image is set aside for."""


class ImagingError(Exception):
    """Base of all errors raised on purpose; the text is meant for people. They travel between processes as they are."""

    @override
    def __reduce__(self) -> tuple[Callable[..., "ImagingError"], tuple[object, ...]]:
        return _arrived, (type(self), self.args, self.__dict__)


def _arrived(kind: type[ImagingError], args: tuple[object, ...], facts: dict[str, object]) -> ImagingError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class SettingsError(ImagingError):
    """A setting is missing, unknown or out of range."""


class UsageError(ImagingError):
    """A command was asked for something that is not there (folder, day, state folder)."""


class ImageNotFoundError(UsageError):
    """No image answers to the given path, suffix or digest, or several do."""


class StoreError(ImagingError):
    """The blob store refused or failed."""


class StoreUnavailableError(StoreError):
    """The store, its folder or its marker is gone. Never read as "everything was deleted"."""


class BlobNotFoundError(StoreError):
    """No blob by that path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"There is no blob {path!r}. It may have been deleted since it was listed; run the day again.")
        self.path = path


class BlobConflictError(StoreError):
    """A conditional write lost to another writer."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"Blob {path!r} was changed by another writer. Run again: it is read anew, and the change is made over that."
        )
        self.path = path


class BlobNameError(StoreError):
    """A path that no store may hold (absolute, `..`, control characters, too long)."""


class ManifestError(ImagingError):
    """The manifest of a day is missing or unusable."""


class ManifestMissingError(ManifestError):
    """The upstream day has not been materialised."""

    def __init__(self, asset: str, key: str) -> None:
        super().__init__(f"{asset} has no manifest for {key}. Materialise {asset} for {key} first.")
        self.asset = asset
        self.key = key


class ManifestCorruptError(ManifestError):
    """A manifest that cannot be read back."""


class ManifestTooNewError(ManifestError):
    """A manifest written by a later release."""


class ConsentRequiredError(ImagingError):
    """The step stops until a person agrees; it is not retried by itself."""


class MassDeletionError(ConsentRequiredError):
    """More images are gone than a person is likely to have meant; nothing was deleted."""


class UnreadableImageError(ImagingError):
    """One image cannot be used; `reason` is one of `QuarantineReason`, `detail` is what the decoder said."""

    def __init__(self, reason: QuarantineReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: QuarantineReason = reason
        self.detail = detail


class AnalysisError(ImagingError):
    """An analyser has no answer for one image; `may_pass` when asking again later may help."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class LabelFileError(ImagingError):
    """A label file that cannot be read as a whole (encoding, missing columns)."""


class TrainingError(ImagingError):
    """A training was started and failed."""


class ModelNotFoundError(ImagingError):
    """No trained model by that id."""


class DataAssetError(ImagingError):
    """Azure Machine Learning refused a data set that was to be registered."""


class CatalogError(ImagingError):
    """The SQL catalogue cannot be reached, or a later release made it."""


class EventQueueError(ImagingError):
    """The queue that tells of new blobs cannot be reached or used; the landing place is listed instead."""


class UnreadableEventError(ImagingError):
    """One message of that queue says nothing that is known; it is left, and set aside when it was handed out too often."""


class ServiceError(ImagingError):
    """An outside service that trains or predicts refused, failed, or gave no answer.

    `status` is the HTTP status (None: no answer came) and `code` the service's own name of the error, or "".
    """

    def __init__(self, message: str, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class AccessDeniedError(ServiceError):
    """The service does not accept the key or identity."""


class QuotaError(ServiceError):
    """A limit of the service's tier is reached."""


class WorkerLostError(ImagingError):
    """Processes or machines that work on images died again and again of the same task, or their scheduler went away."""


class SearchIndexError(ImagingError):
    """The search index refused or failed."""


class SearchIndexMissingError(SearchIndexError):
    """An index that was there is not any more."""


class QueryError(SearchIndexError):
    """A query names an unknown field, an unsupported operation or a bad page, or is no select statement."""
