"""Both implementations, by the names of their tests: "c" and "python"."""

import functools
from types import ModuleType, SimpleNamespace

from support.backends import load_backend, load_emitter_module


@functools.cache
def load_modules() -> dict[str, SimpleNamespace]:
    from syslogfast import _emitter_py
    from syslogfast.transports import queue_py, ring_py

    c, python = load_backend("c"), load_backend("python")
    return {
        "c": SimpleNamespace(
            Encoder=c.Encoder,
            EmitterBase=c.EmitterBase,
            make_queue=c.Queue,
            make_ring=lambda limit, block_size: c.Queue(limit, block_size, True),
        ),
        "python": SimpleNamespace(
            Encoder=python.Encoder,
            EmitterBase=_emitter_py.EmitterBase,
            make_queue=queue_py.Queue,
            make_ring=ring_py.Ring,
        ),
    }


def load_emitter(name: str) -> ModuleType:
    """Return `syslogfast.emitter` as it is with this backend."""
    return load_emitter_module(name)
