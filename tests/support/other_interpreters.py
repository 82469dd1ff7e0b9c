"""Pythons other than CPython, where they can be had: each runs code beside copies of folders."""

import os
import pathlib
import shutil
import subprocess

import pytest

RUN = pathlib.Path(__file__).with_name("run_pyodide.mjs")
PACKAGES = {"pyodide": "pyodide", "micropython": "@micropython"}
NAMES = ("pypy", *PACKAGES, "micropython-unix")


def find_node_modules(name: str) -> pathlib.Path:
    """Return where `npm install --prefix DIR` has put an interpreter; skip where it has not."""
    variable = f"SYSLOGFAST_{name.upper()}"
    folder = pathlib.Path(os.environ.get(variable, "."), "node_modules").absolute()
    if shutil.which("node") is None:
        pytest.skip("Node.js is not on this machine")
    if not (folder / PACKAGES[name]).is_dir():
        pytest.skip(f"{variable} names no folder with the npm package of {name}")
    return folder


def find_pypy() -> str:
    pypy = os.environ.get("SYSLOGFAST_PYPY") or shutil.which("pypy3")
    if pypy is None:
        pytest.skip("PyPy is not on this machine")
    return pypy


def find_unix_port() -> str:
    micropython = os.environ.get("SYSLOGFAST_MICROPYTHON_UNIX") or shutil.which("micropython")
    if micropython is None:
        pytest.skip("MicroPython's unix port is not on this machine")
    return micropython


def find_mpy_cross() -> str:
    mpy_cross = os.environ.get("SYSLOGFAST_MPY_CROSS") or shutil.which("mpy-cross")
    if mpy_cross is None:
        pytest.skip("mpy-cross is not on this machine")
    return mpy_cross


def run_in_interpreter(
    name: str, code: str, *folders: pathlib.Path
) -> "subprocess.CompletedProcess[str]":
    """Run code in an interpreter where each folder, without the compiled module, is a package."""
    if name in ("pypy", "micropython-unix"):
        roots = [str(folder.parent) for folder in folders]
        code = f"import sys; sys.path[:0] = {roots}\n{code}"
        command = [find_pypy(), "-IB"] if name == "pypy" else [find_unix_port()]
        command += ["-c", code]
    else:
        command = ["node", str(RUN), name, str(find_node_modules(name)), code, *map(str, folders)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)
