"""The daemon as it runs in production, with its own code server and run workers, over a project folder of its own.

All tests share one deployment, each with a day (or two) of its own; what they expect is told per day.
"""

from collections.abc import Iterator

import dagster as dg
import pytest

from imaging_assets.stages.days import Days
from imaging_assets.stages.models.registry import Registry
from imaging_assets.stages.tables import TRAINING_ITERATIONS
from imaging_assets_tests.builders import CHAIN, a_picture, land, state_labels
from imaging_assets_tests.defs.daemon import Deployment, a_deployment

pytestmark = pytest.mark.slow

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
DAILY = [step for step in CHAIN if step != "label_records"]
BUSY = 420
"""Seconds that a dozen days and their predictions by the first model may take on a machine that has other things to do."""

KINDS = [(seed, tag, place) for seed in range(6) for place, tag in enumerate(("cat", "dog"))]

LABELLED = ("2026-02-01", "2026-02-02")
LOST = {asset: f"2026-01-{number:02}" for number, asset in enumerate(DAILY, 1)}
RESTING = {
    "changed": "2025-03-01",
    "unchanged": "2025-03-02",
    "relabelled": "2025-04-01",
    "back and forth": "2026-02-05",
    "failing": "2026-02-06",
    "emptied": "2026-02-09",
    **LOST,
}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A daemon over two labelled days and those that the tests begin with; each test waits for its own."""
    with a_deployment(tmp_path_factory.mktemp("daemon")) as running:
        labels: dict[str, str] = {}
        for number, day in enumerate(LABELLED):
            names = {f"{tag}-{seed}.jpg": 1000 * number + 10 * seed + place for seed, tag, place in KINDS}
            land(running.pipeline, {name: _picture(seed) for name, seed in names.items()}, day)
            labels |= {f"{day.replace('-', '/')}/{name}": name.partition("-")[0] for name in names}
        state_labels(running.pipeline, labels)
        for number, day in enumerate(RESTING.values()):
            land(running.pipeline, _pictures(20_000 + 1000 * number, 30 if day == RESTING["emptied"] else 3), day)
        yield running


def _picture(seed: int) -> bytes:
    return a_picture(seed, (160, 120))


def _pictures(first: int, number: int) -> dict[str, bytes]:
    return {f"{seed % 1000}.jpg": _picture(seed) for seed in range(first, first + number)}


def _chains(deployment: Deployment, day: str) -> list[dg.DagsterRun]:
    """The runs that made a day's inventory, oldest first."""
    return deployment.runs(day, "raw_images")


def test_images_and_labels_become_documents_and_a_serving_model_without_any_command(deployment: Deployment) -> None:
    deployment.until(
        lambda: deployment.trained() and deployment.up_to_date(*LABELLED),
        "a model that predicted both labelled days",
        seconds=BUSY,
    )

    published = Registry(deployment.pipeline.store, "models").published()
    assert published is not None
    found = [deployment.pipeline.index.get(key) for key in deployment.pipeline.index.ids()]
    of_days = [document for document in found if document and document["day"] in LABELLED]
    assert len(of_days) == 24
    assert {document["model_id"] for document in of_days} == {published.model_id}
    assert {run.status for run in deployment.runs()} == {SUCCESS}
    with deployment.instance() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("published_model"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["model"].value == published.model_id


def test_a_change_on_an_old_day_runs_that_day_again_and_no_other(deployment: Deployment) -> None:
    day = RESTING["changed"]
    deployment.until(lambda: deployment.trained() and deployment.up_to_date(*LABELLED, *RESTING.values()), "all days", BUSY)
    before = {run.run_id for run in deployment.runs()}

    land(deployment.pipeline, {"more.jpg": _picture(29_000)}, day)  # nobody's label means it
    deployment.until(
        lambda: "more.jpg" in deployment.documents(day) and deployment.trained() and deployment.up_to_date(*RESTING.values()),
        "the document, and the training set that looked at the day",
    )

    after = [run for run in deployment.runs() if run.run_id not in before]
    of_days = [run for run in after if run.asset_selection != {dg.AssetKey("training_sets")}]
    assert [run.tags["dagster/partition"] for run in of_days] == [day]


def test_a_label_that_changes_runs_the_one_day_again_that_it_concerns(deployment: Deployment) -> None:
    day = RESTING["relabelled"]
    deployment.until(lambda: deployment.trained() and deployment.up_to_date(*LABELLED, *RESTING.values()), "all days", BUSY)
    before = {run.run_id for run in deployment.runs()}

    state_labels(deployment.pipeline, {f"{day.replace('-', '/')}/0.jpg": "heron"}, "heron.csv")
    deployment.until(lambda: "heron" in _tags(deployment, day) and deployment.up_to_date(*RESTING.values()), "the tag")

    after = [run for run in deployment.runs(asset="tagged_manifests") if run.run_id not in before]
    assert [run.tags["dagster/partition"] for run in after] == [day]
    assert [run for run in deployment.runs(asset="raw_images") if run.run_id not in before] == []


def test_an_image_that_lands_while_its_day_is_running_is_not_lost(deployment: Deployment) -> None:
    day = "2026-02-04"
    slow = {f"{seed}.png": a_picture(30_000 + seed, (1600, 1200), "PNG") for seed in range(40)}
    land(deployment.pipeline, slow, day)
    deployment.until(lambda: deployment.runs(day, statuses=[dg.DagsterRunStatus.STARTED]), "a run under way")
    # Only once the inventory stands is the newcomer surely too late for it.
    deployment.until(lambda: day in Days(deployment.pipeline).newest("raw_images"), "the inventory")

    land(deployment.pipeline, {"late.jpg": _picture(30_500)}, day)
    assert not any(run.is_finished for run in _chains(deployment, day))
    deployment.until(lambda: "late.jpg" in deployment.documents(day) and deployment.up_to_date(day), "the late image")

    assert len(deployment.documents(day)) == 41
    assert [run.status for run in _chains(deployment, day)] == [SUCCESS, SUCCESS]


def test_an_image_that_goes_and_comes_back_is_followed_both_times(deployment: Deployment) -> None:
    day = RESTING["back and forth"]
    deployment.until(lambda: deployment.up_to_date(day), "the day")
    path = deployment.root / ".imaging/store/landing" / day.replace("-", "/") / "1.jpg"
    aside = deployment.root / "aside.jpg"

    path.rename(aside)
    deployment.until(lambda: "1.jpg" not in deployment.documents(day) and deployment.up_to_date(day), "its document gone")
    aside.rename(path)  # with its old time: the listing is the very one of before
    deployment.until(lambda: "1.jpg" in deployment.documents(day) and deployment.up_to_date(day), "its document back")

    assert [run.status for run in _chains(deployment, day)] == [SUCCESS] * 3


def test_a_failing_day_is_tried_again_with_pauses_then_rests_until_its_inputs_change(deployment: Deployment) -> None:
    day, other = RESTING["failing"], "2026-02-07"
    deployment.until(lambda: deployment.up_to_date(day), "the day")
    standing = Days(deployment.pipeline).newest("resized_images")[day].blob.path
    deployment.pipeline.store.write(standing, b"not a manifest")
    tried_before = len(_chains(deployment, day))

    land(deployment.pipeline, {"more.jpg": _picture(2)}, day)
    # The first run takes the inventory before it fails, so what is wanted is new; that is tried, and tried twice more.
    deployment.until(lambda: len(_failed(deployment, day)) == 4, "four failures")
    land(deployment.pipeline, _pictures(15_000, 2), other)
    deployment.until(lambda: deployment.up_to_date(other), "the other day")
    quiet = len(_ticks(deployment)) + 2
    deployment.until(lambda: len(_ticks(deployment)) >= quiet, "two more ticks")
    assert len(_failed(deployment, day)) == 4
    with deployment.instance() as instance:
        records = instance.get_run_records(dg.RunsFilter(tags={"dagster/partition": day}, statuses=[FAILURE]))
    created = sorted(record.create_timestamp.timestamp() for record in records)
    ended = sorted(record.end_time or 0 for record in records)
    assert [after >= before + pause for before, after, pause in zip(ended, created[1:], (3, 3, 6), strict=False)] == [True] * 3

    deployment.pipeline.store.delete(standing)
    land(deployment.pipeline, {"mended.jpg": _picture(3)}, day)
    deployment.until(lambda: deployment.up_to_date(day), "the mended day")

    assert deployment.documents(day) == ["0.jpg", "1.jpg", "2.jpg", "mended.jpg", "more.jpg"]
    assert len(_chains(deployment, day)) == tried_before + 5


def test_lost_manifests_of_days_come_back_with_the_same_rows(deployment: Deployment) -> None:
    days = LOST.values()
    deployment.until(lambda: deployment.up_to_date(*days), "all days", BUSY)
    before = deployment.rows(*days)

    for asset, day in LOST.items():
        deployment.pipeline.store.delete(deployment.pipeline.manifests.find(asset, day).blob.path)
    assert len(deployment.rows(*days)) == len(before) - len(LOST)
    deployment.until(lambda: deployment.up_to_date(*days), "all days again", BUSY)

    assert deployment.rows(*days) == before


@pytest.mark.parametrize("asset", ["label_records", "training_sets"])
def test_a_lost_manifest_of_many_days_comes_back_with_the_same_rows(deployment: Deployment, asset: str) -> None:
    def done() -> bool:
        return deployment.trained() and not Days(deployment.pipeline).labels_behind() and deployment.up_to_date(*LABELLED)

    deployment.until(done, "everything up to date")
    key = "all" if asset == "label_records" else Days(deployment.pipeline).newest_tagged
    manifest = deployment.pipeline.manifests.find(asset, key)

    deployment.pipeline.store.delete(manifest.blob.path)
    deployment.until(done, "everything up to date again")

    again = deployment.pipeline.manifests.find(asset, key)
    assert (again.inputs, again.rows) == (manifest.inputs, manifest.rows)


def test_a_lost_manifest_of_trainings_comes_back_with_every_training_and_none_is_repeated(deployment: Deployment) -> None:
    deployment.until(lambda: deployment.trained() and deployment.up_to_date(*LABELLED), "everything up to date")
    key = Days(deployment.pipeline).newest_tagged
    manifest = deployment.pipeline.manifests.find("training_iterations", key)
    before = _models(deployment, key)
    published = Registry(deployment.pipeline.store, "models").published()

    deployment.pipeline.store.delete(manifest.blob.path)
    deployment.until(lambda: deployment.trained() and deployment.up_to_date(*LABELLED), "everything up to date again")

    # Rows that only tell why nothing was trained are not kept elsewhere; every training is, in the ledger.
    assert _models(deployment, key) == before
    assert deployment.pipeline.manifests.find("training_iterations", key).inputs == manifest.inputs
    assert Registry(deployment.pipeline.store, "models").published() == published


def test_a_mass_deletion_fails_once_deletes_nothing_and_goes_through_with_consent(deployment: Deployment) -> None:
    day = RESTING["emptied"]
    folder = f"landing/{day.replace('-', '/')}"
    deployment.until(lambda: deployment.up_to_date(day) and len(deployment.documents(day)) == 30, "thirty documents")
    before = deployment.rows(day)

    for number in range(25):
        deployment.pipeline.store.delete(f"{folder}/{number}.jpg")
    deployment.until(lambda: _failed(deployment, day), "the failure")
    quiet = len(_ticks(deployment)) + 3  # a tick takes five seconds: the pause would be over
    deployment.until(lambda: len(_ticks(deployment)) >= quiet, "three more ticks")
    assert len(_failed(deployment, day)) == 1
    assert deployment.rows(day) == before
    assert len(deployment.documents(day)) == 30

    code = deployment.launch(
        "dagster", "asset", "materialize", "-m", "imaging_assets.definitions", "--select", "raw_images", "--partition", day,
        "--config-json", '{"ops": {"raw_images": {"config": {"accept_deletions": true}}}}',
    ).wait(60)  # fmt: skip
    assert code == 0
    deployment.until(lambda: len(deployment.documents(day)) == 5 and deployment.up_to_date(day), "the deletion downstream")


def _models(deployment: Deployment, day: str) -> list[tuple[str, float]]:
    rows = deployment.pipeline.manifests.read(deployment.pipeline.manifests.find("training_iterations", day), TRAINING_ITERATIONS)
    return [(row["model_id"], row["accuracy"]) for row in rows.to_dicts() if row["accuracy"] is not None]


def _failed(deployment: Deployment, day: str) -> list[dg.DagsterRun]:
    return [run for run in _chains(deployment, day) if run.status == FAILURE]


def _tags(deployment: Deployment, day: str) -> set[str]:
    found = (deployment.pipeline.index.get(key) for key in deployment.pipeline.index.ids())
    return {tag for document in found if document and document["day"] == day for tag in document["tags"]}


def _ticks(deployment: Deployment) -> list[str]:
    log = (deployment.root / "log.txt").read_text(encoding="utf-8", errors="replace")
    return [line for line in log.splitlines() if "Checking for new runs for sensor: new_images" in line]
