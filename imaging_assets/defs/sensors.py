"""Sensors: compare what stands with what should, and ask for what differs.

Belongs here: when to ask, how often, and not twice. Does not: what is behind (`stages/days.py`).

They are level-triggered: a tick looks at the state, not at events, so nothing that happens during a run is lost and a crash between any
two assets is healed by the next tick. A request carries the digest of what it wants as a run tag; the runs that wanted the same before
tell how often it was tried and when to try again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import dagster as dg

from imaging_assets.analyzers import plan
from imaging_assets.backends import spends_on_training
from imaging_assets.defs.attempts import attempts
from imaging_assets.defs.partitions import DAILY
from imaging_assets.defs.rounds import begin_round
from imaging_assets.defs.tags import DAY_TAG, MODEL_TAG, WANTED_TAG
from imaging_assets.errors import ManifestError
from imaging_assets.settings import load_settings
from imaging_assets.stages.days import MADE_OF_ALL, Behind, Days, chain, finish_rebuild
from imaging_assets.stages.images.landing import no_store
from imaging_assets.stages.images.raw import check_marker
from imaging_assets.stages.models.iterations import training_is_due
from imaging_assets.stages.models.registry import now_utc
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL

_settings = load_settings()
_policy = _settings.sensors
_chain = chain(plan(_settings).order)
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_TRAINING = ("training_sets", "training_iterations")
_TRAINS = _settings.training.automatic and not spends_on_training(_settings)
_MODEL_STATUS = dg.DefaultSensorStatus.RUNNING if _TRAINS else dg.DefaultSensorStatus.STOPPED

_OR_WAITED_FOR = ", being worked on, or failed and is waited for."

Requests = dg.SensorResult | dg.SkipReason


@dg.sensor(
    target=dg.AssetSelection.assets(*_chain),
    minimum_interval_seconds=_policy.interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the days whose landed images are new, changed, moved or gone.",
)
def new_images(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> Requests:
    """Days whose landed images differ from what stands: the newest at every tick, older ones round and round; or those of events."""
    if reason := no_store(pipeline):
        return dg.SkipReason(reason)
    check_marker(pipeline)
    unfinished = _unfinished(context)
    days = Days(pipeline)
    look = begin_round(context, pipeline, days)
    if not look.days:
        return dg.SensorResult(cursor=look.finish(context, set()), skip_reason=look.told)
    lost = days.vanished(look.guarded)
    looked_at = look.days
    if len(lost) >= pipeline.deletions.max_days:
        context.log.error(
            "%d days lost all their images at once; they are left alone until a person agrees: %s", len(lost), ", ".join(lost)
        )
        looked_at = [day for day in looked_at if day not in lost]
    ours = [item for item in _each(context, looked_at, days.behind) if not _of_another_sensor(item)]
    requests = _requests(context, ours, _policy.requests_per_tick, unfinished)
    if not requests and finish_rebuild(days):
        context.log.info("The index was rebuilt; its new generation serves.")
    return dg.SensorResult(
        run_requests=requests,
        cursor=look.finish(context, {*(item.day for item in ours), *({*look.days} - {*looked_at})}),
        skip_reason=None if requests else f"{look.told}; all is up to date{_OR_WAITED_FOR}",
    )


@dg.sensor(
    target=dg.AssetSelection.assets(*_chain),
    minimum_interval_seconds=_policy.interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Follows label files that changed, then asks for the days whose labels did.",
)
def label_changes(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> Requests:
    """Label files that changed, then the days whose labels did."""
    if reason := no_store(pipeline):
        return dg.SkipReason(reason)
    unfinished = _unfinished(context)
    days = Days(pipeline)
    if not days.newest("resized_images"):
        return dg.SkipReason("No image is there yet that a label could mean.")
    if wanted := days.labels_behind():
        if _will_make({"label_records"}, unfinished):
            return dg.SkipReason("A run that follows the label files is under way.")
        behind: Iterable[Behind] = [Behind(ALL, ("label_records",), wanted)]
    else:
        found = _each(context, reversed(days.known), days.behind_inside)
        behind = (item for item in found if item.steps[0] == "tagged_manifests")
    requests = _requests(context, behind, _policy.requests_per_tick, unfinished)
    return (
        dg.SensorResult(run_requests=requests) if requests else dg.SkipReason(f"All labels are where they belong{_OR_WAITED_FOR}")
    )


@dg.sensor(
    target=dg.AssetSelection.assets(*_TRAINING),
    minimum_interval_seconds=_policy.interval_seconds,
    default_status=_MODEL_STATUS,
    description="Asks for a training once enough labels changed and the last one is long enough ago.",
)
def training(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> Requests:
    """The newest training set when labels changed, and a training when enough did and the last one is long enough ago."""
    if reason := no_store(pipeline):
        return dg.SkipReason(reason)
    unfinished = _unfinished(context)
    if _will_make(set(_TRAINING), unfinished):
        return dg.SkipReason("A training is under way.")
    days = Days(pipeline)
    if wanted := days.training_set_behind():
        behind = Behind(days.newest_tagged, ("training_sets",), wanted)
    elif wanted := days.iteration_behind():
        due, reason = training_is_due(pipeline, days.newest("training_sets")[days.newest_tagged], now_utc())
        if not due and not days.training_set_was_judged():
            return dg.SkipReason(reason)
        behind = Behind(days.newest_tagged, ("training_iterations",), wanted)
    else:
        return dg.SkipReason("The newest training set was trained on, or there is none.")
    requests = _requests(context, [behind], 1, unfinished)
    return (
        dg.SensorResult(run_requests=requests)
        if requests
        else dg.SkipReason("The newest day is being worked on, or the last attempt failed and is waited for or given up.")
    )


@dg.sensor(
    target=dg.AssetSelection.assets("predictions", *MADE_OF_ALL),
    minimum_interval_seconds=_policy.interval_seconds,
    default_status=_MODEL_STATUS,
    description="Has older days predicted by the published model, newest first, a few at a time.",
)
def model_rollout(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> Requests:
    """Older days predicted by an older model, newest first, a few at a time."""
    if reason := no_store(pipeline):
        return dg.SkipReason(reason)
    unfinished = _unfinished(context)
    days = Days(pipeline)
    if days.model_id is None:
        return dg.SkipReason("No model has been published yet.")
    # Those of an older model count too: superseded, they predict by the one that serves when they begin.
    free = pipeline.rollout.days_per_tick - sum(MODEL_TAG in run.tags for run in unfinished)
    behind = (item for item in _each(context, reversed(days.known), days.behind_inside) if item.waits_for_model)
    requests = _requests(context, behind, free, unfinished, {MODEL_TAG: days.model_id})
    return (
        dg.SensorResult(run_requests=requests)
        if requests
        else dg.SkipReason(f"Every day within the window is predicted by the published model{_OR_WAITED_FOR}")
    )


def _each(context: dg.SensorEvaluationContext, days: Iterable[str], look: Callable[[str], Behind | None]) -> Iterator[Behind]:
    """The days that are behind; one that cannot be looked at is told and never fails the tick."""
    for day in days:
        try:
            found = look(day)
        except ManifestError as error:
            context.log.error("%s is left alone: %s", day, error)  # noqa: TRY400 - the message is meant for people
            continue
        if found:
            yield found


def _of_another_sensor(found: Behind) -> bool:
    """Two sensors must not ask for the same day at once."""
    return found.waits_for_model or found.steps[0] == "tagged_manifests"


def _requests(
    context: dg.SensorEvaluationContext,
    behind: Iterable[Behind],
    most: int,
    before: Sequence[dg.DagsterRun],
    tags: dict[str, str] | None = None,
) -> list[dg.RunRequest]:
    """At most so many requests for days that have no unfinished run and whose last failure is long enough ago.

    Args:
        before: Runs that were unfinished before the state was looked at. Of one that ended since, the state may show nothing yet.
    """
    unfinished = [*before, *_unfinished(context)]
    requests: list[dg.RunRequest] = []
    outside = []
    for item in behind:
        if len(requests) >= most:
            break
        if item.day != ALL and not DAILY.has_partition_key(item.day):
            outside.append(item.day)
        elif not _busy(item, unfinished) and (request := _request(context, item, tags or {})):
            requests.append(request)
    if outside:
        context.log.warning("Days outside the partitions are left alone; move partitions.start back: %s", ", ".join(outside))
    return requests


def _request(context: dg.SensorEvaluationContext, item: Behind, tags: dict[str, str]) -> dg.RunRequest | None:
    wanted = f"{item.day}@{item.wanted}"
    tried = attempts(context.instance, item.day, wanted)
    if not tried.may_try(_policy.retry_minutes, now_utc().timestamp()):
        return None
    return dg.RunRequest(
        run_key=f"{wanted}#{tried.runs}",
        partition_key=None if item.day == ALL else item.day,
        asset_selection=[dg.AssetKey(step) for step in item.selection],
        tags={WANTED_TAG: wanted, **tags},
    )


def _busy(item: Behind, unfinished: Iterable[dg.DagsterRun]) -> bool:
    """Whether a run works on the day; one that only trains, maybe for hours, does not keep images waiting."""
    of_day = [run.asset_selection for run in unfinished if run.tags.get(DAY_TAG, ALL) == item.day]
    training = {dg.AssetKey(asset) for asset in _TRAINING}
    return any(assets is None or item.steps[0] in _TRAINING or not assets <= training for assets in of_day)


def _unfinished(context: dg.SensorEvaluationContext) -> Sequence[dg.DagsterRun]:
    return context.instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))


def _will_make(assets: set[str], runs: Iterable[dg.DagsterRun]) -> bool:
    """Whether one of the runs will materialise any of the assets."""
    keys = {dg.AssetKey(asset) for asset in assets}
    return any(run.asset_selection is not None and keys & set(run.asset_selection) for run in runs)
