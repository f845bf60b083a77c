"""What every blob store promises, whichever service holds the bytes.

Belongs here: the words of `ports/blob_store.py`, one test each. Does not: files, links and processes of one implementation
(`embedded/test_directory_blob_store.py`). Another implementation joins by a line in `BUILDERS`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imaging_assets.azure.blob_store import AzureBlobStore
from imaging_assets.azure.credentials import StorageAccount
from imaging_assets.embedded.blob_store import DirectoryBlobStore
from imaging_assets.errors import BlobConflictError, BlobNameError, BlobNotFoundError
from imaging_assets.ports.blob_store import BlobStore
from imaging_assets_tests.azure.azurite import KEY, a_name, a_sas, azurite


def directory_store(folder: Path) -> BlobStore:
    return DirectoryBlobStore.create(folder / "store")


def azure_store(folder: Path) -> BlobStore:
    del folder
    store = AzureBlobStore(StorageAccount(azurite(), KEY).blob_service(), a_name(), page_size=3)
    store.create()
    return store


def azure_store_of_several_containers(folder: Path) -> BlobStore:
    del folder
    places = {"a": a_name(), "b": f"{a_name()}/some/where", "landing": f"{a_name()}/in", "x/y": a_name()}
    store = AzureBlobStore(StorageAccount(azurite(), sas=a_sas()).blob_service(), a_name(), places)
    store.create()
    return store


BUILDERS: dict[str, Callable[[Path], BlobStore]] = {
    "directory": directory_store,
    "azure": azure_store,
    "azure, several containers by SAS": azure_store_of_several_containers,
}


@pytest.fixture(params=BUILDERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return BUILDERS[request.param](tmp_path)


def paths(store: BlobStore, prefix: str = "") -> list[str]:
    return [blob.path for blob in store.list_blobs(prefix)]


def put(store: BlobStore, *names: str) -> None:
    for name in names:
        store.write(name, name.encode())


def test_an_empty_store_lists_nothing(store: BlobStore) -> None:
    assert paths(store) == []
    assert store.list_folders() == []


def test_what_was_written_is_read_back(store: BlobStore) -> None:
    data = bytes(range(256)) * 1000

    written = store.write("a/b.bin", data)

    assert store.read("a/b.bin").data == data
    assert store.read("a/b.bin").etag == written.etag


def test_empty_bytes_are_a_blob_too(store: BlobStore) -> None:
    store.write("a/empty", b"")

    assert store.read("a/empty").data == b""
    assert [blob.size for blob in store.list_blobs()] == [0]


def test_write_find_and_list_tell_the_same(store: BlobStore) -> None:
    written = store.write("a/b.bin", b"12345")

    assert store.find("a/b.bin") == written
    assert list(store.list_blobs()) == [written]
    assert written.size == 5
    assert abs(written.modified_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_missing_blob_is_none_when_looked_for_and_an_error_when_read(store: BlobStore) -> None:
    put(store, "a/b")

    for path in ("a/c", "x/y", "a", "a/b/c"):
        assert store.find(path) is None
        with pytest.raises(BlobNotFoundError, match="run the day again"):
            store.read(path)


def test_a_second_write_replaces_bytes_and_etag(store: BlobStore) -> None:
    first = store.write("a", b"one")
    second = store.write("a", b"two")

    assert store.read("a").data == b"two"
    assert second.etag != first.etag
    assert paths(store) == ["a"]


def test_every_one_of_many_quick_writes_gets_its_own_etag(store: BlobStore) -> None:
    etags = [store.write("a", bytes([number])).etag for number in range(100)]

    assert len(set(etags)) == 100


def test_bytes_written_anew_after_a_deletion_get_another_etag(store: BlobStore) -> None:
    etags = set()
    for number in range(50):
        etags.add(store.write("a", bytes([number])).etag)
        store.delete("a")

    assert len(etags) == 50


def test_later_writes_never_seem_older(store: BlobStore) -> None:
    times = [store.write(f"blob-{number}", b"").modified_at for number in range(50)]

    assert times == sorted(times)


# --- listing


def test_a_listing_is_in_the_order_of_code_points_across_folders(store: BlobStore) -> None:
    names = ["a/b", "a-b", "a.b", "a/b.jpg", "a/b-c/d", "a/b/c", "A", "a0", "b", "é", "ä/x", "Z/z", "日本", "🐈/x", "a b"]
    names.remove("a/b")  # a directory cannot hold a blob and a folder of one name
    put(store, *names)

    assert paths(store) == sorted(names)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", ["a/1", "a/12", "a/2/3", "ab/1", "b"]),
        ("a", ["a/1", "a/12", "a/2/3", "ab/1"]),
        ("a/", ["a/1", "a/12", "a/2/3"]),
        ("a/1", ["a/1", "a/12"]),
        ("a/2", ["a/2/3"]),
        ("a/2/3", ["a/2/3"]),
        ("a/2/3/", []),
        ("b/", []),
        ("c", []),
        ("/", []),
        ("a//", []),
        ("../", []),
        ("a/../", []),
        ("./", []),
    ],
)
def test_a_prefix_is_any_beginning_of_a_path(store: BlobStore, prefix: str, expected: list[str]) -> None:
    put(store, "a/1", "a/12", "a/2/3", "ab/1", "b")

    assert paths(store, prefix) == expected


def test_folders_are_named_once_sorted_and_without_blobs_beside_them(store: BlobStore) -> None:
    put(store, "a/1", "a/2", "b/c/d", "z", "A/1")

    assert store.list_folders() == ["A", "a", "b"]
    assert store.list_folders("b/") == ["c"]
    assert store.list_folders("a/") == []
    assert store.list_folders("missing/") == []


def test_files_of_a_folder_are_listed_without_those_of_folders_inside(store: BlobStore) -> None:
    put(store, "a/2", "a/1", "a/b/c", "z", "a.b/1")

    assert [blob.path for blob in store.list_files("a/")] == ["a/1", "a/2"]
    assert store.list_files("a/") == [store.find("a/1"), store.find("a/2")]
    assert [blob.path for blob in store.list_files()] == ["z"]
    assert store.list_files("missing/") == []


def test_a_folder_whose_last_blob_went_is_gone(store: BlobStore) -> None:
    put(store, "a/b/c")
    store.delete("a/b/c")

    assert store.list_folders() == []
    assert store.list_folders("a/") == []


def test_blobs_may_be_deleted_while_they_are_listed(store: BlobStore) -> None:
    put(store, "a/1", "a/2", "a/3", "b/1")

    for blob in store.list_blobs():
        store.delete(blob.path)

    assert paths(store) == []


# --- names


ODD_NAMES = [
    "a b.jpg",
    " leading and trailing ",
    ".hidden",
    "..not-a-parent",
    "a..b",
    "UPPER.JPG",
    "upper.jpg",
    "100%25?#&+=.jpg",
    "quote'\"`$(x).jpg",
    "caf\u00e9.jpg",
    "cafe\u0301.jpg",
    "Screenshot at 3.04.05\u202fPM.png",
    "no\u00a0break\u3000space.jpg",
    "family\U0001f468\u200d\U0001f469\u200d\U0001f467.png",
    "soft\u00adhyphen.jpg",
    "日本語/写真.jpg",
    "right\u200fto left \u05d0.jpg",
    "-rf",
    "~",
    "CON",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_kept_exactly(store: BlobStore, name: str) -> None:
    store.write(f"landing/{name}", b"x")

    assert paths(store) == [f"landing/{name}"]
    assert store.read(f"landing/{name}").data == b"x"
    assert store.delete(f"landing/{name}")


def test_names_that_differ_in_case_or_unicode_form_are_two_blobs(store: BlobStore) -> None:
    names = ["A.jpg", "a.jpg", "caf\u00e9", "cafe\u0301"]
    put(store, *names)

    assert paths(store) == sorted(names)
    assert [store.read(name).data for name in names] == [name.encode() for name in names]


BAD_NAMES = ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "../a", "a\\b", "a\0b", "a\nb", "a\x7f", "\udc80", "x" * 1025]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_no_store_may_hold_is_refused_by_every_method(store: BlobStore, name: str) -> None:
    put(store, "good")
    for use in (
        lambda: store.write(name, b""),
        lambda: store.write(name, b"", if_absent=True),
        lambda: store.read(name),
        lambda: store.find(name),
        lambda: store.delete(name),
        lambda: store.copy("good", name),
        lambda: store.copy(name, "other"),
    ):
        with pytest.raises(BlobNameError):
            use()

    assert paths(store) == ["good"]


def test_a_path_of_1024_characters_is_held(store: BlobStore) -> None:
    path = "/".join(["d" * 99] * 10) + "/" + "f" * 24
    assert len(path) == 1024

    store.write(path, b"deep")

    assert (paths(store), store.read(path).data) == ([path], b"deep")


# --- conditions


def test_a_write_with_the_etag_of_now_replaces(store: BlobStore) -> None:
    first = store.write("a", b"one")

    second = store.write("a", b"two", if_match=first.etag)

    assert store.find("a") == second
    assert store.read("a").data == b"two"


def test_a_write_with_an_old_etag_changes_nothing(store: BlobStore) -> None:
    first = store.write("a", b"one")
    store.write("a", b"two")

    with pytest.raises(BlobConflictError, match="Run again"):
        store.write("a", b"three", if_match=first.etag)

    assert store.read("a").data == b"two"


def test_a_write_with_an_etag_needs_the_blob(store: BlobStore) -> None:
    etag = store.write("a", b"one").etag
    store.delete("a")

    with pytest.raises(BlobConflictError):
        store.write("a", b"two", if_match=etag)

    assert store.find("a") is None


def test_a_write_only_if_absent_happens_once(store: BlobStore) -> None:
    store.write("a", b"one", if_absent=True)

    with pytest.raises(BlobConflictError):
        store.write("a", b"two", if_absent=True)

    assert store.read("a").data == b"one"


def test_of_many_threads_that_create_one_wins(store: BlobStore) -> None:
    def create(number: int) -> bool:
        try:
            store.write("a", str(number).encode(), if_absent=True)
        except BlobConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(24)))

    assert won.count(True) == 1
    assert store.read("a").data == str(won.index(True)).encode()


def test_readers_never_see_half_a_write(store: BlobStore) -> None:
    states = [bytes([number]) * 200_000 for number in range(2)]
    store.write("a", states[0])

    def write(number: int) -> None:
        store.write("a", states[number % 2])

    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, number) for number in range(40)]
        seen = [store.read("a").data for _ in range(60)]
        for done in writes:
            done.result()

    assert all(data in states for data in seen)


# --- copying and deleting


def test_a_copy_has_the_bytes_and_leaves_the_source(store: BlobStore) -> None:
    before = store.write("a", b"one")

    copied = store.copy("a", "b/c")

    assert store.read("b/c").data == b"one"
    assert store.find("b/c") == copied
    assert store.find("a") == before


def test_a_copy_replaces_its_target(store: BlobStore) -> None:
    put(store, "a", "b")

    store.copy("a", "b")

    assert store.read("b").data == b"a"


def test_a_copy_of_nothing_is_an_error(store: BlobStore) -> None:
    put(store, "folder/x")

    for source in ("a", "folder"):
        with pytest.raises(BlobNotFoundError):
            store.copy(source, "b")

    assert store.find("b") is None


def test_a_copy_with_the_etag_of_now_is_made_and_with_another_refused(store: BlobStore) -> None:
    etag = store.write("a", b"one").etag
    store.copy("a", "b", if_match=etag)
    store.write("a", b"two")

    with pytest.raises(BlobConflictError):
        store.copy("a", "c", if_match=etag)

    assert paths(store) == ["a", "b"]


def test_deleting_says_whether_there_was_one(store: BlobStore) -> None:
    put(store, "a/b", "a/c")

    assert store.delete("a/b")
    assert not store.delete("a/b")
    assert not store.delete("a")
    assert not store.delete("never/there")
    assert paths(store) == ["a/c"]
