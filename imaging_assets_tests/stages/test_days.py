"""Which steps of a day are behind: after each kind of change, and after a run that died between any two steps.

Belongs here: what `days.py` answers. Does not: what a step does with it (its own tests), when it is asked for (`defs/sensors.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from imaging_assets.errors import MassDeletionError
from imaging_assets.policies import Rollout
from imaging_assets.records.search import SearchQuery
from imaging_assets.stages.days import Behind, Days, check_vanished, finish_rebuild
from imaging_assets.stages.images.raw import take_inventory
from imaging_assets.stages.images.resized import resize_day
from imaging_assets.stages.manifests.labels import refresh_labels
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import prediction_inputs
from imaging_assets.stages.state import Manifests
from imaging_assets.stages.tables import PREDICTIONS
from imaging_assets_tests.builders import CHAIN, DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import CountingBlobStore, FailingBlobStore, over

OTHER_DAY = "2026-03-03"
PICTURES = {f"{number}.jpg": a_picture(number, (64, 48)) for number in range(3)}


def a_finished_day(home: Path, *more_days: str) -> Pipeline:
    pipeline = a_pipeline(home)
    for number, day in enumerate((DAY, *more_days)):
        land(pipeline, {f"{day}-{name}": a_picture(10 * number + place, (64, 48)) for place, name in enumerate(PICTURES)}, day)
        run_chain(pipeline, day)
    return pipeline


def steps(pipeline: Pipeline, day: str = DAY) -> tuple[str, ...]:
    behind = Days(pipeline).behind(day)
    return behind.steps if behind else ()


def refresh(pipeline: Pipeline) -> None:
    pipeline.manifests.commit(refresh_labels(pipeline, pipeline.manifests.newest("resized_images"))[0])


def test_nothing_is_behind_after_the_chain(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path, OTHER_DAY)
    days = Days(pipeline)

    assert days.known == [DAY, OTHER_DAY]
    refresh(pipeline)
    assert [days.behind(day) for day in days.known] == [None, None]
    assert Days(pipeline).labels_behind() == ""


def test_everything_is_behind_of_a_day_that_was_never_worked_on(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES)

    assert Days(pipeline).known == [DAY]
    assert steps(pipeline) == CHAIN
    assert Days(pipeline).behind_inside(DAY) is None


def _add(pipeline: Pipeline) -> None:
    land(pipeline, {"new.jpg": a_picture(100)})


def _change(pipeline: Pipeline) -> None:
    land(pipeline, {f"{DAY}-1.jpg": a_picture(100)})


def _delete(pipeline: Pipeline) -> None:
    pipeline.store.delete(f"landing/{DAY.replace('-', '/')}/{DAY}-1.jpg")


def _label(pipeline: Pipeline) -> None:
    state_labels(pipeline, {f"{DAY}-1.jpg": "cat"})
    refresh(pipeline)


def _label_another_day(pipeline: Pipeline) -> None:
    state_labels(pipeline, {f"{OTHER_DAY}-1.jpg": "cat"})
    refresh(pipeline)


def _publish(pipeline: Pipeline) -> None:
    Registry(pipeline.store, pipeline.places.models).publish("model-1", "a test")


def _rebuild(pipeline: Pipeline) -> None:
    pipeline.index.rebuild()
    pipeline.index.promote()


def _lose_catalog(pipeline: Pipeline) -> None:
    Path(pipeline.catalog.query("pragma database_list").rows[0][2]).unlink()


def _forget(asset: str) -> Callable[[Pipeline], None]:
    def forget(pipeline: Pipeline) -> None:
        pipeline.store.delete(pipeline.manifests.find(asset, DAY).blob.path)

    return forget


MADE_OF_ALL = ("review_queues", "search_documents", "image_catalog")
AFTER_RESIZED = tuple(step for step in CHAIN[2:] if step != "label_records")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_add, CHAIN),
        (_change, CHAIN),
        (_delete, CHAIN),
        (_label, ("tagged_manifests",)),
        (_label_another_day, ()),
        (_publish, ("predictions",)),
        (_rebuild, ("search_documents",)),
        (_lose_catalog, ("image_catalog",)),
        (_forget("raw_images"), CHAIN),
        (_forget("resized_images"), ("resized_images", *AFTER_RESIZED)),
        (_forget("image_vectors"), ("image_vectors", *MADE_OF_ALL)),
        (_forget("image_tags"), ("image_tags", *MADE_OF_ALL)),
        (_forget("tagged_manifests"), ("tagged_manifests", *MADE_OF_ALL)),
        (_forget("predictions"), ("predictions", *MADE_OF_ALL)),
        (_forget("review_queues"), ("review_queues",)),
        (_forget("search_documents"), ("search_documents",)),
        (_forget("image_catalog"), ("image_catalog",)),
    ],
    ids=[
        "added",
        "changed",
        "deleted",
        "labelled",
        "labelled elsewhere",
        "published",
        "rebuilt",
        "catalogue lost",
        *(f"{asset} lost" for asset in CHAIN if asset != "label_records"),
    ],
)
def test_after_a_change_exactly_the_steps_it_concerns_are_behind(
    tmp_path: Path, change: Callable[[Pipeline], None], expected: tuple[str, ...]
) -> None:
    pipeline = a_finished_day(tmp_path, OTHER_DAY)

    change(pipeline)

    assert steps(pipeline) == expected


@pytest.mark.parametrize("change", [_add, _change, _delete, _label, _rebuild, _forget("raw_images"), _forget("image_vectors")])
def test_the_chain_catches_up_with_any_change(tmp_path: Path, change: Callable[[Pipeline], None]) -> None:
    pipeline = a_finished_day(tmp_path)
    change(pipeline)
    assert steps(pipeline) != ()

    run_chain(pipeline)

    assert steps(pipeline) == ()


def test_a_setting_of_the_resizer_sets_the_day_behind_from_there(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path)
    smaller = replace(pipeline, resize=pipeline.resize.model_copy(update={"max_edge": 64}))

    assert steps(smaller)[0] == "resized_images"
    assert steps(replace(pipeline, resize=pipeline.resize.model_copy(update={"workers": 1, "batch": 1}))) == ()


def test_a_new_model_concerns_only_the_days_of_the_rollout_window(tmp_path: Path) -> None:
    old = (date.fromisoformat(DAY) - timedelta(days=30)).isoformat()
    pipeline = replace(a_finished_day(tmp_path, old), rollout=Rollout(days=7))
    registry = Registry(pipeline.store, pipeline.places.models)
    registry.publish("model-1", "a test")
    assert steps(pipeline, old) == ("predictions",), "no model has predicted it yet"
    for day in (DAY, old):
        resized = pipeline.manifests.find("resized_images", day)
        work = pipeline.manifests.begin(PREDICTIONS, day, prediction_inputs(resized, "model-1"))
        pipeline.manifests.commit(work.draft([]))
    assert steps(pipeline, old) == ()

    registry.publish("model-2", "a test")

    assert steps(pipeline, DAY) == ("predictions",)
    assert steps(pipeline, old) == ()
    assert steps(replace(pipeline, rollout=Rollout(days=30)), old) == ("predictions",)


def test_a_day_without_images_left_is_still_known_and_behind(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path)
    for blob in list(pipeline.store.list_blobs(f"landing/{DAY[:4]}/")):
        pipeline.store.delete(blob.path)

    assert Days(pipeline).known == [DAY]
    assert steps(pipeline) == CHAIN


def test_a_listing_at_hand_saves_the_listing(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path)
    blobs = [blob for blob in pipeline.store.list_blobs(f"landing/{DAY.replace('-', '/')}/")]  # noqa: C416
    _add(pipeline)

    assert Days(pipeline).behind(DAY, blobs) is None
    assert Days(pipeline).behind(DAY) is not None


# --- labels


def test_a_new_label_file_sets_the_labels_behind_until_they_are_read(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path)
    assert Days(pipeline).labels_behind() == ""

    state_labels(pipeline, {f"{DAY}-1.jpg": "cat"})

    assert Days(pipeline).labels_behind() != ""
    refresh(pipeline)
    assert Days(pipeline).labels_behind() == ""


def test_a_new_day_sets_the_labels_behind(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path)
    land(pipeline, {"x.jpg": a_picture(50)}, OTHER_DAY)
    pipeline.manifests.commit(take_inventory(pipeline, OTHER_DAY)[0])
    pipeline.manifests.commit(resize_day(pipeline, pipeline.manifests.find("raw_images", OTHER_DAY))[0])

    assert Days(pipeline).labels_behind() != ""


# --- what is wanted, and what to run


def test_what_is_wanted_has_one_name_until_it_changes(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, PICTURES)
    first = Days(pipeline).behind(DAY)
    again = Days(pipeline).behind(DAY)
    _add(pipeline)
    other = Days(pipeline).behind(DAY)

    assert first is not None
    assert other is not None
    assert first == again
    assert other.steps == first.steps
    assert other.wanted != first.wanted


def test_two_days_never_want_the_same(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path, OTHER_DAY)
    _publish(pipeline)
    days = Days(pipeline)

    wanted = [behind.wanted for day in days.known if (behind := days.behind(day))]

    assert len(set(wanted)) == 2


@pytest.mark.parametrize(
    ("steps_behind", "selection"),
    [
        (CHAIN, CHAIN),
        (("resized_images", "image_vectors"), CHAIN),
        (("tagged_manifests",), ("tagged_manifests", *MADE_OF_ALL)),
        (("predictions", "search_documents"), ("predictions", *MADE_OF_ALL)),
        (("review_queues",), ("review_queues",)),
        (("search_documents",), ("search_documents",)),
        (("image_catalog",), ("image_catalog",)),
    ],
)
def test_what_to_run_is_the_chain_or_the_steps_and_their_documents(
    steps_behind: tuple[str, ...], selection: tuple[str, ...]
) -> None:
    assert Behind(DAY, steps_behind, "x", chain=CHAIN).selection == selection


# --- runs that died


def test_a_run_killed_at_any_change_leaves_a_day_that_is_behind_and_can_be_finished(tmp_path: Path) -> None:
    pictures = {name: PICTURES[name] for name in list(PICTURES)[:2]}
    whole = a_pipeline(tmp_path / "whole")
    land(whole, pictures)
    counting = CountingBlobStore(whole.store)
    run_chain(over(whole, counting))
    # Inventories and documents also tell of times and of the index; the rest is of the pictures alone.
    same = ("resized_images", "image_vectors", "image_tags", "tagged_manifests", "predictions")
    expected = {asset: whole.manifests.find(asset, DAY).rows for asset in same}
    changes = len(counting.writes) + len(counting.deletes)

    for killed_after in range(changes):
        pipeline = a_pipeline(tmp_path / str(killed_after))
        land(pipeline, pictures)
        with pytest.raises(RuntimeError, match="killed"):
            run_chain(over(pipeline, FailingBlobStore(pipeline.store, killed_after)))
        left = steps(pipeline)
        assert left, killed_after
        assert left[-1] == "image_catalog"

        run_chain(pipeline)

        assert steps(pipeline) == ()
        assert {asset: pipeline.manifests.find(asset, DAY).rows for asset in expected} == expected


def test_state_is_told_from_names_without_reading_a_manifest_or_an_image(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path)
    counting = CountingBlobStore(pipeline.store)

    assert steps(over(pipeline, counting)) == ()

    assert [path for path in counting.reads if not path.startswith(("manifests/label_records/", "models/"))] == []


def test_a_state_that_comes_back_after_a_crash_is_behind_again(tmp_path: Path) -> None:
    """Two manifests stand; the older fits what is wanted, but everybody reads the newer."""
    pipeline = a_finished_day(tmp_path)
    other = replace(pipeline, resize=pipeline.resize.model_copy(update={"max_edge": 64}))
    draft, _ = resize_day(other, pipeline.manifests.find("raw_images", DAY))
    with pytest.raises(RuntimeError, match="killed"):
        Manifests(FailingBlobStore(pipeline.store, 1)).commit(draft)
    assert len(pipeline.manifests.standing("resized_images")[DAY]) == 2

    assert "resized_images" in steps(pipeline)
    run_chain(pipeline)

    assert steps(pipeline) == ()
    assert len(pipeline.manifests.standing("resized_images")[DAY]) == 1


def test_days_that_lose_all_their_images_at_once_stop_everything(tmp_path: Path) -> None:
    more = (OTHER_DAY, "2026-03-04")
    pipeline = a_finished_day(tmp_path, *more)
    for day in more:
        for blob in list(pipeline.store.list_blobs(f"landing/{day.replace('-', '/')}/")):
            pipeline.store.delete(blob.path)
    check_vanished(Days(pipeline), (DAY, *more))  # two days may be meant
    for blob in list(pipeline.store.list_blobs(f"landing/{DAY.replace('-', '/')}/")):
        pipeline.store.delete(blob.path)
    with pytest.raises(MassDeletionError, match=r"3 days lost all their images .* --accept-deletions"):
        check_vanished(Days(pipeline), (DAY, *more))


def test_a_rebuilt_index_serves_once_it_holds_every_day(tmp_path: Path) -> None:
    pipeline = a_finished_day(tmp_path, OTHER_DAY)
    assert not finish_rebuild(Days(pipeline))
    pipeline.index.rebuild()
    run_chain(pipeline, DAY)
    assert not finish_rebuild(Days(pipeline))
    run_chain(pipeline, OTHER_DAY)
    assert finish_rebuild(Days(pipeline))
    assert pipeline.index.serving == pipeline.index.generation
    assert pipeline.index.query(SearchQuery()).count == 6
