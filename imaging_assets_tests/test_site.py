"""The documentation builds as a site: every page is reachable, every link leads somewhere, nothing is loaded from elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ["docs", "mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"]

_LOADED = [
    re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc="?((?:https?:)?//[^"\s>]+)"""),
    re.compile(r"""<link[^>]*\shref="?((?:https?:)?//[^"\s>]+)"""),
    re.compile(r"""(?:url\(|@import\s+)["']?((?:https?:)?//[^"')\s]+)"""),
]
"""What makes a browser ask another host."""


def build(sources: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """What `make docs` does, into another folder."""
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--config-file",
        str(sources / "mkdocs.yml"),
        "--site-dir",
        str(site),
    ]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert {"index.html", "configuration.html", "changelog.html"} <= {page.name for page in pages}
    texts = [file.read_text("utf-8") for file in [*pages, *tmp_path.rglob("*.css")]]
    elsewhere = {address for text in texts for pattern in _LOADED for address in pattern.findall(text)}
    assert elsewhere == set()


def test_a_page_with_a_link_to_nowhere_is_not_built(tmp_path: Path) -> None:
    for name in SOURCES:
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    page = tmp_path / "docs" / "assets.md"
    page.write_text(page.read_text("utf-8") + "\n[gone](how-it-works.md#no-such-heading) [gone](no-such-page.md)\n", "utf-8")
    (tmp_path / "docs" / "forgotten.md").write_text("# A page that no menu shows\n", "utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "no-such-page.md" in done.stderr
    assert "no-such-heading" in done.stderr
    assert "forgotten.md" in done.stderr
