"""Commands about what is said of images: `sql`, `forget`, `imaginem`.

Belongs here: names, help texts and options. Does not: what a command does (the module of its name), errors (`app.py`).
"""

from pathlib import Path
from typing import Annotated

import typer

_imaginem = typer.Typer(help="Messages of Imaginem, the pipeline this one succeeds.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sql)
    app.command()(forget)
    app.add_typer(_imaginem, name="imaginem")


def sql(
    context: typer.Context,
    statement: Annotated[
        str,
        typer.Argument(
            metavar="STATEMENT", help="A select statement over image_catalog, pipeline_output, or any asset's manifests."
        ),
    ],
) -> None:
    """Ask the catalogue or the manifests in SQL; nothing can be changed."""
    from imaging_assets.cli.sql import ask  # noqa: PLC0415 - each command pays only for itself

    ask(context.obj, statement)


def forget(
    context: typer.Context, person: Annotated[str, typer.Argument(metavar="PERSON", help="Folder of reference pictures.")]
) -> None:
    """Forget a person: delete the reference pictures, and the name from every day that says it."""
    from imaging_assets.cli.forget import forget_person  # noqa: PLC0415

    raise typer.Exit(forget_person(context.obj, person))


@_imaginem.command()
def run(
    context: typer.Context,
    message: Annotated[Path, typer.Argument(metavar="MESSAGE", help="A queue message of Imaginem as a JSON file.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the finished message here instead of over MESSAGE.")
    ] = None,
) -> None:
    """Run an old message through today's steps and write its `job_output` under the old keys."""
    from imaging_assets.cli.imaginem import run_message  # noqa: PLC0415

    raise typer.Exit(run_message(context.obj, message, out))
