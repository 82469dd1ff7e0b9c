"""The twin makes the same bytes on MicroPython, where little else fits."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import syslogfast


@pytest.fixture(scope="module")
def node_modules() -> pathlib.Path:
    """Where `npm install --prefix DIR @micropython/micropython-webassembly-pyscript` put it."""
    directory = pathlib.Path(os.environ.get("SYSLOGFAST_MICROPYTHON", "."), "node_modules")
    if shutil.which("node") is None:
        pytest.skip("Node.js is not on this machine")
    if not (directory / "@micropython").is_dir():
        pytest.skip("SYSLOGFAST_MICROPYTHON names no folder with MicroPython's npm package")
    return directory


def test_vectors_are_the_same_on_micropython(
    node_modules: pathlib.Path, root: pathlib.Path
) -> None:
    folder = root / "tests" / "micropython"
    script = folder / "vectors.py"
    package = pathlib.Path(syslogfast.__file__).parent
    micropython = subprocess.run(
        ["node", folder / "run.mjs", node_modules, package, script],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert micropython.returncode == 0, micropython.stderr
    cpython = subprocess.run(
        [sys.executable, "-I", script],
        env={**os.environ, "SYSLOGFAST_BACKEND": "python"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert len(cpython.stdout.splitlines()) >= 20
    assert micropython.stdout.splitlines() == cpython.stdout.splitlines()
