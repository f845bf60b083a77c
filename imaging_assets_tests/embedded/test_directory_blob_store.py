"""What is particular to blobs that are files: etags, links, unfinished writes, several processes, a folder that vanishes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imaging_assets.embedded.blob_store import DirectoryBlobStore, _move
from imaging_assets.errors import BlobConflictError, BlobNameError, BlobNotFoundError, StoreUnavailableError


def a_store(folder: Path) -> DirectoryBlobStore:
    return DirectoryBlobStore.create(folder / "store")


def paths(store: DirectoryBlobStore, prefix: str = "") -> list[str]:
    return [blob.path for blob in store.list_blobs(prefix)]


def test_a_blob_is_a_file_and_a_file_is_a_blob(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a/b.txt", b"ours")
    (store.root / "a" / "c.txt").write_bytes(b"theirs")

    assert (store.root / "a" / "b.txt").read_bytes() == b"ours"
    assert store.read("a/c.txt").data == b"theirs"
    assert paths(store) == ["a/b.txt", "a/c.txt"]


def test_an_etag_is_the_time_of_the_last_write_and_the_size(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    info = store.write("a", b"12345")

    assert info.etag == f"{(store.root / 'a').stat().st_mtime_ns}-5"


def test_a_touched_file_keeps_its_bytes_but_not_its_etag(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    before = store.write("a", b"1")
    os.utime(store.root / "a", ns=(1, 1))

    after = store.find("a")

    assert after is not None
    assert after.etag == "1-1" != before.etag


def test_a_write_over_a_file_from_the_future_gets_another_etag(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a", b"1")
    future = 4_000_000_000 * 10**9
    os.utime(store.root / "a", ns=(future, future))

    assert store.write("a", b"2").etag == f"{future + 1}-1"


def test_unfinished_writes_and_locks_are_never_listed(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a", b"", if_absent=True)
    (store.root / ".tmp" / "abandoned").write_bytes(b"half")

    for prefix in ("", ".", ".tm", ".tmp", ".tmp/", ".tmp/a"):
        assert paths(store, prefix) == (["a"] if not prefix else [])
    assert store.list_folders() == []
    assert store.list_folders(".tmp/") == []


def test_the_place_of_unfinished_writes_is_no_place_for_blobs(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a", b"")
    (store.root / ".tmp" / "abandoned").write_bytes(b"half")

    for use in (store.read, store.find, store.delete, lambda path: store.write(path, b""), lambda path: store.copy("a", path)):
        with pytest.raises(BlobNameError, match="unfinished writes"):
            use(".tmp/abandoned")
    with pytest.raises(BlobNameError):
        store.write(".tmp", b"")
    store.write("c/.tmp/b", b"elsewhere it is a name like any other")

    assert paths(store) == ["a", "c/.tmp/b"]


def test_a_write_leaves_nothing_behind_in_the_place_of_unfinished_writes(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a", b"1")
    store.copy("a", "b")
    with pytest.raises(BlobNameError):
        store.write("a/b", b"a is a file")

    assert list((store.root / ".tmp").iterdir()) == []


def test_a_file_and_a_folder_of_one_name_are_refused_with_the_remedy(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a", b"1")
    store.write("b/c", b"1")

    for path in ("a/b", "a/b/c", "b"):
        with pytest.raises(BlobNameError, match="Rename one of them"):
            store.write(path, b"2")
    assert paths(store) == ["a", "b/c"]


def test_a_name_longer_than_a_file_may_have_is_refused(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("ä" * 127, b"254 bytes fit")

    with pytest.raises(BlobNameError, match="255 bytes"):
        store.write("ä" * 128, b"256 do not")
    with pytest.raises(BlobNameError, match="255 bytes"):
        store.find("folder/" + "x" * 256)


# --- what a listing leaves out


@pytest.mark.parametrize("name", [b"back\\slash.jpg", b"new\nline.jpg", b"latin1-\xe9.jpg", b"tab\t.jpg"])
def test_a_file_that_no_blob_may_be_named_like_is_left_out(tmp_path: Path, name: bytes) -> None:
    store = a_store(tmp_path)
    store.write("landing/a.jpg", b"1")
    Path(os.fsdecode(os.fsencode(store.root) + b"/landing/" + name)).write_bytes(b"2")

    assert paths(store) == ["landing/a.jpg"]


def test_a_path_longer_than_a_blob_may_have_is_left_out(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    deep = store.root.joinpath(*["d" * 200] * 6)
    deep.mkdir(parents=True)
    (deep / "x.jpg").write_bytes(b"1")

    assert paths(store) == []


def test_links_are_not_followed_by_anything(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a", b"mine")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.jpg").write_bytes(b"not mine")
    (store.root / "link.jpg").symlink_to(secret / "s.jpg")
    (store.root / "folder").symlink_to(secret)
    (store.root / "loop").symlink_to(store.root)
    (store.root / "dangling").symlink_to(tmp_path / "nowhere")

    assert paths(store) == ["a"]
    assert store.list_folders() == []
    assert paths(store, "folder/") == paths(store, "folder/s") == []
    for path in ("link.jpg", "folder/s.jpg", "loop/a", "dangling"):
        assert store.find(path) is None
        assert not store.delete(path)
        with pytest.raises(BlobNotFoundError):
            store.read(path)
        with pytest.raises(BlobNotFoundError):
            store.copy(path, "b")
    for path in ("folder/new.jpg", "folder/deeper/new.jpg"):
        with pytest.raises(BlobNameError, match="link"):
            store.write(path, b"2")
    assert [file.name for file in secret.iterdir()] == ["s.jpg"]


def test_a_write_replaces_a_link_and_not_what_it_points_at(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outside = tmp_path / "outside"
    outside.write_bytes(b"theirs")
    (store.root / "a").symlink_to(outside)

    store.write("a", b"ours")

    assert outside.read_bytes() == b"theirs"
    assert store.read("a").data == b"ours"


def test_a_store_below_a_link_works(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a/b", b"1")
    (tmp_path / "alias").symlink_to(store.root)

    alias = DirectoryBlobStore(tmp_path / "alias")

    assert paths(alias) == ["a/b"]
    assert alias.read("a/b").data == b"1"
    alias.write("a/c", b"2")
    assert paths(store) == ["a/b", "a/c"]


@pytest.mark.parametrize("prefix", ["/", "../", "../outside/", "a/../../outside/"])
def test_no_prefix_leads_out_of_the_store(tmp_path: Path, prefix: str) -> None:
    store = a_store(tmp_path)
    store.write("a/b", b"1")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"1")
    absolute = f"{tmp_path}/outside/"

    assert paths(store, prefix) == paths(store, absolute) == []
    assert store.list_folders(prefix) == store.list_folders(f"{tmp_path}/") == []


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes in folders there")
def test_a_pipe_is_no_blob(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    os.mkfifo(store.root / "pipe")

    assert paths(store) == []
    assert store.find("pipe") is None


# --- a store that is gone


USES: list[Callable[[DirectoryBlobStore], object]] = [
    lambda store: list(store.list_blobs()),
    lambda store: list(store.list_blobs("a/")),
    lambda store: store.list_folders(),
    lambda store: store.find("a/b"),
    lambda store: store.read("a/b"),
    lambda store: store.write("a/b", b""),
    lambda store: store.write("a/b", b"", if_absent=True),
    lambda store: store.copy("a/b", "c"),
    lambda store: store.delete("a/b"),
]


@pytest.mark.parametrize("use", USES)
def test_a_vanished_root_is_an_error_and_never_an_empty_store(
    tmp_path: Path, use: Callable[[DirectoryBlobStore], object]
) -> None:
    store = a_store(tmp_path)
    store.write("a/b", b"1")
    shutil.rmtree(store.root)

    with pytest.raises(StoreUnavailableError, match="bring the folder back"):
        use(store)
    assert not store.root.exists()


def test_a_root_that_vanishes_during_a_listing_is_an_error_and_not_a_short_listing(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    for number in range(5):
        store.write(f"{number}/x", b"1")
    listing = store.list_blobs()
    assert next(listing).path == "0/x"

    shutil.rmtree(store.root)

    with pytest.raises(StoreUnavailableError):
        list(listing)


def test_what_the_system_has_against_a_file_is_told_as_an_unavailable_store(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a", b"1")
    shutil.rmtree(store.root / ".tmp")
    (store.root / ".tmp").symlink_to(tmp_path / "nowhere")

    with pytest.raises((StoreUnavailableError, BlobNameError)):
        store.write("a", b"2")
    assert store.read("a").data == b"1"


# --- several processes


_ADDER = """
import json, sys
from pathlib import Path
from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.errors import BlobConflictError

store, rounds = DirectoryBlobStore(Path(sys.argv[1])), int(sys.argv[2])
conflicts = 0
for _ in range(rounds):
    while True:
        blob = store.read("counter")
        try:
            store.write("counter", str(int(blob.data) + 1).encode(), if_match=blob.etag)
            break
        except BlobConflictError:
            conflicts += 1
created = 0
for number in range(20):
    try:
        store.write(f"once/{number}", sys.argv[3].encode(), if_absent=True)
        created += 1
    except BlobConflictError:
        pass
print(json.dumps({"conflicts": conflicts, "created": created}))
"""


def test_no_conditional_write_of_four_processes_is_lost(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("counter", b"0")
    commands = [[sys.executable, "-c", _ADDER, str(store.root), "40", str(number)] for number in range(4)]

    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in processes]

    assert store.read("counter").data == b"160"
    assert sum(answer["created"] for answer in answers) == 20
    assert len(paths(store, "once/")) == 20


def test_a_lock_is_let_go_after_a_conflict(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.write("a", b"1", if_absent=True)
    for _ in range(3):
        with pytest.raises(BlobConflictError):
            store.write("a", b"2", if_absent=True)

    assert store.write("a", b"3", if_match=store.read("a").etag).size == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file cannot be moved, so none is held and none is swept")
def test_what_a_killed_process_was_writing_is_swept_by_the_next_and_what_a_live_one_writes_is_not(tmp_path: Path) -> None:
    store = DirectoryBlobStore.create(tmp_path)
    program = (
        "import sys, time; from pathlib import Path; from imaging_assets.embedded.unfinished import unfinished\n"
        "with unfinished(Path(sys.argv[1])) as path:\n"
        "    path.write_bytes(b'half'); print(path.name, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / ".tmp")], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        name = writer.stdout.readline().strip()
        store.write("while/alive", b"")
        assert [path.name for path in (tmp_path / ".tmp").iterdir()] == [name]
        writer.kill()

    DirectoryBlobStore(tmp_path).write("and/dead", b"")

    assert list((tmp_path / ".tmp").iterdir()) == []


def test_a_store_that_vanishes_just_before_a_write_ends_is_not_made_anew(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    unfinished = tmp_path / "unfinished"
    unfinished.write_bytes(b"1")
    shutil.rmtree(store.root)

    with pytest.raises(FileNotFoundError):
        _move(unfinished, store.root, "a/b/c")

    assert not store.root.exists()
