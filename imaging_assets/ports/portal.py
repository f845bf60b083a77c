"""Port: where people tag images outside of label files, in the portal of the service that trains.

Promises:

- `look` changes nothing there, and never downloads the same image twice.
- What the trainer itself wrote there is told from what people did since (`PortalImage.ours`).
"""

from abc import ABC, abstractmethod

from imaging_assets.records.manifests import PortalView


class Portal(ABC):
    """A project whose images people tag by hand."""

    @abstractmethod
    def look(self) -> PortalView:
        """Every tagged image, or `not_now` while there is no such project or the trainer is changing it.

        Raises:
            ServiceError: The service failed.
        """
