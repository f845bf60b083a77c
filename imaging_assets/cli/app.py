"""The typer application: options, commands, and errors as exit codes.

Belongs here: names, help texts and options of commands; of some that go together, `*_commands.py`. Does not: what a command does (the
module of its name).
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from imaging_assets.cli import dataset_commands, insight_commands, review_commands, search_pipeline_commands
from imaging_assets.cli.options import FLAG, Day, Since, Until, parse_day
from imaging_assets.cli.output import FAILED, NEEDS_CONSENT, OK, STOPPED, USAGE, Session, complain
from imaging_assets.cli.pull_labels import pull
from imaging_assets.errors import ConsentRequiredError, ImagingError, QueryError, SettingsError, UsageError

app = typer.Typer(
    help="Images in blob storage as Dagster assets: resized, tagged, trained, predicted, searchable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

review_commands.register(app)
search_pipeline_commands.register(app)
insight_commands.register(app)


def run_app(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's; returns the exit code."""
    try:
        code = app(
            _json_first(sys.argv[1:] if arguments is None else arguments), prog_name="imaging-assets", standalone_mode=False
        )
    except ConsentRequiredError as error:
        complain(str(error))
        return NEEDS_CONSENT
    except (UsageError, SettingsError, QueryError) as error:
        complain(str(error))
        return USAGE
    except ImagingError as error:
        complain(str(error))
        return FAILED
    except typer.Abort:
        return FAILED
    except typer.TyperException as error:
        if told := error.format_message().strip():  # no command at all: the help was shown, there is nothing to add
            complain(f"{told.removesuffix('.')}. See `{_command(error)} --help`.")
        return USAGE
    if code == STOPPED:
        complain("stopped. Give the same command again and it goes on where it was.")
    return code if isinstance(code, int) else OK


def _json_first(arguments: Sequence[str]) -> list[str]:
    """`--json` counts wherever it stands; people put it last."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--json" not in options:
        return list(arguments)
    return ["--json", *(word for word in options if word != "--json"), *arguments[len(options) :]]


def _command(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "imaging-assets"


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - so typer calls it
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and rarely asked for

        typer.echo(f"imaging-assets {version('imaging-assets')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings file instead of ./imaging.toml.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", metavar=FLAG, help="Print one JSON value and nothing else.")] = False,
    version: Annotated[
        bool, typer.Option("--version", metavar=FLAG, help="Print the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Images in blob storage as Dagster assets: resized, tagged, trained, predicted, searchable."""
    del version  # told before
    context.obj = Session(config, as_json)


@app.command()
def init(context: typer.Context) -> None:
    """Write imaging.toml, dagster.yaml and workspace.yaml into this folder; existing files stay."""
    from imaging_assets.cli.project import write_project  # noqa: PLC0415 - each command pays only for itself

    write_project(context.obj, Path.cwd())


@app.command()
def demo(
    context: typer.Context,
    digits: Annotated[
        bool, typer.Option("--digits", metavar=FLAG, help="scikit-learn's handwritten digits instead of scenes.")
    ] = False,
) -> None:
    """Run the whole job over a made-up data set of a few days."""
    from imaging_assets.cli.demo import run_demo  # noqa: PLC0415

    raise typer.Exit(run_demo(context.obj, digits=digits))


@app.command()
def add(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of pictures; its sub-folders are the labels.")],
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="The day they belong to, as 2026-11-19; by default today.")
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", metavar=FLAG, help="Take the first sub-folder as the label.")
    ] = True,
    again: Annotated[bool, typer.Option("--again", metavar=FLAG, help="Upload what is already there, too.")] = False,
) -> None:
    """Upload a folder to the landing place; what is already there is skipped."""
    from imaging_assets.cli.add import add_folder  # noqa: PLC0415

    add_folder(context.obj, folder, parse_day(day), labels=labels, again=again)


@app.command()
def run(
    context: typer.Context,
    day: Day = None,
    since: Since = None,
    until: Until = None,
    accept_deletions: Annotated[
        bool, typer.Option("--accept-deletions", metavar=FLAG, help="Believe that many images were deleted on purpose.")
    ] = False,
) -> None:
    """Bring every day that is behind up to date, then train if that is worth it."""
    from imaging_assets.cli.run import run_days  # noqa: PLC0415

    raise typer.Exit(run_days(context.obj, parse_day(day), parse_day(since), parse_day(until), accept_deletions=accept_deletions))


@app.command()
def plan(context: typer.Context, day: Day = None, since: Since = None, until: Until = None) -> None:
    """Tell what `run` would do, call and cost; writes nothing and costs nothing."""
    from imaging_assets.cli.plan import plan_days  # noqa: PLC0415

    raise typer.Exit(plan_days(context.obj, parse_day(day), parse_day(since), parse_day(until)))


@app.command()
def doctor(context: typer.Context) -> None:
    """Check this machine, the settings and, by a real call each, every right that is needed; exit code 1 when one is missing."""
    from imaging_assets.cli.doctor import examine  # noqa: PLC0415

    raise typer.Exit(examine(context.obj))


@app.command()
def ui(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", metavar="PORT", help="Port of the web interface.")] = 3000,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Start Dagster's web interface and daemon over this folder's history."""
    from imaging_assets.cli.project import start_ui  # noqa: PLC0415

    raise typer.Exit(start_ui(context.obj, host, port))


@app.command()
def serve(
    context: typer.Context,
    port: Annotated[int | None, typer.Option("--port", metavar="PORT", help="Port to listen on instead of `serve.port`.")] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="Address to listen on instead of `serve.host`.")
    ] = None,
) -> None:
    """Start the gallery, and the custom skill for Azure AI Search."""
    from imaging_assets.cli.serve import serve as start  # noqa: PLC0415

    start(context.obj, host, port)


@app.command()
def search(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Words to find; nothing finds everything.")] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="Condition such as 'tags=cat|dog', 'day>=2026-11-01' or 'predicted!=dog'; several must all hold. Quote it.",
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="IMAGE", help="A picture file, or an image of the store, to find look-alikes of."),
    ] = None,
    facet: Annotated[list[str] | None, typer.Option("--facet", metavar="FIELD", help="Count the values of a field.")] = None,
    sort: Annotated[str | None, typer.Option("--sort", metavar="FIELD", help="Field to sort by; -FIELD for descending.")] = None,
    top: Annotated[int, typer.Option("--top", metavar="NUMBER", min=1, max=1000, help="Show so many at most.")] = 20,
) -> None:
    """Find images by words, conditions, or likeness."""
    from imaging_assets.cli.search import search_images  # noqa: PLC0415

    search_images(context.obj, text, where or [], like=like, facets=facet or [], sort=sort, top=top)


@app.command()
def why(
    context: typer.Context,
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="Path, unique end of a path, or at least 8 digits of the sha256.")
    ],
) -> None:
    """Tell an image's whole story: where it landed, what became of it, and why."""
    from imaging_assets.cli.why import tell_story  # noqa: PLC0415

    tell_story(context.obj, image)


dataset_commands.register(app)
app.command("pull-labels")(pull)


@app.command()
def compare(
    context: typer.Context,
    train: Annotated[
        bool, typer.Option("--train", metavar=FLAG, help="Let Custom Vision train where it has not; that is billed.")
    ] = False,
) -> None:
    """Show the embedded trainer beside Custom Vision on the same test images; changes nothing that serves."""
    from imaging_assets.cli.compare import compare_trainers  # noqa: PLC0415

    raise typer.Exit(compare_trainers(context.obj, train=train))


@app.command()
def gc(
    context: typer.Context,
    days: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Keep what is younger than so many days.")
    ] = 7,
    dry_run: Annotated[bool, typer.Option("--dry-run", metavar=FLAG, help="Only tell what would be deleted.")] = False,
) -> None:
    """Delete resized images, thumbnails and crops that no day refers to, and training sets of long ago; never an original."""
    from imaging_assets.cli.upkeep import collect_garbage  # noqa: PLC0415

    collect_garbage(context.obj, days, dry_run=dry_run)


@app.command()
def audit(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", metavar=FLAG, help="Send what is missing or stale, delete what belongs to no image.")
    ] = False,
) -> None:
    """Compare the search index with the manifests; exit code 1 when they differ."""
    from imaging_assets.cli.audit import audit_index  # noqa: PLC0415

    raise typer.Exit(audit_index(context.obj, repair=repair))


@app.command()
def rollback(context: typer.Context) -> None:
    """Let the model serve again that served before the present one."""
    from imaging_assets.cli.upkeep import roll_back  # noqa: PLC0415

    roll_back(context.obj)
