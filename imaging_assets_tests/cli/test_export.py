"""`export` and `checkout`: what lands on disk, again and again."""

import csv
import json
from pathlib import Path

import pytest

from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.cli.command_line import Done, call_cli
from imaging_assets_tests.stages.manifests.days import gather


def a_project(folder: Path, images: int = 6) -> Pipeline:
    """A labelled and gathered day in the default state folder."""
    pipeline = a_pipeline(folder / ".imaging")
    land(pipeline, {f"cam/{number}.jpg": a_picture(number, (64, 48)) for number in range(images)})
    state_labels(pipeline, {f"{number}.jpg": "=cat" if number % 2 else "dog" for number in range(images)})
    run_chain(pipeline)
    gather(pipeline)
    return pipeline


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")}


def ok(done: Done) -> Done:
    assert done.code == 0, done.err
    return done


def test_an_export_holds_annotations_and_images_and_again_nothing_is_written(tmp_path: Path) -> None:
    pipeline = a_project(tmp_path)
    first = ok(call_cli(tmp_path, "export", "--format", "csv", "out", "--json")).value
    assert (first["images"], first["written"], first["kept"], first["notes"]) == (6, 7, 0, [])
    assert files(tmp_path / "out") == {"labels.csv", *(f"images/2026/03/02/cam/{number}.jpg" for number in range(6))}
    landed = (tmp_path / ".imaging/store/landing/2026/03/02/cam/0.jpg").read_bytes()
    assert (tmp_path / "out/images/2026/03/02/cam/0.jpg").read_bytes() == landed

    again = ok(call_cli(tmp_path, "export", "--format", "csv", "out", "--json")).value
    assert (again["written"], again["kept"], again["removed"]) == (0, 7, 0)

    (tmp_path / "out/images/2026/03/02/cam/0.jpg").write_bytes(b"spoilt")
    (tmp_path / "out/mine.txt").write_text("stays")
    state_labels(pipeline, {f"{number}.jpg": "dog" for number in range(5)})
    run_chain(pipeline)
    gather(pipeline)
    mended = ok(call_cli(tmp_path, "export", "--format", "csv", "out", "--json")).value
    assert (mended["images"], mended["written"], mended["kept"], mended["removed"]) == (5, 2, 4, 1)
    assert (tmp_path / "out/images/2026/03/02/cam/0.jpg").read_bytes() == landed
    assert (tmp_path / "out/mine.txt").exists()


def test_a_csv_we_write_runs_nothing_in_a_spreadsheet(tmp_path: Path) -> None:
    a_project(tmp_path)
    ok(call_cli(tmp_path, "export", "--format", "csv", "out", "--no-images"))
    with (tmp_path / "out/labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["tags"] for row in rows} == {"'=cat", "dog"}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert files(tmp_path / "out") == {"labels.csv"}


@pytest.mark.parametrize("format_name", ["coco", "automl", "csv"])
def test_what_was_exported_is_a_label_file_that_finds_its_images_again(tmp_path: Path, format_name: str) -> None:
    pipeline = a_project(tmp_path)
    ok(call_cli(tmp_path, "export", "--format", format_name, "out", "--no-images"))
    pipeline.store.delete("labels/labels.csv")
    for path in files(tmp_path / "out"):
        pipeline.store.write(f"labels/back/{path}", (tmp_path / "out" / path).read_bytes())
    report = run_chain(pipeline)["label_records"]
    assert (report.bound, report.unmatched, report.ambiguous, report.rejected, report.retracted) == (6, 0, 0, 0, 6)


def test_an_export_as_of_a_day_and_of_labels_as_of_a_time(tmp_path: Path) -> None:
    a_project(tmp_path)
    assert (
        "No day up to 2026-03-01 is tagged"
        in call_cli(tmp_path, "export", "--format", "csv", "--as-of", "2026-03-01", "a").complaint
    )
    done = call_cli(tmp_path, "export", "--format", "csv", "--labels-as-of", "2020-01-01", "b")
    assert (done.code, "Nothing labelled up to 2026-03-02 can be said in csv" in done.complaint) == (2, True)
    assert "is no time" in call_cli(tmp_path, "export", "--format", "csv", "--labels-as-of", "soon", "c").complaint


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--format", "excel", "out"),
            "'excel' is not a format to export to. Give one of coco, yolo, voc, automl, csv, folders.",
        ),
        (("--format", "yolo", "out"), "yolo knows boxes only, and it has none). Choose another format."),
        (("--format", "csv", "full"), "full is not empty and was not filled by this command. Give a new folder."),
        (("--format", "csv", "--from", "nowhere.json", "out"), "There is no nowhere.json."),
        (("--format", "csv", "--from", "notes.txt", "out"), "notes.txt: not a label format known here"),
        (("--format", "folders", "--from", "notes.txt", "out"), "Folders hold images, and a label file has none."),
    ],
)
def test_an_export_that_cannot_be_says_why_and_what_to_do(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    a_project(tmp_path, 3)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    done = call_cli(tmp_path, "export", *arguments)
    assert done.code == 2
    assert told in done.complaint
    assert not (tmp_path / "out").exists()


def test_a_checkout_is_repeatable_verified_and_small_when_asked(tmp_path: Path) -> None:
    a_project(tmp_path, 12)
    first = ok(call_cli(tmp_path, "checkout", DAY, "data", "--json")).value
    assert (first["images"], first["written"], first["day"]) == (12, 13, DAY)
    (tmp_path / "data/images/2026/03/02/cam/3.jpg").unlink()
    second = ok(call_cli(tmp_path, "checkout", DAY, "data", "--json")).value
    assert (second["written"], second["kept"]) == (1, 12)
    small = ok(call_cli(tmp_path, "checkout", DAY, "data", "--max-per-class", "2", "--seed", "7", "--json")).value
    assert (small["images"], small["removed"]) == (4, 8)
    before = files(tmp_path / "data")
    ok(call_cli(tmp_path, "checkout", DAY, "other", "--max-per-class", "2", "--seed", "7"))
    assert files(tmp_path / "other") == before


def test_an_interrupted_checkout_goes_on(tmp_path: Path) -> None:
    a_project(tmp_path)
    ok(call_cli(tmp_path, "checkout", DAY, "data"))
    (tmp_path / "data/.imaging-assets.json").write_text("{}")
    (tmp_path / "data/images/2026/03/02/cam/3.jpg.part").write_bytes(b"half")
    assert ok(call_cli(tmp_path, "checkout", DAY, "data", "--json")).value["written"] == 6


def test_one_format_becomes_another_with_boxes_in_the_size_of_the_image_beside(tmp_path: Path) -> None:
    (tmp_path / "via/images").mkdir(parents=True)
    (tmp_path / "via/images/a.jpg").write_bytes(a_picture(1, (100, 50)))
    rect = {"name": "rect", "x": 10, "y": 10, "width": 20, "height": 20}
    regions = [{"shape_attributes": rect, "region_attributes": {"label": "cat"}}]
    via = {"a": {"filename": "a.jpg", "regions": regions}, "b": {"filename": "b.jpg", "regions": regions}}
    (tmp_path / "via/via.json").write_text(json.dumps(via))

    told = ok(call_cli(tmp_path, "export", "--from", "via/via.json", "--format", "coco", "out", "--json")).value

    assert [(note["what"], note["reason"].rpartition(": ")[2]) for note in told["notes"]] == [("b.jpg", "left out")]
    coco = json.loads((tmp_path / "out/annotations/all.json").read_text())
    assert [(image["file_name"], image["width"]) for image in coco["images"]] == [("a.jpg", 100), ("b.jpg", 0)]
    assert coco["annotations"][0]["bbox"] == [10, 10, 20, 20]


def test_a_folder_of_yolo_files_and_one_of_classes_become_csv(tmp_path: Path) -> None:
    for name, text in {
        "data.yaml": "names: [cat]",
        "labels/train/a.txt": "0 .5 .5 .2 .2",
        "labels/train/b.txt": "9 .5 .5 .2 .2",
    }.items():
        (tmp_path / "yolo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "yolo" / name).write_text(text)
    told = ok(call_cli(tmp_path, "export", "--from", "yolo", "--format", "csv", "one", "--json")).value
    assert (told["images"], [note["what"] for note in told["notes"]]) == (1, ["labels/train/b.txt, line 1"])
    for name in ("cat/1.jpg", "dog/2.jpg", "3.jpg"):
        (tmp_path / "classes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "classes" / name).write_bytes(b"")
    ok(call_cli(tmp_path, "export", "--from", "classes", "--format", "csv", "two"))
    assert (tmp_path / "two/labels.csv").read_text() == "path,tags,sha256\n1.jpg,cat,\n2.jpg,dog,\n"


def test_a_name_that_leads_out_of_the_folder_writes_nothing_there(tmp_path: Path) -> None:
    xml = "<annotation><filename>a/../../../evil.jpg</filename><size><width>9</width><height>9</height></size>{}</annotation>"
    box = "<object><name>x</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object>"
    (tmp_path / "x.xml").write_text(xml.format(box))
    done = call_cli(tmp_path, "export", "--from", "x.xml", "--format", "yolo", "out/deep")
    assert (done.code, "the name leads out of the folder" in done.complaint) == (2, True)
    assert not list(tmp_path.rglob("evil*"))
