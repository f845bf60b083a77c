"""`imaging-assets plan` over the real services' stand-ins: what it foretells is what the servers then count, and it changes nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
    return {name: sum(part.get(name, 0) for part in parts) for part in parts for name in part if name not in NOT_FORETOLD}


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

    counted = {name: number for name, number in services.counted().items() if name not in NOT_FORETOLD}
    assert counted == foretold(value)
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
    without = {name: number for name, number in value["calls"]["custom vision"].items() if name not in NOT_FORETOLD}
    counted = {name: number for name, number in services.counted().items() if name not in NOT_FORETOLD}
    # The picture's colours leave nothing to be better at, so the champion stays.
    assert counted == without
    assert value["if_published"]["predictions"] > 0
    assert value["if_published"]["calls"]["custom vision"]["publish_iteration"] == 1
