"""Failed runs and checks are told to a webhook, here a local HTTP server: what it gets, when it is told again, what never leaves."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typing_extensions import override

from imaging_assets.defs.alerts import check_webhook, failure_webhook
from imaging_assets.defs.tags import WANTED_TAG
from imaging_assets.records.images import BlobInfo
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.defs.daemon import a_deployment
from imaging_assets_tests.defs.in_process import LOADED, a_short_history, checks_of, run_day, run_inventory_checks
from imaging_assets_tests.doubles import CountingBlobStore, over

TOKEN = "T0KEN-of-the-webhook"


class Webhook:
    """What was posted; answers `statuses` in turn, then 200."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.url = ""


@contextmanager
def a_webhook() -> Iterator[Webhook]:
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            webhook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(webhook.statuses.pop(0) if webhook.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        webhook.url = f"http://127.0.0.1:{server.server_port}/hook/{TOKEN}"
        yield webhook
        server.shutdown()


def fail(pipeline: Pipeline, instance: dg.DagsterInstance, assets: list[str], **run: Any) -> dg.RunFailureSensorContext:
    """A run that fails, as the sensor is told of it."""
    result = run_day(pipeline, DAY, instance, assets, **run)
    assert not result.success
    failed = instance.get_run_by_id(result.run_id)
    assert failed is not None
    (event,) = [event for event in result.all_events if event.is_failure and event.is_job_event]
    return dg.build_run_status_sensor_context("failure_webhook", event, instance, failed).for_run_failure()


def ended_well(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> dg.RunStatusSensorContext:
    """A run that succeeded, as the sensor is told of it."""
    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    (event,) = [event for event in result.all_events if event.is_job_success]
    return dg.build_run_status_sensor_context("check_webhook", event, instance, run)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with a_webhook() as opened:
        monkeypatch.setenv("IMAGING_ALERTS__WEBHOOK", opened.url)
        yield opened


def test_a_failed_run_is_told_with_day_step_and_remedy_and_again_until_it_is_heard(tmp_path: Path, webhook: Webhook) -> None:
    webhook.statuses = [503]
    with a_short_history() as instance:
        context = fail(a_pipeline(tmp_path), instance, ["resized_images"])  # without an inventory
        failure_webhook(context)
    first, told = webhook.got
    assert first == told
    assert (told["day"], told["needs_consent"]) == (DAY, False)
    assert "Materialise raw_images" in told["errors"]["resized_images"]
    assert told["text"].startswith(f"imaging-assets: run {told['run_id'][:8]} of {DAY} failed. resized_images: raw_images has no")
    assert TOKEN not in json.dumps(told)


def test_a_run_that_waits_for_consent_says_so(tmp_path: Path, webhook: Webhook) -> None:
    pipeline = a_pipeline(tmp_path, deletions={"max_images": 1})
    land(pipeline, {"a.jpg": a_picture(1, (48, 32)), "b.jpg": a_picture(2, (48, 32))})
    run_chain(pipeline)
    for name in ("a.jpg", "b.jpg"):
        pipeline.store.delete(f"landing/{DAY.replace('-', '/')}/{name}")
    with a_short_history() as instance:
        failure_webhook(fail(pipeline, instance, ["raw_images"]))
    (told,) = webhook.got
    assert told["needs_consent"] is True
    assert "--accept-deletions" in told["text"]


class BrokenStore(CountingBlobStore):
    """Raises what nobody translated."""

    @override
    def find(self, path: str) -> BlobInfo | None:
        raise RuntimeError("AccountKey=c2VjcmV0")


def test_the_text_of_an_error_that_is_not_ours_stays_here(tmp_path: Path, webhook: Webhook) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))})
    with a_short_history() as instance:
        failure_webhook(fail(over(pipeline, BrokenStore(pipeline.store)), instance, ["raw_images"]))
    (told,) = webhook.got
    assert told["errors"] == {"raw_images": "RuntimeError (see the run)"}
    assert "c2VjcmV0" not in json.dumps(told)


def test_a_run_is_said_to_be_tried_again_only_where_a_sensor_asked_for_it(tmp_path: Path, webhook: Webhook) -> None:
    pipeline = a_pipeline(tmp_path)
    with a_short_history() as instance:
        failure_webhook(fail(pipeline, instance, ["resized_images"]))
        failure_webhook(fail(pipeline, instance, ["resized_images"], tags={WANTED_TAG: f"{DAY}@1"}))
    by_hand, by_sensor = webhook.got
    assert by_sensor["text"].endswith(" It is tried again by itself a few times.")
    assert "again" not in by_hand["text"]


def test_a_failed_check_of_severity_error_is_told_though_the_run_ended_well(tmp_path: Path, webhook: Webhook) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))})
    run_chain(pipeline)
    pipeline.store.write("labels/empty.csv", b"")
    with a_short_history() as instance:
        check_webhook(ended_well(run_day(pipeline, None, instance, ["label_records"]), instance))
    (told,) = webhook.got
    assert told["errors"] == {"label_sources_say_something": "silent labels"}
    assert "of __ASSET_JOB ended well, but for its checks: label_sources_say_something (silent labels)" in told["text"]
    assert TOKEN not in json.dumps(told)


def test_a_check_that_only_warns_is_told_to_nobody(tmp_path: Path, webhook: Webhook) -> None:
    pipeline = a_pipeline(tmp_path)
    land(pipeline, {"a.jpg": b"no picture"})
    with a_short_history() as instance:
        result = run_day(pipeline, DAY, instance, ["raw_images", "resized_images"])
        assert not checks_of(result)["resized_images_are_readable"].passed
        check_webhook(ended_well(result, instance))
    assert webhook.got == []


def test_that_images_no_longer_land_is_told_by_the_nightly_job_alone(tmp_path: Path, webhook: Webhook) -> None:
    pipeline = a_pipeline(tmp_path, partitions={"fresh_days": 3.0})
    land(pipeline, {"a.jpg": a_picture(1, (48, 32))})
    with a_short_history() as instance:
        of_the_day = run_day(pipeline, DAY, instance, ["raw_images"])
        assert not checks_of(of_the_day)["raw_images_are_fresh"].passed
        check_webhook(ended_well(of_the_day, instance))
        assert webhook.got == []
        check_webhook(ended_well(run_inventory_checks(pipeline, instance), instance))
    (told,) = webhook.got
    assert told["errors"]["raw_images_are_fresh"].endswith(f", newest_day {DAY}")


def test_without_a_webhook_nobody_is_told_and_the_sensors_rest() -> None:
    told = [sensor for sensor in LOADED.sensors or () if sensor.name.endswith("_webhook")]
    assert [(sensor.name, getattr(sensor, "default_status", None)) for sensor in told] == [
        ("failure_webhook", dg.DefaultSensorStatus.STOPPED),
        ("check_webhook", dg.DefaultSensorStatus.STOPPED),
    ]


@pytest.mark.slow
def test_the_daemon_tells_of_its_runs_that_failed_and_of_checks_that_did(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(3)]
    limits = {"max_images": 2, "max_share": 0.1}
    with a_webhook() as opened, a_deployment(tmp_path / "project", alerts={"webhook": opened.url}, deletions=limits) as running:
        land(running.pipeline, {name: a_picture(number, (48, 32)) for number, name in enumerate(names)})
        running.until(lambda: running.documents(DAY) == names, "the documents")
        running.pipeline.store.write("labels/empty.csv", b"")
        running.until(lambda: opened.got, "the webhook told of the check")
        for name in names[:2]:
            running.pipeline.store.delete(f"landing/{DAY.replace('-', '/')}/{name}")
        running.until(lambda: len(opened.got) > 1, "the webhook told of the run")
        log = (running.root / "log.txt").read_text("utf-8")
    of_check, *_, of_run = opened.got
    assert of_check["errors"] == {"label_sources_say_something": "silent labels"}
    assert (of_check["needs_consent"], of_run["needs_consent"]) == (False, True)
    assert "2 of 3 images" in of_run["text"]
    assert TOKEN not in log
