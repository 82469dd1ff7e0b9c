"""Lines of the package by what stays when others are edited: the function, and the text."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import builds

DEFINITION = re.compile(
    r"(?:cdef |cpdef |def |class |async )+(?:[^(=:]*?[ *])?(\w+)(?: \"\w+\")?(?:\(|:)"
)
C_DEFINITION = re.compile(r"(?:static|typedef|PyMODINIT)\b.*?(\w+)\(")


class Line(NamedTuple):
    """A line of the package, by what stays when others are edited."""

    file: str
    function: str  # "" at the level of the module
    text: str


def name_functions(path: Path) -> list[str]:
    """Return for each line of a file the function or the class that it is in."""
    source = path.read_text("utf-8")
    lines = source.splitlines()
    names = [""] * (len(lines) + 2)
    if path.suffix == ".py":
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

        def visit(node: ast.AST, outer: str) -> None:
            for child in ast.iter_child_nodes(node):
                name = outer
                if isinstance(child, kinds):
                    name = f"{outer}.{child.name}".lstrip(".")
                    for number in range(child.lineno, (child.end_lineno or 0) + 1):
                        names[number] = name
                visit(child, name)

        visit(ast.parse(source), "")
        return names
    stack: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip())
        is_code = line.strip() and not line.lstrip().startswith(("#", ")", "{", "}", "/*"))
        while is_code and stack and indent <= stack[-1][0]:
            stack.pop()
        found = DEFINITION.match(line.lstrip()) or C_DEFINITION.match(line.lstrip())
        if found and is_code:
            stack.append((indent, found[1]))
        names[number] = ".".join(name for _, name in stack)
    return names


def list_lines(file: str) -> list[Line]:
    """Return all lines of a file; the first has index 1."""
    path = builds.ROOT / file
    names = name_functions(path)
    texts = ["", *path.read_text("utf-8").splitlines()]
    return [Line(file, names[number], text.strip()) for number, text in enumerate(texts)]
