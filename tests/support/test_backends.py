"""What was installed is what is tested, or the tests say so and do not begin."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from support.backends import find_other_core, load_backend

import syslogfast

PACKAGE = pathlib.Path(syslogfast.__file__).parent


@pytest.fixture
def clone(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder like that of a clone: the package in it is not compiled, and it has tests."""
    load_backend("c")
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "syslogfast", ignore=ignored)
    tests = pathlib.Path(__file__).parents[1]
    shutil.copytree(tests / "support", tmp_path / "tests" / "support", ignore=ignored)
    shutil.copy(tests / "conftest.py", tmp_path / "tests")
    return tmp_path


def collect(clone: pathlib.Path, options: str, backend: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, options, "pytest", "-q", "--collect-only", "tests/support"]
    environment = {**os.environ, "SYSLOGFAST_BACKEND": backend, "PYTEST_ADDOPTS": ""}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)


def test_the_folder_of_a_clone_is_not_tested(clone: pathlib.Path) -> None:
    """`python -m pytest` imports it instead of what was installed: that is refused by name."""
    result = collect(clone, "-m", "")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"the package under test is {clone / 'syslogfast'}, but" in result.stderr
    assert f"installed is {PACKAGE}" in result.stderr
    assert "run `python -Im pytest`" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("options", "backend"), [("-Im", ""), ("-m", "python")])
def test_what_is_asked_for_is_tested(clone: pathlib.Path, options: str, backend: str) -> None:
    """What is installed is; and the fallback of the clone is, if the environment says so."""
    result = collect(clone, options, backend)
    assert result.returncode == 0, result.stderr
    assert "test_backends.py::" in result.stdout


def test_other_cores(tmp_path: pathlib.Path) -> None:
    """Only another package's is one, and only one that is there."""
    suffix = ".so" if os.name == "posix" else ".pyd"
    for name in ("one", "two", "pure"):
        (tmp_path / name / "syslogfast").mkdir(parents=True)
    for name in ("one", "two"):
        (tmp_path / name / "syslogfast" / f"_encoder_c{suffix}").touch()
    one, two, pure, none = (str(tmp_path / name) for name in ("one", "two", "pure", "none"))
    package = tmp_path / "one" / "syslogfast"
    assert find_other_core(package, [pure, one, none]) is None
    core = find_other_core(package, [one, pure, two])
    assert core == (tmp_path / "two" / "syslogfast" / f"_encoder_c{suffix}").resolve()
