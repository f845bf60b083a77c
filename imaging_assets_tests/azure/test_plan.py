"""`imaging-assets plan` over the real services' stand-ins: what it foretells is what the servers then count, and it changes nothing."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from imaging_assets_tests.azure.custom_vision_server.server import Unavailable
from imaging_assets_tests.azure.services import Services, a_set_of_services
from imaging_assets_tests.builders import DAY, land, state_labels
from imaging_assets_tests.cli.command_line import call_cli
from imaging_assets_tests.embedded.pictures import plain

NOT_FORETOLD = {"get_iteration"}
"""How often a training is looked at until it is done, nobody knows before."""


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with a_set_of_services(tmp_path, monkeypatch) as made:
        yield made


def land_labelled(services: Services, first: int, last: int) -> None:
    """Plain pictures of either colour with their labels, by their places in one long row."""
    pictures = {f"{place}.jpg": picture for place, picture in enumerate(plain(["red", "blue"], 30)) if first <= place < last}
    land(services.pipeline, {name: picture.data for name, picture in pictures.items()})
    labels = {f"{DAY.replace('-', '/')}/{name}": picture.tags[0] for name, picture in pictures.items()}
    state_labels(services.pipeline, labels, f"{first}.csv")


def foretold(value: Any) -> dict[str, int]:
    """Calls of Custom Vision that a plan tells, both parts together."""
    parts = [
        value["calls"]["custom vision"],
        (value["if_published"] or {"calls": {"custom vision": {}}})["calls"]["custom vision"],
    ]
    return known({name: sum(part.get(name, 0) for part in parts) for part in parts for name in part})


def known(calls: Mapping[str, int]) -> dict[str, int]:
    """Those of which the number can be known before."""
    return {name: number for name, number in calls.items() if name not in NOT_FORETOLD}


@pytest.mark.slow
def test_calls_documents_and_scores_are_those_that_the_servers_then_count(services: Services, tmp_path: Path) -> None:
    land_labelled(services, 18, 42)
    before = services.state()
    planned = call_cli(tmp_path, "plan", "--json")
    assert planned.code == 0, planned.err
    assert services.state() == before
    value = planned.value
    services.vision.calls.clear()
    services.search.calls.clear()

    assert call_cli(tmp_path, "run").code == 0

    assert known(services.counted()) == foretold(value)
    told = value["calls"]["search"]
    assert told["batches of documents"] == sum("search.index" in call for call in services.search.calls)
    assert value["days"][0]["documents"] == 24 + 24
    assert value["days"][0]["to_read"] == 24
    uploaded = value["custom_vision"]["images uploaded"]
    predictions = 24
    assert value["cost"]["amount"] == pytest.approx(uploaded * 2 / 1000 + predictions * 4 / 1000)
    assert value["cost"]["not_included"] == ["the hours of a regular training"]

    services.vision.calls.clear()
    idle = call_cli(tmp_path, "plan", "--json").value
    assert (idle["days"], idle["training"], services.counted()) == ([], None, {})


@pytest.mark.slow
def test_a_second_day_is_foretold_with_and_without_the_publication_of_its_model(services: Services, tmp_path: Path) -> None:
    land_labelled(services, 18, 42)
    assert call_cli(tmp_path, "run").code == 0
    land_labelled(services, 8, 18)
    land_labelled(services, 42, 52)
    services.pipeline.store.delete(f"landing/{DAY.replace('-', '/')}/18.jpg")
    before = services.state()
    value = call_cli(tmp_path, "plan", "--json").value
    assert services.state() == before
    services.vision.calls.clear()

    assert call_cli(tmp_path, "run").code == 0

    (day,) = value["days"]
    assert (day["new"], day["gone"], day["to_read"]) == (20, 1, 20)
    assert value["training"]["open"] is True
    # The picture's colours leave nothing to be better at, so the champion stays.
    assert known(services.counted()) == known(value["calls"]["custom vision"])
    assert value["if_published"]["predictions"] > 0
    assert value["if_published"]["calls"]["custom vision"]["publish_iteration"] == 1


def plan_and_run(services: Services, home: Path) -> tuple[Any, dict[str, int], int]:
    """What a plan told, calls that a run then made, and trainings that it began."""
    before = services.state()
    planned = call_cli(home, "plan", "--json")
    assert planned.code == 0, planned.err
    assert services.state() == before
    begun = services.vision.only_project().trainings
    services.vision.calls.clear()
    assert call_cli(home, "run").code == 0
    return planned.value, services.counted(), services.vision.only_project().trainings - begun


@pytest.mark.slow
def test_no_training_is_foretold_where_the_last_one_learnt_from_the_same(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_labelled(services, 18, 42)
    assert call_cli(tmp_path, "run").code == 0
    monkeypatch.setenv("IMAGING_TRAINING__MIN_IMAGES_PER_TAG", "4")  # another recipe, the same images

    value, counted, begun = plan_and_run(services, tmp_path)

    assert (value["training"]["trains"], value["custom_vision"].get("training begun", 0), begun) == (True, 0, 0)
    assert value["calls"]["custom vision"]["train_project"] == counted["train_project"] == 1  # and is told that it is not needed
    assert known(value["calls"]["custom vision"]) == known(counted)  # the same iteration is no better than itself
    assert "the hours of a regular training" not in value["cost"]["not_included"]


@pytest.mark.slow
def test_a_training_that_a_killed_run_began_is_foretold_as_adopted(services: Services, tmp_path: Path) -> None:
    land_labelled(services, 18, 42)
    services.vision.service.polls = 10**6
    services.vision.inject("get_iteration", Unavailable(403))
    assert call_cli(tmp_path, "run").code == 1
    (running,) = services.vision.only_project().iterations.values()
    assert running.status == "Training"
    told = call_cli(tmp_path, "plan").out
    assert "no training is begun" in told
    running.left = 0

    value, counted, begun = plan_and_run(services, tmp_path)

    assert (value["training"]["trains"], value["custom_vision"].get("training begun", 0), begun) == (True, 0, 0)
    assert "train_project" not in counted
    assert foretold(value) == known(counted)


@pytest.mark.slow
def test_a_training_of_others_that_runs_is_foretold_as_waited_for(services: Services, tmp_path: Path) -> None:
    land_labelled(services, 18, 42)
    assert call_cli(tmp_path, "run").code == 0
    land_labelled(services, 8, 18)
    land_labelled(services, 42, 52)
    services.vision.service.polls = 20
    services.vision.service.train(services.vision.only_project(), "Regular", 0, force=True)

    value, counted, begun = plan_and_run(services, tmp_path)

    assert (value["custom_vision"]["training begun"], begun) == (1, 1)
    assert value["calls"]["custom vision"]["train_project"] == counted["train_project"] == 2
