"""Each constant stands once in the Python files; where C needs it, too, it has the same value."""

import ast
import collections
import pathlib
import re

# What both encoders, queues and emitters must agree upon.
SHARED = {
    *("BLOCK_SIZE", "FIRST", "FRAMING_SIZE", "MAX_MSGID", "MAX_SD_NAME", "MAX_SECONDS"),
    *("MAX_SEQUENCE_ID", "MIN_SECONDS", "NO_SPACE", "PIPE_BUF", "PUT_TRIES", "QUEUED", "URGENT"),
}
# Those of C alone: what has the same name in Python is another thing.
C_ALONE = {"SIGNALS"}

Constants = dict[str, list[int]]


def list_c_constants(package: pathlib.Path) -> Constants:
    """Return what the enumerations without a name say, of those that give a number."""
    found: Constants = collections.defaultdict(list)
    files = [path for path in (package / "_c").iterdir() if path.suffix in (".pyx", ".pxi", ".pxd")]
    for path in files:
        for block in re.findall(r"^cdef enum:\n((?: {4}.*\n|\n)+)", path.read_text(), re.MULTILINE):
            for name, value in re.findall(r"^ {4}([A-Z_0-9]+) = (-?[\w]+)", block, re.MULTILINE):
                found[name].append(int(value, 0))
    return found


def list_python_constants(package: pathlib.Path) -> Constants:
    """Return the numbers that have a name in capitals at the top of a module."""
    found: Constants = collections.defaultdict(list)
    for path in package.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.Assign):
                continue
            (target,) = node.targets
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for name, value in pairs:
                if isinstance(name, ast.Name) and name.id.isupper():
                    try:
                        number = eval(compile(ast.Expression(value), path.name, "eval"), {})
                    except Exception:
                        continue  # it needs other names
                    if type(number) is int:
                        found[name.id].append(number)
    return found


def test_constants_of_c_are_those_of_python(root: pathlib.Path) -> None:
    in_c = list_c_constants(root / "syslogfast")
    in_python = list_python_constants(root / "syslogfast")
    assert set(in_c) & set(in_python) >= SHARED
    for name in (set(in_c) & set(in_python)) - C_ALONE:
        assert in_c[name] == in_python[name], name


def test_constants_stand_once(root: pathlib.Path) -> None:
    """In C, and those that it shares in Python; a second one could have another value one day."""
    in_c = list_c_constants(root / "syslogfast")
    assert {name for name, values in in_c.items() if len(values) > 1} == set()
    in_python = list_python_constants(root / "syslogfast")
    assert {name for name in SHARED if len(in_python[name]) > 1} == set()


def test_constants_are_found(tmp_path: pathlib.Path) -> None:
    """The finder itself."""
    (tmp_path / "_c").mkdir()
    (tmp_path / "_c" / "a.pxi").write_text(
        "cdef enum:\n    A = 1_000   # one\n    B = -0x10\n\n    C\n\n"
        "D = 4\ncdef enum:\n    E = 5\n"
    )
    (tmp_path / "a.py").write_text(
        "A = 1 << 4  # x\nB, C = -1, 'c'\nd = 4\nE = A\nif A:\n    F = 1\n"
    )
    assert list_c_constants(tmp_path) == {"A": [1000], "B": [-16], "E": [5]}
    assert list_python_constants(tmp_path) == {"A": [16], "B": [-1]}
