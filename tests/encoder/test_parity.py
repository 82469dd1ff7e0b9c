"""Both encoders give the same bytes and the same errors, whatever goes in.

SYSLOGFAST_EXAMPLES is how many calls to compare: 2,000 unless given.
"""

import collections
import ctypes
import doctest
import enum
import inspect
import itertools
import os
import re
import socket
import time
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from support.each import try_each
from support.malicious_input import BigInt, Octets, Text
from support.odd_kinds import Shown, make_array, make_odd, odd, pretenders

import syslogfast
from syslogfast import _options

pytestmark = [pytest.mark.portable, pytest.mark.native, pytest.mark.versions, pytest.mark.threads]

ASKED = int(os.environ.get("SYSLOGFAST_EXAMPLES", "2000"))
CALLS = 33  # of one encoder, in one example of hypothesis
compared: "collections.Counter[str]" = collections.Counter()


@pytest.fixture(autouse=True)
def _known_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked for the full name of this host."""
    monkeypatch.setattr(socket, "getfqdn", lambda name: f"{name}.example.com")


def share_examples(share: float, calls: int) -> Callable[[Callable], Callable]:
    """Return settings that compare that share of the calls asked for, `calls` in each example."""
    return settings(
        max_examples=int(ASKED * share) // calls + 1,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


# --- what goes in --------------------------------------------------------------------------------


class Number(enum.IntEnum):
    ZERO = 0
    TWO = 2
    SEVENTEEN = 17


class Growing(bytearray):
    pass


class Mapping(dict):
    pass


class Printable:
    def __str__(self) -> str:
        return 'a "quoted]\n\ud800 text\\'

    __repr__ = __str__


# A scan that takes 8 or 16 octets at a time has to meet each of these at each place.
FRAGMENTS = [
    *["", "a", " ", "x" * 7, "y" * 8, "z" * 15, "plain words of a log", "w" * 33, "v" * 200],
    *["\n", "\0", "\t", "\r", "\x1b[31m", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\xa0"],
    *["\u2028", "\u2029", "\u202a", "\u2027", "\u20a8", "\ufeff", "\ufeff\ufeff", "\ufffd"],
    *["\ud800", "\udfff", "\udc80", "\U0001f600", "\U0010ffff", "\u00e9", "\u20ac", "\uffff"],
    *['"', "\\", "]", "[", "=", "#012", "%s", "e\u0301" * 9, "\u0436" * 20, "\U0001f4a9" * 12],
]
ILL_FORMED = [
    *[b"\x80", b"\xbf", b"\xc0\x80", b"\xc1", b"\xc2", b"\xc3", b"\xa9", b"\xe0\x80\x80"],
    *[b"\xe0\xa0", b"\xe2", b"\xe2\x80", b"\xed\xa0\x80", b"\xed\x9f\xbf", b"\xef\xbb"],
    *[b"\xf0\x9f", b"\xf0\x8f\x80", b"\xf0\x9f\x98", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"],
    *[b"\xf5", b"\xff", b"\xfe" * 20],
]
BYTE_FRAGMENTS = [*[text.encode("utf-8", "surrogatepass") for text in FRAGMENTS], *ILL_FORMED]


def mostly(usual: st.SearchStrategy, unusual: st.SearchStrategy) -> st.SearchStrategy:
    """Return a strategy that draws one value of 16 from the second."""
    return st.sampled_from([usual] * 15 + [unusual]).flatmap(lambda chosen: chosen)


texts = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join),
    st.text(st.characters(codec=None), max_size=20),
)
octets = st.one_of(
    st.lists(st.sampled_from(BYTE_FRAGMENTS), max_size=8).map(b"".join), st.binary(max_size=24)
)


shown = st.one_of(
    texts,
    texts.map(Text),
    octets,
    st.sampled_from([None, 5, ValueError("x\n"), KeyError("\ud800")]),
).map(Shown)


arrays = st.builds(make_array, octets, st.integers(0, 50))


def release_view() -> memoryview:
    view = memoryview(b"gone")
    view.release()
    return view


NOT_MESSAGES = [None, 5, 1.5, [], ["a"], {}, b"x".join]
messages = st.one_of(
    texts,
    texts,
    octets,
    octets.map(bytearray),
    octets.map(memoryview),
    octets.map(lambda data: memoryview(data)[::-2]),
    octets.map(lambda data: memoryview(data * 2).cast("H")),
    texts.map(Text),
    octets.map(Octets),
    octets.map(Growing),
    odd(str, texts),
    odd(bytes, octets),
    odd(bytearray, octets),
    arrays,
    st.sampled_from(
        [
            "\ufeff\ufeffx",
            "x" * 9000,
            "\u20ac" * 3000,
            b"\xe2\x82\xac" * 3000,
            "\n" * 2500,
            "ok",
            b"ok",
        ]
    ),
)
any_messages = mostly(
    messages,
    st.one_of(st.sampled_from(NOT_MESSAGES), st.builds(release_view), pretenders, shown),
)

SD_NAMES = [
    "a",
    "origin",
    "a@1",
    "b@32473",
    "c@1.22.333",
    "a@32473.1",
    "n" * 30,
    "n" * 30 + "@1",
    "!#$%&'()*+,-./:;<>?[\\^_`{|}~",
]
NOT_SD_NAMES = [
    "",
    "n" * 33,
    "a b",
    "a=",
    "a]",
    'a"',
    "\u00e9",
    "\x7f",
    "a\n",
    *["a@b@1", "a@", "@1", "a@x", "a@1.", "a@1..2", "n" * 30 + "@1"],
    5,
    None,
    b"a",
]
NOT_TEXTS = [5, True, None, 1.5, 10**30, Number.TWO, BigInt(7), [1, "\n"], Printable(), b"", "-"]
values = st.one_of(
    *(texts, octets, octets.map(bytearray), octets.map(memoryview), st.sampled_from(NOT_TEXTS)),
    *(odd(str, texts), odd(bytes, octets), odd(int, st.integers()), pretenders, shown),
    arrays,
)
NOT_PARAMETERS = [5, "ab", b"ab", [5], [("a",)], [("a", 1, 2)], ["ab"], {1, 2}, iter(())]


def elements_of(names: st.SearchStrategy, others: list[object]) -> st.SearchStrategy:
    """Return a strategy for structured data with these names, and `others` among the parameters."""
    pairs = st.lists(st.tuples(names, values), max_size=3)
    parameters = st.one_of(
        pairs.map(dict),
        pairs,
        pairs.map(tuple),
        pairs.map(lambda given: [list(pair) for pair in given]),
        pairs.map(Mapping),
        odd(dict, pairs),
        odd(list, pairs),
        odd(tuple, pairs),
        pairs.map(lambda given: [make_odd(tuple, pair, ("__iter__",), "items") for pair in given]),
        st.sampled_from([{}, [], (), None, *others]),
    )
    return st.lists(st.tuples(names, parameters), max_size=3).map(dict)


elements = elements_of(st.sampled_from([*SD_NAMES, Text("a@1")]), [])
wrong_elements = elements_of(st.sampled_from(SD_NAMES + NOT_SD_NAMES), NOT_PARAMETERS)
RENDERED = [
    b"-",
    b"",
    b'[a@1 x="y"]',
    b'[a@1 x="\\]y"][b@32473 n="\\\\"]',
    b"[a@1]",
    b"[a@1",
    b"[",
    b"]",
    b"[]",
    b"garbage",
    b'[origin a="b"]\\',
    b'[origin ip="::1"] ',
    b"[a@1]" * 30,
    b'[a v="\xff"]',
    b'[big v="' + b"x" * 700 + b'"]',
    b'[huge v="' + b"x" * 9000 + b'"]',
]
HUGE = [{"a@1": {"v": "x" * 1100}}, {"b@32473": {"v": "\u20ac" * 4000}}, {"a": {"v": "\n" * 2500}}]
NOT_STRUCTURED_DATA = [5, "x", [1], [("a", {})], bytearray(b"-"), memoryview(b"[a]")]
structured_data = st.one_of(
    st.none(),
    elements,
    elements.map(Mapping),
    odd(dict, elements),
    odd(bytes, st.sampled_from(RENDERED)),
    st.sampled_from(RENDERED),
    st.sampled_from(HUGE + RENDERED),
)
any_structured_data = mostly(
    structured_data, st.one_of(wrong_elements, st.sampled_from(NOT_STRUCTURED_DATA), pretenders)
)

FIRST, LAST = -62135596800 * 10**9, 253402300800 * 10**9 - 1  # of the years 0001 and 9999
TIMES = [
    0,
    1,
    -1,
    10**18,
    951782400123456789,
    1763871234345590123,
    4107542399999999999,
    True,
    FIRST,
    FIRST - 1,
    FIRST + 86400 * 10**9,
    LAST,
    LAST + 1,
    LAST - 86400 * 10**9,
    Number.TWO,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    10**30,
    -(10**30),
    float("nan"),
    float("-inf"),
    BigInt(10**18),
    None,
]
NOT_TIMES = [1.5, "0", b"0", [], 0j]
integers = st.one_of(st.integers(FIRST, LAST), st.integers(0, 2**61))
times = st.one_of(st.sampled_from(TIMES), integers, odd(int, integers))
any_times = mostly(times, st.one_of(st.sampled_from(NOT_TIMES), pretenders))

SEVERITIES = [
    *range(8),
    "emerg",
    "panic",
    "err",
    "warn",
    "info",
    "debug",
    True,
    Number.TWO,
    BigInt(3),
    "INFO",
    "Warning",
    "LOG_EMERGENCY",
    "log_err",
    Text("info"),
    Text("LOG_DEBUG"),
]
NOT_SEVERITIES = [
    8,
    -1,
    10**30,
    -(2**64),
    "",
    "INF0",
    "log_",
    "\u0131nfo",
    b"info",
    None,
    1.5,
    [],
    Number.SEVENTEEN,
    BigInt(8),
    Text("true"),
]
any_severities = mostly(
    st.one_of(
        st.sampled_from(SEVERITIES), st.sampled_from(SEVERITIES), odd(int, st.integers(0, 7))
    ),
    st.one_of(
        st.sampled_from(NOT_SEVERITIES),
        pretenders,
        odd(int, st.integers(-1, 9)),
        odd(str, st.sampled_from(["info", "err", "x"])),
    ),
)
MSGIDS = [None, "ID47", "", "\u00e9", "\ud800", "a b", "m" * 40, "\U0001f600" * 9, "-", Text("x")]
any_msgids = mostly(
    st.one_of(st.sampled_from(MSGIDS), odd(str, st.sampled_from(["ID47", "\u00e9", ""]))),
    st.one_of(st.sampled_from([5, b"ID", 1.5]), pretenders),
)
OFFSETS = [0, 0, 0, 0, 1, 7, 40, True, Number.TWO]
NOT_OFFSETS = [300, 301, 2000, -1, 2**31, 2**63, -(2**70), BigInt(1), 1.0, None, "0", []]
any_offsets = mostly(
    st.one_of(st.sampled_from(OFFSETS), st.sampled_from(OFFSETS), odd(int, st.integers(0, 40))),
    st.one_of(st.sampled_from(NOT_OFFSETS), pretenders, odd(int, st.integers(-2, 2000))),
)
BATCHES = [[], (), ["x" * 50] * 30, [b"ok", "\ud800", "\n" * 90] * 4, ["x", "\u20ac" * 3000] * 3]
any_batches = mostly(
    st.one_of(
        st.lists(texts, max_size=5),
        st.lists(st.one_of(texts, octets), max_size=6),
        st.lists(messages, max_size=5).map(tuple),
        odd(list, st.lists(messages, max_size=5)),
        odd(tuple, st.lists(messages, max_size=5)),
        st.sampled_from(BATCHES),
    ),
    st.one_of(
        st.lists(any_messages, max_size=5),
        st.sampled_from([None, "ab", b"ab", {"a": 1}]),
        st.one_of(pretenders, odd(str, texts), odd(dict, st.just({"a": 1}))),
    ),
)

FIELDS = [
    "web1",
    "web1.example.com",
    "192.0.2.1",
    "fe80::1%eth0",
    "\u00e9 b",
    "",
    "-",
    ".x",
    "x" * 300,
    "su]d[o",
    "a/b c\n",
    "\ud800",
    "\U0001f600" * 70,
    Text("web2"),
]
fields = st.one_of(st.sampled_from(FIELDS), odd(str, st.sampled_from(FIELDS)))
ATTRIBUTES = [None, {}, {"a": {"b": "user"}}, {"a@1": {"line": "lineno"}, "b@2": {}},
              {"a": "extra"}, {Text("a"): Mapping({Text("b"): Text("c")})}]  # fmt: skip
OPTIONS = {
    "protocol": st.sampled_from(["rfc5424", "rfc5424", "rfc3164", "local"]),
    "facility": st.sampled_from([0, 1, 12, 23, "local7", "kern", True, Number.SEVENTEEN, BigInt(9)])
    | odd(int, st.integers(0, 23)),
    "hostname": st.one_of(fields, st.none()),
    "app_name": st.one_of(fields, st.none()),
    "procid": st.one_of(
        fields, st.sampled_from([None, 1, 0, -5, 10**40, True, Number.TWO, BigInt(9)])
    ),
    "msgid": st.one_of(fields, st.none()),
    "structured_data": structured_data,
    "framing": st.sampled_from([None, "octet", "lf", "nul"]),
    "local_time": st.sampled_from([None, True, False, 0, "yes"]),
    "precision": st.sampled_from([0, 1, 2, 3, 4, 5, 6, True, Number.TWO, BigInt(5)]),
    "controls": st.sampled_from(["escape", "keep"]),
    "bom": st.booleans(),
    "max_size": st.one_of(  # above the least
        *(st.none(), st.integers(0, 60), st.integers(0, 700)),
        st.integers(2**31 - 5000, 2**31 - 3000),  # nearly all that there may be
        odd(int, st.integers(0, 700)),
    ),
    "prefix": st.sampled_from([b"", b"TOKEN ", b"\n\xff", b"p" * 300]),
    "header_attributes": st.sampled_from(
        [None, {}, {"app_name": "name"}, {"msgid": ["a", "b"], "procid": ("c",)}]
    ),
    "enterprise_id": st.sampled_from([None, 0, 1, "1", Text("1"), BigInt(5)]),
    "fqdn": st.sampled_from([False, True, 0, "yes"]),
    "attributes": st.sampled_from(ATTRIBUTES) | odd(dict, st.sampled_from(ATTRIBUTES[1:])),
}
WRONG_OPTIONS = {
    "protocol": st.sampled_from(["", "RFC 5424", None, 5, [], b"local"]),
    "facility": st.sampled_from([24, -1, 10**20, "bogus", "", None, 1.5, b"user", []]),
    "hostname": st.sampled_from([5, b"h", True, []]),
    "app_name": st.sampled_from([5, b"h", True, []]),
    "procid": st.sampled_from([1.5, b"1", []]),
    "msgid": st.sampled_from([5, b"h", True, []]),
    "structured_data": any_structured_data,
    "framing": st.sampled_from(["", "crlf", 0, False, [], b"lf"]),
    "local_time": st.sampled_from([[], "no", 2]),
    "precision": st.sampled_from([7, -1, 10**30, None, 6.0, "6"]),
    "controls": st.sampled_from([None, "", "drop", [], True]),
    "bom": st.sampled_from([[], "no", 2]),
    "fqdn": st.sampled_from([[], "no", 2]),
    "max_size": st.sampled_from([0, -1, 60, 80, 2**31, 2**31 - 1, 10**30, 1e3, "1024", True]),
    "prefix": st.sampled_from(["", None, bytearray(b"a"), memoryview(b"a"), 5]),
    "header_attributes": st.sampled_from(
        [
            5,
            "name",
            [],
            {"facility": "x"},
            {"app_name": 5},
            {"app_name": []},
            {"app_name": [""]},
            {"app_name": ""},
            {5: "x"},
            {"msgid": None},
            {"procid": ["a", 5]},
            {"msgid": b"x"},
        ]
    ),
    "attributes": st.one_of(
        st.sampled_from(
            [5, "ab", [], {"a": 5}, {"a": {"b": 5}}, {5: {}}, {"a b": {}}, {"a@x": {}}]
        ),
        st.sampled_from([{"a": {"": "x"}}, {"a": [("b", "c")]}, {"a": {"b": None}}, {None: {}}]),
        pretenders,
    ),
    "enterprise_id": st.sampled_from(
        ["32473.1", "", "x", "1.", ".1", "1..2", -1, 10**30, "1" * 31, 1.5, []]
    ),
}
options = st.fixed_dictionaries({}, optional=OPTIONS)
some_options = st.lists(
    st.one_of(
        *[
            st.tuples(st.just(name), strategy)
            for name, strategy in OPTIONS.items()
            if name != "max_size"
        ],
        *[st.tuples(st.just(name), strategy) for name, strategy in WRONG_OPTIONS.items()],
    ),
    max_size=4,
).map(dict)

# POSIX's own notation needs no files: whole hours, other minutes, seconds, summer time on both
# halves of the Earth, and more than a day off.
ZONES = [
    "UTC0",
    "EST5EDT,M3.2.0,M11.1.0",
    "NZST-12NZDT,M9.5.0,M4.1.0/3",
    "<+0545>-5:45",
    "LMT0:44:30",
    "AMT-0:19:32",
    "<-2359>23:59:59",
    "FAR-24:59:59",
    "FAR24:59:59",
    "ODD-0:00:29",
    "ODD0:00:30",
]
zones = st.sampled_from(ZONES)


def enlarge_max_size(module: ModuleType, options: dict[str, object]) -> dict[str, object]:
    """Return options whose max_size, if there is one, is that much above the least allowed."""
    if options.get("max_size") is None:
        return options
    with pytest.raises(ValueError, match=r"max_size must be at least") as caught:
        module.Encoder(**{**options, "max_size": 0})
    least = re.search(r"at least (\d+)", str(caught.value))
    return {**options, "max_size": int(least[1]) + options["max_size"]}


# --- the comparison ------------------------------------------------------------------------------


def mask_fraction(data: bytes) -> bytes:
    return re.sub(rb"(\d\dT\d\d:\d\d:\d\d\.)\d+", rb"\1", data)


def find_outcome(call: Callable[[], object]) -> tuple[object, ...]:
    """Return what a call returns or raises, in a form that can be compared."""
    try:
        result = call()
    except Exception as error:
        return type(error), re.sub(" at 0x[0-9a-fA-F]+>", ">", str(error))
    return "returned", type(result), result


def compare(method: str, call: Callable[[int], object]) -> bool:
    """Call with 0, for the compiled encoder, and 1, for its twin; return whether they returned.

    Calls may read the clock: if its second has changed meanwhile they are made again.
    """
    while True:
        second = time.time() // 1
        compiled, python = find_outcome(lambda: call(0)), find_outcome(lambda: call(1))
        if compiled == python or second == time.time() // 1:
            break
    compared[method] += 1
    compared["returned"] += compiled[0] == "returned"
    assert compiled == python, method
    return compiled[0] == "returned"


def keep_possible(
    both_modules: tuple[ModuleType, ModuleType], options: dict[str, object]
) -> dict[str, object]:
    """Return options that an encoder can have.

    An enterprise_id may make two SD-IDs the same; a value may have a __str__ that raises, and a
    dict its own items.
    """
    for name in ("enterprise_id", "structured_data", "attributes"):
        plain = {**options, "max_size": None}
        if compare("Encoder", lambda i: repr(both_modules[i].Encoder(**plain))):  # noqa: B023
            break
        options = {other: value for other, value in options.items() if other != name}
    return options


Call = collections.namedtuple(
    "Call",
    "severity message messages time_ns msgid structured_data buffer size offset source",
)
BUFFERS: "dict[str, Callable[[bytearray], object]]" = {
    "itself": lambda memory: memory,
    "held": lambda memory: memory,
    "subclass": lambda memory: memory,
    "view": memoryview,
    "items of two": lambda memory: memoryview(memory).cast("H"),
    "two rows": lambda memory: memoryview(memory or bytearray(2)).cast(
        "B", (2, len(memory) // 2 or 1)
    ),
    "array": lambda memory: (ctypes.c_char * len(memory)).from_buffer(memory),
    "slice": lambda memory: memoryview(memory)[2:],
    "every second": lambda memory: memoryview(memory)[::2],
    "backwards": lambda memory: memoryview(memory)[::-1],
    "read-only": lambda memory: memoryview(memory).toreadonly(),
    "bytes": bytes,
    "released": lambda memory: release_view(),
    "str": str,
    "list": list,
}
any_buffers = st.sampled_from(["itself"] * 36 + ["view"] * 18 + list(BUFFERS))
sources = st.sampled_from(["given"] * 18 + ["the buffer", "a part of it"])


def write(
    encoder: object, method: str, call: Call, keywords: dict[str, object]
) -> tuple[object, bytes]:
    """Call a method that writes into a buffer; return its result and all the memory."""
    content = (bytes(range(65, 91)) * (call.size // 26 + 1))[: call.size]
    memory = Growing(content) if call.buffer == "subclass" else bytearray(content)
    buffer = BUFFERS[call.buffer](memory)
    views = [memoryview(memory)] if call.buffer == "held" else []
    message = call.messages if method == "encode_many_into" else call.message
    if call.source == "the buffer" and call.buffer != "str":
        message = buffer
    elif call.source == "a part of it":
        message = memoryview(memory)[len(memory) // 3 : len(memory) // 2]
        views.append(message)
    try:
        result = getattr(encoder, method)(buffer, call.severity, message, call.offset, **keywords)
    except Exception:
        assert memory == content, "a call that failed has changed the buffer"
        raise
    finally:
        for view in views:
            view.release()
    return result, mask_fraction(memory) if call.time_ns is None else bytes(memory)


def make(encoder: object, method: str, call: Call, names: tuple[str, ...]) -> object:
    """Call a method with those keyword arguments; return what it returns and writes."""
    keywords = {name: getattr(call, name) for name in names}
    if method in ("encode_into", "encode_many_into"):
        return write(encoder, method, call, keywords)
    positional = (call.severity,) if method == "header" else (call.severity, call.message)
    record = getattr(encoder, method)(*positional, **keywords)
    return mask_fraction(record) if call.time_ns is None else record


# What is called in turn, and with which keyword arguments.
OWN = ("time_ns", "msgid", "structured_data")
METHODS = [
    ("encode", ("time_ns",)),
    ("encode_into", ("time_ns",)),
    ("encode", OWN),
    ("encode_many_into", ("time_ns",)),
    ("encode_into", OWN),
    ("header", OWN),
    ("encode_into", ("time_ns", "structured_data")),
    ("encode", ("time_ns", "msgid")),
    ("encode_many_into", ("time_ns",)),
    ("header", ("time_ns",)),
    ("encode_into", ("time_ns", "msgid")),
]


def pools_of(strategy: st.SearchStrategy, size: int) -> st.SearchStrategy:
    return st.lists(strategy, min_size=1, max_size=size)


@share_examples(0.85, CALLS)
@given(
    options=options,
    zone=zones,
    pools=st.builds(
        Call,
        severity=pools_of(any_severities, 3),
        message=pools_of(any_messages, 8),
        messages=pools_of(any_batches, 4),
        time_ns=pools_of(any_times, 5),
        msgid=pools_of(any_msgids, 3),
        structured_data=pools_of(any_structured_data, 4),
        buffer=pools_of(any_buffers, 4),
        size=pools_of(st.sampled_from([0, 40, 120, 300, 2000, 9000, 40000]), 3),
        offset=pools_of(any_offsets, 3),
        source=pools_of(sources, 3),
    ),
)
def compare_records(both_modules, set_zone, options, zone, pools) -> None:
    """All methods that make records agree: on bytes, on errors and on what a buffer holds.

    From a handful of arguments of each kind many calls are made, each with another combination.
    """
    set_zone(zone)
    options = enlarge_max_size(both_modules[1], keep_possible(both_modules, options))
    encoders = [module.Encoder(**options) for module in both_modules]
    rows = zip(*[itertools.cycle(pool) for pool in pools], strict=True)
    for (method, names), row in itertools.islice(
        zip(itertools.cycle(METHODS), rows, strict=True), CALLS
    ):
        call = Call(*row)
        try:
            compare(method, lambda i: make(encoders[i], method, call, names))  # noqa: B023
        except AssertionError:
            note(f"{encoders[1]!r}, {options!r}: {method} with {names} of {call}")
            raise


@share_examples(0.1, 10)
@given(options=options, changes=st.lists(some_options, min_size=1, max_size=5), zone=zones)
def compare_encoders(both_modules, set_zone, options, changes, zone) -> None:
    """Constructor, replace and repr agree, whatever the options are."""
    set_zone(zone)
    options = enlarge_max_size(both_modules[1], keep_possible(both_modules, options))
    encoders = [module.Encoder(**options) for module in both_modules]

    def construct(module: ModuleType, options: dict[str, object]) -> tuple[str, bytes]:
        encoder = module.Encoder(**options)
        return repr(encoder), encoder.encode(6, "text\n", time_ns=0)

    def replace(encoder: object, change: dict[str, object]) -> tuple[str, str, bytes]:
        changed = encoder.replace(**change)
        return repr(encoder), repr(changed), changed.encode(6, "text\n", time_ns=0)

    for change in itertools.islice(itertools.cycle(changes), 5):
        both = {**options, **change}
        compare("Encoder", lambda i: construct(both_modules[i], both))  # noqa: B023
        compare("replace", lambda i: replace(encoders[i], change))  # noqa: B023


@share_examples(0.05, 20)
@given(
    zone=zones,
    timestamps=st.lists(any_times, min_size=1, max_size=5),
    protocol=st.sampled_from(["rfc5424"] * 6 + ["rfc3164", "local", "", None, 5]),
    local_time=st.sampled_from([None, True, False, 0, 1, "x", []]),
    precision=st.sampled_from(
        [0, 1, 2, 3, 4, 5, 6] * 2 + [7, -1, True, None, "6", 6.0, BigInt(2), 10**20]
    ),
)
def compare_timestamps(
    both_modules, set_zone, zone, timestamps, protocol, local_time, precision
) -> None:
    """format_timestamp agrees, in every zone, on either side of every time."""
    set_zone(zone)

    def render(module: ModuleType, timestamp: object) -> str:
        text = module.format_timestamp(
            timestamp, protocol=protocol, local_time=local_time, precision=precision
        )
        return mask_fraction(text.encode()) if timestamp is None else text

    for timestamp in itertools.islice(itertools.cycle(timestamps), 5):
        for distance in (0, -1, 1, 86400 * 10**9):
            near = timestamp
            if distance and issubclass(type(timestamp), int):
                near = int.__add__(timestamp, distance)
            compare("format_timestamp", lambda i: render(both_modules[i], near))  # noqa: B023


def test_any_call(both_modules, set_zone) -> None:
    """As many calls agree as SYSLOGFAST_EXAMPLES asks for, and every method had its share."""
    compared.clear()
    for compare_some in (compare_records, compare_encoders, compare_timestamps):
        compare_some(both_modules, set_zone)
    total = sum(compared.values()) - compared["returned"]
    assert total >= ASKED
    assert compared["returned"] > total / 2  # not mostly errors
    # encode_record is compared in test_log_record.py.
    for method in {"Encoder", "format_timestamp", *METHOD_NAMES} - {"encode_record"}:
        assert compared[method] >= ASKED // 200, method


# --- what no strategy draws ----------------------------------------------------------------------


class Unprintable:
    """What cannot be written out."""

    def __repr__(self) -> str:
        raise ArithmeticError("no text")

    __str__ = __repr__


UNPRINTABLE = Unprintable()
PLAIN = {
    "hostname": "web1",
    "app_name": "shop",
    "procid": 42,
    "structured_data": {"a@1": {"b": "c"}},
}
AWKWARD_CALLS: "dict[str, Callable[[ModuleType, object], object]]" = {
    **{
        f"option {name} unprintable": lambda m, e, name=name: m.Encoder(
            **{**PLAIN, name: UNPRINTABLE}
        )
        for name in OPTIONS
        if name not in ("local_time", "bom", "fqdn")
    },
    "severity unprintable": lambda m, e: e.encode(UNPRINTABLE, "x"),
    "message unprintable": lambda m, e: e.encode(6, UNPRINTABLE),
    "messages unprintable": lambda m, e: e.encode_many_into(bytearray(), 6, UNPRINTABLE),
    "one message unprintable": lambda m, e: e.encode_many_into(bytearray(), 6, ["a", UNPRINTABLE]),
    "time unprintable": lambda m, e: e.encode(6, "x", time_ns=UNPRINTABLE),
    "msgid unprintable": lambda m, e: e.encode(6, "x", msgid=UNPRINTABLE),
    "buffer unprintable": lambda m, e: e.encode_into(UNPRINTABLE, 6, "x"),
    "offset unprintable": lambda m, e: e.encode_into(bytearray(), 6, "x", UNPRINTABLE),
    "structured_data unprintable": lambda m, e: e.encode(6, "x", structured_data=UNPRINTABLE),
    "SD-ID unprintable": lambda m, e: e.header(6, structured_data={UNPRINTABLE: {}}),
    "parameters unprintable": lambda m, e: e.header(6, structured_data={"a": UNPRINTABLE}),
    "PARAM-NAME unprintable": lambda m, e: e.header(6, structured_data={"a": {UNPRINTABLE: 1}}),
    "value unprintable": lambda m, e: e.header(6, structured_data={"a": {"b": UNPRINTABLE}}),
    "timestamp unprintable": lambda m, e: m.format_timestamp(UNPRINTABLE),
    "precision unprintable": lambda m, e: m.format_timestamp(0, precision=UNPRINTABLE),
    "prefix that lies": lambda m, e: m.Encoder(**{**PLAIN, "prefix": Octets(b"octets")}).encode(
        6, "x", time_ns=0
    ),
    "constant elements that lie": lambda m, e: m.Encoder(
        **{**PLAIN, "structured_data": Octets(b'[a b="c"]')}
    ).encode(6, "x", time_ns=0),
    "elements that lie": lambda m, e: e.encode(
        6, "x", time_ns=0, structured_data=Octets(b'[a b="c"]')
    ),
    "SD-ID that lies": lambda m, e: e.encode(6, "x", time_ns=0, structured_data={Text("a"): {}}),
    "empty SD-ID that lies": lambda m, e: e.encode(6, "x", structured_data={Text(""): {}}),
    "one object as buffer and message": lambda m, e: e.encode_into(None, 6, None),
    "one str as buffer and message": lambda m, e: e.encode_into("x", 6, "x"),
    "one int as buffer and message": lambda m, e: e.encode_into(5, 6, 5),
    "replace nothing": lambda m, e: repr(e.replace()),
    "attributes": lambda m, e: sorted(name for name in dir(e) if not name.startswith("_")),
    "prefix with the octet count": lambda m, e: m.Encoder(
        **PLAIN, prefix=b"x" * 96, framing="octet"
    ).encode(6, "", time_ns=0),
}


@try_each("name", AWKWARD_CALLS)
def test_awkward_calls(both_modules, name) -> None:
    """Both encoders agree on what cannot be printed, and on what no strategy draws."""
    encoders = [module.Encoder(**PLAIN) for module in both_modules]
    compare(name, lambda i: AWKWARD_CALLS[name](both_modules[i], encoders[i]))


@try_each(
    "positional, keywords",
    [
        ((), {}),
        ((6,), {}),
        ((6, "x", 0), {}),
        ((6, "x"), {"colour": 1}),
        ((6, "x"), {"severity": 1}),
    ],
)
def test_wrong_argument_counts(encoder_module, positional, keywords) -> None:
    """A wrong call is a TypeError; only its wording is Python's own."""
    encoder = encoder_module.Encoder(**PLAIN)
    with pytest.raises(TypeError):
        encoder.encode(*positional, **keywords)
    with pytest.raises(TypeError):
        encoder.replace(colour=1)
    with pytest.raises(TypeError):
        encoder_module.Encoder("rfc5424")


@try_each("size", [*range(40), *range(120, 140), *range(250, 262)])
def test_every_size(both_modules, size) -> None:
    """Messages of each length agree, with something to escape at each place, cut at each place."""
    for framing, controls in itertools.product([None, "octet", "lf", "nul"], ["escape", "keep"]):
        encoders = [
            module.Encoder(**PLAIN, framing=framing, controls=controls, max_size=230)
            for module in both_modules
        ]
        for special in ("\n", "\0", "\x7f", "\u0085", "\u2028", "\u00e9", "\U0001f600", "\ud800"):
            place = (7 * size + ord(special)) % (size + 1)
            text = "x" * place + special + "y" * (size - place)
            for message in (text, text.encode("utf-8", "surrogatepass")):
                compare("encode", lambda i: encoders[i].encode(6, message, time_ns=0))  # noqa: B023


# As CPython keeps them: one octet a character, two of one kind and of several, four.
WIDE_TEXTS = [
    "Crème brûlée à ",
    "Заказ оплачен ",
    "日本語の記録は長い",
    "注文 17 は「済」 — ",
    "paid \U0001f4b3 sold",
]


@try_each("text", WIDE_TEXTS)
@try_each("special", ["\t", "\n", "\x7f", "\u0085", "\u2029", "\u2066", "\ud800", '"', "\ufeff"])
def test_every_place_in_wide_texts(both_modules, text, special) -> None:
    """What needs care agrees at each place of what is written many at a time, and at its end."""
    encoders = [module.Encoder(**PLAIN) for module in both_modules]
    for size in range(1, 70):
        start = (text * 20)[:size]
        data = {"a@1": {"b": start + special}}
        for message in (start, start + special, special + start, start + special + start):
            compare("encode", lambda i: encoders[i].encode(6, message, time_ns=0))  # noqa: B023
        compare("encode", lambda i: encoders[i].encode(6, start, structured_data=data, time_ns=0))  # noqa: B023


@pytest.mark.slow
@pytest.mark.parametrize("text", WIDE_TEXTS)
@pytest.mark.parametrize("max_size", [4000, 8192, 2**20])
def test_long_wide_texts(both_modules, text, max_size) -> None:
    """So do texts of about the sizes from which on they are measured first, and truncated ones."""
    encoders = [module.Encoder(**PLAIN, max_size=max_size) for module in both_modules]
    text = text * 9000
    for size in [
        *range(1330, 1340),
        *range(1625, 1650),
        *range(2715, 2740),
        *range(4050, 4110),
        9000,
    ]:
        for message in (text[:size], text[: size - 1] + "\n", text[:size] + "\n."):
            compare("encode", lambda i: encoders[i].encode(6, message, time_ns=0))  # noqa: B023


@try_each("count", range(5))
@try_each("space", [*range(8), 500])
def test_leading_boms(both_modules, count, space) -> None:
    """With and without `bom`, any number of BOMs before the text agrees, however little fits."""
    for bom, rest in itertools.product([True, False], ["", "x", "text\n", "\ufffe"]):
        options = enlarge_max_size(both_modules[1], {**PLAIN, "bom": bom, "max_size": space})
        encoders = [module.Encoder(**options) for module in both_modules]
        text = "\ufeff" * count + rest
        for message in (text, text.encode(), bytearray(text.encode()), text.encode()[:-1]):
            compare("encode", lambda i: encoders[i].encode(6, message, time_ns=0))  # noqa: B023


# --- what can be seen without calling ------------------------------------------------------------

PUBLIC = ["Encoder", "format_timestamp"]
METHOD_NAMES = ["encode", "encode_into", "encode_many_into", "encode_record", "header", "replace"]


def list_callables(module: ModuleType) -> dict[str, object]:
    encoder = module.Encoder(**PLAIN)
    methods = {f"Encoder.{name}": getattr(encoder, name) for name in METHOD_NAMES}
    return {"Encoder": module.Encoder, "format_timestamp": module.format_timestamp, **methods}


def describe_parameters(function: object) -> list[tuple[str, object, object]]:
    parameters = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]


def test_public_names(both_modules) -> None:
    """What an encoder offers has the same names, in the same order."""
    for module in both_modules:
        assert [name for name in PUBLIC if hasattr(module, name)] == PUBLIC
    assert set(PUBLIC) <= set(syslogfast.__all__)
    compiled, python = (
        [name for name in vars(module.Encoder) if not name.startswith("_")]
        for module in both_modules
    )
    assert compiled == python
    assert python == [*METHOD_NAMES, "max_size"]


@pytest.mark.parametrize(
    "name", ["Encoder", "format_timestamp", *[f"Encoder.{m}" for m in METHOD_NAMES]]
)
def test_signatures_and_docstrings(both_modules, name) -> None:
    """Names, kinds and defaults of all parameters agree, and so does what help() shows."""
    compiled, python = (list_callables(module)[name] for module in both_modules)
    assert describe_parameters(compiled) == describe_parameters(python)
    assert inspect.getdoc(compiled) == inspect.getdoc(python)
    assert inspect.getdoc(python)


def test_one_list_of_options(both_modules) -> None:
    """Both encoders take what OPTIONS lists, with its defaults; another name is refused by name."""
    for module in both_modules:
        parameters = describe_parameters(module.Encoder)
        assert [(name, default) for name, _, default in parameters] == list(
            _options.OPTIONS.items()
        )
        assert {kind for _, kind, _ in parameters} == {inspect.Parameter.KEYWORD_ONLY}
        with pytest.raises(
            TypeError, match=r"unexpected keyword argument 'hostnam'\. Did you mean 'hostname'"
        ):
            module.Encoder(hostnam="h")
        encoder = module.Encoder(**_options.OPTIONS)
        assert encoder._list_options() == module.Encoder()._list_options() == _options.OPTIONS


def test_doctests(encoder_module) -> None:
    """Every example in a docstring does what it shows."""
    runner = doctest.DocTestRunner(verbose=False)
    for name, function in list_callables(encoder_module).items():
        source = doctest.DocTestParser().get_doctest(
            inspect.getdoc(function), dict(vars(encoder_module)), name, None, 0
        )
        assert source.examples, name
        assert runner.run(source).failed == 0, name
