"""A module in C, built for a test that needs what only C can do."""

import pathlib
import shutil
import subprocess
import sysconfig

import pytest


def build_module(folder: pathlib.Path, name: str, source: str) -> None:
    """Build a module in a folder, of its source in C; skip where that cannot be done."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    headers = sysconfig.get_path("include")
    if compiler is None:
        pytest.skip("there is no compiler for C")
    if not (pathlib.Path(headers) / "Python.h").exists():
        pytest.skip("the headers of this Python are not on this machine")
    (folder / f"{name}.c").write_text(source, encoding="ascii")
    target = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    options = ["-shared", "-fPIC", f"-I{headers}"]
    subprocess.run([compiler, *options, "-o", target, folder / f"{name}.c"], check=True)
