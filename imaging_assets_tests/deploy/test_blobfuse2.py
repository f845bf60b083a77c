"""The mount for readers: nothing can be written through it, nothing old is shown for long, no secret stands in it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from imaging_assets.policies import Azure
from imaging_assets_tests.deploy.files import CHECKOUT, DEPLOY, read_yaml

KNOWN: Mapping[str, set[str]] = {
    "logging": {"type", "level", "file-path"},
    "libfuse": {"attribute-expiration-sec", "entry-expiration-sec", "negative-entry-expiration-sec"},
    "file_cache": {"path", "timeout-sec", "max-size-mb"},
    "attr_cache": {"timeout-sec", "max-size-mb"},
    "azstorage": {"type", "account-name", "container", "endpoint", "mode", "appid", "resid", "objid"},
}
"""Names that blobfuse2 takes; it says nothing of others. Keys, signatures and client secrets are left out on purpose."""

ORDER = ["libfuse", "file_cache", "attr_cache", "azstorage"]
"""How blobfuse2 wants its components to follow each other."""


@pytest.fixture
def config() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml("blobfuse2.yaml")
    return found


def test_every_name_is_one_that_blobfuse2_knows_and_none_is_of_a_secret(config: dict[str, Any]) -> None:
    assert config.keys() - {"read-only", "components"} <= KNOWN.keys()
    assert {part: set(config[part]) - known for part, known in KNOWN.items() if set(config[part]) - known} == {}
    assert config["components"] == ORDER


def test_nothing_can_be_written_and_the_machine_s_identity_signs(config: dict[str, Any]) -> None:
    assert config["read-only"] is True
    assert config["azstorage"] == {"type": "block", "container": Azure().container, "mode": "msi"}
    assert "Storage Blob Data Reader" in (DEPLOY / "blobfuse2.yaml").read_text("utf-8")


def test_what_is_known_of_a_blob_is_forgotten_within_seconds(config: dict[str, Any]) -> None:
    def seconds(part: Mapping[str, Any]) -> Iterator[int]:
        yield from (value for name, value in part.items() if name.endswith("-sec"))

    told = [*seconds(config["libfuse"]), *seconds(config["attr_cache"])]
    assert len(told) == 4
    assert max(told) <= 15


def test_pages_that_speak_of_mounting_name_the_file() -> None:
    pages = [page.read_text("utf-8") for page in (CHECKOUT / "docs").rglob("*.md")]
    speaking = [text for text in pages if re.search(r"\bmount\w* /mnt/imaging\b", text)]
    assert speaking
    assert all("deploy/blobfuse2.yaml" in text for text in speaking)
