"""Fixtures that every test shares: one suite for both encoders, and real collectors.

Run as `python -Im pytest`, so that the installed package is tested and not this folder's.
"""

import gc
import os
import pathlib
import random
import signal
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from support import collectors
from support.backends import find_other_core, load_backend
from support.certificates import Certificates, find_openssl, make_certificates
from support.collectors import StartCollector
from support.made_once import make_once
from support.receivers import (  # noqa: F401
    connect,
    connect_once,
    no_thread_fails,
    receiver,
    sink,
    small_sink,
)
from support.signal_actions import keep_signals  # noqa: F401

import syslogfast


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skip", action="store_true", help="fail where a test would be skipped: CI has it all"
    )
    parser.addoption(
        "--loggers", action="store_true", help="have syslogfast.loggers installed for each test"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of xdist, which heeds PYTHONDONTWRITEBYTECODE, what -I means for it."""
    node.workerinput["dont_write_bytecode"] = sys.dont_write_bytecode


def pytest_configure(config: pytest.Config) -> None:
    """Begin where all is as the tests have to have it, however they were started."""
    if hasattr(config, "workerinput"):
        sys.dont_write_bytecode = config.workerinput["dont_write_bytecode"]
    package = pathlib.Path(syslogfast.__file__).parent
    core = find_other_core(package, sys.path)
    if core is not None and not os.environ.get("SYSLOGFAST_BACKEND"):
        raise pytest.UsageError(
            f"the package under test is {package}, but the compiled core that is installed is "
            f"{core}: run `python -Im pytest`, which tests what is installed, or set "
            f"SYSLOGFAST_BACKEND"
        )
    # A shell ignores it for what runs in the background, and so would all that a test starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` starts: for three quarters of its time a test waits."""
    given = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS", "")  # what xdist itself would heed
    return int(given) if given.isdigit() else 4 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Share the tests out anew as often as one of several processes has none left."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is not slow as quick; let each of several processes begin with what is slow."""
    for item in items:
        if item.get_closest_marker("slow") is None:
            item.add_marker("quick")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.path)
        items[:] = spread_slow(items, config.workerinput["workercount"])


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[pytest.CollectReport]:
    """Let each of several processes load the files in an order of its own.

    The first one that loads a file rewrites its assertions, which takes most of the time, and
    keeps the result for the others; in one order, all would do it at once.
    """
    report = yield
    config = collector.config
    if hasattr(config, "workerinput") and isinstance(collector, pytest.Directory):
        random.Random(config.workerinput["workerid"]).shuffle(report.result)
    return report


def spread_slow(items: list[pytest.Item], count: int) -> list[pytest.Item]:
    """Order tests so that each of `count` equal parts has the slow ones of some files first."""
    slow: dict[pathlib.Path, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("slow") is not None:
            slow.setdefault(item.path, []).append(item)
    quick = [item for item in items if item.get_closest_marker("slow") is None]
    parts: list[list[pytest.Item]] = [[] for _ in range(count)]
    for number, file in enumerate(slow.values()):
        parts[number % count] += file
    for part in parts:
        space = max(len(items) // count - len(part), 0)
        part += quick[:space]
        del quick[:space]
    return [item for part in parts for item in part] + quick


def pytest_collection_finish() -> None:
    """Take what is there by now out of each look for garbage, which would take long."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and item.config.getoption("--no-skip"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but --no-skip is given: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def install_loggers(request: pytest.FixtureRequest) -> None:
    """Have calls of `logging` take the other way, if --loggers is given: nobody can tell."""
    if request.config.getoption("--loggers"):
        syslogfast.loggers.install()


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
def needs_c() -> None:
    """Records of fatal signals are sent by C alone."""
    load_backend("c")


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


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for TLS on loopback, right and wrong ones."""
    if find_openssl() is None:
        pytest.skip("openssl, which makes certificates, is not on this machine")
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def start_collector(tmp_path: pathlib.Path) -> Iterator[StartCollector]:
    """Give a function that starts a private collector on loopback; with certificates also TLS."""
    started: list[collectors.Collector] = []

    def start(
        kind: type[collectors.Collector], certificates: "Certificates | None" = None
    ) -> collectors.Collector:
        reason = kind.find_missing(certificates is not None)
        if reason:
            pytest.skip(reason)
        started.append(kind(tmp_path, certificates))
        return started[-1]

    yield start
    for daemon in started:
        daemon.stop()


@pytest.fixture(params=[collectors.Rsyslog, collectors.SyslogNg], ids=lambda kind: kind.name)
def collector_kind(request: pytest.FixtureRequest) -> type[collectors.Collector]:
    """The class of one collector, then of the other."""
    return request.param


@pytest.fixture
def collector(
    collector_kind: type[collectors.Collector], start_collector: StartCollector
) -> collectors.Collector:
    """A private collector on loopback, without TLS: rsyslog, then syslog-ng."""
    return start_collector(collector_kind)


@pytest.fixture
def tls_collector(
    collector_kind: type[collectors.Collector],
    start_collector: StartCollector,
    certificates: Certificates,
) -> collectors.Collector:
    """The same with TLS."""
    return start_collector(collector_kind, certificates)


@pytest.fixture(scope="session")
def core(
    root: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> "tuple[str, pathlib.Path]":
    """What Cython says of the compiled encoder, and the C that it makes of it.

    Beside that is the C of the other compiled modules.
    """
    import subprocess

    pytest.importorskip("Cython")

    def translate(folder: pathlib.Path) -> None:
        for name in ("_encoder_c", "_lifecycle_c", "_logger_c"):
            command = [sys.executable, "-Im", "cython", "-3", "--module-name", f"syslogfast.{name}"]
            command += ["-I.", f"syslogfast/_c/{name}.pyx", "-o", str(folder / f"{name}.c")]
            result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
            (folder / f"warnings{name}").write_text(result.stderr, encoding="utf-8")

    folder = make_once(tmp_path_factory, "core", translate)
    return (folder / "warnings_encoder_c").read_text(encoding="utf-8"), folder / "_encoder_c.c"


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The folder of the project, for tests that read its files."""
    return pathlib.Path(__file__).parents[1]
