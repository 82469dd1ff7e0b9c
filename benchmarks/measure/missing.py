"""What a machine may lack: programs and packages, each of which is looked for before it is used."""

import importlib.util
import os
import pathlib
import shutil

import pytest

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on the PATH of an ordinary user


class MissingError(pytest.skip.Exception):
    """Says what is missing: a test that does not catch it is left out."""


def find_program(name: str, folders: str = "") -> str:
    """Return the path of a program, in these folders too; MissingError: there is none."""
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which(name, path=f"{path}:{folders}" if folders else path)
    if found is None:
        raise MissingError(f"{name} is not on this machine")
    return found


def find_one(folder: str, pattern: str) -> pathlib.Path:
    """Return the only such file of a folder that was unpacked; MissingError: it is not there."""
    found = list(pathlib.Path(folder).resolve().glob(pattern))
    if len(found) != 1:
        raise MissingError(f"{folder} has no {pattern}")
    return found[0]


def is_installed(module: str) -> bool:
    """Return True if a module can be imported: of a namespace such as `hat`, that very one."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def require_compiler() -> None:
    """Refuse a machine that cannot compile what is beside the package: the floor, small builds."""
    compiler = os.environ.get("CC", "").split() or ["gcc", "cc"]
    if not any(map(shutil.which, compiler)):
        raise MissingError("a C compiler is not on this machine")
