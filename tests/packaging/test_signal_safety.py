"""Where the exception of a signal's handler may come, what was taken is given back."""

import ast
import pathlib
import threading
from collections.abc import Iterator

import pytest

from syslogfast._platform import SignalSafeLock

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


def test_every_lock_of_a_with_is_safe(root: pathlib.Path) -> None:
    """No other is reentrant; one that is not is for those who never use `with`, or never log."""
    paths = sorted((root / "syslogfast").rglob("*.py"))
    found = {path.name for path in paths if "RLock" in path.read_text("utf-8")}
    assert found == {"_platform.py"}


@pytest.mark.parametrize("is_held", [False, True])
def test_a_handler_raises_when_the_lock_is_taken(is_held: bool) -> None:
    """Python 3.14 looks for signals before the body begins: the lock is as it was before."""

    class Interrupted(SignalSafeLock):
        def acquire(self) -> bool:
            super().acquire()
            raise KeyboardInterrupt

    lock = Interrupted()
    if is_held:
        SignalSafeLock.acquire(lock)
    with pytest.raises(KeyboardInterrupt), lock:
        raise AssertionError
    assert lock._is_owned() == is_held
    if is_held:
        lock.release()
        assert not lock._is_owned()


def test_a_handler_raises_while_the_lock_is_awaited() -> None:
    """What another thread has is left to it."""

    class Interrupted(SignalSafeLock):
        def acquire(self) -> bool:
            raise KeyboardInterrupt

    lock = Interrupted()
    holder = threading.Thread(target=SignalSafeLock.acquire, args=(lock,))
    holder.start()
    holder.join()
    with pytest.raises(KeyboardInterrupt), lock:
        raise AssertionError
    assert not SignalSafeLock.acquire(lock, False)


def test_the_search_finds(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "held.py"
    path.write_text(
        "def a():\n with lock:\n  while x: pass\n"
        "def b():\n try:\n  return [y for y in x]\n finally: close()\n"
        "def c():\n with lock:\n  f()\n for x in y: pass\n"
    )
    assert find_unsafe(path) == [("held.py", "a"), ("held.py", "b")]
