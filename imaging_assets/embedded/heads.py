"""What decides from features: two classifiers that learn in seconds, each with its ONNX form.

Belongs here: fitting, probabilities, export. Does not: which one wins (`model_search.py`).
Imported late (scikit-learn, skl2onnx).
"""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
import onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression
from typing_extensions import override

from imaging_assets.embedded.onnx_graph import OPSETS, GraphWriter
from imaging_assets.embedded.rows import Probabilities, Targets
from imaging_assets.records.models import ClassificationKind

Features = npt.NDArray[np.float32]
"""float32 [images, features]."""


class Head(ABC):
    """A classifier over features."""

    def __init__(self, kind: ClassificationKind, seed: int) -> None:
        self.kind = kind
        self.seed = seed

    @abstractmethod
    def fit(self, features: Features, targets: Targets) -> None:
        """Learn from at least one image; tags that no image has, or all have, are allowed."""

    @abstractmethod
    def probabilities(self, features: Features) -> Probabilities:
        """What scikit-learn itself answers."""

    @abstractmethod
    def export(self) -> onnx.ModelProto:
        """The same as a graph: float32 [images, features] to float32 [images, tags]."""


class LogisticHead(Head):
    """Logistic regression on standardised features: softmax over the tags, or one sigmoid per tag when multilabel."""

    STRENGTH = 0.1
    """Inverse of the penalty on squared weights; strong, because there are more features than images."""

    @override
    def fit(self, features: Features, targets: Targets) -> None:
        self._mean = features.mean(axis=0, dtype=np.float64)
        # A feature that hardly moves is left small rather than blown up to noise.
        self._scale = np.maximum(features.std(axis=0, dtype=np.float64), 1e-3)
        questions = targets.argmax(axis=1)[:, None] if self.kind == "multiclass" else targets.astype(np.intp)
        standard = self._standardise(features)
        self._answers = [_Regression(standard, answers, self.STRENGTH) for answers in questions.T]
        self._tags = targets.shape[1]

    @override
    def probabilities(self, features: Features) -> Probabilities:
        standard = self._standardise(features)
        if self.kind == "multiclass":
            return self._answers[0].probabilities(standard, self._tags)
        return np.stack([answer.probabilities(standard, 2)[:, 1] for answer in self._answers], axis=1)

    @override
    def export(self) -> onnx.ModelProto:
        weights, biases = zip(*(answer.scores(self._tags, self.kind) for answer in self._answers), strict=True)
        graph = GraphWriter("features", ("images", len(self._mean)))
        centred = graph.add("Sub", graph.source, graph.floats(self._mean))
        folded = graph.floats((np.concatenate(weights) / self._scale).T)
        scores = graph.add("Gemm", centred, folded, graph.floats(np.concatenate(biases)))
        if self.kind == "multilabel":
            return graph.model(graph.add("Sigmoid", scores), "probabilities")
        return graph.model(graph.add("Softmax", scores, axis=1), "probabilities")

    def _standardise(self, features: Features) -> npt.NDArray[np.float64]:
        standard: npt.NDArray[np.float64] = (features - self._mean) / self._scale
        return standard


class _Regression:
    """One fit; also when there is only one answer, which scikit-learn refuses."""

    _CERTAIN = 10.0
    """Score (log-odds) of an answer that was the only one ever seen."""

    def __init__(self, features: npt.NDArray[np.float64], answers: npt.NDArray[np.intp], strength: float) -> None:
        self._present = np.unique(answers)
        self._width = features.shape[1]
        self._model = None
        if len(self._present) > 1:
            # The penalty makes the problem easy: a few dozen rounds of 1,000 are ever needed.
            self._model = LogisticRegression(C=strength, max_iter=1_000, tol=1e-3).fit(features, answers)

    def probabilities(self, features: npt.NDArray[np.float64], count: int) -> Probabilities:
        """[images, count]; answers never seen get 0, a lone answer nearly 1."""
        filled = np.zeros((len(features), count))
        if self._model is None:
            certain = 1 / (1 + np.exp(-self._CERTAIN))
            filled[:] = 1 - certain
            filled[:, self._present[0]] = certain
        else:
            filled[:, self._present] = self._model.predict_proba(features)
        return filled

    def scores(self, tags: int, kind: ClassificationKind) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Weights [rows, features] and biases [rows]: a row per tag, or the single row of a yes-or-no question."""
        if self._model is None:
            sign = 1.0 if self._present[0] == 1 else -1.0
            return np.zeros((1, self._width)), np.array([sign * self._CERTAIN])
        weights, biases = self._model.coef_, self._model.intercept_
        if kind == "multiclass" and tags == 2:
            # scikit-learn keeps one row for two classes; half of it each way gives the same softmax.
            return np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
        return weights, biases


class ExtraTreesHead(Head):
    """Extremely randomised trees; the mean share of each tag among the training images in the leaves reached.

    P. Geurts, D. Ernst, L. Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006. As a regression on 0 and 1 per
    tag it serves both kinds: squared error over one-of-n columns is the Gini impurity.
    """

    TREES = 200

    @override
    def fit(self, features: Features, targets: Targets) -> None:
        self._width = features.shape[1]
        self._model = ExtraTreesRegressor(
            self.TREES,
            max_features="sqrt",
            # Leaves grow with the set: the model stays at some tens of megabytes.
            min_samples_leaf=1 + len(features) // 2_000,
            random_state=self.seed,
            n_jobs=2,
        ).fit(features, targets.astype(np.float64))

    @override
    def probabilities(self, features: Features) -> Probabilities:
        # One thread: the order in which trees are added up must not depend on luck.
        self._model.set_params(n_jobs=1)
        return np.asarray(self._model.predict(features), dtype=np.float64)

    @override
    def export(self) -> onnx.ModelProto:
        converted: onnx.ModelProto = to_onnx(
            self._model, initial_types=[("features", FloatTensorType([None, self._width]))], target_opset=OPSETS
        )
        return converted


HEADS: dict[str, type[Head]] = {"logistic regression": LogisticHead, "extra trees": ExtraTreesHead}
