"""What installing a package puts on a disk: files and bytes, with all that it depends on."""

import importlib.metadata
import importlib.util
import pathlib
import py_compile
import re
import subprocess
import tempfile
from dataclasses import dataclass

from packaging.requirements import Requirement


@dataclass
class Installed:
    """files: .py, compiled and others, without .pyc; the rest are bytes. packages: with its own."""

    packages: int = 0
    files: int = 0
    source: int = 0
    bytecode: int = 0
    compiled: int = 0
    stripped: int = 0


def list_packages(name: str) -> set[str]:
    """Return the names of a package and of all that it needs here, also indirectly."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        package = importlib.metadata.distribution(waiting.pop())
        if package.name in found:
            continue
        found.add(package.name)
        for requirement in map(Requirement, package.requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def measure_installed(name: str) -> Installed:
    """Measure what is loaded from: metadata are no part of it, nor are commands."""
    installed = Installed()
    for package in list_packages(name):
        installed.packages += 1
        for file in importlib.metadata.files(package) or []:
            path = pathlib.Path(str(file.locate()))
            if file.parts[0] == ".." or file.parts[0].endswith(".dist-info"):
                continue
            if path.suffix == ".pyc":
                continue
            installed.files += 1
            if path.suffix == ".py":
                installed.source += path.stat().st_size
                installed.bytecode += measure_bytecode(path)
            elif path.suffix == ".so":
                installed.compiled += path.stat().st_size
                installed.stripped += measure_stripped(path)
    return installed


def measure_bytecode(path: pathlib.Path) -> int:
    """Return the size of its .pyc; not every installer makes it."""
    bytecode = pathlib.Path(importlib.util.cache_from_source(str(path)))
    if bytecode.exists():
        return bytecode.stat().st_size
    with tempfile.TemporaryDirectory() as directory:
        made = pathlib.Path(directory, bytecode.name)
        py_compile.compile(str(path), str(made), doraise=True)
        return made.stat().st_size


def measure_stripped(path: pathlib.Path) -> int:
    """Return the size of a compiled module without what only a debugger reads."""
    with tempfile.TemporaryDirectory() as directory:
        stripped = pathlib.Path(directory, path.name)
        subprocess.run(["strip", "-o", str(stripped), str(path)], check=True)
        return stripped.stat().st_size


def list_allocating(path: pathlib.Path) -> set[str]:
    """Return the functions of a compiled module that call the C library's allocator."""
    disassembled = subprocess.run(["objdump", "-d", str(path)], check=True, capture_output=True)
    found, function = set(), ""
    for line in disassembled.stdout.decode().splitlines():
        if line.endswith(">:"):
            function = line.partition("<")[2].removesuffix(">:")
        elif re.search(r"<(m|c|re)alloc@", line):
            found.add(function)
    return found
