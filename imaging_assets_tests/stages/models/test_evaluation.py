"""The judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from imaging_assets.policies import Training
from imaging_assets.records.models import Evaluation, TagScore, TrainingImage
from imaging_assets.records.predictions import Prediction, Scored
from imaging_assets.stages.models.evaluation import evaluate, judge, precision_recall


def an_image(name: str, *tags: str) -> TrainingImage:
    return TrainingImage(name, f"resized/{name}.jpg", tags, (), name, "test")


def answering(*tags: tuple[str, float]) -> Scored:
    return Scored(tuple(Prediction(tag, probability) for tag, probability in tags))


def an_evaluation(accuracy: float, *, images: int = 10, **recalls: float) -> Evaluation:
    scores = tuple(TagScore(tag, 5, 0.5, recall) for tag, recall in (recalls or {"cat": accuracy}).items())
    return Evaluation("m", images, accuracy, scores)


def test_the_most_probable_tag_is_the_answer_when_images_have_one_tag_each() -> None:
    images = [an_image("a", "cat"), an_image("b", "cat"), an_image("c", "dog"), an_image("d", "dog")]
    scored = {
        "a": answering(("cat", 0.4), ("dog", 0.3)),
        "b": answering(("dog", 0.9), ("cat", 0.1)),
        "c": answering(("dog", 0.9)),
        "d": answering(("dog", 0.2)),
    }
    found = evaluate("m", "multiclass", images, scored)
    assert (found.model_id, found.images, found.accuracy) == ("m", 4, 0.75)
    assert found.per_tag == (TagScore("cat", 2, 1.0, 0.5, 1.0), TagScore("dog", 2, 2 / 3, 1.0, 0.5 * 0.5 + 0.5 * 2 / 4))
    assert found.confusion == {("cat", "cat"): 1, ("cat", "dog"): 1, ("dog", "dog"): 2}


def test_all_tags_of_a_half_and_more_are_the_answer_when_images_have_several() -> None:
    images = [an_image("a", "cat", "pet"), an_image("b", "cat", "pet"), an_image("c", "pet"), an_image("d", "cat")]
    scored = {
        "a": answering(("cat", 0.9), ("pet", 0.5)),
        "b": answering(("cat", 0.9), ("pet", 0.49)),
        "c": answering(("pet", 0.8), ("cat", 0.7)),
        "d": answering(("dog", 0.3)),
    }
    found = evaluate("m", "multilabel", images, scored)
    assert found.accuracy == 0.25
    assert found.per_tag == (TagScore("cat", 3, 2 / 3, 2 / 3, 2 / 3), TagScore("pet", 3, 1.0, 2 / 3, 1.0))
    assert found.confusion == {}


@pytest.mark.parametrize("scored", [{}, {"a": Scored(())}, {"a": Scored((), error="broken")}])
def test_an_image_without_an_answer_counts_as_wrong(scored: dict[str, Scored]) -> None:
    found = evaluate("m", "multiclass", [an_image("a", "cat")], scored)
    assert (found.accuracy, found.per_tag) == (0.0, (TagScore("cat", 1, 0.0, 0.0),))


def test_an_image_without_an_answer_is_a_column_of_its_own() -> None:
    assert evaluate("m", "multiclass", [an_image("a", "cat")], {}).confusion == {("cat", ""): 1}


@given(
    st.lists(
        st.tuples(st.sampled_from(["cat", "dog"]), st.integers(0, 10).map(lambda tenths: tenths / 10)), min_size=1, max_size=40
    )
)
def test_average_precision_is_what_scikit_learn_makes_of_it(facts: list[tuple[str, float]]) -> None:
    images = [an_image(str(number), tag) for number, (tag, _) in enumerate(facts)]
    scored = {str(number): answering(("cat", sure), ("dog", 1 - sure)) for number, (_, sure) in enumerate(facts)}
    found = {score.tag: score.average_precision for score in evaluate("m", "multiclass", images, scored).per_tag}
    truth = [tag == "cat" for tag, _ in facts]
    assert "cat" in found or not any(truth)
    if any(truth):
        assert found["cat"] == pytest.approx(average_precision_score(truth, [sure for _, sure in facts]))


def test_a_curve_ends_where_the_model_said_no_more() -> None:
    images = [an_image("a", "cat"), an_image("b", "dog"), an_image("c", "cat")]
    scored = {"a": answering(("cat", 0.9)), "b": answering(("cat", 0.8)), "c": answering(("dog", 0.8))}
    assert precision_recall("cat", images, scored) == ((0.5, 1.0), (0.5, 0.5))


def test_without_test_images_accuracy_is_zero() -> None:
    assert evaluate("m", "multiclass", [], {}) == Evaluation("m", 0, 0.0, ())


def test_a_tag_that_no_test_image_has_is_not_scored() -> None:
    found = evaluate("m", "multiclass", [an_image("a", "cat")], {"a": answering(("bird", 1.0))})
    assert [score.tag for score in found.per_tag] == ["cat"]


def test_the_first_model_is_published_even_untested() -> None:
    for evaluation in (an_evaluation(0.1), Evaluation("m", 0, 0.0, ())):
        assert judge(evaluation, None, Training()).verdict == "published"


def test_without_test_images_the_champion_stays() -> None:
    nothing = Evaluation("m", 0, 0.0, ())
    verdict = judge(nothing, nothing, Training())
    assert (verdict.verdict, verdict.reason) == (
        "kept champion",
        "There are no test images to compare on. Label more images.",
    )


@pytest.mark.parametrize(
    ("challenger", "champion", "margin", "verdict"),
    [
        (0.9, 0.8, 0.0, "published"),
        (0.8, 0.8, 0.0, "kept champion"),
        (0.7, 0.8, 0.0, "kept champion"),
        (0.9, 0.8, 0.05, "published"),
        (0.84, 0.8, 0.05, "kept champion"),
        (0.75, 0.5, 0.25, "kept champion"),
        (1.0, 0.0, 1.0, "kept champion"),
    ],
)
def test_a_challenger_is_published_only_when_better_by_more_than_the_margin(
    challenger: float, champion: float, margin: float, verdict: str
) -> None:
    assert judge(an_evaluation(challenger), an_evaluation(champion), Training(margin=margin)).verdict == verdict


def test_the_reason_tells_both_accuracies_and_the_number_of_images() -> None:
    better = judge(an_evaluation(0.9), an_evaluation(0.8), Training())
    worse = judge(an_evaluation(0.8), an_evaluation(0.9), Training())
    assert better.reason == "Better: accuracy 0.900 against 0.800 on the same 10 test images."
    assert worse.reason == "Not better by more than 0: accuracy 0.800 against 0.900 on the same 10 test images."


@pytest.mark.parametrize(("drop", "verdict"), [(0.25, "published"), (0.5, "published"), (0.2, "kept champion")])
def test_no_tag_may_become_much_worse(drop: float, verdict: str) -> None:
    challenger, champion = an_evaluation(0.9, cat=1.0, dog=0.5), an_evaluation(0.8, cat=0.5, dog=0.75)
    found = judge(challenger, champion, Training(max_tag_drop=drop))
    assert (found.verdict, found.worst_tag, found.worst_tag_change) == (verdict, "dog", -0.25)
    if verdict != "published":
        assert found.reason.startswith("Recall of 'dog' would fall by 0.25, more than 0.2 (accuracy 0.900 against 0.800")


def test_of_equally_worse_tags_the_first_is_named() -> None:
    found = judge(an_evaluation(0.9, dog=0.5, cat=0.5), an_evaluation(0.8, cat=0.6, dog=0.6), Training())
    assert found.worst_tag == "cat"
