"""`imaging-assets audit`: what is printed and which exit code scripts get."""

from pathlib import Path

from imaging_assets.backends import build
from imaging_assets.settings import Settings
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.cli.command_line import call_cli


def test_an_audit_tells_differences_with_code_1_and_mends_them_with_code_0(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / ".imaging")
    land(pipeline, {f"{n}.jpg": a_picture(n, (64, 48)) for n in range(3)})
    run_chain(pipeline)
    good = call_cli(tmp_path, "audit")
    assert (good.code, good.out) == (0, "3 documents in the index, all as the manifests say\n")

    index = build(Settings(home=tmp_path / ".imaging")).index
    index.delete(list(index.ids())[:1])
    index.put([{"id": "of-nobody"}])

    found = call_cli(tmp_path, "audit")
    assert found.code == 1
    assert f"missing  landing/{DAY.replace('-', '/')}/" in found.out
    assert "stray    of-nobody, a document of no image" in found.out
    assert "2 faults. Mend them with `imaging-assets audit --repair`" in found.out

    mended = call_cli(tmp_path, "audit", "--repair", "--json")
    assert (mended.code, mended.value["mended"], mended.value["strays"]) == (0, 2, ["of-nobody"])
    assert call_cli(tmp_path, "audit").code == 0


def test_an_audit_without_a_store_says_so(tmp_path: Path) -> None:
    done = call_cli(tmp_path, "audit")
    assert done.code == 1
    assert "There is no store" in done.complaint
