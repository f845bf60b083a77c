"""The gallery as a person meets it, in Chromium: typing, clicking, dropping, keys; and nothing asked of another server."""

import base64
import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from imaging_assets.settings import Settings
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.app import create_app
from imaging_assets_tests.builders import a_picture, run_chain
from imaging_assets_tests.web.servers import KEY, PICTURES, a_shown_pipeline

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), "")

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no chromium on the PATH; install it with `apt-get install chromium`"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Containers run as root and have a small /dev/shm.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@contextlib.contextmanager
def running(pipeline: Pipeline, home: Path) -> Iterator[str]:
    """The server in a thread, on a port of its own; gives its address."""
    app = create_app(Settings(home=home, serve={"key": KEY, "editing": True}), pipeline)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return a_shown_pipeline(tmp_path / "home")


@pytest.fixture
def site(pipeline: Pipeline, tmp_path: Path) -> Iterator[str]:
    with running(pipeline, tmp_path / "home") as address:
        yield address


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A page that fails the test on any error in the console or request to elsewhere."""
    context = browser.new_context(base_url=site)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
    page.on("request", lambda request: None if request.url.startswith((site, "blob:", "data:")) else faults.append(request.url))
    yield page
    context.close()
    assert faults == []


def _is_fault(message: ConsoleMessage) -> bool:
    """A refusal that the page tells about is none."""
    return message.type in {"error", "warning"} and "status of 400" not in message.text


def shown(page: Page) -> list[str]:
    """Names of the pictures on the page, once it has settled."""
    expect(page.locator("#results")).not_to_have_class("busy")
    return [str(tile.get_attribute("data-path")).removeprefix("2026/03/02/") for tile in page.locator(".tile").all()]


def sign_in(page: Page, to: str) -> None:
    page.goto(f"/sign-in?to={to}")
    page.get_by_label("Key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{to}")


def test_results_follow_the_typing_and_the_address_with_them(page: Page, site: str) -> None:
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("dog 3")
    expect(page.locator(".tile")).to_have_count(1)
    assert shown(page) == ["cam/3.jpg"]
    assert page.url == f"{site}/?q=dog+3"
    page.reload()
    assert shown(page) == ["cam/3.jpg"]
    page.get_by_label("Search", exact=True).fill("")
    expect(page.locator(".tile")).to_have_count(12)


def test_facets_are_chosen_let_go_and_undone_by_the_back_button(page: Page) -> None:
    page.goto("/")
    page.locator(".facet", has_text="Label").get_by_role("link", name="dog").first.click()
    expect(page.locator(".tile")).to_have_count(5)
    assert "tags=dog" in page.url
    page.get_by_label("Search", exact=True).fill("copy")
    expect(page.locator(".tile")).to_have_count(1)
    page.get_by_role("link", name="Remove tags dog").click()
    expect(page.locator(".chip")).to_have_count(0)
    page.go_back()
    expect(page.locator(".value.chosen")).to_have_count(1)


def test_look_alikes_by_a_click_and_by_a_dropped_picture(page: Page) -> None:
    page.goto("/")
    tile = page.locator("li", has=page.locator('[data-path="2026/03/02/cam/5.jpg"]'))
    tile.hover()
    tile.get_by_label("Look-alikes of 5.jpg").click()
    expect(page.locator(".likeness").first).to_have_text("100% alike")
    assert shown(page)[0] == "cam/5.jpg"
    drop(page, "body", {"mine.jpg": PICTURES["cam/2.jpg"]})
    expect(page.get_by_text("like the dropped picture")).to_be_visible()
    assert shown(page)[0] == "cam/2.jpg"
    drop(page, "body", {"notes.txt": b"no picture"})
    expect(page.locator("#failure")).to_contain_text("no picture that can be compared")


def drop(page: Page, target: str, files: dict[str, bytes]) -> None:
    """Drop files from outside onto an element."""
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    transfer = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, text] of Object.entries(files)) {
            transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
          }
          return transfer;
        }""",
        data,
    )
    page.dispatch_event(target, "drop", {"dataTransfer": transfer})


def test_keys_go_from_picture_to_picture_and_through_their_pages(page: Page, site: str) -> None:
    page.goto("/?sort=name&tags=dog")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/image/2026/03/02/cam/3.jpg?*")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/image/2026/03/02/cam/5.jpg?*")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/image/2026/03/02/cam/3.jpg?*")
    page.keyboard.press("Escape")
    page.wait_for_url(f"{site}/?sort=name&tags=dog")


def test_unsure_images_are_accepted_and_corrected_by_one_key_each(page: Page, pipeline: Pipeline) -> None:
    sign_in(page, "/unsure")
    first, second, *rest = (str(row.get_attribute("data-path")) for row in page.locator(".question").all())
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text(f"{first.rpartition('/')[2]} is cat.")
    expect(page.locator(".question")).to_have_count(1 + len(rest))
    page.keyboard.press("e")
    page.keyboard.type("bird")
    page.keyboard.press("Enter")
    expect(page.locator(".question")).to_have_count(len(rest))
    page.reload()
    assert [row.get_attribute("data-path") for row in page.locator(".question").all()] == rest
    run_chain(pipeline)
    page.goto("/?tags=bird")
    assert shown(page) == [second.removeprefix("2026/03/02/")]


def test_a_chosen_folder_lands_with_its_folders_as_labels(page: Page, pipeline: Pipeline, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for name, data in {
        "fox/1.jpg": a_picture(70),
        "fox/2.jpg": a_picture(71),
        "owl/3.jpg": a_picture(72),
        "cam/3.jpg": PICTURES["cam/3.jpg"],
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    sign_in(page, "/upload")
    page.locator("input[name=day]").fill("2026-03-02")
    page.locator("#folder").set_input_files(folder)
    expect(page.locator("#told")).to_have_text("4 of 4: 3 added, 1 already there, 0 refused")
    expect(page.get_by_text("What happens next")).to_be_visible()
    run_chain(pipeline)
    page.goto("/?tags=fox&tags=owl")
    assert sorted(shown(page)) == ["fox/1.jpg", "fox/2.jpg", "owl/3.jpg"]


def test_a_dropped_picture_lands_and_one_that_cannot_is_told(page: Page, pipeline: Pipeline) -> None:
    sign_in(page, "/upload")
    drop(page, "#zone", {"single.jpg": a_picture(80)})
    expect(page.locator("#told")).to_contain_text("1 added")
    assert any(blob.path.endswith("/single.jpg") for blob in pipeline.store.list_blobs("landing/"))


def test_a_deleted_image_is_gone(page: Page, pipeline: Pipeline) -> None:
    page.goto("/?q=cam+3")
    assert shown(page) == ["cam/3.jpg"]
    pipeline.store.delete("landing/2026/03/02/cam/3.jpg")
    run_chain(pipeline)
    page.get_by_label("Search", exact=True).fill("cam 3.")
    expect(page.locator(".tile")).to_have_count(0)
    expect(page.get_by_text("Nothing matches.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_the_screen_and_their_words_can_be_read(browser: Browser, site: str, width: int, scheme: str) -> None:
    context = browser.new_context(base_url=site, viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, "/upload")
    for url in ("/", "/unsure", "/duplicates", "/problems", "/models", "/upload", "/image/2026/03/02/cam/3.jpg"):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url
        assert page.evaluate(CONTRASTS) == [], url
        assert page.evaluate(UNNAMED) == [], url
    context.close()


UNNAMED = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, img, svg[role]")].filter((element) => {
  if (element.matches("img")) return !element.hasAttribute("alt");
  if (element.closest("[hidden], dialog:not([open])")) return false;
  const labels = element.labels ? [...element.labels].map((label) => label.textContent).join("") : "";
  const inside = element.textContent + [...element.querySelectorAll("img")].map((image) => image.alt).join("");
  return !(element.getAttribute("aria-label") || labels || inside.trim() || element.querySelector("img, title"));
}).map((element) => element.outerHTML.slice(0, 120))"""
"""Controls and pictures that a screen reader could not name."""

CONTRASTS = """() => {
  const parse = (text) => { const found = text.match(/[\\d.]+/g).map(Number); return found.length > 3 ? found : [...found, 1]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour.startsWith("color(")) return null;
      const [r, g, b, a] = parse(colour);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("main *, header *")) {
    const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!words || !element.checkVisibility({ opacityProperty: true }) || element.closest("svg, option, .unseen")) continue;
    const under = behind(element);
    if (!under) continue;
    const [one, two] = [light(parse(getComputedStyle(element).color)), light(under)];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(1)} ${element.outerHTML.slice(0, 80)}`);
  }
  return faint;
}"""
"""Words with less contrast than WCAG 2.2 AA asks for (4.5 to 1)."""
