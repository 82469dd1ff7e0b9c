"""Fixtures of the benchmarks: the floor, rounds, and where their tables go.

With `--results FILE` the tables are written there, beside those of the parts that did not run; so
`python -m benchmarks` calls it.
"""

import importlib.util
import inspect
import pathlib
import sys
import sysconfig
import time
from collections.abc import Callable, Generator, Iterator
from types import ModuleType

import pytest
from measure.missing import MissingError, require_compiler
from measure.results import (
    Part,
    Results,
    Watch,
    describe_machine,
    describe_versions,
    load_results,
    save_results,
)
from measure.rounds import Rounds
from measure.tables import Table, write_text
from pytest_benchmark.fixture import BenchmarkFixture

import syslogfast

RESULTS = pytest.StashKey[Results]()
MEASURE = pathlib.Path(__file__).parent / "measure"
LEFT_OUT = pytest.StashKey[dict[ModuleType, list[str]]]()  # what tests were skipped for
POSITION = pytest.StashKey[str]()  # of a test among all: "3/17"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--results", type=pathlib.Path, help="a file that gets the tables")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = Results(describe_machine(), describe_versions())
    config.stash[LEFT_OUT] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for number, item in enumerate(items, 1):
        item.stash[POSITION] = f"{number}/{len(items)}"


def read_part(module: ModuleType) -> Part:
    """Return the part of a file, whose first line asks its question."""
    question, _, text = inspect.getdoc(module).partition("\n\n")
    return Part(module.__name__.removeprefix("bench_"), question, text)


@pytest.fixture(scope="module")
def part(request: pytest.FixtureRequest) -> Iterator[Part]:
    """What this file finds out."""
    part = read_part(request.module)
    start, watch = time.monotonic(), Watch()
    yield part
    part.busy = watch.measure_share()
    part.seconds = round(time.monotonic() - start)
    request.config.stash[RESULTS].parts[part.name] = part


@pytest.fixture
def publish(part: Part, pytestconfig: pytest.Config) -> Callable[[Table], None]:
    """Give a function that keeps a table for the file of results, and shows it."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    is_quick = not pytestconfig.getoption("--benchmark-enable")  # which outdoes pyproject.toml

    def keep(table: Table) -> None:
        part.tables.append(table)
        if pytestconfig.getoption("--results"):
            reporter.ensure_newline()
            reporter.write_line(write_text(table, with_ratios=not is_quick))

    return keep


@pytest.fixture
def leave_out(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Give a function that keeps what this machine lacks, where a test can do without."""
    left_out = request.config.stash[LEFT_OUT]
    return left_out.setdefault(request.module, []).append


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a whole test was left out for."""
    report = yield
    if report.skipped:
        left_out = item.config.stash[LEFT_OUT]
        left_out.setdefault(item.module, []).append(str(call.excinfo.value))
    return report


@pytest.fixture
def rounds(benchmark: BenchmarkFixture) -> Rounds:
    return Rounds(benchmark)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.TestReport, config: pytest.Config
) -> "tuple[str, str, str] | None":
    """A table says more than a dot."""
    if config.getoption("--results") and report.passed:
        return report.outcome if report.when == "call" else "", "", ""
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    if item.config.getoption("--results"):
        reporter = item.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(f"[{item.stash[POSITION]}] {item.module.__name__} {item.name}")
        reporter.flush()


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--results")
    if path is None:
        return
    results = session.config.stash[RESULTS]
    for module, left_out in session.config.stash[LEFT_OUT].items():
        part = read_part(module)
        part = results.parts.setdefault(part.name, part)
        part.left_out = list(dict.fromkeys(left_out))
    if path.exists():
        results.parts = {**load_results(path).parts, **results.parts}
    save_results(results, path)


@pytest.fixture
def smaps() -> None:
    if not pathlib.Path("/proc/self/smaps_rollup").exists():
        raise MissingError("/proc/self/smaps_rollup is not in this kernel")


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name like that of an installed program, for those who say it in their records."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/shop-checkout"])


def build_module(name: str, directory: pathlib.Path) -> ModuleType:
    """Compile `name`.pyx, of `measure/`, like the encoder itself, and import it."""
    require_compiler()
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    source = directory / f"{name}.pyx"
    source.write_text((MEASURE / source.name).read_text())
    include = list(syslogfast.__path__)
    extension = Extension(name, [str(source)], include_dirs=include, extra_compile_args=["-O2"])
    # The installed package's .pxd files are found where the package is.
    package = importlib.util.find_spec("syslogfast")
    assert package is not None
    assert package.submodule_search_locations is not None
    above = str(pathlib.Path(next(iter(package.submodule_search_locations))).parent)
    distribution = Distribution(
        {
            "ext_modules": cythonize([extension], include_path=[above], quiet=True),
            "script_args": ["--quiet"],
        }
    )
    command = build_ext(distribution)
    command.build_lib = command.build_temp = str(directory)
    command.ensure_finalized()
    command.run()
    path = directory / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def floor_module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """`floor.pyx`, compiled."""
    return build_module("floor", tmp_path_factory.mktemp("floor"))


@pytest.fixture(scope="session")
def allocations_module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """`allocations.pyx`, compiled."""
    return build_module("allocations", tmp_path_factory.mktemp("allocations"))
