"""CPython's own tests of `logging`, all of them, with our class in the place of its loggers'.

They run in an interpreter of their own, once as they are, so that it is known what must pass.
"""

import re

import pytest
from support.cpython_suite import run_both

from syslogfast import loggers

pytestmark = [pytest.mark.versions, pytest.mark.slow]

PROGRAM = """
import logging
import sys
import unittest
from test import support

early = logging.getLogger("early")
if sys.argv[1] == "syslogfast":
    from syslogfast import loggers

    loggers.install()
    assert type(early) is logging.getLoggerClass() is loggers.Logger
    assert type(logging.root) is loggers.RootLogger
import test.test_logging as tests

suite = unittest.defaultTestLoader.loadTestsFromModule(tests)
result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(suite)
slow = loggers.compiled.count_calls()[2] if sys.argv[1] == "syslogfast" else None
print("ran", result.testsRun, "skipped", len(result.skipped), "handed on", slow)
sys.exit(not result.wasSuccessful())
"""


def test_all_tests_of_logging() -> None:
    """What they ask of logging's loggers ours do; and they do call ours."""
    if loggers.compiled is None:
        pytest.skip(loggers.refusal)
    control, done, results = run_both(PROGRAM, options=("-W", "ignore::DeprecationWarning"))
    assert len(results) > 200
    ended = re.compile(r"^ran (\d+) skipped (\d+) handed on (\w+)$", re.MULTILINE)
    ran = [ended.search(run.stdout).groups() for run in (control, done)]
    assert ran[0][:2] == ran[1][:2]
    assert int(ran[1][2]) > 100
