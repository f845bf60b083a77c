"""Confusion, precision and recall: counted by hand and by the code."""

from collections.abc import Mapping

from imaging_assets.records.predictions import Prediction, Scored
from imaging_assets.stages.models.curves import Point, curves


def said(**probabilities: float) -> Scored:
    ordered = sorted(probabilities.items(), key=lambda item: -item[1])
    return Scored(tuple(Prediction(tag, probability) for tag, probability in ordered))


TESTED = [("a", ("cat",)), ("b", ("cat",)), ("c", ("dog",)), ("d", ("dog",)), ("e", ("dog",))]
ANSWERS: Mapping[str, Scored] = {
    "a": said(cat=0.9, dog=0.1),
    "b": said(dog=0.6, cat=0.4),
    "c": said(dog=0.8, cat=0.2),
    "d": said(cat=0.7, dog=0.3),
}


def test_rows_are_what_it_is_and_columns_what_was_said() -> None:
    found = curves("multiclass", TESTED, ANSWERS)
    assert (found.images, found.tags, found.confusion) == (4, ("cat", "dog"), ((1, 1), (1, 1)))
    assert [(score.tag, score.images, score.precision, score.recall) for score in found.per_tag] == [
        ("cat", 2, 0.5, 0.5),
        ("dog", 2, 0.5, 0.5),
    ]


def test_points_go_from_the_surest_answer_to_the_last() -> None:
    assert curves("multiclass", TESTED, ANSWERS).points["cat"] == (
        Point(0.9, 1.0, 0.5),
        Point(0.7, 0.5, 0.5),
        Point(0.4, 2 / 3, 1.0),
        Point(0.2, 0.5, 1.0),
    )


def test_equal_probabilities_are_one_point() -> None:
    same = {name: said(cat=0.5) for name in "abc"}
    assert curves("multilabel", TESTED, same).points["cat"] == (Point(0.5, 2 / 3, 1.0),)


def test_wrong_answers_come_the_surest_first() -> None:
    assert [(sha256, answer) for sha256, _, answer, _ in curves("multiclass", TESTED, ANSWERS).missed] == [
        ("d", "cat"),
        ("b", "dog"),
    ]


def test_a_tag_nobody_has_gets_no_curve_and_no_answers_give_nothing() -> None:
    assert curves("multiclass", [("a", ("cat",))], {"a": said(dog=1.0)}).points["dog"] == ()
    nothing = curves("multiclass", TESTED, {})
    assert (nothing.images, nothing.tags, nothing.missed) == (0, (), ())


def test_a_multilabel_answer_is_every_tag_of_at_least_a_half() -> None:
    found = curves("multilabel", [("a", ("cat", "dog"))], {"a": said(cat=0.9, dog=0.5, bird=0.4)})
    assert [(score.tag, score.recall) for score in found.per_tag] == [("cat", 1.0), ("dog", 1.0)]
