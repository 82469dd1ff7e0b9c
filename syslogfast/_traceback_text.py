"""The text of an exception, as traceback.format_exception makes it, from texts that are kept.

`traceback` parses the source of each frame anew, which takes 20 us and more. Code, instruction,
line and source decide what a frame's text is, and nothing else; so it is made once, by `traceback`
itself. What is no plain exception, or would be formatted by functions that somebody has replaced,
is left to that module as a whole. No frame and no exception is kept, only codes and sources.
"""

import linecache
import os
import sys
import traceback
from operator import is_, itemgetter
from traceback import TracebackException
from types import FunctionType, TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, ModuleType
    from typing import Any, TypeAlias

    # The code, whose address is in the key; what `linecache` has of its file; first line; all.
    Known: TypeAlias = tuple[CodeType, object, str, str]
    # A namespace, and what reads the entries of it that matter.
    Space: TypeAlias = tuple[Mapping[str, Any], Callable[[Any], tuple[Any, ...]]]

IS_KNOWN = (3, 11) <= sys.version_info < (3, 16)  # what `traceback` is like
CAPACITY = 1024  # texts of frames, of some 300 octets each
UNKNOWN = object()  # in place of an entry of linecache
NESTED = "-" * 100 + "0"  # deeper than the source of a frame is likely to be
ROOM = 50  # more calls than `traceback` has within each other
AST_ONLY = 0x400  # ast.PyCF_ONLY_AST
BASE: "Any" = BaseException
HINTING = (SyntaxError, NameError, AttributeError, ImportError)  # of which `traceback` says more

# What decides the text of a frame, or is not called where that is known. Each Python has some.
LINECACHE_NAMES = ("getline", "getlines", "checkcache", "updatecache", "lazycache")
TRACEBACK_NAMES = (
    *("linecache", "format_exception", "_parse_value_tb", "_walk_tb_with_full_positions"),
    *("_get_code_position", "_byte_offset_to_character_offset", "_display_width", "_wlen"),
    *("_extract_caret_anchors_from_line_segment", "_RECURSIVE_CUTOFF"),
    *("_format_final_exc_line", "_safe_string"),
)
CLASS_NAMES = {
    "FrameSummary": (
        *("__init__", "line", "_original_line", "_set_lines", "_original_lines"),
        *("_dedented_lines",),
    ),
    "StackSummary": (
        *("_extract_from_extended_frame_gen", "format", "format_frame_summary"),
        *("_should_show_carets",),
    ),
    "TracebackException": ("__init__", "_load_lines", "format", "format_exception_only"),
    "_ExceptionPrintContext": ("__init__", "emit", "indent"),
}

known_texts: "dict[tuple[int, int, int], Known]" = {}


def is_own(entry: "Any", module: "ModuleType", model: "Any") -> bool:
    """Return True if an entry is of a module itself, as the model is, and wraps no other."""
    if type(entry) is classmethod:
        entry = entry.__func__
    elif type(entry) is property:
        entry = entry.fget
    if type(entry) is FunctionType:
        return (
            entry.__globals__ is vars(module)
            and entry.__code__.co_filename == model.__code__.co_filename
        )
    if type(entry) is type:
        return entry.__module__ == module.__name__
    return entry is linecache or type(entry) is int


def read_entries() -> "list[Any]":
    """Return all that is compared, as it is now. KeyError: an entry is gone."""
    entries: list[Any] = []
    for space, read in spaces:
        entries += read(space)
    return entries


def list_spaces() -> "list[Space]":
    """Return where the entries are that each call compares; nothing if some are another's."""
    spaces: list[Space] = []
    try:
        for owner, module, model, names in (
            (linecache, linecache, linecache.clearcache, LINECACHE_NAMES),
            (traceback, traceback, traceback.clear_frames, (*TRACEBACK_NAMES, *CLASS_NAMES)),
            *(
                (getattr(traceback, kind), traceback, traceback.clear_frames, names)
                for kind, names in CLASS_NAMES.items()
            ),
        ):
            entries = vars(owner)
            present = [name for name in names if name in entries]
            if not all(is_own(entries[name], module, model) for name in present):
                return []
            spaces.append((entries, itemgetter(*present)))
    except (AttributeError, TypeError):  # of what stands in place of a class, or is compiled
        return []
    return spaces


spaces = list_spaces() if IS_KNOWN else []
before = read_entries()
CUTOFF: int = getattr(traceback, "_RECURSIVE_CUTOFF", 0)


def is_untouched() -> bool:
    """Return True if `traceback` would do what it did when this module was loaded."""
    try:
        return (
            all(map(is_, read_entries(), before))
            and bool(before)
            and sys.modules.get("traceback") is traceback
            and "tracebacklimit" not in vars(sys)
        )
    except KeyError:
        return False


def is_plain(value: "Any", trace: object) -> bool:
    """Return True if an exception shows no others, and says by no code of its own which it has."""
    kind: Any = type(value)
    return (
        type(kind) is type
        and issubclass(kind, BaseException)
        and (trace is None or type(trace) is TracebackType)
        and kind.__cause__ is BASE.__cause__
        and kind.__context__ is BASE.__context__
        and kind.__suppress_context__ is BASE.__suppress_context__
        and kind.__getattribute__ is BASE.__getattribute__
        and value.__cause__ is None
        and (value.__context__ is None or value.__suppress_context__)
        and not isinstance(value, BaseExceptionGroup)
    )


def format_exception(kind: "Any", value: "Any", trace: "Any") -> "list[str]":
    """Return what traceback.format_exception(kind, value, trace) does."""
    if not is_untouched() or not is_plain(value, trace):
        from traceback import format_exception

        return format_exception(kind, value, trace)
    texts = recall_texts(trace)
    if texts is None:
        sources = list_sources(trace) if is_whole() else {}
        described: Any = TracebackException(type(value), value, trace, compact=True)
        texts = described.stack.format()
        keep_texts(trace, texts, sources)
    elif not hints_at_nothing(value):
        # It may suggest names that the frames have.
        described = TracebackException(type(value), value, trace, limit=0, compact=True)
    else:
        described = None
    ending = described.format_exception_only() if described else [write_last_line(value)]
    headline = ["Traceback (most recent call last):\n"] if texts else []
    return [*headline, *texts, *ending]


def hints_at_nothing(value: "Any") -> bool:
    """Return True if all that `traceback` says of an exception is its class and message."""
    kind = type(value)
    return (
        not issubclass(kind, HINTING)
        and not hasattr(kind, "__getattr__")
        and not hasattr(kind, "__notes__")  # a property of its own would run code
        and not hasattr(value, "__notes__")
        and type(kind.__module__) is str
    )


def write_last_line(value: "Any") -> str:
    kind = type(value)
    name = kind.__qualname__
    if kind.__module__ not in ("__main__", "builtins"):
        name = f"{kind.__module__}.{name}"
    text = print_safely(print_safely(value))  # the second for a subclass of str
    return f"{name}: {text}\n" if text else f"{name}\n"


def print_safely(value: object) -> str:
    try:
        return str(value)
    except BaseException:  # whatever it is, as `traceback` does
        return "<exception str() failed>"


def recall_texts(trace: "TracebackType | None") -> "list[str] | None":
    """Return the texts of all frames; None if one is not known, or stands for several."""
    texts = []
    sources: dict[str, object] = {}
    path, source, previous, repeated = "", UNKNOWN, "", 0
    while trace is not None:
        code = trace.tb_frame.f_code
        known = known_texts.get((id(code), trace.tb_lasti, trace.tb_lineno))
        if known is None:
            return None
        if code.co_filename is not path:
            path = code.co_filename
            if path not in sources:
                sources[path] = find_source(path)
            source = sources[path]
        _, own_source, line, text = known
        if own_source is not source:
            return None
        if line != previous:
            previous, repeated = line, 1
        elif repeated == CUTOFF:
            return None
        else:
            repeated += 1
        texts.append(text)
        trace = trace.tb_next
    return texts


def find_source(path: str) -> object:
    """Return the entry of a file in `linecache`, if `traceback` would use it as it is.

    None: there is none, and never will be. UNKNOWN: nobody can tell.
    """
    cache: Any = linecache.cache
    if type(cache) is not dict or type(path) is not str:
        return UNKNOWN
    entry = cache.get(path)
    if entry is None:
        is_no_file = path.startswith("<") and path.endswith(">")
        return None if is_no_file and not getattr(linecache, "_interactive_cache", 0) else UNKNOWN
    if type(entry) is not tuple or len(entry) != 4:
        return UNKNOWN  # not loaded yet
    size, modified, _, full_path = entry
    if modified is not None:  # as linecache.checkcache does
        try:
            found = os.stat(full_path)
        except (OSError, ValueError):
            return UNKNOWN
        if size != found.st_size or modified != found.st_mtime:
            return UNKNOWN
    return entry


def list_sources(trace: "TracebackType | None") -> "dict[str, object]":
    """Return the sources of all files of a traceback."""
    sources: dict[str, object] = {}
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if path not in sources:
            sources[path] = find_source(path)
        trace = trace.tb_next
    return sources


def is_whole(calls: int = ROOM) -> bool:
    """Return True if `traceback` has what it needs to format a frame with all that belongs to it.

    It leaves something out if it cannot import `ast`, or has not enough of the stack to parse.
    """
    try:
        if calls:
            return is_whole(calls - 1)
        compile(NESTED, "", "eval", AST_ONLY)
    except Exception:  # whatever it is, `traceback` would have it as well
        return False
    return sys.modules.get("ast") is not None


def keep_texts(trace: "Any", texts: "list[str]", sources: "dict[str, object]") -> None:
    """Keep the text of each frame whose source is what it was before the text was made."""
    if not all(text.startswith('  File "') for text in texts):
        return  # one stands for several
    known_sources = list_sources(trace)
    for text in texts:
        code = trace.tb_frame.f_code
        source = known_sources[code.co_filename]
        is_same = sources.get(code.co_filename, UNKNOWN) is source is not UNKNOWN
        if is_same and type(code.co_name) is str:
            if len(known_texts) >= CAPACITY:
                known_texts.clear()
            line = text[: text.index("\n")]
            known_texts[id(code), trace.tb_lasti, trace.tb_lineno] = (code, source, line, text)
        trace = trace.tb_next
