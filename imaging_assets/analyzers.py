"""Composition root of the insights: settings in, a plan of steps and their analysers out.

Belongs here: which analyser a step means, what is on by default, the user's own steps. Does not: what an analyser does
(`embedded/analyzers`, `azure/analyzer.py`), the order of steps (`stages/insights/plan.py`).
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imaging_assets.errors import SettingsError
from imaging_assets.policies import InsightStep
from imaging_assets.ports.analyzer import ImageAnalyzer, ImageEmbedder
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets.settings import Settings
from imaging_assets.stages.insights.plan import VECTORS, Plan, Step, in_order

if TYPE_CHECKING:
    from imaging_assets.embedded.analyzers.face_prints import FacePrinter
    from imaging_assets.embedded.analyzers.faces import FaceDetector

ENTRY_POINTS = "imaging_assets.steps"
"""Group under which installed packages offer steps."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a built-in analyser may need besides its own options; without a store it can be told, not asked."""

    settings: Settings
    store: BlobStore | None


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A step that comes with the project.

    Attributes:
        make: Its analyser, from the surroundings and its options.
        on: Whether it runs unless switched off.
        module: What must be importable, brought by `extra`.
    """

    make: Callable[..., ImageAnalyzer]
    on: bool = False
    module: str = ""
    extra: str = ""


def _tags(_around: Surroundings, *, model: str = "", labels: str = "", **options: Any) -> ImageAnalyzer:
    from imaging_assets.embedded.analyzers.tags import TagAnalyzer  # noqa: PLC0415 - late by design

    if bool(model) != bool(labels):
        raise SettingsError("A classifier needs both `model` and `labels`. Name two files, or none.")
    if not model:
        return TagAnalyzer(**options)
    from imaging_assets.embedded.analyzers.classifier import OnnxClassifier  # noqa: PLC0415

    return TagAnalyzer(OnnxClassifier(Path(model), Path(labels), **options))


def _texts(_around: Surroundings, **options: Any) -> ImageAnalyzer:
    from imaging_assets.embedded.analyzers.texts import TextAnalyzer  # noqa: PLC0415

    return TextAnalyzer(**options)


def _tesseract(_around: Surroundings, **options: Any) -> ImageAnalyzer:
    from imaging_assets.embedded.analyzers.tesseract import TesseractAnalyzer  # noqa: PLC0415

    return TesseractAnalyzer(**options)


def _faces(around: Surroundings, **options: Any) -> ImageAnalyzer:
    from imaging_assets.embedded.analyzers.faces import FaceAnalyzer  # noqa: PLC0415

    return FaceAnalyzer(_detector(**options), around.store, around.settings.places.crops)


def _face_prints(_around: Surroundings, **options: Any) -> ImageAnalyzer:
    from imaging_assets.embedded.analyzers.face_prints import FacePrintAnalyzer  # noqa: PLC0415

    return FacePrintAnalyzer(_printer(**options))


def _face_matches(around: Surroundings, *, minimum: float = 0.5) -> ImageAnalyzer:
    from imaging_assets.embedded.analyzers.face_prints import FaceMatchAnalyzer  # noqa: PLC0415

    steps = around.settings.insights.steps
    detector, printer = (steps.get(name, InsightStep()).options for name in ("image_faces", "face_prints"))
    return FaceMatchAnalyzer(
        around.store, around.settings.places.persons, _detector(**detector), _printer(**printer), minimum=minimum
    )


def _detector(*, model: str = "", **options: Any) -> "FaceDetector":
    from imaging_assets.embedded.analyzers.faces import CascadeDetector, YuNetDetector  # noqa: PLC0415

    return YuNetDetector(Path(model), **options) if model else CascadeDetector(**options)


def _printer(*, model: str = "", **options: Any) -> "FacePrinter":
    from imaging_assets.embedded.analyzers.face_prints import FacePrinter  # noqa: PLC0415

    if not model:
        raise SettingsError("Face prints need an ONNX model of your own. Name it in insights.steps.face_prints.options.model.")
    return FacePrinter(Path(model), **options)


def _azure_image_analysis(around: Surroundings, **options: Any) -> ImageAnalyzer:
    from imaging_assets.azure.analyzer import AzureImageAnalyzer, VisionConnection  # noqa: PLC0415

    return AzureImageAnalyzer(VisionConnection(around.settings.vision), **options)


def build_embedder(settings: Settings) -> ImageEmbedder:
    """Who makes the vectors: the embedded measurements, or Azure's multimodal embeddings where `image_vectors` names them.

    Raises:
        SettingsError: There is no such embedder, its options are wrong, or the service is not named.
    """
    policy = settings.insights.steps.get(VECTORS, InsightStep())
    if policy.analyzer == "azure_multimodal":
        from imaging_assets.azure.analyzer import AzureEmbedder, VisionConnection  # noqa: PLC0415

        azure: ImageEmbedder = _made(VECTORS, partial(AzureEmbedder, VisionConnection(settings.vision)), None, policy.options)
        return azure
    if policy.analyzer or policy.options:
        raise SettingsError(f"insights.steps.{VECTORS} takes no options, and no analyzer but 'azure_multimodal'. Drop them.")
    from imaging_assets.embedded.analyzer import GradientEmbedder  # noqa: PLC0415

    return GradientEmbedder()


BUILT_IN: Mapping[str, BuiltIn] = {
    "image_tags": BuiltIn(_tags, on=True),
    "image_texts": BuiltIn(_texts, module="rapidocr", extra="ocr"),
    "image_faces": BuiltIn(_faces, module="cv2", extra="faces"),
    "face_prints": BuiltIn(_face_prints, module="cv2", extra="faces"),
    "face_matches": BuiltIn(_face_matches, module="cv2", extra="faces"),
    "azure_image_analysis": BuiltIn(_azure_image_analysis),
    "tesseract": BuiltIn(_tesseract, module="tesserocr", extra="tesseract"),
}
"""By the name of the step; another step may use the same analyser by that name."""


def plan(settings: Settings, store: BlobStore | None = None) -> Plan:
    """The steps that run, in order.

    Args:
        store: Without one the steps can be told, not run.

    Raises:
        SettingsError: A step names an analyser that does not exist, an option is wrong, or steps do not fit together.
    """
    around = Surroundings(settings, store)
    wanted = _wanted(settings)
    off: dict[str, str] = {}
    steps: dict[str, Step] = {}
    requires: dict[str, tuple[str, ...]] = {VECTORS: ()} if VECTORS in wanted else {}
    for name, policy in wanted.items():
        if name == VECTORS:
            continue
        if reason := _missing(policy.analyzer or name):
            off[name] = reason
            continue
        analyzer = _analyzer(around, name, policy)
        requires[name] = tuple(dict.fromkeys([*analyzer.requires, *policy.requires]))
        steps[name] = Step(name, analyzer, requires[name], policy.images)
        if VECTORS in requires[name]:
            raise SettingsError(f"The step {name} requires {VECTORS}, which no step is shown. Take it out of its `requires`.")
    _switch_off_dependents(requires, off)
    order = in_order(requires)
    return Plan(order, {name: steps[name] for name in order if name != VECTORS}, off)


def _wanted(settings: Settings) -> dict[str, InsightStep]:
    """Steps that are on, the built-in ones first."""
    given = settings.insights.steps
    on = {VECTORS: True, **{name: item.on for name, item in BUILT_IN.items()}}
    names = [*on, *(name for name in given if name not in on)]
    steps = {name: given.get(name, InsightStep()) for name in names}
    return {name: step for name, step in steps.items() if (on.get(name, True) if step.enabled is None else step.enabled)}


def _missing(analyzer: str) -> str:
    """Why a built-in analyser cannot be made here, or ""."""
    built_in = BUILT_IN.get(analyzer)
    if built_in is None or not built_in.module or find_spec(built_in.module):
        return ""
    return f"it needs the extra {built_in.extra}: pip install 'imaging-assets[{built_in.extra}]'"


def _switch_off_dependents(requires: dict[str, tuple[str, ...]], off: dict[str, str]) -> None:
    while late := {name: other for name, needed in requires.items() for other in needed if other in off}:
        for name, other in late.items():
            off[name] = f"it requires {other}, which is off"
            del requires[name]


def _analyzer(around: Surroundings, name: str, policy: InsightStep) -> ImageAnalyzer:
    """The analyser a step names: a built-in one, `module:attribute`, or an entry point."""
    wanted = policy.analyzer or name
    if built_in := BUILT_IN.get(wanted):
        made: ImageAnalyzer = _made(name, built_in.make, around, policy.options)
        return made
    found = _imported(name, wanted) if ":" in wanted else _entry_point(name, wanted)
    if isinstance(found, ImageAnalyzer) and not policy.options:
        return found
    if callable(found):
        analyzer = _made(name, found, None, policy.options)
        if isinstance(analyzer, ImageAnalyzer):
            return analyzer
    raise SettingsError(
        f"insights.steps.{name}: {wanted} is no step. Decorate a function with `image_step`, or name a class of `ImageAnalyzer`"
        " (only that takes options)."
    )


def _made(name: str, make: Callable[..., Any], around: Surroundings | None, options: Mapping[str, Any]) -> Any:
    places = () if around is None else (around,)
    try:
        inspect.signature(make).bind(*places, **options)
        return make(*places, **options)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"insights.steps.{name}.options: {error}. Correct the options; docs/insights.md lists them."
        ) from error


def _imported(name: str, path: str) -> Any:
    """`module:attribute`, from the installed packages or the current folder."""
    module, _, attribute = path.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # a console script does not look there
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a user's module may raise anything while it is imported
        raise SettingsError(
            f"insights.steps.{name}: {path} cannot be imported ({type(error).__name__}: {error}). Name it as module:attribute; the module"
            " must be installed or lie beside imaging.toml."
        ) from error


def _entry_point(name: str, wanted: str) -> Any:
    offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if wanted not in offered:
        known = ", ".join([*BUILT_IN, *sorted(offered)])
        raise SettingsError(
            f"insights.steps.{name}: there is no analyser {wanted!r}. Known are {known}; your own is named as module:attribute."
        )
    return offered[wanted].load()
