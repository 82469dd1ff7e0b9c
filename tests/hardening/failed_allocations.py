"""Lines that only the failure of an allocation reaches: allocation_failure.py brings that about.

In Python and Cython that is what `except MemoryError` catches, and that alone, and `raise
MemoryError`. In C it is what follows at once where a variable is NULL, or no object, that one of
the lines before has from an allocator: one of ALLOCATORS, and no other function.
"""

import re

import builds

ALLOCATORS = (
    r"(?:PyMem_\w+|PyObject_(?:Malloc|GC_New)|\w+->tp_alloc|PyUnicode_FromString|PyDict_(?:New|Copy)"
    r"|PyDescr_NewMethod|PyBytes_FromStringAndSize|PyOS_double_to_string)\("
)
ASSIGNED = re.compile(rf"(\w+)(?:\))? = (?:<.*?>|\([^()]*\))?\s*{ALLOCATORS}")
NULL = re.compile(r"if \(?(?:!(\w+)|(\w+) == NULL)\)?(?: \{|:)?$")
NEAR = 4  # lines: of an assignment, and the condition after it


def find_body(lines: list[str], start: int) -> list[int]:
    """Return the indexes of the lines that are indented more than the one before them."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    body = []
    for index in range(start + 1, len(lines)):
        line = lines[index]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        body.append(index)
    return body


def find_failed_allocations(file: str) -> set[int]:
    """Return the numbers of these lines of a file of the package."""
    lines = (builds.ROOT / file).read_text("utf-8").splitlines()
    found: set[int] = set()
    for start, line in enumerate(lines):
        text = line.split("#")[0].strip() if not file.endswith(".h") else line.strip()
        condition = NULL.match(text)
        if text == "raise MemoryError":
            found.add(start + 1)
        elif text == "except MemoryError:":
            found |= {start + 1, *(index + 1 for index in find_body(lines, start))}
        elif condition:
            before = "\n".join(lines[max(0, start - NEAR) : start])
            name = condition[1] or condition[2]
            if any(match[1] == name for match in ASSIGNED.finditer(before)):
                found |= {index + 1 for index in find_body(lines, start)}
    return found
