"""Fixtures of the benchmarks: the record that is encoded, the encoders, the floor."""

import importlib.util
import pathlib
import sys
import sysconfig
from types import ModuleType

import pytest

IDENTITY = {"hostname": "web1.example.com", "app_name": "shop-checkout", "procid": 4242}
MESSAGE = (
    "order 4711 of customer 1234 accepted: 3 items, 59.97 EUR, paid by card, sent to 12 Main St, OK"
).ljust(102, ".")


@pytest.fixture(scope="session")
def floor_module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """`floor.pyx`, compiled like the encoder itself."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    directory = tmp_path_factory.mktemp("floor")
    source = directory / "floor.pyx"
    source.write_text(pathlib.Path(__file__).with_name("floor.pyx").read_text())
    extension = Extension("floor", [str(source)], extra_compile_args=["-O2"])
    # The installed package's .pxd files are found where the package is.
    package = importlib.util.find_spec("syslogfast")
    assert package is not None
    assert package.submodule_search_locations is not None
    above = str(pathlib.Path(next(iter(package.submodule_search_locations))).parent)
    distribution = Distribution(
        {
            "ext_modules": cythonize([extension], include_path=[above], quiet=True),
            "script_args": ["--quiet"],
        }
    )
    command = build_ext(distribution)
    command.build_lib = command.build_temp = str(directory)
    command.ensure_finalized()
    command.run()
    path = directory / f"floor{sysconfig.get_config_var('EXT_SUFFIX')}"
    spec = importlib.util.spec_from_file_location("floor", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["floor"] = module
    spec.loader.exec_module(module)
    return module
