"""Habits that no linter knows: small modules with one subject each, few places that touch the world."""

import ast
from collections.abc import Iterator

from imaging_assets_tests.source import Module, modules

MOST_LINES = 300

SWALLOWERS = {
    "analyzers.py": 1,  # a user's module, while it is imported
    "embedded/analyzers/onnx_file.py": 1,  # onnxruntime has no public base of its errors
    "embedded/decoding.py": 1,  # decoders of hostile files raise anything, and it must cost one image only
    "stages/images/encode.py": 1,
    "stages/images/facts.py": 3,  # broken metadata is common and harmless
    "stages/insights/steps.py": 1,  # a user's function, about one image
}
"""Where every exception may be caught, and how often."""

ENVIRONMENT_READERS = {
    "__init__.py",  # onnxruntime's telemetry
    "settings.py",
    "cli/demo.py",  # whether to name the virtual environment's folder; the digits' state folder
    "cli/history.py",  # Dagster's telemetry
    "cli/output.py",  # --config for code that Dagster starts
    "cli/project.py",  # `dagster dev`
}

LANDERS = {"stages/images/uploads.py", "cli/demo.py"}
"""Who writes into the landing place, besides `raw.leave_marker`: `add` and the gallery's upload through one stage; the demo, which
moves and deletes there, too."""


def calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))


def test_no_module_is_a_drawer_for_anything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "constants", "tools", "shared"}
    parts = {part.removesuffix(".py") for module in modules() for part in module.path.split("/")}
    assert parts & drawers == set()


def test_every_module_says_what_it_is_for() -> None:
    assert [module.path for module in modules() if len(ast.get_docstring(module.tree) or "") < 20] == []


def test_no_module_is_longer_than_it_can_be_read_in_one_go() -> None:
    lengths = {module.path: module.text.count("\n") for module in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_exception_is_caught_only_where_decoders_raise_anything() -> None:
    found: dict[str, int] = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or "Exception" in names(node.type)):
                found[module.path] = found.get(module.path, 0) + 1
    assert found == SWALLOWERS


def test_only_one_place_prints() -> None:
    printers = {module.path for module in modules() for call in calls(module) if ast.unparse(call.func) == "print"}
    assert printers == {"cli/output.py"}


def test_only_named_places_read_the_environment() -> None:
    readers = {
        module.path
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv", "os.putenv"}
    }
    assert readers == ENVIRONMENT_READERS


def test_only_uploads_and_the_demo_write_where_originals_lie() -> None:
    writers: set[str] = set()
    for module in modules():
        if module.path in {"stages/images/raw.py"}:
            continue
        for function in functions(module):
            text = ast.unparse(function)
            changes = any(f"store.{verb}(" in text for verb in ("write", "copy", "delete", "replace"))
            if changes and ("landing" in text or "day_folder" in text):
                writers.add(module.path)
    assert writers - LANDERS == set()


def test_the_inventory_writes_a_marker_and_nothing_else_into_the_landing_place() -> None:
    (raw,) = (module for module in modules() if module.path == "stages/images/raw.py")
    writers = {function.name for function in functions(raw) if "store.write(" in ast.unparse(function)}
    assert writers == {"leave_marker", "check_marker"}
    assert not any(f"store.{verb}(" in raw.text for verb in ("delete", "copy"))


def functions(module: Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef))


def names(node: ast.expr) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
