"""Whom the queue asks about, and in which order."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging_assets.records.manifests import Region
from imaging_assets.records.models import ClassificationKind
from imaging_assets.records.predictions import Prediction
from imaging_assets.stages.review.ranking import Question, Reviewable, choose, doubt, interleave, most_different, uncertainty

KINDS: tuple[ClassificationKind, ...] = ("multiclass", "multilabel")


def seen(**probabilities: float) -> tuple[Prediction, ...]:
    """A model's answer, most probable tag first."""
    found = [Prediction(tag, probability) for tag, probability in probabilities.items()]
    return tuple(sorted(found, key=lambda prediction: -prediction.probability))


def direction(degrees: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    angle = np.radians(degrees)
    return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)


def an_image(
    name: str, sure: float = 0.99, *, tags: Sequence[str] = (), degrees: float | None = 0.0, group: str = ""
) -> Reviewable:
    """An image in which a model sees a cat with that probability."""
    vector = None if degrees is None else direction(degrees)
    answer = seen(cat=sure, dog=1 - sure)
    unsure, doubted = uncertainty(answer, "multiclass"), doubt(tags, answer, "multiclass") if tags else 0.0
    return Reviewable(name, tuple(tags), unsure, doubted, vector, group)


def asked(questions: Sequence[Question], reason: str) -> list[str]:
    return [question.sha256 for question in questions if question.reason == reason]


# --- how unsure, how doubtful


@pytest.mark.parametrize(
    ("kind", "predictions", "expected"),
    [
        ("multiclass", seen(cat=1.0, dog=0.0), 0.0),
        ("multiclass", seen(cat=0.5, dog=0.5), 1.0),
        ("multiclass", seen(cat=0.5, dog=0.3, cow=0.2), 0.8),
        ("multiclass", seen(cat=0.04, dog=0.03), 0.99),
        ("multilabel", seen(cat=0.9, dog=0.1), 0.2),
        ("multilabel", seen(cat=0.9, dog=0.6), 0.8),
        ("multiclass", (Prediction("cat", 0.5, Region("cat", 0, 0, 1, 1)), Prediction("cat", 0.1)), 1.0),
    ],
)
def test_uncertainty_is_a_close_second_or_for_independent_tags_a_half(
    kind: ClassificationKind, predictions: tuple[Prediction, ...], expected: float
) -> None:
    assert uncertainty(predictions, kind) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kind", "tags", "predictions", "expected"),
    [
        ("multiclass", ["cat"], seen(cat=0.9, dog=0.1), 0.0),
        ("multiclass", ["dog"], seen(cat=0.9, dog=0.1), 0.8),
        ("multiclass", ["cow"], seen(cat=0.9, dog=0.1), 0.9),
        ("multilabel", ["cat"], seen(cat=0.9, dog=0.1), 0.0),
        ("multilabel", ["cat"], seen(cat=0.9, dog=0.9), 0.8),
        ("multilabel", ["cat", "dog"], seen(cat=0.9, dog=0.1), 0.8),
        ("multiclass", ["dog"], (Prediction("cat", 0.9, Region("cat", 0, 0, 1, 1)),), 0.0),
    ],
)
def test_a_label_is_doubted_as_far_as_the_model_says_something_else(
    kind: ClassificationKind, tags: list[str], predictions: tuple[Prediction, ...], expected: float
) -> None:
    assert doubt(tags, predictions, kind) == pytest.approx(expected)


@given(
    st.sampled_from(KINDS), st.lists(st.floats(0, 1), min_size=1, max_size=20), st.sets(st.sampled_from("abcdefgh"), min_size=1)
)
def test_both_stay_between_nothing_and_certainty(kind: ClassificationKind, probabilities: list[float], tags: set[str]) -> None:
    predictions = seen(**{chr(97 + place): value for place, value in enumerate(probabilities)})
    assert 0 <= uncertainty(predictions, kind) <= 1
    assert 0 <= doubt(sorted(tags), predictions, kind) <= 1


# --- how different


def test_each_next_image_is_the_furthest_from_all_before() -> None:
    images = [an_image(str(degrees), degrees=degrees) for degrees in (0, 5, 90, 100, 180)]
    known = [an_image("known", degrees=0)]
    found = most_different(images, known, 3)
    assert [name for name, _ in found] == ["180", "90", "100"]
    assert [distance for _, distance in found] == pytest.approx([2.0, 1.0, 1 - np.cos(np.radians(10))], abs=1e-5)


def test_without_anything_known_the_odd_one_comes_first() -> None:
    images = [an_image(str(degrees), degrees=degrees) for degrees in (0, 1, 2, 3, 120)]
    assert most_different(images, [], 1)[0][0] == "120"


def test_more_are_never_chosen_than_there_are_and_none_twice() -> None:
    images = [an_image(str(number), degrees=0) for number in range(3)] + [an_image("blank", degrees=None)]
    assert sorted(name for name, _ in most_different(images, [], 10)) == ["0", "1", "2"]
    assert most_different([], [], 5) == []


# --- the choice


def test_reasons_take_turns_and_each_begins_with_its_best() -> None:
    images = [
        an_image("unsure", 0.5),
        an_image("less unsure", 0.6),
        an_image("odd", 0.99, degrees=180),
        an_image("plain", 0.99, degrees=1),
        an_image("wrong", 0.99, tags=["dog"]),
        an_image("right", 0.99, tags=["cat"]),
    ]
    questions = choose(images, 6)
    assert [(question.sha256, question.reason) for question in questions] == [
        ("unsure", "least certain"),
        ("odd", "most different"),
        ("wrong", "label doubted"),
        ("less unsure", "least certain"),
        ("plain", "most different"),
    ]


def test_sure_answers_and_believed_labels_are_no_reason() -> None:
    questions = choose([an_image("sure", 0.99, degrees=None), an_image("right", 0.9, tags=["cat"])], 5)
    assert questions == []


def test_of_near_duplicates_one_is_asked_about_and_none_when_one_has_its_label() -> None:
    twins = [an_image(name, 0.5, group="burst") for name in ("b", "a", "c")]
    assert [question.sha256 for question in choose(twins, 5)] == ["a"]
    assert choose([*twins, an_image("d", 0.99, tags=["cat"], group="burst")], 5) == []


def test_doubted_labels_take_a_third_at_most() -> None:
    images = [an_image(f"wrong {number}", 0.99, tags=["dog"]) for number in range(20)]
    images += [an_image(f"unsure {number:02}", 0.5) for number in range(20)]
    questions = choose(images, 12)
    assert len(questions) == 12
    assert [len(asked(questions, reason)) for reason in ("least certain", "most different", "label doubted")] == [4, 4, 4]


@given(
    st.permutations(range(12)),
    st.integers(1, 8),
    st.lists(st.tuples(st.floats(0.5, 1), st.sampled_from(["", "cat", "dog"]), st.floats(0, 360)), min_size=12, max_size=12),
)
def test_the_choice_does_not_depend_on_the_order_and_keeps_to_its_places(
    order: list[int], places: int, facts: list[tuple[float, str, float]]
) -> None:
    images = [
        an_image(f"{number:02}", sure, tags=[tag] if tag else [], degrees=degrees)
        for number, (sure, tag, degrees) in enumerate(facts)
    ]
    questions = choose(images, places)
    assert questions == choose([images[place] for place in order], places)
    assert len(questions) <= places
    assert len({question.sha256 for question in questions}) == len(questions)


def test_an_image_with_two_reasons_is_asked_about_once_for_the_first() -> None:
    one, two, three = (Question(name, "least certain", 1.0) for name in "abc")
    again = Question("b", "most different", 1.0)
    assert interleave([one, two, three], [again]) == [one, again, three]
