"""Speed of the gallery's search page over 100,000 images, through the whole application, against bare SQLite and NumPy on the same data.

The *peer* is what somebody writes by hand for one question: the same words, filters, order and page as SQL over one table with an index per
column and an FTS5 table, the counts of the same facets with `group by`, and cosines by one matrix product; it makes no page of its rows.
Calls and bare questions are taken by turns, so that both see the same machine; figures are medians.

Run `python -m benchmarks.gallery [--documents 100000]`. Documents are those of `benchmarks.search`, with the fields of the other facets.
"""
# ruff: noqa: S608 - all SQL is made here, values travel as parameters

import argparse
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
from fastapi.testclient import TestClient

from benchmarks.search import make_documents
from imaging_assets.backends import build, create_store
from imaging_assets.records.search import Document
from imaging_assets.settings import Settings
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.web.app import create_app
from imaging_assets.web.gallery.view import PAGE, pack_vector, unpack_vector

_TURNS = 24
_TYPED = ("w", "w1", "w1o", "w1ord", "w1ord w", "w1ord w3", "w1ord w3o", "w1ord w3ord")
_COLUMNS = ("source", "day", "status", "predicted", "model_id", "disagrees", "split", "has_text", "faces")
_LISTS = ("tags", "image_tags", "quality")
_OTHERS = ("path", "name", "size", "text")
_NEWEST = "day desc, path"

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Question:
    """What a URL of the gallery asks, in SQL by hand: conditions of documents `d`, their parameters, an order, a page from 1."""

    url: str
    words: str = ""
    where: str = ""
    parameters: tuple[str, ...] = ()
    order: str = ""
    page: int = 1
    vector: Vector | None = None


class Bare:
    """A table, an index per column, a table per list, FTS5, and a matrix."""

    def __init__(self, path: Path, documents: Sequence[Document]) -> None:
        self._connection = sqlite3.connect(path)
        self._run = self._connection.execute
        self._run("pragma journal_mode = wal")
        self._run("pragma temp_store = memory")
        self._run(f"create table documents (doc integer primary key, {', '.join((*_COLUMNS, *_OTHERS))})")
        names = (*_COLUMNS, *_OTHERS)
        numbered = list(enumerate(documents))
        values = ((number, *(document.get(name) for name in names)) for number, document in numbered)
        self._connection.executemany(f"insert into documents values ({', '.join('?' * (len(names) + 1))})", values)
        for name in (*_COLUMNS, _NEWEST, "size desc, path"):
            self._run(f'create index "by {name}" on documents ({name})')
        for name in _LISTS:
            self._run(f"create table {name} (doc integer, value text)")
            pairs = [(number, value) for number, document in numbered for value in document[name]]
            self._connection.executemany(f"insert into {name} values (?, ?)", pairs)
            self._run(f"create index by_{name} on {name} (value, doc)")
            self._run(f"create index by_doc_{name} on {name} (doc, value)")
        self._run(
            "create virtual table words using fts5 (text, name, path, tags, predicted, tokenize = 'unicode61', prefix = '1 2 3')"
        )
        texts = (
            (number, *(str(document[name]) for name in ("text", "name", "path", "tags", "predicted")))
            for number, document in numbered
        )
        self._connection.executemany(
            "insert into words (rowid, text, name, path, tags, predicted) values (?, ?, ?, ?, ?, ?)", texts
        )
        self._connection.commit()
        self._matrix = np.stack([document["vector"] for document in documents])
        self._matrix /= np.linalg.norm(self._matrix, axis=1, keepdims=True)
        self._paths = [document["path"] for document in documents]

    def ask(self, question: Question, *, facets: bool) -> tuple[list[str], int]:
        """Paths of the page and the number of matches; counts of the facets are made, too."""
        source = self._matches(question)
        where, parameters = question.where, question.parameters
        if question.vector is not None:
            cosines = self._matrix @ question.vector
            best = np.argpartition(-cosines, PAGE)[:PAGE]
            page = [self._paths[doc] for doc in best[np.argsort(-cosines[best])]]
        else:
            order = question.order or "m.score"
            sql = f"select d.path from {source} {where} order by {order} limit {PAGE} offset {(question.page - 1) * PAGE}"
            page = [path for (path,) in self._run(sql, parameters)]
        count = self._run(f"select count(*) from {source} {where}", parameters).fetchone()[0]
        if facets:
            for name in _COLUMNS:
                self._count(f"d.{name}", f"{source} {where}", parameters)
            for name in _LISTS:
                # Values of all documents need no join.
                narrowed = question.words or where
                self._count(
                    "v.value", f"{source} join {name} v on v.doc = d.doc {where}" if narrowed else f"{name} v", parameters
                )
        return page, count

    def _count(self, value: str, source: str, parameters: Sequence[str]) -> None:
        self._run(f"select {value}, count(*) from {source} group by 1 order by 2 desc limit 30", parameters).fetchall()

    def _matches(self, question: Question) -> str:
        if not question.words:
            return "documents d"
        self._run("create temp table if not exists m (doc integer primary key, score real)")
        self._run("delete from m")
        score = "0" if question.order else "bm25(words)"
        match = " ".join(f'"{word}"' for word in question.words.split()) + " *"
        self._run(f"insert into m select rowid, {score} from words where words match ?", (match,))
        return "m cross join documents d on d.doc = m.doc"  # or it walks all documents for a handful


def rows(documents: int = 100_000) -> Iterator[dict[str, object]]:
    """One row per figure: {name, ours, peer, unit, ratio, goal, holds}."""
    made = [_with_facets(number, document) for number, document in enumerate(make_documents(documents))]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        create_store(settings)
        pipeline = build(settings)
        pipeline.index.put(made)
        bare = Bare(Path(folder) / "bare.db", made)
        with TestClient(create_app(settings, pipeline), base_url="http://localhost") as client:
            yield from _reading(client, bare, made)
            yield _after_a_write(client, pipeline, made)


def _with_facets(number: int, document: Document) -> Document:
    random = np.random.default_rng(number)
    return {
        **document,
        "path": f"landing/{document['path']}",
        "thumbnail": f"thumbnails/{document['sha256'][:2]}/{document['sha256']}-1.jpg",
        "source": "landing",
        "split": ("train", "train", "train", "validation", "test")[number % 5],
        "quality": ["blurred", "dark"][: number % 3],
        "image_tags": [f"colour{tag}" for tag in random.integers(12, size=2)],
        "has_text": number % 3 == 0,
        "faces": number % 4,
    }


def _reading(client: TestClient, bare: Bare, made: Sequence[Document]) -> Iterator[dict[str, object]]:
    last = -(-len(made) // PAGE)
    deep = last // 2
    first = Question("/", order=_NEWEST)
    yield _compare(client, bare, "first page, 12 facets", [first], 1.0)
    yield _compare(client, bare, "a class chosen, 12 facets", [_of_class(number) for number in range(20)], 1.0)
    yield _compare(client, bare, "words typed letter by letter, 12 facets", [_typed(text) for text in _TYPED], 1.0)
    yield _compare(client, bare, "words and a day, by size", [_filtered(number) for number in range(8)], 1.5)
    yield _compare(client, bare, "look-alikes, 12 facets", [_alike(made[7 * turn]["vector"]) for turn in range(_TURNS)], 1.0)
    pages = {"next page": 2, f"page {deep:,}": deep, f"page {last:,}, the last": last}
    shown = {
        name: _compare(client, bare, name, [_page(abs(number - turn) or 1) for turn in range(_TURNS)], None, facets=False)
        for name, number in pages.items()
    }
    yield from shown.values()
    near = float(str(shown["next page"]["ours"]))
    for name in list(pages)[1:]:
        yield _row(f"{name}, beside the next one", float(str(shown[name]["ours"])), near, 2.0)


def _after_a_write(client: TestClient, pipeline: Pipeline, made: Sequence[Document]) -> dict[str, object]:
    """What is kept in memory is loaded again then."""
    took = []
    for turn in range(5):
        pipeline.index.put([{**made[turn], "text": "changed"}])
        took.append(_ms(lambda: _get(client, "/", facets=True)))
    return _row("first page, 12 facets, after a write", statistics.median(took), None, None)


def _of_class(number: int) -> Question:
    return Question(f"/?predicted=class{number}", where="where d.predicted = ?", parameters=(f"class{number}",), order=_NEWEST)


def _typed(text: str) -> Question:
    return Question(f"/?{urlencode({'q': text})}", words=text)


def _filtered(number: int) -> Question:
    word, day = f"w{number}ord", f"2026-0{1 + number % 6}-01"
    url = f"/?{urlencode({'q': word, 'since': day, 'sort': '-size'})}"
    return Question(url, words=word, where="where d.day >= ?", parameters=(day,), order="size desc, path")


def _alike(vector: Vector) -> Question:
    packed = pack_vector(vector)
    return Question(f"/?alike={packed}", vector=unpack_vector(packed, len(vector)))


def _page(number: int) -> Question:
    return Question(f"/?page={number}", order=_NEWEST, page=number)


def _compare(
    client: TestClient, bare: Bare, name: str, questions: Sequence[Question], goal: float | None, *, facets: bool = True
) -> dict[str, object]:
    """A row: every turn another question of the kind; the answers of the first ones are held against each other."""
    mine, theirs = [], []
    for turn in range(_TURNS):
        question = questions[turn % len(questions)]
        if turn < len(questions):
            _check(_get(client, question.url, facets=facets), bare.ask(question, facets=False), question)
        mine.append(_ms(lambda question=question: _get(client, question.url, facets=facets)))  # type: ignore[misc]
        theirs.append(_ms(lambda question=question: bare.ask(question, facets=facets)))  # type: ignore[misc]
    return _row(name, statistics.median(mine), statistics.median(theirs), goal)


def _check(text: str, bare: tuple[list[str], int], question: Question) -> None:
    page, count = bare
    said = text.partition('<strong role="status">')[2].partition(" ")[0].replace(",", "")
    assert int(said) == count, f"{question.url}: {said} and {count} matches"
    if question.order:
        shown = [f"landing/{path}" for path in re.findall(r'data-path="([^"]+)"', text)]
        assert shown == page, f"{question.url}: {shown[:3]} and {page[:3]}"


def _get(client: TestClient, url: str, *, facets: bool) -> str:
    """The part of the page that the gallery's script asks for."""
    answer = client.get(url, headers={"X-Fragment": "results" if facets else "grid", "Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _row(name: str, ours: float, peer: float | None, goal: float | None) -> dict[str, object]:
    ratio = ours / peer if peer else None
    holds = None if goal is None or ratio is None else ratio <= goal
    return {"name": name, "ours": ours, "peer": peer, "unit": "ms", "ratio": ratio, "goal": goal, "holds": holds}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    for row in rows(parser.parse_args().documents):
        print(*(f"{value:.4g}" if isinstance(value, float) else value for value in row.values()), sep="\t")


if __name__ == "__main__":
    main()
