"""A hook of MkDocs: README, CONTRIBUTING and CHANGELOG become pages of the site, so that they are written once.

Belongs here: what differs between GitHub's folders and the site. Does not: any content.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent

PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}

_LINK = re.compile(r"(\]\()(?:\.\./)*(README\.md|CONTRIBUTING\.md|CHANGELOG\.md)(?=[#)])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie above `docs/`."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links to those pages lead to their place in the site."""
    up = "../" * page.file.src_uri.count("/")
    return _LINK.sub(lambda link: f"{link[1]}{up}{PAGES[link[2]]}", markdown)
