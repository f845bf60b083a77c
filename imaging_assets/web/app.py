"""The FastAPI application: routes, errors, what is around them.

Belongs here: putting together. Does not: what a route does (`skill/`, `gallery/`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from imaging_assets.errors import SettingsError
from imaging_assets.settings import Settings
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.access import is_loopback
from imaging_assets.web.failures import answer_failures
from imaging_assets.web.gallery import duplicates, files, image, models, problems, search, sign_in, unsure, upload
from imaging_assets.web.observe import Observed
from imaging_assets.web.site import make_site, site_of
from imaging_assets.web.skill.routes import router as skill_router

_DESCRIPTION = "The Azure AI Search custom skill over the published model and the analysers, and the gallery."


def create_app(settings: Settings, pipeline: Pipeline) -> FastAPI:
    """The server over a pipeline.

    Raises:
        SettingsError: Other machines could reach it, and there is no key; or a setting of `serve` cannot be used.
    """
    policy = settings.serve
    if not is_loopback(policy.host) and not policy.key:
        raise SettingsError(
            f"Other machines reach {policy.host}, and serve.key is not set. Set IMAGING_SERVE__KEY (the old name KEY does, too), or "
            'serve.host = "127.0.0.1".'
        )
    if policy.editing and not policy.key:
        raise SettingsError(
            "serve.editing needs serve.key, or anybody could edit. Set IMAGING_SERVE__KEY (the old name KEY does, too)."
        )
    site = make_site(settings, pipeline)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with site.running():
            yield

    app = FastAPI(
        title="imaging-assets",
        description=_DESCRIPTION,
        docs_url=None,  # both viewers are loaded from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    app.state.site = site
    app.state.recent_place = upload.RecentPlace(settings, site.pipeline)
    app.include_router(skill_router)
    for module in (search, image, problems, duplicates, unsure, models, upload, sign_in, files):
        app.include_router(module.router)
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    answer_failures(app)
    if names := _host_names(settings):
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)
    app.add_middleware(Observed, metrics=site.metrics)
    return app


async def _metrics(request: Request) -> Response:
    site = site_of(request)
    site.access.check_key(request)
    return Response(site.metrics.render(), media_type="text/plain; version=0.0.4")


def _host_names(settings: Settings) -> list[str]:
    """Names a request may call this server by: a page elsewhere must not reach it by a name of its own (DNS rebinding)."""
    own = ["localhost", "127.0.0.1", "[::1]", "::1"] if is_loopback(settings.serve.host) else []
    return [*own, *settings.serve.host_names]
