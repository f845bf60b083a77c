"""One model per training set worth training, judged on the same test images, published only when better."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from typing_extensions import override

from imaging_assets.errors import TrainingError
from imaging_assets.policies import Training
from imaging_assets.ports.trainer import Heartbeat, ReadImage
from imaging_assets.records.models import TrainedModel, TrainingImage
from imaging_assets.stages.models.iterations import iterate, training_is_due
from imaging_assets.stages.models.registry import Registry, now_utc
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.tables import TRAINING_ITERATIONS, TRAINING_SETS
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.doubles import FailingBlobStore, over
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, a_day, gather, label_and_gather, rows, sha, write_labels
from imaging_assets_tests.stages.models.doubles import (
    Lesson,
    MajorityTrainer,
    TablePredictor,
    a_training_set,
    cats_and_dogs,
    iterate_day,
    iterations,
    right_about,
    scored_images,
    with_models,
)


def trained_once(home: Path, right: int = 5) -> tuple[Pipeline, MajorityTrainer, TablePredictor]:
    """Forty images and a first model that is right about so many of the eight test images."""
    pipeline = a_pipeline(home)
    a_training_set(pipeline, home, cats_and_dogs(40))
    pipeline, trainer, predictor = with_models(pipeline, right_about(scored_images(pipeline), right))
    iterate_day(pipeline)
    return pipeline, trainer, predictor


def one_image_more(pipeline: Pipeline, home: Path) -> None:
    """Change what is trained on, not what is tested on."""
    tested = scored_images(pipeline)
    one_labelled(pipeline, home, "more")
    assert scored_images(pipeline, NEXT_DAY) == tested


def one_labelled(pipeline: Pipeline, home: Path, name: str) -> None:
    a_day(pipeline, {f"{name}.jpg": name}, NEXT_DAY)
    write_labels(home, f"{name}.csv", f"{name}.jpg,cat\n")
    label_and_gather(pipeline, NEXT_DAY)


def taught(pipeline: Pipeline, *right: int, margin: float = 0.0) -> tuple[Pipeline, MajorityTrainer, TablePredictor]:
    """The n-th model ever is right about so many of the test images."""
    tested = scored_images(pipeline)
    lessons: list[Lesson] = [right_about(tested, number) for number in right]
    return with_models(replace(pipeline, training=Training(margin=margin, max_tag_drop=1.0)), *lessons)


def serving(pipeline: Pipeline) -> str:
    published = Registry(pipeline.store).published()
    return published.model_id if published else ""


def test_the_first_model_is_trained_scored_and_published(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, cats_and_dogs(40))
    pipeline, trainer, predictor = with_models(pipeline, right_about(scored_images(pipeline), 6))

    report = iterate_day(pipeline)

    tested = scored_images(pipeline)
    assert trainer.trained == trainer.published == [report.model_id] == [serving(pipeline)]
    assert (report.trained, report.verdict, report.reason) == (True, "published", "It is the first model.")
    assert (report.images, report.test_images, report.accuracy) == (40, 8, 0.75)
    assert sorted(predictor.asked) == sorted((report.model_id, sha256) for sha256 in tested)
    assert report.published == Registry(pipeline.store).published()
    (row,) = iterations(pipeline)
    assert (row["sequence"], row["kind"], row["tags"], row["champion_id"]) == (0, "multiclass", ["cat", "dog"], "")
    assert row["champion_accuracy"] is None


def test_an_unchanged_day_is_left_alone(tmp_path: Path) -> None:
    pipeline, trainer, predictor = trained_once(tmp_path)
    before = iterations(pipeline)
    asked = list(predictor.asked)
    report = iterate_day(pipeline)
    assert (report.trained, report.published, report.verdict, report.accuracy) == (False, None, "published", 0.625)
    assert (len(trainer.trained), predictor.asked, iterations(pipeline)) == (1, asked, before)


def test_only_the_newest_tagged_day_trains_and_the_others_say_why_not(tmp_path: Path) -> None:
    pipeline, trainer, _ = trained_once(tmp_path)
    pipeline.manifests.commit(pipeline.manifests.begin(TRAINING_ITERATIONS, "2026-03-01", "0" * 16).draft([]))
    one_image_more(pipeline, tmp_path)
    gather(pipeline, DAY)

    report = iterate_day(pipeline, DAY, NEXT_DAY)

    assert (report.trained, report.verdict, len(trainer.trained)) == (False, "not trained", 1)
    assert report.reason == "Only the newest tagged day trains, and 2026-03-03 is newer."
    assert [row["verdict"] for row in iterations(pipeline)] == ["published", "not trained"]
    assert iterate_day(pipeline, DAY, "2026-03-09").iterations == 2


def test_a_backfill_of_many_days_trains_once(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    days = [f"2026-03-{number:02}" for number in range(2, 7)]
    for place, day in enumerate(days):
        a_training_set(pipeline, tmp_path, cats_and_dogs(10, start=10 * place), day)
    pipeline, trainer, _ = with_models(pipeline)
    verdicts = [iterate_day(pipeline, day, days[-1]).verdict for day in days]
    assert verdicts == ["not trained"] * 4 + ["published"]
    assert len(trainer.trained) == 1


@pytest.mark.parametrize("images", [{}, {"a": "cat"}, dict.fromkeys("abcdef", "cat")], ids=["none", "one", "one tag"])
def test_too_little_to_train_on_is_no_error_and_says_what_is_missing(tmp_path: Path, images: dict[str, str]) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, images)
    pipeline, trainer, _ = with_models(pipeline)
    report = iterate_day(pipeline)
    assert (report.verdict, report.model_id, report.images, trainer.trained) == ("not trained", "", len(images), [])
    assert report.reason.startswith("2 tags are needed, there are ")
    assert (serving(pipeline), Registry(pipeline.store).ledger()) == ("", [])
    assert iterate_day(pipeline) == report


def test_a_refusal_is_told_once_and_training_follows_when_there_is_enough(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, dict.fromkeys("abc", "cat"))
    pipeline, _, _ = with_models(pipeline)
    iterate_day(pipeline)
    a_training_set(pipeline, tmp_path, cats_and_dogs(20))
    assert iterate_day(pipeline).verdict == "published"
    assert [(row["sequence"], row["verdict"]) for row in iterations(pipeline)] == [(0, "not trained"), (1, "published")]


def test_the_same_set_is_not_trained_again_from_another_day(tmp_path: Path) -> None:
    pipeline, trainer, _ = trained_once(tmp_path)
    (model_id,) = trainer.trained
    a_day(pipeline, {"unlabelled.jpg": "unlabelled", "copy.jpg": "picture 0"}, NEXT_DAY)
    label_and_gather(pipeline, NEXT_DAY)

    report = iterate_day(pipeline, NEXT_DAY)

    assert (report.trained, report.verdict, report.model_id) == (False, "reused", model_id)
    assert report.reason == f"Model {model_id} was trained on this very set."
    assert (trainer.trained, trainer.published, serving(pipeline)) == ([model_id], [model_id], model_id)


def test_a_set_that_comes_back_is_not_trained_again(tmp_path: Path) -> None:
    pipeline, trainer, _ = trained_once(tmp_path)
    a_training_set(pipeline, tmp_path, cats_and_dogs(39))
    iterate_day(pipeline)
    a_training_set(pipeline, tmp_path, cats_and_dogs(40))
    report = iterate_day(pipeline)
    assert len(trainer.trained) == 2
    assert (report.verdict, report.model_id) == ("reused", trainer.trained[0])


def test_another_margin_trains_nothing(tmp_path: Path) -> None:
    pipeline, trainer, _ = trained_once(tmp_path)
    report = iterate_day(replace(pipeline, training=Training(margin=0.3)))
    assert (report.trained, len(trainer.trained), report.model_id) == (False, 1, trainer.trained[0])


def test_another_trainer_trains_the_same_set(tmp_path: Path) -> None:
    pipeline, _, predictor = trained_once(tmp_path)
    other = MajorityTrainer(pipeline.store, recipe="majority-2")
    report = iterate_day(replace(pipeline, trainer=other, predictor=predictor))
    assert (report.trained, len(other.trained)) == (True, 1)


def test_rows_are_only_added(tmp_path: Path) -> None:
    pipeline, _, _ = trained_once(tmp_path)
    seen = iterations(pipeline)
    for number in (30, 32, 34):
        a_training_set(pipeline, tmp_path, cats_and_dogs(number))
        iterate_day(pipeline)
        assert iterations(pipeline)[:-1] == seen
        seen = iterations(pipeline)
    assert [row["sequence"] for row in seen] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("champion", "challenger", "margin", "verdict"),
    [
        (4, 6, 0.0, "published"),
        (4, 4, 0.0, "kept champion"),
        (6, 4, 0.0, "kept champion"),
        (4, 6, 0.25, "kept champion"),
        (4, 7, 0.25, "published"),
    ],
)
def test_a_challenger_is_published_only_when_it_is_better_by_the_margin(
    tmp_path: Path, champion: int, challenger: int, margin: float, verdict: str
) -> None:
    pipeline, trainer, _ = trained_once(tmp_path, champion)
    (first,) = trainer.trained
    one_image_more(pipeline, tmp_path)
    pipeline, trainer, _ = taught(pipeline, champion, challenger, margin=margin)

    report = iterate_day(pipeline, NEXT_DAY)

    (second,) = trainer.trained
    assert (report.verdict, report.accuracy, report.champion_accuracy) == (verdict, challenger / 8, champion / 8)
    assert serving(pipeline) == (second if verdict == "published" else first)
    assert trainer.published == ([second] if verdict == "published" else [])
    assert (report.published is not None) == (verdict == "published")
    assert iterations(pipeline, NEXT_DAY)[0]["champion_id"] == first


def test_a_better_model_is_kept_back_when_a_tag_becomes_much_worse(tmp_path: Path) -> None:
    pipeline, trainer, _ = trained_once(tmp_path)
    (first,) = trainer.trained
    one_image_more(pipeline, tmp_path)
    tested = scored_images(pipeline)
    cats = [sha256 for sha256, tag in tested.items() if tag == "cat"]
    only_one_dog = dict.fromkeys(tested, "cat") | {next(x for x in tested if tested[x] == "dog"): "dog"}
    no_cats = dict.fromkeys(tested, "dog")
    assert len(cats) == 4
    # 4 of 8 right, all of them dogs, against 5 of 8 right, of which one is a dog.
    pipeline, _, _ = with_models(pipeline, no_cats, only_one_dog)
    for score in pipeline.store.list_blobs(f"models/{first}/scores/"):
        pipeline.store.delete(score.path)

    report = iterate_day(pipeline, NEXT_DAY)

    assert (report.verdict, report.accuracy, report.champion_accuracy) == ("kept champion", 0.625, 0.5)
    assert report.reason.startswith("Recall of 'dog' would fall by 0.75, more than 0.2")
    row = iterations(pipeline, NEXT_DAY)[0]
    assert (row["worst_tag"], row["worst_tag_change"], serving(pipeline)) == ("dog", -0.75, first)


def test_champion_and_challenger_are_scored_on_the_same_images_and_only_asked_about_new_ones(tmp_path: Path) -> None:
    pipeline, trainer, _ = trained_once(tmp_path)
    (first,) = trainer.trained
    known = scored_images(pipeline)
    a_training_set(pipeline, tmp_path, cats_and_dogs(20, start=40), NEXT_DAY)
    tested = scored_images(pipeline, NEXT_DAY)
    assert known.items() < tested.items()
    pipeline, trainer, predictor = with_models(pipeline)

    report = iterate_day(pipeline, NEXT_DAY)

    (second,) = trainer.trained
    assert report.test_images == len(tested)
    assert {sha256 for model, sha256 in predictor.asked if model == second} == set(tested)
    assert {sha256 for model, sha256 in predictor.asked if model == first} == tested.keys() - known.keys()
    assert len(predictor.asked) == len(set(predictor.asked))


def test_a_test_image_that_fails_or_is_gone_counts_as_wrong(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, cats_and_dogs(40))
    tested = scored_images(pipeline)
    broken, gone, *_ = tested
    pipeline.store.delete(f"resized/{gone}.jpg")
    pipeline, _, _ = with_models(pipeline, tested, broken=[broken])
    report = iterate_day(pipeline)
    assert (report.verdict, report.accuracy, report.test_images) == ("published", 0.75, 8)


class CuriousTrainer(MajorityTrainer):
    """Keeps what it was given."""

    given: tuple[TrainingImage, ...] = ()

    @override
    def train(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> TrainedModel:
        self.given = tuple(images)
        assert all(read(image.blob) for image in images)
        return super().train(model_id, images, read, heartbeat)


def test_the_trainer_is_given_every_image_that_takes_part_and_no_excluded_one(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {f"{name}.jpg": name for name in cats_and_dogs(20)} | {"x.jpg": "same", "y.jpg": "same"})
    lines = {f"{name}.jpg": tag for name, tag in cats_and_dogs(20).items()} | {"x.jpg": "cat", "y.jpg": "dog"}
    write_labels(tmp_path, "x.csv", "".join(f"{name},{tag}\n" for name, tag in lines.items()))
    assert label_and_gather(pipeline, DAY).excluded == 1
    pipeline, _, predictor = with_models(pipeline)
    trainer = CuriousTrainer(pipeline.store)
    iterate_day(replace(pipeline, trainer=trainer))
    assert {image.sha256 for image in trainer.given} == {sha(name) for name in cats_and_dogs(20)}
    assert {image.split for image in trainer.given} == {"train", "validation", "test"}
    assert not any(sha256 == sha("same") for _, sha256 in predictor.asked)


class FailingTrainer(MajorityTrainer):
    """A service that is out of order."""

    @override
    def train(self, model_id: str, images: Sequence[TrainingImage], read: ReadImage, heartbeat: Heartbeat) -> TrainedModel:
        raise TrainingError("Out of order. Try again tomorrow.")


def test_a_training_that_fails_leaves_no_trace_and_is_tried_again(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, cats_and_dogs(20))
    pipeline, trainer, _ = with_models(pipeline)
    with pytest.raises(TrainingError, match="Try again tomorrow"):
        iterate_day(replace(pipeline, trainer=FailingTrainer(pipeline.store)))
    assert (pipeline.manifests.look_up("training_iterations", DAY), Registry(pipeline.store).ledger()) == (None, [])
    assert (iterate_day(pipeline).verdict, len(trainer.trained)) == ("published", 1)


def test_a_run_killed_after_the_training_adopts_the_model(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, cats_and_dogs(20))
    pipeline, trainer, _ = with_models(pipeline)
    with pytest.raises(RuntimeError, match="killed"):
        iterate_day(over(pipeline, FailingBlobStore(pipeline.store, 1)))
    assert (len(trainer.trained), serving(pipeline)) == (1, "")
    report = iterate_day(pipeline)
    assert (len(trainer.trained), report.verdict, report.trained) == (1, "published", True)


def test_a_run_killed_between_any_two_writes_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    changes = -1
    killed = True
    while killed:
        changes += 1
        home = tmp_path / str(changes)
        pipeline, trainer, _ = trained_once(home, 4)
        (first,) = trainer.trained
        one_image_more(pipeline, home)
        pipeline, trainer, _ = taught(pipeline, 4, 6)
        failing = FailingBlobStore(pipeline.store, changes)
        try:
            iterate_day(over(pipeline, failing), NEXT_DAY)
        except RuntimeError:
            killed = True
        else:
            killed = False

        report = iterate_day(pipeline, NEXT_DAY)

        (second,) = trainer.trained
        (row,) = iterations(pipeline, NEXT_DAY)
        assert (serving(pipeline), report.verdict, report.iterations) == (second, "published", 1), changes
        told = {
            name: row[name] for name in ("verdict", "model_id", "images", "test_images", "accuracy", "tags", "kind", "seconds")
        }
        assert told == {
            "verdict": "published",
            "model_id": second,
            "images": 41,
            "test_images": 8,
            "accuracy": 0.75,
            "tags": ["cat", "dog"],
            "kind": "multiclass",
            "seconds": 0.5,
        }, changes
        assert (row["champion_id"], row["champion_accuracy"]) == (first, 0.5), changes
        assert row["reason"] == "Better: accuracy 0.750 against 0.500 on the same 8 test images."
        for event in ("judged", "published"):
            told_of = [entry["model_id"] for entry in Registry(pipeline.store).ledger() if entry["event"] == event]
            assert told_of == [first, second], changes
        if killed:
            assert report.published == Registry(pipeline.store).published(), changes
    assert changes > 8


def test_a_model_that_a_killed_run_published_keeps_its_verdict_though_the_margin_was_raised_since(tmp_path: Path) -> None:
    pipeline, _, _ = trained_once(tmp_path, 4)
    one_image_more(pipeline, tmp_path)
    pipeline, trainer, _ = taught(pipeline, 4, 6)
    # The training set, the scores of the test images, the published model; not the ledger.
    with pytest.raises(RuntimeError, match="killed"):
        iterate_day(over(pipeline, FailingBlobStore(pipeline.store, 1 + 8 + 1)), NEXT_DAY)
    (second,) = trainer.trained
    assert serving(pipeline) == second

    report = iterate_day(replace(pipeline, training=Training(margin=0.9)), NEXT_DAY)

    assert (report.verdict, serving(pipeline)) == ("published", second)
    assert report.reason == "Better: accuracy 0.750 against 0.500 on the same 8 test images."


def test_a_verdict_whose_manifest_was_lost_is_not_repeated_after_a_rollback(tmp_path: Path) -> None:
    pipeline, trainer, _ = trained_once(tmp_path, 4)
    (first,) = trainer.trained
    one_image_more(pipeline, tmp_path)
    pipeline, trainer, _ = taught(pipeline, 4, 6)
    iterate(pipeline, pipeline.manifests.find(TRAINING_SETS.asset, NEXT_DAY), NEXT_DAY, lambda _: None)  # never committed
    Registry(pipeline.store).rollback()

    report = iterate_day(pipeline, NEXT_DAY)

    assert (report.trained, report.published, serving(pipeline)) == (False, None, first)


def test_a_lost_manifest_tells_of_every_training_of_its_day_again(tmp_path: Path) -> None:
    pipeline, _, _ = trained_once(tmp_path, 4)
    one_image_more(pipeline, tmp_path)
    pipeline, trainer, _ = taught(pipeline, 4, 6, 5)
    iterate_day(pipeline, NEXT_DAY)
    one_labelled(pipeline, tmp_path, "another")
    iterate_day(pipeline, NEXT_DAY)
    before = iterations(pipeline, NEXT_DAY)
    assert len(before) == len(trainer.trained) == 2
    pipeline.store.delete(pipeline.manifests.find("training_iterations", NEXT_DAY).blob.path)

    report = iterate_day(pipeline, NEXT_DAY)

    assert (report.trained, len(trainer.trained)) == (False, 2)
    timed = ["finished_at"]
    assert pl.DataFrame(iterations(pipeline, NEXT_DAY)).drop(timed).equals(pl.DataFrame(before).drop(timed))


def test_a_model_that_was_rolled_back_is_not_published_by_running_again(tmp_path: Path) -> None:
    pipeline, trainer, _ = trained_once(tmp_path, 4)
    (first,) = trainer.trained
    one_image_more(pipeline, tmp_path)
    pipeline, trainer, _ = taught(pipeline, 4, 6)
    iterate_day(pipeline, NEXT_DAY)
    Registry(pipeline.store).rollback()

    assert iterate_day(pipeline, NEXT_DAY).published is None
    assert iterate_day(replace(pipeline, training=Training(margin=0.01)), NEXT_DAY).published is None
    a_day(pipeline, {"unlabelled.jpg": "unlabelled"}, "2026-03-04")
    label_and_gather(pipeline, "2026-03-04")
    assert iterate_day(pipeline, "2026-03-04").verdict == "reused"
    assert (serving(pipeline), len(trainer.trained)) == (first, 1)


def test_after_three_publications_one_can_roll_back_twice(tmp_path: Path) -> None:
    pipeline, _, _ = trained_once(tmp_path, 2)
    models = [serving(pipeline)]
    for number, day in enumerate((NEXT_DAY, "2026-03-04"), 1):
        tested = scored_images(pipeline)
        a_day(pipeline, {f"{day}.jpg": day, f"{day} b.jpg": f"{day} b"}, day)
        write_labels(tmp_path, f"{day}.csv", f"{day}.jpg,cat\n{day} b.jpg,dog\n")
        label_and_gather(pipeline, day)
        lessons: list[Lesson] = [right_about(tested, 2 + 3 * place) for place in range(number + 1)]
        pipeline, _, _ = with_models(pipeline, *lessons)
        assert iterate_day(pipeline, day).verdict == "published"
        models.append(serving(pipeline))
    registry = Registry(pipeline.store)
    assert [registry.rollback().model_id, registry.rollback().model_id] == [models[1], models[0]]


def due(pipeline: Pipeline, day: str = DAY, *, minutes: float = 0, **policy: float) -> tuple[bool, str]:
    """Whether the sensor would train so many minutes from now."""
    changed = replace(pipeline, training=Training(**policy))
    return training_is_due(changed, pipeline.manifests.find(TRAINING_SETS.asset, day), now_utc() + timedelta(minutes=minutes))


def test_the_first_training_is_always_due(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, cats_and_dogs(20))
    assert due(pipeline, cool_down_minutes=1000, min_changed_images=1000) == (True, "")


def test_the_next_training_is_due_when_enough_images_changed(tmp_path: Path) -> None:
    pipeline, _, _ = trained_once(tmp_path)
    assert due(pipeline) == (False, "0 images changed since the last training; 1 are waited for.")
    one_image_more(pipeline, tmp_path)
    assert due(pipeline, NEXT_DAY) == (True, "")
    assert due(pipeline, NEXT_DAY, min_changed_images=2) == (
        False,
        "1 images changed since the last training; 2 are waited for.",
    )
    a_day(pipeline, {"more.jpg": "more", "moved.jpg": "picture 0"}, NEXT_DAY)
    label_and_gather(pipeline, NEXT_DAY)
    assert due(pipeline, NEXT_DAY, min_changed_images=2)[0] is False


def test_a_removed_image_is_a_change(tmp_path: Path) -> None:
    pipeline, _, _ = trained_once(tmp_path)
    a_training_set(pipeline, tmp_path, cats_and_dogs(37))
    assert due(pipeline, min_changed_images=3) == (True, "")
    assert due(pipeline, min_changed_images=4)[0] is False


def test_the_next_training_waits_for_the_cool_down(tmp_path: Path) -> None:
    pipeline, _, _ = trained_once(tmp_path)
    one_image_more(pipeline, tmp_path)
    assert due(pipeline, NEXT_DAY, cool_down_minutes=30, minutes=31) == (True, "")
    waits, why = due(pipeline, NEXT_DAY, cool_down_minutes=30, minutes=10)
    assert (waits, why) == (False, "The last training was a short while ago; the next may start in 20 minutes.")


def test_images_of_several_tags_make_a_multilabel_model(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, {name: f"{tag}|pet" for name, tag in cats_and_dogs(20).items()})
    pipeline, _, _ = with_models(pipeline)
    report = iterate_day(pipeline)
    assert iterations(pipeline)[0]["kind"] == "multilabel"
    assert (report.accuracy, report.test_images > 0) == (0.0, True)  # the majority is one tag, the images have two


def test_pictures_are_learnt_by_the_real_trainer_and_then_told_apart(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, training={"budget_seconds": 0.01})
    colours = {"red": (200, 20, 20), "blue": (20, 20, 200)}
    land(
        pipeline,
        {f"{tag}/{number}.png": a_tinted_picture(number, colour) for tag, colour in colours.items() for number in range(12)},
    )
    state_labels(pipeline, {f"{tag}/{number}.png": tag for tag in colours for number in range(12)})
    run_chain(pipeline)
    gather(pipeline)

    report = iterate_day(pipeline)
    predicted = run_chain(pipeline)["predictions"]

    assert (report.verdict, report.accuracy) == ("published", 1.0)
    assert (predicted.model_id, predicted.tags) == (report.model_id, {"blue": 12, "red": 12})
    assert (predicted.images, predicted.scored) == (24, 24 - report.test_images)
    assert rows(pipeline, TRAINING_ITERATIONS, DAY)[0]["tags"] == ["blue", "red"]


def a_tinted_picture(seed: int, colour: tuple[int, int, int]) -> bytes:
    """A random picture, three quarters of it one colour."""
    picture = Image.open(io.BytesIO(a_picture(seed, (96, 72))))
    buffer = io.BytesIO()
    Image.blend(picture, Image.new("RGB", picture.size, colour), 0.75).save(buffer, "PNG")
    return buffer.getvalue()


def test_no_more_test_images_than_allowed_are_asked_about_and_the_same_ones_for_both_models(tmp_path: Path) -> None:
    pipeline, _, predictor = trained_once(tmp_path)
    pipeline = replace(pipeline, training=pipeline.training.model_copy(update={"max_test_images": 3}))
    one_image_more(pipeline, tmp_path)
    predictor.asked.clear()
    report = iterate_day(pipeline, NEXT_DAY)
    assert report.test_images == 3
    assert {sha256 for _, sha256 in predictor.asked} == set(list(scored_images(pipeline, NEXT_DAY))[:3])
