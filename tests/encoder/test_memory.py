"""The compiled encoder and memory: it takes none while it encodes, loses none and survives without.

Only the compiled encoder is looked at. Where allocations have to fail, CPython's own _testcapi
makes them fail: Debian's python3 and python.org's installers have it.
"""

import contextlib
import gc
import itertools
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from support.pairwise import take_turns

from syslogfast._options import read_back

TIME = 1_065_910_455_003_000_000
PROTOCOLS = ["rfc5424", "rfc3164", "local"]
FRAMINGS = [None, "octet", "lf", "nul"]
IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}


@pytest.fixture
def compiled(both_modules: tuple[ModuleType, ModuleType]) -> ModuleType:
    return both_modules[0]


# --- no allocation -------------------------------------------------------------------------------

# Each takes an encoder's encode_into and a buffer, and returns a call that writes one record of
# not more than 256 octets: CPython keeps the ints up to there, so that not even the result is new.
NON_ASCII = "gr\u00fc\u00df dich, \U0001f30d, viele \u20ac"
ELEMENTS = {
    "a@1": {"name": "value", "quoted": 'a "b" \\ ]'},
    "b@2": [("n", "\u20ac\n"), ("n", "2")],
}
BYTES = b"plain bytes, more than sixteen of them"
BYTEARRAY = bytearray(BYTES)
VIEW = memoryview(BYTES)
SILENT_CALLS = {
    "str": lambda write, to: lambda: write(to, 6, "plain text, more than sixteen octets"),
    "short str": lambda write, to: lambda: write(to, 6, "short"),
    "empty str": lambda write, to: lambda: write(to, 6, ""),
    "time given": lambda write, to: lambda: write(to, 6, "plain text of a log", time_ns=TIME),
    "offset given": lambda write, to: lambda: write(to, 6, "plain text of a log", 50),
    "non-ASCII": lambda write, to: lambda: write(to, 6, NON_ASCII),
    "escapes": lambda write, to: lambda: write(to, 6, "a\nb\x1b[31mc\u2028d\u0085e\0"),
    "bytes": lambda write, to: lambda: write(to, 6, BYTES),
    "ill-formed bytes": lambda write, to: lambda: write(to, 6, b"a\xff\xe2\x80b\xed\xa0\x80\n"),
    "bytearray": lambda write, to: lambda: write(to, 6, BYTEARRAY),
    "memoryview": lambda write, to: lambda: write(to, 6, VIEW),
    "msgid": lambda write, to: lambda: write(to, 6, "text", msgid="ID47"),
    "structured data": lambda write, to: lambda: write(to, 6, "t", structured_data=ELEMENTS),
    "rendered data": lambda write, to: lambda: write(to, 6, "t", structured_data=b'[a@1 b="c"]'),
    "all": lambda write, to: (
        lambda: write(to, 6, NON_ASCII, 3, time_ns=TIME, msgid="ID47", structured_data=ELEMENTS)
    ),
}
# What a frame takes does not depend on the protocol.
OPTIONS = [
    *[{"protocol": p, "framing": f} for p, f in take_turns(PROTOCOLS, FRAMINGS)],
    {"local_time": True, "precision": 3},
    {"bom": True, "controls": "keep", "framing": "lf"},
    {"structured_data": {"origin": {"ip": "::1"}}, "prefix": b"TOKEN "},
    {"max_size": 120, "structured_data": {"b@2": {"x": "y"}}},
]


@pytest.fixture
def encoder(options: dict[str, object], compiled: ModuleType) -> object:
    return compiled.Encoder(**IDENTITY, **options)


@pytest.fixture
def fail_allocations() -> Iterator[tuple[Callable[..., None], Callable[[], None]]]:
    """Give two functions: from now on allocations number `start` to `stop` fail; none fails."""
    api = pytest.importorskip("_testcapi", reason="this Python was built without _testcapi")
    yield api.set_nomemory, api.remove_mem_hooks
    api.remove_mem_hooks()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", SILENT_CALLS)
def test_encode_into_needs_no_memory(encoder, fail_allocations, name) -> None:
    """With a buffer that is large enough, a record is written while every allocation fails."""
    set_nomemory, remove_mem_hooks = fail_allocations
    buffer = bytearray(600)
    call = SILENT_CALLS[name](encoder.encode_into, buffer)
    expected = call()  # warms up: CPython caches the UTF-8 of a str, its frames and its zone
    assert 20 < expected <= 256
    set_nomemory(0)
    try:
        end = call()
    finally:
        remove_mem_hooks()
    assert end == expected


def measure_peak(call: Callable[[], object], times: int) -> tuple[int, int]:
    """Return how much memory calls need at most, and how many blocks they leave behind.

    The least of five measurements, each: other threads, such as those of a test runner that works
    side by side, need some, too, but not each time.
    """
    for _ in itertools.repeat(None, 2000):  # until code has its caches
        call()
    peaks, left = [], []
    tracemalloc.start()
    call()
    gc.disable()
    try:
        for _ in range(5):
            blocks = sys.getallocatedblocks()
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            for _ in itertools.repeat(None, times // 5):
                call()
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
            left.append(sys.getallocatedblocks() - blocks)
        return min(peaks), min(left)
    finally:
        gc.enable()
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [*take_turns(list(SILENT_CALLS)[:-1], OPTIONS), *take_turns(["all"], OPTIONS)],
    ids=str,
)
def test_encode_into_takes_no_memory(encoder, name) -> None:
    """20,000 records need no more than as many calls of a function that does nothing."""
    call = SILENT_CALLS[name](encoder.encode_into, bytearray(600))
    (idle_peak, idle_blocks), (peak, blocks) = (
        measure_peak(function, 20_000) for function in (lambda: None, call)
    )
    assert peak <= idle_peak
    assert blocks - idle_blocks < 10  # of 4,000 calls; Python's own free lists come and go


# --- failing allocations -------------------------------------------------------------------------

# What allocates: each takes the module and returns a call, whose arguments are new every time, and
# the buffer that it writes to, if any.


def new_text(*parts: str) -> str:
    """Return a str that nobody has seen: its UTF-8 is not cached yet."""
    return "".join(parts)


def call_encode(*parts: str, **keywords: object) -> Callable[[ModuleType], tuple]:
    def prepare(module: ModuleType) -> tuple:
        encoder = module.Encoder(**IDENTITY, framing="octet")
        message = new_text(*parts)
        return lambda: encoder.encode(6, message, time_ns=TIME, **keywords), None

    return prepare


def call_encode_into(size: int, *parts: str, **keywords: object) -> Callable[[ModuleType], tuple]:
    def prepare(module: ModuleType) -> tuple:
        encoder = module.Encoder(**IDENTITY, framing="lf")
        message = new_text(*parts)
        buffer = bytearray(b"x" * size)
        return lambda: encoder.encode_into(buffer, 6, message, time_ns=TIME, **keywords), buffer

    return prepare


def call_encode_many_into(
    size: int, *messages: object, view: bool = False
) -> Callable[[ModuleType], tuple]:
    def prepare(module: ModuleType) -> tuple:
        encoder = module.Encoder(**IDENTITY, framing="lf")
        fresh = [new_text(*text) if isinstance(text, tuple) else text for text in messages]
        buffer = bytearray(b"x" * size)
        target = memoryview(buffer) if view else buffer
        return lambda: encoder.encode_many_into(target, 6, fresh, 1, time_ns=TIME), buffer

    return prepare


def call_header(module: ModuleType) -> tuple:
    encoder = module.Encoder(**IDENTITY)
    return lambda: encoder.header(3, time_ns=TIME, msgid="ID", structured_data=ELEMENTS), None


def call_constructor(module: ModuleType) -> tuple:
    return lambda: module.Encoder(**IDENTITY, structured_data=ELEMENTS, prefix=b"TOKEN "), None


def call_replace(module: ModuleType) -> tuple:
    encoder = module.Encoder(**IDENTITY)
    return lambda: encoder.replace(procid=7), None


def call_format_timestamp(module: ModuleType) -> tuple:
    return lambda: module.format_timestamp(TIME, precision=3), None


LARGE_ELEMENTS = {"a@1": {"v": "x" * 3000, "w": "\u20ac" * 400}}
HUNGRY_CALLS: "dict[str, Callable[[ModuleType], tuple]]" = {
    "encode": call_encode("plain text, more than sixteen octets"),
    "encode non-ASCII": call_encode("gr\u00fc\u00df", " dich"),
    "encode escapes": call_encode("a\n", "b"),
    "encode surrogates": call_encode("a\ud800", "b"),
    "encode cut": call_encode("\u20ac" * 4000, "b"),
    "encode all": call_encode("a\n", "\u00e9", msgid="\u00e9", structured_data=ELEMENTS),
    "encode large data": call_encode("text", structured_data=LARGE_ELEMENTS),
    "encode numbers": call_encode("text", structured_data={"a": {"n": 5, "f": 1.5, "b": b"\xff"}}),
    "encode keyword": lambda module: (
        lambda encoder: (lambda: encoder.encode("warning", "text", time_ns=TIME), None)
    )(module.Encoder(**IDENTITY)),
    "encode strided": lambda module: (
        lambda encoder: (lambda: encoder.encode(6, VIEW[::2], time_ns=TIME), None)
    )(module.Encoder(**IDENTITY)),
    "encode_into": call_encode_into(200, "plain text, more than sixteen octets"),
    "encode_into, large result": call_encode_into(900, "y" * 500),
    "encode_into, escapes, large result": call_encode_into(900, "y\n" * 200),
    "encode_into, grows": call_encode_into(20, "plain text, more than sixteen octets"),
    "encode_into, non-ASCII": call_encode_into(200, "gr\u00fc\u00df", " dich"),
    "encode_into, surrogates": call_encode_into(200, "a\ud800", "b"),
    "encode_into, all": call_encode_into(20, "a\n", "\u00e9", structured_data=ELEMENTS),
    "encode_into, large data": call_encode_into(20, "text", structured_data=LARGE_ELEMENTS),
    "encode_many_into": call_encode_many_into(400, ("plain", " text"), b"bytes", ("more",)),
    "encode_many_into, grows": call_encode_many_into(20, ("plain", " text"), b"bytes", ("more",)),
    "encode_many_into, view": call_encode_many_into(400, ("plain", " text"), b"b", view=True),
    "encode_many_into, full": call_encode_many_into(150, *[("plain", " text")] * 9, view=True),
    "encode_many_into, non-ASCII": call_encode_many_into(
        400, *[("gr\u00fc\u00df", " dich", str(i)) for i in range(4)]
    ),
    "encode_many_into, surrogates": call_encode_many_into(400, ("a",), ("a\ud800", "b"), b"b"),
    "encode_many_into, views": call_encode_many_into(20, ("a",), VIEW, VIEW[::2], BYTEARRAY),
    "header": call_header,
    "Encoder": call_constructor,
    "replace": call_replace,
    "format_timestamp": call_format_timestamp,
}


@pytest.fixture(scope="module")
def loses_content() -> bool:
    """True if a bytearray of this Python is empty after it could not grow: 3.15.0, gh-157242."""
    api = pytest.importorskip("_testcapi", reason="this Python was built without _testcapi")
    content, more = bytearray(20), bytes(1000)
    try:
        api.set_nomemory(0)
        try:
            content.extend(more)
        finally:
            api.remove_mem_hooks()
    except MemoryError:
        pass
    return not content


@pytest.mark.versions
@pytest.mark.parametrize("stop", [1, 0], ids=["one fails", "all after it fail"])
@pytest.mark.parametrize("name", HUNGRY_CALLS)
def test_every_allocation_may_fail(compiled, fail_allocations, loses_content, name, stop) -> None:
    """Whichever allocation fails: a MemoryError, the buffer as it was, and the next call works."""
    set_nomemory, remove_mem_hooks = fail_allocations
    prepare = HUNGRY_CALLS[name]
    call, expected_buffer = prepare(compiled)
    expected = repr(call())
    failed = succeeded = number = 0
    while succeeded < 25:  # a failure that was made up for is no proof that there is none later
        call, buffer = prepare(compiled)
        before = bytes(buffer or b"")
        try:
            set_nomemory(number, stop and number + 1)
            try:
                result = call()
            finally:
                remove_mem_hooks()
        except MemoryError:
            failed += 1
            succeeded = 0
            kept = [before, b""] if loses_content else [before]
            assert (buffer or b"") in kept, f"allocation {number} failed: buffer has changed"
            if loses_content and buffer is not None:
                buffer[:] = before
            result = call()
        else:
            succeeded += 1
        assert repr(result) == expected
        assert buffer == expected_buffer
        number += 1
        assert number < 5000
    assert failed or "_into" in name  # which may need no memory at all


# --- leaks ---------------------------------------------------------------------------------------

NUMBERS = {"a@1": {"n": 5, "f": 1.5, "b": b"\xff"}, "c": [("x", bytearray(b"]"))]}
BAD_LATE = {"a@1": {"n": "fine"}, "b@2": [("x", "y"), ("bad name", "z")]}
BAD_PAIR = {"a@1": {"n": "fine"}, "b@2": [("x", "y"), ("only one",)]}
LARGE_BAD = {"a@1": {"v": "x" * 3000}, "bad name": {}}


class Raises:
    def __str__(self) -> str:
        raise KeyError("on purpose")


RAISES = {"a@1": {"v": "x" * 3000, "w": Raises()}}


def list_steady_calls(encoder: object) -> dict[str, Callable[[], object]]:
    """Return calls that end as they began, those that fail included."""
    into, many = encoder.encode_into, encoder.encode_many_into
    buffer, small, frozen = bytearray(9000), memoryview(bytearray(10)), b"read-only"
    held = bytearray(5)
    hold = memoryview(held)
    texts = [NON_ASCII, "plain text, more than sixteen octets", BYTES, "a\n", "", b"\xff"]
    mixed = [*texts, "\ud800", VIEW, VIEW[::2], BYTEARRAY]
    return {
        "encode": lambda: encoder.encode(6, "plain text, more than sixteen octets"),
        "encode all": lambda: encoder.encode(
            3, NON_ASCII, msgid="\u00e9", structured_data=ELEMENTS
        ),
        "encode numbers": lambda: encoder.encode("err", "a\ud800b", structured_data=NUMBERS),
        "encode large": lambda: encoder.encode(3, "text", structured_data=LARGE_ELEMENTS),
        "encode view": lambda: encoder.encode(3, VIEW),
        "encode strided": lambda: encoder.encode(3, VIEW[::2]),
        "encode early": lambda: encoder.encode(3, "text", time_ns=-(10**19)),
        "encode NaN": lambda: encoder.encode(3, "text", time_ns=float("nan")),
        "encode_into": lambda: into(buffer, 6, BYTEARRAY, 4),
        "encode_into itself": lambda: into(BYTEARRAY, 6, BYTEARRAY),
        "encode_into all": lambda: into(buffer, 6, VIEW, msgid="x", structured_data=NUMBERS),
        "encode_into grown": lambda: into(bytearray(), 6, NON_ASCII),
        "encode_many_into": lambda: many(buffer, 6, texts),
        "encode_many_into mixed": lambda: many(buffer, 6, mixed),
        "encode_many_into full": lambda: many(small, 6, texts),
        "header": lambda: encoder.header(6, structured_data=ELEMENTS),
        "replace": lambda: encoder.replace(procid=1, structured_data=ELEMENTS),
        "repr": lambda: repr(encoder),
        "bad severity": lambda: encoder.encode(8, "text"),
        "bad message": lambda: encoder.encode(6, None, msgid="\u00e9", structured_data=ELEMENTS),
        "bad time": lambda: encoder.encode(6, BYTEARRAY, time_ns="now"),
        "bad msgid": lambda: encoder.encode(6, BYTEARRAY, msgid=5),
        "bad name": lambda: encoder.encode(6, BYTEARRAY, structured_data=BAD_LATE),
        "bad pair": lambda: into(buffer, 6, BYTEARRAY, structured_data=BAD_PAIR),
        "bad after large": lambda: into(buffer, 6, BYTEARRAY, structured_data=LARGE_BAD),
        "value raises": lambda: encoder.header(6, structured_data=RAISES),
        "bad offset": lambda: into(buffer, 6, BYTEARRAY, -1),
        "bad buffer": lambda: into(frozen, 6, BYTEARRAY),
        "no space": lambda: into(small, 6, BYTEARRAY),
        "held": lambda: into(held, 6, BYTEARRAY, len(hold)),
        "bad one of many": lambda: many(buffer, 6, [*texts, None]),
        "many, held": lambda: many(held, 6, texts),
        "many, no list": lambda: many(buffer, 6, iter(texts)),
        "bad option": lambda: encoder.replace(structured_data=LARGE_BAD),
        "unknown option": lambda: encoder.replace(x=1),
    }


STEADY_NAMES = list(list_steady_calls(type("", (), {"encode_into": 0, "encode_many_into": 0})))
WATCHED = [NON_ASCII, ELEMENTS, NUMBERS, BYTES, BYTEARRAY, VIEW, TIME, RAISES, LARGE_BAD, BAD_LATE]


def try_often(call: Callable[[], object], times: int) -> None:
    for _ in itertools.repeat(None, times):
        with contextlib.suppress(Exception):
            call()


def count_left_blocks(call: Callable[[], object]) -> int:
    """Return by how many the blocks of CPython's allocator are more, or fewer, after a call."""
    gc.collect()
    before = sys.getallocatedblocks()
    call()
    gc.collect()
    return abs(sys.getallocatedblocks() - before)


def measure_growth(call: Callable[[], object]) -> int:
    """Return how many bytes are left of a call, while tracemalloc looks."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    call()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


@pytest.mark.slow
@pytest.mark.parametrize("name", STEADY_NAMES)
def test_nothing_leaks(compiled, name) -> None:
    """After 2,000 calls there are as many objects and as much memory as before them."""
    encoder = compiled.Encoder(**IDENTITY, structured_data={"a@1": {"x": "y"}}, framing="octet")
    call = list_steady_calls(encoder)[name]
    content = bytes(BYTEARRAY)
    try_often(call, 100)
    gc.collect()
    references = [sys.getrefcount(argument) for argument in [*WATCHED, encoder]]
    # Other threads, such as that of the test runner, may take blocks meanwhile, but not each time.
    left = [count_left_blocks(lambda: try_often(call, 2_000)) for _ in range(3)]
    assert [sys.getrefcount(argument) for argument in [*WATCHED, encoder]] == references
    assert min(left) < 100, left

    # This sees large blocks, too.
    tracemalloc.start()
    try:
        try_often(call, 10)
        growths = [measure_growth(lambda: try_often(call, 500)) for _ in range(3)]
    finally:
        tracemalloc.stop()
    assert min(growths) < 4000, growths
    BYTEARRAY.append(0)  # fails if a message is still held
    BYTEARRAY[:] = content


LOST = """
import _testcapi, sys, syslogfast
encoder = syslogfast.Encoder(hostname="h", app_name="a", procid=1)
wrong = object()
calls = (
    lambda: syslogfast.Encoder(structured_data=wrong),
    lambda: encoder.encode(6, "x", structured_data=wrong),
    lambda: encoder.encode(6, wrong),
)
for call in calls:
    for number in [None, None, *range(200)]:
        if number is not None:
            _testcapi.set_nomemory(number, number + 1)
        try:
            call()
        except (MemoryError, TypeError):
            pass
        except SystemError as error:  # Python 3.11, where none of our frames is between
            assert sys.version_info < (3, 12) and "without" in str(error), error
        finally:
            _testcapi.remove_mem_hooks()
"""


@pytest.mark.versions
def test_an_exception_is_lost(compiled, run_python) -> None:
    """Python 3.11 loses an exception where a frame finds no memory; the process lives on."""
    pytest.importorskip("_testcapi", reason="this Python was built without _testcapi")
    result = run_python(LOST)
    assert (result.returncode, result.stderr) == (0, "")


# --- no second copy ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (("web1", "shop", 42), 0b1111),
        (("web1", None, "42"), 0b101),
        ((None, None, None), 0),
        (("web 1", "shop", 42), -1),
        (("web1", 5.5, 42), -1),
    ],
)
def test_names_that_can_be_read_are_not_kept(names: tuple[object, ...], given: int) -> None:
    """10,000 encoders cost 10,000 prefixes, and no more."""
    assert read_back(names, "web1 shop 42 - ") == given
