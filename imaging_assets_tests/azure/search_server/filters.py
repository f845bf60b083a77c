"""OData filters and orders, as far as AI Search has them for flat documents.

Belongs here: parsing, and telling whether a document matches. Does not: full-text parts of a filter, which are handed to a callback.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]
Predicate = Callable[[Row], bool]
Value = Callable[[Row], Any]
TextMatch = Callable[[list[str]], Predicate]
"""Arguments of `search.ismatch` to a predicate."""

_TOKEN = re.compile(
    r"\s*(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|'(?P<text>(?:[^']|'')*)'|(?P<word>[A-Za-z_][\w.]*(?:/[A-Za-z_]\w*)*)|(?P<sign>[(),:]))"
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}


class BadFilter(ValueError):  # noqa: N818 - becomes a 400
    """Not a filter, or one that the schema does not allow."""


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str


class FilterParser:
    """Parses one filter over the declared fields.

    Args:
        fields: Definition of each field by name, as in the index's JSON.
        text_match: What to do with `search.ismatch`.
    """

    def __init__(self, fields: Mapping[str, Mapping[str, Any]], text_match: TextMatch) -> None:
        self._fields = fields
        self._text_match = text_match
        self._tokens: list[_Token] = []
        self._variables: dict[str, str] = {}

    def parse(self, text: str) -> Predicate:
        """A predicate over documents.

        Raises:
            BadFilter: It cannot be parsed.
        """
        self._tokens = _tokens(text)
        predicate = self._any_of()
        if self._tokens:
            raise BadFilter(f"Invalid expression: unexpected {self._tokens[0].value!r}")
        return predicate

    def _any_of(self) -> Predicate:
        parts = [self._all_of()]
        while self._take("word", "or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _all_of(self) -> Predicate:
        parts = [self._unary()]
        while self._take("word", "and"):
            parts.append(self._unary())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _unary(self) -> Predicate:
        if self._take("word", "not"):
            inner = self._unary()
            return lambda row: not inner(row)
        if self._take("sign", "("):
            inside = self._any_of()
            self._expect("sign", ")")
            return inside
        return self._term()

    def _term(self) -> Predicate:
        name = self._next("word").value
        if name in {"search.in", "search.ismatch"}:
            return self._function(name)
        field, _, quantifier = name.rpartition("/")
        if quantifier in {"any", "all"}:
            return self._quantified(field, quantifier)
        value, kind = self._operand(name)
        if not (self._tokens and self._tokens[0].kind == "word" and self._tokens[0].value in {"eq", "ne", *_COMPARISONS}):
            if kind != "Edm.Boolean":
                raise BadFilter(f"Invalid expression: {name!r} is not a Boolean")
            return lambda row: value(row) is True
        operator = self._next("word").value
        return _comparison(operator, value, kind, self._literal())

    def _function(self, name: str) -> Predicate:
        self._expect("sign", "(")
        if name == "search.ismatch":
            predicate = self._text_match(self._texts())
            self._expect("sign", ")")
            return predicate
        value, kind = self._operand(self._next("word").value)
        if kind != "Edm.String":
            raise BadFilter("search.in needs a field or range variable of type Edm.String")
        self._expect("sign", ",")
        texts = self._texts()
        self._expect("sign", ")")
        delimiters = texts[1] if len(texts) > 1 else " ,"
        wanted = set(re.split(f"[{re.escape(delimiters)}]", texts[0]))
        return lambda row: value(row) in wanted

    def _texts(self) -> list[str]:
        texts = [self._next("text").value.replace("''", "'")]
        while self._take("sign", ","):
            token = self._tokens[0]
            texts.append(self._next(token.kind).value.replace("''", "'"))
        return texts

    def _quantified(self, name: str, quantifier: str) -> Predicate:
        field = self._field(name)
        if not field["type"].startswith("Collection("):
            raise BadFilter(f"{name!r} is no collection")
        self._expect("sign", "(")
        if quantifier == "any" and self._take("sign", ")"):
            return lambda row: bool(row.get(name))
        variable = self._next("word").value
        self._expect("sign", ":")
        self._variables[variable] = field["type"][11:-1]
        inner = self._any_of()
        del self._variables[variable]
        self._expect("sign", ")")
        check = any if quantifier == "any" else all
        return lambda row: check(inner({**row, f"${variable}": item}) for item in row.get(name) or ())

    def _operand(self, name: str) -> tuple[Value, str]:
        if name in self._variables:
            return (lambda row: row[f"${name}"]), self._variables[name]
        field = self._field(name)
        return (lambda row: row.get(name)), field["type"]

    def _field(self, name: str) -> Mapping[str, Any]:
        field = self._fields.get(name)
        if field is None:
            raise BadFilter(f"Could not find a property named '{name}' on type 'search.document'")
        if not field.get("filterable"):
            raise BadFilter(f"The field '{name}' is not filterable")
        return field

    def _literal(self) -> Any:
        token = self._tokens[0] if self._tokens else _Token("end", "")
        self._tokens = self._tokens[1:]
        if token.kind == "text":
            return token.value.replace("''", "'")
        if token.kind == "number":
            return float(token.value) if re.search(r"[.eE]", token.value) else int(token.value)
        if token.kind == "time":
            return datetime.fromisoformat(token.value)
        words = {"true": True, "false": False, "null": None}
        if token.kind == "word" and token.value in words:
            return words[token.value]
        raise BadFilter(f"Invalid expression: {token.value!r} is no literal")

    def _take(self, kind: str, value: str) -> bool:
        if self._tokens and self._tokens[0] == _Token(kind, value):
            self._tokens = self._tokens[1:]
            return True
        return False

    def _expect(self, kind: str, value: str) -> None:
        if not self._take(kind, value):
            found = self._tokens[0].value if self._tokens else "the end"
            raise BadFilter(f"Invalid expression: {value!r} expected, found {found!r}")

    def _next(self, kind: str) -> _Token:
        if not self._tokens or self._tokens[0].kind != kind:
            raise BadFilter(f"Invalid expression: a {kind} expected")
        token, self._tokens = self._tokens[0], self._tokens[1:]
        return token


def parse_order(text: str, fields: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """Field names (or `search.score()`) with "descending".

    Raises:
        BadFilter: Unknown or not sortable.
    """
    orders = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        if name != "search.score()" and not (fields.get(name) or {}).get("sortable"):
            raise BadFilter(f"The field '{name}' is not sortable")
        if direction not in {"", "asc", "desc"}:
            raise BadFilter(f"Invalid order {direction!r}")
        orders.append((name, direction == "desc"))
    if len(orders) > 32:
        raise BadFilter("At most 32 orders")
    return orders


def comparable(value: Any, kind: str) -> Any:
    """A stored value as it compares."""
    return datetime.fromisoformat(value) if kind == "Edm.DateTimeOffset" and value is not None else value


def _comparison(operator: str, value: Value, kind: str, literal: Any) -> Predicate:
    kinds = {"Edm.String": str, "Edm.Boolean": bool, "Edm.DateTimeOffset": datetime}
    right_kind = literal is None or (
        isinstance(literal, kinds[kind]) if kind in kinds else isinstance(literal, int | float) and not isinstance(literal, bool)
    )
    if not right_kind:
        raise BadFilter(f"A binary operator with incompatible types was detected: '{kind}' and {literal!r}")
    if operator in {"eq", "ne"}:
        return lambda row: (comparable(value(row), kind) == literal) == (operator == "eq")
    if kind == "Edm.Boolean" or literal is None:
        raise BadFilter(f"Operator {operator!r} does not compare {kind}")
    compare = _COMPARISONS[operator]

    def holds(row: Row) -> bool:
        left = comparable(value(row), kind)
        return left is not None and compare(left, literal)

    return holds


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], 0
    text = text.rstrip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            raise BadFilter(f"Invalid expression: syntax error at character {place} of {text[:100]!r}")
        kind = str(found.lastgroup)
        tokens.append(_Token(kind, found[kind]))
        place = found.end()
    return tokens
