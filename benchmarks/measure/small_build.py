"""The small build of what is checked out here, beside the usual one of the same compiler."""

import importlib.machinery
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
from types import ModuleType

ROOT = pathlib.Path(__file__).parent.parent.parent
NEEDED = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


def build(folder: pathlib.Path, is_small: bool) -> pathlib.Path:
    """Build a copy of the project in a new folder; return the compiled module."""
    shutil.copytree(
        ROOT / "syslogfast", folder / "syslogfast", ignore=shutil.ignore_patterns("*.c", "*.so")
    )
    for name in NEEDED:
        shutil.copy(ROOT / name, folder)
    environment = {**os.environ, "SYSLOGFAST_REQUIRE_C": "1"}
    environment["SYSLOGFAST_SMALL"] = "1" if is_small else ""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    (module,) = (folder / "syslogfast").glob("_encoder_c*.so")
    return module.resolve()


def load(path: pathlib.Path) -> ModuleType:
    """Load a compiled encoder beside the one that `import` gives."""
    loader = importlib.machinery.ExtensionFileLoader("syslogfast._encoder_c", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
