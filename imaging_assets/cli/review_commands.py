"""Commands about what people should look at next: `review export`.

Belongs here: names, help texts and options. Does not: what a command does (`review.py`), errors (`app.py`).
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from imaging_assets.cli.options import Since, Until, parse_day

_review = typer.Typer(help="What people should look at next.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_review, name="review")


@_review.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write; tasks.json, or queue.csv for a spreadsheet.")],
    *,
    top: Annotated[int | None, typer.Option("--top", metavar="NUMBER", min=1, help="So many images at most.")] = None,
    since: Since = None,
    until: Until = None,
    chosen: Annotated[
        Literal["label-studio", "csv"] | None,
        typer.Option("--format", help="By default what the file's name says: .csv, else Label Studio tasks."),
    ] = None,
    signed_days: Annotated[
        int | None,
        typer.Option(
            "--signed-days", min=1, max=7, help="Name images by addresses that anybody can open for so many days (azure)."
        ),
    ] = None,
) -> None:
    """Write the review queues of all days as one list, without what was labelled since."""
    from imaging_assets.cli.review import export_queue  # noqa: PLC0415

    export_queue(context.obj, file, parse_day(since), parse_day(until), top=top, chosen=chosen, signed_days=signed_days)
