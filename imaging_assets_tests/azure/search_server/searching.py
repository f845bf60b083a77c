"""Answers to `docs/search.post.search`.

Belongs here: text, filter, vectors, orders, facets and pages of one request. Does not: parsing filters (`filters`) or texts (`texts`).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imaging_assets_tests.azure.search_server.filters import BadFilter, FilterParser, Predicate, comparable, parse_order
from imaging_assets_tests.azure.search_server.index import Index, Json
from imaging_assets_tests.azure.search_server.texts import BadText, Matches, parse_query

_KNOWN = {
    "count",
    "facets",
    "filter",
    "highlight",
    "highlightPostTag",
    "highlightPreTag",
    "orderby",
    "queryType",
    "search",
    "searchFields",
    "searchMode",
    "select",
    "skip",
    "top",
    "vectorFilterMode",
    "vectorQueries",
}
_PAGE = 50
_FACET_VALUES = 10
_RANK_CONSTANT = 60


class BadQuery(ValueError):  # noqa: N818 - becomes a 400
    """A request that the service refuses, or that this server does not know."""


def search(index: Index, request: Json) -> Json:
    """The response.

    Raises:
        BadQuery, BadFilter, BadText: It is refused.
    """
    if unknown := {name for name, value in request.items() if value is not None} - _KNOWN:
        raise BadQuery(f"{', '.join(sorted(unknown))}: not known here")
    return _Search(index, {name: value for name, value in request.items() if value is not None}).answer()


class _Search:
    def __init__(self, index: Index, request: Json) -> None:
        self._index = index
        self._request = request
        self._documents = index.visible()
        self._texts = index.texts()
        self._clauses = _parsed(request, index)

    def answer(self) -> Json:
        skip, top = self._request.get("skip", 0), self._request.get("top", _PAGE)
        if not 0 <= skip <= 100_000 or not top >= 0:
            raise BadQuery("The value of $skip must be from 0 to 100000")
        top = min(top, 1000)
        scores = self._matches()
        keys = self._ordered(scores)
        answer: Json = {}
        if self._request.get("count"):
            answer["@odata.count"] = len(keys)
        if facets := self._request.get("facets"):
            answer["@search.facets"] = {text.partition(",")[0]: self._facet(text, keys) for text in facets}
        page = keys[skip : skip + top]
        answer["value"] = [self._hit(key, scores[key]) for key in page]
        if "top" not in self._request and len(keys) > skip + top:
            answer["@search.nextPageParameters"] = {**self._request, "skip": skip + top}
            answer["@odata.nextLink"] = "https://search/docs/search.post.search"
        return answer

    def _matches(self) -> Matches:
        vectors = self._request.get("vectorQueries") or ()
        allowed = self._allowed()
        text = self._request.get("search")
        rankings = [self._nearest(query, allowed) for query in vectors]
        if text is not None or not rankings:
            found = self._texts.search(self._clauses, _names(self._request.get("searchFields")))
            rankings.append({key: score for key, score in found.items() if allowed is None or allowed(self._documents[key])})
        if len(rankings) == 1:
            return rankings[0]
        fused: Matches = {}
        for ranking in rankings:
            for place, key in enumerate(sorted(ranking, key=lambda key: (-ranking[key], key))):
                fused[key] = fused.get(key, 0.0) + 1 / (_RANK_CONSTANT + place)
        return fused

    def _allowed(self) -> Predicate | None:
        text = self._request.get("filter")
        return FilterParser(self._index.fields, self._ismatch).parse(text) if text else None

    def _ismatch(self, arguments: list[str]) -> Predicate:
        text, fields, kind, mode = (*arguments, *("", "", "simple", "any")[len(arguments) :])
        clauses = parse_query(text, full=kind == "full", every=mode == "all")
        found = self._texts.search(clauses, _names(fields))
        return lambda row: row[self._index.key] in found

    def _nearest(self, query: Mapping[str, Any], allowed: Predicate | None) -> Matches:
        if query.get("kind") != "vector" or set(query) - {"kind", "vector", "fields", "k", "exhaustive", "weight"}:
            raise BadQuery(f"vector query {query.get('kind')!r}: not known here")
        name = query["fields"]
        declared = self._index.fields.get(name)
        if not declared or declared["type"] != "Collection(Edm.Single)":
            raise BadQuery(f"Unknown vector field '{name}'")
        wanted = np.asarray(query["vector"], np.float64)
        if wanted.shape != (declared["dimensions"],):
            raise BadQuery(f"The vector query's dimension is {wanted.shape[0]}, the field '{name}' has {declared['dimensions']}")
        k = query.get("k") or _PAGE
        if not 1 <= k <= 10_000:
            raise BadQuery("The value of k must be from 1 to 10000")
        scores = {
            key: 1 / (2 - _cosine(wanted, np.asarray(row[name], np.float64)))
            for key, row in self._documents.items()
            if row.get(name) and (allowed is None or allowed(row))
        }
        best = sorted(scores, key=lambda key: (-scores[key], key))[:k]
        return {key: scores[key] for key in best}

    def _ordered(self, scores: Matches) -> list[str]:
        # Without an order, equal scores come as they like: here, last key first.
        keys = sorted(sorted(scores, reverse=True), key=lambda key: -scores[key])
        for name, descending in reversed(parse_order(self._request.get("orderby") or "search.score() desc", self._index.fields)):
            values = {key: scores[key] if name == "search.score()" else self._comparable(key, name) for key in keys}
            there = [key for key in keys if values[key] is not None]
            missing = [key for key in keys if values[key] is None]
            there.sort(key=values.__getitem__, reverse=descending)
            # The service: nulls first when ascending, last when descending.
            keys = [*there, *missing] if descending else [*missing, *there]
        return keys

    def _comparable(self, key: str, name: str) -> Any:
        return comparable(self._documents[key].get(name), self._index.fields[name]["type"])

    def _facet(self, text: str, keys: Sequence[str]) -> list[Json]:
        name, *options = text.split(",")
        declared = self._index.fields.get(name)
        if not declared or not declared["facetable"]:
            raise BadQuery(f"The field '{name}' in the facet expression is not facetable")
        chosen = dict(option.split(":") for option in options)
        if set(chosen) - {"count", "sort"} or chosen.get("sort", "count") != "count":
            raise BadQuery(f"facet {text!r}: not known here")
        most = int(chosen.get("count", _FACET_VALUES)) or None
        counted: Counter[Any] = Counter()
        for key in keys:
            value = self._documents[key].get(name)
            counted.update({value} if not isinstance(value, list) else set(value))
        del counted[None]
        # Ties come in no order that may be relied on: here, last value first.
        ranked = sorted(sorted(counted.items(), key=lambda item: str(item[0]), reverse=True), key=lambda item: -item[1])
        return [{"value": value, "count": count} for value, count in ranked[:most]]

    def _hit(self, key: str, score: float) -> Json:
        row = self._documents[key]
        hit: Json = {"@search.score": score}
        before, after = self._request.get("highlightPreTag", "<em>"), self._request.get("highlightPostTag", "</em>")
        found = {
            name: marked
            for name in _names(self._request.get("highlight"))
            if (marked := self._texts.highlights(key, self._clauses, name, before, after))
        }
        if found:
            hit["@search.highlights"] = found
        return hit | shown(self._index, row, _names(self._request.get("select")))


def shown(index: Index, row: Json, select: Sequence[str]) -> Json:
    """The retrievable fields of a document, or the selected ones.

    Raises:
        BadQuery: There is no such field.
    """
    if unknown := set(select) - index.fields.keys() - {"*"}:
        raise BadQuery(f"Could not find a property named '{sorted(unknown)[0]}' on type 'search.document'")
    chosen = index.fields if not select or "*" in select else select
    return {name: row.get(name) for name in chosen if index.fields[name]["retrievable"]}


def _parsed(request: Json, index: Index) -> Any:
    text = request.get("search")
    if text is None or text.strip() in {"", "*"}:
        return ()
    kind = request.get("queryType", "simple")
    if kind not in {"simple", "full"}:
        raise BadQuery(f"queryType {kind!r}: not known here")
    del index
    return parse_query(text, full=kind == "full", every=request.get("searchMode", "any") == "all")


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _cosine(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> float:
    length = math.sqrt(float(left @ left) * float(right @ right))
    return float(left @ right) / length if length else 0.0


__all__ = ["BadFilter", "BadQuery", "BadText", "search", "shown"]
