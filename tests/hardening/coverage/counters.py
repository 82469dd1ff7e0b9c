"""Loaded by each process of the environment, as a `.pth` file has it: counts lines and branches.

The environment's Python tells no process more than this file does: what a test has a program do
with `-I`, or with an environment of its own, is counted as well. What is left out is `-S`, and
other interpreters of a process.
"""

import _thread
import builtins
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coverage

FOLDER = Path(__file__).with_name("counted")


def begin() -> coverage.Coverage:
    """Count from now on, also in threads that are started without `threading`."""
    counting = coverage.Coverage(
        data_file=str(FOLDER / "python"),
        data_suffix=True,
        branch=True,
        source=[str(Path(__file__).with_name("syslogfast"))],
        config_file=False,
        messages=False,
    )
    for warning in ("no_data", "unimported_source", "preimported_source"):
        setattr(counting, f"_warn_{warning}", False)
    counting._auto_save = True
    counting.start()
    return counting


def write() -> None:
    """Write what has been counted so far: nothing does so where a process ends at once."""
    try:
        counting.save()
    except Exception:
        pass  # the program has changed what that needs
    for name in ("_encoder_c", "_lifecycle_c", "_logger_c"):
        module = sys.modules.get(f"syslogfast.{name}")
        if module is not None:
            import ctypes

            ctypes.CDLL(module.__file__).write_counters()


def write_before(module: Any, name: str, is_end: Callable[..., object] = lambda *_: True) -> None:
    """Have all written before this function does what may end the process."""
    function = getattr(module, name)

    def call(*arguments: object, **options: object) -> object:
        if is_end(*arguments, **options):
            write()
        return function(*arguments, **options)

    setattr(module, name, call)


def count_in_threads() -> None:
    """Have `_thread` start each thread as `threading` does: it is counted what runs there."""
    start = _thread.start_new_thread

    def start_counted(
        work: Callable[..., object], arguments: tuple[Any, ...] = (), options: Any = None
    ) -> int:
        def run(*arguments: object, **options: object) -> None:
            if threading._trace_hook is not None:
                sys.settrace(threading._trace_hook)
            work(*arguments, **options)

        return start(run, arguments, options or {})

    _thread.start_new_thread = start_counted


def is_main_interpreter() -> bool:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        return True
    return bool(interpreters.get_current() == interpreters.get_main())


if is_main_interpreter():
    counting = begin()
    count_in_threads()
    for name in ("_exit", "abort", "execv", "execve"):
        write_before(os, name)
    write_before(os, "kill", lambda process, _: process == os.getpid())
    write_before(signal, "raise_signal")
    # Who waits to be told that a program is ready may well end it then.
    write_before(builtins, "print", lambda *_, **options: options.get("flush"))
