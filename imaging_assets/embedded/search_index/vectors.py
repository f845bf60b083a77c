"""All vectors of a generation as one float32 matrix in memory, kept in step with the table `vectors`.

Belongs here: loading what changed, and exact nearest neighbours. Does not: filters (`questions`), which arrive as row numbers.
Loaded by the first vector query and never by another one.
"""

import sqlite3
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Docs = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """A page of row numbers of `documents` with their cosines, and the row numbers of all candidates."""

    docs: Docs
    scores: Scores
    candidates: Docs


class VectorMatrix:
    """Rows `[0, used)` of `matrix` are unit vectors; `docs[row]` and `row_of[doc]` are inverse to each other.

    Not safe by itself: hold `lock` from `refresh` to the end of the transaction that reads the hits, so that both see
    the same documents.
    """

    def __init__(self, dimensions: int) -> None:
        self.lock = threading.Lock()
        self.used = 0
        self._changed = 0
        self._matrix = np.empty((0, dimensions), np.float32)
        self._docs = np.empty(0, np.int64)
        self._row_of = np.empty(0, np.int64)

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Take over what any process wrote since the last call."""
        rows = connection.execute("select doc, vector, changed from vectors where changed > ?", (self._changed,)).fetchall()
        if not rows:
            return
        self._drop([doc for doc, vector, _ in rows if vector is None])
        kept = [(doc, vector) for doc, vector, _ in rows if vector is not None]
        vectors = np.frombuffer(b"".join(vector for _, vector in kept), np.float32)
        self._put(np.array([doc for doc, _ in kept], np.int64), vectors.reshape(len(kept), -1) if kept else self._matrix[:0])
        self._changed = max(changed for _, _, changed in rows)

    def nearest(self, vector: npt.NDArray[np.float32], among: Docs | None, *, skip: int, top: int) -> Nearest:
        """The page [skip, skip + top) of the most similar of `among` (None: of all), best first, ties by row number."""
        rows = None if among is None else self._rows(among)
        if rows is None:
            scores, docs = _cosines(self._matrix[: self.used], vector), self._docs[: self.used]
        elif len(rows) * 4 < self.used:  # fetching few rows is cheaper than multiplying all
            scores, docs = _cosines(self._matrix[rows], vector), self._docs[rows]
        else:
            scores, docs = _cosines(self._matrix[: self.used], vector)[rows], self._docs[rows]
        last = min(skip + top, len(docs))
        best = np.arange(len(docs))
        if 0 < last < len(docs):
            # All ties of the last place stay in, so that pages neither overlap nor leave out.
            worst = np.partition(scores, len(docs) - last)[len(docs) - last]
            best = np.flatnonzero(scores >= worst)
        page = best[np.lexsort((docs[best], -scores[best]))][skip:last]
        return Nearest(docs[page], scores[page], docs)

    def _rows(self, docs: Docs) -> Docs:
        rows = self._row_of[docs[docs < len(self._row_of)]]
        return rows[rows >= 0]

    def _put(self, docs: Docs, vectors: npt.NDArray[np.float32]) -> None:
        if not len(docs):
            return
        if (wanted := int(docs.max()) + 1) > len(self._row_of):
            self._row_of = np.concatenate([self._row_of, np.full(wanted - len(self._row_of), -1, np.int64)])
        new = docs[self._row_of[docs] < 0]
        self._reserve(self.used + len(new))
        self._row_of[new] = np.arange(self.used, self.used + len(new))
        self._docs[self.used : self.used + len(new)] = new
        self.used += len(new)
        self._matrix[self._row_of[docs]] = vectors

    def _drop(self, docs: list[int]) -> None:
        """Fill each hole with the last row."""
        for row in sorted(self._rows(np.array(docs, np.int64)).tolist(), reverse=True):
            self.used -= 1
            self._row_of[self._docs[row]] = -1
            if row != self.used:
                moved = self._docs[self.used]
                self._matrix[row], self._docs[row], self._row_of[moved] = self._matrix[self.used], moved, row

    def _reserve(self, rows: int) -> None:
        if rows > len(self._docs):
            size = max(rows, len(self._docs) * 5 // 4)
            matrix, docs = np.empty((size, self._matrix.shape[1]), np.float32), np.empty(size, np.int64)
            matrix[: self.used], docs[: self.used] = self._matrix[: self.used], self._docs[: self.used]
            self._matrix, self._docs = matrix, docs


def _cosines(matrix: npt.NDArray[np.float32], vector: npt.NDArray[np.float32]) -> Scores:
    # As fast as "@", which waits for BLAS threads of a busy machine (2 ms become 12), and equal for equal rows.
    cosines: Scores = np.einsum("ij,j->i", matrix, vector)
    return cosines
