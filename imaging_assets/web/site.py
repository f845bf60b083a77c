"""What the routes of one server share.

Belongs here: one bundle, its making and its end, and who may go on, as dependencies of routes. Does not: routes, the rules of access
(`access`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from fastapi import Request

from imaging_assets.settings import Settings
from imaging_assets.stages.images.engine import ImageEngine
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.access import TOKEN_HEADER, Access
from imaging_assets.web.gallery.cached_manifests import CachedManifests
from imaging_assets.web.metrics import Metrics
from imaging_assets.web.skill.admission import Admission
from imaging_assets.web.skill.batcher import Batcher
from imaging_assets.web.skill.fetch import Fetcher
from imaging_assets.web.skill.follower import ModelFollower
from imaging_assets.web.skill.steps import Step, find_steps


@dataclass(frozen=True)
class Site:
    """One server's parts."""

    settings: Settings
    pipeline: Pipeline
    engine: ImageEngine
    access: Access
    metrics: Metrics
    model: ModelFollower
    steps: dict[str, Step]
    batcher: Batcher
    admission: Admission
    fetcher: Fetcher

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs: the model is followed."""
        policy = self.settings.serve
        self.batcher.open()
        await asyncio.to_thread(self.model.look)
        following = asyncio.create_task(self.model.follow(policy.model_check_seconds)) if policy.follow_model else None
        with self.engine:
            try:
                yield
            finally:
                if following:
                    following.cancel()
                    with suppress(asyncio.CancelledError):
                        await following
                self.batcher.close()


def make_site(settings: Settings, pipeline: Pipeline) -> Site:
    """The parts of a server over a pipeline.

    Raises:
        SettingsError: A setting of `serve` cannot be used.
    """
    policy = settings.serve
    pipeline = replace(pipeline, manifests=CachedManifests(pipeline.manifests))
    engine = ImageEngine(pipeline.resize)
    metrics = Metrics()
    model = ModelFollower(pipeline, metrics)
    return Site(
        settings=settings,
        pipeline=pipeline,
        engine=engine,
        access=Access(policy),
        metrics=metrics,
        model=model,
        steps=find_steps(pipeline, engine, model, policy.warn_below),
        batcher=Batcher(policy.workers, policy.batch, metrics),
        admission=Admission(policy.calls, policy.waiting_calls, metrics),
        fetcher=Fetcher(policy.image_hosts, private=policy.private_hosts, most=policy.max_image_bytes),
    )


def site_of(request: Request) -> Site:
    """The server a request came to."""
    site: Site = request.app.state.site
    return site


def reader(request: Request) -> None:
    """For routes that show; raises SignInRequiredError."""
    site_of(request).access.check_reader(request)


def editor(request: Request) -> None:
    """For routes that change; scripts send the token as a header. Raises EditingOffError, SignInRequiredError, ForgedError."""
    site_of(request).access.check_editor(request, request.headers.get(TOKEN_HEADER, ""))
