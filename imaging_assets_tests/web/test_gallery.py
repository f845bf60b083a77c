"""The gallery's pages over a small day: what they show, what they link to, who may see and change what."""

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from imaging_assets.records.search import Condition, SearchQuery
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import Manifests
from imaging_assets.web.gallery.view import SORTS
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.doubles import CountingBlobStore, over
from imaging_assets_tests.web.servers import KEY, PICTURES, a_server, a_shown_pipeline

PAGES = ("/", "/unsure", "/duplicates", "/problems", "/models", "/upload", "/image/2026/03/02/cam/3.jpg", "/sign-in")
OPEN = "192.0.2.1"
"""An address other machines reach, so that the gallery asks for the key; nothing listens on it in tests."""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return a_shown_pipeline(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def client(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with a_server(pipeline, tmp_path_factory.mktemp("served")) as client:
        yield client


def page(client: TestClient, url: str, status: int = 200, **headers: str) -> str:
    response = client.get(url, headers={"Accept": "text/html", **headers})
    assert response.status_code == status, response.text
    return response.text


def names(text: str) -> list[str]:
    """Paths of the tiles of a page, in order."""
    return [html.unescape(path).removeprefix("2026/03/02/") for path in re.findall(r'data-path="([^"]+)"', text)]


def sign_in(client: TestClient) -> str:
    """Sign in; returns the token of the pages."""
    client.post("/sign-in", data={"key": KEY})
    match = re.search(r'<meta name="token" content="([0-9a-f]+)">', page(client, "/unsure"))
    assert match
    return match[1]


# --- searching ---------------------------------------------------------------------------------------------------------


def test_every_image_but_the_broken_one_is_shown(client: TestClient) -> None:
    text = page(client, "/")
    assert len(names(text)) == 12
    assert "12 images" in text


def test_words_facets_and_days_narrow_down_and_the_url_says_how(client: TestClient) -> None:
    assert names(page(client, "/?q=dog+3")) == ["cam/3.jpg"]
    disagreeing = [*(f"cam/{seed}.jpg" for seed in (1, 3, 5, 7)), "copy of 7.jpg"]
    assert names(page(client, "/?tags=dog&disagrees=true&sort=name")) == disagreeing
    assert len(names(page(client, "/?tags=cat&tags=dog"))) == 9
    assert names(page(client, "/?since=2026-03-03")) == []
    assert len(names(page(client, "/?until=2026-03-03&predicted=cat"))) == 12


def test_facets_count_and_link_to_the_narrowed_view(client: TestClient) -> None:
    text = page(client, "/?predicted=cat")
    link, count = re.findall(
        r'<a href="([^"]+)" class="value"[^>]*>\s*<span class="name">dog</span><span class="count">(\d+)', text
    )[0]
    assert (html.unescape(link), count) == ("/?predicted=cat&tags=dog", "5")
    assert len(names(page(client, html.unescape(link)))) == 5
    chosen = re.findall(r'<a href="([^"]+)" class="value chosen"', text)
    assert [html.unescape(url) for url in chosen] == ["/"]


def test_look_alikes_come_by_likeness_the_image_itself_first(client: TestClient) -> None:
    text = page(client, "/?like=2026/03/02/cam/5.jpg")
    assert names(text)[0] == "cam/5.jpg"
    assert "100% alike" in text


def test_a_dropped_picture_gets_a_link_with_pages_and_facets_and_is_not_kept(client: TestClient, pipeline: Pipeline) -> None:
    before = [blob.path for blob in pipeline.store.list_blobs()]
    answer = client.post("/similar", files={"picture": ("mine.jpg", PICTURES["cam/4.jpg"])})
    assert answer.status_code == 200
    assert names(page(client, answer.json()["url"]))[0] == "cam/4.jpg"
    assert set(names(page(client, f"{answer.json()['url']}&tags=dog"))) >= {"cam/1.jpg"}
    assert [blob.path for blob in pipeline.store.list_blobs()] == before


@pytest.mark.parametrize(("data", "status"), [(b"nothing", 400), (b"", 400), (b"x" * 3000, 413)])
def test_what_is_no_picture_is_told(pipeline: Pipeline, tmp_path: Path, data: bytes, status: int) -> None:
    with a_server(pipeline, tmp_path, max_image_bytes=2000) as client:
        answer = client.post("/similar", files={"picture": ("mine.jpg", data)})
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    "url",
    [
        "/?page=0",
        "/?page=x",
        "/?page=999999999999",
        "/?sort=colour",
        "/?alike=AAAA",
        "/?alike=%00",
        "/?like=nobody.jpg",
        "/?page=%C2%B2",
    ],
)
def test_a_link_that_means_nothing_is_told_on_a_page(client: TestClient, url: str) -> None:
    assert "That did not work" in page(client, url, 400)


def test_the_script_gets_only_the_part_it_asks_for(client: TestClient) -> None:
    grid = page(client, "/?q=cat", 200, **{"X-Fragment": "grid"})
    results = page(client, "/?q=cat", 200, **{"X-Fragment": "results"})
    assert "<html" not in grid + results
    assert ('class="facet"' in grid, 'class="facet"' in results) == (False, True)


def test_pages_follow_each_other_without_gap_or_repetition(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / "many")
    picture = a_picture(1, (40, 30))
    land(pipeline, {f"{number:03}.jpg": picture + bytes([number]) for number in range(130)})
    run_chain(pipeline)
    with a_server(pipeline, tmp_path) as client:
        seen = [names(page(client, f"/?page={number}")) for number in (1, 2, 3)]
        assert "Page 3 of 3" in page(client, "/?page=3")
    assert [len(part) for part in seen] == [60, 60, 10]
    assert len({name for part in seen for name in part}) == 130


@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort])
def test_each_order_sorts_by_what_it_says_and_what_has_no_value_comes_last(tmp_path: Path, sort: str) -> None:
    pipeline = a_pipeline(tmp_path / "orders")
    values: dict[str, tuple[Any, ...]] = {
        "day": ("2026-03-02", "2026-03-01", "2026-03-02"),
        "captured_at": (None, "2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z"),
        "probability": (0.9, None, 0.4),
        "size": (10, 30, 20),
        "width": (64, 64, 4000),
        "name": ("b.jpg", "c.jpg", "a.jpg"),
    }
    documents = [
        {"id": f"{place:064x}", "path": f"landing/{place}.jpg", **{name: column[place] for name, column in values.items()}}
        for place in range(3)
    ]
    pipeline.index.put(documents)
    name, falling = sort.removeprefix("-"), sort.startswith("-")
    there = [document for document in documents if document[name] is not None]
    there.sort(key=lambda document: document[name], reverse=falling)
    wanted = [*there, *(document for document in documents if document[name] is None)]
    with a_server(pipeline, tmp_path) as client:
        text = page(client, f"/?sort={sort}")
    assert names(text) == [document["path"].removeprefix("landing/") for document in wanted]
    assert f'<option value="{sort}" selected>{SORTS[sort]}</option>' in text


def test_every_order_is_offered(client: TestClient) -> None:
    offered = re.findall(r'<option value="([^"]*)"', page(client, "/"))
    assert offered == list(SORTS)


def test_words_are_shown_as_words_whatever_they_hold(client: TestClient) -> None:
    text = page(client, "/?q=%3Cscript%3Ealert(1)%3C/script%3E&tags=%22%3E%3Cimg%20src=x%3E")
    assert "<script>alert" not in text
    assert "<img src=x>" not in text


# --- an image ----------------------------------------------------------------------------------------------------------


def test_an_images_page_tells_its_story(client: TestClient) -> None:
    text = page(client, "/image/2026/03/02/cam/3.jpg")
    for told in ("dog", "labels/labels.csv line 5", "cat", "75%", "train", "JPEG, 64 × 48", "in the index"):
        assert told in text
    assert "/models?model=" in text


def test_an_image_found_by_a_question_knows_the_next_and_the_previous_hit(client: TestClient) -> None:
    tiles = re.findall(r'class="tile" href="([^"]+)"', page(client, "/?tags=dog&sort=name"))
    text = page(client, html.unescape(tiles[1]))
    previous, following = (
        html.unescape(re.findall(rf'<a id="{name}"[^>]* href="([^"]+)"', text)[0]) for name in ("previous", "next")
    )
    assert [previous, following] == [html.unescape(tiles[0]), html.unescape(tiles[2])]
    assert 'id="previous"' not in page(client, html.unescape(tiles[0]))
    assert html.unescape(re.findall(r'id="back" href="([^"]+)"', text)[0]) == "/?sort=name&tags=dog"


def test_a_quarantined_image_has_a_page_with_the_remedy(client: TestClient) -> None:
    text = page(client, "/image/2026/03/02/broken.jpg")
    assert "Set aside: unsupported format" in text
    assert "Export it as JPEG or PNG" in text


def test_an_image_that_is_not_there_is_told(client: TestClient) -> None:
    assert "No image is called" in page(client, "/image/2026/03/02/nobody.jpg", 404)


def test_names_of_any_kind_have_pages_and_pictures(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / "odd")
    odd = ["a b.jpg", "50% #1?.jpg", "写真 & <b>.jpg", "quote\"'.jpg", "plus+.jpg"]
    land(pipeline, {name: a_picture(seed, (40, 30)) for seed, name in enumerate(odd)})
    run_chain(pipeline)
    with a_server(pipeline, tmp_path) as client:
        text = page(client, "/?sort=name")
        assert sorted(names(text)) == sorted(odd)
        for url in re.findall(r'class="tile" href="([^"]+)"', text):
            shown = page(client, html.unescape(url))
            (original,) = set(re.findall(r'href="(/original/[^"]+)"', shown))
            assert client.get(html.unescape(original)).headers["content-type"] == "image/jpeg"
            (like,) = re.findall(r'id="similar" href="([^"]+)"', shown)
            assert len(names(page(client, html.unescape(like)))) == len(odd)


# --- pictures ----------------------------------------------------------------------------------------------------------


def test_thumbnails_and_resized_images_may_be_kept_for_ever(client: TestClient) -> None:
    text = page(client, "/image/2026/03/02/cam/3.jpg")
    (resized,) = set(re.findall(r'src="(/resized/[^"]+)"', text))
    (thumbnail, *_) = re.findall(r'src="(/thumbnails/[^"]+)"', page(client, "/"))
    for url in (resized, thumbnail):
        answer = client.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert "immutable" in answer.headers["cache-control"]
        assert "private" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "url",
    [
        "/thumbnails/../labels/labels.csv",
        "/thumbnails/%2e%2e/labels/labels.csv",
        "/resized/aa/../../labels/labels.csv",
        "/resized/published.json",
        f"/resized/aa/{'a' * 64}-x.json",
        f"/thumbnails/aa/{'a' * 64}-x.jpg",
        "/static/../app.py",
        "/static/nothing.css",
        "/original/../labels/labels.csv",
        "/original/labels.csv",
    ],
)
def test_nothing_else_of_the_store_is_sent(client: TestClient, url: str) -> None:
    assert client.get(url).status_code == 404


# --- the other pages ---------------------------------------------------------------------------------------------------


def test_problems_are_told_with_their_fixes(client: TestClient) -> None:
    text = page(client, "/problems")
    for told in (
        "1 image set aside",
        "broken.jpg",
        "Export it as JPEG or PNG",
        "1 label line without an image",
        "nobody.jpg",
        "no landed image has this name",
    ):
        assert told in text


def test_duplicates_are_grouped_the_largest_first(client: TestClient) -> None:
    text = page(client, "/duplicates")
    assert "1 group, 1 image more than needed" in text
    assert re.findall(r'href="(/image/[^"]+)"', text) == ["/image/2026/03/02/cam/7.jpg", "/image/2026/03/02/copy%20of%207.jpg"]
    assert '<span class="name">2026-03-02</span><span class="name">copy of 7.jpg</span>' in text


def test_models_show_iterations_the_champion_and_where_it_is_wrong(client: TestClient) -> None:
    text = page(client, "/models")
    for told in ("champion", "It is the first model.", "Confusion matrix", 'class="curve"', "Per label"):
        assert told in text
    assert "Accuracy of each iteration, oldest first" in text
    assert "There is no trained model" in page(client, "/models?model=nobody", 400)


def test_after_a_year_of_iterations_the_plot_shows_the_newest(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"kind": "multiclass", "images": 9, "seconds": 1.0, "reason": "", "champion_accuracy": None, "verdict": "published"}
    year = [{**facts, "model_id": f"m{number:03}", "accuracy": number / 365, "day": DAY} for number in range(365, 0, -1)]
    monkeypatch.setattr("imaging_assets.web.gallery.models._iterations", lambda _: year)
    text = page(client, "/models")
    assert "the newest 60 of 365 iterations" in text
    assert re.findall(r"<title>(m\d+): ", text) == [f"m{number:03}" for number in range(306, 366)]


def test_unsure_shows_the_review_queues_with_their_reasons(client: TestClient) -> None:
    text = page(client, "/unsure")
    assert sorted(name for name in names(text) if name.startswith("new/")) == ["new/20.jpg", "new/21.jpg", "new/22.jpg"]
    assert "label doubted; its label is <strong>dog</strong>" in text  # the model calls everything a cat


def test_an_empty_store_has_all_pages_and_says_what_to_do(tmp_path: Path) -> None:
    with a_server(a_pipeline(tmp_path / "empty"), tmp_path) as client:
        for url in ("/", "/unsure", "/duplicates", "/problems", "/models", "/upload"):
            assert "<h1" in page(client, url)
        assert "imaging-assets add FOLDER" in page(client, "/")


def test_a_second_look_reads_no_manifest_again(pipeline: Pipeline, tmp_path: Path) -> None:
    store = CountingBlobStore(pipeline.store)
    with a_server(replace(over(pipeline, store), manifests=Manifests(store)), tmp_path) as client:
        for url in ("/problems", "/duplicates", "/unsure"):
            page(client, url)
        store.reads.clear()
        for url in ("/problems", "/duplicates", "/unsure"):
            page(client, url)
    assert [path for path in store.reads if path.startswith("manifests/")] == []


# --- who may ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", PAGES)
def test_pages_load_nothing_from_elsewhere_and_allow_no_inline_script(client: TestClient, url: str) -> None:
    response = client.get(url, headers={"Accept": "text/html"})
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', response.text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", response.text)
    assert not re.search(r"""\s(?:style|on\w+)=["']""", response.text)
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("url", PAGES[:-1])
def test_where_other_machines_reach_it_the_gallery_asks_for_the_key(pipeline: Pipeline, tmp_path: Path, url: str) -> None:
    with a_server(pipeline, tmp_path, host=OPEN) as client:
        shut = client.get(url, headers={"Accept": "text/html"}, follow_redirects=False)
        assert (shut.status_code, shut.headers["location"]) == (303, f"/sign-in?to={url}")
        assert client.get("/thumbnails/x").status_code == 401
        assert client.post("/similar", files={"picture": b""}).status_code == 401
        assert client.post("/sign-in", data={"key": KEY, "to": url}, follow_redirects=False).headers["location"] == url
        assert client.get(url).status_code == 200
        client.post("/sign-out")
        assert client.get(url, headers={"Accept": "text/html"}, follow_redirects=False).status_code == 303


def test_an_open_gallery_asks_for_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_server(pipeline, tmp_path, host=OPEN, open_gallery=True) as client:
        assert len(names(page(client, "/"))) == 12


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_elsewhere(client: TestClient, to: str) -> None:
    assert client.post("/sign-in", data={"key": KEY, "to": to}, follow_redirects=False).headers["location"] == "/"
    client.cookies.clear()


def test_a_wrong_key_and_a_forged_or_old_cookie_open_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_server(pipeline, tmp_path, host=OPEN) as client:
        assert "That is not the key" in client.post("/sign-in", data={"key": "wrong"}).text
        client.post("/sign-in", data={"key": KEY})
        cookie = client.cookies["imaging_session"]
        ends, rest = cookie.split(".", 1)
        for forged in (f"{int(ends) + 9}.{rest}", f"1.{rest}", cookie[:-1], "", f"{ends}..", "x" * 5000):
            client.cookies.clear()
            client.cookies.set("imaging_session", forged)
            assert client.get("/", headers={"Accept": "text/html"}, follow_redirects=False).status_code == 303


# --- changing -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def editable(tmp_path: Path) -> Iterator[tuple[TestClient, Pipeline]]:
    pipeline = a_shown_pipeline(tmp_path / "home")
    with a_server(pipeline, tmp_path / "home", editing=True) as client:
        yield client, pipeline


CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/unsure", {"data": {"path": "2026/03/02/new/20.jpg", "tags": "dog"}}),
    ("/upload", {"data": {"name": "a.jpg", "day": DAY}, "files": {"picture": b"1"}}),
    ("/upload/labels", {"json": {"day": DAY, "labelled": []}}),
)


@pytest.mark.parametrize(("url", "body"), CHANGES)
def test_without_setting_session_or_token_nothing_changes(
    editable: tuple[TestClient, Pipeline], pipeline: Pipeline, tmp_path: Path, url: str, body: dict[str, Any]
) -> None:
    client, changed = editable
    stored = [blob.etag for blob in changed.store.list_blobs()]
    assert client.post(url, **body).status_code == 401
    token = sign_in(client)
    assert client.post(url, **body).status_code == 403
    assert client.post(url, **body, headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    assert client.post(url, **body, headers={"X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    with TestClient(client.app, base_url="http://localhost") as another:
        assert client.post(url, **body, headers={"X-CSRF-Token": sign_in(another)}).status_code == 403
    assert client.get(url, headers={"X-CSRF-Token": token}).status_code in {200, 405}
    assert stored == [blob.etag for blob in changed.store.list_blobs()]
    assert client.post(url, **body, headers={"X-CSRF-Token": token}).status_code == 200
    with a_server(pipeline, tmp_path) as read_only:
        read_only.post("/sign-in", data={"key": KEY})
        answer = read_only.post(url, **body, headers={"X-CSRF-Token": token})
        assert answer.status_code == 403
        assert "serve.editing" in answer.json()["detail"]


def test_a_label_reaches_the_image_by_the_next_run_and_a_later_word_wins(editable: tuple[TestClient, Pipeline]) -> None:
    client, pipeline = editable
    token = {"X-CSRF-Token": sign_in(client)}

    def say(tag: str) -> None:
        answer = client.post("/unsure", data={"path": "2026/03/02/new/20.jpg", "tags": tag}, headers=token)
        assert answer.status_code == 200

    say("dog")
    assert "new/20.jpg" not in names(page(client, "/unsure"))
    run_chain(pipeline)
    assert names(page(client, "/?tags=dog&name=20.jpg")) == ["new/20.jpg"]
    say("cat")
    say("dog")
    run_chain(pipeline)
    (hit,) = pipeline.index.query(SearchQuery(where=(Condition("name", "eq", ("20.jpg",)),))).hits
    assert (hit.document["tags"], hit.document["label_source"]) == (["dog"], "labels")


def test_labels_of_many_images_share_a_file(editable: tuple[TestClient, Pipeline]) -> None:
    client, pipeline = editable
    token = {"X-CSRF-Token": sign_in(client)}
    for name in ("new/20.jpg", "new/21.jpg", "new/22.jpg"):
        client.post("/unsure", data={"path": f"2026/03/02/{name}", "tags": "dog"}, headers=token)
    files = [blob.path for blob in pipeline.store.list_blobs("labels/gallery-")]
    assert len(files) == 1
    rows = list(csv.DictReader(io.StringIO(pipeline.store.read(files[0]).data.decode())))
    assert [(row["path"], row["tags"], len(row["sha256"])) for row in rows] == [
        (f"2026/03/02/new/{seed}.jpg", "dog", 64) for seed in (20, 21, 22)
    ]


@pytest.mark.parametrize("tag", ["", "  ", "a|b", "x" * 200])
def test_a_label_no_file_can_hold_is_refused(editable: tuple[TestClient, Pipeline], tag: str) -> None:
    client, pipeline = editable
    answer = client.post(
        "/unsure", data={"path": "2026/03/02/new/20.jpg", "tags": tag}, headers={"X-CSRF-Token": sign_in(client)}
    )
    assert answer.status_code in {400, 422}
    assert list(pipeline.store.list_blobs("labels/gallery-")) == []


def test_an_upload_follows_the_rules_of_add(editable: tuple[TestClient, Pipeline], tmp_path: Path) -> None:
    client, pipeline = editable
    token = {"X-CSRF-Token": sign_in(client)}

    def send(name: str, data: bytes, day: str = DAY) -> dict[str, Any]:
        answer = client.post("/upload", data={"name": name, "day": day}, files={"picture": data}, headers=token)
        said: dict[str, Any] = answer.json()
        return said

    new = send("bird/one.jpg", a_picture(50))
    assert (new["outcome"], new["tag"], new["path"]) == ("added", "bird", "2026/03/02/bird/one.jpg")
    assert send("bird/one.jpg", a_picture(50), "2026-03-01")["outcome"] == "already there"
    assert send("cam/3.jpg", PICTURES["cam/3.jpg"], "2026-03-01")["outcome"] == "already there"
    assert send(".hidden/x.jpg", b"1")["outcome"] == "ignored"
    assert send("a//x.jpg", b"1")["outcome"] == "refused"
    assert "still to come" in send("x.jpg", b"1", "2999-01-01")["detail"]
    entry = [new["path"], new["tag"], new["sha256"]]
    assert (
        client.post("/upload/labels", json={"day": DAY, "labelled": [entry]}, headers=token)
        .json()["file"]
        .startswith(f"labels/add-{DAY}-")
    )
    run_chain(pipeline)
    assert names(page(client, "/?tags=bird")) == ["bird/one.jpg"]
    assert "start = 2026-03-01" in (tmp_path / "home" / "imaging.toml").read_text("utf-8")


def test_an_upload_over_the_limit_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    with a_server(pipeline, tmp_path, editing=True, max_upload_bytes=1000) as client:
        token = {"X-CSRF-Token": sign_in(client)}
        answer = client.post("/upload", data={"name": "x.jpg", "day": DAY}, files={"picture": b"x" * 2000}, headers=token)
    assert answer.json()["outcome"] == "refused"


@pytest.mark.parametrize("url", ["/similar", "/unsure", "/sign-in", "/upload/labels"])
def test_a_request_without_end_is_cut_off(pipeline: Pipeline, tmp_path: Path, url: str) -> None:
    with a_server(pipeline, tmp_path, max_image_bytes=2000) as client:
        assert client.post(url, content=b"x" * 33_000_000).status_code == 413
        endless = client.post(
            url, content=iter([b"x" * 1_000_000] * 34), headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    assert endless.status_code >= 400


def test_a_deleted_image_is_gone_from_every_page(editable: tuple[TestClient, Pipeline]) -> None:
    client, pipeline = editable
    assert "cam/3.jpg" in names(page(client, "/"))
    pipeline.store.delete("landing/2026/03/02/cam/3.jpg")
    run_chain(pipeline)
    assert "cam/3.jpg" not in names(page(client, "/"))
    page(client, "/image/2026/03/02/cam/3.jpg", 404)
