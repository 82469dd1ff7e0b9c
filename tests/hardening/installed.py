"""Runs a job with what has been built for it: its own interpreter may have no such package."""

import os
import sys
from pathlib import Path

from builds import build

MARK = "SYSLOGFAST_HARDENING_RUNS_IN"
TESTS = Path(__file__).resolve().parents[1]


def run_in_build(name: str = "plain", packages: tuple[str, ...] = ("pytest", "setuptools")) -> None:
    """Go on in an environment with the package as it is here, compiled as usual.

    What is in tests/support can be imported from then on.
    """
    if os.environ.get(MARK) != name:
        interpreter = build(name, packages=packages)
        os.environ[MARK] = name
        os.execv(interpreter, [str(interpreter), *sys.argv])
    sys.path.insert(0, str(TESTS))
