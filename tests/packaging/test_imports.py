"""Who imports whom: only downwards and without a cycle, those within functions included.

What is read is the source, not what happens to be loaded: an import that is seldom reached counts
as every other. Imports for types alone do not.
"""

import ast
import pathlib
from collections.abc import Iterator

import pytest
from support.storeys import STOREYS

PACKAGE = "syslogfast"
MAX_FILES = 28  # at the top of the package
MAX_LINES = 450
ALONE = "micro.py"  # needs no other file, and is bounded by test_micro_elsewhere.py


@pytest.fixture(scope="module")
def folder(pytestconfig: pytest.Config) -> pathlib.Path:
    return pytestconfig.rootpath / PACKAGE


def name_module(folder: pathlib.Path, path: pathlib.Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def list_modules(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    modules = {name_module(folder, path): path for path in folder.rglob("*.py")}
    for path in folder.glob("_c/*.pyx"):
        modules[f"{PACKAGE}.{path.stem}"] = path
    return modules


def is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def walk_code(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but those under `if TYPE_CHECKING:` alone."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and is_for_types(child.test):
            for other in child.orelse:
                yield from walk_code(other)
        else:
            yield from walk_code(child)


def list_imports(source: str, modules: dict[str, pathlib.Path]) -> set[str]:
    """Return the modules of the package that a source names in an import."""
    found = set()
    for node in walk_code(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = names & set(modules)
            found |= submodules
            if submodules != names or node.module == PACKAGE:
                found.add(node.module or "")
    return found & set(modules)


def list_loaders() -> set[str]:
    """Return the modules that retry.load_transport imports by the names in SCHEMES."""
    from syslogfast.transports.url import SCHEMES

    rows = [row for scheme in SCHEMES.values() for row in (scheme, scheme.stream) if row]
    loaders = [loader for row in rows for loader in (row.loader, row.other_loader) if loader]
    return {loader.partition(":")[0] for loader in loaders}


def list_cython_imports(path: pathlib.Path) -> set[str]:
    """Return what a compiled module imports; Cython's own language is no Python to parse."""
    import re

    found = set()
    names = re.findall(r'^include "(\w+\.pxi)"', path.read_text(), re.MULTILINE)
    for each in [path, *(path.parent / name for name in names)]:
        pattern = rf"^\s*(?:from|import) ({PACKAGE}[.\w]*)(?: import (\w+))?"
        for module, name in re.findall(pattern, each.read_text(), re.MULTILINE):
            found |= {module, f"{module}.{name}"}
    return found


@pytest.fixture(scope="module")
def graph(folder: pathlib.Path) -> dict[str, set[str]]:
    """What each module imports, of the package."""
    modules = list_modules(folder)
    graph = {
        name: list_imports(path.read_text(), modules) - {name}
        for name, path in modules.items()
        if path.suffix == ".py"
    }
    for name, path in modules.items():
        if path.suffix == ".pyx":
            graph[name] = list_cython_imports(path) & set(modules)
    graph[f"{PACKAGE}.transports.retry"] |= list_loaders()
    assert len(graph) > 40
    assert all(graph[f"{PACKAGE}.{name}"] for name in ("emitter", "_encoder_c", "transports.tls"))
    return graph


def find_storey(module: str) -> int:
    part = module.removeprefix(f"{PACKAGE}.").partition(".")[0]
    (storey,) = [index for index, names in enumerate(STOREYS) if part in names]
    return storey


def test_imports_go_down(graph: dict[str, set[str]]) -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, names in graph.items()
        for imported in names
        if find_storey(imported) < find_storey(module)
    ]
    assert not wrong, wrong


def test_no_cycle(graph: dict[str, set[str]]) -> None:
    """Modules are taken away that import none of those that are left; nothing is left over."""
    left = {module: set(names) for module, names in graph.items()}
    while True:
        done = {module for module, names in left.items() if not names & set(left)}
        if not done:
            break
        left = {module: names for module, names in left.items() if module not in done}
    assert not left, {module: sorted(names & set(left)) for module, names in left.items()}


def test_each_storey_is_there(graph: dict[str, set[str]]) -> None:
    """The list of storeys names no module that has gone."""
    parts = {module.removeprefix(f"{PACKAGE}.").partition(".")[0] for module in graph}
    assert parts == {name for names in STOREYS for name in names} - {"_c"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from syslogfast.emitter import connect", {"emitter"}),
        ("from syslogfast.transports import sender, Url", {"transports", "transports.sender"}),
        ("def f():\n    from syslogfast import lifecycle", {"", "lifecycle"}),
        ("import syslogfast._text", {"_text"}),
        ("if TYPE_CHECKING:\n    import syslogfast.cli", set()),
        ("if not TYPE_CHECKING:\n    import syslogfast.cli", {"cli"}),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import syslogfast.cli", {"cli"}),
        ("if TYPE_CHECKING or x:\n    import syslogfast.cli", {"cli"}),
        ("import os, logging", set()),
    ],
)
def test_what_is_found(folder: pathlib.Path, source: str, expected: set[str]) -> None:
    """The finder itself: each form of an import is one."""
    found = list_imports(source, list_modules(folder))
    assert found == {f"{PACKAGE}.{name}".rstrip(".") for name in expected}


def test_sizes(folder: pathlib.Path) -> None:
    """A folder and a file that one can take in."""
    top = [path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".c"]
    top = [name for name in top if not name.endswith((".so", ".pyd"))]
    assert len(top) <= MAX_FILES, sorted(top)
    kinds = (".py", ".pyx", ".pxd", ".pxi", ".h")
    sizes = {
        str(path.relative_to(folder)): len(path.read_text().splitlines())
        for path in folder.rglob("*")
        if path.suffix in kinds
    }
    assert {name for name, size in sizes.items() if size > MAX_LINES} <= {ALONE}


def test_one_file_stands_alone(graph: dict[str, set[str]]) -> None:
    assert graph["syslogfast.micro"] == set()
    assert not [name for name, imported in graph.items() if "syslogfast.micro" in imported]
