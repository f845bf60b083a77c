"""Composition root of work beside this process: settings in, who works on images out, and how a worker comes by its pipeline.

Belongs here: choosing an executor, what travels to a worker. Does not: the ports behind a pipeline (`backends.py`), running tasks
(`embedded`).

A task carries names and settings, never a client, a secret or an image: whoever receives it builds its own pipeline, once, with
secrets of its own environment.
"""

import pickle
from functools import cache, partial

from imaging_assets.errors import SettingsError
from imaging_assets.policies import Execution
from imaging_assets.settings import Settings, load_settings, with_secrets_of, without_secrets
from imaging_assets.stages.pipeline import Elsewhere, Pipeline


def workers_of(settings: Settings) -> Elsewhere | None:
    """Who works on images instead of threads of this process; makes no call and starts nothing."""
    chosen = settings.executor
    if chosen.kind == "threads":
        return None
    if chosen.kind == "dask":
        from imaging_assets.embedded.dask_executor import DaskExecutor  # noqa: PLC0415

        return Elsewhere(DaskExecutor(chosen.address or "", chosen.seconds), _origin(settings))
    from imaging_assets.embedded.executor import ProcessExecutor  # noqa: PLC0415

    return Elsewhere(ProcessExecutor(settings.resize.workers), _origin(settings))


def _origin(settings: Settings) -> "partial[Pipeline]":
    here = {"home": settings.home.absolute(), "executor": Execution()}
    return partial(_build_again, _release(), pickle.dumps(without_secrets(settings.model_copy(update=here))))


@cache
def _build_again(release: str, settings: bytes) -> Pipeline:
    """The pipeline of a worker, built once per process and settings.

    Raises:
        SettingsError: The worker has another release, or lacks a secret.
    """
    from imaging_assets.backends import build  # noqa: PLC0415 - which asks this module who its workers are

    if (ours := _release()) != release:
        raise SettingsError(f"A worker has imaging-assets {ours}, the run {release}. Install the same release on all workers.")
    return build(with_secrets_of(pickle.loads(settings), load_settings()))  # noqa: S301 - from the run, which may run any code here


def _release() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - slow, and not needed for threads

    return version("imaging-assets")
