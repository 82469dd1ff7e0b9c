"""What the compiled core keeps is an interpreter's own, or the process's on purpose."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# Handlers of signals, and the count of forks: a process has them once.
PROCESS_WIDE = {"forks", "forked", "crash_state", "former_actions", "handling_crash", "own_stack"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> "tuple[str, str]":
    """What Cython says of the compiled core, and the C that it makes of it."""
    pytest.importorskip("Cython")
    target = tmp_path_factory.mktemp("generated") / "_encoder_c.c"
    command = [sys.executable, "-m", "cython", "-3", "--module-name", "syslogfast._encoder_c"]
    command += ["-I.", "syslogfast/_c/_encoder_c.pyx", "-o", str(target)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stderr, target.read_text(encoding="utf-8")


def test_no_object_is_shared(generated: "tuple[str, str]") -> None:
    """No C global is an object, and none is there but for those of the process."""
    warnings, source = generated
    assert "Global cdef Python" not in warnings
    names = set()
    for path, line in re.findall(r"warning: (\S+):(\d+):\d+: Global cdef", warnings):
        text = (ROOT / path).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        names.add(re.sub(r"\s*#.*", "", text).split()[-1])
    assert names == PROCESS_WIDE
    assert not re.findall(r"^static PyObject \*__pyx_(?:builtin|v)_\w+", source, re.MULTILINE)


def test_nothing_asks_for_the_gil(generated: "tuple[str, str]") -> None:
    """Code without it that takes it would have the main interpreter's."""
    warnings, _ = generated
    assert "Acquiring the GIL" not in warnings
