"""The gallery over the index of Azure AI Search, asked by the official SDK: the same pages as over the embedded one.

Belongs here: what a page of results needs of the index. Does not: pages that never ask it (`test_gallery.py`), the adapter's own promises
(`contracts/test_search_index.py`).
"""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from azure.core.credentials import AzureKeyCredential
from fastapi.testclient import TestClient

from imaging_assets.azure.search_calls import Patience
from imaging_assets.azure.search_index import AzureAISearchIndex
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.gallery.view import PAGE, SORTS, pack_vector
from imaging_assets_tests.azure.search_server.server import ADMIN_KEY, Fault, SearchServer, a_search_server
from imaging_assets_tests.azure.services import a_set_of_services
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.web.servers import KEY, PICTURES, a_server, a_shown_pipeline

DOGS = [f"cam/{seed}.jpg" for seed in (1, 3, 5, 7)]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return a_shown_pipeline(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def service() -> Iterator[SearchServer]:
    with a_search_server() as server:
        yield server
    assert server.broken_contract == []


def over_azure(pipeline: Pipeline, service: SearchServer, alias: str = "gallery") -> Pipeline:
    """The same images, indexed there."""
    index = AzureAISearchIndex(
        service.endpoint,
        AzureKeyCredential(ADMIN_KEY),
        alias=alias,
        store=pipeline.store,
        pointer=f"manifests/_{alias}_index.json",
        dimensions=pipeline.embedder.dimensions,
        embedding_id=pipeline.embedder.embedding_id,
        patience=Patience(tries=2, first_wait=0.01, alias=0.0, settled=0.0),
    )
    return replace(pipeline, index=index)


@pytest.fixture(scope="module")
def azure(embedded: Pipeline, service: SearchServer) -> Pipeline:
    pipeline = over_azure(embedded, service)
    run_chain(pipeline)
    return pipeline


@pytest.fixture(scope="module")
def client(azure: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with a_server(azure, tmp_path_factory.mktemp("served")) as client:
        yield client


@pytest.fixture(scope="module")
def peer(embedded: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with a_server(embedded, tmp_path_factory.mktemp("served")) as client:
        yield client


def page(client: TestClient, url: str, status: int = 200, **headers: str) -> str:
    response = client.get(url, headers={"Accept": "text/html", **headers})
    assert response.status_code == status, response.text
    return response.text


def names(text: str) -> list[str]:
    return [html.unescape(path).removeprefix("2026/03/02/") for path in re.findall(r'data-path="([^"]+)"', text)]


def facets(text: str) -> str:
    """The part of a page with the facets, their counts and links."""
    return text[text.index("<aside") : text.index("</aside>")]


def count(text: str) -> str:
    return text.partition('<strong role="status">')[2].partition(" ")[0]


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/?tags=dog&disagrees=true",
        "/?tags=cat&tags=dog&split=train",
        "/?since=2026-03-02&until=2026-03-02&predicted=cat&sort=name",
        "/?like=2026/03/02/cam/5.jpg&sort=-size",
        "/?tags=nothing",
        "/?q=nowhere",
        "/?page=2",
        *(f"/?sort={sort}" for sort in SORTS if sort),
    ],
)
def test_an_ordered_page_is_the_same_over_either_index(client: TestClient, peer: TestClient, url: str) -> None:
    assert page(client, url) == page(peer, url)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/?q=c", 12),
        ("/?q=cat", 12),
        ("/?q=dog", 5),
        ("/?q=dog+3", 1),
        ("/?q=dog&disagrees=true&has_text=false", 0),
        ("/?like=2026/03/02/cam/5.jpg", 12),
        ("/?like=2026/03/02/cam/5.jpg&tags=dog", 5),
        ("/?like=2026/03/02/cam/5.jpg&q=do", 5),
    ],
)
def test_a_ranked_page_has_the_same_images_and_facets_over_either_index(
    client: TestClient, peer: TestClient, url: str, found: int
) -> None:
    here, there = page(client, url), page(peer, url)
    assert (sorted(names(here)), facets(here), count(here)) == (sorted(names(there)), facets(there), count(there))
    assert len(names(here)) == found


def test_each_letter_typed_narrows_the_results_down(client: TestClient) -> None:
    typed = ["d", "do", "dog", "dog ", "dog c", "dog co", "dog cop"]
    shown = [names(page(client, f"/?{urlencode({'q': text})}", 200, **{"X-Fragment": "results"})) for text in typed]
    assert [sorted(part) for part in shown[:4]] == [[*DOGS, "copy of 7.jpg"]] * 4
    assert [len(part) for part in shown[4:]] == [5, 1, 1]
    assert shown[-1] == ["copy of 7.jpg"]


def test_label_against_prediction_is_a_facet_that_counts_and_links(client: TestClient) -> None:
    text = facets(page(client, "/"))
    section = text[text.index("Label ≠ prediction") :]
    counted = re.findall(
        r'href="([^"]+)" class="value"[^>]*>\s*<span class="name">(yes|no)</span><span class="count">(\d+)', section
    )
    assert [(said, number) for _, said, number in counted] == [("no", "7"), ("yes", "5")]
    assert sorted(names(page(client, html.unescape(counted[1][0])))) == [*DOGS, "copy of 7.jpg"]


def test_look_alikes_come_by_likeness_and_of_a_dropped_picture_too(client: TestClient) -> None:
    text = page(client, "/?like=2026/03/02/cam/5.jpg")
    likeness = [int(share) for share in re.findall(r"(\d+)% alike", text)]
    assert names(text)[0] == "cam/5.jpg"
    assert likeness[0] == 100
    assert likeness == sorted(likeness, reverse=True)
    url = client.post("/similar", files={"picture": ("mine.jpg", PICTURES["cam/4.jpg"])}).json()["url"]
    assert names(page(client, url))[0] == "cam/4.jpg"


def test_an_image_knows_the_next_and_the_previous_hit(client: TestClient) -> None:
    for url in ("/?tags=dog&sort=name", "/?like=2026/03/02/cam/5.jpg", "/?q=cat"):
        tiles = [html.unescape(tile) for tile in re.findall(r'class="tile" href="([^"]+)"', page(client, url))]
        text = page(client, tiles[1])
        links = [html.unescape(re.findall(rf'<a id="{name}"[^>]* href="([^"]+)"', text)[0]) for name in ("previous", "next")]
        assert links == [tiles[0], tiles[2]]


def test_pages_follow_each_other_without_gap_or_repetition(tmp_path: Path, service: SearchServer) -> None:
    pipeline = over_azure(a_pipeline(tmp_path / "many"), service, "pages")
    vectors = np.random.default_rng(0).integers(-2, 3, (130, pipeline.embedder.dimensions))
    pipeline.index.put(
        [
            {
                "id": f"{number:064x}",
                "path": f"landing/{number:03}.jpg",
                "day": DAY,
                "text": "harbour",
                "vector": vectors[number // 2],
            }
            for number in range(130)
        ]
    )
    alike = pack_vector(vectors[7].astype(np.float32))
    with a_server(pipeline, tmp_path) as client:
        for question in ("", "&q=harb", "&sort=day", f"&alike={alike}", f"&alike={alike}&q=harbour"):
            seen = [names(page(client, f"/?page={number}{question}")) for number in (1, 2, 3)]
            assert [len(part) for part in seen] == [60, 60, 10]
            assert len({name for part in seen for name in part}) == 130
            assert "Page 3 of 3" in page(client, f"/?page=3{question}")


@pytest.mark.parametrize(("question", "last"), [("", 1667), ("&q=cat", 1667), ("&like=2026/03/02/cam/5.jpg", 166)])
def test_the_last_page_is_as_deep_as_the_service_goes(client: TestClient, question: str, last: int) -> None:
    assert "Nothing matches" in page(client, f"/?page={last}{question}")
    assert f"Pages go from 1 to {last}" in page(client, f"/?page={last + 1}{question}", 400)
    place = f"at={last * PAGE - 1}{question}"
    assert "cam/3.jpg" in page(client, f"/image/2026/03/02/cam/3.jpg?{place}")


def test_a_label_a_deletion_and_a_new_picture_show_on_the_page(tmp_path: Path, service: SearchServer) -> None:
    pipeline = over_azure(a_pipeline(tmp_path / "home"), service, "changes")
    land(pipeline, {"a.jpg": a_picture(1, (64, 48)), "b.jpg": a_picture(2, (64, 48))})
    run_chain(pipeline)
    with a_server(pipeline, tmp_path) as client:
        assert names(page(client, "/?sort=name")) == ["a.jpg", "b.jpg"]
        pipeline.store.delete("landing/2026/03/02/a.jpg")
        land(pipeline, {"c.jpg": a_picture(3, (64, 48))})
        state_labels(pipeline, {"b.jpg": "boat"})
        run_chain(pipeline)
        assert names(page(client, "/?sort=name")) == ["b.jpg", "c.jpg"]
        assert names(page(client, "/?tags=boat")) == ["b.jpg"]
        assert "is not in the index any more" in page(client, "/?like=2026/03/02/a.jpg", 400)


def test_a_service_that_does_not_answer_is_told_on_the_page_and_comes_back(client: TestClient, service: SearchServer) -> None:
    fault = Fault(r"search\.post\.search", status=503, times=2)
    service.faults.append(fault)
    text = page(client, "/", 503)
    assert service.endpoint in html.unescape(text)
    assert ADMIN_KEY not in text
    assert len(names(page(client, "/"))) == 12


@pytest.mark.slow
def test_a_whole_account_is_shown_labelled_and_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_set_of_services(tmp_path, monkeypatch) as services:
        pipeline = services.pipeline
        land(pipeline, {f"{seed}.jpg": a_picture(seed, (64, 48)) for seed in range(3)})
        run_chain(pipeline)
        with a_server(pipeline, tmp_path, editing=True) as client:
            client.post("/sign-in", data={"key": KEY})
            text = page(client, "/?sort=name")
            assert names(text) == ["0.jpg", "1.jpg", "2.jpg"]
            pictures = re.findall(r'src="(/thumbnails/[^"]+)"', text)
            assert {client.get(url).headers["content-type"] for url in pictures} == {"image/jpeg"}
            token = {"X-CSRF-Token": re.findall(r'<meta name="token" content="([0-9a-f]+)">', text)[0]}
            said = client.post("/unsure", data={"path": "2026/03/02/1.jpg", "tags": "boat"}, headers=token)
            sent = client.post(
                "/upload", data={"name": "new.jpg", "day": DAY}, files={"picture": a_picture(9, (64, 48))}, headers=token
            )
            assert (said.status_code, sent.json()["outcome"]) == (200, "added")
            run_chain(pipeline)
            assert names(page(client, "/?tags=boat")) == ["1.jpg"]
            assert names(page(client, "/?like=2026/03/02/new.jpg"))[0] == "new.jpg"
            assert "in the index" in page(client, "/image/2026/03/02/new.jpg")
            for url in ("/unsure", "/duplicates", "/problems", "/models"):
                assert "<h1" in page(client, url)
        assert services.search.broken_contract == []
