"""Compiles the package with other flags, or for another interpreter, from the C that there is.

Cython has made that for the environment "plain": it is the same for all, and takes long to make.
"""

import os
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any
from unittest import mock

import builds


def read_extensions(tree: Path) -> list[Any]:
    """Return the extensions of setup.py, without building them."""
    found: list[Any] = []
    before = Path.cwd()
    os.chdir(tree)
    try:
        with mock.patch("setuptools.setup", lambda **given: found.extend(given["ext_modules"])):
            runpy.run_path("setup.py")
    finally:
        os.chdir(before)
    return found


def compile_package(
    interpreter: Path,
    target: Path,
    flags: tuple[str, ...] = (),
    link_flags: tuple[str, ...] = (),
) -> Path:
    """Return `target`, with the package; it is compiled if that has changed since the last time."""
    tree = builds.FOLDER / "plain/tree"
    digest = f"{(tree.parent / 'digest').read_text()} {flags} {link_flags}"
    seal = target / "digest"
    if seal.exists() and seal.read_text() == digest:
        return target
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(tree / "syslogfast", target / "syslogfast")
    asked = "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'))"
    include, suffix = subprocess.run(
        [interpreter, "-c", asked],
        env=os.environ | {"TSAN_OPTIONS": "report_bugs=0"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for extension in read_extensions(tree):
        name = extension.name.rpartition(".")[2]
        compiled = target / f"syslogfast/{name}.o"
        command = [
            *("gcc", "-c", "-fPIC", *extension.extra_compile_args, *flags),
            *(f"-D{macro}={value}" for macro, value in extension.define_macros),
            *(f"-I{tree / folder}" for folder in extension.include_dirs),
            *(f"-I{include}", str(tree / f"syslogfast/_c/{name}.c"), "-o", str(compiled)),
        ]
        subprocess.run(command, check=True)
        module = target / f"syslogfast/{name}{suffix}"
        subprocess.run(["gcc", "-shared", *link_flags, compiled, "-o", module], check=True)
    seal.write_text(digest)
    return target
