"""CPython's own tests of its SysLogHandler, with syslogfast's in its place.

They run in an interpreter of their own, once as they are, so that it is known what must pass.
"""

import re

import pytest
from support.cpython_suite import run_both

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


def test_own_tests() -> None:
    """What CPython's tests ask of its handler this one does, to the last of them."""
    _, done, _ = run_both(PROGRAM, *CASES)
    ran, skipped = map(int, re.search(r"^ran (\d+) skipped (\d+)", done.stdout, re.M).groups())
    assert ran >= len(CASES)
    # Each test makes one handler, for its setUp has no other way to send; without IPv6 on this
    # machine, its tests are skipped.
    assert done.stdout.endswith(f"ran {ran} skipped {skipped} made {ran - skipped}\n")
    assert skipped <= ran / len(CASES)
