"""Commands about the pull mode of Azure AI Search: `search-pipeline apply`, `status`, `delete`, `test`.

Belongs here: names, help texts and options. Does not: what a command does (`search_pipeline.py`), errors (`app.py`).
"""

from typing import Annotated

import typer

from imaging_assets.cli.options import FLAG

_search_pipeline = typer.Typer(
    help="Azure AI Search pulls: an indexer that asks our skill about each landed blob.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_search_pipeline, name="search-pipeline")


@_search_pipeline.command()
def apply(
    context: typer.Context,
    *,
    take_over: Annotated[
        bool, typer.Option("--take-over", metavar=FLAG, help="Change what somebody else made under these names, too.")
    ] = False,
) -> None:
    """Make or change data source, index, skillset and indexer; what is as declared is not written."""
    from imaging_assets.cli.search_pipeline import apply_pipeline  # noqa: PLC0415 - each command pays only for itself

    apply_pipeline(context.obj, take_over=take_over)


@_search_pipeline.command()
def status(context: typer.Context) -> None:
    """Show what is there, and the indexer's runs with their errors and warnings; exit code 1 when the last one failed."""
    from imaging_assets.cli.search_pipeline import show_status  # noqa: PLC0415

    raise typer.Exit(show_status(context.obj))


@_search_pipeline.command()
def delete(context: typer.Context) -> None:
    """Delete the four, as far as `apply` made them; the blobs stay."""
    from imaging_assets.cli.search_pipeline import delete_pipeline  # noqa: PLC0415

    delete_pipeline(context.obj)


@_search_pipeline.command()
def test(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="A picture file.")],
) -> None:
    """Ask the skill about a picture as the indexer does, then query the index for everything and for the label."""
    from imaging_assets.cli.search_pipeline import test_pipeline  # noqa: PLC0415

    raise typer.Exit(test_pipeline(context.obj, image))
