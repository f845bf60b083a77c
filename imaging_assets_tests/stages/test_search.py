"""The index holds what the manifests say, and is told only what changed."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from PIL import Image
from typing_extensions import override

from imaging_assets.ports.search_index import SearchIndex
from imaging_assets.records.search import Document, DocumentResult, SearchQuery
from imaging_assets.stages.day_sources import DaySources
from imaging_assets.stages.days import Days
from imaging_assets.stages.digests import digest
from imaging_assets.stages.insights.vectors import embed_query
from imaging_assets.stages.manifests.training_sets import sides_by_day
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.search import SearchReport, document_id, index_day
from imaging_assets.stages.tables import PREDICTIONS, SEARCH_DOCUMENTS, TRAINING_SETS, image_vectors
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import ForwardingSearchIndex
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, a_day, follow_labels, gather, rows, sha, tag, write_labels

FOLDER = "landing/2026/03/02/"


class CountingSearchIndex(ForwardingSearchIndex):
    """Passes everything on to a real index, counts, and refuses what it is told to refuse.

    Attributes:
        sent: Paths of the documents put since the last look.
        deleted: Keys deleted since the last look.
        refuses: Paths whose documents are not taken.
        keeps: Paths whose documents are not let go.
    """

    def __init__(self, inner: SearchIndex) -> None:
        super().__init__(inner)
        self.sent: list[str] = []
        self.deleted: list[str] = []
        self.refuses: set[str] = set()
        self.keeps: set[str] = set()

    def look(self) -> tuple[list[str], list[str]]:
        """Names put and keys deleted since the last look, sorted."""
        seen = sorted(path.removeprefix(FOLDER) for path in self.sent), sorted(self.deleted)
        self.sent.clear()
        self.deleted.clear()
        return seen

    @override
    def put(self, documents: Sequence[Document]) -> list[DocumentResult]:
        self.sent += [document["path"] for document in documents]
        taken = {
            result.id: result
            for result in self.inner.put([document for document in documents if document["path"] not in self.refuses])
        }
        return [taken.get(document["id"], DocumentResult(document["id"], "refused")) for document in documents]

    @override
    def delete(self, ids: Sequence[str]) -> list[DocumentResult]:
        self.deleted += ids
        kept = {document_id(path) for path in self.keeps}
        self.inner.delete([key for key in ids if key not in kept])
        return [DocumentResult(key, "busy" if key in kept else "") for key in ids]


def counted(home: Path) -> tuple[Pipeline, CountingSearchIndex]:
    pipeline = a_pipeline(home)
    index = CountingSearchIndex(pipeline.index)
    return replace(pipeline, index=index), index


def index(pipeline: Pipeline, images: Mapping[str, str], day: str = DAY, **more: Any) -> SearchReport:
    """Let a day hold these images and bring its documents up to date; vectors and predictions are made up unless given."""
    manifests = pipeline.manifests
    resized = a_day(pipeline, images, day, quarantined=more.get("quarantined", ()))
    follow_labels(pipeline)
    tag(pipeline, day)
    table = image_vectors(pipeline.embedder.dimensions)
    vectors: list[dict[str, Any]] = [
        {"sha256": sha(content), "embedding_id": "e", "vector": _vector(pipeline, content)} for content in set(images.values())
    ]
    manifests.commit(manifests.begin(table, day, digest("vectors", sorted(images.values()))).draft(vectors))
    predicted: list[dict[str, Any]] = more.get("predicted", [])
    manifests.commit(manifests.begin(PREDICTIONS, day, digest("predicted", predicted)).draft(predicted))
    sources = DaySources(
        resized=resized,
        insights={"image_vectors": manifests.find("image_vectors", day)},
        tagged=manifests.find("tagged_manifests", day),
        predictions=manifests.find("predictions", day),
    )
    draft, report = index_day(pipeline, sources)
    manifests.commit(draft)
    return report


def _vector(pipeline: Pipeline, content: str) -> list[float]:
    """Of length 1, pointing in one of two directions; an image called "blank" has none."""
    return [float(content != "blank" and place == len(content) % 2) for place in range(pipeline.embedder.dimensions)]


def a_prediction(content: str, tag: str, rank: int = 0, error: str = "") -> dict[str, Any]:
    answer = {"sha256": sha(content), "rank": rank, "tag": tag, "probability": 0.5, "box": None}
    return answer | {"model_id": "m1", "error": error}


def names(pipeline: Pipeline) -> list[str]:
    """Names of all documents of the index."""
    return sorted(hit.document["name"] for hit in pipeline.index.query(SearchQuery(top=1000)).hits)


def test_a_document_says_what_the_manifests_say(tmp_path: Path) -> None:
    pipeline, _ = counted(tmp_path)
    write_labels(tmp_path, "x.csv", "a.jpg,cat|pet\nb.jpg,dog\n")
    predicted = [a_prediction("one", "dog"), a_prediction("one", "cat", 1), a_prediction("two", "dog")]

    index(pipeline, {"cam/a.jpg": "one", "b.jpg": "two", "c.jpg": "three"}, predicted=predicted)

    one = pipeline.index.get(document_id(f"{FOLDER}cam/a.jpg"))
    assert one is not None
    said = (
        "path",
        "name",
        "day",
        "sha256",
        "status",
        "tags",
        "label_source",
        "predicted",
        "probability",
        "model_id",
        "disagrees",
    )
    assert [one[name] for name in said] == [
        f"{FOLDER}cam/a.jpg",
        "a.jpg",
        DAY,
        sha("one"),
        "passed",
        ["cat", "pet"],
        "labels",
        "dog",
        0.5,
        "m1",
        True,
    ]
    two, three = (pipeline.index.get(document_id(f"{FOLDER}{name}.jpg")) for name in "bc")
    assert two is not None
    assert three is not None
    assert (two["disagrees"], two["tags"]) == (False, ["dog"])
    assert [three[name] for name in ("tags", "label_source", "predicted", "model_id", "disagrees")] == [
        [],
        None,
        None,
        None,
        False,
    ]


def test_a_document_tells_its_side_its_quality_and_whether_it_has_text(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    dark = io.BytesIO()
    Image.new("RGB", (64, 48)).save(dark, "PNG")
    land(pipeline, {f"cam/{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(6)} | {"new/dark.png": dark.getvalue()})
    state_labels(pipeline, {f"cam/{seed}.jpg": "cat" for seed in range(6)})
    run_chain(pipeline)
    assert Days(pipeline).behind(DAY) is None
    assert pipeline.index.query(SearchQuery(facets=("split",))).facets["split"] == ()

    gather(pipeline)
    behind = Days(pipeline).behind(DAY)
    assert behind is not None
    assert behind.steps == ("search_documents",)  # images were placed: nothing else is to be done again
    run_chain(pipeline)
    assert Days(pipeline).behind(DAY) is None

    facets = pipeline.index.query(SearchQuery(facets=("split", "quality", "has_text"))).facets
    assert {side for side, _ in facets["split"]} <= {"train", "validation", "test"}
    assert sum(count for _, count in facets["split"]) == 6
    assert dict(facets["quality"])["dark"] == 1
    assert facets["has_text"] == ()  # no step looks for text


def test_sides_are_known_of_a_training_set_written_before_they_were_noted(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {f"cam/{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(6)})
    state_labels(pipeline, {f"cam/{seed}.jpg": "cat" for seed in range(6)})
    run_chain(pipeline)
    gather(pipeline)
    told = sides_by_day(pipeline)
    rows, notes = pipeline.manifests.read_with_notes(pipeline.manifests.find("training_sets", DAY), TRAINING_SETS)

    older = pipeline.manifests.begin(TRAINING_SETS, DAY, "0123456789abcdef")
    pipeline.manifests.commit(older.draft(rows, {name: note for name, note in notes.items() if name != "sides"}))

    assert sides_by_day(pipeline) == told
    assert set(told) == {DAY}


def test_a_prediction_that_failed_is_not_shown(tmp_path: Path) -> None:
    pipeline, _ = counted(tmp_path)
    index(pipeline, {"a.jpg": "one"}, predicted=[a_prediction("one", "", error="broken")])
    document = pipeline.index.get(document_id(f"{FOLDER}a.jpg"))
    assert document is not None
    assert (document["predicted"], document["model_id"]) == (None, None)


def test_quarantined_images_have_no_document(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    report = index(pipeline, {"a.jpg": "one", "bad.jpg": "two"}, quarantined=["bad.jpg"])
    assert (sent.look(), report.documents, names(pipeline)) == ((["a.jpg"], []), 1, ["a.jpg"])

    index(pipeline, {"a.jpg": "one", "bad.jpg": "two"}, quarantined=["bad.jpg", "a.jpg"])
    assert (sent.look(), names(pipeline)) == (([], [document_id(f"{FOLDER}a.jpg")]), [])


def test_running_again_sends_nothing(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    first = index(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    assert (first.documents, first.sent, first.deleted, first.rejected) == (2, 2, 0, 0)
    sent.look()
    second = index(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    assert (sent.look(), second) == (([], []), replace(first, sent=0))


def test_only_what_changed_is_sent(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    images = {"a.jpg": "one", "b.jpg": "two", "c.jpg": "three"}
    index(pipeline, images)
    sent.look()

    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    report = index(pipeline, images)
    assert (sent.look(), report.sent, report.documents) == ((["a.jpg"], []), 1, 3)

    index(pipeline, images, predicted=[a_prediction("two", "dog")])
    assert sent.look() == (["b.jpg"], [])

    index(pipeline, images | {"c.jpg": "other bytes", "d.jpg": "four"}, predicted=[a_prediction("two", "dog")])
    assert sent.look() == (["c.jpg", "d.jpg"], [])

    index(
        pipeline,
        images | {"c.jpg": "other bytes", "d.jpg": "four"},
        predicted=[a_prediction("two", "dog"), a_prediction("two", "x", 1)],
    )
    assert sent.look() == ([], [])


def test_deleted_and_moved_images_leave_the_index(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    index(pipeline, {"a.jpg": "one", "b.jpg": "two", "c.jpg": "three"})
    index(pipeline, {"a.jpg": "four"}, NEXT_DAY)
    sent.look()

    report = index(pipeline, {"a.jpg": "one", "moved.jpg": "two"})

    assert sent.look() == (["moved.jpg"], sorted(document_id(f"{FOLDER}{name}.jpg") for name in "bc"))
    assert (report.sent, report.deleted, report.documents) == (1, 2, 2)
    assert names(pipeline) == ["a.jpg", "a.jpg", "moved.jpg"]
    assert index(pipeline, {}).deleted == 2
    assert names(pipeline) == ["a.jpg"]


def test_an_image_moved_to_another_day_is_found_there_only(tmp_path: Path) -> None:
    pipeline, _ = counted(tmp_path)
    index(pipeline, {"a.jpg": "one"})
    index(pipeline, {"a.jpg": "one"}, NEXT_DAY)
    index(pipeline, {})
    (hit,) = pipeline.index.query(SearchQuery()).hits
    assert hit.document["day"] == NEXT_DAY


def test_a_lost_index_gets_every_document_again(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    images = {"a.jpg": "one", "b.jpg": "two"}
    before = index(pipeline, images)
    rmtree(tmp_path / "search")
    pipeline, sent = counted(tmp_path)

    report = index(pipeline, images)

    assert (sent.look(), names(pipeline)) == ((["a.jpg", "b.jpg"], []), ["a.jpg", "b.jpg"])
    assert report.generation != before.generation
    assert {row["generation"] for row in rows(pipeline, SEARCH_DOCUMENTS, DAY)} == {report.generation}


def test_a_rebuild_gets_every_document_while_the_old_generation_serves(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    images = {"a.jpg": "one", "b.jpg": "two"}
    index(pipeline, images)
    sent.look()
    pipeline.index.rebuild()
    assert (names(pipeline), list(pipeline.index.ids())) == (["a.jpg", "b.jpg"], [])
    index(pipeline, images)
    assert (sent.look()[0], len(list(pipeline.index.ids()))) == (["a.jpg", "b.jpg"], 2)
    pipeline.index.promote()
    assert names(pipeline) == ["a.jpg", "b.jpg"]
    assert index(pipeline, images).sent == 0


def test_a_refused_document_is_a_row_with_its_error_and_is_sent_again_when_the_day_changes(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    sent.refuses = {f"{FOLDER}b.jpg"}
    report = index(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    assert (report.documents, report.rejected, report.errors) == (1, 1, ((f"{FOLDER}b.jpg", "refused"),))
    assert {row["path"]: row["error"] for row in rows(pipeline, SEARCH_DOCUMENTS, DAY)} == {
        f"{FOLDER}a.jpg": "",
        f"{FOLDER}b.jpg": "refused",
    }
    sent.look()
    sent.refuses.clear()

    report = index(pipeline, {"a.jpg": "one", "b.jpg": "two", "c.jpg": "three"})

    assert sent.look() == (["b.jpg", "c.jpg"], [])
    assert (report.documents, report.rejected, names(pipeline)) == (3, 0, ["a.jpg", "b.jpg", "c.jpg"])


def test_a_document_that_was_never_taken_may_vanish(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    sent.refuses = {f"{FOLDER}b.jpg"}
    index(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    report = index(pipeline, {"a.jpg": "one"})
    assert (report.rejected, report.deleted, names(pipeline)) == (0, 1, ["a.jpg"])


def test_a_changed_document_that_is_refused_may_leave_the_older_one_but_is_not_forgotten(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    index(pipeline, {"a.jpg": "one"})
    sent.refuses = {f"{FOLDER}a.jpg"}
    index(pipeline, {"a.jpg": "two"})
    sent.refuses.clear()
    # The content goes back to what the index once took; nobody knows whether it still has it, so it is sent.
    sent.look()
    index(pipeline, {"a.jpg": "one"})
    assert sent.look()[0] == ["a.jpg"]


def test_a_deletion_that_failed_is_tried_again_next_time(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    index(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    sent.keeps = {f"{FOLDER}b.jpg"}
    report = index(pipeline, {"a.jpg": "one"})
    assert (report.documents, report.rejected, report.errors) == (1, 1, ((f"{FOLDER}b.jpg", "busy"),))
    assert names(pipeline) == ["a.jpg", "b.jpg"]
    assert index(pipeline, {"a.jpg": "one", "c.jpg": "three"}).rejected == 1
    sent.keeps.clear()
    sent.look()

    report = index(pipeline, {"a.jpg": "one"})

    assert sent.look()[1] == sorted(document_id(f"{FOLDER}{name}.jpg") for name in "bc")
    assert (report.rejected, names(pipeline)) == (0, ["a.jpg"])


def test_an_image_that_comes_back_before_its_deletion_succeeded_has_a_document(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    index(pipeline, {"a.jpg": "one"})
    sent.keeps = {f"{FOLDER}a.jpg"}
    index(pipeline, {})
    sent.look()
    report = index(pipeline, {"a.jpg": "one"})
    assert (sent.look(), report.documents, report.rejected) == ((["a.jpg"], []), 1, 0)


def test_a_run_killed_before_its_manifest_sends_again_and_deletes_again(tmp_path: Path) -> None:
    pipeline, _ = counted(tmp_path)
    index(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    pipeline.index.put([{"id": document_id(f"{FOLDER}c.jpg"), "path": f"{FOLDER}c.jpg", "name": "c.jpg"}])
    pipeline.index.delete([document_id(f"{FOLDER}b.jpg")])  # what a killed run may have done
    index(pipeline, {"a.jpg": "one", "c.jpg": "three"})
    assert names(pipeline) == ["a.jpg", "c.jpg"]


def test_an_image_without_a_vector_is_found_by_its_words_only(tmp_path: Path) -> None:
    pipeline, _ = counted(tmp_path)
    index(pipeline, {"a.jpg": "one", "b.jpg": "blank"})
    vector = np.asarray(_vector(pipeline, "one"), np.float32)
    assert [hit.document["name"] for hit in pipeline.index.query(SearchQuery(vector=vector)).hits] == ["a.jpg"]
    assert names(pipeline) == ["a.jpg", "b.jpg"]


def test_more_documents_than_one_batch_are_all_sent(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    report = index(pipeline, {f"{number}.jpg": "one" for number in range(1001)})
    assert (report.sent, report.documents, len(sent.sent)) == (1001, 1001, 1001)
    assert len(list(pipeline.index.ids())) == 1001


def test_pictures_are_found_by_tag_and_by_likeness_after_the_whole_chain(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    pictures = {f"{number}.jpg": a_picture(number) for number in range(5)}
    land(pipeline, pictures | {"broken.jpg": b"nothing"})
    state_labels(pipeline, {"3.jpg": "daisy"})
    report = run_chain(pipeline)["search_documents"]
    assert (report.documents, len(sent.sent)) == (5, 5)
    assert [hit.document["name"] for hit in pipeline.index.query(SearchQuery(text="daisy")).hits] == ["3.jpg"]
    alike = pipeline.index.query(SearchQuery(vector=embed_query(pipeline, pictures["4.jpg"]))).hits
    assert alike[0].document["name"] == "4.jpg"
    sent.look()
    run_chain(pipeline)
    assert sent.look() == ([], [])


def test_a_refused_document_leaves_its_day_undone_and_is_sent_again_though_nothing_changed(tmp_path: Path) -> None:
    pipeline, sent = counted(tmp_path)
    sent.refuses = {f"{FOLDER}b.jpg"}
    index(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    sent.look()
    sent.refuses.clear()

    report = index(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    assert (sent.look()[0], report.rejected) == (["b.jpg"], 0)
    assert index(pipeline, {"a.jpg": "one", "b.jpg": "two"}).sent == 0
