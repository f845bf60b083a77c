"""A manifest's name is its state; whatever moment a run dies at, the next one goes on from there.

Belongs here: manifests, journals, damage, versions, crashes. Does not: what a step does (`stages/images/test_resized.py`).
"""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import polars as pl
import pytest

from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.errors import BlobNotFoundError, ManifestCorruptError, ManifestMissingError, ManifestTooNewError
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL, Draft, Manifest, Manifests
from imaging_assets.stages.tables import INTEGER, RESIZED_IMAGES, TEXT, TIME, Table
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land
from imaging_assets_tests.doubles import CountingBlobStore, FailingBlobStore, over

TABLE = Table("things", {"name": TEXT, "count": INTEGER, "seen_at": TIME}, key=("name",), timeless=("seen_at",))
INPUTS, OTHER_INPUTS = "1" * 16, "2" * 16


def some_manifests(folder: Path) -> Manifests:
    return Manifests(DirectoryBlobStore.create(folder))


def rows(*names: str, count: int = 1, year: int = 2026) -> list[dict[str, object]]:
    return [{"name": name, "count": count, "seen_at": datetime(year, 1, 1, tzinfo=UTC)} for name in names]


def write(
    manifests: Manifests, *names: str, key: str = DAY, inputs: str = INPUTS, count: int = 1, table: Table = TABLE
) -> Manifest:
    manifests.commit(manifests.begin(table, key, inputs).draft(rows(*names, count=count)))
    return manifests.find(table.asset, key)


def paths(manifests: Manifests) -> list[str]:
    return [blob.path for blob in manifests.store.list_blobs("manifests/")]


def names(frame: pl.DataFrame) -> list[str]:
    return list(frame["name"])


# --- the name is the state


def test_a_manifest_is_named_by_key_inputs_and_rows(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    draft = manifests.begin(TABLE, DAY, INPUTS).draft(rows("a"))

    manifests.commit(draft)

    assert paths(manifests) == [f"manifests/things/{DAY}.{INPUTS}.{draft.rows}.parquet"]
    found = manifests.find("things", DAY)
    assert (found.asset, found.key, found.inputs, found.rows) == ("things", DAY, INPUTS, draft.rows)


def test_rows_come_back_sorted_typed_and_with_their_notes(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    manifests.commit(manifests.begin(TABLE, DAY, INPUTS).draft(rows("b", "a"), {"sheet": "äöü", "empty": ""}))

    frame, notes = manifests.read_with_notes(manifests.find("things", DAY), TABLE)

    assert frame.schema == pl.Schema(TABLE.columns)
    assert names(frame) == ["a", "b"]
    assert notes == {"sheet": "äöü", "empty": ""}


def test_a_manifest_is_a_plain_parquet_file(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    manifest = write(manifests, "a", "b")

    assert names(pl.read_parquet(tmp_path / manifest.blob.path)) == ["a", "b"]


def test_a_day_without_rows_has_a_manifest_too(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)

    frame = manifests.read(write(manifests), TABLE)

    assert frame.height == 0
    assert frame.schema == pl.Schema(TABLE.columns)


def test_a_key_that_was_never_written_is_missing_and_says_what_to_do(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    write(manifests, "a", key="2026-03-01")

    assert manifests.look_up("things", DAY) is None
    with pytest.raises(ManifestMissingError, match=f"Materialise things for {DAY} first"):
        manifests.find("things", DAY)


def test_one_listing_tells_the_state_of_every_key_without_reading(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    for key in ("2026-03-01", DAY, ALL):
        write(manifests, key, key=key)
    counting = CountingBlobStore(manifests.store)

    standing = Manifests(counting).newest("things")

    assert {key: manifest.rows for key, manifest in standing.items()} == {
        key: manifests.find("things", key).rows for key in ("2026-03-01", DAY, ALL)
    }
    assert counting.reads == []


def test_other_files_beside_the_manifests_are_not_taken_for_manifests(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    write(manifests, "a")
    name = f"{DAY}.{INPUTS}.{'3' * 16}.parquet"
    for path in (f"{name}.bak", f"old/{name}", "readme.txt", f"{DAY}.{INPUTS}.parquet", f"_journal/{DAY}.{INPUTS}/x.parquet"):
        manifests.store.write(f"manifests/things/{path}", b"")

    assert {key: len(found) for key, found in manifests.standing("things").items()} == {DAY: 1}
    assert manifests.find("things", DAY).rows != "3" * 16


# --- done


def test_a_step_is_done_only_with_equal_inputs(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    manifest = write(manifests, "a")

    done = manifests.begin(TABLE, DAY, INPUTS).done

    assert done is not None
    assert (done.rows, done.frame, done.changed) == (manifest.rows, None, False)
    assert manifests.begin(TABLE, DAY, OTHER_INPUTS).done is None
    assert manifests.begin(TABLE, "2026-03-03", INPUTS).done is None
    assert manifests.begin(replace(TABLE, asset="others"), DAY, INPUTS).done is None


def test_committing_a_done_draft_writes_nothing(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    write(manifests, "a")
    counting = CountingBlobStore(manifests.store)
    done = Manifests(counting).begin(TABLE, DAY, INPUTS).done
    assert done is not None

    Manifests(counting).commit(done)

    assert (counting.writes, counting.deletes) == ([], [])


def test_new_inputs_with_equal_rows_are_a_new_state_and_no_change(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    write(manifests, "a")

    same = manifests.begin(TABLE, DAY, OTHER_INPUTS).draft(rows("a", year=2027))
    other = manifests.begin(TABLE, DAY, OTHER_INPUTS).draft(rows("a", count=2))

    assert (same.changed, other.changed) == (False, True)


def test_columns_that_only_say_when_do_not_change_the_digest_but_are_kept(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    first = write(manifests, "a")
    draft = manifests.begin(TABLE, DAY, OTHER_INPUTS).draft(rows("a", year=2030))
    manifests.commit(draft)

    second = manifests.find("things", DAY)

    assert second.rows == first.rows
    assert manifests.read(second, TABLE)["seen_at"][0].year == 2030


def test_a_commit_drops_what_it_replaces_and_the_journal_after_the_new_one_stands(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    old = write(manifests, "a")
    counting = CountingBlobStore(manifests.store)
    watched = Manifests(counting)
    work = watched.begin(TABLE, DAY, OTHER_INPUTS)
    work.journal.append(TABLE, TABLE.frame(rows("b")))
    counting.writes.clear()

    watched.commit(work.draft(rows("a", "b")))

    new = manifests.find("things", DAY)
    assert counting.writes == [new.blob.path]
    assert counting.deletes[0] == old.blob.path
    assert paths(manifests) == [new.blob.path]


def test_a_commit_touches_no_other_key_and_no_other_asset(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    kept = [write(manifests, "x", key="2026-03-01"), write(manifests, "x", table=replace(TABLE, asset="others"))]
    manifests.journal("things", "2026-03-01", INPUTS).append(TABLE, TABLE.frame(rows("j")))
    before = paths(manifests)

    new = write(manifests, "a")

    assert sorted(paths(manifests)) == sorted([*before, new.blob.path])
    assert {manifest.blob.path for manifest in kept} <= set(paths(manifests))


def test_of_two_manifests_of_one_key_the_newest_counts_and_both_are_dropped(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    works = [manifests.begin(TABLE, DAY, inputs) for inputs in (OTHER_INPUTS, INPUTS)]
    for work, name in zip(works, ("a", "b"), strict=True):
        manifests.commit(work.draft(rows(name)))
    assert len(manifests.standing("things")[DAY]) == 2

    assert names(manifests.read(manifests.find("things", DAY), TABLE)) == ["b"]
    assert names(manifests.begin(TABLE, DAY, "3" * 16).previous()) == ["b"]
    new = write(manifests, "c", inputs="3" * 16)
    assert paths(manifests) == [new.blob.path]


def test_an_older_manifest_left_by_a_crash_does_not_make_a_step_done(tmp_path: Path) -> None:
    """Everybody reads the newest; were the older one enough, a state that came back would be read as its successor."""
    manifests = some_manifests(tmp_path)
    write(manifests, "a")
    killed = Manifests(FailingBlobStore(manifests.store, 1))
    with pytest.raises(RuntimeError, match="killed"):
        killed.commit(killed.begin(TABLE, DAY, OTHER_INPUTS).draft(rows("a", "b")))
    assert names(manifests.read(manifests.find("things", DAY), TABLE)) == ["a", "b"]

    work = manifests.begin(TABLE, DAY, INPUTS)
    assert work.done is None
    manifests.commit(work.draft(rows("a")))

    assert len(paths(manifests)) == 1
    assert names(manifests.read(manifests.find("things", DAY), TABLE)) == ["a"]


def test_of_two_runs_at_once_both_leave_a_whole_state(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    write(manifests, "old", inputs="3" * 16)
    first, second = manifests.begin(TABLE, DAY, INPUTS), manifests.begin(TABLE, DAY, INPUTS)

    manifests.commit(first.draft(rows("a")))
    manifests.commit(second.draft(rows("a")))

    assert len(paths(manifests)) == 1
    assert names(manifests.read(manifests.find("things", DAY), TABLE)) == ["a"]


def test_a_manifest_replaced_since_it_was_listed_is_told_as_gone(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    old = write(manifests, "a")
    write(manifests, "b", inputs=OTHER_INPUTS)

    with pytest.raises(BlobNotFoundError):
        manifests.read(old, TABLE)


# --- journals


def test_a_journal_gives_back_its_batches_and_only_those_of_the_same_inputs(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    journal = manifests.begin(TABLE, DAY, INPUTS).journal
    journal.append(TABLE, TABLE.frame(rows("b", "a")))
    journal.append(TABLE, TABLE.frame(rows("c")))

    assert sorted(names(manifests.begin(TABLE, DAY, INPUTS).journal.read(TABLE))) == ["a", "b", "c"]
    assert manifests.begin(TABLE, DAY, OTHER_INPUTS).journal.read(TABLE).height == 0
    assert manifests.begin(TABLE, "2026-03-03", INPUTS).journal.read(TABLE).height == 0


def test_a_batch_written_twice_counts_once(tmp_path: Path) -> None:
    journal = some_manifests(tmp_path).journal("things", DAY, INPUTS)
    for batch in (rows("a"), rows("a"), rows("a", "b")):
        journal.append(TABLE, TABLE.frame(batch))

    assert sorted(names(journal.read(TABLE))) == ["a", "b"]


def test_unreadable_parts_of_a_journal_are_left_out(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    journal = manifests.journal("things", DAY, INPUTS)
    newer = replace(TABLE, version=2)
    journal.append(newer, newer.frame(rows("of a later release")))
    journal.append(TABLE, TABLE.frame(rows("a")))
    other = Table("things", {"other": TEXT}, key=("other",))
    journal.append(other, other.frame([{"other": "columns"}]))
    whole = manifests.store.read(next(iter(manifests.store.list_blobs(journal.folder))).path).data
    for number, data in enumerate((b"", b"PAR1", whole[:-9], whole[: len(whole) // 2], b"x" * 500)):
        manifests.store.write(f"{journal.folder}{number}.parquet", data)

    assert names(journal.read(TABLE)) == ["a"]


def test_what_a_crash_left_beside_a_manifest_makes_it_untidy_and_the_next_run_of_its_step_removes_it(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    manifests.commit(manifests.begin(TABLE, DAY, OTHER_INPUTS).draft(rows("a")))
    [older] = manifests.standing("things")[DAY]
    assert older.tidy
    draft = manifests.begin(TABLE, DAY, INPUTS).draft(rows("b"))
    manifests.commit(replace(draft, replaces=()))
    manifests.journal("things", DAY, OTHER_INPUTS).append(TABLE, TABLE.frame(rows("a")))
    manifests.journal("things", "2026-03-03", INPUTS).append(TABLE, TABLE.frame(rows("c")))
    assert not manifests.newest("things")[DAY].tidy

    done = manifests.begin(TABLE, DAY, INPUTS).done
    assert done is not None
    manifests.commit(done)

    [only] = manifests.standing("things")[DAY]
    assert (only.inputs, only.tidy) == (INPUTS, True)
    assert manifests.journal("things", DAY, OTHER_INPUTS).read(TABLE).is_empty()
    assert manifests.journal("things", "2026-03-03", INPUTS).read(TABLE).height == 1


# --- damage


def _damaged(data: bytes) -> dict[str, bytes]:
    foreign = io.BytesIO()
    pl.DataFrame({"name": ["a"]}).write_parquet(foreign)
    return {
        "empty": b"",
        "text": b"not parquet",
        "cut": data[:-10],
        "half": data[: len(data) // 2],
        "continued": data + b"x",
        "of another program": foreign.getvalue(),
    }


@pytest.mark.parametrize("kind", list(_damaged(b"")))
def test_a_damaged_manifest_is_an_error_that_names_file_and_remedy(tmp_path: Path, kind: str) -> None:
    manifests = some_manifests(tmp_path)
    path = write(manifests, "a").blob.path
    manifests.store.write(path, _damaged(manifests.store.read(path).data)[kind])

    with pytest.raises(ManifestCorruptError, match="Delete it and run its day again") as caught:
        manifests.read(manifests.find("things", DAY), TABLE)
    assert path in str(caught.value)


def test_the_remedy_for_a_damaged_manifest_works(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    path = write(manifests, "a").blob.path
    manifests.store.write(path, b"damaged")

    manifests.store.delete(path)

    assert names(manifests.read(write(manifests, "a"), TABLE)) == ["a"]


def test_no_flipped_byte_is_read_as_rows_nor_ends_the_process(tmp_path: Path) -> None:
    """Of some damaged files polars 2.1 makes an abort, which would take the daemon with it."""
    manifests = some_manifests(tmp_path)
    manifest = write(manifests, *(f"name {number}" for number in range(50)))
    whole = manifests.store.read(manifest.blob.path).data
    random = Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in random.sample(range(len(whole)), random.randint(1, 4)):
            damaged[place] ^= random.randint(1, 255)
        manifests.store.write(manifest.blob.path, bytes(damaged))

        with pytest.raises(ManifestCorruptError):
            manifests.read(manifest, TABLE)


# --- versions


def test_a_manifest_of_a_later_release_is_an_error_that_says_so(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    manifest = write(manifests, "a", table=replace(TABLE, version=3))

    with pytest.raises(ManifestTooNewError, match=r"version 3 of things, this one knows 1.*Upgrade") as caught:
        manifests.read(manifest, TABLE)
    assert manifest.blob.path in str(caught.value)


def test_an_older_manifest_is_migrated_step_by_step_when_read(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    manifest = write(manifests, "a", count=7)
    third = Table(
        "things",
        {"title": TEXT, "count": INTEGER, "seen_at": TIME, "colour": TEXT},
        key=("title",),
        version=3,
        migrations={
            1: lambda frame: frame.rename({"name": "title"}),
            2: lambda frame: frame.with_columns(colour=pl.lit("unknown")),
        },
    )

    row = manifests.read(manifest, third).row(0, named=True)

    assert (row["title"], row["count"], row["colour"]) == ("a", 7, "unknown")
    assert "name" not in row


def test_columns_that_no_migration_brings_are_a_damaged_manifest_and_no_riddle(tmp_path: Path) -> None:
    manifests = some_manifests(tmp_path)
    manifest = write(manifests, "a")

    with pytest.raises(ManifestCorruptError, match="Delete it"):
        manifests.read(manifest, Table("things", {"other": TEXT}, key=("other",)))


# --- crashes


PICTURES = 14
BATCH = 4


def a_landed_day(home: Path) -> Pipeline:
    """Fourteen pictures, resized once; then four changed, two gone, eight new, of which two are equal: twelve to read."""
    pipeline = a_pipeline(home, resize={"batch": BATCH, "workers": 2})
    land(pipeline, {f"{number:02}.jpg": a_picture(number, (64, 48)) for number in range(PICTURES)})
    pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])
    pipeline.manifests.commit(resize_day(pipeline, pipeline.manifests.find("raw_images", DAY))[0])
    land(pipeline, {f"{number:02}.jpg": a_picture(100 + number, (64, 48)) for number in range(4)})
    land(pipeline, {f"new-{number}.jpg": a_picture(200 + min(number, 6), (64, 48)) for number in range(8)})
    for number in (12, 13):
        pipeline.store.delete(f"landing/{DAY.replace('-', '/')}/{number}.jpg")
    pipeline.manifests.commit(take_inventory(pipeline, DAY)[0])
    return pipeline


def resize(pipeline: Pipeline) -> Draft:
    draft, _ = resize_day(pipeline, pipeline.manifests.find("raw_images", DAY))
    pipeline.manifests.commit(draft)
    return draft


def changes_of_a_whole_run(home: Path) -> int:
    counting = CountingBlobStore((pipeline := a_landed_day(home)).store)
    resize(over(pipeline, counting))
    return len(counting.writes) + len(counting.deletes)


def test_a_run_killed_at_any_change_is_continued_to_the_same_result(tmp_path: Path) -> None:
    expected = resize(a_landed_day(tmp_path / "whole"))
    changes = changes_of_a_whole_run(tmp_path / "counted")
    assert changes > 20

    for killed_after in range(changes):
        pipeline = a_landed_day(tmp_path / str(killed_after))
        first = CountingBlobStore(pipeline.store)
        with pytest.raises(RuntimeError, match="killed"):
            resize(over(pipeline, FailingBlobStore(first, killed_after)))
        second = CountingBlobStore(pipeline.store)

        draft = resize(over(pipeline, second))

        assert draft.rows == expected.rows, killed_after
        manifest = pipeline.manifests.find("resized_images", DAY)
        frame = pipeline.manifests.read(manifest, RESIZED_IMAGES)
        assert manifest.rows == expected.rows, killed_after
        assert all(pipeline.store.find(path) for path in [*frame["resized"], *frame["thumbnail"]]), killed_after
        assert len(set(first.reads_below("landing/")) & set(second.reads_below("landing/"))) <= BATCH, killed_after


def test_a_run_killed_after_its_manifest_stands_has_nothing_left_to_do(tmp_path: Path) -> None:
    changes = changes_of_a_whole_run(tmp_path / "counted")
    pipeline = a_landed_day(tmp_path / "killed")
    # What follows the manifest: the deletions of its predecessor and of the two parts of the journal.
    with pytest.raises(RuntimeError, match="killed"):
        resize(over(pipeline, FailingBlobStore(pipeline.store, changes - 3)))
    counting = CountingBlobStore(pipeline.store)

    draft = resize(over(pipeline, counting))

    assert draft.frame is None
    assert counting.reads_below("landing/") == []


def test_a_finished_run_leaves_no_journal_and_one_manifest(tmp_path: Path) -> None:
    pipeline = a_landed_day(tmp_path)

    resize(pipeline)

    left = [blob.path for blob in pipeline.store.list_blobs("manifests/resized_images/")]
    assert left == [pipeline.manifests.find("resized_images", DAY).blob.path]
