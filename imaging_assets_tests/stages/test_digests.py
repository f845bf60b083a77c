"""Digests name content: the same content has the same name for ever, other content another."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging_assets.stages.digests import DIGEST_LENGTH, digest, rows_digest, sha256_of
from imaging_assets.stages.tables import REGION

FRAME = pl.DataFrame(
    {
        "text": ["a", None, "日本\n\"'"],
        "integer": [1, None, -3],
        "real": [0.1, None, 1e-300],
        "time": [datetime(2026, 3, 2, 4, 5, 6, 7, tzinfo=UTC), None, datetime(1, 1, 1, tzinfo=UTC)],
        "texts": [["a", "b"], [], None],
        "regions": [[{"tag": "a", "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}], [], None],
        "vector": [[1.0, 2.0], [0.0, -0.0], [3.5, 1e-20]],
    },
    schema={
        "text": pl.String(),
        "integer": pl.Int64(),
        "real": pl.Float64(),
        "time": pl.Datetime("us", "UTC"),
        "texts": pl.List(pl.String()),
        "regions": pl.List(REGION),
        "vector": pl.Array(pl.Float32(), 2),
    },
)


def test_a_digest_is_the_same_in_every_release() -> None:
    """Were it not, every day of every store would be worked on again after an upgrade."""
    assert digest("a", 1, None, [True, 0.5], {"b": "é", "a": []}) == "cbae1a71b1668ab4"
    assert rows_digest(FRAME) == "0bde2e78650ef526"
    assert rows_digest(FRAME.clear()) == "f1d4d2f8fc1db612"


def test_a_digest_is_the_same_in_every_process() -> None:
    program = "from imaging_assets.stages.digests import digest; print(digest({'b': 1, 'a': [2, 'x']}, 'y'))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert found == {digest({"b": 1, "a": [2, "x"]}, "y") + "\n"}


def test_a_digest_is_16_hex_digits() -> None:
    for text in (digest(), digest(""), rows_digest(FRAME)):
        assert len(text) == DIGEST_LENGTH
        assert int(text, 16) >= 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ("b", "a")),
        (("ab", ""), ("a", "b")),
        (("a", "b"), (["a", "b"],)),
        (("1",), (1,)),
        ((None,), ("",)),
        ((None,), ("None",)),
        (([],), ([[]],)),
        (({"a": 1},), ({"a": 2},)),
        (("caf\u00e9",), ("cafe\u0301",)),
        ((), ("",)),
    ],
)
def test_other_values_have_another_digest(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert digest(*one) != digest(*other)


def test_the_order_of_a_dictionary_does_not_matter() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_days_and_paths_count_as_their_text() -> None:
    assert digest(date(2026, 3, 2), PurePosixPath("a/b")) == digest("2026-03-02", "a/b")


def test_rows_in_another_order_are_other_rows() -> None:
    assert rows_digest(FRAME) != rows_digest(FRAME.reverse())


@pytest.mark.parametrize("name", FRAME.columns)
def test_a_change_of_any_column_is_a_change_of_the_rows(name: str) -> None:
    changed = FRAME.with_columns(FRAME[name].gather([1, 0, 2]))

    assert rows_digest(changed) != rows_digest(FRAME)
    assert rows_digest(changed, leave_out=[name]) == rows_digest(FRAME, leave_out=[name])


def test_a_renamed_column_is_a_change_of_the_rows() -> None:
    assert rows_digest(FRAME.rename({"text": "words"})) != rows_digest(FRAME)


def test_nothing_null_and_an_empty_text_are_three_things() -> None:
    frames = [pl.DataFrame({"a": values}, schema={"a": pl.String()}) for values in ([], [None], [""])]

    assert len({rows_digest(frame) for frame in frames}) == 3


def test_a_digest_survives_being_written_and_read(tmp_path: Any) -> None:
    FRAME.write_parquet(tmp_path / "frame.parquet")

    assert rows_digest(pl.read_parquet(tmp_path / "frame.parquet")) == rows_digest(FRAME)


def test_how_a_frame_is_cut_into_chunks_does_not_matter() -> None:
    cut = pl.concat([FRAME[:1], FRAME[1:]], rechunk=False)

    assert cut["vector"].n_chunks() == 2
    assert rows_digest(cut) == rows_digest(FRAME)


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
@settings(max_examples=100, deadline=None)
def test_only_equal_columns_of_text_have_equal_digests(one: list[str], other: list[str]) -> None:
    digests = [rows_digest(pl.DataFrame({"a": values}, schema={"a": pl.String()})) for values in (one, other)]

    assert (digests[0] == digests[1]) == (one == other)


def test_the_identity_of_bytes_is_their_sha256() -> None:
    assert sha256_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8")), max_size=6))
def test_texts_are_digested_as_their_json(values: list[str | None]) -> None:
    frame = pl.DataFrame({"a": values}, schema={"a": pl.String()})
    told = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    assert rows_digest(frame) == sha256_of(str(len(values)).encode() + b"a\0" + told + b"\0")[:DIGEST_LENGTH]


@given(st.lists(st.none() | st.lists(st.none() | st.text(st.characters(codec="utf-8")), max_size=3), max_size=5))
def test_lists_of_texts_are_digested_as_their_json(values: list[list[str | None] | None]) -> None:
    frame = pl.DataFrame({"a": values}, schema={"a": pl.List(pl.String())})
    told = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    assert rows_digest(frame) == sha256_of(str(len(values)).encode() + b"a\0" + told + b"\0")[:DIGEST_LENGTH]


def test_long_columns_are_digested_as_their_json() -> None:
    values = [f"text {number}" for number in range(70_000)]
    frame = pl.DataFrame({"a": values, "b": [[value] for value in values]})
    told = [json.dumps(frame[name].to_list(), separators=(",", ":")).encode() for name in ("a", "b")]
    wanted = sha256_of(b"70000a\0" + told[0] + b"\0b\0" + told[1] + b"\0")
    assert rows_digest(frame) == wanted[:DIGEST_LENGTH]
