"""An evaluation as pictures: they show the numbers, and stay small whatever there is to show."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from imaging_assets.records.models import Evaluation, TagScore
from imaging_assets.stages.models.pictures import draw

SMALL = 24_000
"""Bytes: base64 in Dagster's event log must stay below 32 KB."""


def opened(data: bytes) -> npt.NDArray[np.int16]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


def reddish(pixels: npt.NDArray[np.int16]) -> int:
    """Pixels of a mistake."""
    return int(((pixels[..., 0] - pixels[..., 1] > 60) & (pixels[..., 0] - pixels[..., 2] > 60)).sum())


def an_evaluation(tags: list[str], wrong: float, answers: list[str] | None = None) -> Evaluation:
    """Ten images of each tag; a share of them answered with the next."""
    answers = answers or [*tags[1:], tags[0]]
    mistakes = round(10 * wrong)
    confusion = {(tag, tag): 10 - mistakes for tag in tags}
    if mistakes:
        confusion |= dict.fromkeys(zip(tags, answers, strict=True), mistakes)
    scores = tuple(TagScore(tag, 10, 0.9, 0.9, 1 - place / len(tags)) for place, tag in enumerate(tags))
    curves = dict.fromkeys(tags, ((0.5, 1.0), (1.0, 0.7)))
    return Evaluation("m", 10 * len(tags), 1 - wrong, scores, confusion, curves)


def test_mistakes_show_in_their_colour_and_a_faultless_model_has_none() -> None:
    faultless = opened(draw(an_evaluation(["cat", "dog"], 0.0))["confusion_matrix"])
    faulty = opened(draw(an_evaluation(["cat", "dog"], 0.8))["confusion_matrix"])
    assert reddish(faultless) == 0
    assert reddish(faulty) > 500


@pytest.mark.parametrize(
    "tags",
    [
        ["cat", "dog"],
        [f"tag {number} with a name that is much too long" for number in range(200)],
        ["日本", "🐈", "a\nb", "=1+1"],
        ["only one"],
    ],
    ids=["few", "many", "odd letters", "one"],
)
def test_both_pictures_are_drawn_and_small(tags: list[str]) -> None:
    found = draw(an_evaluation(tags, 0.3))
    assert list(found) == ["confusion_matrix", "precision_by_recall"]
    for data in found.values():
        assert len(data) < SMALL
        assert max(opened(data).shape) < 800


def test_answers_that_no_test_image_has_and_missing_ones_have_columns() -> None:
    plain = opened(draw(an_evaluation(["cat", "dog"], 0.0))["confusion_matrix"])
    wider = opened(draw(an_evaluation(["cat", "dog"], 0.5, ["cow", ""]))["confusion_matrix"])
    assert wider.shape[1] - plain.shape[1] == 60
    assert wider.shape[0] == plain.shape[0]


def test_a_multilabel_model_has_curves_alone_and_an_untested_one_nothing() -> None:
    tested = an_evaluation(["cat", "dog"], 0.3)
    several = Evaluation("m", 20, 0.7, tested.per_tag, {}, tested.curves)
    assert list(draw(several)) == ["precision_by_recall"]
    assert draw(Evaluation("m", 0, 0.0, ())) == {}
