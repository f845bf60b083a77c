"""`imaging-assets serve`: the skill and the gallery until Ctrl-C.

Belongs here: starting the server, its log. Does not: the server (`web/`).
"""

import logging

from imaging_assets.backends import build_on_store
from imaging_assets.cli.output import Session, warn
from imaging_assets.settings import with_old_serve_variables


def serve(session: Session, host: str | None, port: int | None) -> None:
    """The command.

    Raises:
        SettingsError: A setting of `serve` is missing or cannot be used.
        StoreUnavailableError: There is no store.
    """
    import uvicorn  # noqa: PLC0415 - late: a third of a second

    from imaging_assets.web.app import create_app  # noqa: PLC0415
    from imaging_assets.web.memory import keep_memory  # noqa: PLC0415
    from imaging_assets.web.observe import JsonLines  # noqa: PLC0415

    settings, told = with_old_serve_variables(session.settings())
    for line in told:
        warn(line)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"serve": settings.serve.model_copy(update=given)})
    policy = settings.serve
    app = create_app(settings, build_on_store(settings))
    lines = logging.StreamHandler()
    lines.setFormatter(JsonLines())
    logging.basicConfig(handlers=[lines], level=logging.WARNING)
    logging.getLogger("imaging_assets").setLevel(logging.DEBUG if policy.debug else logging.INFO)
    keep_memory()
    session.say(f"gallery on http://{policy.host}:{policy.port}/, skill on /api/extraction and /api/skill (stop with Ctrl-C)")
    uvicorn.run(app, host=policy.host, port=policy.port, log_config=None, access_log=False, server_header=False)
