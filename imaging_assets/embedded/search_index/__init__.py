"""Search index over SQLite FTS5 and exact NumPy vectors: one file per generation and a pointer file, the local alias.

Belongs here: how documents and queries become SQL, and how processes share the files. Does not: what a document says
(`stages/search.py`) or which fields there are (`records/search.py`).

`index` is the port; `pointer` names the generations; `database` is one file, `schema` its tables, `columns` the form of values,
`questions` what is asked, `answers` what comes out, of it `pages` and `facets`; `kept_columns` and `vectors` are what stands in memory.
"""

from imaging_assets.embedded.search_index.index import SqliteSearchIndex

__all__ = ["SqliteSearchIndex"]
