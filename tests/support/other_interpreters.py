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


def find_command(variable: str, command: str, name: str) -> str:
    """Return the path of a program, which a variable may name; skip where there is none."""
    path = os.environ.get(variable) or shutil.which(command)
    if path is None:
        pytest.skip(f"{name} is not on this machine")
    return path


def find_pypy() -> str:
    return find_command("SYSLOGFAST_PYPY", "pypy3", "PyPy")


def find_unix_port() -> str:
    return find_command("SYSLOGFAST_MICROPYTHON_UNIX", "micropython", "MicroPython's unix port")


def find_mpy_cross() -> str:
    return find_command("SYSLOGFAST_MPY_CROSS", "mpy-cross", "mpy-cross")


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
