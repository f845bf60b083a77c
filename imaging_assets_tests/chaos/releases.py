"""States as releases left them: `python -m imaging_assets_tests.chaos.releases` keeps one of the code of now.

Belongs here: writing and unpacking them. Does not: what is expected of them (`test_releases.py`). A state is kept for good once its
release is out; each is a day with labels, a copy, a broken file, a model, an index and a catalogue.
"""

import os
import shutil
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from imaging_assets.backends import store_folder
from imaging_assets_tests.chaos.story import a_place, begin, bring_days_up_to_date, settings_at

STATES = Path(__file__).parent / "states"


def unpack(release: str, folder: Path) -> Path:
    """The state of a release, as the folder that `home` names."""
    with tarfile.open(STATES / f"{release}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "home"


def keep(release: str) -> Path:
    """Write the state of the code of now; the archive."""
    STATES.mkdir(exist_ok=True)
    target = STATES / f"{release}.tar.xz"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        pipeline = a_place(home)
        begin(pipeline)
        for path in store_folder(settings_at(home)).rglob("*"):
            os.utime(
                path, (1_772_445_600, 1_772_445_600)
            )  # whole seconds: an archive keeps no more, and a blob's etag is its time
        errors = bring_days_up_to_date(pipeline)
        assert not errors, errors
        shutil.rmtree(store_folder(settings_at(home)) / ".tmp")
        with tarfile.open(target, "w:xz", format=tarfile.PAX_FORMAT) as archive:
            archive.add(home, "home", filter=_nobodys)
    return target


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    keep(version("imaging-assets"))
