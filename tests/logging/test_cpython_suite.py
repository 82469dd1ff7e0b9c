"""CPython's own tests of its SysLogHandler, with syslogfast's in its place.

They run in an interpreter of their own, once as they are, so that it is known what must pass.
"""

import importlib.util
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.versions

CASES = ["SysLogHandlerTest", "UnixSysLogHandlerTest", "IPv6SysLogHandlerTest"]
SHORTEST_WAIT = 10  # seconds that a test which gets no record waits, in place of minutes

PROGRAM = f"""
import logging.handlers
import sys
import unittest
from test import support

if sys.argv[1] == "syslogfast":
    import syslogfast

    made = []

    class SysLogHandler(syslogfast.SysLogHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    logging.handlers.SysLogHandler = SysLogHandler
else:
    made = None

support.LONG_TIMEOUT = {SHORTEST_WAIT}
import test.test_logging as tests

suite = unittest.TestSuite()
for name in sys.argv[2:]:
    suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(getattr(tests, name)))
result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(suite)
print("ran", result.testsRun, "skipped", len(result.skipped), "made", made and len(made))
sys.exit(not result.wasSuccessful())
"""


def run_cases(handler: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-c", PROGRAM, handler, *CASES]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_own_tests() -> None:
    """What CPython's tests ask of its handler this one does, to the last of them."""
    try:
        found = importlib.util.find_spec("test.test_logging")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip("this interpreter comes without test.test_logging, as Debian's does")
    control, done = run_cases("logging"), run_cases("syslogfast")
    assert control.returncode == 0, control.stdout + control.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    names = re.compile(r"^test_\w+ \(.*$", re.MULTILINE)
    results = [sorted(names.findall(run.stdout)) for run in (control, done)]
    assert results[0] == results[1]
    ran, skipped = map(int, re.search(r"^ran (\d+) skipped (\d+)", done.stdout, re.M).groups())
    assert ran >= len(CASES)
    # Each test makes one handler, for its setUp has no other way to send; without IPv6 on this
    # machine, its tests are skipped.
    assert done.stdout.endswith(f"ran {ran} skipped {skipped} made {ran - skipped}\n")
    assert skipped <= ran / len(CASES)
