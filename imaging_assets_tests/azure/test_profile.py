"""Profile azure, end to end: the same assets over Azurite and a local search service, in process through Dagster."""

import base64
import io
import json
import logging
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest
from PIL import Image
from pydantic import SecretStr

from imaging_assets.azure.credentials import identity
from imaging_assets.defs.resources import blob_storage
from imaging_assets.policies import Azure
from imaging_assets.records.search import Condition, SearchQuery
from imaging_assets.settings import Settings
from imaging_assets.stages.days import Days
from imaging_assets_tests.azure.azurite import KEY, a_sas, azurite, connection_string, start
from imaging_assets_tests.azure.certificate import a_certificate, a_token
from imaging_assets_tests.azure.deployment import Deployment, a_deployment
from imaging_assets_tests.azure.managed_identity import HEADER, a_managed_identity
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY
from imaging_assets_tests.azure.services import Services, a_set_of_services
from imaging_assets_tests.builders import DAY, a_picture, land, state_labels
from imaging_assets_tests.cli.command_line import Done, call_cli
from imaging_assets_tests.defs.in_process import EVERYTHING, a_history, a_short_history, errors_of, metadata_of
from imaging_assets_tests.embedded.pictures import plain

TAGS = ("cat", "dog")
WRONG_KEY = KEY[::-1].strip("=") + "=="


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with a_short_history() as history:
        yield history


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> Iterator[Deployment]:
    with a_deployment(tmp_path, monkeypatch, instance) as deployed:
        yield deployed


def land_a_labelled_day(deployment: Deployment) -> None:
    """Eight images, half of them cats, half dogs, and one that is broken."""
    pictures = {f"{tag}-{n}.jpg": a_picture(10 * n + place, (160, 120)) for place, tag in enumerate(TAGS) for n in range(4)}
    land(deployment.pipeline, {**pictures, "broken.jpg": b"\xff\xd8\xff\xe0 and then nothing"})
    state_labels(deployment.pipeline, {f"{DAY.replace('-', '/')}/{name}": name.partition("-")[0] for name in pictures})


def test_a_day_becomes_searchable_through_azure_as_it_does_on_a_laptop(deployment: Deployment) -> None:
    land_a_labelled_day(deployment)
    first = deployment.run(DAY)
    assert first.success, errors_of(first)
    told = metadata_of(first)
    assert told["resized_images"]["quarantined"] == 1
    assert told["training_iterations"]["verdict"] == "published"
    assert deployment.run(DAY).success  # by now with the model's predictions

    index = deployment.pipeline.index
    answer = index.query(SearchQuery(where=(Condition("tags", "eq", ("cat",)),), facets=("predicted",)))
    assert answer.count == 4
    assert sum(count for _, count in answer.facets["predicted"]) == 4
    assert len(list(index.ids())) == 8
    assert len(deployment.search.service.aliases) == len(deployment.search.service.indexes) == 1
    assert Days(deployment.pipeline).behind(DAY) is None


@pytest.mark.slow
def test_review_tasks_name_images_by_addresses_that_need_no_key_of_ours(deployment: Deployment, tmp_path: Path) -> None:
    land_a_labelled_day(deployment)
    land(deployment.pipeline, {"who.jpg": a_picture(777, (160, 120))})
    for _ in range(2):
        assert deployment.run(DAY).success

    done = call_cli(tmp_path, "review", "export", "tasks.json", "--signed-days", "1")

    assert done.code == 0, done.err
    [task] = [task for task in json.loads((tmp_path / "tasks.json").read_bytes()) if task["data"]["path"].endswith("who.jpg")]
    with urllib.request.urlopen(task["data"]["image"]) as answer:  # noqa: S310 - Azurite's
        assert Image.open(io.BytesIO(answer.read())).size == (160, 120)
    assert "sig=" not in done.out + done.err


def test_an_unchanged_day_makes_no_call_to_search_and_changes_no_blob(deployment: Deployment) -> None:
    land_a_labelled_day(deployment)
    for _ in range(2):
        assert deployment.run(DAY).success
    deployment.search.calls.clear()
    before = list(deployment.pipeline.store.list_blobs())

    again = deployment.run(DAY)

    assert again.success
    assert {facts["unchanged"] for asset, facts in metadata_of(again).items() if asset in EVERYTHING} == {True}
    assert deployment.search.calls == []
    assert list(deployment.pipeline.store.list_blobs()) == before


@pytest.mark.slow
def test_a_deleted_index_is_made_anew_and_filled_by_the_days_that_are_then_behind(deployment: Deployment) -> None:
    land_a_labelled_day(deployment)
    for _ in range(2):
        assert deployment.run(DAY).success
    service = deployment.search.service
    service.aliases.clear()
    service.indexes.clear()
    land(deployment.pipeline, {"new.jpg": a_picture(999, (160, 120))})

    assert deployment.run(DAY).success  # finds out when it sends the new document
    behind = Days(deployment.pipeline).behind(DAY)
    assert behind is not None
    assert behind.steps == ("search_documents",)
    assert deployment.run(DAY).success

    assert len(list(deployment.pipeline.index.ids())) == 9
    assert Days(deployment.pipeline).behind(DAY) is None
    (alias,) = service.aliases.values()
    assert alias["indexes"] == list(service.indexes)


def test_a_search_service_that_is_down_fails_its_step_alone_and_says_what_to_do(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_a_labelled_day(deployment)
    monkeypatch.setenv("IMAGING_AZURE__SEARCH_KEY", "not-the-key-0123456789")

    failed = deployment.run(DAY)

    assert set(errors_of(failed)) == {"search_documents"}
    assert "403" in errors_of(failed)["search_documents"]
    assert "set azure.search_key to an admin key." in errors_of(failed)["search_documents"]
    monkeypatch.setenv("IMAGING_AZURE__SEARCH_KEY", ADMIN_KEY)
    assert deployment.run(DAY).success
    assert len(list(deployment.pipeline.index.ids())) == 8


@pytest.mark.slow
@pytest.mark.parametrize("opened_by", ["key", "sas"])
def test_no_secret_reaches_logs_metadata_errors_manifests_or_the_index(
    opened_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sas = a_sas()
    variables = {"ACCOUNT_URL": azurite(), "CONNECTION_STRING": "", "SAS_TOKEN": sas} if opened_by == "sas" else {}
    with (
        a_history(tmp_path / "history") as instance,
        a_deployment(tmp_path / "home", monkeypatch, instance, **variables) as deployment,
    ):
        land_a_labelled_day(deployment)
        assert deployment.run(DAY).success
        wrong = "wrong-key-that-is-secret-0123456789"
        monkeypatch.setenv("IMAGING_AZURE__SEARCH_KEY", wrong)
        land(deployment.pipeline, {"new.jpg": a_picture(998, (160, 120))})
        assert not deployment.run(DAY).success
        if opened_by == "sas":
            monkeypatch.setenv("IMAGING_AZURE__SAS_TOKEN", sas.replace("sig=", "sig=A"))
        else:
            monkeypatch.setenv("IMAGING_AZURE__CONNECTION_STRING", connection_string(azurite()).replace(KEY, WRONG_KEY))
        assert not deployment.run(DAY, ["raw_images"]).success

        texts = {"logs": caplog.text}
        for run in instance.get_runs():
            for entry in instance.all_logs(run.run_id):
                texts[f"event {len(texts)}"] = f"{entry.message} {dg.serialize_value(entry)}"
        for blob in deployment.pipeline.store.list_blobs():
            if not blob.path.startswith("landing/"):
                texts[blob.path] = deployment.pipeline.store.read(blob.path).data.decode("latin-1")
        for index in deployment.search.service.indexes.values():
            texts["index"] = json.dumps([index.definition, index.documents])
        texts["settings"] = repr(deployment.pipeline)
    assert len(texts) > 100

    signature = sas.partition("sig=")[2].partition("&")[0]
    secrets = [KEY, WRONG_KEY, ADMIN_KEY, wrong, sas, signature]
    assert where_found(secrets, texts) == set()


def test_inside_dagster_the_client_signs_as_the_process_and_shows_no_key() -> None:
    by_identity = Settings(profile="azure", azure=Azure(account_url="https://account.blob.core.windows.net"))
    with blob_storage(by_identity).get_client() as one, blob_storage(by_identity).get_client() as other:
        assert one.credential is other.credential is identity()
    by_key = Settings(profile="azure", azure=Azure(connection_string=SecretStr(connection_string("http://127.0.0.1:1/account"))))
    resource = blob_storage(by_key)
    with resource.get_client() as client:
        assert client.credential.account_key == KEY
    assert KEY not in repr(resource)


@pytest.mark.slow
def test_no_secret_is_left_by_a_whole_run_with_custom_vision_its_plan_its_doctor_and_its_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = {name: f"wrong-{name.lower()}-that-is-secret-0123456789" for name in ("SEARCH", "TRAINING", "PREDICTION")}
    with a_set_of_services(tmp_path, monkeypatch) as services:
        land_plain(services)
        said = [call_cli(tmp_path, *words) for words in (["plan"], ["run"], ["doctor"], ["plan", "--json"], ["run", "--json"])]
        assert [done.code for done in said] == [0] * 5
        land(services.pipeline, {"new.jpg": a_picture(997, (160, 120))})
        monkeypatch.setenv("IMAGING_AZURE__SEARCH_KEY", wrong["SEARCH"])
        monkeypatch.setenv("IMAGING_CUSTOM_VISION__TRAINING_KEY", wrong["TRAINING"])
        monkeypatch.setenv("IMAGING_CUSTOM_VISION__PREDICTION_KEY", wrong["PREDICTION"])
        failing = [call_cli(tmp_path, *words) for words in (["doctor", "--json"], ["run"])]
        assert [done.code for done in failing] == [1, 1]
        texts = all_texts(services, tmp_path, [*said, *failing], caplog.text)
        keys = [KEY, ADMIN_KEY, services.vision.training_key, services.vision.prediction_key, *wrong.values()]
    assert where_found(keys, texts) == set()


@pytest.mark.slow
def test_no_token_is_left_by_a_whole_run_as_an_identity_its_plan_its_doctor_and_its_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    given: list[str] = []
    lives = [3600.0]

    def token_for(resource: str) -> str:
        given.append(a_token(resource, lives[0], len(given)))
        return given[-1]

    home = tmp_path / "work"
    home.mkdir()
    certificate = a_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
    options = ("--oauth", "basic", "--cert", str(certificate.certificate), "--key", str(certificate.key))
    account, _ = start(*options, scheme="https")
    keyless = dict.fromkeys(("AZURE__CONNECTION_STRING", "AZURE__SEARCH_KEY"), "")
    keyless |= dict.fromkeys(("CUSTOM_VISION__TRAINING_KEY", "CUSTOM_VISION__PREDICTION_KEY"), "")
    with a_managed_identity(token_for) as (variables, asked):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        identity.cache_clear()
        with a_set_of_services(home, monkeypatch, certificate, AZURE__ACCOUNT_URL=account, **keyless) as services:
            services.vision.valid_tokens = Valid(given, "https://cognitiveservices.azure.com")  # type: ignore[assignment]
            land_plain(services)
            said = [call_cli(home, *words) for words in (["plan"], ["run"], ["doctor"], ["run", "--json"])]
            assert [done.code for done in said] == [0] * 4, [done.err for done in said]
            texts = all_texts(services, home, said, "")
            land(services.pipeline, {"new.jpg": a_picture(997, (160, 120))})
            lives[0] = -60.0  # whoever asks from now on is refused
            identity.cache_clear()
            failing = [call_cli(home, *words) for words in (["doctor", "--json"], ["run"], ["plan"])]
            assert [done.code for done in failing] == [1] * 3
            texts |= {f"failed output {n}": done.out + done.err for n, done in enumerate(failing)}
            texts |= files_below(home) | {"logs": caplog.text}
    identity.cache_clear()
    resources = {"https://storage.azure.com", "https://search.azure.com", "https://cognitiveservices.azure.com"}
    assert set(asked) == resources
    claims = [token.split(".")[1] for token in given]
    assert where_found(claims, {"a log": f"Authorization: Bearer {given[-1]}", "nothing": caplog.messages[0]}) == {"a log"}
    assert where_found([HEADER, *given, *claims, *(claim[:40] for claim in claims)], texts) == set()


@dataclass
class Valid:
    """Tokens for one audience that were given."""

    given: list[str]
    audience: str

    def __contains__(self, token: object) -> bool:
        claims = str(token).split(".")[1] if token in self.given else "e30"
        told = json.loads(base64.urlsafe_b64decode(claims + "=="))
        return bool(told.get("aud") == self.audience and told["exp"] > time.time())


def land_plain(services: Services) -> None:
    """A labelled day of plain pictures."""
    pictures = dict(enumerate(plain(["red", "blue"], 12)))
    land(services.pipeline, {f"{number}.jpg": picture.data for number, picture in pictures.items()})
    state_labels(services.pipeline, {f"{DAY.replace('-', '/')}/{n}.jpg": picture.tags[0] for n, picture in pictures.items()})


def all_texts(services: Services, home: Path, outputs: Sequence[Done], logs: str) -> dict[str, str]:
    """All that a run leaves: by where it is."""
    texts = {f"output {n}": done.out + done.err for n, done in enumerate(outputs)} | {"logs": logs} | files_below(home)
    for blob in services.pipeline.store.list_blobs():
        if not blob.path.startswith("landing/"):
            texts[blob.path] = services.pipeline.store.read(blob.path).data.decode("latin-1")
    indexes = services.search.service.indexes.values()
    texts |= {index.definition["name"]: json.dumps([index.definition, index.documents]) for index in indexes}
    assert len(texts) > 100
    assert any(".db" in where for where in texts)  # Dagster's history is among them
    return texts


def files_below(folder: Path) -> dict[str, str]:
    """Their bytes, Dagster's history among them."""
    return {str(path): path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()}


def where_found(secrets: Iterable[str], texts: Mapping[str, str]) -> set[str]:
    """Where any form of any secret stands."""
    forms = {form for secret in secrets for form in all_forms(secret)}
    return {where for where, text in texts.items() if any(form in text for form in forms)}


def all_forms(secret: str) -> set[str]:
    """Raw, URL-encoded, and base64 at each of the three places it may start in a longer text."""
    encoded = {base64.b64encode(b"x" * lead + secret.encode()).decode()[4:-4] for lead in range(3)}
    return {secret, quote(secret, safe=""), quote(secret), *encoded}
