"""The tree of errors is the one drawn, and what people read ends with what to do."""

import ast
import inspect
import re
import typing
from collections.abc import Iterator

import pytest

from imaging_assets import errors
from imaging_assets.errors import (
    BlobConflictError,
    BlobNotFoundError,
    ImagingError,
    ManifestMissingError,
    QuarantineReason,
    UnreadableImageError,
)
from imaging_assets_tests.source import Module, modules

NOT_FOR_PEOPLE = {"UnreadableEventError", "UnreadableImageError"}
"""Always turned into a row or set aside; the text is a reason, not advice."""

CLASSES = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, ImagingError)}


def drawn() -> list[tuple[int, str]]:
    """Depth and name of each class in the docstring."""
    lines = [
        re.match(r"((?:[│├└─ ]{4})*)    ((?:[│├└─ ]{4})*)(\w+Error)\b", line) for line in (errors.__doc__ or "").splitlines()
    ]
    return [((len(found[1]) + len(found[2])) // 4, found[3]) for found in lines if found]


def real(root: type[ImagingError], depth: int = 0) -> Iterator[tuple[int, str]]:
    yield depth, root.__name__
    for child in sorted(root.__subclasses__(), key=lambda kind: inspect.getsourcelines(kind)[1]):
        if child.__module__ == errors.__name__:
            yield from real(child, depth + 1)


def test_the_tree_that_is_drawn_is_the_tree() -> None:
    assert drawn()[0] == (0, "ImagingError")
    assert drawn() == list(real(ImagingError))


def test_no_error_of_ours_is_declared_elsewhere() -> None:
    strays = [
        f"{module.path}: {node.name}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and module.path != "errors.py" and {ast.unparse(base) for base in node.bases} & CLASSES
    ]
    assert strays == []


@pytest.mark.parametrize(
    "error", [BlobNotFoundError("a/b.jpg"), BlobConflictError("a/b.jpg"), ManifestMissingError("raw_images", "2026-03-02")]
)
def test_messages_built_by_classes_name_the_thing_and_end_with_the_remedy(error: ImagingError) -> None:
    assert re.search(r"a/b\.jpg|raw_images", str(error))
    assert ends_with_a_remedy(str(error))


def test_a_reason_is_one_of_the_closed_list() -> None:
    error = UnreadableImageError("truncated", "3 bytes")
    assert (str(error), error.reason in typing.get_args(QuarantineReason)) == ("truncated: 3 bytes", True)
    assert str(UnreadableImageError("empty file")) == "empty file"


def test_every_message_that_is_raised_ends_with_what_to_do() -> None:
    raised = [(place, text) for module in modules() for place, text in messages(module)]
    assert len(raised) > 40
    assert [f"{place}: {text}" for place, text in raised if not ends_with_a_remedy(text)] == []


def ends_with_a_remedy(text: str) -> bool:
    """A sentence after the first; `{}` may be a whole sentence."""
    return bool(re.search(r"(?:[.?!…]|^\{\}) [A-Z{`].*[.}]$", text, re.DOTALL))


def messages(module: Module) -> Iterator[tuple[str, str]]:
    """Texts given to errors of ours, `{}` for what is put in; texts made elsewhere (a name alone) are left out."""
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)):
            continue
        name = node.exc.func.id
        if name in CLASSES - NOT_FOR_PEOPLE and node.exc.args and (text := _text(node.exc.args[0])):
            yield f"{module.path}:{node.lineno}", text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        # A path or a name given to a class that builds the message itself.
        return node.value if isinstance(node.value, str) and " " in node.value else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    return ""
