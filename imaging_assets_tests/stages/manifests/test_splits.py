"""Sides of the split: for ever, leak-proof, agreed between runs."""

import io
import multiprocessing
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typing_extensions import override

from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.errors import BlobConflictError
from imaging_assets.records.images import Blob, BlobInfo
from imaging_assets.stages.manifests.splits import known_sides, place_images
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import SPLITS
from imaging_assets_tests.builders import a_pipeline
from imaging_assets_tests.doubles import CountingBlobStore, over
from imaging_assets_tests.stages.manifests.days import sha

Row = dict[str, Any]


def placed_after(pipeline: Pipeline, batch: Sequence[Row]) -> dict[str, Row]:
    """Place images; everything that was ever placed, by sha256."""
    placed = place_images(pipeline, batch)
    every = {row["sha256"]: row for row in known_sides(pipeline).to_dicts()}
    assert {image["sha256"]: every[image["sha256"]] for image in batch} == placed
    return every


def an_image(name: str, *tags: str, phash: int | None = None) -> Row:
    """A row to place; its hash is far from any other's unless given."""
    sha256 = sha(name)
    return {"sha256": sha256, "phash": sha256[:16] if phash is None else f"{phash:016x}", "tags": list(tags or ("cat",))}


def images(count: int, tag: str = "cat", start: int = 0) -> list[Row]:
    return [an_image(f"{tag} {number}", tag) for number in range(start, start + count)]


def sides(placed: dict[str, Row], wanted: Iterable[Row]) -> list[str]:
    return [placed[image["sha256"]]["split"] for image in wanted]


def alone(pipeline: Pipeline, side: str, near: int) -> Row:
    """An image with a given hash on a given side, placed there by supplying images until it falls so."""
    for number in range(50):
        image = an_image(f"{side} {near} {number}", f"tag {near} {number}", phash=near)
        filler = [
            an_image(f"{side} {near} {number} {place}", f"tag {near} {number}") for place in range(("train", "test").index(side))
        ]
        placed_after(pipeline, filler)
        if placed_after(pipeline, [image])[image["sha256"]]["split"] == side:
            return image
    raise AssertionError(side)


def test_a_placed_image_never_changes_sides_whatever_comes_later_in_whatever_order(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    rng = random.Random(0)
    every = [an_image(str(number), rng.choice("abc")) for number in range(120)]
    first: dict[str, str] = {}
    for _ in range(12):
        batch = rng.sample(every, 25)
        rng.shuffle(batch)
        placed = placed_after(pipeline, batch)
        for image in batch:
            assert first.setdefault(image["sha256"], placed[image["sha256"]]["split"]) == placed[image["sha256"]]["split"]
        assert all(placed[sha256]["split"] == side for sha256, side in first.items())


def test_another_tag_or_hash_does_not_move_an_image(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    batch = images(10)
    before = sides(placed_after(pipeline, batch), batch)
    retagged = [image | {"tags": ["dog"], "phash": "0" * 16} for image in batch]
    assert sides(placed_after(pipeline, retagged), batch) == before


def test_the_order_of_a_batch_does_not_matter(tmp_path: Path) -> None:
    batch = [an_image(str(number), "ab"[number % 2], phash=number // 3 << 20) for number in range(40)]
    one = placed_after(a_pipeline(tmp_path / "one"), batch)
    other = placed_after(a_pipeline(tmp_path / "other"), batch[::-1])
    assert one == other


@pytest.mark.parametrize(
    "shares", [{}, {"validation_share": 0.0}, {"test_share": 0.05}, {"validation_share": 0.45, "test_share": 0.1}]
)
@pytest.mark.parametrize("batch_size", [16, 1])
def test_each_tag_of_two_images_or_more_has_a_test_image_and_one_to_learn_from(
    tmp_path: Path, shares: dict[str, float], batch_size: int
) -> None:
    pipeline = a_pipeline(tmp_path, training=shares)
    batch = [image for tag in "abcdefgh" for image in images(2, tag)]
    for start in range(0, len(batch), batch_size):
        placed = placed_after(pipeline, batch[start : start + batch_size])
    found: dict[str, set[str]] = defaultdict(set)
    for image in batch:
        found[image["tags"][0]].add(placed[image["sha256"]]["split"])
    assert all("test" in have and have & {"train", "validation"} for have in found.values())


def test_a_single_image_of_a_tag_is_learnt_from(tmp_path: Path) -> None:
    batch = images(1)
    assert sides(placed_after(a_pipeline(tmp_path), batch), batch) == ["train"]


@pytest.mark.parametrize("batch", [200, 7])
def test_the_shares_are_approached_for_every_tag(tmp_path: Path, batch: int) -> None:
    pipeline = a_pipeline(tmp_path)
    every = [*images(120, "cat"), *images(60, "dog"), *images(20, "bird")]
    random.Random(1).shuffle(every)
    for start in range(0, len(every), batch):
        placed = placed_after(pipeline, every[start : start + batch])
    for tag, number in (("cat", 120), ("dog", 60), ("bird", 20)):
        counts = Counter(placed[image["sha256"]]["split"] for image in every if image["tags"] == [tag])
        assert abs(counts["test"] - 0.2 * number) <= 1
        assert abs(counts["validation"] - 0.15 * number) <= 1
        assert counts["excluded"] == 0


def test_near_duplicates_share_a_side_and_a_group_whenever_they_come(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    kinds = [0x1111_0000_1111_0000 * factor for factor in (1, 2, 4, 7)]
    first = [an_image(f"{kind} a", phash=kind) for kind in kinds]
    later = [an_image(f"{kind} {bit}", phash=kind ^ (1 << bit) ^ 1) for kind in kinds for bit in (9, 30, 63)]
    placed_after(pipeline, first)
    placed = placed_after(pipeline, later)
    for number, image in enumerate(later):
        leader = placed[first[number // 3]["sha256"]]
        mine = placed[image["sha256"]]
        assert (mine["group"], mine["split"]) == (leader["sha256"], leader["split"])


def test_images_just_beyond_the_limit_are_no_duplicates(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    placed = placed_after(pipeline, [an_image("a", phash=0), an_image("b", phash=0b1111), an_image("c", phash=0b11111 << 40)])
    groups = {name: placed[sha(name)]["group"] for name in "abc"}
    assert groups["a"] == groups["b"] != groups["c"]


def test_a_burst_that_drifts_away_from_its_first_image_stays_on_one_side(tmp_path: Path) -> None:
    """Frame n differs from n + 1 in 3 bits, so the second next is no near-duplicate of it any more."""
    burst = [an_image(f"frame {number}", phash=(1 << 3 * number) - 1) for number in range(20)]
    for name, batches in {
        "at once": [burst],
        "one by one": [[frame] for frame in burst],
        "backwards": [burst[10:], burst[:10]],
    }.items():
        placed = placed_after(a_pipeline(tmp_path / name), [*images(3)])
        for batch in batches:
            placed = placed_after(a_pipeline(tmp_path / name), batch)
        assert len(set(sides(placed, burst))) == 1, name
        assert "excluded" not in sides(placed, burst)


def test_no_two_near_duplicates_are_ever_on_two_sides(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    rng = random.Random(3)
    crowd = [an_image(str(number), rng.choice("ab"), phash=rng.getrandbits(12)) for number in range(300)]
    for start in range(0, 300, 60):
        placed = placed_after(pipeline, crowd[start : start + 60])
    kept = [row for row in placed.values() if row["split"] != "excluded"]
    torn = [
        (one["phash"], other["phash"])
        for one in kept
        for other in kept
        if one["split"] != other["split"] and (int(one["phash"], 16) ^ int(other["phash"], 16)).bit_count() <= 4
    ]
    assert torn == []


def test_a_new_image_near_two_sides_is_excluded_for_ever_with_the_reason(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    low, high = alone(pipeline, "train", 0), alone(pipeline, "test", 0xFF)
    between = an_image("between", phash=0xF)
    row = placed_after(pipeline, [between])[between["sha256"]]
    assert (row["split"], row["reason"]) == ("excluded", "near-duplicates of it are on two sides of the split")
    assert row["group"] in {low["sha256"], high["sha256"]}
    assert placed_after(pipeline, images(30))[between["sha256"]] == row


def test_an_image_near_an_excluded_one_only_is_not_excluded(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    alone(pipeline, "train", 0)
    alone(pipeline, "test", 0xFF)
    placed_after(pipeline, [an_image("between", phash=0xF)])
    beyond = an_image("beyond", phash=0xF00F)
    assert placed_after(pipeline, [beyond])[beyond["sha256"]]["split"] != "excluded"


def test_known_images_are_looked_up_without_writing(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    batch = images(10)
    before = placed_after(pipeline, batch)
    store = CountingBlobStore(pipeline.store)
    assert place_images(over(pipeline, store), batch) == before
    assert (store.reads, store.writes) == (["models/splits.parquet"], [])


def test_a_memory_grown_long_is_put_aside_and_goes_on_in_another_blob(tmp_path: Path) -> None:
    pipeline, many = a_pipeline(tmp_path), 100_000
    digests = [f"{number:064x}" for number in range(many)]
    rows = pl.DataFrame({"sha256": digests, "phash": [f"{number << 24:016x}" for number in range(many)]})
    rows = rows.with_columns(group=pl.col("sha256"), split=pl.lit("train"), reason=pl.lit(""), tag=pl.lit("cat"))
    buffer = io.BytesIO()
    SPLITS.frame(rows).write_parquet(buffer)
    pipeline.store.write("models/splits.parquet", buffer.getvalue())  # as release 0.1.0 left it

    first, second = an_image("first", phash=0xFFFF_FFFF_0000_0000), an_image("second", phash=0x0F0F_0F0F_0F0F_0F0F)
    placed_after(pipeline, [first])
    (aside,) = pipeline.store.list_blobs("models/splits/")
    assert pipeline.store.read(aside.path).data == buffer.getvalue()
    every = placed_after(pipeline, [second])
    assert len(every) == many + 2
    assert every[digests[7]]["split"] == "train"
    assert [blob.path for blob in pipeline.store.list_blobs("models/splits/")] == [aside.path]
    assert pipeline.store.read("models/splits.parquet").data.count(aside.path.encode()) == 1
    twin = an_image("twin", phash=5 << 24)
    assert placed_after(pipeline, [twin])[twin["sha256"]]["split"] == "train"


def test_no_images_need_no_memory(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    assert placed_after(pipeline, []) == {}
    assert pipeline.store.find("models/splits.parquet") is None


class MeetingBlobStore(DirectoryBlobStore):
    """The first read of each of several threads waits for the others, so that all decide from the same state."""

    def __init__(self, root: Path, parties: int) -> None:
        super().__init__(root)
        self._meeting = threading.Barrier(parties)
        self._met = threading.local()

    @override
    def read(self, path: str) -> Blob:
        blob: Blob | BaseException
        try:
            blob = super().read(path)
        except Exception as error:  # noqa: BLE001 - handed on after the meeting
            blob = error
        if not getattr(self._met, "done", False):
            self._met.done = True
            self._meeting.wait(timeout=20)
        if isinstance(blob, BaseException):
            raise blob
        return blob


@pytest.mark.parametrize("known", [0, 6])
def test_runs_that_place_at_the_same_time_agree(tmp_path: Path, known: int) -> None:
    pipeline = a_pipeline(tmp_path)
    placed_after(pipeline, images(known, "known"))
    meeting = over(pipeline, MeetingBlobStore(tmp_path / "store", parties=4))
    batches = [images(20, "cat", start) for start in (0, 5, 10, 15)]
    answers: list[dict[str, Row]] = [{} for _ in batches]

    def place(number: int) -> None:
        answers[number] = placed_after(meeting, batches[number])

    threads = [threading.Thread(target=place, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    kept = placed_after(pipeline, [])
    assert len(kept) == known + 35
    for batch, answer in zip(batches, answers, strict=True):
        assert sides(answer, batch) == sides(kept, batch)


class AlwaysLateBlobStore(CountingBlobStore):
    """Somebody else has always written before."""

    @override
    def write(self, path: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> BlobInfo:
        self.writes.append(path)
        raise BlobConflictError(path)


def test_a_memory_that_never_stands_still_is_given_up_with_an_error(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    late = AlwaysLateBlobStore(pipeline.store)
    with pytest.raises(BlobConflictError, match=r"models/splits\.parquet"):
        placed_after(over(pipeline, late), images(2))
    assert len(late.writes) == 20


def _place_in_a_process(home: Path, start: int, barrier: Any) -> None:
    pipeline = a_pipeline(home)
    barrier.wait(timeout=60)
    for number in range(start, start + 20, 2):
        placed_after(pipeline, images(2, "cat", number))


@pytest.mark.slow
def test_processes_that_place_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    a_pipeline(tmp_path)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=_place_in_a_process, args=(tmp_path, start, barrier)) for start in (0, 10)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(placed_after(a_pipeline(tmp_path), [])) == 30
