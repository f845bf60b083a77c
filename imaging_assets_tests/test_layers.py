"""Who may import whom: one table, read off the source; and what starting a command costs."""

import subprocess
import sys

import pytest

from imaging_assets_tests.source import Import, imports, modules

EVERYONE = {"records", "errors", "policies"}

MAY_IMPORT: dict[str, set[str]] = {
    "records": {"records"},
    "errors": set(),
    "policies": {"policies"},
    "__init__": set(),
    "ports": EVERYONE | {"ports"},
    "stages": EVERYONE | {"ports", "stages"},
    "embedded": EVERYONE | {"ports", "embedded"},
    "azure": EVERYONE | {"ports", "azure"},
    "settings": EVERYONE,
    "analyzers": EVERYONE | {"ports", "settings", "stages.insights", "late embedded", "late azure"},
    "backends": EVERYONE
    | {"ports", "settings", "analyzers", "workers", "stages.pipeline", "stages.state", "stages.insights.plan"}
    | {"late embedded", "late azure", "late stages.images.encode"},
    "workers": EVERYONE | {"settings", "stages.pipeline", "late backends", "late embedded"},
    "rehearsals": EVERYONE | {"ports", "settings", "backends", "stages", "late azure"},
    "defs": EVERYONE | {"ports", "stages", "settings", "analyzers", "backends", "defs"},
    "definitions": {"defs"},
    "web": EVERYONE | {"ports", "stages", "settings", "backends", "web"},
    "demo": EVERYONE | {"demo"},
    "cli": EVERYONE
    | {"ports", "stages", "settings", "backends", "demo", "cli", "rehearsals", "late defs", "late definitions", "late web"},
}
"""Column to what it may import; "late" only inside functions."""

PILLOW_AND_TABLES = {"numpy", "PIL", "polars"}
THIRD_PARTIES: dict[str, set[str]] = {
    "records": {"numpy"},
    "errors": {"typing_extensions"},
    "policies": {"pydantic"},
    "__init__": set(),
    "ports": {"numpy", "typing_extensions"},
    "stages": PILLOW_AND_TABLES | {"typing_extensions", "defusedxml", "ijson", "pi_heif", "simplejpeg", "yaml"},
    "embedded": PILLOW_AND_TABLES
    | {"sklearn", "skl2onnx", "onnx", "onnxruntime", "filelock", "threadpoolctl", "typing_extensions"}
    | {"cv2", "distributed", "rapidocr", "sqlalchemy", "tesserocr", "torch"},
    "azure": {"azure", "msrest", "numpy", "requests", "PIL", "typing_extensions"},
    "settings": {"pydantic", "pydantic_settings", "typing_extensions"},
    "analyzers": set(),
    "backends": set(),
    "workers": set(),
    "rehearsals": set(),
    "defs": {"dagster", "dagster_azure", "numpy", "polars", "pydantic", "sqlalchemy", "typing_extensions"},
    "definitions": {"dagster"},
    "web": {"fastapi", "starlette", "jinja2", "prometheus_client", "pybase64", "pydantic", "pydantic_core", "typing_extensions"}
    | PILLOW_AND_TABLES,
    "demo": PILLOW_AND_TABLES | {"sklearn"},
    "cli": {"typer", "rich", "numpy", "polars", "uvicorn"},
}
DAGSTER_IN_CLI = {"cli/history.py", "cli/runs.py"}
"""Where the command line may import Dagster, late."""

SLOW = ("dagster", "polars", "sklearn", "onnxruntime", "PIL", "numpy", "pydantic_settings")


def ours(found: Import) -> str:
    """What is imported of this package, without its name; "" for other packages."""
    head, _, rest = found.name.partition(".")
    return rest if head == "imaging_assets" else ""


def allowed(found: Import, target: str) -> bool:
    granted = MAY_IMPORT[found.module.column]
    parts = target.split(".")
    names = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    if found.late or found.typing_only:
        names |= {f"late {name}" for name in names}
    return bool(names & granted)


def allowed_third_party(found: Import) -> bool:
    package = found.name.partition(".")[0]
    if package == "dagster" and found.module.path in DAGSTER_IN_CLI:
        return found.late or found.typing_only
    return package in THIRD_PARTIES[found.module.column] or package in sys.stdlib_module_names


def all_imports() -> list[Import]:
    return [found for module in modules() for found in imports(module)]


def test_every_column_is_in_the_table() -> None:
    assert {module.column for module in modules()} - MAY_IMPORT.keys() == set()
    assert MAY_IMPORT.keys() == THIRD_PARTIES.keys()


def test_columns_import_only_what_the_table_grants() -> None:
    inside = [(found, ours(found)) for found in all_imports() if ours(found)]
    assert len(inside) > 150
    assert [found.place for found, target in inside if not allowed(found, target)] == []


def test_third_parties_are_imported_only_where_the_table_says() -> None:
    outside = [found for found in all_imports() if found.name.partition(".")[0] != "imaging_assets"]
    assert [found.place for found in outside if not allowed_third_party(found)] == []


@pytest.mark.parametrize("column", ["stages", "embedded", "azure"])
def test_the_work_and_its_backends_never_see_each_other(column: str) -> None:
    others = {"stages", "embedded", "azure"} - {column}
    targets = {ours(found).partition(".")[0] for found in all_imports() if found.module.column == column}
    assert targets & others == set()


def test_dagster_is_imported_by_its_folder_alone_and_late_by_two_modules_of_the_command_line() -> None:
    importers = {found.module for found in all_imports() if found.name.partition(".")[0] == "dagster"}
    elsewhere = {module.path for module in importers if module.column not in {"defs", "definitions"}}
    assert elsewhere == DAGSTER_IN_CLI


def test_only_the_folder_azure_imports_its_packages() -> None:
    importers = {found.module.column for found in all_imports() if found.name.partition(".")[0] == "azure"}
    assert importers <= {"azure"}


def test_dagsters_azure_package_is_imported_late_by_the_resources_alone() -> None:
    found = [each for each in all_imports() if each.name.partition(".")[0] == "dagster_azure"]
    assert {each.module.path for each in found} == {"defs/resources.py"}
    assert all(each.late or each.typing_only for each in found)


@pytest.mark.parametrize(
    ("statement", "never"),
    [
        ("import imaging_assets.cli", (*SLOW, "typer", "rich")),
        ("import imaging_assets", (*SLOW, "typer", "rich", "pydantic")),
        ("import imaging_assets.cli.app", SLOW),
        ("import imaging_assets.stages.days, imaging_assets.backends", ("dagster", "sklearn", "onnxruntime", "azure")),
        ("import imaging_assets.cli.search, imaging_assets.cli.add", ("dagster", "sklearn", "onnxruntime", "azure")),
        ("import imaging_assets.embedded.features, imaging_assets.embedded.onnx_session", ("dagster", "sklearn", "azure")),
    ],
)
def test_importing_costs_only_what_is_used(statement: str, never: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; sys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded & set(never) == set()
