"""Lines that only another system, another Python or a build without the GIL can reach.

A line is one of them where a condition says so whose value is known beforehand: of `sys.platform`,
`sys.version_info` and `sys.implementation.name`, of `hasattr` of a module of the standard library,
of the constants in NAMES, and of a variable that is None for that reason. So is the handler of an
ImportError where nothing is imported but modules that each CPython on Linux has. Of any other
condition both branches can be reached.
"""

import ast
import collections
import importlib
import re
from types import SimpleNamespace

import builds

# Of CPython 3.11 on Linux, with the GIL: tests/hardening/coverage.py counts with no other.
NAMES: dict[str, object] = {
    "TYPE_CHECKING": False,
    "IS_LINUX": True,
    "HAS_FATAL_SIGNALS": True,
    "HAS_TEMPLATES": False,  # Python 3.14
    "HAS_GIL": True,
    "NO_GIL": False,
}
SYS = SimpleNamespace(
    platform="linux", version_info=(3, 11), implementation=SimpleNamespace(name="cpython")
)
ALIASES = {"system": "posix", "signals": "_signal"}  # what the package calls them
MODULES = {"_signal", "_socket", "_thread", "_xxsubinterpreters", "os", "posix", "resource"}
MODULES |= {"select", "socket", "sys", "time"}
VARYING = {"ps1"}  # at a prompt alone
UNKNOWN = object()
LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)
CYTHON_IF = re.compile(r"if (.+?):\s*(#.*)?$")

Names = dict[str, object]


def weigh(node: ast.expr, names: Names) -> object:
    """Return the value of an expression; UNKNOWN: it may have several."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return names.get(node.id, UNKNOWN)
        case ast.UnaryOp(op=ast.Not()):
            value = weigh(node.operand, names)
            return value if value is UNKNOWN else not value
        case ast.BoolOp():
            decides = isinstance(node.op, ast.Or)
            values = [weigh(each, names) for each in node.values]
            if any(value is not UNKNOWN and bool(value) == decides for value in values):
                return decides
            return UNKNOWN if UNKNOWN in values else not decides
        case ast.IfExp():
            test = weigh(node.test, names)
            return test if test is UNKNOWN else weigh(node.body if test else node.orelse, names)
        case ast.Call(
            func=ast.Name("hasattr"), args=[ast.Name() as module, ast.Constant() as attribute]
        ):
            name = ALIASES.get(module.id, module.id)
            if name in MODULES and attribute.value not in VARYING:
                return hasattr(importlib.import_module(name), attribute.value)
        case ast.Compare():
            text = ast.unparse(node)
            if re.fullmatch(
                r"sys\.(platform|implementation\.name) [!=]= '\w+'"
                r"|(\(3, \d+\) <=? )?sys\.version_info [<>]=? \(3, \d+\)",
                text,
            ):
                return eval(text, {"sys": SYS})
    return UNKNOWN


def add_empty(function: ast.AST, names: Names) -> Names:
    """Add the variables of a function that can be nothing but None."""
    stored: collections.Counter[str] = collections.Counter()
    empty: collections.Counter[str] = collections.Counter()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            stored[node.arg] += 1
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            stored[node.id] += 1
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            empty[node.targets[0].id] += weigh(node.value, names) is None
    return names | {name: None for name, count in empty.items() if count == stored[name]}


def list_numbers(nodes: "list[ast.stmt]") -> set[int]:
    found: set[int] = set()
    for node in nodes:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
        found |= set(range(first, (node.end_lineno or first) + 1))
    return found


def imports_what_is_there(nodes: "list[ast.stmt]") -> bool:
    names: list[str | None] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        else:
            names.append(node.module if isinstance(node, ast.ImportFrom) else None)
    return MODULES.issuperset(names)


def find_in_python(nodes: "list[ast.stmt]", names: Names) -> set[int]:
    """Return which lines of a block are out of reach."""
    found: set[int] = set()
    for index, node in enumerate(nodes):
        if isinstance(node, ast.If):
            value = weigh(node.test, names)
            if value is not UNKNOWN:
                found |= list_numbers(node.orelse if value else node.body)
                taken = node.body if value else node.orelse
                if taken and isinstance(taken[-1], LEAVING):
                    return found | list_numbers(nodes[index + 1 :])
        elif isinstance(node, ast.Try) and imports_what_is_there(node.body):
            for handler in node.handlers:
                if isinstance(handler.type, ast.Name) and handler.type.id == "ImportError":
                    found |= set(range(handler.lineno, (handler.end_lineno or 0) + 1))
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        inner = add_empty(node, names) if is_function else names
        for name in ("body", "orelse", "finalbody"):
            found |= find_in_python(getattr(node, name, []), inner)
        for handler in getattr(node, "handlers", []):
            found |= find_in_python(handler.body, inner)
    return found


def find_in_cython(lines: list[str]) -> set[int]:
    """Return which lines are out of reach: below a condition, or after one that always leaves."""
    found: set[int] = set()
    for start, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        condition, end = line.strip(), start
        if condition == "if (":
            while lines[end].strip() != "):":
                end += 1
            condition = " ".join(each.strip() for each in lines[start : end + 1])
        match = CYTHON_IF.match(condition)
        try:
            value = weigh(ast.parse(match[1], mode="eval").body, NAMES) if match else UNKNOWN
        except SyntaxError:  # with a cast, or the address of something
            value = UNKNOWN
        if value is UNKNOWN:
            continue
        below = find_block(lines, end + 1, indent + 1)
        after = below[-1] + 1
        has_else = after < len(lines) and lines[after].strip() == "else:"
        otherwise = find_block(lines, after + 1, indent + 1) if has_else else []
        found |= {index + 1 for index in (otherwise if value else below)}
        if value and lines[below[-1]].strip().startswith(("return", "raise", "continue", "break")):
            found |= {index + 1 for index in find_block(lines, after, indent)}
    return found


def find_block(lines: list[str], start: int, indent: int) -> list[int]:
    """Return the indexes of the lines from there on that are indented so far, without a gap."""
    found = []
    for index in range(start, len(lines)):
        line = lines[index]
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            break
        if line.strip():
            found.append(index)
    return found


def find_out_of_reach(file: str) -> set[int]:
    """Return the numbers of the lines of a file of the package that only others can reach."""
    source = (builds.ROOT / file).read_text("utf-8")
    if file.endswith(".py"):
        return find_in_python(ast.parse(source).body, NAMES)
    return find_in_cython(source.splitlines()) if file.endswith((".pyx", ".pxi", ".pxd")) else set()
