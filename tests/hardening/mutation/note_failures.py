"""A plugin of pytest: the names of tests that fail, as they can be given, in lines of JSON."""

import json
import os


def pytest_runtest_logreport(report):  # type: ignore[no-untyped-def]
    if report.failed:
        with open(os.environ["SYSLOGFAST_FAILURES"], "a", encoding="utf-8") as file:
            file.write(json.dumps(report.nodeid) + "\n")


pytest_collectreport = pytest_runtest_logreport
