"""What a page's `file:name` stands for: Python is parsed for it, Cython is searched."""

import ast
import pathlib
import re

# A name is defined by such a line, at the margin or within a class.
CYTHON = (
    r"^(?P<indent> *)(?:(?:cdef|cpdef|ctypedef|def)\b[^=#(\n]*?\b{0}\b *(?:\(|:|$|\"|=)|{0} *=)"
)


def find_definition(source: str, name: str) -> str:
    """Return the lines of a function, class or constant of Python; LookupError: there is none."""
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        for child in getattr(node, "body", []):
            targets = getattr(child, "targets", [getattr(child, "target", None)])
            names = [getattr(child, "name", None), *[getattr(each, "id", None) for each in targets]]
            if part in names:
                node = child
                break
        else:
            raise LookupError(name)
    first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
    return "\n".join(source.splitlines()[first - 1 : last])


def find_cython_definition(source: str, name: str) -> str:
    """Return the lines of one of Cython, up to what follows it at the same depth."""
    for part in name.split("."):
        found = re.search(CYTHON.format(re.escape(part)), source, re.MULTILINE)
        if not found:
            raise LookupError(name)
        first, *rest = source[found.start() :].splitlines()
        depth = len(found["indent"])
        lines = [first]
        for line in rest:
            if line.strip() and len(line) - len(line.lstrip()) <= depth and line.strip()[0] != ")":
                break
            lines.append(line)
        source = "\n".join(lines)
    return source


def find_in_file(path: pathlib.Path, name: str) -> str:
    source = path.read_text(encoding="utf-8")
    is_cython = path.suffix in (".pyx", ".pxd", ".pxi")
    return (find_cython_definition if is_cython else find_definition)(source, name)
