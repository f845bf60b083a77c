"""What goes wrong at a search service: nothing is lost or doubled, and what is said names the remedy."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential, TokenCredential
from azure.search.documents import SearchClient

from imaging_assets.azure.search_calls import Patience
from imaging_assets.azure.search_index import AzureAISearchIndex
from imaging_assets.azure.search_pointer import Pointer, PointerBlob
from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.errors import SearchIndexError
from imaging_assets.records.search import FIELDS, Condition, Order, SearchField, SearchQuery
from imaging_assets_tests.azure.azurite import free_ports
from imaging_assets_tests.azure.certificate import Certificate, Tokens, a_certificate
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, AUDIENCE, Fault, SearchServer, a_search_server
from imaging_assets_tests.azure.search_server.service import Service
from imaging_assets_tests.contracts.test_search_index import document, found, put, vector

QUICK = Patience(tries=4, first_wait=0.01, alias=0.0, settled=0.0)
INDEX = r"POST .*/docs/search\.index"


def an_index(
    server: SearchServer,
    folder: Path,
    *,
    credential: AzureKeyCredential | TokenCredential | None = None,
    fields: tuple[SearchField, ...] = FIELDS,
    embedding_id: str = "",
    patience: Patience = QUICK,
) -> AzureAISearchIndex:
    return AzureAISearchIndex(
        server.endpoint,
        credential or AzureKeyCredential(ADMIN_KEY),
        alias="images",
        store=DirectoryBlobStore.create(folder / "store"),
        pointer="manifests/_search_index.json",
        dimensions=4,
        embedding_id=embedding_id,
        fields=fields,
        patience=patience,
    )


def documents(number: int, **fields: Any) -> list[Any]:
    return [document(f"k{place:04}", **fields) for place in range(number)]


def stored(server: SearchServer) -> list[str]:
    """Keys in the one index there is."""
    (index,) = server.service.indexes.values()
    return sorted(index.documents)


FAULTS: dict[str, Fault] = {
    "too many requests": Fault(INDEX, 429),
    "too many requests, wait": Fault(INDEX, 429, {"Retry-After": "0"}),
    "busy": Fault(INDEX, 503, times=2),
    "bad gateway": Fault(INDEX, 502),
    "timeout": Fault(INDEX, 408),
    "connection broken before the answer": Fault(INDEX),
    "connection broken half-way through the answer": Fault(INDEX, late=True),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_batch_that_meets_a_fault_is_sent_again_and_each_document_stands_once(fault: Fault, tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("before"))
        server.faults.append(Fault(fault.matches, fault.status, fault.headers, fault.times, fault.late))

        put(index, *documents(30))

        assert stored(server) == ["before", *(f"k{place:04}" for place in range(30))]
        assert server.called(INDEX) == 2 + fault.times
        assert server.faults[0].times == 0


@pytest.mark.parametrize("matches", ["POST .*search.post.search", "PUT /indexes", "PUT /aliases", "GET .*docs\\('"])
@pytest.mark.parametrize("status", [429, 503, 0])
def test_every_other_call_is_patient_too(matches: str, status: int, tmp_path: Path) -> None:
    with a_search_server() as server:
        server.faults.append(Fault(matches, status, times=2))
        index = an_index(server, tmp_path)
        put(index, document("a", text="cat"))

        assert found(index, SearchQuery(text="cat")) == ["a"]
        assert index.get("a") is not None
        assert server.faults[0].times == 0
        assert len(server.service.indexes) == 1


def test_retry_after_is_obeyed(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        server.faults.append(Fault(INDEX, 429, {"Retry-After": "0.4"}))
        begun = time.monotonic()

        put(index, document("b"))

        assert time.monotonic() - begun >= 0.4


def test_a_service_that_stays_busy_ends_in_an_error_with_the_remedy(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        server.faults.append(Fault(INDEX, 503, times=100))

        with pytest.raises(SearchIndexError, match=r"Cannot write 1 documents at http.*503.*Run again in a few minutes"):
            index.put([document("b")])

        assert server.called(INDEX) == 1 + QUICK.tries


def test_a_service_that_cannot_be_reached_is_told_with_the_setting(tmp_path: Path) -> None:
    nowhere = SearchServer(Service(), endpoint=f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(SearchIndexError, match=r"Check azure\.search_endpoint and the network"):
        an_index(nowhere, tmp_path).put([document("b")])


@pytest.mark.parametrize("status", [409, 422, 429, 503])
def test_documents_that_are_too_early_are_sent_again_alone(status: int, tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        server.service.item_statuses = {"k0003": [status], "k0007": [status, status]}

        put(index, *documents(10))

        assert server.batches == [10, 2, 1]
        assert len(stored(server)) == 10


def test_a_document_that_is_refused_is_told_and_costs_nobody_else(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        server.service.item_statuses = {"k0001": [400] * 9, "k0002": [503] * 9}

        results = {result.id: result.error for result in index.put(documents(4))}

        assert (results["k0000"], results["k0003"]) == ("", "")
        assert results["k0001"].startswith("400 injected")
        assert results["k0002"] == f"503 injected (tried {QUICK.tries} times)"
        assert stored(server) == ["k0000", "k0003"]


def test_a_batch_refused_as_a_whole_is_halved_until_the_culprit_is_alone(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        too_long = document("bad", predicted="x" * 40_000)  # a filterable value is one term, of 32,766 bytes at most

        results = {result.id: result.error for result in index.put([*documents(20), too_long])}

        assert [key for key, error in results.items() if error] == ["bad"]
        assert "too large to process" in results["bad"]
        assert len(stored(server)) == 20


def test_a_service_that_refuses_everything_is_not_asked_about_each_document(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        server.faults.append(Fault(INDEX, 400, times=1000))

        with pytest.raises(SearchIndexError, match=r"refuses every document of a batch.*`imaging-assets audit`"):
            index.put(documents(64))

        assert server.called(INDEX) < 10


def test_batches_hold_at_most_a_thousand_documents_and_sixteen_megabytes(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)

        put(index, *documents(1_500), *(document(f"large{place}", text="word " * 900_000) for place in range(5)))

        assert len(stored(server)) == 1_505
        assert max(server.batches) == 1_000
        assert server.batches == [1_000, 503, 2]


def test_a_batch_that_is_still_too_large_is_split_and_a_document_that_is_too_large_alone_is_told(tmp_path: Path) -> None:
    with a_search_server(most_bytes=20_000) as server:
        index = an_index(server, tmp_path)

        results = {result.id: result.error for result in index.put([*documents(100), document("large", text="x" * 30_000)])}

        assert [key for key, error in results.items() if error] == ["large"]
        assert "413" in results["large"]
        assert len(stored(server)) == 100


def test_a_first_upload_takes_no_more_calls_than_it_must(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)

        put(index, *documents(5_000))

        assert server.called(INDEX) == 5
        assert len(server.calls) == 5 + 3  # which alias there is, the index, the alias


def test_an_index_deleted_under_us_is_made_anew_under_another_name(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        before = index.generation
        server.service.aliases.clear()
        server.service.indexes.clear()

        put(index, document("b"))

        assert index.generation == index.serving != before
        assert found(index, SearchQuery()) == ["b"]
        assert server.service.aliases["images"]["indexes"] == [index.generation]


def test_a_query_of_an_index_that_is_gone_finds_nothing_rather_than_failing(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        server.service.aliases.clear()
        server.service.indexes.clear()

        assert found(index, SearchQuery()) == []
        assert list(index.ids()) == []


def test_a_lost_pointer_is_found_again_by_the_alias(tmp_path: Path) -> None:
    with a_search_server() as server:
        put(an_index(server, tmp_path / "one"), document("a"))

        index = an_index(server, tmp_path / "two")

        assert found(index, SearchQuery()) == ["a"]
        assert len(server.service.indexes) == 1


def test_an_alias_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with a_search_server() as server:
        put(an_index(server, tmp_path / "one"), document("a"))
        (theirs,) = server.service.indexes
        server.service.indexes["theirs"] = server.service.indexes.pop(theirs)
        server.service.aliases["images"]["indexes"] = ["theirs"]

        with pytest.raises(SearchIndexError, match=r"leads to 'theirs'.*Choose another azure\.search_alias"):
            an_index(server, tmp_path / "two").put([document("b")])

        assert list(server.service.indexes) == ["theirs"]


def test_two_processes_that_make_the_index_at_once_make_one(tmp_path: Path) -> None:
    with a_search_server() as server:
        first, second = an_index(server, tmp_path), an_index(server, tmp_path)
        assert second._generations._pointer.read() is None  # before the first has made it
        put(first, document("a"))

        put(second, document("b"))

        assert first.generation == second.generation
        assert stored(server) == ["a", "b"]


def test_an_etag_conflict_over_the_pointer_leaves_no_index_behind(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        blob = index._generations._pointer
        other = PointerBlob(DirectoryBlobStore(tmp_path / "store"), "manifests/_search_index.json")
        read = blob.read

        def read_and_be_overtaken() -> Pointer | None:
            seen = read()
            if overtaken:
                overtaken.clear()
                assert seen is not None
                assert other.replace(seen, over=seen)
            return seen

        overtaken = [True]
        blob.read = read_and_be_overtaken  # type: ignore[method-assign]
        index.rebuild()

        assert len(server.service.indexes) == 2


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """One that clients of this test trust."""
    made = a_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.certificate))
    return made


def test_an_identity_is_asked_for_new_tokens_before_the_old_ones_end(tmp_path: Path, certificate: Certificate) -> None:
    identity = Tokens(AUDIENCE, lives=60)
    with a_search_server(certificate) as server:
        index = an_index(server, tmp_path, credential=identity)
        put(index, document("a"))

        assert found(index, SearchQuery()) == ["a"]
    assert len(set(identity.given)) > 1


def test_an_expired_token_is_told_with_the_roles_at_once(tmp_path: Path, certificate: Certificate) -> None:
    identity = Tokens(AUDIENCE, lives=-60)
    with a_search_server(certificate) as server:
        index = an_index(server, tmp_path, credential=identity)
        with pytest.raises(SearchIndexError, match=r"401.*'Search Service Contributor'.*`az login`") as error:
            index.put([document("a")])
        assert len(server.calls) == 2  # with the next token, too
    assert not any(token in str(error.value) for token in identity.given)


def test_a_wrong_key_is_told_with_the_roles_and_the_setting(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path, credential=AzureKeyCredential("wrong"))
        with pytest.raises(SearchIndexError, match=r"403.*'Search Index Data Contributor'.*azure\.search_key") as error:
            index.put([document("a")])
        assert "wrong" not in str(error.value)
        assert len(server.calls) == 1


def test_an_index_that_the_service_has_no_room_for_is_told(tmp_path: Path) -> None:
    with (
        a_search_server(most_indexes=0) as server,
        pytest.raises(SearchIndexError, match=r"429.*quota has been exceeded.*delete indexes that nobody uses"),
    ):
        an_index(server, tmp_path).put([document("a")])


# --- a service takes its time


def eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_service_that_shows_writes_later_loses_none(tmp_path: Path) -> None:
    with a_search_server(visible_after=0.2) as server:
        index = an_index(server, tmp_path)
        put(index, *documents(5, text="cat"))
        index.delete(["k0001"])

        assert index.query(SearchQuery()).count == 0  # promised for later
        eventually(lambda: found(index, SearchQuery(text="cat", order=(Order("name"),))) == ["k0000", "k0002", "k0003", "k0004"])


def test_a_promotion_waits_until_everything_is_visible_and_the_alias_is_followed(tmp_path: Path) -> None:
    slow = Patience(tries=3, first_wait=0.01, alias=0.4, settled=0.4)
    with a_search_server(visible_after=0.2, alias_seconds=0.2) as server:
        index = an_index(server, tmp_path, patience=slow)
        put(index, *documents(5))
        outside = SearchClient(server.endpoint, "images", AzureKeyCredential(ADMIN_KEY))
        eventually(lambda: outside.get_document_count() == 5)
        index.rebuild()
        put(index, *documents(5))
        assert outside.get_document_count() == 5

        index.promote()

        assert outside.get_document_count() == 5  # through the alias, which names the new index
        assert list(server.service.indexes) == [index.serving]
        outside.close()


# --- another schema


def test_a_new_field_is_filled_beside_the_old_index_which_serves_meanwhile(tmp_path: Path) -> None:
    older = tuple(field for field in FIELDS if field.name not in {"label_source", "width"})
    with a_search_server() as server:
        put(an_index(server, tmp_path, fields=older), document("a", text="cat", predicted="cat"))

        index = an_index(server, tmp_path)
        assert index.generation != index.serving
        put(index, document("b", text="cat", width=5, label_source="labels.csv"))

        assert found(index, SearchQuery(text="cat", order=(Order("width"), Order("name")))) == ["a", "b"]
        assert found(index, SearchQuery(where=(Condition("width", "ge", (1,)),))) == []
        assert set(found(index, SearchQuery(where=(Condition("width", "ne", (1,)),), facets=("predicted",)))) == {"a", "b"}
        assert [hit.document["width"] for hit in index.query(SearchQuery(text="cat")).hits] == [None, None]
        put(index, document("a", text="cat", predicted="cat"))
        index.promote()
        assert found(index, SearchQuery(where=(Condition("width", "ge", (1,)),))) == ["b"]
        assert len(server.service.indexes) == 1


def test_vectors_of_another_embedding_are_never_compared(tmp_path: Path) -> None:
    with a_search_server() as server:
        put(an_index(server, tmp_path, embedding_id="old"), document("a", vector=vector(1, 0, 0, 0)))

        index = an_index(server, tmp_path, embedding_id="new")
        put(index, document("a", vector=vector(0, 1, 0, 0)))

        with pytest.raises(SearchIndexError, match="another embedding"):
            index.query(SearchQuery(vector=vector(1, 0, 0, 0)))
        index.promote()
        assert found(index, SearchQuery(vector=vector(1, 0, 0, 0))) == ["a"]


@pytest.mark.parametrize(
    "value", ["it's", "a|b,c;d", "tab\there", "", "(x) or true", "' or 1 eq 1 or '", "日本", "\U0001f408"], ids=ascii
)
def test_any_value_is_safe_in_a_filter(value: str, tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a", predicted=value, tags=[value]), document("b", predicted="other", tags=["other"]))

        for field in ("predicted", "tags"):
            assert found(index, SearchQuery(where=(Condition(field, "eq", (value,)),))) == ["a"]
            assert found(index, SearchQuery(where=(Condition(field, "eq", (value, "nothing")),))) == ["a"]
            assert found(index, SearchQuery(where=(Condition(field, "ne", (value, "nothing")),))) == ["b"]
        assert server.broken_contract == []
