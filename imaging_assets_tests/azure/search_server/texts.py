"""Full-text search over a few documents: analysis, Lucene's query syntax, BM25, highlights.

Belongs here: which documents match a text and how well. Does not: filters, vectors, HTTP.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Matches = dict[str, float]
"""Document key to score."""

_CLASS = re.compile(r"\[(\^?)((?:\\p\{\w+\})+)\](\+?)|(\\p\{\w+\})(\+?)")
_QUERY = re.compile(r'\s*(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<sign>[()+|-])|(?P<word>(?:[^\s()"\\]|\\.)+))')
_BUILT_IN = {"standard.lucene": ("lowercase",), "standardasciifolding.lucene": ("lowercase", "asciifolding")}


class BadText(ValueError):  # noqa: N818 - becomes a 400
    """A query that Lucene's parser refuses, or an analyzer that is not known here."""


@dataclass(frozen=True)
class Term:
    """A token and where it stood."""

    text: str
    start: int
    end: int


class Analyzer:
    """A custom analyzer of a pattern tokenizer, or one of the standard ones (words of letters and digits)."""

    def __init__(self, name: str, index: Mapping[str, Any]) -> None:
        self._filters: Sequence[str]
        self._removed: Callable[[str], bool] = lambda _: False
        self._in_token: Callable[[str], bool] = str.isalnum
        if name in _BUILT_IN:
            self._filters = _BUILT_IN[name]
            return
        own = _named(index, "analyzers", name)
        self._filters = own.get("tokenFilters", ())
        if unknown := set(self._filters) - {"lowercase", "asciifolding"}:
            raise BadText(f"token filters {unknown} are not known here")
        tokenizer = _named(index, "tokenizers", own["tokenizer"])
        if tokenizer["@odata.type"] != "#Microsoft.Azure.Search.PatternTokenizer":
            raise BadText(f"tokenizer {own['tokenizer']!r} is not known here")
        splits = _character_class(tokenizer["pattern"])
        self._in_token = lambda letter: not splits(letter)
        for each in own.get("charFilters", ()):
            char_filter = _named(index, "charFilters", each)
            if char_filter["@odata.type"] != "#Microsoft.Azure.Search.PatternReplaceCharFilter" or char_filter["replacement"]:
                raise BadText(f"character filter {each!r} is not known here")
            self._removed = _character_class(char_filter["pattern"])

    def terms(self, text: str) -> Iterator[Term]:
        """Tokens in order."""
        start = None
        for place, letter in enumerate(text + "\0"):
            inside = place < len(text) and (self._in_token(letter) or self._removed(letter))
            if inside and start is None:
                start = place
            elif not inside and start is not None:
                if token := self._filtered(text[start:place]):
                    yield Term(token, start, place)
                start = None

    def _filtered(self, token: str) -> str:
        token = "".join(letter for letter in token if not self._removed(letter))
        if "lowercase" in self._filters:
            token = token.lower()
        if "asciifolding" in self._filters:
            # As Lucene's: composed letters lose their marks, marks of their own stay.
            token = "".join(_folded(letter) for letter in token)
        return token


@dataclass(frozen=True)
class Words:
    """A word or phrase of a query, or the beginning of a word."""

    text: str
    prefix: bool = False


@dataclass(frozen=True)
class Clause:
    """`must`, `not` or `may`, and words or clauses in parentheses."""

    occur: str
    inside: "Words | tuple[Clause, ...]"


def parse_query(query: str, *, full: bool, every: bool) -> tuple[Clause, ...]:
    """The clauses of a query.

    Args:
        full: Lucene's whole syntax rather than the simple one.
        every: `searchMode=all`.

    Raises:
        BadText: It cannot be parsed.
    """
    tokens, place = [], 0
    query = query.strip()
    while place < len(query):
        found = _QUERY.match(query, place)
        if not found:
            raise BadText(f"Failed to parse query string at character {place}")
        tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        place = found.end()
    clauses = _clauses(tokens, full=full, every=every)
    if tokens:
        raise BadText("Failed to parse query string: ')' without '('")
    return clauses


def _clauses(tokens: list[tuple[str, str]], *, full: bool, every: bool) -> tuple[Clause, ...]:
    clauses: list[Clause] = []
    occur, joined = "", ""
    while tokens and tokens[0] != ("sign", ")"):
        kind, value = tokens.pop(0)
        if (kind, value) == ("sign", "|") or (full and (kind, value) == ("word", "OR")):
            joined = "may"
        elif full and (kind, value) == ("word", "AND"):
            joined = "must"
        elif (kind, value) == ("sign", "-") or (full and (kind, value) == ("word", "NOT")):
            occur = "not"
        elif (kind, value) == ("sign", "+"):
            occur = "must"
        else:
            inside: Words | tuple[Clause, ...]
            if kind == "sign":
                inside = _clauses(tokens, full=full, every=every)
                if not tokens:
                    raise BadText("Failed to parse query string: '(' without ')'")
                tokens.pop(0)
            else:
                inside = _words(kind, value, full=full)
            if joined and clauses and clauses[-1].occur != "not":
                clauses[-1] = Clause(joined, clauses[-1].inside)
            clauses.append(Clause(occur or joined or ("must" if every else "may"), inside))
            occur, joined = "", ""
    return tuple(clauses)


def _words(kind: str, value: str, *, full: bool) -> Words:
    prefix = kind == "word" and value.endswith("*") and not value.endswith("\\*")
    text = value.removesuffix("*") if prefix else value
    if kind == "word" and full and (strange := set(re.sub(r"\\.", "", text)) & set("{}[]^~?:/!&*+")):
        raise BadText(f"Failed to parse query string: {strange} is not known here; escape it")
    return Words(re.sub(r"\\(.)", r"\1", text), prefix=prefix)


class TextIndex:
    """The searchable texts of documents: field to key to tokens."""

    def __init__(self, analyzers: Mapping[str, Analyzer], documents: Mapping[str, Mapping[str, Any]]) -> None:
        self._analyzers = analyzers
        self._documents = documents
        self._terms: dict[str, dict[str, list[Term]]] = {
            name: {key: list(analyzer.terms(_text(row.get(name)))) for key, row in documents.items()}
            for name, analyzer in analyzers.items()
        }

    def search(self, clauses: Sequence[Clause], fields: Sequence[str] = ()) -> Matches:
        """Documents that match, with BM25 summed over fields; no clause matches everything.

        Raises:
            BadText: A field is not searchable.
        """
        if not clauses:
            return dict.fromkeys(self._documents, 1.0)
        found = [(clause.occur, self._search(clause, fields)) for clause in clauses]
        musts = [matches for occur, matches in found if occur == "must"]
        shoulds = [matches for occur, matches in found if occur == "may"]
        nots = {key for occur, matches in found if occur == "not" for key in matches}
        keys = set.intersection(*map(set, musts)) if musts else {key for matches in shoulds for key in matches}
        if not musts and not shoulds:
            keys = set(self._documents)
        return {key: sum(matches.get(key, 0.0) for matches in (*musts, *shoulds)) for key in keys - nots}

    def highlights(self, key: str, clauses: Sequence[Clause], name: str, before: str, after: str) -> list[str]:
        """The field's text with what the query matched in it marked; [] where nothing did."""
        text = _text(self._documents[key].get(name))
        marks = {(term.start, term.end) for words in _positive(clauses) for term in self._occurrences(words, name, key)}
        if not marks:
            return []
        pieces, place = [], 0
        for start, end in sorted(marks):
            if start >= place:
                pieces += [text[place:start], before, text[start:end], after]
                place = end
        return ["".join([*pieces, text[place:]])]

    def _search(self, clause: Clause, fields: Sequence[str]) -> Matches:
        if not isinstance(clause.inside, Words):
            return self.search(clause.inside, fields)
        found: Matches = {}
        for name in fields or self._terms:
            for key, score in self._score(clause.inside, name).items():
                found[key] = found.get(key, 0.0) + score
        return found

    def _score(self, words: Words, name: str) -> Matches:
        if name not in self._terms:
            raise BadText(f"The field '{name}' is not searchable")
        rows = self._terms[name]
        counted = {key: number for key in rows if (number := len(self._occurrences(words, name, key)))}
        average = sum(map(len, rows.values())) / max(1, len(rows))
        rarity = math.log(1 + (len(rows) - len(counted) + 0.5) / (len(counted) + 0.5))
        return {
            key: rarity * number * 2.2 / (number + 1.2 * (0.25 + 0.75 * len(rows[key]) / max(1.0, average)))
            for key, number in counted.items()
        }

    def _occurrences(self, words: Words, name: str, key: str) -> list[Term]:
        terms = self._terms[name][key]
        if words.prefix:  # never analysed
            return [term for term in terms if term.text.startswith(words.text)]
        wanted = [term.text for term in self._analyzers[name].terms(words.text)]
        found = [terms[place : place + len(wanted)] for place in range(len(terms) - len(wanted) + 1)] if wanted else []
        return [Term(words.text, run[0].start, run[-1].end) for run in found if [term.text for term in run] == wanted]


def _positive(clauses: Sequence[Clause]) -> Iterator[Words]:
    for clause in clauses:
        if isinstance(clause.inside, Words):
            yield from [clause.inside] * (clause.occur != "not")
        elif clause.occur != "not":
            yield from _positive(clause.inside)


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else value or ""


def _folded(letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base.isascii() else letter


def _named(index: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = next((each for each in index.get(kind) or () if each["name"] == name), None)
    if found is None:
        raise BadText(f"{name!r} is not one of the index's {kind}, and no other is known here")
    return found


def _character_class(pattern: str) -> Callable[[str], bool]:
    r"""The characters of a Java pattern such as `[^\p{L}\p{N}]+` or `\p{Mn}`."""
    found = _CLASS.fullmatch(pattern)
    if not found:
        raise BadText(f"pattern {pattern!r} is not known here")
    categories = tuple(re.findall(r"\{(\w+)\}", pattern))
    negated = bool(found[1])
    return lambda letter: unicodedata.category(letter).startswith(categories) != negated
