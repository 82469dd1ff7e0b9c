"""Run a component of WASI, as `wasmtime run` does, with the grants that are asked for.

usage: python3 host.py COMPONENT [--grant] [NAME=VALUE...]      --grant: sockets; NAME: variables
       python3 host.py COMPONENT --compile                      no more than that
"""

import pathlib
import sys

from wasmtime import Engine, Store, WasiConfig, WasmtimeError, _bindings
from wasmtime.component import Component, Linker

INTERFACE = "wasi:cli/run@0.2.0"


def load(engine: Engine, path: pathlib.Path) -> Component:
    """Return the component; what it is compiled to is kept beside it."""
    compiled = path.with_suffix(".cwasm")
    if not compiled.exists() or compiled.stat().st_mtime < path.stat().st_mtime:
        compiled.write_bytes(Component.from_file(engine, str(path)).serialize())
    return Component.deserialize_file(engine, str(compiled))


def configure(is_granted: bool, variables: list[str]) -> WasiConfig:
    config = WasiConfig()
    config.inherit_stdout()
    config.inherit_stderr()
    config.env = [variable.split("=", 1) for variable in variables]
    if is_granted:  # wasmtime run -S inherit-network,allow-ip-name-lookup
        _bindings.wasi_config_inherit_network(config.ptr())
        _bindings.wasi_config_allow_ip_name_lookup(config.ptr(), True)
    return config


def run(path: pathlib.Path, config: WasiConfig) -> None:
    engine = Engine()
    store = Store(engine)
    store.set_wasi(config)
    linker = Linker(engine)
    linker.add_wasip2()
    instance = linker.instantiate(store, load(engine, path))
    exported = instance.get_export_index(store, INTERFACE)
    function = instance.get_func(store, instance.get_export_index(store, "run", exported))
    function(store)


if __name__ == "__main__":
    path, *words = sys.argv[1:] or sys.exit(__doc__)
    is_granted = words[:1] == ["--grant"]
    try:
        if words == ["--compile"]:
            load(Engine(), pathlib.Path(path))
        else:
            run(pathlib.Path(path), configure(is_granted, words[is_granted:]))
    except WasmtimeError as error:
        sys.exit(f"{path}: {str(error).splitlines()[0]}")
