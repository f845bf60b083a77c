"""CSV label files as people and their tools write them."""

import csv
import io
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging_assets.errors import LabelFileError
from imaging_assets.records.manifests import AnnotatedImage, Region, RejectedLine
from imaging_assets.stages.manifests.formats import MAX_TAG_CHARACTERS, LabelFile, clean_tag, csv_file
from imaging_assets.stages.manifests.formats.draft import clean_path
from imaging_assets.stages.manifests.sources import apart

DIGEST = "0123456789abcdef" * 4


def read(text: str | bytes, separator: str = "|", **how: Any) -> tuple[list[AnnotatedImage], list[RejectedLine]]:
    data = text.encode() if isinstance(text, str) else text
    return apart(csv_file.read(LabelFile("labels/x.csv", data, separator, **how)))


def said(text: str | bytes, separator: str = "|", **how: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Path and tags of each statement; nothing may be rejected."""
    statements, rejected = read(text, separator, **how)
    assert rejected == []
    return [(statement.path, statement.tags) for statement in statements]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("path,tags\na.jpg,daisy\nb.jpg,rose\n", id="plain"),
        pytest.param("\ufeffpath,tags\na.jpg,daisy\nb.jpg,rose\n", id="byte order mark"),
        pytest.param("path,tags\r\na.jpg,daisy\r\nb.jpg,rose\r\n", id="CRLF"),
        pytest.param("path,tags\ra.jpg,daisy\rb.jpg,rose\r", id="CR"),
        pytest.param("path,tags\na.jpg,daisy\nb.jpg,rose", id="no last newline"),
        pytest.param("\n\npath,tags\n\na.jpg,daisy\n , \nb.jpg,rose\n\n", id="empty lines"),
        pytest.param("path;tags\na.jpg;daisy\nb.jpg;rose\n", id="semicolons"),
        pytest.param("path\ttags\na.jpg\tdaisy\nb.jpg\trose\n", id="tabs"),
        pytest.param('"path","tags"\n"a.jpg","daisy"\n"b.jpg","rose"\n', id="quotes"),
        pytest.param("a.jpg,daisy\nb.jpg,rose\n", id="no header"),
        pytest.param("\ufeffa.jpg,daisy\nb.jpg,rose\n", id="no header, byte order mark"),
        pytest.param("tags,path\ndaisy,a.jpg\nrose,b.jpg\n", id="other order"),
        pytest.param("note,label,who,file\n,daisy,me,a.jpg\n,rose,me,b.jpg\n", id="columns between"),
        pytest.param(" Image , LABELS \na.jpg, daisy \n b.jpg,rose\n", id="case and blanks"),
        pytest.param("path,tags\n./a.jpg,daisy\n.\\b.jpg,rose\n", id="from this folder"),
    ],
)
def test_the_same_two_lines_are_read_however_they_are_written(text: str) -> None:
    assert said(text) == [("a.jpg", ("daisy",)), ("b.jpg", ("rose",))]


@pytest.mark.parametrize("path", ["path", "image", "file", "filename", "name"])
@pytest.mark.parametrize("tags", ["tags", "tag", "labels", "label"])
def test_a_header_may_use_any_usual_name(path: str, tags: str) -> None:
    assert said(f"{tags},{path}\ndaisy,a.jpg\n") == [("a.jpg", ("daisy",))]


@pytest.mark.parametrize(
    "text", ["", "\ufeff", "\n\r\n  \n", "path,tags\n", "path,tags"], ids=["empty", "mark", "blank", "header", "open header"]
)
def test_a_file_without_lines_says_nothing(text: str) -> None:
    assert read(text) == ([], [])


def test_a_quoted_cell_may_hold_the_delimiter_quotes_and_a_newline() -> None:
    assert said('path,tags\n"a,1.jpg","say ""hi"""\n"b.jpg","two\nlines"\n') == [
        ("a,1.jpg", ('say "hi"',)),
        ("b.jpg", ("two lines",)),
    ]


def test_what_stands_in_quotes_does_not_choose_the_delimiter() -> None:
    assert said('"a;b;c.jpg",daisy\n') == [("a;b;c.jpg", ("daisy",))]


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_only_the_first_line_chooses_the_delimiter(newline: str) -> None:
    lines = ["path,tags", "a;1;2;3.jpg,x", "b;1;2;3.jpg,y"]
    assert [path for path, _ in said(newline.join(lines))] == ["a;1;2;3.jpg", "b;1;2;3.jpg"]


def test_tags_of_one_cell_are_parted_trimmed_sorted_and_told_once() -> None:
    assert said("a.jpg, rose | daisy||rose |\n") == [("a.jpg", ("daisy", "rose"))]


def test_a_separator_that_could_be_a_delimiter_is_not_taken_for_one() -> None:
    assert said("a.jpg,x;y;z\n", separator=";") == [("a.jpg", ("x", "y", "z"))]
    assert said("a.jpg\tx,y,z\n", separator=",") == [("a.jpg", ("x", "y", "z"))]


def test_a_file_that_knows_no_other_delimiter_than_the_separator_is_read_by_it() -> None:
    assert said("path;tags\na.jpg;x\n", separator=";") == [("a.jpg", ("x",))]


def test_lines_are_numbered_as_an_editor_shows_them() -> None:
    statements, _ = read("path,tags\n\na.jpg,x\n\nb.jpg,y\n")
    assert [statement.line for statement in statements] == [3, 5]


def test_a_sha256_column_is_kept_in_lower_case() -> None:
    statements, rejected = read(f"sha256,path,tags\n{DIGEST.upper()},a.jpg,x\n,b.jpg,y\n{DIGEST},,z\n")
    assert rejected == []
    assert [(s.sha256, s.path) for s in statements] == [(DIGEST, "a.jpg"), ("", "b.jpg"), (DIGEST, "")]


def test_a_file_may_name_images_by_sha256_alone() -> None:
    statements, rejected = read(f"sha256,tags\n{DIGEST},x\n")
    assert rejected == []
    assert [(s.sha256, s.path, s.tags) for s in statements] == [(DIGEST, "", ("x",))]


def test_a_missing_last_cell_of_sha256_leaves_the_line_to_its_path() -> None:
    statements, rejected = read("path,tags,sha256\na.jpg,x\n")
    assert ([(s.path, s.sha256) for s in statements], rejected) == ([("a.jpg", "")], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.jpg,", "no tag"),
        ("a.jpg, | ", "no tag"),
        (",daisy", "no image named"),
        ("a.jpg", "1 columns, at least 2 expected"),
        (f"a.jpg,{'x' * 500}", f"tag of 500 characters, at most {MAX_TAG_CHARACTERS} allowed"),
    ],
)
def test_a_line_that_says_nothing_usable_is_rejected_with_its_reason_and_spoils_no_other(line: str, reason: str) -> None:
    statements, rejected = read(f"path,tags\n{line}\nb.jpg,rose\n")
    assert [statement.path for statement in statements] == ["b.jpg"]
    assert [(r.line, r.reason) for r in rejected] == [(2, reason)]
    assert rejected[0].text in line


@pytest.mark.parametrize("digest", ["abc", "x" * 64, DIGEST[:-1], DIGEST + "0"])
def test_a_sha256_that_is_none_is_rejected(digest: str) -> None:
    statements, rejected = read(f"path,tags,sha256\na.jpg,x,{digest}\n")
    assert statements == []
    assert "64 hex digits" in rejected[0].reason


def test_a_tag_of_the_greatest_length_is_kept() -> None:
    assert said(f"a.jpg,{'x' * MAX_TAG_CHARACTERS}\n") == [("a.jpg", ("x" * MAX_TAG_CHARACTERS,))]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("  two   words ", "two words"),
        ("no\u00a0break", "no break"),
        ("🌼", "🌼"),
        ("=1+1", "=1+1"),
        ("日本語", "日本語"),
        ("Rose", "Rose"),
    ],
)
def test_a_tag_is_kept_as_written_but_composed_and_trimmed(written: str, kept: str) -> None:
    assert said(f"a.jpg,{written}\n") == [("a.jpg", (kept,))]


def test_two_spellings_of_one_tag_are_one_tag() -> None:
    assert said("a.jpg,cafe\u0301|caf\u00e9\n") == [("a.jpg", ("caf\u00e9",))]


def test_a_path_is_composed_and_has_slashes() -> None:
    assert said("cafe\u0301\\x 1.jpg,t\n") == [("caf\u00e9/x 1.jpg", ("t",))]


@pytest.mark.parametrize("data", ["path,tags\nä.jpg,x\n".encode("latin-1"), "path,tags\na.jpg,x\n".encode("utf-16")])
def test_a_file_that_is_not_utf8_is_refused_with_the_remedy(data: bytes) -> None:
    with pytest.raises(LabelFileError, match=r"labels/x\.csv is not UTF-8 text \(byte \d+, line \d\)\. Save it as UTF-8, or set"):
        read(data)


def test_a_cell_beyond_all_measure_is_refused_with_its_line() -> None:
    with pytest.raises(LabelFileError, match=r"labels/x\.csv, line 2: .*Mend that line\."):
        read(f"path,tags\na.jpg,{'x' * 200_000}\n")


def test_an_open_quote_rejects_what_it_swallows_and_says_where() -> None:
    statements, rejected = read('path,tags\na.jpg,x\n"b.jpg,y\nc.jpg,z\n')
    assert [statement.path for statement in statements] == ["a.jpg"]
    assert [(r.line, r.reason) for r in rejected] == [(4, "1 columns, at least 2 expected")]


@pytest.mark.parametrize(
    "line", ["a.jpg,daisy,extra", "a.jpg,daisy, rose", 'a.jpg,"daisy",x,y'], ids=["one more", "a comma in the tag", "two more"]
)
def test_a_line_with_more_cells_than_the_header_is_rejected_and_not_cut(line: str) -> None:
    statements, rejected = read(f"path,tags\n{line}\nb.jpg,rose\n")
    assert [statement.path for statement in statements] == ["b.jpg"]
    assert "at most 2 expected; put a cell that holds the delimiter in quotes" in rejected[0].reason


def test_empty_cells_beyond_the_header_are_what_spreadsheets_leave() -> None:
    assert said("path,tags\na.jpg,daisy,,\n") == [("a.jpg", ("daisy",))]


def test_a_file_without_header_may_have_more_columns_as_long_as_all_lines_do() -> None:
    assert said("a.jpg,daisy,2019\nb.jpg,rose,2020\n") == [("a.jpg", ("daisy",)), ("b.jpg", ("rose",))]


def test_a_file_of_the_old_function_is_read_with_its_two_rows_and_slashes() -> None:
    text = "id,category,note\r\nImage,Class,\r\nIMG_1.tif,1/ 2,x\r\nIMG_2.tif,3,\r\n"
    assert said(text, separator="/", header_rows=2) == [("IMG_1.tif", ("1", "2")), ("IMG_2.tif", ("3",))]
    junk = "x\r\n,,\r\nIMG_1.tif,1\r\n"
    assert said(junk, separator="/", header_rows=2) == [("IMG_1.tif", ("1",))]


def test_a_title_above_the_header_is_told() -> None:
    statements, rejected = read("All my flowers\npath,tags\na.jpg,daisy\n")
    assert [s.path for s in statements] == ["a.jpg"]
    assert [(r.line, r.text, r.reason) for r in rejected] == [(1, "All my flowers", "above the header")]


def test_header_rows_of_a_source_are_skipped_whatever_they_say() -> None:
    assert said("anything,at all\na.jpg,daisy\n", header_rows=1) == [("a.jpg", ("daisy",))]
    assert said("path,tags\na.jpg,daisy\n", header_rows=0) == [("path", ("tags",)), ("a.jpg", ("daisy",))]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Bild,Sorte,x\na.jpg,daisy,1\n", {"path": "Bild", "tags": "Sorte"}),
        ("1,daisy,a.jpg\n", {"path": "3", "tags": "2"}),
    ],
)
def test_a_source_may_say_which_column_is_which(text: str, columns: dict[str, str]) -> None:
    assert said(text, columns=columns) == [("a.jpg", ("daisy",))]


def test_a_column_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(LabelFileError, match=r"labels/x\.csv has no column 'Bild' for path\. Mend `columns`"):
        read("a,b\n1,2\n", columns={"path": "Bild", "tags": "2"})


def test_another_encoding_is_read_when_the_source_says_so() -> None:
    assert said("path,tags\nä.jpg,käfer\n".encode("cp1252"), encoding="cp1252") == [("ä.jpg", ("käfer",))]
    assert said("path\ttags\na.jpg\tx\n".encode("utf-16"), encoding="utf-16") == [("a.jpg", ("x",))]


def test_who_and_when_are_read() -> None:
    (statement,), _ = read("path,tags,who,when\na.jpg,x,Anna,2026-03-02T12:00:00+01:00\n")
    assert (statement.who, statement.when) == ("Anna", datetime(2026, 3, 2, 11, tzinfo=UTC))


def test_a_time_that_cannot_be_read_is_told_and_the_label_stays() -> None:
    (image,), (line,) = read("path,tags,when\na.jpg,x,20.11.2026\n")
    assert (image.tags, image.when, line.line, line.text) == (("x",), None, 2, "20.11.2026")
    assert "the file's own counts" in line.reason


def test_lines_with_boxes_about_one_image_are_one_record() -> None:
    text = "path,label,xmin,ymin,xmax,ymax\na.jpg,cat,10,20,30,60\na.jpg,dog,0,0,5,5\nb.jpg,cat,1,1,2,2\n"
    (first, second), rejected = read(text)
    assert rejected == []
    assert (first.line, first.path, first.tags, first.in_pixels) == (2, "a.jpg", ("cat", "dog"), True)
    assert first.regions == (Region("cat", 10, 20, 20, 40), Region("dog", 0, 0, 5, 5))
    assert (second.line, second.regions) == (4, (Region("cat", 1, 1, 1, 1),))


def test_boxes_of_which_no_number_is_above_one_are_fractions() -> None:
    (image,), _ = read("path,tags,left,top,width,height\na.jpg,cat,0.1,0.2,0.3,0.4\n")
    assert (image.in_pixels, image.regions) == (False, (Region("cat", 0.1, 0.2, 0.3, 0.4),))


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ("5,5,5,9", "no area"),
        ("9,9,5,5", "no area"),
        ("1,2,x,4", "four finite numbers"),
        ("1,2,,4", "four finite"),
        ("0,0,nan,2", "four finite"),
        ("0,0,inf,2", "four finite"),
    ],
)
def test_a_box_that_is_none_is_refused_at_its_own_line_and_the_others_stay(box: str, reason: str) -> None:
    (image,), (refusal,) = read(f"path,tags,xmin,ymin,xmax,ymax\na.jpg,cat,1,1,9,9\na.jpg,dog,{box}\n")
    assert image.tags == ("cat",)
    assert refusal.line == 3
    assert reason in refusal.reason


plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
tags = plain.map(lambda text: clean_tag(text.replace("|", ""))).filter(bool)
paths = plain.map(clean_path).filter(lambda text: bool(text) and text == clean_path(text) and text == text.strip())


@given(st.lists(st.tuples(paths, st.lists(tags, min_size=1, unique=True))))
def test_what_is_written_is_read_back(images: list[tuple[str, list[str]]]) -> None:
    stated = [AnnotatedImage(line, path, DIGEST, tuple(sorted(found))) for line, (path, found) in enumerate(images, 2)]
    assert read(csv_file.write(stated)) == (stated, [])


@given(st.sampled_from("=+-@"), tags)
def test_no_cell_we_write_is_a_formula_to_a_spreadsheet(first: str, rest: str) -> None:
    tag = clean_tag(first + rest)
    text = csv_file.write([AnnotatedImage(1, tag + ".jpg", "", (tag,))])
    cells = next(itertools.islice(csv.reader(io.StringIO(text, newline="")), 1, None))
    assert [cell[:1] for cell in cells[:2]] == ["'", "'"]
    assert said(text) == [(clean_path(tag + ".jpg"), (tag,))]


def test_boxes_are_written_and_read_back_with_the_tags_of_the_whole_image() -> None:
    image = AnnotatedImage(2, "a.jpg", DIGEST, ("cat", "night"), (Region("cat", 0.1, 0.2, 0.3, 0.4),), split="train")
    (found,), rejected = read(csv_file.write([image]))
    assert rejected == []
    assert (found.tags, found.split, found.in_pixels) == (("cat", "night"), "train", False)
    region = found.regions[0]
    assert (region.left, region.top, region.width, region.height) == pytest.approx((0.1, 0.2, 0.3, 0.4))
