"""Inputs that have broken syslog senders, receivers or the terminals behind them.

Nothing here is expected to be refused but what is named so: for the rest, a record must come out
that a strict parser takes.
"""

CONTROL_CHARACTERS = "".join(
    map(chr, [*range(32), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)])
)

TEXTS: list[str] = [
    # nothing, and next to nothing
    "", " ", "\t", "-", ".", " leading", "trailing ", "a  b",
    # ends of records: line feeds, NULs, and what some readers take for either
    "\n", "\0", "\r\n", "a\nb", "a\0b", "a\r<0>x", "\x85", "\u2028\u2029", "\v\f\x1c\x1d\x1e",
    "x\n" * 500, "done\n", "done\r\n\r\n", "\u00e9\n", "\u20ac\r", "\U0001f600\n",
    # forged records, frames and elements
    "a\n<34>1 2003-10-11T22:14:15Z evil evil - EVIL - injected",
    "a\0<34>1 2003-10-11T22:14:15Z evil evil - EVIL - injected",
    "<34>1 2003-10-11T22:14:15Z evil evil - EVIL - injected",
    "<34>Oct 11 22:14:15 evil evil: injected",
    "12 <34>1 fake octet count", "99999999999999999999 x", "0 ", "[a@1]", '- [x@1 y="z"]',
    '] [x@1 y="z"] ', '"]', "a]b", 'a"b', "a\\b", "\\", "\\\\]", '\\"',
    # terminals
    "\x1b[31mred\x1b[0m", "\x1b]0;title\a", "\x1b[2J", "\x9b31m", "\b\b\bno", "\x7f", "\x80",
    "\xff",
    CONTROL_CHARACTERS, "".join(map(chr, range(256))),
    # direction, byte order and combination marks
    "\u202eevil", "\u2066x\u2069", "\ufeff", "\ufeff\ufeffx", "x\ufeff", "\ufffe\uffff",
    "e\u0301", "\u200b",
    # surrogates, alone and in pairs
    "\ud800", "\udfff", "\udbff\udfff", "\ud83d\ude00 pair", "\ud83c\udf89", "a\udcffb",
    "\udcff" * 3000,
    # formats and look-ups
    "%s %d %n", "%", "%(name)s", "{0}", "{}", "${jndi:ldap://x}", "$(id)", "#000 #012", "#",
    "##012",
    # other scripts, and the last characters there are
    "\u00e9", "\u65e5\u672c\u8a9e", "\U0001f600", "\U0010ffff", "\u00a0", "\u0800",
    "\u07ff\u0800\uffff",
    # sizes around every limit that somebody has
    *["x" * size for size in (7, 8, 15, 16, 17, 31, 33, 255, 480, 1023, 1024, 1025, 2048, 8191)],
    *["x" * size for size in (8192, 8193, 65_507, 65_508, 200_000, 200_001)],
    "\u00e9" * 32_754, "\U0001f600" * 3000, "\n" * 70_000, "]" * 9000, "\u2028" * 3000,
    "\ufeff" * 3000,
    *["x" * size + "\u20ac" * 20 + "\n" * 9 for size in range(960, 980)],
]  # fmt: skip

OCTETS: list[bytes] = [
    b"", b"\0", b"\xff", b"\x80", b"\xc0\x80", b"\xc0\xaf", b"\xc2", b"\xe2\x80", b"\xe2\x80\xa8",
    b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xfe\xff",
    b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2 + b"x", b"\xef\xbb", b"x\xc2\n", b"x\xe2\x80\n<0>1 forged",
    b"\xc2\x85", b"\xff" * 10_000, b"\xe2" * 10_000, b"\xf0\x90" * 5000, b"\x1b" * 3000,
    bytes(range(256)), bytes(range(255, -1, -1)), "caf\u00e9".encode("latin-1"),
    "x".encode("utf-16"),
    "x\u00e9".encode("utf-32"), b"x" * 1019 + b"\xe2\x82\xac\xe2\x82",
]  # fmt: skip

HEADER_FIELDS: list[str] = [
    "", "-", " ", "a b", "a\tb", "a\nb", "a\0", "\0", "\x7f", "\x1b[2J", "\x85", "\u2028",
    "]", "[", "=", '"', ":", ": ", "]: x", "a]b", 'a"b', "a=b", "a@1", "a@", "@32473", "a/b", "%s",
    "\u00e9", "\u00fcn\u00efcode", "\U0001f600", "\ud800", "a\udcff", "\ufeff", "\u202e",
    "<34>1", "<0>", "host - - - - injected", "evil\n<34>1 - - - - - -",
    "web1.example.com", "web1.", ".example.com", "192.0.2.1", "2001:db8::1", "fe80::1%eth0",
    "::ffff:192.0.2.1", ".", "..", "1.2", "256.1.1.1", "web1.example.com:514", "a:b.c",
    *["a" * size for size in (31, 32, 33, 47, 48, 49, 127, 128, 129, 254, 255, 256, 100_000)],
    *["\u00e9" * size for size in (15, 16, 17, 127, 128, 1000)], "\U0001f600" * 70, "." * 300,
    "a" * 250 + ".example.com", "a" * 31 + "\u00e9",
    # nearly addresses
    "1" * 5000 + ".1.1.1", "01.2.3.4", ":::1.2.3.4", "1::2::1.2.3.4", "1.2.3.4%e.f", "\u0661.1.1.1",
    "1:2:3:4:5:6:7:1.2.3.4", "[::1.2.3.4]", "1.2.3.4:514", "%a.b", "::1.2.3.4%a.b",
]  # fmt: skip

SECOND = 1_000_000_000
TIMES: list["int | float"] = [
    0, -0, 1, -1, 100, 999_999_500, 999_999_499, 999_999_999, -500_000_000, 1_999_999_999,
    946_684_799_999_999_999, 951_782_400 * SECOND, 1_709_164_800 * SECOND,
    1_483_228_799_500_000_000, 1_483_228_800 * SECOND,  # about a leap second
    2_147_483_647 * SECOND, 2_147_483_648 * SECOND, 4_294_967_296 * SECOND, 4_102_444_800 * SECOND,
    2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1,
    253_402_300_799 * SECOND, 253_402_300_799_999_999_999, 253_402_300_800 * SECOND,
    -62_135_596_800 * SECOND, -62_135_596_801 * SECOND, -62_135_596_800 * SECOND - 1,
    10**18 * SECOND, -(10**18) * SECOND, 10**308, -(10**308), 10**5000,
    float("nan"), float("inf"), -float("inf"), True,
]  # fmt: skip

ZONES: list[str] = [
    "UTC", "UTC0", "", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Africa/Monrovia", "Pacific/Apia", "Etc/GMT+12", "XXX99", "XXX-99", "<+0530>-5:30",
    "LMT0:00:31", "XXX-23:59:30", ":no/such/zone", "\u00e9",
]  # fmt: skip


class Chatty:
    """A value whose text is malicious, too."""

    def __str__(self) -> str:
        return CONTROL_CHARACTERS + '"\\]'

    __repr__ = __str__


STRUCTURED_DATA: list[object] = [
    None, {}, b"", b"-", {"a@1": {}}, {"a@1": []},
    *[{"a@1": {"b": text}} for text in TEXTS],
    *[{"a@1": {"b": octets}} for octets in OCTETS],
    {"a@1": [("b", text) for text in TEXTS[:60]]},
    {"timeQuality": {"tzKnown": 1, "isSynced": None}, "origin": [("ip", "::1"), ("ip", "1.2.3.4")]},
    {"a@1": {"b": Chatty(), "c": [Chatty()], "d": {"e": Chatty()}, "f": (1, None, 1e308)}},
    {f"element{number}@1": {"n" * 32: number} for number in range(99)},
    {"n" * 32: {"n" * 32: "x" * 900}}, {"".join(map(chr, range(35, 61))): {"!": "v"}},
    {"constant@1": {"replaced": "\n"}}, b'[constant@1 replaced="raw"]', b'[other@1 a="\\]"]',
]  # fmt: skip

BAD_STRUCTURED_DATA: list[object] = [
    *[{name: {}} for name in ("", " ", "a b", "a=b", 'a"b', "a]b", "a\n", "\u00e9", "\ud800")],
    *[{"a": {name: 1}}
      for name in ("", "a b", "a=", '"', "]", "\0", "\x7f", "n" * 33, "\U0001f600")],
    {"n" * 33: {}}, {7: {}}, {None: {}}, {b"a": {}}, {"a": {7: 1}}, {"a": "b"},
    {"a": [1]}, {"a": ["bc"]}, {"a": [("b",)]}, {"a": [("b", 1, 2)]}, "[a]", 7, [("a", {})],
    bytearray(b"[a]"), {"a": {"b": 10**5000}},
    *[{sd_id: {}} for sd_id in ("a@b@1", "x@", "@1", "x@abc", "x@1.", "x@.1", "x@1..2", "x@-1")],
]  # fmt: skip

BAD_SEVERITIES: list[object] = [
    -1, 8, 10, 20, 30, 40, 50, 99, 10**30, -(10**30), "", "ERR\n", "fatal", "0", None, 3.0,
    b"err", [],
]  # fmt: skip

BAD_FACILITIES: list[object] = [
    -1,
    24,
    127,
    191,
    10**6,
    10**30,
    "",
    "LOCAL_0",
    "local8",
    None,
    1.5,
    b"user",
]

BAD_MESSAGES: list[object] = [None, 7, 10**30, 1.5, ["a"], ("a",), {"a": 1}, object(), Chatty()]

BAD_TIMES: list[object] = [0.0, -0.5, 1e18, "0", b"0", [], object(), Chatty()]


# --- values that pretend to be others ------------------------------------------------------------


class BigInt(int):
    """An int that pretends to be another."""

    def __str__(self) -> str:
        return "liar"

    __repr__ = __str__

    def __index__(self) -> int:
        return 1


class Text(str):
    """A str that pretends to be another."""

    __slots__ = ()

    def __str__(self) -> str:
        return "liar"

    def __len__(self) -> int:
        return 3

    def encode(self, *_: object) -> bytes:
        return b"liar"


class Octets(bytes):
    """Bytes that pretend to be others."""

    __slots__ = ()

    def __bytes__(self) -> bytes:
        return b"liar"

    def __len__(self) -> int:
        return 3
