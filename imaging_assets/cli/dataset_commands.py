"""Commands that take a data set elsewhere: `export`, `checkout`.

Belongs here: names, help texts and options. Does not: what a command does (the module of its name), errors (`app.py`).
"""

from pathlib import Path
from typing import Annotated

import typer

from imaging_assets.cli.options import FLAG, parse_day


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(export)
    app.command()(checkout)


def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to fill; a new one, or one filled before.")],
    format_name: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="coco, yolo, voc, automl (Azure ML), csv or folders (one per tag).")
    ],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DAY", help="The last day that counts; by default the newest.")
    ] = None,
    labels_as_of: Annotated[
        str | None, typer.Option("--labels-as-of", metavar="TIME", help="Labels as they were known then, as 2026-11-19T12:30Z.")
    ] = None,
    images: Annotated[bool, typer.Option("--images/--no-images", metavar=FLAG, help="Copy the images, too.")] = True,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Convert this label file, or folder of them, instead; nothing of the store is read."
        ),
    ] = None,
    image_url: Annotated[
        str,
        typer.Option(
            "--image-url", metavar="URL", help="automl: where the images lie for Azure ML, as azureml://…/paths/images/."
        ),
    ] = "",
    register: Annotated[
        str | None,
        typer.Option("--register", metavar="NAME", help="automl: upload, and register as data assets NAME-train, … (Azure ML)."),
    ] = None,
    workspace: Annotated[
        str, typer.Option("--workspace", metavar="SUBSCRIPTION/GROUP/NAME", help="The Azure ML workspace to register in.")
    ] = "",
) -> None:
    """Write the labelled images, with their split, in the format of another tool; or convert labels from one format to another."""
    from imaging_assets.backends import data_assets  # noqa: PLC0415
    from imaging_assets.cli.export import Registration, convert_labels, export_dataset  # noqa: PLC0415

    if source is not None:
        convert_labels(context.obj, source, folder, format_name, image_url)
        return
    export_dataset(
        context.obj,
        folder,
        format_name,
        parse_day(as_of),
        labels_as_of,
        images=images,
        image_url=image_url,
        register=Registration(register, data_assets(workspace)) if register else None,
    )


def checkout(
    context: typer.Context,
    day: Annotated[str, typer.Argument(metavar="DAY", help="The training set as of this day, as 2026-11-19.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to fill; a new one, or one filled before.")],
    max_per_class: Annotated[
        int | None, typer.Option("--max-per-class", metavar="NUMBER", min=1, help="At most so many images of each tag.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Chooses which of them.")] = 0,
) -> None:
    """Bring a training set to this machine's disk; again, only what changed is fetched, and every file is verified by its hash."""
    from imaging_assets.cli.checkout import check_out  # noqa: PLC0415

    check_out(context.obj, parse_day(day), folder, max_per_class=max_per_class, seed=seed)
