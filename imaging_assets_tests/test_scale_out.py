"""A day worked on by processes and by a Dask cluster: the rows are those of threads, also when a worker is killed on the way.

Belongs here: whole days over each executor, and what travels to a worker. Does not: what an executor promises (`contracts`).
"""

import multiprocessing
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from imaging_assets.backends import build, create_store
from imaging_assets.errors import SettingsError
from imaging_assets.rehearsals import rehearse
from imaging_assets.settings import Settings
from imaging_assets.stages.digests import sha256_of
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.contracts.dask_cluster import CountingRelay, DaskCluster

FEW = 6
MOST_PER_TASK = 20_000
"""Bytes."""
ASSETS = ("resized_images", "image_vectors", "image_tags", "tagged_manifests", "predictions")
SECRET = "xq7-never-to-be-seen"


def pictures(count: int, kind: str = "JPEG", size: tuple[int, int] = (320, 240)) -> dict[str, bytes]:
    """Good ones, copies, and one of each kind that ends in a row of its own."""
    good = {f"{number:03}.{kind.lower()}": a_picture(number, size, kind) for number in range(count)}
    return good | {"copy.jpg": a_picture(1, size, kind), "cut.jpg": a_picture(3)[:900], "web.webp": a_picture(5, kind="WEBP")}


@dataclass(frozen=True)
class Done:
    """What a day left: digests of the rows by asset, and of the blobs by path."""

    rows: dict[str, str]
    blobs: dict[str, str]


def a_day(home: Path, many: dict[str, bytes], **settings: object) -> Done:
    pipeline = a_pipeline(home, **settings)
    land(pipeline, many)
    run_chain(pipeline)
    blobs = [*pipeline.store.list_blobs("resized/"), *pipeline.store.list_blobs("thumbnails/")]
    return Done(
        {asset: pipeline.manifests.find(asset, DAY).rows for asset in ASSETS},
        {blob.path: sha256_of(pipeline.store.read(blob.path).data) for blob in blobs},
    )


def in_the_middle(home: Path, act: Callable[[], None]) -> threading.Thread:
    """Acts once some images of the day are done."""

    def wait() -> None:
        while len(list(home.glob("store/thumbnails/*/*.jpg"))) < FEW:
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def kill_processes() -> None:
    for child in multiprocessing.active_children():
        child.kill()


def test_processes_make_the_rows_that_threads_make(tmp_path: Path) -> None:
    few = pictures(8)
    resize = {"workers": 2, "batch": 4}

    by_processes = a_day(tmp_path / "processes", few, resize=resize, executor={"kind": "processes"})

    assert by_processes == a_day(tmp_path / "threads", few, resize=resize)


def test_nothing_secret_and_no_client_travels_to_a_worker(tmp_path: Path) -> None:
    azure = {
        "account_url": "https://a.blob.core.windows.net",
        "account_key": SECRET,
        "search_endpoint": "https://s",
        "search_key": SECRET,
    }
    keys = {"endpoint": "https://t", "training_key": SECRET, "prediction_endpoint": "https://p", "prediction_key": SECRET}
    settings = Settings(
        profile="azure",
        executor={"kind": "processes"},
        home=tmp_path,
        azure=azure,
        custom_vision=keys,
        vision={"endpoint": "https://v", "key": SECRET},
        alerts={"webhook": f"https://hooks/{SECRET}"},
        serve={"key": SECRET},
        catalog={"url": f"postgresql://u:{SECRET}@h/d"},
    )
    pipeline = build(settings)

    task = pickle.dumps(pipeline)

    assert SECRET.encode() not in task
    assert len(task) < 10_000
    assert SECRET not in repr(pipeline)


def test_a_worker_takes_its_secrets_from_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql+psycopg://u:{SECRET}@h/d"
    task = pickle.dumps(build(Settings(home=tmp_path, executor={"kind": "processes"}, catalog={"url": url})))

    monkeypatch.setenv("IMAGING_CATALOG__URL", url.replace("@h", "@worker"))
    catalog = vars(pickle.loads(task).catalog)  # noqa: S301 - made two lines above

    assert "@worker/d" in str(catalog)


def test_a_worker_of_another_release_is_refused(tmp_path: Path) -> None:
    elsewhere = build(Settings(home=tmp_path, executor={"kind": "processes"})).elsewhere
    assert elsewhere
    build_again, (_release, settings) = elsewhere.origin.func, elsewhere.origin.args  # type: ignore[attr-defined]

    with pytest.raises(SettingsError, match=r"A worker has imaging-assets .*, the run 0\.0\.0"):
        build_again("0.0.0", settings)


def test_a_rehearsal_and_ports_that_were_replaced_stay_in_this_process(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, executor={"kind": "dask", "address": "tcp://nowhere:1"})
    create_store(settings)
    pipeline = build(settings)
    assert pipeline.executor is not pipeline.threads

    for other in (replace(pipeline, predictor=pipeline.predictor), rehearse(settings).pipeline):
        assert other.executor is other.threads
        with pytest.raises(pickle.PicklingError, match="known to this process only"):
            pickle.dumps(other)


@pytest.mark.slow
def test_a_day_whose_worker_process_is_killed_ends_the_same(tmp_path: Path) -> None:
    many, resize = pictures(48, "PNG", (1200, 900)), {"workers": 2, "batch": 16, "max_bytes": 50_000}

    killer = in_the_middle(tmp_path / "killed", kill_processes)
    killed = a_day(tmp_path / "killed", many, resize=resize, executor={"kind": "processes"})

    killer.join()
    assert killed == a_day(tmp_path / "calm", many, resize=resize)


@pytest.mark.slow
def test_a_day_on_a_cluster_whose_worker_is_killed_ends_the_same(tmp_path: Path) -> None:
    many, resize = pictures(48, "PNG", (1200, 900)), {"workers": 2, "batch": 16, "max_bytes": 50_000}
    with DaskCluster(workers=2, folder=tmp_path) as cluster:
        killer = in_the_middle(tmp_path / "killed", cluster.workers[0].kill)
        killed = a_day(tmp_path / "killed", many, resize=resize, executor={"kind": "dask", "address": cluster.address})
        killer.join()

    assert killed == a_day(tmp_path / "calm", many, resize=resize)


@pytest.mark.slow
def test_no_image_passes_the_scheduler(tmp_path: Path) -> None:
    many = {f"{number}.bmp": a_picture(number, (800, 600), "BMP") for number in range(24)}
    with DaskCluster(folder=tmp_path) as cluster, CountingRelay(cluster.address) as relay:
        a_day(tmp_path / "day", many, executor={"kind": "dask", "address": relay.address})

    tasks = 3 * len(many)  # an image is resized, looked at for tags, and, a batch at a time, scored
    assert 0 < relay.bytes < tasks * MOST_PER_TASK < sum(map(len, many.values())) / 20
