"""The text of an exception is traceback's, whether texts of its frames are known or not."""

import asyncio
import collections
import functools
import gc
import importlib.util
import linecache
import logging
import os
import pathlib
import random
import subprocess
import sys
import traceback
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import pytest
from support.each import try_each
from support.grammar import parse_rfc5424
from support.threads import run_threads

from syslogfast import _message, _traceback_text
from syslogfast._traceback_text import known_texts, recall_texts

pytestmark = [pytest.mark.native, pytest.mark.versions, pytest.mark.threads]

ROUNDS = int(os.environ.get("SYSLOGFAST_TRACEBACK_ROUNDS", "60"))


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin with the parser of sources loaded, and without any text; leave no odd entries.

    Nor with what `-c` has run, which some Pythons know: it may have started this process.
    """
    import ast  # noqa: F401

    monkeypatch.setattr(linecache, "_interactive_cache", {}, raising=False)
    known_texts.clear()
    entries = dict(linecache.cache)
    yield
    linecache.cache.clear()
    linecache.cache.update(entries)
    known_texts.clear()


def catch(function: Callable[..., object], *args: object) -> Any:
    """Return what sys.exc_info() is after a call that raises."""
    try:
        function(*args)
    except BaseException:
        return sys.exc_info()
    raise AssertionError("it has raised nothing")


def note_outcome(format_it: Callable[[], object]) -> object:
    try:
        return format_it()
    except BaseException as error:
        return type(error), str(error)


def compare(exc_info: Any) -> str:
    """Check that the text is traceback's, four times, each with the same entries of linecache.

    Nor does it leave other entries there.
    """
    kind, value, trace = exc_info
    text = ""
    for _ in range(4):
        entries = dict(linecache.cache)
        own = note_outcome(lambda: "".join(_traceback_text.format_exception(kind, value, trace)))
        left = dict(linecache.cache)
        linecache.cache.clear()
        linecache.cache.update(entries)
        text = note_outcome(lambda: "".join(traceback.format_exception(kind, value, trace)))
        assert own == text
        assert left == linecache.cache
    if isinstance(text, str):
        assert _message.format_exception(exc_info) == text.removesuffix("\n")
    return str(text)


def is_kept(exc_info: Any) -> bool:
    """Return True if the frames of this exception are not formatted again."""
    _, value, trace = exc_info
    return (
        _traceback_text.is_untouched()
        and _traceback_text.is_plain(value, trace)
        and recall_texts(trace) is not None
    )


# --- exceptions of each kind ---------------------------------------------------------------------


def fail(error: BaseException | None = None) -> None:
    raise error or ValueError("no such thing")


def call(depth: int, function: Callable[[], object]) -> object:
    """Call a function below `depth` frames, no two of which, one after the other, are alike."""
    if depth == 0:
        return function()
    return call_likewise(depth - 1, function)


def call_likewise(depth: int, function: Callable[[], object]) -> object:
    if depth == 0:
        return function()
    return [
        call(
            depth - 1,
            function,
        )
    ][0] + {"ä": 1}["ä"]  # type: ignore[operator]


def recur(depth: int) -> object:
    if depth == 0:
        raise ValueError("deep")
    return recur(depth - 1)


def divide() -> object:
    zero = 0
    return (1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1) / zero


def misspell_attribute() -> object:
    return "x".uper()  # type: ignore[attr-defined]


def misspell_name() -> object:
    colour = 1
    return colour + color  # type: ignore[name-defined]  # noqa: F821


class Basket:
    def misspell_own(self) -> object:
        return count + self.count  # type: ignore[name-defined,attr-defined]  # noqa: F821

    @property
    def count(self) -> int:
        return 1


def misspell_import() -> None:
    from collections import ordereddict  # type: ignore[attr-defined]  # noqa: F401


def miss_module() -> None:
    import no_such_module_anywhere  # noqa: F401


def raise_group() -> None:
    errors = [catch(fail)[1], catch(misspell_attribute)[1]]
    raise ExceptionGroup("two", [*errors, ExceptionGroup("inner", errors)])


def raise_from(cause: BaseException | None) -> None:
    try:
        fail()
    except ValueError:
        raise LookupError("second") from cause


def raise_in_handler() -> None:
    try:
        fail()
    except ValueError:
        raise LookupError("second")  # noqa: B904


def raise_itself() -> None:
    error = ValueError("round")
    error.__cause__ = error
    raise error


class FalseError(Exception):
    def __bool__(self) -> bool:
        return False


class EmptyError(Exception):
    def __len__(self) -> int:
        return 0


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise self.args[0]


class NotTextError(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class Meta(type):
    pass


class MetaError(Exception, metaclass=Meta):
    pass


class RenamedError(Exception):
    pass


RenamedError.__module__ = 5  # type: ignore[assignment]
RenamedError.__qualname__ = "no.such\nname"


class CauseError(Exception):
    """What says by code of its own that it has a cause."""

    @property
    def __cause__(self) -> BaseException:  # type: ignore[override]
        return ValueError("cause")


class GroupError(Exception):
    """What pretends to be a group."""

    exceptions = (ValueError("inner"),)

    @property
    def __class__(self) -> type:  # type: ignore[override]
        return ExceptionGroup


class EverythingError(Exception):
    def __getattribute__(self, name: str) -> Any:
        if name == "__context__":
            return ValueError("context")
        return super().__getattribute__(name)


class NotesError(Exception):
    @property
    def __notes__(self) -> object:
        raise LookupError("no notes")


def add_notes(notes: object) -> None:
    error = ValueError("noted")
    error.__notes__ = notes  # type: ignore[assignment]
    raise error


def compile_wrong(source: str = "x = (1 +* 2)\n") -> None:
    compile(source, "wrong.py", "exec")


def raise_wrong_syntax_error() -> None:
    raise SyntaxError("bad", ("file.py", 1, 2, "x = \n"))


def execute(source: str, path: str = "<string>") -> None:
    exec(compile(source, path, "exec"), {"__name__": "made", "fail": fail})


def execute_known_source() -> None:
    """Execute a source that `linecache` was given, as attrs gives it."""
    path = "<made by a test>"
    source = "def made():\n    return fail() + 1\nmade()\n"
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    execute(source, path)


class Loader:
    def get_source(self, name: str) -> str:
        return "def made():\n    (fail)  (1, *[2], )\nmade()\n"


def execute_loaded_source() -> None:
    """Execute a source that its loader has, and no file."""
    spec = types.SimpleNamespace(name="made", loader=Loader())
    scope = {"__name__": "made", "__loader__": spec.loader, "__spec__": spec, "fail": fail}
    exec(compile(Loader().get_source("made"), "/no/such/made.py", "exec"), scope)


def change_code(**changes: Any) -> None:
    function = types.FunctionType(fail.__code__.replace(**changes), globals())
    function(None)


@dataclass
class Checked:
    price: int

    def __post_init__(self) -> None:
        fail()


class Text(str):
    def __format__(self, form: str) -> str:
        return f"{id(form)}"


async def fail_later() -> None:
    await asyncio.sleep(0)
    fail()


def fail_in_generator() -> None:
    def generate() -> Iterator[None]:
        yield fail()

    sum(1 for _ in generate() if [_ * 2 for _ in "ab"])


def make_trace(lasti: int, line: int) -> Any:
    """Return an exception with an entry that no interpreter has made, above the others."""
    kind, value, trace = catch(call, 2, fail)
    return kind, value, types.TracebackType(trace, trace.tb_frame, lasti, line)


def fail_in_json() -> None:
    import json

    json.loads("[1, {]")


KEPT: "dict[str, Callable[[], object]]" = {
    "no frames": lambda: (ValueError, ValueError("new"), None),
    "another type": lambda: (KeyError, *catch(call, 5, fail)[1:]),
    "no type": lambda: (None, *catch(call, 5, fail)[1:]),
    "seven frames": lambda: catch(call, 5, fail),
    "seventy frames": lambda: catch(call, 70, fail),
    "three times": lambda: catch(recur, 3),
    "three times and more": lambda: catch(lambda: [recur(3), None]),
    "several files": lambda: catch(fail_in_json),
    "an operator": lambda: catch(call, 5, divide),
    "generator": lambda: catch(fail_in_generator),
    "coroutine": lambda: catch(asyncio.run, fail_later()),
    "lambda": lambda: catch(lambda: (lambda: fail())()),
    "attribute": lambda: catch(misspell_attribute),
    "name": lambda: catch(misspell_name),
    "own": lambda: catch(Basket().misspell_own),
    "import": lambda: catch(misspell_import),
    "module": lambda: catch(miss_module),
    "syntax": lambda: catch(compile_wrong),
    "syntax that is made": lambda: catch(raise_wrong_syntax_error),
    "keyword": lambda: catch(compile_wrong, "whille True:\n    pass\n"),
    "notes": lambda: catch(add_notes, ["one\ntwo", 3, Text("x")]),
    "a note": lambda: catch(add_notes, "text"),
    "notes that are none": lambda: catch(add_notes, 5),
    "notes that raise": lambda: catch(fail, NotesError()),
    "no cause": lambda: catch(raise_from, None),
    "false": lambda: catch(fail, FalseError("x")),
    "unprintable": lambda: catch(fail, UnprintableError(ValueError())),
    "interrupted": lambda: catch(fail, UnprintableError(KeyboardInterrupt())),
    "no text": lambda: catch(fail, NotTextError()),
    "no message": lambda: catch(fail, KeyError()),
    "lines": lambda: catch(fail, KeyError("a\nb\n")),
    "surrogates": lambda: catch(fail, ValueError("\ud800\0\x1b[2J")),
    "another name": lambda: catch(fail, RenamedError()),
    "exit": lambda: catch(sys.exit, 5),
    "interrupt": lambda: catch(fail, KeyboardInterrupt()),
    "dataclass": lambda: catch(Checked, 5),
    "known source": lambda: catch(execute_known_source),
    "loaded source": lambda: catch(execute_loaded_source),
    "no line": lambda: make_trace(0, 10**6),
    "lambdas of one line": lambda: catch(lambda: (lambda: (lambda: fail())())()),
}
NOT_KEPT: "dict[str, Callable[[], object]]" = {
    "nothing": lambda: (None, None, None),
    "no exception": lambda: (ValueError, "x", None),
    "no value": lambda: (ValueError, None, catch(fail)[2]),
    "no trace": lambda: (ValueError, ValueError("x"), 5),
    "cause": lambda: catch(raise_from, LookupError("cause")),
    "context": lambda: catch(raise_in_handler),
    "itself": lambda: catch(raise_itself),
    "false with context": lambda: catch(call_false_with_context),
    "group": lambda: catch(raise_group),
    "four times": lambda: catch(recur, 4),
    "five times": lambda: catch(recur, 5),
    "four times in a middle": lambda: catch(call, 3, functools.partial(recur, 4)),
    "hundreds of times": lambda: catch(recur, 300),
    "metaclass": lambda: catch(fail, MetaError("x")),
    "own cause": lambda: catch(fail, CauseError("x")),
    "pretended group": lambda: catch(fail, GroupError("x")),
    "own attributes": lambda: catch(fail, EverythingError("x")),
    "no file": lambda: catch(execute, "fail()", "/no/such/file.py"),
    "no file anywhere": lambda: catch(execute, "fail()", "no_such_file.py"),
    "empty path": lambda: catch(execute, "fail()", ""),
    "other path": lambda: catch(functools.partial(change_code, co_filename="/no/such")),
    "path with code": lambda: catch(functools.partial(change_code, co_filename=Text("<x>"))),
    "name with code": lambda: catch(functools.partial(change_code, co_name=Text("x"))),
}


def call_false_with_context() -> None:
    try:
        fail()
    except ValueError:
        raise EmptyError("second")  # noqa: B904


@try_each("kind", KEPT)
def test_kinds_whose_frames_are_kept(kind: str) -> None:
    exc_info: Any = KEPT[kind]()
    compare(exc_info)
    assert is_kept(exc_info)


@try_each("kind", NOT_KEPT)
def test_kinds_that_are_left_to_the_module(kind: str) -> None:
    exc_info: Any = NOT_KEPT[kind]()
    compare(exc_info)
    assert not is_kept(exc_info)


@try_each("depths", [(3, 4), (4, 3), (4, 4, 3, 5, 2), (300, 3), (3, 300)])
def test_recursion(depths: tuple[int, ...]) -> None:
    """Lines that are repeated are counted, whatever is known of them from elsewhere."""
    known_texts.clear()
    for depth in depths:
        exc_info = catch(recur, depth)
        compare(exc_info)
        assert is_kept(exc_info) == (depth < 4)


@try_each("lasti, line", [(-1, 5), (2, 5), (2, -1), (4, 10**6), (10**6, 3), (-1, 0)])
def test_entries_that_are_made(lasti: int, line: int) -> None:
    """What stands in an entry counts, and not what its frame would say."""
    compare(catch(call, 2, fail))
    compare(make_trace(lasti, line))


def test_codes_that_are_equal() -> None:
    """Code of another file is equal, and its text is another one."""
    texts = set()
    for path in ("<one>", "<two>"):
        code = compile("fail()", path, "exec")
        texts.add(compare(catch(exec, code, {"fail": fail})))
    assert len(texts) == 2


@try_each("limit", [0, 1, 3, 100, -1, None, "x", 1.5])
def test_tracebacklimit(limit: object) -> None:
    exc_info = catch(call, 5, fail)
    compare(exc_info)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "tracebacklimit", limit, raising=False)
        compare(exc_info)
        assert not is_kept(exc_info)
    assert is_kept(exc_info)


def test_both_encoders(encoder_module: ModuleType) -> None:
    """A record has what logging.Formatter writes, the first time and later."""
    encoder = encoder_module.Encoder(hostname="h", app_name="a", procid=1)
    exc_info = catch(call, 5, misspell_name)
    for _ in range(3):
        record = logging.makeLogRecord({"msg": "failed", "exc_info": exc_info})
        expected = logging.Formatter().formatException(exc_info)
        message = parse_rfc5424(encoder.encode_record(record)).message or ""
        assert message == f"failed\n{expected}".replace("\n", "#012")
    assert is_kept(exc_info)


# --- code of others ------------------------------------------------------------------------------


class CountingError(Exception):
    """What takes note of the calls of its code."""

    calls: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        raise AttributeError(name)

    def __str__(self) -> str:
        self.calls.append("__str__")
        return "text"

    def __bool__(self) -> bool:
        self.calls.append("__bool__")
        return True


def count_reads(name: str, value: object) -> type[CountingError]:
    """Return a class that takes note of each time this attribute is read."""

    def read(self: CountingError) -> object:
        self.calls.append(name)
        return value

    return type(f"Counting{name}", (CountingError,), {name: property(read)})


class CountingAttributesError(CountingError):
    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            CountingError.calls.append(name)
        return super().__getattribute__(name)


def raise_counting_from_none() -> None:
    try:
        raise CountingError
    except CountingError:
        raise ValueError("second") from None


def raise_in_another_handler(error: BaseException) -> None:
    try:
        fail()
    except ValueError:
        raise error  # noqa: B904


COUNTING = [
    lambda: catch(call, 5, functools.partial(fail, CountingError())),
    lambda: catch(raise_counting_from_none),
    *(
        functools.partial(catch, fail, count_reads(name, value)())
        for name, value in (
            *(("__cause__", None), ("__context__", None), ("__suppress_context__", True)),
            *(("__suppress_context__", False), ("__notes__", ["note"])),
        )
    ),
    *(
        functools.partial(
            catch, raise_in_another_handler, count_reads("__suppress_context__", value)()
        )
        for value in (True, False)
    ),
    lambda: catch(fail, CountingAttributesError()),
]


@try_each("make", COUNTING)
def test_code_of_exceptions_runs_as_often(make: Callable[[], Any]) -> None:
    """And in the same order, whether texts are known or not."""
    kind, value, trace = make()
    calls = CountingError.calls
    calls.clear()
    traceback.format_exception(kind, value, trace)
    expected = calls[:]
    for _ in range(3):
        calls.clear()
        _traceback_text.format_exception(kind, value, trace)
        assert calls == expected


def test_frames_are_not_formatted_again() -> None:
    """Nor does `traceback` look at them, once their texts are known."""
    exc_info = catch(call, 5, fail)
    called: set[str] = set()

    def note_call(frame: types.FrameType, event: str, argument: object) -> None:
        called.add(frame.f_code.co_name)

    for is_known in (False, True):
        sys.setprofile(note_call)
        _traceback_text.format_exception(*exc_info)
        sys.setprofile(None)
        if not is_known:
            assert {"format_frame_summary", "_get_code_position", "checkcache"} <= called
            _traceback_text.format_exception(*exc_info)  # its source was not there at first
        else:
            of_frames = {"format_frame_summary", "_get_code_position", "checkcache", "getline"}
            assert not called & of_frames
        called.clear()


class Liar:
    """What stands for a function or a class, and looks like it, as wrapt's proxies do."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped
        self.calls = 0

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    @property
    def __class__(self) -> type:  # type: ignore[override]
        return type(self.wrapped)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    def __get__(self, instance: object, owner: type) -> Any:
        self.calls += 1
        return self.wrapped.__get__(instance, owner)

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        return self.wrapped(*args, **options)


def list_entries() -> list[tuple[Any, str]]:
    """Return each owner and name that is compared, and that this Python has."""
    names = {
        linecache: _traceback_text.LINECACHE_NAMES,
        traceback: (*_traceback_text.TRACEBACK_NAMES, *_traceback_text.CLASS_NAMES),
        **{getattr(traceback, k): v for k, v in _traceback_text.CLASS_NAMES.items()},
    }
    return [(owner, name) for owner in names for name in names[owner] if name in vars(owner)]


def format_both(exc_info: Any) -> tuple[object, object]:
    kind, value, trace = exc_info
    return (
        note_outcome(lambda: _traceback_text.format_exception(kind, value, trace)),
        note_outcome(lambda: traceback.format_exception(kind, value, trace)),
    )


@try_each("owner, name", list_entries())
def test_what_somebody_replaces_is_called(owner: Any, name: str) -> None:
    """As often as `traceback` calls it, and all is as before when it is undone."""
    exc_info = catch(call, 5, fail)
    compare(exc_info)
    for replacement in (Liar(vars(owner)[name]), None, 5):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, replacement)
            assert not is_kept(exc_info)
            counts = []
            for module in (_traceback_text, traceback):
                before = getattr(replacement, "calls", 0)
                outcome = note_outcome(lambda: module.format_exception(*exc_info))  # noqa: B023
                counts.append((outcome, getattr(replacement, "calls", 0) - before))
            assert counts[0] == counts[1]
        assert is_kept(exc_info)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(owner, name)
        assert not is_kept(exc_info)
        if name != "format_exception":  # who asks for that gets another error
            own, theirs = format_both(exc_info)
            assert own == theirs
    compare(exc_info)
    assert is_kept(exc_info)


def test_another_module_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    exc_info = catch(call, 5, fail)
    compare(exc_info)
    other = ModuleType("traceback")
    other.format_exception = lambda *given: ["given", str(given[1])]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "traceback", other)
    assert _message.format_exception(exc_info) == "givenno such thing"
    monkeypatch.setitem(sys.modules, "traceback", None)
    assert _message.format_exception(exc_info).endswith("in fail\nValueError: no such thing")
    assert not _message.format_exception(exc_info).startswith("Traceback")


def load_anew() -> Any:
    spec: Any = importlib.util.find_spec("syslogfast._traceback_text")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copy_module(module: ModuleType) -> Any:
    """Return another module of the same file."""
    spec: Any = importlib.util.find_spec(module.__name__)
    copied = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copied)
    return copied


def make_replacements(owner: Any, name: str) -> Iterator[object]:
    """Make what stands in the place of an entry, and may look like the module's own."""
    yield Liar(vars(owner)[name])
    yield None
    module = linecache if owner is linecache else traceback
    copied = copy_module(module)
    yield vars(copied if owner is module else getattr(copied, owner.__name__))[name]
    scope = dict(vars(module))
    exec("def made_there(*given, **options): raise ValueError", vars(module))
    yield vars(module).pop("made_there")
    assert vars(module) == scope


@try_each(
    "owner, name",
    [(o, n) for o, n in list_entries() if n not in ("_RECURSIVE_CUTOFF", "linecache")],
)
def test_what_was_replaced_before(owner: Any, name: str) -> None:
    """Who comes first is noticed as well; then nothing is kept."""
    exc_info = catch(call, 5, fail)
    for replacement in make_replacements(owner, name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, replacement)
            if name == "TracebackException" and replacement is None:
                patch.setattr(owner, name, 5)
            module = load_anew()
            assert not module.is_untouched()
            for _ in range(2):
                own = note_outcome(lambda: module.format_exception(*exc_info))  # noqa: B023
                assert own == note_outcome(lambda: traceback.format_exception(*exc_info))
            assert module.known_texts == {}
        assert not module.is_untouched()


@try_each("model", [len, None, functools.partial(traceback.clear_frames)])
def test_a_module_that_is_compiled(model: object) -> None:
    """Functions without code of Python tell nothing: nothing is kept."""
    exc_info = catch(call, 5, fail)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traceback, "clear_frames", model)
        module = load_anew()
    assert not module.is_untouched()
    assert module.format_exception(*exc_info) == traceback.format_exception(*exc_info)


def test_a_python_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    exc_info = catch(call, 5, fail)
    for version in ((3, 9), (3, 16, 0), (4, 0)):
        monkeypatch.setattr(sys, "version_info", version)
        module = load_anew()
        assert module.format_exception(*exc_info) == traceback.format_exception(*exc_info)
        assert module.known_texts == {}


def test_without_this_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image may lack it; or no descriptor is left to read it, where `traceback` is loaded."""
    exc_info = catch(call, 5, fail)
    expected = "".join(traceback.format_exception(*exc_info)).removesuffix("\n")
    monkeypatch.setitem(sys.modules, "syslogfast._traceback_text", None)
    assert _message.format_exception(exc_info) == expected


# --- sources -------------------------------------------------------------------------------------


def write_module(path: pathlib.Path, source: str, time_ns: int = 10**18) -> Callable[[], None]:
    """Write a source with a known time, and return its function `start`."""
    write_source(path, source, time_ns)
    scope: dict[str, Any] = {"fail": fail, "__name__": "written"}
    exec(compile(source, str(path), "exec"), scope)
    return scope["start"]  # type: ignore[no-any-return]


def write_source(path: pathlib.Path, source: str, time_ns: int) -> None:
    path.write_text(source, encoding="utf-8")
    os.utime(path, ns=(time_ns, time_ns))


SOURCE = "def start():\n    return fail() + 1\n"
LINE = "    return fail() + 1\n"


def test_sources_that_change(tmp_path: pathlib.Path) -> None:
    """The text follows what is in the file, as traceback's does."""
    path = tmp_path / "shop.py"
    exc_info = catch(write_module(path, SOURCE))
    first = compare(exc_info)
    assert LINE in first
    assert is_kept(exc_info)
    write_source(path, SOURCE.replace("+ 1", "+ 17"), 10**18)  # another size
    assert not is_kept(exc_info)
    assert "fail() + 17\n" in compare(exc_info)
    assert is_kept(exc_info)
    write_source(path, SOURCE.replace("+ 1", "+ 29"), 2 * 10**18)  # another time
    assert "fail() + 29\n" in compare(exc_info)
    assert is_kept(exc_info)
    write_source(path, SOURCE.replace("+ 1", "+ 30"), 2 * 10**18)  # neither: nobody notices
    assert "fail() + 29\n" in compare(exc_info)
    linecache.clearcache()
    assert "fail() + 30\n" in compare(exc_info)
    path.write_text("", encoding="utf-8")
    assert LINE[4:] not in compare(exc_info)
    path.unlink()
    assert LINE[4:] not in compare(exc_info)
    assert not is_kept(exc_info)
    write_source(path, SOURCE, 10**18)
    assert compare(exc_info) == first
    path.chmod(0)
    compare(exc_info)


def test_a_source_comes_back_from_its_loader(tmp_path: pathlib.Path) -> None:
    """A file that goes while its loader has the source as well: as traceback has it, each time."""
    path = tmp_path / "shop.py"
    source = Loader().get_source("made")
    write_source(path, source, 10**18)
    spec = types.SimpleNamespace(name="made", loader=Loader())
    scope = {"__name__": "made", "__loader__": spec.loader, "__spec__": spec, "fail": fail}
    exc_info = catch(exec, compile(source, str(path), "exec"), scope)
    compare(exc_info)
    assert is_kept(exc_info)
    path.unlink()
    kind, value, trace = exc_info
    entries = dict(linecache.cache)
    expected = [traceback.format_exception(kind, value, trace) for _ in range(3)]
    linecache.cache.clear()
    linecache.cache.update(entries)
    assert [_traceback_text.format_exception(kind, value, trace) for _ in range(3)] == expected


def test_entries_of_linecache_that_are_odd(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "shop.py"
    exc_info = catch(write_module(path, SOURCE))
    compare(exc_info)
    size, modified, lines, full = linecache.cache[str(path)]
    kept = [line.replace("1", "2") for line in lines]
    for entry in (
        (size, modified, kept, full),
        (size, None, kept, full),
        (lambda: "from\na\nloader\n",),
        [size, None, lines, full],
        (size, modified, lines, f"{full}x"),
        (size, modified, lines, "\0"),
        (size, modified, [], full),
        (size, modified, lines),
    ):
        linecache.cache[str(path)] = entry
        compare(exc_info)
        compare(catch(execute, "fail()"))
    linecache.cache["<string>"] = (9, None, ["fail('it')\n"], "<string>")
    assert "fail('it')" in compare(catch(execute, "fail()"))
    del linecache.cache["<string>"]
    assert "fail('it')" not in compare(catch(execute, "fail()"))


def test_another_cache_of_linecache(monkeypatch: pytest.MonkeyPatch) -> None:
    exc_info = catch(call, 5, fail)
    compare(exc_info)
    monkeypatch.setattr(linecache, "cache", collections.OrderedDict(linecache.cache))
    assert not is_kept(exc_info)
    compare(exc_info)


INTERACTIVE = """
import sys, traceback
from syslogfast import _traceback_text
def fail():
    return [1][5] + 1
for _ in range(3):
    try:
        fail()
    except IndexError:
        own = _traceback_text.format_exception(*sys.exc_info())
        assert own == traceback.format_exception(*sys.exc_info()), own
"""


def test_sources_of_commands() -> None:
    """Some Pythons know what `-c` and the prompt have been given."""
    for command in (["-c", INTERACTIVE], ["-i", "-q"]):
        source = INTERACTIVE.replace("\nfor", "\n\nfor") + "\n\n"
        result = subprocess.run(
            [sys.executable, "-I", *command], input=source, capture_output=True, text=True
        )
        assert "AssertionError" not in result.stderr
        assert result.returncode == 0


def make_source(random_: random.Random, count: int) -> str:
    """Return a module whose functions call each other, each in another way."""
    ways = (
        "return {}",
        "x = {} + 1; return x",
        "return [{}, 2][0]",
        "return ('ä' * 3,\n            {},\n            4)",
        "return {{'b': {}}}['b'] @ 3 if 1 else 2",
        "return '日本', {}  # comment",
        "with open({}) as f:\n        return f",
        "return (lambda: {})()",
        "return [{} for _ in 'ab']",
        "return (\n\n        {}\n        .real\n        ) // (5)",
        "\treturn {}.real(1, *[2])",
        "assert (yes := {}), yes",
        "raise {}",
    )
    parts = []
    for number in range(count):
        target = (
            "fail()" if number == count - 1 else f"f{number + random_.choice((1, 1, 0))}(n - 1)"
        )
        body = random_.choice(ways).format(f"({target} if n else fail())")
        parts.append(f"def f{number}(n):\n    {body}\n" + "\n" * random_.randrange(3))
    return "".join(parts) + f"def start():\n    f0({count + 4})\n"


def disturb(random_: random.Random, path: pathlib.Path) -> None:
    """Do what may happen to sources and to those who have read them."""
    what = random_.randrange(7)
    if what == 0:
        linecache.clearcache()
    elif what == 1:
        linecache.checkcache()
    elif what == 2:
        path.unlink(missing_ok=True)
    elif what == 3 and path.exists():
        os.utime(path, ns=(5, 5))
    elif what == 4:
        linecache.cache.pop(str(path), None)
    elif what == 5:
        known_texts.clear()


@pytest.mark.slow
def test_random_modules(tmp_path: pathlib.Path) -> None:
    """Sources come, change and go, and so do exceptions; each text is traceback's."""
    seed = random.randrange(2**32)
    random_ = random.Random(seed)
    is_used = 0
    starts: list[Callable[[], None]] = []
    for number in range(ROUNDS):
        path = tmp_path / f"module_{number % 7}.py"
        start = write_module(path, make_source(random_, 5), random_.randrange(10**18))
        starts = [*starts[-20:], start]
        for start in random_.sample(starts, min(4, len(starts))):
            exc_info = catch(start)
            try:
                compare(exc_info)
            except AssertionError as error:
                error.add_note(f"random.Random({seed}), round {number}")
                raise
            is_used += is_kept(exc_info)
        disturb(random_, path)
    assert is_used > ROUNDS / 4


# --- what is not to be remembered ----------------------------------------------------------------


def test_texts_without_their_carets_are_not_kept() -> None:
    """Where `ast` cannot be imported, `traceback` leaves something out; later it does not."""
    exc_info = catch(call, 5, divide)
    expected = compare(exc_info)
    known_texts.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "ast", None)
        assert compare(exc_info) != expected
    assert compare(exc_info) == expected


def test_texts_at_the_end_of_the_stack_are_not_kept() -> None:
    """The same where there is hardly any stack left."""
    exc_info = catch(divide)
    expected = compare(exc_info)
    outcomes: list[str] = []

    def descend() -> None:
        try:
            descend()
        except RecursionError:
            pass
        if len(outcomes) < 100:  # those with the least of the stack left
            known_texts.clear()
            format_it = functools.partial(_traceback_text.format_exception, *exc_info)
            outcomes.append(str(note_outcome(lambda: "".join(format_it()))))
            assert all(text in expected for *_, text in known_texts.values())

    descend()
    assert expected in outcomes
    texts = {text for text in outcomes if text.startswith("Traceback")}
    if sys.version_info < (3, 12):  # later ones parse with another limit
        assert len(texts) > 1


def test_texts_of_a_source_that_goes_meanwhile(tmp_path: pathlib.Path) -> None:
    """An exception's own code runs while its text is made, and may change all there is."""
    path = tmp_path / "shop.py"
    start = write_module(path, SOURCE)

    class ChangingError(Exception):
        def __str__(self) -> str:
            write_source(path, SOURCE.replace("+ 1", "+ 17"), 10**18)
            linecache.checkcache()
            linecache.getlines(str(path))
            return "text"

    scope: dict[str, Any] = start.__globals__  # type: ignore[attr-defined]
    scope["fail"] = functools.partial(fail, ChangingError())
    exc_info = catch(start)
    linecache.getlines(str(path))
    assert "+ 1\n" in "".join(_traceback_text.format_exception(*exc_info))
    assert "+ 17\n" in "".join(_traceback_text.format_exception(*exc_info))
    assert "+ 17\n" in "".join(traceback.format_exception(*exc_info))


def test_the_number_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = set()
    for number in range(_traceback_text.CAPACITY + 5):
        exc_info = catch(execute, f"{number}\nfail()")
        _traceback_text.format_exception(*exc_info)
        numbers.add(len(known_texts))
    assert _traceback_text.CAPACITY - 5 < max(numbers) <= _traceback_text.CAPACITY
    monkeypatch.setattr(_traceback_text, "CAPACITY", 3)
    compare(catch(call, 70, fail))
    assert len(known_texts) <= 3


def test_nothing_is_held() -> None:
    """Neither exceptions nor what their frames have, and no cycles are left."""

    class Thing:
        pass

    def hold(thing: Thing) -> None:
        fail()

    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            thing = Thing()
            seen = weakref.ref(thing)
            try:
                hold(thing)
            except ValueError:
                _traceback_text.format_exception(*sys.exc_info())
            del thing
            assert seen() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_what_cannot_be_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python cannot parse, whatever it raises, the text is that of `traceback`: not kept."""

    def refuse(*args: object) -> None:
        raise SystemError("AST constructor recursion depth mismatch")  # CPython 3.11, in threads

    monkeypatch.setattr(_traceback_text, "compile", refuse, raising=False)
    _traceback_text.known_texts.clear()
    exc_info = catch(call, 3, fail)
    for _ in range(2):
        text = _traceback_text.format_exception(*exc_info)
        assert text == traceback.format_exception(*exc_info)
        assert not _traceback_text.known_texts


# CPython 3.11 may raise that where one thread parses while another is amid it, and what takes long
# there takes ten times as long under the sanitizers.
@pytest.mark.no_sanitizer
def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at once, with so few texts kept that they are thrown away all the time."""
    monkeypatch.setattr(_traceback_text, "CAPACITY", 5)

    def work(number: int) -> None:
        for turn in range(40):
            exc_info = catch(call, (number + turn) % 9, (fail, misspell_name)[turn % 2])
            own = _traceback_text.format_exception(*exc_info)
            assert own == traceback.format_exception(*exc_info)

    run_threads(work, 6)
