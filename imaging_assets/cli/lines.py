"""One line per day and asset: what a step did, in plain words, from its metadata.

Belongs here: wording. Does not: computing (`stages/`), running (`runs.py`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from imaging_assets.cli.output import counted
from imaging_assets.cli.runs import RunOutcome, StepOutcome

Facts = Mapping[str, Any]


def lines_of(outcome: RunOutcome) -> list[str]:
    """A line per step."""
    return [f"  {outcome.key}  {step.asset:<20} {_said(step)}" for step in outcome.steps]


def _said(step: StepOutcome) -> str:
    if step.error:
        return f"FAILED: {step.error}"
    told = _TOLD.get(step.asset, _insight)(step.metadata)
    return f"{told} (unchanged)" if step.metadata["unchanged"] else told


def _raw(facts: Facts) -> str:
    return f"{facts['images']} images, {facts['megabytes']:.1f} MB" + _changes(facts, "new", "changed", "deleted")


def _resized(facts: Facts) -> str:
    parts = f"{facts['passed']} passed, {facts['resized']} resized, {facts['quarantined']} quarantined, {facts['duplicates']} duplicates"
    return f"{parts}; {facts['images_read']} read"


def _vectors(facts: Facts) -> str:
    return f"{facts['images']} images; {facts['images_embedded']} embedded"


def _insight(facts: Facts) -> str:
    return f"{facts['images']} images; {facts['images_analyzed']} analysed" + _changes(facts, "failed")


def _labels(facts: Facts) -> str:
    return f"{facts['bound']} statements bound" + _changes(facts, "unmatched", "ambiguous", "rejected", "retracted")


def _tagged(facts: Facts) -> str:
    return f"{facts['labelled']} labelled, {facts['unlabelled']} unlabelled" + _changes(facts, "conflicts")


def _training_set(facts: Facts) -> str:
    sides = ("train", "validation", "test", "excluded")
    return (
        f"{facts['images']} images: "
        + ", ".join(f"{facts[side]} {side}" for side in sides)
        + f"; {counted(facts['days_read'], 'day')} read"
        + ("" if facts["ready"] else "; not ready, see its check")
        + (f"; {counted(facts['suspects'], 'suspect label')}" if facts.get("suspects") else "")
    )


def _iteration(facts: Facts) -> str:
    if facts["trained"]:
        return f"{facts['model']} {facts['verdict']}. {facts['reason']}"
    return f"{facts['verdict']}. {facts['reason']}"


def _predictions(facts: Facts) -> str:
    return (
        f"{facts['images']} images by {facts['model']}; {facts['images_scored']} scored"
        if facts["model"]
        else str(facts["reason"])
    )


def _review(facts: Facts) -> str:
    if not facts["images"]:
        return f"nothing to ask. {facts['reason']}"
    told = ", ".join(f"{row['images']} {row['reason']}" for row in facts["images_per_reason"])
    return f"{counted(facts['images'], 'image')} to look at: {told}"


def _documents(facts: Facts) -> str:
    return f"{facts['documents']} documents; {facts['sent']} sent, {facts['deleted']} deleted" + _changes(facts, "rejected")


def _catalog(facts: Facts) -> str:
    return f"{facts['rows']} rows; {facts['written']} written, {facts['deleted']} deleted"


def _changes(facts: Facts, *names: str) -> str:
    told = ", ".join(f"{facts[name]} {name}" for name in names if facts[name])
    return f"; {told}" if told else ""


_TOLD: dict[str, Callable[[Facts], str]] = {
    "raw_images": _raw,
    "resized_images": _resized,
    "image_vectors": _vectors,
    "label_records": _labels,
    "tagged_manifests": _tagged,
    "training_sets": _training_set,
    "training_iterations": _iteration,
    "predictions": _predictions,
    "review_queues": _review,
    "search_documents": _documents,
    "image_catalog": _catalog,
}
