"""`compose.yaml`'s services as processes of this machine, over a real PostgreSQL: webserver, daemon, code server, and a day."""

import os
from collections.abc import Iterator

import dagster as dg
import pytest

from imaging_assets_tests.builders import a_picture, land, state_labels
from imaging_assets_tests.defs.test_history import MATERIALISED, answers, ask

pytestmark = pytest.mark.slow
if os.name != "posix":
    pytest.skip("compose.yaml's image is a Linux one", allow_module_level=True)

from imaging_assets_tests.deploy.postgres import a_postgres  # noqa: E402 - users and groups are a matter of POSIX
from imaging_assets_tests.deploy.stack import Stack  # noqa: E402

DAY = "2026-03-02"
LABELS = {f"{tag}-{seed}.jpg": tag for seed in range(6) for tag in ("cat", "dog")}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All services, started in compose's order, each once its predecessor is healthy."""
    with a_postgres() as server, pytest.MonkeyPatch.context() as patch:
        running = Stack(tmp_path_factory.mktemp("stack") / "dagster", server)
        for name, value in running.containers.items():
            patch.setenv(name, value)  # the test opens the same history
        before = {path.name for path in running.root.iterdir()}
        try:
            running.start_service("code-server")
            running.until(lambda: running.is_healthy("code-server"), "a healthy code server")
            running.start_service("webserver")
            running.start_service("daemon")
            running.until(lambda: running.is_healthy("webserver") and answers(running.web_port), "a healthy webserver")
            yield running
        finally:
            running.stop()
        left = {path.name for path in running.root.iterdir()} - before
        assert left <= {"log.txt", "logs"}, "a container's file system is read-only but for its volumes"


def test_a_day_runs_from_blobs_to_documents_with_its_history_in_postgres(stack: Stack) -> None:
    pictures = {name: a_picture(number, (160, 120)) for number, name in enumerate(LABELS)}
    land(stack.pipeline, pictures, DAY)
    state_labels(stack.pipeline, {f"{DAY.replace('-', '/')}/{name}": tag for name, tag in LABELS.items()})

    stack.until(lambda: stack.trained() and stack.up_to_date(DAY), "a model, and the day predicted by it", seconds=240)

    assert stack.documents(DAY) == sorted(LABELS)
    assert {run.status for run in stack.runs()} == {dg.DagsterRunStatus.SUCCESS}
    assert ask(stack.web_port, MATERIALISED)["data"]["assetNodeOrError"]["partitionStats"] == {"numMaterialized": 1}
    with stack.instance() as instance:
        assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
        assert instance.event_log_storage.get_pool_config().default_pool_limit == 1
    assert stack.is_healthy("daemon")


def test_a_run_whose_process_is_killed_fails_and_its_day_is_done_all_the_same(stack: Stack) -> None:
    day = "2026-03-05"
    land(stack.pipeline, {f"{seed}.png": a_picture(100 + seed, (1600, 1200), "PNG") for seed in range(30)}, day)
    stack.until(lambda: stack.runs(day, statuses=[dg.DagsterRunStatus.STARTED]), "a run under way")
    (run,) = stack.runs(day)

    os.kill(stack.worker(run.run_id), 9)
    # Without LocalRunLauncher in compose/dagster.yaml the run would count as started for ever.
    stack.until(lambda: stack.up_to_date(day), "the day", seconds=240)

    first, *later = (found.status for found in stack.runs(day, "raw_images"))
    assert first == dg.DagsterRunStatus.FAILURE
    assert dg.DagsterRunStatus.SUCCESS in later
    assert len(stack.documents(day)) == 30


def test_passwords_are_in_no_log_and_no_event(stack: Stack) -> None:
    secret = stack.postgres["DAGSTER_PG_PASSWORD"]
    with stack.instance() as instance:
        events = [str(entry) for run in stack.runs() for entry in instance.all_logs(run.run_id)]
    assert events
    assert [event for event in events if secret in event] == []
    assert secret not in (stack.root / "log.txt").read_text("utf-8", errors="replace")
