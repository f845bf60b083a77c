"""`imaging-assets search-pipeline …`: names, help texts and options.

Belongs here: options. Does not: what the commands do (`search_pipeline.py`).
"""

from typing import Annotated

import typer

_FLAG = ""
"""In the help, what stands behind an option that takes no value."""

pull_mode = typer.Typer(
    help="Azure AI Search pulls: an indexer that asks our skill about each landed blob.", no_args_is_help=True
)


@pull_mode.command()
def apply(
    context: typer.Context,
    *,
    take_over: Annotated[
        bool, typer.Option("--take-over", metavar=_FLAG, help="Change what somebody else made under these names, too.")
    ] = False,
) -> None:
    """Make or change data source, index, skillset and indexer; what is as declared is not written."""
    from imaging_assets.cli.search_pipeline import apply_pipeline  # noqa: PLC0415 - each command pays only for itself

    apply_pipeline(context.obj, take_over=take_over)


@pull_mode.command()
def status(context: typer.Context) -> None:
    """Show what is there, and the indexer's runs with their errors and warnings; exit code 1 when the last one failed."""
    from imaging_assets.cli.search_pipeline import show_status  # noqa: PLC0415

    raise typer.Exit(show_status(context.obj))


@pull_mode.command()
def delete(context: typer.Context) -> None:
    """Delete the four, as far as `apply` made them; the blobs stay."""
    from imaging_assets.cli.search_pipeline import delete_pipeline  # noqa: PLC0415

    delete_pipeline(context.obj)


@pull_mode.command()
def test(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="A picture file.")],
) -> None:
    """Ask the skill about a picture as the indexer does, then query the index for everything and for the label."""
    from imaging_assets.cli.search_pipeline import test_pipeline  # noqa: PLC0415

    raise typer.Exit(test_pipeline(context.obj, image))
