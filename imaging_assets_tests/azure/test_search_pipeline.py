"""Pull mode, end to end: the local search service reads blobs out of Azurite and asks a running skill over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from azure.core.credentials import AzureKeyCredential
from azure.search.documents import SearchClient
from azure.search.documents.indexes import SearchIndexClient
from azure.search.documents.indexes.models import SearchField, SearchIndex, SearchIndexerSkillset
from azure.storage.blob import BlobServiceClient
from typing_extensions import override

from imaging_assets.settings import Settings
from imaging_assets.web.app import create_app
from imaging_assets_tests.azure.azurite import KEY as STORAGE_KEY
from imaging_assets_tests.azure.azurite import a_name, azurite, connection_string
from imaging_assets_tests.azure.search_server.indexers import token_of
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, Fault, SearchServer, a_search_server
from imaging_assets_tests.cli.command_line import call_cli
from imaging_assets_tests.embedded.pictures import plain
from imaging_assets_tests.web.servers import KEY, a_trained_pipeline

WRITES = r"^(PUT|POST|DELETE) "
NAMES = [f"aml-classifier-{kind}" for kind in ("datasource", "index", "skillset", "indexer")]


@dataclass
class Place:
    """A container with pictures, a search service, and the skill."""

    folder: Path
    search: SearchServer
    container: str

    def call(self, *arguments: str) -> Any:
        return call_cli(self.folder, *arguments)

    def upload(self, name: str, data: bytes) -> None:
        with BlobServiceClient.from_connection_string(connection_string(azurite())) as service:
            service.get_blob_client(self.container, name).upload_blob(data, overwrite=True)

    def finished(self, runs: int = 1) -> Any:
        """The status once the run that was begun last is over, which is this many-th."""
        begun = self.search.service.parts.indexings[NAMES[3]].thread
        assert begun is not None
        begun.join()
        told = self.call("search-pipeline", "status", "--json").value
        assert len(told["runs"]) == runs
        return told


@contextmanager
def a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skill_url: str) -> Iterator[Place]:
    container = a_name()
    with BlobServiceClient.from_connection_string(connection_string(azurite())) as service:
        service.create_container(container)
    with a_search_server() as search:
        variables = {
            "AZURE__CONNECTION_STRING": connection_string(azurite()),
            "AZURE__CONTAINER": container,
            "AZURE__SEARCH_ENDPOINT": search.endpoint,
            "AZURE__SEARCH_KEY": ADMIN_KEY,
            "SERVE__KEY": KEY,
            "SEARCH_PIPELINE__SKILL_URL": skill_url,
        }
        for name, value in variables.items():
            monkeypatch.setenv(f"IMAGING_{name}", value)
        yield Place(tmp_path, search, container)
        assert search.broken_contract == []


@contextmanager
def our_skill(home: Path) -> Iterator[str]:
    """Address of `serve` over a trained store."""
    pipeline = a_trained_pipeline(home)
    app = create_app(Settings(home=home, serve={"key": KEY}), pipeline)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/api/extraction"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class OddSkill:
    """A skill that answers as it is told to."""

    statuses: list[int] = field(default_factory=list)
    dropped: bool = False
    calls: int = 0
    url: str = ""


@contextmanager
def an_odd_skill(odd: OddSkill) -> Iterator[OddSkill]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            odd.calls += 1
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = {"data": {"amllabel": "odd"}, "warnings": [{"message": "odd"}]}
            values = [{"recordId": each["recordId"], **said} for each in body["values"]]
            data = json.dumps({"values": values[1:] if odd.dropped else values}).encode()
            self.send_response(odd.statuses.pop(0) if odd.statuses else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        @override
        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    odd.url = f"http://127.0.0.1:{server.server_port}/api/extraction"
    try:
        yield odd
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_blobs_are_pulled_labelled_by_the_skill_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [(picture.tags[0], picture.data) for picture in plain(["red", "green"], 2)]
    with our_skill(tmp_path / "skill") as url, a_place(tmp_path, monkeypatch, url) as place:
        for number, (colour, data) in enumerate(pictures):
            place.upload(f"landing/2026/11/19/{colour}-{number}.jpg", data)
        place.upload("landing/2026/11/19/bad.jpg", b"no picture")
        place.upload("resized/elsewhere.jpg", pictures[0][1])

        assert place.call("search-pipeline", "apply", "--json").value["parts"] == dict.fromkeys(NAMES, "made")
        told = place.finished()
        file = tmp_path / "one.jpg"
        file.write_bytes(pictures[0][1])
        tested = place.call("search-pipeline", "test", str(file), "--json").value

        assert told["documents"] == len(pictures)
        run = told["runs"][0]
        assert (run["status"], run["items"], run["failed"]) == ("success", len(pictures) + 1, 1)
        assert run["errors"][0]["key"].endswith("/bad.jpg")
        assert tested["skill"]["data"]["amllabel"] == pictures[0][0]
        assert tested["documents"]["count"] == len(pictures)
        assert tested["with_label"]["count"] == sum(colour == pictures[0][0] for colour, _ in pictures)
        row = tested["with_label"]["rows"][0]
        assert row["id"] == token_of(row["url"])
        assert row["file_name"].startswith(pictures[0][0])
        assert {each["blob"] for each in tested["by_word"]["rows"]} >= {each["url"] for each in tested["with_label"]["rows"]}
        printed = place.call("search-pipeline", "status").out
        assert "bad.jpg" in printed
        for text in (json.dumps(told), json.dumps(tested), printed):
            assert not [secret for secret in (STORAGE_KEY, ADMIN_KEY, KEY) if secret in text]


def test_a_second_apply_writes_nothing_and_a_changed_key_writes_the_skillset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with an_odd_skill(OddSkill()) as odd, a_place(tmp_path, monkeypatch, odd.url) as place:
        place.call("search-pipeline", "apply")
        place.finished()
        written = place.search.called(WRITES)

        again = place.call("search-pipeline", "apply")
        assert "nothing written" in again.out
        assert place.search.called(WRITES) == written

        monkeypatch.setenv("IMAGING_SERVE__KEY", "another")
        changed = place.call("search-pipeline", "apply", "--json").value["parts"]
        assert changed == {name: "changed" if name.endswith("skillset") else "unchanged" for name in NAMES}
        headers = place.search.service.parts.named["skillsets"][NAMES[2]]["skills"][0]["httpHeaders"]
        assert headers["Ocp-Apim-Subscription-Key"] == "another"
        place.finished(runs=2)


def test_what_was_changed_by_hand_is_put_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with an_odd_skill(OddSkill()) as odd, a_place(tmp_path, monkeypatch, odd.url) as place:
        place.call("search-pipeline", "apply")
        place.finished()
        indexer = place.search.service.parts.named["indexers"][NAMES[3]]
        indexer["parameters"] = {**indexer["parameters"], "maxFailedItems": 0}

        assert place.call("search-pipeline", "status", "--json").value["parts"][NAMES[3]] == "differs"
        assert place.call("search-pipeline", "apply", "--json").value["parts"][NAMES[3]] == "changed"
        assert place.search.service.parts.named["indexers"][NAMES[3]]["parameters"]["maxFailedItems"] == -1
        place.finished(runs=2)


def test_only_ours_is_changed_and_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with an_odd_skill(OddSkill()) as odd, a_place(tmp_path, monkeypatch, odd.url) as place:
        named = place.search.service.parts.named["skillsets"]
        named[NAMES[2]] = {**SearchIndexerSkillset(name=NAMES[2], skills=[]).as_dict(), "@odata.etag": '"theirs"'}

        refused = place.call("search-pipeline", "apply")
        assert refused.code == 3
        assert f"{NAMES[2]} at {place.search.endpoint} was not made by imaging-assets" in refused.complaint
        assert place.search.called(WRITES) == 0
        deleted = place.call("search-pipeline", "delete", "--json").value["parts"]
        assert (deleted[NAMES[2]], deleted[NAMES[3]]) == ("not ours", "missing")

        taken = place.call("search-pipeline", "apply", "--take-over", "--json").value["parts"]
        assert taken == {name: "changed" if name == NAMES[2] else "made" for name in NAMES}
        place.finished()
        assert place.call("search-pipeline", "delete", "--json").value["parts"] == dict.fromkeys(reversed(NAMES), "deleted")
        assert (named, place.search.service.indexes) == ({}, {})
        assert place.call("search-pipeline", "status").code == 1


def test_an_index_of_the_power_skill_is_taken_over_with_its_fields_and_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = SearchField(name="amllabel", type="Collection(Edm.String)", searchable=True, filterable=False, facetable=False)
    name = SearchField(name="name", type="Edm.String", searchable=True, filterable=False, facetable=False)
    categories = SearchField(name="categories", type="Collection(Edm.ComplexType)", fields=[name])
    key = SearchField(name="id", type="Edm.String", key=True, searchable=False)
    with an_odd_skill(OddSkill()) as odd, a_place(tmp_path, monkeypatch, odd.url) as place:
        picture = plain(["red"], 1)[0].data
        place.upload("landing/old.jpg", picture)
        old = token_of(f"{azurite()}/{place.container}/landing/old.jpg")
        with SearchIndexClient(place.search.endpoint, AzureKeyCredential(ADMIN_KEY)) as indexes:
            indexes.create_index(SearchIndex(name=NAMES[1], fields=[key, label, categories]))
        with SearchClient(place.search.endpoint, NAMES[1], AzureKeyCredential(ADMIN_KEY)) as documents:
            documents.upload_documents([{"id": old, "amllabel": ["husky"]}, {"id": "other", "amllabel": ["husky"]}])

        assert place.call("search-pipeline", "apply").code == 3
        assert place.call("search-pipeline", "status", "--json").value["parts"][NAMES[1]] == "not ours"
        assert place.call("search-pipeline", "apply", "--take-over", "--json").value["parts"][NAMES[1]] == "changed"
        assert place.finished()["documents"] == 2
        assert set(place.call("search-pipeline", "apply", "--json").value["parts"].values()) == {"unchanged"}
        index = place.search.service.indexes[NAMES[1]]
        assert index.fields["categories"]["fields"] == [categories.as_dict()["fields"][0]]
        assert index.fields["amllabel"]["filterable"] is False
        assert {key: document["amllabel"] for key, document in index.documents.items()} == {old: ["odd"], "other": ["husky"]}
        file = tmp_path / "one.jpg"
        file.write_bytes(picture)
        tested = place.call("search-pipeline", "test", str(file), "--json").value
        assert [row["blob"] for row in tested["with_label"]["rows"]] == [f"{azurite()}/{place.container}/landing/old.jpg"]


def test_what_somebody_makes_in_between_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with an_odd_skill(OddSkill()) as odd, a_place(tmp_path, monkeypatch, odd.url) as place:
        place.search.faults = [Fault(f"^PUT /skillsets.*{NAMES[2]}", status=412)]
        done = place.call("search-pipeline", "apply")
        assert (done.code, "Somebody else changed it meanwhile; apply again" in done.complaint) == (1, True)
        assert set(place.call("search-pipeline", "apply", "--json").value["parts"].values()) == {"unchanged", "made"}
        place.finished()


def test_a_busy_skill_is_asked_again_and_a_record_without_answer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with an_odd_skill(OddSkill(statuses=[503, 429])) as odd, a_place(tmp_path, monkeypatch, odd.url) as place:
        for number, picture in enumerate(plain(["red"], 2)):
            place.upload(f"landing/{number}.jpg", picture.data)
        place.call("search-pipeline", "apply")
        first = place.finished()
        assert (odd.calls, first["documents"], len(first["runs"][0]["warnings"])) == (3, 2, 2)

        odd.dropped = True
        place.upload("landing/0.jpg", plain(["green"], 1)[0].data)
        monkeypatch.setenv("IMAGING_SEARCH_PIPELINE__BATCH", "1")
        place.call("search-pipeline", "apply")
        second = place.finished(runs=2)["runs"][0]
        assert (second["items"], second["failed"]) == (1, 1)
        assert "the record is missing" in second["errors"][0]["message"]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SEARCH_PIPELINE__SKILL_URL", "http://skill.example/api/extraction", "calls https only"),
        ("AZURE__SEARCH_ENDPOINT", "", "There is no search service"),
        ("AZURE__CONNECTION_STRING", "", "Set search_pipeline.storage to ResourceId="),
    ],
)
def test_what_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str) -> None:
    with a_place(tmp_path, monkeypatch, "https://skill.example/api/extraction") as place:
        monkeypatch.setenv(f"IMAGING_{variable}", value) if value else monkeypatch.delenv(f"IMAGING_{variable}")
        done = place.call("search-pipeline", "apply")
        assert (done.code, told in done.complaint) == (2, True), done.err


def test_a_wrong_key_of_the_skill_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with an_odd_skill(OddSkill(statuses=[403])) as odd, a_place(tmp_path, monkeypatch, odd.url) as place:
        file = tmp_path / "one.jpg"
        file.write_bytes(plain(["red"], 1)[0].data)
        assert "Give the server's key as IMAGING_SERVE__KEY" in place.call("search-pipeline", "test", str(file)).complaint
