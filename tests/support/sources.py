"""What a page's `file:name` stands for: Python is parsed for it, Cython is searched."""

import ast
import pathlib
import re
from collections.abc import Iterator

FILE = re.compile(r"[\w./-]+\.(?:pyx|py|pxd|pxi|h|md|toml|svg)\b")
NAMED = re.compile(r"([\w./]+\.(?:pyx|py|pxd|pxi|h)):([\w.]+)")

# A name is defined by such a line, at the margin or within a class.
CYTHON = (
    r"^(?P<indent> *)(?:(?:cdef|cpdef|ctypedef|def)\b[^=#(\n]*?\b{0}\b *(?:\(|:|$|\"|=)|{0} *=)"
)


def list_spans(text: str) -> list[str]:
    """Return what a page has between backticks, but for blocks of code."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def list_files(text: str) -> set[str]:
    return {found for span in list_spans(text) for found in FILE.findall(span)}


def list_named(text: str) -> set[tuple[str, str]]:
    """Return file and name of each `file:name`."""
    return {tuple(found) for span in list_spans(text) for found in NAMED.findall(span)}


def find_file(root: pathlib.Path, name: str) -> pathlib.Path:
    """Return a file of the package, or else of the project."""
    path = root / "syslogfast" / name
    return path if path.exists() else root / name


def list_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements of a body, those under `if TYPE_CHECKING:` included."""
    for child in getattr(node, "body", []):
        yield child
        if isinstance(child, ast.If):
            yield from list_statements(child)


def find_definition(source: str, name: str) -> str:
    """Return the lines of a function, class or constant of Python; LookupError: there is none."""
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        for child in list_statements(node):
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
        lines, in_docstring = [first], False
        for line in rest:
            is_at_depth = line.strip() and len(line) - len(line.lstrip()) <= depth
            if is_at_depth and not in_docstring and line.strip()[0] != ")":
                break
            in_docstring ^= line.count('"""') % 2 == 1
            lines.append(line)
        source = "\n".join(lines)
    return source


def find_in_file(path: pathlib.Path, name: str) -> str:
    source = path.read_text(encoding="utf-8")
    is_cython = path.suffix in (".pyx", ".pxd", ".pxi")
    return (find_cython_definition if is_cython else find_definition)(source, name)
