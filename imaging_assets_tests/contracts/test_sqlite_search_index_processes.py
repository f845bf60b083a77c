"""Several threads and processes at one embedded search index, also during a rebuild, also killed.

Belongs here: what is kept and seen when others write. Does not: one writer's view (`test_sqlite_search_index.py`).
"""

import multiprocessing
import multiprocessing.context
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from imaging_assets.records.search import Condition, SearchQuery
from imaging_assets_tests.contracts.test_search_index import document, found, put, vector
from imaging_assets_tests.contracts.test_sqlite_search_index import index_in

WRITERS, BATCHES, BATCH = 4, 6, 25


def check_integrity(folder: Path) -> None:
    for path in (folder / "search").glob("*.db"):
        connection = sqlite3.connect(path)
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        connection.execute("insert into words (words) values ('integrity-check')")
        connection.close()


def write_batches(folder: Path, writer: int) -> None:
    index = index_in(folder)
    for batch in range(BATCHES):
        put(
            index,
            *(document(f"{writer}-{batch}-{number}", text="by a process", vector=vector(1, 0, 0, 0)) for number in range(BATCH)),
        )
        put(index, document("shared", text=f"by writer{writer}", tags=[f"writer{writer}"]))


def start_writers(folder: Path) -> list[multiprocessing.context.SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_batches, args=(folder, writer)) for writer in range(WRITERS)]
    for writer in writers:
        writer.start()
    return writers


def join(writers: list[multiprocessing.context.SpawnProcess]) -> None:
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS


def test_four_processes_writing_at_once_keep_every_document(tmp_path: Path) -> None:
    join(start_writers(tmp_path))

    assert index_in(tmp_path).query(SearchQuery()).count == WRITERS * BATCHES * BATCH + 1
    check_integrity(tmp_path)


def test_a_promotion_while_four_processes_write_loses_nothing(tmp_path: Path) -> None:
    index = index_in(tmp_path)
    put(index, document("before"))
    index.rebuild()
    writers = start_writers(tmp_path)
    while index.query(SearchQuery()).count < 2:
        time.sleep(0.01)

    index.promote()
    join(writers)

    assert index.query(SearchQuery()).count == WRITERS * BATCHES * BATCH + 1
    assert index.query(SearchQuery(vector=vector(1, 0, 0, 0))).count == WRITERS * BATCHES * BATCH
    check_integrity(tmp_path)


def test_a_rebuild_while_four_processes_write_takes_nothing_from_queries(tmp_path: Path) -> None:
    index = index_in(tmp_path)
    put(index, document("before"))
    writers = start_writers(tmp_path)
    while index.query(SearchQuery()).count < 2:
        time.sleep(0.01)

    index.rebuild()
    join(writers)

    assert index.query(SearchQuery()).count == WRITERS * BATCHES * BATCH + 2
    check_integrity(tmp_path)


@pytest.mark.parametrize("promotes", [False, True])
def test_a_write_that_a_rebuild_overtakes_is_repeated_in_the_new_generation(tmp_path: Path, *, promotes: bool) -> None:
    index = index_in(tmp_path)
    put(index, document("before"))
    blocker = sqlite3.connect(tmp_path / "search" / f"{index.generation}.db", isolation_level=None)
    blocker.execute("begin immediate")
    writer = threading.Thread(target=put, args=(index, document("overtaken")))
    writer.start()
    time.sleep(0.2)  # the writer has read the pointer and waits for the old generation

    rebuilder = index_in(tmp_path)
    rebuilder.rebuild()
    if promotes:
        rebuilder.promote()
    blocker.execute("commit")
    blocker.close()
    writer.join()

    assert list(index.ids()) == ["overtaken"]
    assert sorted(found(index, SearchQuery())) == (["overtaken"] if promotes else ["before", "overtaken"])


def test_what_was_accepted_before_a_kill_is_there_and_nothing_is_half_written(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from imaging_assets.embedded.search_index import SqliteSearchIndex\n"
        "index = SqliteSearchIndex(Path(sys.argv[1]) / 'search', dimensions=4)\n"
        "for n in range(100000):\n"
        "    index.put([{'id': f'k{n}-{m}', 'text': 'cat', 'tags': ['t'], 'vector': [1, 0, 0, 0]} for m in range(20)])\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 10:
                writer.kill()
                accepted = [int(line), *map(int, writer.stdout)]

    index = index_in(tmp_path)
    keys = set(index.ids())

    assert {f"k{n}-{m}" for n in range(max(accepted) + 1) for m in range(20)} <= keys
    assert len(keys) % 20 == 0
    answer = index.query(SearchQuery(text="cat", where=(Condition("tags", "eq", ("t",)),), vector=vector(1, 0, 0, 0)))
    assert answer.count == len(keys)
    check_integrity(tmp_path)


def test_another_objects_writes_reach_the_vectors_in_memory(tmp_path: Path) -> None:
    reader, writer = index_in(tmp_path), index_in(tmp_path)
    query = SearchQuery(vector=vector(1, 0, 0, 0))
    put(writer, *(document(f"k{number}", vector=vector(0, 1, 0, 0)) for number in range(5)))
    assert reader.query(query).count == 5

    writer.delete(["k1", "k4"])
    put(writer, document("best", vector=vector(1, 0, 0, 0)), document("k2", vector=vector(1, 1, 0, 0)), document("k0"))

    assert found(reader, query) == ["best", "k2", "k3"]


def test_threads_share_one_index(tmp_path: Path) -> None:
    index, errors = index_in(tmp_path), []

    def work(number: int) -> None:
        try:
            for turn in range(15):
                put(index, document(f"{number}-{turn}", text="cat", vector=vector(1, number, turn, 0)))
                assert index.query(SearchQuery(text="cat", vector=vector(1, 0, 0, 0))).count > turn
        except Exception as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert index.query(SearchQuery(vector=vector(1, 0, 0, 0))).count == 60
