"""Fixtures that every test shares: one suite for both encoders, and real collectors.

Run as `python -Im pytest`, so that the installed package is tested and not this folder's.
"""

import importlib
import os
import pathlib
import sys
from collections.abc import Iterator
from types import ModuleType

import collectors
import pytest

import syslogfast

BACKENDS = {"c": "syslogfast._encoder_c", "python": "syslogfast._encoder_py"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skip", action="store_true", help="fail where a test would be skipped: CI has it all"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and item.config.getoption("--no-skip"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but --no-skip is given: {report.longrepr}"
    return report


def load_backend(name: str) -> ModuleType:
    try:
        return importlib.import_module(BACKENDS[name])
    except ModuleNotFoundError as error:
        if error.name != BACKENDS["c"] or syslogfast.BACKEND == "c":
            raise
        pytest.skip("the compiled encoder is not built")


@pytest.fixture(params=["c", "python"])
def encoder_module(request: pytest.FixtureRequest) -> ModuleType:
    """One encoder, then the other: both have Encoder and format_timestamp."""
    return load_backend(request.param)


@pytest.fixture(params=["c", "python"])
def backend(request: pytest.FixtureRequest) -> str:
    """The name of one encoder, then of the other, for tests that run the command."""
    load_backend(request.param)
    return str(request.param)


@pytest.fixture
def both_modules() -> tuple[ModuleType, ModuleType]:
    """The compiled encoder and its twin, to be compared."""
    return load_backend("c"), load_backend("python")


@pytest.fixture
def set_zone() -> Iterator[object]:
    """Give a function that sets the process's time zone; the old one comes back."""
    import time

    before = os.environ.get("TZ")

    def set_to(name: str) -> None:
        os.environ["TZ"] = name
        time.tzset()

    yield set_to
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture
def run_python() -> object:
    """Give a function that runs code in a fresh interpreter, with a backend, and returns it."""
    import subprocess

    def run(
        code: str, *arguments: str, backend: str = "", options: tuple[str, ...] = ("-I",)
    ) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "SYSLOGFAST_BACKEND": backend}
        return subprocess.run(
            [sys.executable, *options, "-c", code, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture(params=["rsyslog", "syslog-ng"])
def collector(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> Iterator[collectors.Collector]:
    """A private collector on loopback: rsyslog, then syslog-ng."""
    kind = {"rsyslog": collectors.Rsyslog, "syslog-ng": collectors.SyslogNg}[request.param]
    if kind.executable() is None:
        pytest.skip(f"{request.param} is not on this machine")
    daemon = kind(tmp_path)
    yield daemon
    daemon.stop()


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The folder of the project, for tests that read its files."""
    return pathlib.Path(__file__).parent.parent
