"""The package's source, as tests of its order read it.

Belongs here: modules and their imports. Does not: rules (`test_layers.py`, `test_hygiene.py`).
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imaging_assets

PACKAGE = Path(imaging_assets.__file__).parent


@dataclass(frozen=True)
class Module:
    """A module of the package: `path` below it, parsed."""

    path: str
    tree: ast.Module
    text: str

    @property
    def column(self) -> str:
        """First folder or file: `stages`, `cli`, `errors`."""
        return self.path.split("/")[0].removesuffix(".py")


@dataclass(frozen=True)
class Import:
    """What is imported, where; `late` inside a function, `typing_only` for annotations."""

    module: Module
    name: str
    line: int
    late: bool
    typing_only: bool

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.module.path}:{self.line} imports {self.name}"


def modules() -> list[Module]:
    """Every module of the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        found.append(Module(path.relative_to(PACKAGE).as_posix(), ast.parse(text), text))
    return found


def imports(module: Module) -> Iterator[Import]:
    """All its imports, wherever they stand."""
    yield from _imports(module, module.tree, late=False, typing_only=False)


def _imports(module: Module, node: ast.AST, *, late: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(module, alias.name, child.lineno, late, typing_only) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{module.path}:{child.lineno} imports relatively"
            for name in _targets(child):
                yield Import(module, name, child.lineno, late, typing_only)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from _imports(module, child, late=late or inside, typing_only=typing_only or for_types)


def _targets(statement: ast.ImportFrom) -> list[str]:
    name = statement.module or ""
    if name in {"imaging_assets", "imaging_assets.stages"}:  # from imaging_assets import errors
        return [f"{name}.{alias.name}" for alias in statement.names]
    return [name]
