"""Step `training_iterations`: one model per training set worth training, judged against the one that serves.

Belongs here: when to train, what to write down, when to publish. Does not: the training itself (`ports/trainer.py`), the judgement
(`evaluation`). Rows are never rewritten: a day that is asked again only adds to them.

Only the newest tagged day trains, so that a backfill of many days trains once. A model's id is its training set's digest: after a
crash the same training is adopted, and a set that was trained before is never trained again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from imaging_assets.errors import ModelNotFoundError
from imaging_assets.ports.trainer import Heartbeat
from imaging_assets.records.manifests import Region
from imaging_assets.records.models import Evaluation, PublishedModel, TrainedModel, TrainingImage
from imaging_assets.stages.digests import digest
from imaging_assets.stages.manifests.portal_labels import pull_labels
from imaging_assets.stages.models.evaluation import Judgement, evaluate, judge
from imaging_assets.stages.models.kept_sets import as_kept, keep_training_set, kept_training_set
from imaging_assets.stages.models.pictures import draw
from imaging_assets.stages.models.registry import Clock, Registry, now_utc
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.predictions import score_images
from imaging_assets.stages.state import Draft, Manifest
from imaging_assets.stages.tables import TRAINING_ITERATIONS, TRAINING_SETS

RECIPE = "iterations-1"
"""Raised when this step's output changes."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class IterationReport:
    """The last row of the day, told for people.

    `trained` says whether a training ran now, `published` what serves since then; `evaluation` and its `pictures` (PNG by name) are there
    when a model was judged now.
    """

    iterations: int
    trained: bool
    verdict: str
    reason: str
    model_id: str
    accuracy: float
    champion_accuracy: float
    images: int
    test_images: int
    seconds: float
    published: PublishedModel | None
    evaluation: Evaluation | None
    pictures: Mapping[str, bytes]


def iteration_inputs(pipeline: Pipeline, training_set: Manifest, newest: str) -> str:
    """Digest of what the step would read now; a day that stops being the newest is looked at once more, and trains nothing."""
    policy = (pipeline.training.margin, pipeline.training.max_tag_drop)
    return digest(RECIPE, pipeline.trainer.recipe, policy, training_set.rows, training_set.key >= newest)


def training_digest(pipeline: Pipeline, images: Sequence[TrainingImage]) -> str:
    """What a model would be trained and tested on, and by which trainer; where the images lie does not matter."""
    content = [(image.sha256, image.tags, [asdict(region) for region in image.regions], image.split) for image in images]
    return digest(pipeline.trainer.recipe, content)


def iterate(
    pipeline: Pipeline, training_set: Manifest, newest: str, heartbeat: Heartbeat, clock: Clock = now_utc
) -> tuple[Draft, IterationReport]:
    """Train on a day's training set if that is worth it, judge, and publish the better model.

    Args:
        newest: The newest tagged ISO day; only that one trains.
        heartbeat: Told what the training is doing.

    Raises:
        TrainingError: The training ran and failed.
    """
    work = pipeline.manifests.begin(TRAINING_ITERATIONS, training_set.key, iteration_inputs(pipeline, training_set, newest))
    before = work.previous()
    if work.done:
        return work.done, _report(before.to_dicts(), trained=False)
    rows = before.to_dicts() or _judged_on(pipeline, training_set.key)
    images = training_images(pipeline.manifests.read(training_set, TRAINING_SETS))
    row: Row = {"training_digest": training_digest(pipeline, images), "images": len(images)}
    row["model_id"] = _new_model_id(training_set.key, row["training_digest"])
    outcome = _Outcome(row)
    if reason := _refusal(pipeline, training_set.key, newest, images):
        row |= {"verdict": "not trained", "reason": reason, "model_id": ""}
    elif not len(before) and rows and rows[-1]["training_digest"] == row["training_digest"]:
        outcome = _Outcome(rows[-1], published=_if_it_serves(pipeline, rows[-1]["model_id"]))
    elif judged := _judged_before(pipeline, row["training_digest"]):
        reason = f"Model {judged['model_id']} was trained on this very set."
        outcome = _Outcome(row | {"verdict": "reused", "reason": reason, "model_id": judged["model_id"]})
    else:
        outcome = _train(pipeline, row, images, heartbeat, clock)
    if not _repeats(rows, outcome.row):
        rows.append(dict.fromkeys(TRAINING_ITERATIONS.columns) | outcome.row | {"sequence": len(rows), "finished_at": clock()})
    return work.draft(rows), _report(rows, trained=outcome.trained, published=outcome.published, evaluation=outcome.evaluation)


def training_images(rows: pl.DataFrame) -> list[TrainingImage]:
    """Rows of a training set that take part, in digest order."""
    return [
        TrainingImage(
            sha256=row["sha256"],
            blob=row["resized"],
            tags=tuple(row["tags"]),
            regions=tuple(Region(**region) for region in row["regions"] or ()),
            group=row["group"],
            split=row["split"],
        )
        for row in rows.filter(pl.col("split") != "excluded").sort("sha256").iter_rows(named=True)
    ]


@dataclass(frozen=True)
class _Outcome:
    row: Row
    trained: bool = False
    published: PublishedModel | None = None
    evaluation: Evaluation | None = None


def _refusal(pipeline: Pipeline, day: str, newest: str, images: Sequence[TrainingImage]) -> str:
    if day < newest:
        return f"Only the newest tagged day trains, and {newest} is newer."
    return pipeline.trainer.refusal(images)


def model_id_of(pipeline: Pipeline, day: str, images: Sequence[TrainingImage]) -> str:
    """The model that was, or would be, trained on this set as of that day."""
    digest_now = training_digest(pipeline, images)
    judged = _judged_before(pipeline, digest_now)
    return str(judged["model_id"]) if judged else _new_model_id(day, digest_now)


def _new_model_id(day: str, digest_now: str) -> str:
    return f"{day.replace('-', '')}-{digest_now[:8]}"


def _judged_before(pipeline: Pipeline, training_digest_now: str) -> Row | None:
    """The ledger's entry on a model that was trained and judged on this very set, or None."""
    for entry in Registry(pipeline.store, pipeline.places.models).ledger():
        if entry["event"] == "judged" and entry["training_digest"] == training_digest_now:
            return entry
    return None


def _judged_on(pipeline: Pipeline, day: str) -> list[Row]:
    """The day's trainings as the ledger tells of them, for a manifest that was lost or that a killed run never wrote."""
    ledger = Registry(pipeline.store, pipeline.places.models).ledger()
    prefix = f"{day.replace('-', '')}-"
    trained = [entry for entry in ledger if entry["event"] == "judged" and entry["model_id"].startswith(prefix)]
    return [
        {name: entry.get(name) for name in TRAINING_ITERATIONS.columns}
        | {"sequence": number, "finished_at": datetime.fromisoformat(entry["at"])}
        for number, entry in enumerate(trained)
    ]


def _if_it_serves(pipeline: Pipeline, model_id: str) -> PublishedModel | None:
    champion = Registry(pipeline.store, pipeline.places.models).published()
    return champion if champion and champion.model_id == model_id else None


def _train(pipeline: Pipeline, row: Row, images: Sequence[TrainingImage], heartbeat: Heartbeat, clock: Clock) -> _Outcome:
    registry = Registry(pipeline.store, pipeline.places.models, clock)
    keep_training_set(pipeline, row["model_id"], images)
    # Before the trainer makes the project equal to its images, and what people tagged there is lost.
    pull_labels(pipeline, clock())
    model = pipeline.trainer.train(row["model_id"], images, lambda path: pipeline.store.read(path).data, heartbeat)
    # In digest order, which is chance: the same images for every model, and mostly the same ones from day to day.
    test = [image for image in images if image.split == "test"][: pipeline.training.max_test_images]
    champion = registry.published()
    serves = champion is not None and champion.model_id == model.model_id  # a run before us ended after publication
    champion_id = (champion.previous if serves else champion.model_id) if champion else None
    ours = _evaluate(pipeline, model, model.model_id, test)
    theirs = _evaluate_champion(pipeline, model, champion_id, test) if champion_id else None
    judgement = judge(ours, theirs, pipeline.training)
    if champion_id and theirs is None:
        judgement = replace(judgement, reason=f"Model {champion_id}, which serves, cannot be asked any more.")
    if champion and serves:
        judgement = replace(judgement, verdict="published", reason=champion.reason)
    published = _publish(pipeline, registry, model.model_id, judgement)
    row = row | {
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "kind": model.kind,
        "tags": list(model.tags),
        "test_images": len(test),
        "accuracy": ours.accuracy,
        "champion_id": champion_id or "",
        "champion_accuracy": theirs.accuracy if theirs else None,
        "worst_tag": judgement.worst_tag,
        "worst_tag_change": judgement.worst_tag_change,
        "seconds": model.seconds,
    }
    registry.note("judged", **row)
    return _Outcome(row, trained=True, published=published, evaluation=ours)


def _publish(pipeline: Pipeline, registry: Registry, model_id: str, judgement: Judgement) -> PublishedModel | None:
    if judgement.verdict != "published":
        return None
    pipeline.trainer.publish(model_id)
    return registry.publish(model_id, judgement.reason)


def _evaluate(pipeline: Pipeline, model: TrainedModel, model_id: str, test: Sequence[TrainingImage]) -> Evaluation:
    answers, _ = score_images(pipeline, model_id, {image.sha256: image.blob for image in test})
    return evaluate(model_id, model.kind, test, answers)


def _evaluate_champion(
    pipeline: Pipeline, model: TrainedModel, champion_id: str, test: Sequence[TrainingImage]
) -> Evaluation | None:
    """None when the champion is gone: deleted, or another trainer's that this one's predictor does not know."""
    try:
        pipeline.predictor.predict(champion_id, [])
    except ModelNotFoundError:
        return None
    return _evaluate(pipeline, model, champion_id, test)


def training_is_due(pipeline: Pipeline, training_set: Manifest, now: datetime) -> tuple[bool, str]:
    """Whether enough changed, long enough ago, for a training without being asked; and why not."""
    judged = [entry for entry in Registry(pipeline.store, pipeline.places.models).ledger() if entry["event"] == "judged"]
    if not judged:
        return True, ""
    rest = datetime.fromisoformat(judged[-1]["at"]) + timedelta(minutes=pipeline.training.cool_down_minutes) - now
    if rest.total_seconds() > 0:
        return False, f"The last training was a short while ago; the next may start in {rest.total_seconds() / 60:.0f} minutes."
    images = training_images(pipeline.manifests.read(training_set, TRAINING_SETS))
    changed = len({*map(as_kept, images)} ^ {*kept_training_set(pipeline, str(judged[-1]["model_id"]))})
    if changed < pipeline.training.min_changed_images:
        return False, f"{changed} images changed since the last training; {pipeline.training.min_changed_images} are waited for."
    return True, ""


def _repeats(rows: Sequence[Row], row: Row) -> bool:
    """Whether the day's last row already says this."""
    said = ("training_digest", "verdict", "reason", "model_id")
    return bool(rows) and all(rows[-1][name] == row[name] for name in said)


def _report(
    rows: Sequence[Row], *, trained: bool, published: PublishedModel | None = None, evaluation: Evaluation | None = None
) -> IterationReport:
    last = rows[-1]
    return IterationReport(
        iterations=len(rows),
        trained=trained,
        verdict=last["verdict"],
        reason=last["reason"],
        model_id=last["model_id"],
        accuracy=last.get("accuracy") or 0.0,
        champion_accuracy=last.get("champion_accuracy") or 0.0,
        images=last["images"],
        test_images=last.get("test_images") or 0,
        seconds=last.get("seconds") or 0.0,
        published=published,
        evaluation=evaluation,
        pictures=draw(evaluation) if evaluation else {},
    )
