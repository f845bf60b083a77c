"""Label files as people and their tools write them."""

import pytest

from imaging_assets.errors import LabelFileError
from imaging_assets.records.manifests import RejectedLine, Statement
from imaging_assets.stages.manifests.label_files import MAX_TAG_CHARACTERS, read_csv

DIGEST = "0123456789abcdef" * 4


def read(text: str | bytes, separator: str = "|") -> tuple[list[Statement], list[RejectedLine]]:
    return read_csv("labels/x.csv", text.encode() if isinstance(text, str) else text, separator)


def said(text: str | bytes, separator: str = "|") -> list[tuple[str, tuple[str, ...]]]:
    """Path and tags of each statement; nothing may be rejected."""
    statements, rejected = read(text, separator)
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
    assert [(r.file, r.line, r.reason) for r in rejected] == [("labels/x.csv", 2, reason)]
    assert rejected[0].text == line[:200]


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
    with pytest.raises(LabelFileError, match=r"labels/x\.csv is not UTF-8 text \(byte \d+\)\. Save it as UTF-8\."):
        read(data)


def test_a_cell_beyond_all_measure_is_refused_with_its_line() -> None:
    with pytest.raises(LabelFileError, match=r"labels/x\.csv, line 2: .*Mend that line\."):
        read(f"path,tags\na.jpg,{'x' * 200_000}\n")


def test_an_open_quote_rejects_what_it_swallows_and_says_where() -> None:
    statements, rejected = read('path,tags\na.jpg,x\n"b.jpg,y\nc.jpg,z\n')
    assert [statement.path for statement in statements] == ["a.jpg"]
    assert [(r.line, r.reason) for r in rejected] == [(4, "1 columns, at least 2 expected")]
