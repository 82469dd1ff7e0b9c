"""Both backends of what is tested: encoders, and emitters as they are with each of them."""

import importlib
import importlib.machinery
import importlib.util
import pathlib
from collections.abc import Sequence
from types import ModuleType

import pytest

import syslogfast
from syslogfast import _backend

BACKENDS = {"c": "syslogfast._encoder_c", "python": "syslogfast._encoder_py"}


def load_backend(name: str) -> ModuleType:
    try:
        return importlib.import_module(BACKENDS[name])
    except ModuleNotFoundError as error:
        if error.name != BACKENDS["c"] or syslogfast.BACKEND == "c":
            raise
        pytest.skip("the compiled encoder is not built")


emitter_modules: dict[str, ModuleType] = {}


def load_emitter_module(name: str) -> ModuleType:
    """Return the module syslogfast.emitter as it is with this backend, whichever one is active."""
    encoder = load_backend(name)
    if name not in emitter_modules:
        path = importlib.util.find_spec("syslogfast.emitter").origin
        spec = importlib.util.spec_from_file_location(f"emitter_{name}", path)
        module = importlib.util.module_from_spec(spec)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_backend, "BACKEND", name)
            patch.setattr(_backend, "Encoder", encoder.Encoder)
            spec.loader.exec_module(module)
        assert module.Encoder is encoder.Encoder
        emitter_modules[name] = module
    return emitter_modules[name]


def find_other_core(package: pathlib.Path, path: Sequence[str]) -> pathlib.Path | None:
    """Return a compiled core on the path that is not the given package's, if there is one."""
    for entry in path:
        folder = pathlib.Path(entry, "syslogfast").resolve()
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            core = folder / f"_encoder_c{suffix}"
            if folder != package.resolve() and core.exists():
                return core
    return None
