"""The comparison of candidates: folds, scores, and heads that agree with their ONNX form."""

import numpy as np
import onnxruntime
import pytest

from imaging_assets.embedded.heads import HEADS
from imaging_assets.embedded.model_search import CANDIDATES, ModelSearch
from imaging_assets.embedded.onnx_graph import to_bytes
from imaging_assets.embedded.onnx_session import PixelSession
from imaging_assets.embedded.rows import FOLDS, Rows, assign_folds, change_light, score
from imaging_assets.records.models import ClassificationKind

RANDOM = np.random.default_rng(3)


def one_of(tags: int, images: int = 60) -> np.ndarray:
    return np.eye(tags, dtype=np.bool_)[np.arange(images) % tags]


MANY_OF = np.stack([np.arange(60) % 2 == 0, np.arange(60) % 3 == 0, np.arange(60) >= 0, np.arange(60) < 0], axis=1)

SETS = [
    pytest.param("multiclass", one_of(2), id="two tags"),
    pytest.param("multiclass", one_of(5), id="five tags"),
    pytest.param("multilabel", MANY_OF, id="multilabel, one tag on all and one on none"),
]


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(("kind", "targets"), SETS)
def test_a_head_answers_the_same_in_onnx_as_in_scikit_learn(name: str, kind: ClassificationKind, targets: np.ndarray) -> None:
    features = (RANDOM.normal(size=(60, 40)) + targets @ RANDOM.normal(size=(targets.shape[1], 40))).astype(np.float32)
    unseen = RANDOM.normal(size=(200, 40)).astype(np.float32)
    head = HEADS[name](kind, 0)
    head.fit(features, targets)
    session = onnxruntime.InferenceSession(to_bytes(head.export()), providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"features": unseen})
    assert np.abs(answers - head.probabilities(unseen)).max() < 1e-4
    assert np.mean((head.probabilities(features) >= 0.5) == targets) > 0.9


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_every_candidate_becomes_one_model_from_pixels_to_probabilities(candidate: str) -> None:
    targets = one_of(3, 30)
    pixels = RANDOM.integers(0, 256, (30, 64, 64, 3)).astype(np.uint8)
    rows = Rows(pixels, targets, tuple(str(number) for number in range(30)))
    # `fit` itself compares with scikit-learn, on these very images, and raises at a difference of 1e-4.
    answers = PixelSession(ModelSearch(rows, "multiclass", 0).fit(candidate)).run(pixels)
    assert answers.shape == (30, 3)
    assert np.mean(answers.argmax(axis=1) == targets.argmax(axis=1)) > 0.9


def test_a_group_never_sits_in_two_folds_and_every_tag_is_spread() -> None:
    targets, groups = one_of(3, 90), [str(number // 6) for number in range(90)]
    folds = assign_folds(targets, groups)
    assert all(len({fold for fold, other in zip(folds, groups, strict=True) if other == group}) == 1 for group in groups)
    assert [targets[folds == fold].sum(axis=0).tolist() for fold in range(FOLDS)] == [[10, 10, 10]] * FOLDS


def test_a_single_group_or_a_rare_tag_is_no_reason_to_fail() -> None:
    assert set(assign_folds(one_of(2, 10), ["same"] * 10)) == {0}
    rare = np.zeros((10, 2), dtype=np.bool_)
    rare[:, 0], rare[3] = True, (False, True)
    pixels = RANDOM.integers(0, 256, (10, 64, 64, 3)).astype(np.uint8)
    for groups in (("same",) * 10, tuple("abcdefghij")):
        candidates = ModelSearch(Rows(pixels, rare, groups), "multiclass", 0).compare(0, lambda _: None)
        assert all(0 <= candidate.score <= 1 for candidate in candidates)


@pytest.mark.slow
def test_of_perfect_candidates_the_one_that_stands_another_light_comes_first() -> None:
    # Stripes decide, but until the light changes the colour of the day tells as much.
    across, up = np.meshgrid(np.arange(64), np.arange(64))
    targets = one_of(2, 40)
    stripes = np.where(targets[:, 0, None, None], np.sin(across * 0.7), np.sin(up * 0.7))[..., None]
    tint = np.where(targets[:, :1], (-9, 4, 4), (9, -4, -4))[:, None, None, :]
    pixels = (120 + 30 * stripes + tint + RANDOM.normal(0, 3, (40, 64, 64, 3))).clip(0, 255).astype(np.uint8)
    rows = Rows(pixels, targets, tuple(str(number) for number in range(40)))
    candidates = ModelSearch(rows, "multiclass", 0).compare(60, lambda _: None)
    model = PixelSession(ModelSearch(rows, "multiclass", 0).fit(candidates[0].name))
    assert candidates[0].score == candidates[1].score == 1.0
    assert np.array_equal(model.run(change_light(pixels, seed=5)).argmax(axis=1), targets.argmax(axis=1))


def test_scores_count_right_tags() -> None:
    targets = np.array([[True, False], [False, True]])
    answers = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert score(answers, targets, "multiclass") == 0.5
    assert score(answers, targets, "multilabel") == 0.5
    assert score(answers[:0], targets[:0], "multiclass") == 0.0
