"""What the compiled core keeps is an interpreter's own, or the process's on purpose."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# Handlers of signals: a process has them once.
PROCESS_WIDE = {
    *("crash_state", "crashing", "dumped_for", "former_actions", "handling_crash", "lingering"),
    *("own_stack", "stack_dump", "stack_size", "stack_text"),
}


pytestmark = pytest.mark.slow


def test_no_object_is_shared(core: "tuple[str, pathlib.Path]") -> None:
    """No C global is an object, and none is there but for those of the process."""
    warnings, source = core[0], core[1].read_text(encoding="utf-8")
    warnings += (core[1].parent / "warnings_lifecycle_c").read_text(encoding="utf-8")
    assert "Global cdef Python" not in warnings
    names = set()
    for path, line in re.findall(r"warning: (\S+):(\d+):\d+: Global cdef", warnings):
        text = (ROOT / path).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        names.add(re.sub(r"\s*#.*", "", text).split()[-1].lstrip("*"))
    assert names == PROCESS_WIDE
    assert not re.findall(r"^static PyObject \*__pyx_(?:builtin|v)_\w+", source, re.MULTILINE)


def test_nothing_asks_for_the_gil(core: "tuple[str, pathlib.Path]") -> None:
    """Code without it that takes it would have the main interpreter's."""
    assert "Acquiring the GIL" not in core[0]


def test_no_import_sets_a_global(root: pathlib.Path) -> None:
    """A value in its declaration would be given to it again by each interpreter that imports it."""
    found = {
        f"{path.name}: {line}"
        for path in (root / "syslogfast" / "_c").glob("*.p[yx]*")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"cdef [^(:#]*=", line)
    }
    assert found == set()
