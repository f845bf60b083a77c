"""Which model serves, and how that came about."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.errors import BlobConflictError, UsageError
from imaging_assets.stages.models.registry import Registry, champion_accuracy
from imaging_assets_tests.builders import DAY, a_pipeline
from imaging_assets_tests.doubles import FailingBlobStore
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, NOON
from imaging_assets_tests.stages.models.doubles import (
    a_training_set,
    cats_and_dogs,
    iterate_day,
    right_about,
    scored_images,
    with_models,
)


def ticking() -> Callable[[], datetime]:
    """A clock that moves on by a minute each time it is looked at."""
    minutes = iter(range(10_000))
    return lambda: NOON + timedelta(minutes=next(minutes))


def a_registry(folder: Path, clock: Callable[[], datetime] | None = None) -> Registry:
    return Registry(DirectoryBlobStore.create(folder), clock=clock or ticking())


def events(registry: Registry) -> list[tuple[str, str]]:
    return [(entry["event"], entry["model_id"]) for entry in registry.ledger()]


def test_at_first_nothing_serves(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    assert (registry.published(), registry.ledger()) == (None, [])


def test_the_published_model_tells_since_when_why_and_after_which(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    registry.publish("a", "first")
    registry.publish("b", "better")
    published = registry.published()
    assert published is not None
    assert (published.model_id, published.previous, published.reason) == ("b", "a", "better")
    assert datetime.fromisoformat(published.published_at) == NOON + timedelta(minutes=2)


def test_the_ledger_keeps_every_entry_in_order_and_changes_none(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    registry.publish("a", "first")
    before = registry.ledger()
    registry.note("judged", "a", accuracy=0.5)
    registry.publish("b", "better")
    registry.rollback()
    assert registry.ledger()[:1] == before
    assert events(registry) == [("published", "a"), ("judged", "a"), ("published", "b"), ("rolled back", "a")]
    assert registry.ledger()[1]["accuracy"] == 0.5


def test_publishing_the_model_that_serves_changes_nothing(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    registry.publish("a", "first")
    registry.publish("b", "better")
    before, told = registry.published(), registry.ledger()
    assert registry.publish("b", "again") == before == registry.published()
    assert registry.ledger() == told


def test_a_publication_that_was_killed_before_the_ledger_knew_is_told_when_it_is_repeated(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    registry.publish("a", "first")
    with pytest.raises(RuntimeError, match="killed"):
        Registry(FailingBlobStore(registry.store, 1)).publish("b", "better")
    registry.publish("b", "better")
    assert events(registry) == [("published", "a"), ("published", "b")]
    registry.publish("c", "better still")
    assert [registry.rollback().model_id, registry.rollback().model_id] == ["b", "a"]


def test_of_two_runs_that_publish_at_once_one_is_told(tmp_path: Path) -> None:
    for name, there in {"first": False, "later": True}.items():
        other = a_registry(tmp_path / name)
        if there:
            other.publish("old", "first")
        slow = Registry(other.store, clock=lambda other=other: (other.publish("fast", "was faster"), NOON)[1])  # type: ignore[misc]
        with pytest.raises(BlobConflictError):
            slow.publish("slow", "too late")
        published = other.published()
        assert published is not None
        assert published.model_id == "fast"
        assert ("published", "slow") not in events(other)


def test_rolling_back_goes_back_step_by_step_to_the_first_model(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    for name in "abc":
        registry.publish(name, f"{name} is better")
    back = registry.rollback()
    assert (back.model_id, back.previous, back.reason) == ("b", "a", "rolled back from c")
    assert registry.published() == back
    assert registry.rollback().model_id == "a"
    with pytest.raises(UsageError, match="No model was published before the present one"):
        registry.rollback()


def test_verdicts_noted_after_a_publication_do_not_bar_the_way_back(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    for name in "abc":
        registry.publish(name, "better")
        registry.note("judged", name, verdict="published")
    assert [registry.rollback().model_id, registry.rollback().model_id] == ["b", "a"]


def test_a_model_published_after_a_rollback_rolls_back_to_what_served_then(tmp_path: Path) -> None:
    registry = a_registry(tmp_path)
    registry.publish("a", "first")
    registry.publish("b", "better")
    registry.rollback()
    registry.publish("c", "better still")
    assert [registry.rollback().model_id] == ["a"]
    with pytest.raises(UsageError):
        registry.rollback()


def test_without_any_model_there_is_no_way_back(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="imaging-assets run"):
        a_registry(tmp_path).rollback()


def test_the_champion_s_accuracy_is_that_of_its_newest_comparison(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_training_set(pipeline, tmp_path, cats_and_dogs(40))
    first = scored_images(pipeline)
    pipeline, _, _ = with_models(pipeline, right_about(first, 6))
    one = iterate_day(pipeline)
    assert champion_accuracy(pipeline, one.model_id) == 6 / len(first)

    a_training_set(pipeline, tmp_path, cats_and_dogs(20, start=40), NEXT_DAY)
    second = scored_images(pipeline, NEXT_DAY)
    # The first model is asked about new test images only, and wrong about them; the second knows nothing.
    pipeline, _, _ = with_models(pipeline, dict.fromkeys(second, "nonsense") | right_about(first, 6), right_about(second, 0))
    two = iterate_day(pipeline, NEXT_DAY)
    assert two.verdict == "kept champion"
    assert champion_accuracy(pipeline, one.model_id) == 6 / len(second)
    assert champion_accuracy(pipeline, two.model_id) == 0.0
    assert champion_accuracy(pipeline, "unheard of") is None
    assert iterate_day(pipeline, DAY, NEXT_DAY).verdict == "not trained"
    assert champion_accuracy(pipeline, one.model_id) == 6 / len(second)
