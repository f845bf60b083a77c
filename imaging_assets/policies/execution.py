"""Settings: who does the work on a day's images.

Belongs here: where images are worked on. Does not: how many at once on this machine (`images.Resize.workers`).
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from imaging_assets.policies.group import Group


class Execution(Group):
    """Who works on the images of one run: this process, processes beside it, or a Dask cluster that is there already."""

    kind: Literal["threads", "processes", "dask"] = Field(
        "threads",
        description='"threads" of the run\'s process, "processes" of this machine (`resize.workers` of either), or a cluster, "dask".',
    )
    address: str | None = Field(
        None,
        pattern=r"^(tcp|tls|ws|wss)://[^\s/]+:\d+$",
        description="Dask's scheduler, as `tcp://scheduler:8786`; its workers reach store and services by settings of their own.",
    )
    seconds: float = Field(30.0, gt=0, le=3600, description="Time that the scheduler has to answer, and to name a worker.")

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if self.kind == "dask" and not self.address:
            raise ValueError('kind "dask" needs executor.address, the scheduler\'s, as tcp://scheduler:8786')
        return self
