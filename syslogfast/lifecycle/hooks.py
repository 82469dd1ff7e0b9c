"""Where Python reports exceptions that nobody has caught.

Each `attach_...` puts something before what was there, which is still called, and returns what
takes it away again. `threading` and `asyncio` are not imported for that: if they are not there
yet, a finder on sys.meta_path attaches to them later.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Undo = Callable[[], None]

ERROR = 40  # the level of `logging`


def attach_to_hook(module: "Any", name: "str", report: "Callable[..., None]") -> "Undo":
    """Call `report` with what a module's hook is given, before that.

    To undo it takes ours out, unless somebody else's is there now.
    """
    former = getattr(module, name)

    def hook(*args: "Any") -> "None":
        try:
            report(*args)
        finally:
            former(*args)

    def undo() -> "None":
        if getattr(module, name) is hook:
            setattr(module, name, former)

    setattr(module, name, hook)
    return undo


def attach_to_threading(report: "Callable[[Any], None]") -> "Undo":
    """Call `report` with what threading.excepthook is given, before that."""

    def attach(threading: "ModuleType") -> "Undo":
        return attach_to_hook(threading, "excepthook", report)

    return attach_when_imported("threading", attach)


def attach_to_asyncio(report: "Callable[[Any], None]") -> "Undo":
    """Call `report` with each record that asyncio logs as an error.

    As a filter of its logger: with a handler, logging would no longer write it to standard error.
    """

    def report_error(record: "Any") -> "bool":
        if record.levelno >= ERROR:
            report(record)
        return True

    def attach(log: "ModuleType") -> "Undo":
        logger = log.logger
        logger.addFilter(report_error)
        return lambda: logger.removeFilter(report_error)

    return attach_when_imported("asyncio.log", attach)


def attach_when_imported(name: "str", attach: "Callable[[ModuleType], Undo]") -> "Undo":
    """Call `attach` with a module: now, or when it has been imported."""
    if name in sys.modules:
        return attach(sys.modules[name])
    watch = ImportWatch(name, attach)
    sys.meta_path.insert(0, watch)
    return watch.undo


class ImportWatch:
    """Finds no module, but learns that one is being imported, until it has been."""

    def __init__(self, name: "str", attach: "Callable[[ModuleType], Undo]") -> "None":
        self._name = name
        self._attach = attach
        self._is_asking = False  # the others
        self._undo: Undo | None = None

    def find_spec(
        self,
        name: "str",
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """Have the others find the module, and watch its loader."""
        if name != self._name or self._is_asking:
            return None
        self._is_asking = True
        try:  # no loop in it: see Queue's lock
            return self._ask_others(name, path, target)
        finally:
            self._is_asking = False

    def _ask_others(self, *wanted: "Any") -> "ModuleSpec | None":
        for finder in list(sys.meta_path):
            find_spec = getattr(finder, "find_spec", None)
            spec: Any = find_spec(*wanted) if find_spec else None
            if spec is not None and spec.loader is not None:
                spec.loader = WatchedLoader(spec.loader, self._note)
                return spec  # type: ignore[no-any-return]
        return None

    def undo(self) -> "None":
        self._forget()
        if self._undo:
            self._undo()

    def _forget(self) -> "None":
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def _note(self, module: "ModuleType") -> "None":
        # Somebody may have asked for the spec alone, and made a module of it that is not this one.
        if self in sys.meta_path and sys.modules.get(self._name) is module:
            self._forget()
            self._undo = self._attach(module)


class WatchedLoader:
    """A loader that calls `note` when its module has run; for all else it is the module's own."""

    def __init__(self, loader: "Any", note: "Callable[[ModuleType], None]") -> "None":
        self._loader = loader
        self._note = note

    def __getattr__(self, name: "str") -> "Any":
        return getattr(self._loader, name)

    def exec_module(self, module: "ModuleType") -> "None":
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._note(module)
