"""Where the exception of a signal's handler may come, what was taken is given back."""

import ast
import pathlib
from collections.abc import Iterator

LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp)
SCOPES = (ast.FunctionDef, ast.Lambda, ast.ClassDef)
# Handlers run on the main thread; these are functions of others.
OF_OTHER_THREADS = {("worker.py", "run"), ("__init__.py", "_await_network")}


def has_loop(node: ast.AST) -> bool:
    """Return True if there is a loop in it, but for that of a function within."""
    if isinstance(node, SCOPES):
        return False
    return isinstance(node, LOOPS) or any(map(has_loop, ast.iter_child_nodes(node)))


def list_guarded(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """Return what stands in the body of each `with` of a lock, and of `try` with `finally`."""
    for node in ast.walk(function):
        is_lock = isinstance(node, ast.With) and "lock" in ast.unparse(node.items[0]).lower()
        if is_lock or (isinstance(node, ast.Try) and node.finalbody):
            yield from node.body


def find_unsafe(path: pathlib.Path) -> list[tuple[str, str]]:
    functions = [node for node in ast.walk(ast.parse(path.read_text("utf-8")))
                 if isinstance(node, ast.FunctionDef)]  # fmt: skip
    return [
        (path.name, function.name)
        for function in functions
        if any(map(has_loop, list_guarded(function)))
    ]


def test_no_loop_where_something_is_held(root: pathlib.Path) -> None:
    """From Python 3.13 on neither `with` nor `finally` holds for a loop's jump back in its body."""
    paths = sorted((root / "syslogfast").rglob("*.py"))
    found = {place for path in paths for place in find_unsafe(path)}
    assert found == OF_OTHER_THREADS


def test_the_search_finds(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "held.py"
    path.write_text(
        "def a():\n with lock:\n  while x: pass\n"
        "def b():\n try:\n  return [y for y in x]\n finally: close()\n"
        "def c():\n with lock:\n  f()\n for x in y: pass\n"
    )
    assert find_unsafe(path) == [("held.py", "a"), ("held.py", "b")]
