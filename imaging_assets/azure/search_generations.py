"""Which indexes there are and which of them serves: first use, rebuild, promotion, loss.

Belongs here: everything that changes the pointer, the alias or the list of indexes. Does not: documents and queries (`search_index`).

An index is called `<alias>-<hash of its schema>-<when and at random>`. The alias is moved before the pointer, so that what it names is
always there and complete, and an index whose maker ended in between is found by it.
"""

import logging
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from azure.search.documents.indexes import SearchIndexClient
from azure.search.documents.indexes.models import SearchAlias

from imaging_assets.azure.search_calls import Calls
from imaging_assets.azure.search_pointer import Pointer, PointerBlob
from imaging_assets.azure.search_schema import definition, digest_of, shared_with
from imaging_assets.errors import SearchIndexError, SearchIndexMissingError
from imaging_assets.ports.search_values import SearchSchema

_WHEN = "%Y%m%d%H%M%S"
_BEING_MADE = timedelta(hours=1)
"""So long, an index that the pointer does not name may be one that another process is making."""

_log = logging.getLogger(__name__)


class Generations:
    """The indexes of one alias.

    Args:
        service: Client of the search service.
        schema: Of indexes to make.
    """

    def __init__(
        self, service: SearchIndexClient, calls: Calls, *, alias: str, pointer: PointerBlob, schema: SearchSchema
    ) -> None:
        self._service = service
        self._calls = calls
        self._alias = alias
        self._pointer = pointer
        self._schema = schema
        self._prefix = f"{alias}-{digest_of(schema)}-"
        # Not by the beginning alone: `images` must never meddle with the indexes of an alias `images-eu`.
        self._ours = re.compile(rf"{re.escape(alias)}-[0-9a-f]{{12}}-\d{{14}}[0-9a-f]{{4}}")

    def readers(self) -> Pointer:
        """The pointer as it was some seconds ago at most; an index that is not there is made."""
        return self._pointer.glance() or self._make(lambda _: True)

    def writers(self, *, now: bool) -> Pointer:
        """A pointer, as of now or as `readers`, whose writers' index has the declared schema; else a rebuild begins."""
        pointer = self._pointer.read() if now else self._pointer.glance()
        return pointer if pointer and self._is_declared(pointer) else self._make(self._is_declared)

    def schema_of(self, name: str) -> SearchSchema:
        """The declared fields that an index has, too."""
        if name.startswith(self._prefix):
            return self._schema
        return shared_with(self._schema, self._calls.call(f"look at index {name!r}", lambda: self._service.get_index(name)))

    def rebuild(self) -> str:
        """Let writers fill a new, empty index; returns its name."""
        while True:
            before = self._pointer.read() or self._make(lambda _: True)
            writing = self._new_index()
            if self._pointer.replace(Pointer(before.serving, writing), over=before):
                if before.writing != before.serving:
                    self._drop(before.writing)
                return writing
            self._drop(writing)

    def promote(self) -> None:
        """Let the writers' index serve, wait until everybody follows the alias, and drop the old one."""
        pointer = self._pointer.read() or self._make(lambda _: True)
        if pointer.serving == pointer.writing:
            return
        self._calls.patience.wait(0, self._calls.patience.settled)  # what was accepted last is visible by then
        self._point_alias(pointer.writing)
        self._calls.patience.wait(0, self._calls.patience.alias)
        if self._pointer.replace(Pointer(pointer.writing, pointer.writing), over=pointer):
            self._drop(pointer.serving)
        elif now := self._pointer.read():  # a rebuild began meanwhile
            self._point_alias(now.serving)

    def faults(self, *, repair: bool) -> list[str]:
        """What a crash, or a person at the portal, left behind, in words; mended with `repair`."""
        pointer = self._pointer.read() or self._make(lambda _: True)
        there, target = set(self._names()), self._alias_target()
        gone = sorted({pointer.serving, pointer.writing} - there)
        found = [f"Index {name!r} is gone; every day's documents are sent again." for name in gone]
        if gone and repair:
            self.mend(pointer)
        elif target != pointer.serving:
            found.append(f"Alias {self._alias!r} leads to {target!r} instead of {pointer.serving!r}.")
            if repair:
                self._point_alias(pointer.serving)
        for name in sorted(there - {pointer.serving, pointer.writing}):
            if _made_at(name) < datetime.now(UTC) - _BEING_MADE:
                found.append(f"Index {name!r} serves nobody.")
                if repair:
                    self._drop(name)
        return found

    def _is_declared(self, pointer: Pointer) -> bool:
        return pointer.writing.startswith(self._prefix)

    def _make(self, good: Callable[[Pointer], bool]) -> Pointer:
        """A good pointer; where there is none at all, the index that the alias names is taken over.

        Raises:
            SearchIndexError: The alias names an index that we did not make, and would drop one day.
        """
        while True:
            pointer = self._pointer.read()
            if pointer and good(pointer):
                return pointer
            serving = pointer.serving if pointer else self._alias_target()
            if serving and not self._ours.fullmatch(serving):
                raise SearchIndexError(
                    f"Alias {self._alias!r} at {self._calls.endpoint} leads to {serving!r}, which imaging-assets did not make. "
                    "Choose another azure.search_alias."
                )
            adopted = serving if serving and not pointer and serving.startswith(self._prefix) else None
            new = "" if adopted else self._new_index()
            writing = adopted or new
            made = Pointer(serving or writing, writing)
            if self._take_over(made, over=pointer, new=new, alias=serving is None):
                return made

    def mend(self, seen: Pointer) -> None:
        """Put new indexes in the place of those that are gone, unless somebody did.

        Raises:
            SearchIndexError: None is gone: the service contradicts itself.
        """
        now = self._pointer.read()
        if now != seen:
            return
        there = set(self._names())
        gone = {seen.writing, seen.serving} - there
        if not gone:
            raise SearchIndexError(
                f"{self._calls.endpoint} lists the index {seen.serving!r} and does not find it. Run again in a few minutes."
            )
        new = self._new_index() if seen.writing in gone else ""
        writing = new or seen.writing
        serving = writing if seen.serving in gone else seen.serving
        if self._take_over(Pointer(serving, writing), over=now, new=new, alias=serving != seen.serving):
            _log.warning("Index %s is gone from %s; documents are sent again", ", ".join(sorted(gone)), self._calls.endpoint)

    def _take_over(self, made: Pointer, *, over: Pointer | None, new: str, alias: bool) -> bool:
        """Let a pointer count; False when somebody was faster, whose indexes are left to serve.

        Args:
            new: Index that was made for it, or "".
            alias: Whether it moves, too; first of all, for whoever ends in between is taken up by it.
        """
        if alias:
            try:
                self._point_alias(made.serving)
            except SearchIndexError:
                self._drop(new)
                raise
        if self._pointer.replace(made, over=over):
            return True
        if now := self._pointer.read():
            if alias:
                self._point_alias(now.serving)
            if new not in {now.serving, now.writing}:
                self._drop(new)
        return False

    def _new_index(self) -> str:
        name = f"{self._prefix}{datetime.now(UTC):{_WHEN}}{secrets.token_hex(2)}"
        made = definition(name, self._schema)
        # Not `create_index`: of an index whose making was not answered, it says at the second try that there is one already.
        self._calls.call(f"make index {name!r}", lambda: self._service.create_or_update_index(made))
        return name

    def _drop(self, name: str) -> None:
        """Delete an index that nobody needs, if one is named; where that fails, `faults` tells of it."""
        if not name:
            return
        try:
            self._calls.call(f"delete index {name!r}", lambda: self._service.delete_index(name))
        except SearchIndexError as error:
            _log.warning("%s", error)

    def _names(self) -> list[str]:
        names = self._calls.call("list indexes", lambda: list(self._service.list_index_names()))
        return [name for name in names if self._ours.fullmatch(name)]

    def _alias_target(self) -> str | None:
        try:
            alias = self._calls.call(f"look for alias {self._alias!r}", lambda: self._service.get_alias(self._alias))
        except SearchIndexMissingError:
            return None
        return alias.indexes[0]

    def _point_alias(self, name: str) -> None:
        alias = SearchAlias(name=self._alias, indexes=[name])
        self._calls.call(f"point alias {self._alias!r} to {name!r}", lambda: self._service.create_or_update_alias(alias))


def _made_at(name: str) -> datetime:
    """When an index was made, by its name."""
    return datetime.strptime(name.rpartition("-")[2][:14], _WHEN).replace(tzinfo=UTC)
