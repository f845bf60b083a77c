"""Speed of the embedded search index at 100,000 documents, and what is left of the documents of four processes.

Run `python -m benchmarks.search [--documents 100000]`. Documents have 5-29 words of a Zipf-like vocabulary of 20,000, 0-5 of
200 tags, one of 20 predicted classes, one of 300 days and a 128-d vector; queries are drawn like the documents.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np

from imaging_assets.embedded.search_index import SqliteSearchIndex
from imaging_assets.records.search import Condition, Document, SearchQuery

DIMENSIONS = 128
_FIRST_DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
_QUERIES = 60
_WRITERS, _BATCHES, _BATCH = 4, 20, 50


def rows(documents: int = 100_000) -> list[dict[str, object]]:
    """One row per figure: {name, ours, peer, unit, ratio, goal, holds}; there is no peer to compare with."""
    with tempfile.TemporaryDirectory() as folder:
        index = SqliteSearchIndex(Path(folder) / "speed", dimensions=DIMENSIONS)
        made = make_documents(documents)
        table = [_row(f"fill, {documents:,} documents", _seconds(lambda: index.put(made)), "s", None)]
        table += _reading(index)
        table += _writing(index, made)
        table += _processes(Path(folder) / "processes")
    return table


def make_documents(count: int, seed: int = 0) -> list[Document]:
    """`count` documents with all fields that cost something; the same ones for the same seed."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, DIMENSIONS), dtype=np.float32)
    return [_document(random, number, vectors[number]) for number in range(count)]


def _document(random: np.random.Generator, number: int, vector: np.ndarray[Any, Any]) -> Document:
    taken = _FIRST_DAY + timedelta(days=int(random.integers(300)))
    name = f"{_words(random, 1)}_{number:06}.jpg"
    return {
        "id": f"{number:064x}",
        "path": f"camera{number % 7}/{taken:%Y/%m/%d}/{name}",
        "name": name,
        "sha256": random.bytes(32).hex(),
        "day": f"{taken:%Y-%m-%d}",
        "status": "ready",
        "tags": [f"tag{tag}" for tag in random.integers(200, size=random.integers(6))],
        "predicted": f"class{random.integers(20)}",
        "probability": float(random.random()),
        "model_id": "m1",
        "disagrees": bool(random.random() < 0.05),
        "text": _words(random, int(random.integers(5, 30))),
        "width": int(random.integers(100, 4000)),
        "height": 600,
        "size": int(random.integers(10_000, 5_000_000)),
        "captured_at": taken.isoformat(),
        "vector": vector,
    }


def _words(random: np.random.Generator, count: int) -> str:
    # Log-uniform ranks: the word of rank r is about 1/r as frequent as the first one.
    ranks = np.exp(random.uniform(np.log(20), np.log(20_020), size=count)).astype(int) - 20
    return " ".join(f"w{rank:x}ord" for rank in ranks)


def _reading(index: SqliteSearchIndex) -> Iterator[dict[str, object]]:
    random = np.random.default_rng(1)
    facets = SearchQuery(facets=("tags", "predicted"), top=1)
    half = (_since(150),)

    def text(words: int, *where: Condition) -> SearchQuery:
        return SearchQuery(text=_words(random, words), where=where, top=10)

    def vector(*where: Condition) -> SearchQuery:
        return SearchQuery(vector=random.standard_normal(DIMENSIONS).astype(np.float32), where=where, top=10)

    def classes(count: int) -> Condition:
        return Condition("predicted", "eq", tuple(f"class{number}" for number in random.integers(20, size=count)))

    def tag_and_day() -> tuple[Condition, Condition]:
        return Condition("tags", "eq", (f"tag{random.integers(200)}",)), _since(int(random.integers(250)))

    yield _row("a word + tag + day, top 10", _p95(index, lambda: text(1, *tag_and_day())), "ms", 10)
    yield _row("two words, top 10", _p95(index, lambda: text(2)), "ms", 10)
    yield _row("facets (tags, predicted), all", _p95(index, lambda: facets), "ms", 50)
    yield _row("facets, 3 of 20 classes", _p95(index, lambda: replace(facets, where=(classes(3),))), "ms", 50)
    yield _row("facets, half of the days", _p95(index, lambda: replace(facets, where=half)), "ms", 50)
    yield _row("vectors into memory, once", _seconds(lambda: index.query(vector())), "s", None)
    yield _row("vector, top 10 of all", _p95(index, vector), "ms", 15)
    yield _row("vector, class + day", _p95(index, lambda: vector(classes(1), tag_and_day()[1])), "ms", 15)
    yield _row("vector, half of the days", _p95(index, lambda: vector(*half)), "ms", 15)


def _since(day: int) -> Condition:
    return Condition("day", "ge", (f"{_FIRST_DAY + timedelta(days=day):%Y-%m-%d}",))


def _writing(index: SqliteSearchIndex, made: list[Document]) -> Iterator[dict[str, object]]:
    changed = [{**document, "text": "changed " + document["text"]} for document in made[:5000]]
    seconds = [_seconds(lambda part=part: index.put(part)) for part in _parts(changed, 1000)]  # type: ignore[misc]
    yield _row("upsert 1,000 documents", float(np.median(seconds)), "s", 0.2)
    query = SearchQuery(vector=np.ones(DIMENSIONS, np.float32), top=10)
    yield _row("vector query after 5,000 changes", _seconds(lambda: index.query(query)) * 1000, "ms", None)
    yield _row("delete 1,000 documents", _seconds(lambda: index.delete([document["id"] for document in made[:1000]])), "s", 0.2)


def _processes(folder: Path) -> Iterator[dict[str, object]]:
    for name, rebuilds in (("4 processes writing", 0), ("4 processes writing, 3 rebuilds meanwhile", 3)):
        kept, expected = kept_by_processes(folder / str(rebuilds), rebuilds)
        yield _row(f"{name}: rows kept of {expected:,}", kept, "rows", expected, holds=kept == expected)


def kept_by_processes(folder: Path, rebuilds: int) -> tuple[int, int]:
    """Rows left and rows expected after four processes put their documents while this one rebuilds and promotes.

    As the pipeline does, a writer sends again what went to a generation that is no more the writers' one.
    """
    index = SqliteSearchIndex(folder, dimensions=4)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writers = [context.Process(target=_write, args=(folder, number, stop)) for number in range(_WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(rebuilds):
        time.sleep(0.7)
        index.rebuild()
        time.sleep(0.3)
        index.promote()
    stop.set()
    for writer in writers:
        writer.join()
    return index.query(SearchQuery(top=1)).count, _WRITERS * _BATCHES * _BATCH


def _write(folder: Path, number: int, stop: Event) -> None:
    index = SqliteSearchIndex(folder, dimensions=4)
    keys = [f"{number}-{key}" for key in range(_BATCHES * _BATCH)]
    sent: dict[str, str] = {}
    while True:
        finishing, generation = stop.is_set(), index.generation
        missing = [key for key in keys if sent.get(key) != generation][:_BATCH]
        if not missing and finishing:
            return
        index.put([{"id": key, "text": "written by a process", "vector": [1, 0, 0, 0]} for key in missing])
        sent |= dict.fromkeys(missing, generation)


def _p95(index: SqliteSearchIndex, make: Callable[[], SearchQuery]) -> float:
    queries = [make() for _ in range(_QUERIES)]
    index.query(queries[0])
    return float(np.percentile([_seconds(lambda query=query: index.query(query)) for query in queries], 95)) * 1000  # type: ignore[misc]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _parts(documents: Sequence[Document], size: int) -> list[Sequence[Document]]:
    return [documents[start : start + size] for start in range(0, len(documents), size)]


def _row(name: str, ours: float, unit: str, goal: float | None, *, holds: bool | None = None) -> dict[str, object]:
    if holds is None and goal is not None:
        holds = ours <= goal
    return {"name": name, "ours": round(ours, 3), "peer": None, "unit": unit, "ratio": None, "goal": goal, "holds": holds}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    print(f"{'name':60} {'ours':>10} {'goal':>8} unit  holds")
    for row in rows(parser.parse_args().documents):
        goal = "" if row["goal"] is None else row["goal"]
        print(f"{row['name']:60} {row['ours']:>10} {goal:>8} {row['unit']:5} {'' if row['holds'] is None else row['holds']}")


if __name__ == "__main__":
    main()
