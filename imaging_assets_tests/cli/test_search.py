"""`search`: words, conditions, likeness; and what it prints."""

import io
from contextlib import chdir, redirect_stdout
from pathlib import Path

import pytest
from rich.console import Console

from imaging_assets.cli.output import Session
from imaging_assets.cli.search import parse_condition, search_images
from imaging_assets.errors import UsageError
from imaging_assets.records.search import Condition
from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.cli.command_line import a_folder, call_cli
from imaging_assets_tests.stages.manifests.days import gather
from imaging_assets_tests.stages.models.doubles import iterate_day, with_models

PICTURES = {f"cam/{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(8)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures, cats and dogs by turns, predicted "cat" all; one file that is no picture."""
    folder = tmp_path_factory.mktemp("searched")
    pipeline = a_pipeline(folder / ".imaging")
    land(pipeline, PICTURES | {"broken.jpg": b"nothing"})
    state_labels(pipeline, {f"cam/{seed}.jpg": ("cat", "dog")[seed % 2] for seed in range(8)})
    run_chain(pipeline)
    gather(pipeline)
    pipeline, _, _ = with_models(pipeline)
    iterate_day(pipeline)
    run_chain(pipeline)
    return folder


def found(folder: Path, *arguments: str) -> list[str]:
    done = call_cli(folder, "--json", "search", *arguments)
    assert (done.code, done.err) == (0, "")
    return sorted(hit["name"] for hit in done.value["hits"])


def on_a_terminal(folder: Path, width: int, like: str | None = None, sort: str | None = "path") -> list[str]:
    screen = io.StringIO()
    session = Session(console=Console(file=screen, force_terminal=True, width=width, highlight=False, soft_wrap=True))
    with chdir(folder), redirect_stdout(screen):
        search_images(session, "", [], like=like, facets=[], sort=sort, top=3)
    return screen.getvalue().splitlines()


def test_words_find_names_and_labels(folder: Path) -> None:
    assert found(folder, "dog 3") == ["3.jpg"]
    assert len(found(folder, "cam")) == 8
    assert found(folder, "nobody") == []


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("tags=cat", 4),
        ("tags!=cat", 4),
        ("tags=cat|dog", 8),
        ("name=3.jpg", 1),
        ("name!=3.jpg", 7),
        ("day>=2026-03-02", 8),
        ("day<2026-03-02", 0),
        ("width=64", 8),
        ("width>64", 0),
        ("height<=48", 8),
        ("probability>0.7", 8),
        ("probability < 0.7", 0),
        ("disagrees=yes", 4),
        ("disagrees=false", 4),
        ("captured_at>2020-01-01", 0),
        ("captured_at<2020-01-01T12:00:00+02:00", 0),
    ],
)
def test_each_operator_and_type_of_condition(folder: Path, condition: str, count: int) -> None:
    assert len(found(folder, "--where", condition)) == count


def test_all_conditions_must_hold(folder: Path) -> None:
    assert found(folder, "--where", "tags=dog", "--where", "name=3.jpg|2.jpg") == ["3.jpg"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--where", "colour=red"), "'colour' is not a field. Use one of id, path,"),
        (("--where", "thumbnail=x"), "'thumbnail' is not filterable. Use one of"),
        (("--where", "tags"), "'tags' is not a condition. Write field, operator"),
        (("--where", "width=wide"), "width is a whole number, and 'wide' is not."),
        (("--where", "probability=high"), "probability is a number, and 'high' is not."),
        (("--where", "disagrees=maybe"), "disagrees is yes or no, and 'maybe' is not."),
        (("--where", "captured_at>yesterday"), "captured_at is a time such as 2026-11-19"),
        (("--where", "tags<b"), "tags is a list, so < says nothing. Use = or !=."),
        (("--sort", "tags"), "'tags' is not sortable."),
        (("--facet", "colour"), "'colour' is not a field."),
        (("--like", "nobody.jpg"), "No image is called 'nobody.jpg'."),
        (("--like", "broken.jpg"), "broken.jpg is no picture that can be compared (unsupported format"),
        (("--top", "0"), "Invalid value for '--top'"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(folder: Path, arguments: tuple[str, ...], told: str) -> None:
    done = call_cli(folder, "search", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.complaint.startswith(told)


def test_likeness_to_an_image_of_the_store_or_to_any_file_is_a_percentage(folder: Path, tmp_path: Path) -> None:
    a_folder(tmp_path, {"mine.jpg": PICTURES["cam/5.jpg"]})
    for like in ("5.jpg", str(tmp_path / "mine.jpg")):
        heading, first, *_ = call_cli(folder, "search", "--like", like).out.splitlines()
        assert heading.split() == ["alike", "image", "labels", "predicted"]
        assert first.split() == ["100%", "2026/03/02/cam/5.jpg", "dog", "cat", "75%"]


def test_without_a_ranking_no_score_is_shown_and_empty_columns_are_left_out(folder: Path) -> None:
    heading, first, *_ = call_cli(folder, "search", "--sort", "path").out.splitlines()
    assert heading.split() == ["image", "labels", "predicted"]
    assert first.split() == ["2026/03/02/cam/0.jpg", "cat", "cat", "75%"]


def test_sorting_goes_both_ways(folder: Path) -> None:
    hits = [call_cli(folder, "--json", "search", "--sort", sort).value["hits"] for sort in ("path", "-path")]
    assert [hit["path"] for hit in hits[0]] == [hit["path"] for hit in hits[1]][::-1]


def test_an_order_replaces_the_ranking_so_no_likeness_is_shown(folder: Path) -> None:
    assert call_cli(folder, "search", "--like", "5.jpg", "--sort", "path").out.split()[:3] == ["image", "labels", "predicted"]


def test_facets_count_all_matches_not_only_the_shown(folder: Path) -> None:
    done = call_cli(folder, "search", "--facet", "tags", "--facet", "day", "--top", "1")
    assert done.out.splitlines()[-3:] == [
        "1 of 8 images; --top NUMBER shows more",
        "tags: cat 4, dog 4",
        "day: 2026-03-02 8",
    ]


def test_where_nothing_is_found_only_the_count_is_told(folder: Path) -> None:
    assert call_cli(folder, "search", "nobody").out == "0 of 0 images\n"


def test_json_holds_whole_documents(folder: Path) -> None:
    value = call_cli(folder, "search", "--top", "1", "--facet", "tags", "--json").value
    assert value["count"] == 8
    assert {"path", "sha256", "day", "tags", "predicted", "thumbnail", "score"} <= value["hits"][0].keys()
    assert value["facets"] == {"tags": [["cat", 4], ["dog", 4]]}


def test_a_narrow_terminal_gets_a_second_line_and_never_half_a_path(folder: Path) -> None:
    assert on_a_terminal(folder, 80)[1].split() == ["2026/03/02/cam/0.jpg", "cat", "cat", "75%"]
    _, _, path, facts, *_ = on_a_terminal(folder, 30)
    assert path == "2026/03/02/cam/0.jpg"
    assert facts.split() == ["cat", "cat", "75%"]
    assert facts.startswith("    ")
    assert on_a_terminal(folder, 30, like="0.jpg", sort=None)[2].split() == ["100%", "2026/03/02/cam/0.jpg"]


def test_a_long_path_stays_one_line_in_a_pipe(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / ".imaging")
    name = "a folder with a long name/" * 5 + "写真.jpg"
    land(pipeline, {name: PICTURES["cam/0.jpg"]})
    run_chain(pipeline)
    assert call_cli(tmp_path, "search").out.splitlines() == ["image", f"2026/03/02/{name}", "1 of 1 image"]


def test_without_a_store_nothing_is_made(tmp_path: Path) -> None:
    a_folder(tmp_path / "pictures", {"a.jpg": b"1"})
    (tmp_path / "imaging.toml").write_text('home = "pictures"\n')
    done = call_cli(tmp_path, "search")
    assert done.code == 1
    assert done.complaint.startswith("There is no store at ")
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["a.jpg"]


def test_conditions_are_read_with_their_types() -> None:
    assert parse_condition("width >= 10") == Condition("width", "ge", (10,))
    assert parse_condition("disagrees=yes|no") == Condition("disagrees", "eq", (True, False))
    assert parse_condition("captured_at<2026-01-02") == Condition("captured_at", "lt", ("2026-01-02T00:00:00+00:00",))
    assert parse_condition("tags=a=b") == Condition("tags", "eq", ("a=b",))
    with pytest.raises(UsageError, match="is not a condition"):
        parse_condition("= cat")
