"""CPython's own tests of `logging`, run twice: as they are, and with this package in its place."""

import importlib.util
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

Done = subprocess.CompletedProcess[str]


def require_suite() -> None:
    """Skip the test where an interpreter comes without CPython's own, as Debian's does."""
    try:
        found = importlib.util.find_spec("test.test_logging")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip("this interpreter comes without test.test_logging, as Debian's does")


def run_both(
    program: str, *cases: str, options: tuple[str, ...] = ()
) -> tuple[Done, Done, list[str]]:
    """Run for "logging" and "syslogfast"; return both, and the results, which are the same.

    Each has a folder of its own, for some of these tests write a "test.log" to where they are.
    """
    require_suite()

    def run(name: str) -> Done:
        command = [sys.executable, "-I", *options, "-c", program, name, *cases]
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder)

    # At the same time, for nearly all of it they wait.
    with ThreadPoolExecutor(2) as threads:
        control, done = threads.map(run, ("logging", "syslogfast"))
    assert control.returncode == 0, control.stdout + control.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    names = re.compile(r"^test_\w+ \(.*$", re.MULTILINE)
    results = [sorted(names.findall(each.stdout)) for each in (control, done)]
    assert results[0] == results[1]
    return control, done, results[0]
