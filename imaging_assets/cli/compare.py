"""`imaging-assets compare`: the embedded trainer beside Custom Vision on the same test images.

Belongs here: wording. Does not: training and scoring (`stages/models/comparison.py`), who takes part (`backends.trainers`).
"""

from dataclasses import asdict

from imaging_assets.backends import build_on_store, trainers
from imaging_assets.cli.output import NEEDS_CONSENT, OK, Session, counted
from imaging_assets.policies import CUSTOM_VISION_NOTICE
from imaging_assets.stages.models.comparison import Comparison, Contender, Result, compare


def compare_trainers(session: Session, *, train: bool) -> int:
    """The command; returns the exit code: 3 when somebody did not take part because training is billed.

    Raises:
        UsageError: There is no training set.
        TrainingError, ServiceError: A contender failed.
    """
    settings = session.settings()
    pipeline = build_on_store(settings)
    found = trainers(settings, pipeline.store)
    contenders = [Contender(name, *both, billed=name != "embedded") for name, both in found.items()]
    comparison = compare(pipeline, contenders, session.say, pay=train)
    _tell(session, comparison)
    if len(contenders) == 1:
        session.say("Custom Vision takes part when custom_vision.endpoint names its resource.")
    else:
        session.say(CUSTOM_VISION_NOTICE)
    session.answer(_for_scripts(comparison))
    return NEEDS_CONSENT if any(result.not_paid for result in comparison.results) else OK


def _tell(session: Session, comparison: Comparison) -> None:
    images, tests = counted(comparison.images, "image"), counted(comparison.test_images, "test image")
    session.say(f"training set of {comparison.day}: {images}, all scored on the same {tests}")
    for result in comparison.results:
        session.say(f"{result.name:<14} {_told(result)}")
    scored = {result.name: result.evaluation for result in comparison.results if result.evaluation}
    recalls = {name: {score.tag: score.recall for score in evaluation.per_tag} for name, evaluation in scored.items()}
    for tag in sorted({tag for rates in recalls.values() for tag in rates}):
        session.say(f"  {tag:<24} " + "   ".join(f"{name} recall {rates[tag]:.2f}" for name, rates in recalls.items()))


def _for_scripts(comparison: Comparison) -> dict[str, object]:
    """Everything but the curves."""
    told = asdict(comparison)
    for result in told["results"]:
        if result["evaluation"]:
            del result["evaluation"]["curves"], result["evaluation"]["confusion"]
    return told


def _told(result: Result) -> str:
    if result.evaluation is None:
        return result.reason + (" Give --train to let it." if result.not_paid else "")
    return f"accuracy {result.evaluation.accuracy:.3f}, trained in {result.seconds:.0f} s ({result.model_id})"
