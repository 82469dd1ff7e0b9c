"""What the vectors ask of an encoder: each idea a function, its cases the product of a few lists.

Left out is what is not the same on every Python: time zones; the order of a dict, so that elements
whose order shows are in bytes or pairs; the repr of other characters than ASCII, in errors; and a
bool as a number.
"""

from collections.abc import Iterator
from typing import NamedTuple

from texts import (
    ADDRESSES,
    BAD_NAMES,
    BAD_SD_IDS,
    CONTROLS,
    ENTERPRISE_IDS,
    FIELDS,
    LINE_ENDS,
    MESSAGES,
    NOON,
    OCTETS,
    SECOND,
    SEVERITIES,
    TIMESTAMPS,
    TRUNCATED,
    UNWRITABLE,
    VALUES,
)

from syslogfast.constants import FACILITIES

NAMES = {"hostname": "web1", "app_name": "shop", "procid": 42}
PROTOCOLS = ("rfc5424", "rfc3164", "local")
FRAMINGS = (None, "octet", "lf", "nul")
SOLD = (6, "sold out")


class Case(NamedTuple):
    name: str
    call: str
    options: dict[str, object]
    replace: dict[str, object]
    arguments: tuple[object, ...]
    keywords: dict[str, object]


def encode(
    name: str,
    *arguments: object,
    call: str = "encode",
    keywords: dict[str, object] | None = None,
    replace: dict[str, object] | None = None,
    **options: object,
) -> Case:
    """Return a case of an encoder of NAMES, at NOON; a protocol without UTC is told to use it."""
    if options.get("protocol") in ("rfc3164", "local"):
        options = {"local_time": False, **options}
    given = {"time_ns": NOON, **(keywords or {})}
    return Case(name, call, {**NAMES, **options}, replace or {}, arguments or SOLD, given)


def make_forms() -> Iterator[Case]:
    for protocol in PROTOCOLS:
        for framing in FRAMINGS:
            form = {"protocol": protocol, "framing": framing}
            for what, message in (("plain", "sold out"), ("empty", ""), ("delimiters", "a\nb\0c")):
                for controls in ("escape", "keep"):
                    name = f"form/{protocol}/{framing}/{controls}/{what}"
                    yield encode(name, 6, message, controls=controls, **form)
            name = f"form/{protocol}/{framing}/bom"
            for what, message in (("plain", "x"), ("own", "\ufeff\ufeffx\ufeff"), ("empty", "")):
                yield encode(f"{name}/{what}", 6, message, bom=True, **form)
            yield encode(f"{name}/octets", 6, b"\xef\xbb\xbfx", bom=True, **form)
    for size in (0, 5, 6, 7, 940, 950, 951, 952, 953):  # where the count gets a digit
        yield encode(f"form/octet/{size}", 6, "x" * size, framing="octet")


def make_codes() -> Iterator[Case]:
    for severity in (*range(8), *SEVERITIES):
        yield encode(f"severity/{severity}", severity, "x")
    for facility in (*range(24), *FACILITIES):
        yield encode(f"facility/{facility}", 7, "x", facility=facility)
    for severity in SEVERITIES:
        for keyword in (severity.upper(), severity.title(), f"LOG_{severity.upper()}"):
            yield encode(f"severity/{keyword}", keyword, "x")
        for keyword in (f"{severity}x", f"x{severity}", severity[:-1] + "\x7f", f"log{severity}"):
            yield encode(f"severity/bad/{keyword}", keyword, "x")
    for facility in FACILITIES:
        for keyword in (facility.title(), f"LOG_{facility.upper()}", f"log_{facility}"):
            yield encode(f"facility/{keyword}", 7, "x", facility=keyword)
    for code in (-1, 8, 24, 10**30, "", "LOG_", "log_log_user", "LOG-ERR", "7", None, 1.5, b"err"):
        yield encode(f"severity/bad/{code}", code, "x")
        yield encode(f"facility/bad/{code}", 7, "x", facility=code)
    for size in (98, 99, 200):  # what is quoted in an error is cut at 100 characters
        yield encode(f"severity/bad/{size} characters", "x" * size, "x")


def make_fields() -> Iterator[Case]:
    for what, text in FIELDS.items():
        for field in ("hostname", "app_name", "procid", "msgid"):
            yield encode(f"field/rfc5424/{field}/{what}", **{field: text})
        yield encode(f"field/record/msgid/{what}", keywords={"msgid": text})
        for field in NAMES:
            yield encode(f"field/rfc3164/{field}/{what}", protocol="rfc3164", **{field: text})
    for address in ADDRESSES:
        yield encode(f"field/rfc3164/hostname/{address}", protocol="rfc3164", hostname=address)
    for procid in (0, 1, -1, 2**31, 2**63, 10**30, 10**130):
        yield encode(f"field/procid/{str(procid)[:40]}", procid=procid)
    for value in (1.5, b"x", [], 7):
        for field in ("hostname", "app_name", "procid", "msgid"):
            if (field, value) != ("procid", 7):
                yield encode(f"field/bad/{field}/{value}", **{field: value})
        yield encode(f"field/bad/record/msgid/{value}", keywords={"msgid": value})


def make_texts() -> Iterator[Case]:
    for what, text in MESSAGES.items():
        yield encode(f"text/escape/{what}", 6, text)
        yield encode(f"text/keep/lf/{what}", 6, text, controls="keep", framing="lf")
        yield encode(f"text/value/{what}", keywords={"structured_data": {"a@1": {"b": text}}})
    for what, octets in OCTETS.items():
        yield encode(f"octets/escape/{what}", 6, octets)
        yield encode(f"octets/keep/nul/{what}", 6, octets, controls="keep", framing="nul")
        yield encode(f"octets/value/{what}", keywords={"structured_data": {"a@1": {"b": octets}}})
    for char in CONTROLS:
        for protocol in ("rfc5424", "local"):
            yield encode(f"control/{protocol}/U+{ord(char):04X}", 6, f"a{char}b", protocol=protocol)
    for text in (
        "",
        "done",
        "\ufeff",
        "a message of some length",
        "a\nb",
        "\u00e9",
        "\u20ac",
        "\ud800",
    ):
        for ends in LINE_ENDS:
            what = f"{text}{ends}".encode("unicode_escape").decode()
            yield encode(f"line ends/escape/{what}", 6, text + ends)
            yield encode(f"line ends/keep/{what}", 6, text + ends, controls="keep", framing="nul")
            yield encode(f"line ends/bom/{what}", 6, text + ends, bom=True, framing="octet")
            yield encode(f"line ends/local/{what}", 6, text + ends, protocol="local", framing="lf")
            if text != "\ud800":
                octets = (text + ends).encode()
                yield encode(f"line ends/octets/{what}", 6, octets, bom=True, framing="lf")
                yield encode(f"line ends/value/{what}",
                             keywords={"structured_data": {"a@1": {"b": text + ends}}})  # fmt: skip
    for space in range(8):
        for text in ("abcd\r\n", "\u00e9\u00e9\n\n\n\n\n\n\n", "a\nb\n"):
            what = text.encode("unicode_escape").decode()
            yield encode(f"line ends/size/{what}/{space}", 6, text, max_size=92 + space)
    yield encode("octets/bytearray", 6, bytearray(b"caf\xc3\xa9\xff"))
    yield encode("octets/memoryview", 6, memoryview(b"caf\xc3\xa9\xff"))
    for value in (None, 7, 1.5, [], ("a",)):
        yield encode(f"text/bad/{value}", 6, value)


def make_structured_data() -> Iterator[Case]:
    for what, value in VALUES.items():
        yield encode(f"data/value/{what}", structured_data={"a@1": {"b": value}})
        yield encode(f"data/pairs/{what}", keywords={"structured_data": {"a@1": [("b", value)]}})
    nearly = "".join(chr(code) for code in range(33, 65) if chr(code) not in '="')
    shapes: dict[str, object] = {
        "none": {}, "no octets": b"", "nilvalue": b"-", "no parameters": {"a@1": {}},
        "no pairs": {"a@1": []}, "tuple of pairs": {"a@1": (("b", 1), ("c", 2))},
        "lists as pairs": {"a@1": [["b", 1], ["b", 2]]}, "many pairs": {"a@1": [("b", 1)] * 20},
        "longest names": {"n" * 32: {"n" * 32: "v"}}, "other characters": {nearly: {nearly: "v"}},
        "octets": b'[a@1 b="c"][d@1]', "escapes in octets": b'[a@1 b="\\]\\""]',
        "octets that are no element": b"trusted", "UTF-8 in octets": b'[a@1 b="\xc3\xa9"]',
        "ill-formed octets": b'[a@1 b="\xff"]',
    }  # fmt: skip
    for what, data in shapes.items():
        yield encode(f"data/encoder/{what}", structured_data=data)
        yield encode(f"data/record/{what}", keywords={"structured_data": data})
        for protocol in ("rfc3164", "local"):
            yield encode(f"data/{protocol}/{what}", protocol=protocol, structured_data=data)
        keywords = {"structured_data": data}
        yield encode(f"data/joined/{what}", keywords=keywords, structured_data=b'[z@1 k="v"]')
    constant = b'[a@1 b="\\]"][c@1][d@1 e="f" e="g"]'
    for sd_id in ("a@1", "c@1", "d@1", "A@1", "a", "a@11"):
        given = {"structured_data": {sd_id: {"x": "y"}}}
        yield encode(f"data/replaced/{sd_id}", keywords=given, structured_data=constant)
    for given_octets in (b"[d@1][a@1]", b'[c@1 x="[a@1]"]'.replace(b"@1]", b"@1\\]"), b"-", b""):
        given = {"structured_data": given_octets}
        name = f"data/replaced/{given_octets.decode()}"
        yield encode(name, keywords=given, structured_data=constant)
    for what, name in BAD_NAMES.items():
        yield encode(f"data/bad/id/{what}", structured_data={name: {}})
        yield encode(f"data/bad/name/{what}", keywords={"structured_data": {"a@1": {name: 1}}})
    for sd_id in BAD_SD_IDS:
        yield encode(f"data/bad/id/{sd_id}", structured_data={sd_id: {}})
        yield encode(f"data/bad/record/id/{sd_id}", keywords={"structured_data": {sd_id: {}}})
        yield encode(f"data/name/{sd_id}", structured_data={"a@1": {sd_id: "v"}})
    for number in ENTERPRISE_IDS:
        for sd_id in ("shop", "shop@1", "meta", "Meta", "ssign-cert", "n" * 9, "n" * 32):
            given = {"structured_data": {sd_id: {"x": "y"}}}
            name = f"data/enterprise_id/{number!r}/{sd_id}"
            yield encode(f"{name}/encoder", enterprise_id=number, **given)
            yield encode(f"{name}/record", enterprise_id=number, keywords=given)
        both = {"structured_data": {"a": {}, f"a@{number}": {}}}
        yield encode(f"data/enterprise_id/{number!r}/twice", enterprise_id=number, keywords=both)
    for number in ("", "a", "1.", ".1", "1..2", -1, "1" * 31, 10**30, 1.5, b"1", []):
        yield encode(f"data/enterprise_id/bad/{number!r}", enterprise_id=number)
    for data in ("[a]", 7, [("a", {})], {"a": None}, {"a": "bc"}, {"a": [1]}, {"a": ["bc"]},
                 {"a": [("b",)]}, {"a": [("b", 1, 2)]}, bytearray(b"[a]")):  # fmt: skip
        yield encode(f"data/bad/encoder/{data}", structured_data=data)
        yield encode(f"data/bad/record/{data}", keywords={"structured_data": data})


def make_times() -> Iterator[Case]:
    for timestamp in (*TIMESTAMPS, *UNWRITABLE):
        digits = len(str(abs(timestamp)))
        name = str(timestamp) if digits < 40 else f"{digits} digits"
        yield Case(f"time/{name}", "format_timestamp", {}, {}, (timestamp,), {})
        if timestamp in (0, -1, NOON, 2**63, *UNWRITABLE):
            yield encode(f"time/record/{name}", 6, "x", keywords={"time_ns": timestamp})
    for timestamp in TIMESTAMPS:
        form = {"protocol": "rfc3164", "local_time": False}
        yield Case(f"time/rfc3164/{timestamp}", "format_timestamp", {}, {}, (timestamp,), form)
    for precision in range(7):
        for timestamp in (NOON, 999_999_999, -1, TIMESTAMPS[-1]):
            form = {"precision": precision}
            name = f"time/precision/{precision}/{timestamp}"
            yield Case(name, "format_timestamp", {}, {}, (timestamp,), form)
        yield encode(f"time/precision/{precision}/record", precision=precision)
        yield encode(f"time/precision/{precision}/never", precision=precision,
                     keywords={"time_ns": float("nan")})  # fmt: skip
    for value in (0.0, 1.5, -1e18, "0", b"0", []):
        yield Case(f"time/bad/{value}", "format_timestamp", {}, {}, (value,), {})
        for protocol in PROTOCOLS:
            name = f"time/bad/{protocol}/{value}"
            yield encode(name, 6, "x", protocol=protocol, keywords={"time_ns": value})
    for precision in (-1, 7, 1.0, None, "6", 10**30):
        form = {"precision": precision}
        yield Case(f"time/bad/precision/{precision}", "format_timestamp", {}, {}, (0,), form)
        yield encode(f"time/bad/encoder/precision/{precision}", precision=precision)


def make_sizes() -> Iterator[Case]:
    for what, message in TRUNCATED.items():
        for space in range(13):
            yield encode(f"size/{what}/{space}", 6, message, max_size=92 + space)
    # The message goes first, then the record's own data, then all.
    data = {"structured_data": {"b@1": {"c": "d" * 10}}}
    constant = b'[a@1 b="' + b"c" * 26 + b'"]'
    for space in range(36):
        options = {"structured_data": constant, "max_size": 82 + space}
        yield encode(f"size/data/{space}", keywords=data, **options)
        yield encode(f"size/data/empty/{space}", 6, "", keywords=data, **options)
        yield encode(f"size/header/{space}", 6, call="header", keywords=data, **options)
    for space in range(0, 36, 3):
        options = {"structured_data": constant, "max_size": 85 + space, "bom": True}
        yield encode(f"size/data/bom/{space}", keywords=data, **options)
    for framing in ("octet", "lf", "nul"):
        for bom in (False, True):
            for size in (95, 99, 100, 101):
                name = f"size/{framing}/{bom}/{size}"
                yield encode(name, 6, "\u20ac" * 40, framing=framing, bom=bom, max_size=size)
    for size in (930, 980, 981, 982, 1100):
        yield encode(f"size/rfc3164/{size}", 6, "x" * size, protocol="rfc3164")
    yield encode("size/rfc5424/8192", 6, "x" * 9000)
    yield encode("size/local/8192", 6, "\n" * 2100, protocol="local", framing="octet")
    for size in (None, 82, 83, 2**31 - 1):
        yield encode(f"size/limit/{size}", call="max_size", max_size=size)
        yield encode(f"size/limit/rfc3164/{size}", call="max_size", max_size=size,
                     protocol="rfc3164")  # fmt: skip
    for value in (-1, 0, 10, 2**31, 10**30, "100", 99.0):
        yield encode(f"size/bad/{value}", max_size=value)
    for protocol in PROTOCOLS:  # the error tells the longest header
        for precision in (0, 1, 6):
            for bom in (False, True):
                name = f"size/longest/{protocol}/{precision}/{bom}"
                yield encode(name, max_size=1, protocol=protocol, precision=precision, bom=bom)


def make_buffers() -> Iterator[Case]:
    into, many = "encode_into", "encode_many_into"
    for kind in (bytearray, lambda octets: memoryview(bytearray(octets))):
        for size in (0, 55, 57, 58, 59, 70):
            for offset in sorted({0, min(3, size), size}):
                for framing in (None, "octet"):
                    buffer = kind(b"." * size)
                    where = f"{type(buffer).__name__}/{size}/{offset}/{framing}"
                    yield encode(f"into/{where}", buffer, 6, "x", offset, call=into,
                                 framing=framing)  # fmt: skip
    for kind in (bytearray, lambda octets: memoryview(bytearray(octets))):
        for size in (0, 51, *range(52, 57), *range(106, 115), 170):
            for offset in (0, 1)[: size + 1]:
                buffer = kind(b"." * size)
                where = f"{type(buffer).__name__}/{size}/{offset}"
                messages = ["a", b"b\xff", "c\n"]
                framing = "octet" if size % 2 else "lf"
                yield encode(f"many/{where}", buffer, 6, messages, offset, call=many,
                             framing=framing)  # fmt: skip
    for protocol in ("rfc3164", "local"):
        for timestamp in (NOON, -62_135_596_800 * SECOND, 253_402_300_799 * SECOND):
            name = f"many/{protocol}/{timestamp}"
            yield encode(name, bytearray(), 6, ["a", "b"], call=many, protocol=protocol,
                         framing="lf", keywords={"time_ns": timestamp})  # fmt: skip
    for messages in ([], (), ("a",), ["a", 7], "abc", None, [["a"]]):
        yield encode(f"many/messages/{messages}", bytearray(b"."), "err", messages, 1, call=many)
    for offset in (-1, 4, 10**30, "0", None, 1.0):
        for call, message in ((into, "x"), (many, ["x"])):
            name = f"into/bad/{call}/offset/{offset}"
            yield encode(name, bytearray(3), 6, message, offset, call=call)
    for call, message in ((into, "x"), (many, ["x"])):
        yield encode(f"into/bad/{call}/bytes", b"...", 6, message, call=call)
        yield encode(f"into/bad/{call}/severity", bytearray(b"."), 9, message, call=call)
        yield encode(f"into/bad/{call}/time", bytearray(b"."), 6, message, call=call,
                     keywords={"time_ns": 1.5})  # fmt: skip
        yield encode(f"into/{call}/unknown time", bytearray(b"."), 6, message, call=call,
                     keywords={"time_ns": float("inf")})  # fmt: skip


def make_others() -> Iterator[Case]:
    for protocol in PROTOCOLS:
        for framing in FRAMINGS:
            options = {"protocol": protocol, "framing": framing}
            yield encode(f"header/{protocol}/{framing}", "err", call="header", **options)
        yield encode(f"header/{protocol}/bom", 0, call="header", protocol=protocol, bom=True)
        given = {"msgid": "ID 47", "structured_data": {"a@1": {"b": "]"}}}
        yield encode(f"header/{protocol}/own", 0, call="header", protocol=protocol, keywords=given)
        for prefix in (b"", b"TOKEN ", b"\0\xff", b"<14>"):
            name = f"prefix/{protocol}/{prefix!r}"
            yield encode(name, protocol=protocol, prefix=prefix, framing="octet")
        options = {"protocol": protocol, "prefix": b"TOKEN", "structured_data": b"[token@1]"}
        yield encode(f"repr/{protocol}", call="__repr__", **options)._replace(
            arguments=(), keywords={}
        )
    changes: list[dict[str, object]] = [
        {"app_name": "till"}, {"hostname": "h", "app_name": "a", "procid": "p"}, {"procid": 7},
        {"msgid": "ID47"}, {"structured_data": b"[b@1]"}, {"structured_data": None},
        {"framing": "octet"}, {"facility": "local0"}, {"bom": True}, {"prefix": b"T "},
        {"protocol": "local", "local_time": False}, {"precision": 0}, {"max_size": 90},
        {"controls": "keep"}, {"app_name": "x" * 60, "procid": ""}, {"protocol": "x"},
        {"facility": 24}, {"hostname": 7}, {"max_size": 1},
    ]  # fmt: skip
    for change in changes:
        name = f"replace/{' '.join(change)}/{' '.join(map(str, change.values()))[:20]}"
        yield encode(name, replace=change, structured_data=b"[a@1]", max_size=200)
    # What was given is known still, also where the record has it otherwise.
    for names in (NAMES, {**NAMES, "procid": "42"}, {**NAMES, "hostname": "a b"},
                  {**NAMES, "app_name": ""}, {**NAMES, "procid": "4 2"}):  # fmt: skip
        for protocol in ("rfc5424", "rfc3164"):
            for change in ({}, {"procid": 7}, {"hostname": "web2"}, {"app_name": "till"}):
                given = " ".join(map(str, [*names.values(), "to", *change.values()]))
                yield encode(f"repr/{protocol}/{given}/{type(names['procid']).__name__}",
                             call="__repr__", replace=change, protocol=protocol, **names
                             )._replace(arguments=(), keywords={})  # fmt: skip
    for option in ("protocol", "framing", "controls"):
        for value in ("", "x", "RFC 5424", 7, None):
            if (option, value) != ("framing", None):
                yield encode(f"option/bad/{option}/{value}", **{option: value})
    for value in ("text", None, 7, bytearray(b"T")):
        yield encode(f"option/bad/prefix/{value}", prefix=value)


def list_cases() -> list[Case]:
    """Return all cases; no two have the same name."""
    makers = (make_forms, make_codes, make_fields, make_texts, make_structured_data, make_times,
              make_sizes, make_buffers, make_others)  # fmt: skip
    cases = [case for maker in makers for case in maker()]
    assert len({case.name for case in cases}) == len(cases)
    return cases
