"""Faults to be put into the sources: where they can stand, and which are tried."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import builds
from source_lines import Line, list_lines
from unrun_lines import find_left_out, read_kept

SEED = "1"
MOST_OF_A_FILE = 6
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
NEXT = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
OTHER = {
    "and": "or",
    "or": "and",
    "&&": "||",
    "||": "&&",
    "not ": "",
    "is not": "is",
    "+": "-",
    "-": "+",
    "min": "max",
    "max": "min",
    "True": "False",
    "False": "True",
}
# Each operator: where it applies in a line, and what the first group becomes.
OPERATORS: dict[str, tuple[str, Callable[[str], str]]] = {
    "off by one": (r" (<=|>=|<|>) ", NEXT.__getitem__),
    "comparison": (r" (<=|>=|<|>|==|!=) ", OPPOSITE.__getitem__),
    "condition": (
        r"(?<!\w)(and(?= )|or(?= )|&&|\|\||is not(?= )|(?<!is )not (?!in\b))",
        OTHER.__getitem__,
    ),
    "sign": (r"(?<!\0) ([+-])=? (?![rbf]*\0)", OTHER.__getitem__),
    "min and max": (r"\b(min|max)\(", OTHER.__getitem__),
    "constant": (
        r"(?<![\w.])(\d+|0x[0-9a-fA-F]+|True|False)(?![\w.'\"])",
        lambda text: OTHER.get(text) or str(int(text, 0) + 1),
    ),
    "no lock": (r"^ *(with [\w.]*lock[\w.()]*(?= as |:)|with lock(?=:))", lambda text: "if True"),
    "no call": (r"^ *((?:[\w.]+\(.*\)|[\w.]+->[\w.]+\(.*\));?)$", lambda text: "pass"),
    "result": (r"^ *(return .+)$", lambda text: "return None"),
    "stores swapped": (r"^ *([\w.\[\]]+ = .+)$", lambda text: text),
}
SKIPPED = re.compile(
    r"\s*(import|from|cimport|@|class|cdef extern|ctypedef|include|#)\b|.*TYPE_CHECKING"
    r"|\s*cdef [\w\[\]* .]+$|.*__slots__"
    r"|\s*(enter|leave|cold_path)\("  # nothing, or of no meaning, where there is a GIL
)
IGNORED = {
    "python": re.compile(r'""".*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*', re.S),
    "c": re.compile(
        r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:\\\n|[^\n])*',
        re.S | re.M,
    ),
}
STORE = re.compile(r"( *)([\w.]+(?:\[[^=]*\])?) = (.+)$")


class Mutant(NamedTuple):
    """A fault, by what stays when other lines are edited."""

    line: Line
    operator: str
    place: int  # of those in the line that the operator applies to
    occurrence: int  # of the lines that are alike
    number: int  # of the line, as it is now

    def __str__(self) -> str:
        line = self.line
        which = f" #{self.occurrence}" if self.occurrence else ""
        return f"{line.file} {line.function}: {line.text}{which}: {self.operator} {self.place}"


def is_c(file: str) -> bool:
    return not file.endswith(".py")


def blank(source: str, kind: str) -> str:
    """Return a source without comments and texts, each line as long as it was."""

    def replace(found: re.Match[str]) -> str:
        text = found[0]
        block = re.search(r"cdef extern from \*:\n\s*$", source[: found.start()])
        if text.startswith('"""') and block:  # C as it is
            return "   " + blank(text[3:-3], "c") + "   "
        return re.sub(r"[^\n]", "\0", text)

    return IGNORED[kind].sub(replace, source)


def list_sources() -> list[str]:
    paths = sorted((builds.ROOT / "syslogfast").rglob("*"))
    return [
        str(path.relative_to(builds.ROOT))
        for path in paths
        if path.suffix in (".py", ".pyx", ".pxi", ".pxd", ".h")
        and path.name not in ("syslogfast.h", "__init__.pxd")
    ]


def is_dependent(first: str, second: str) -> bool:
    """Return True if two stores, one after the other, cannot be swapped without a difference."""
    one, other = STORE.match(first), STORE.match(second)
    if not one or not other or one[1] != other[1] or not second.strip():
        return False
    return bool(re.search(rf"(?<![\w.]){re.escape(one[2])}(?![\w(])", other[3]))


def list_mutants(file: str) -> Iterator[Mutant]:
    source = (builds.ROOT / file).read_text("utf-8")
    code = ["", *blank(source, "c" if file.endswith(".h") else "python").splitlines()]
    lines = list_lines(file)
    seen: dict[Line, int] = {}
    for number in range(1, len(lines)):
        line = lines[number]
        occurrence = seen[line] = seen.get(line, -1) + 1
        if SKIPPED.match(code[number]) or not line.text:
            continue
        for operator, (pattern, _) in OPERATORS.items():
            if operator == "stores swapped" and (
                number + 1 >= len(lines) or not is_dependent(code[number], code[number + 1])
            ):
                continue
            if operator == "result" and not is_whole(code[number]):
                continue
            if operator == "no call" and not is_whole(code[number]):
                continue
            if operator == "constant" and re.match(r"\s*(def|cdef [^=]*\() ?", code[number]):
                continue
            for place, _found in enumerate(re.finditer(pattern, code[number])):
                yield Mutant(line, operator, place, occurrence, number)


def is_whole(code: str) -> bool:
    """Return True if a line is a whole statement."""
    pairs = all(code.count(a) == code.count(b) for a, b in ("()", "[]", "{}"))
    return pairs and not code.rstrip().endswith((",", "\\", "("))


def apply(mutant: Mutant) -> str:
    """Return the source with a fault in it."""
    source = (builds.ROOT / mutant.line.file).read_text("utf-8")
    is_header = mutant.line.file.endswith(".h")
    code = ["", *blank(source, "c" if is_header else "python").splitlines()]
    lines = ["", *source.splitlines()]
    pattern, change = OPERATORS[mutant.operator]
    found = list(re.finditer(pattern, code[mutant.number]))[mutant.place]
    start, end = found.span(1)
    text = lines[mutant.number]
    new = change(text[start:end])
    if mutant.operator == "no call":
        new = ";" if text.rstrip().endswith(";") else "pass"
    elif mutant.operator == "result" and is_c(mutant.line.file):
        value = text[start:end].removeprefix("return ").rstrip(";").strip()
        new = f"return {'1' if value in ('0', 'False', 'NULL') else '0'}"
        new += ";" * text.rstrip().endswith(";")
    elif mutant.operator == "result":
        new = "return 1" if text[start:end] == "return None" else "return None"
    if mutant.operator == "stores swapped":
        other = mutant.number + 1
        lines[mutant.number], lines[other] = lines[other], lines[mutant.number]
    else:
        lines[mutant.number] = text[:start] + new + text[end:]
    return "\n".join(lines[1:]) + "\n"


def rank(mutant: Mutant) -> bytes:
    return hashlib.sha256(f"{SEED} {mutant}".encode()).digest()


def choose(count: int) -> list[Mutant]:
    """Return a sample that an edit of other lines hardly changes: half of it in C.

    Of each operator about as many, and of no file many more than of others.
    """
    unrun = set(read_kept().lines)  # a fault in them cannot be found
    chosen = []
    for of_c in (True, False):
        piles: dict[str, list[Mutant]] = {operator: [] for operator in OPERATORS}
        for file in list_sources():
            if is_c(file) is of_c:
                left_out = find_left_out(file)
                for mutant in list_mutants(file):
                    line = mutant.line
                    is_listed = line in unrun or line._replace(text="*") in unrun
                    if not is_listed and mutant.number not in left_out:
                        piles[mutant.operator].append(mutant)
        for pile in piles.values():
            pile.sort(key=rank, reverse=True)
        taken: dict[str, int] = {}
        number = 0
        while number < count // 2 and any(piles.values()):
            for pile in piles.values():
                while pile:
                    mutant = pile.pop()
                    file = mutant.line.file
                    if taken.get(file, 0) < MOST_OF_A_FILE and number < count // 2:
                        taken[file] = taken.get(file, 0) + 1
                        chosen.append(mutant)
                        number += 1
                        break
    return chosen
