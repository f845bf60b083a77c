"""Which features and which classifier suit these images: grouped cross-validation of a few candidates.

Belongs here: folds, scores, the order of the candidates and the budget. Does not: reading images or storing models
(`trainer.py`). Imported late (scikit-learn, onnx).
"""

import time
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from imaging_assets.embedded.features import (
    Feature,
    coarse_grid,
    colour_layout,
    filter_statistics,
    fine_grid,
    gradient_correlations,
    write_features,
)
from imaging_assets.embedded.filters import learn_filters
from imaging_assets.embedded.heads import HEADS, Features, Head
from imaging_assets.embedded.onnx_graph import join, to_bytes
from imaging_assets.embedded.onnx_session import PixelSession
from imaging_assets.embedded.rows import (
    FOLDS,
    OTHER_LIGHT,
    SEARCH_ROWS,
    Rows,
    Targets,
    assign_folds,
    change_light,
    check_agreement,
    score,
)
from imaging_assets.records.models import Candidate, ClassificationKind

GRADIENTS = ("layout", "correlations")
CANDIDATES = {
    f"{name}, {head}": (parts, head)
    for name, parts, head in (
        ("gradients", GRADIENTS, "logistic regression"),
        ("gradients", GRADIENTS, "extra trees"),
        ("textures", ("textures",), "logistic regression"),
        ("gradients and textures", (*GRADIENTS, "textures"), "logistic regression"),
        ("correlations", ("correlations",), "logistic regression"),
        ("correlations", ("correlations",), "extra trees"),
        ("textures", ("textures",), "extra trees"),
        ("gradients and textures", (*GRADIENTS, "textures"), "extra trees"),
    )
}
"""Name to measured parts and classifier, from cheap and strong to dear: what a spent budget cuts off matters least."""


class ModelSearch:
    """Compares candidates on `rows` and fits the best; call under one BLAS thread for equal bytes from equal input.

    Every picture is learnt from twice, once in another light, and asked about as it is.
    """

    def __init__(self, rows: Rows, kind: ClassificationKind, seed: int) -> None:
        self._rows = rows
        self._sample = rows.first(SEARCH_ROWS)
        self._kind = kind
        self._seed = seed
        self._fold_of = assign_folds(self._sample.targets, self._sample.groups)
        self._lights = {
            "as it is": self._sample.pixels,
            "learnt": change_light(self._sample.pixels, seed, OTHER_LIGHT),
            "asked": change_light(self._sample.pixels, seed + 1),
        }
        self._measured: dict[tuple[str, str], Features] = {}

    def compare(self, budget_seconds: float, heartbeat: Callable[[str], None]) -> list[Candidate]:
        """Candidates by falling score, at least one; none is started once the budget is spent.

        Easy sets make several candidates perfect. Equally good ones are asked again under another light, which tells those that
        learnt the day's colours from those that learnt the things.
        """
        begun = time.monotonic()
        results: list[Candidate] = []
        for name in CANDIDATES:
            started = time.monotonic()
            if results and started - begun > budget_seconds:
                break
            heartbeat(f"comparing {name}, {started - begun:.0f} s of {budget_seconds:.0f} s")
            answered = self._score(name, "as it is")
            results.append(Candidate(name, answered, time.monotonic() - started))
        results.sort(key=lambda result: -result.score)
        best = [result for result in results if result.score == results[0].score]
        if len(best) > 1:
            heartbeat(f"comparing {len(best)} equally good ones under another light")
            best.sort(key=lambda result: -self._score(result.name, "asked"))
        return best + results[len(best) :]

    def fit(self, name: str) -> bytes:
        """The candidate of that name, learnt from all rows, as one ONNX model from pixels to probabilities.

        Raises:
            ArithmeticError: onnxruntime and scikit-learn disagree; the model must not be used.
        """
        parts, head_name = CANDIDATES[name]
        graph = write_features([feature for part in parts for feature in self._features(part)])
        session = PixelSession(to_bytes(graph))
        values = session.run(self._rows.pixels)
        head = self._fitted(
            head_name, values, session.run(change_light(self._rows.pixels, self._seed, OTHER_LIGHT)), self._rows.targets
        )
        model = to_bytes(join(graph, head.export(), "probabilities"))
        check_agreement(model, self._rows.pixels[:SEARCH_ROWS], head.probabilities(values[:SEARCH_ROWS]))
        return model

    def _score(self, name: str, light: str) -> float:
        """Each image of the sample, in that light, answered by a head that saw nothing of its fold."""
        parts, head = CANDIDATES[name]
        values, lit, asked = (self._measure(parts, light) for light in ("as it is", "learnt", light))
        targets = self._sample.targets
        answers = np.zeros(targets.shape)
        judged = np.zeros(len(targets), dtype=np.bool_)
        for fold in range(FOLDS):
            held_out = self._fold_of == fold
            if held_out.any() and not held_out.all():
                fitted = self._fitted(head, values[~held_out], lit[~held_out], targets[~held_out])
                answers[held_out] = fitted.probabilities(asked[held_out])
                judged |= held_out
        return score(answers[judged], targets[judged], self._kind)

    def _measure(self, parts: Sequence[str], light: str) -> Features:
        for part in parts:
            if (part, light) not in self._measured:
                graph = to_bytes(write_features(self._features(part)))
                self._measured[part, light] = PixelSession(graph).run(self._lights[light])
        return np.concatenate([self._measured[part, light] for part in parts], axis=1)

    def _fitted(self, name: str, values: Features, lit: Features, targets: Targets) -> Head:
        head = HEADS[name](self._kind, self._seed)
        head.fit(np.concatenate([values, lit]), np.concatenate([targets, targets]))
        return head

    def _features(self, part: str) -> list[Feature]:
        if part == "textures":
            return [self._filters]
        return [gradient_correlations] if part == "correlations" else [colour_layout, fine_grid, coarse_grid]

    @cached_property
    def _filters(self) -> Feature:
        # Learnt once, from the held-out folds too: no tag is looked at, and once per fold would cost three times as much.
        return filter_statistics(learn_filters(self._sample.pixels, self._seed))
