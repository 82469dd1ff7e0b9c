"""What goes into records: ordinary, hostile and ill-formed values, each by its name."""

NOON = 1_065_910_455_003_000_000
SECOND = 1_000_000_000

SEVERITIES = ("emerg", "emergency", "panic", "alert", "crit", "critical", "err", "error", "warning",
              "warn", "notice", "info", "debug")  # fmt: skip

# The first and last of each kind, and their neighbours that are none.
CONTROLS = (
    "\0\x01\b\t\n\v\f\r\x0e\x1b\x1f \x7e\x7f\x80\x85\x9b\x9f\xa0"
    "\u2027\u2028\u2029\u202a\u202e\u202f\u2065\u2066\u2069\u206a"
)

MESSAGES: dict[str, str] = {
    "C0": "".join([chr(code) for code in range(32)]),
    "C1": "".join([chr(code) for code in range(0x7F, 0xA1)]),
    "forged record": "a\n<34>1 2003-10-11T22:14:15Z evil evil - EVIL - injected",
    "forged frame": "a\0" + "12 <34>1 fake",
    "forged element": '] [x@1 y="z"]',
    "escapes": '"\\]\\"\\\\]',
    "terminal": "\x1b[31mred\x1b[0m \x9b2J \x1b]0;title\a",
    "direction": "\u202eevil\u2066x\u2069",
    "combination": "e\u0301 \u200d \u200b",
    "formats": "%s %d %n {0} {} ${jndi:ldap://x} $(id) #012",
    "1 octet": "\x01\x7e",
    "2 octets": "\u00e9\u00a0\u07ff",
    "3 octets": "\u0800\u20ac\ud7ff\ue000\uffff",
    "4 octets": "\U00010000\U0001f600\U0010ffff",
    "BOM": "\ufeff",
    "BOM inside": "a\ufeffb",
    "swapped BOM": "\ufffe",
    "replacement": "\ufffd",
    "first surrogate": "\ud800",
    "last surrogate": "\udfff",
    "high surrogate inside": "a\udbffb\u00e9",
    "low surrogate inside": "a\udc80b\u20ac",
    "surrogate and control": "\ud800\n\udcff\0",
    "surrogates in a row": "\udcff\udcfe",
    "surrogate pair": "\ud83d\ude00",
    "separators": "\u2028\u2029",
    "spaces": "  a  ",
    "tab": "a\tb",
}  # fmt: skip

# What is left out at the end of a message, and what looks like it.
LINE_ENDS = ("\n", "\r", "\r\n", "\n\r\n\n", "\n ", "\n\t", "\n\0", "\n\u2028", "\u0085\n", "\v\n")

# Unicode 3.9, table 3-8: each maximal subpart is one U+FFFD.
OCTETS: dict[str, bytes] = {
    "well-formed": b"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
    "lone continuation": b"a\x80b",
    "two continuations": b"\x80\xbf",
    "C0 80": b"\xc0\x80",
    "C1 BF": b"\xc1\xbf",
    "lead of 2 at the end": b"a\xc2",
    "lead of 2 before ASCII": b"\xc2a",
    "lead of 2 before LF": b"x\xc2\n<0>1",
    "overlong of 3": b"\xe0\x80\x80",
    "lead of 3 and 1": b"\xe2\x82",
    "lead of 3 and 1 before ASCII": b"\xe2\x82a",
    "separator cut short": b"\xe2\x80\n",
    "separator": b"\xe2\x80\xa8",
    "surrogate": b"\xed\xa0\x80",
    "last before surrogates": b"\xed\x9f\xbf",
    "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "overlong of 4": b"\xf0\x8f\xbf\xbf",
    "lead of 4 and 1": b"\xf0\x9f",
    "lead of 4 and 2": b"\xf0\x9f\x98",
    "lead of 4 and 2 before ASCII": b"\xf0\x9f\x98a",
    "last of all": b"\xf4\x8f\xbf\xbf",
    "beyond the last": b"\xf4\x90\x80\x80",
    "F5": b"\xf5\x80\x80\x80",
    "FE FF": b"\xfe\xff",
    "leads in a row": b"\xe2\xe2\xf0\xf0",
    "mixed": b"\xc3(\xc3\xa9\xff\xe2\x82\xac\xed\xbf\xbf.",
    "C1 control": b"\xc2\x85\xc2\x9b",
    "latin-1": b"caf\xe9",
    "UTF-16": b"\xff\xfea\0",
    "BOM": b"\xef\xbb\xbfx",
    "BOM cut short": b"\xef\xbb",
    "nothing": b"",
    "first of each length": b"\xff\x00\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80",
    "last of each length": b"\xff\x7f\xdf\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf",
    "leads of each length": b"\xff\xc3\xbf\xe1\x80\x80\xe1\xbf\xbf\xf1\x80\x80\x80\xf3\xbf\xbf\xbf",
    "about the surrogates": b"\xff\xed\x80\x80\xed\x9f\xbf\xee\x80\x80",
    "all octets": bytes(range(128, 256)),
}  # fmt: skip

FIELDS: dict[str, str] = {
    "nothing": "",
    "nilvalue": "-",
    "space": "a b",
    "controls": "a\n\0\x7f\x1bb",
    "brackets": "a[b]c",
    "quote": 'a"b=c',
    "colon": "a: b",
    "slash": "sbin/a-b_c.d",
    "2 octets": "n\u00e9",
    "3 octets": "\u20ac",
    "4 octets": "\U0001f600",
    "first of each length": "\x80\u0800\U00010000",
    "last of each length": "\x7f\u07ff\uffff\U0010ffff",
    "surrogate": "\ud800x",
    "forged": "evil\n<34>1 - - - - - -",
    "longest msgid": "m" * 32,
    "long msgid": "m" * 33,
    "wide at the end of msgid": "m" * 31 + "\u00e9",
    "longest app_name": "a" * 48,
    "long app_name": "a" * 49,
    "longest procid": "p" * 128,
    "long procid": "p" * 129,
    "longest hostname": "h" * 255,
    "long hostname": "h" * 256,
}  # fmt: skip

ADDRESSES = (
    "web1.example.com", ".example.com", "web1.", ".", "192.0.2.1", "256.1.1.1", "01.2.3.4", "1.2.3",
    "1.2.3.4.5", "1.2.3.4:514", "2001:db8::1", "::", "::1", "1::2::3", "::ffff:192.0.2.1",
    "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0.1", "12345::a.b",
    "g::1.2", "[::1.2.3.4]", "a:b.c", "255.255.255.255", "0.0.0.0", "1.2.3.256", "00.1.2.3",
    "1234.1.2.3", "1.2.3.4a", "1:2:3:4:5::1.2.3.4", "1:2:3:4:5:6::1.2.3.4", "1234::1.2.3.4",
    "12345::1.2.3.4", ":1::1.2.3.4", "1:::1.2.3.4", "1:2:3:4:5:6:1.2.3.4",
)  # fmt: skip

# Values of structured data that every Python prints alike.
VALUES: dict[str, object] = {
    "text": "c", "nothing": "", "int": 7, "negative": -7, "huge": 10**30, "true": True,
    "none": None, "half": 1.5, "octets": b"c\xff", "bytearray": bytearray(b"c\n"),
    "list": [1, None], "tuple": (1, "a"),
}  # fmt: skip

BAD_NAMES: dict[str, object] = {
    "nothing": "",
    "space": "a b",
    "equals": "a=b",
    "quote": 'a"b',
    "bracket": "a]b",
    "LF": "a\n",
    "DEL": "a\x7f",
    "too long": "n" * 33,
    "int": 7,
    "none": None,
    "octets": b"a",
}
BAD_SD_IDS = (
    "a@",
    "@1",
    "a@b",
    "a@b@1",
    "a@@1",
    "a@1.",
    "a@.1",
    "a@1..2",
    "a@-1",
)  # RFC 5424 6.3.2
ENTERPRISE_IDS: tuple[object, ...] = (0, 32473, "32473", "32473.1.2", "1" * 22)  # fmt: skip

TIMESTAMPS: tuple[int, ...] = (
    0, 1, -1, 999, 1000, 999_999_499, 999_999_999, SECOND, -SECOND, NOON, -500_000_000,
    951_782_399 * SECOND, 951_782_400 * SECOND, 951_868_799 * SECOND, 951_868_800 * SECOND,
    1_709_164_800 * SECOND, 1_709_251_200 * SECOND,  # 29 February 2024 and the day after
    4_107_542_399 * SECOND, 4_107_542_400 * SECOND,  # 2100 has none
    1_483_228_799_999_999_999, 1_483_228_800 * SECOND,  # about a leap second
    946_684_799_999_999_999, 946_684_800 * SECOND,
    2**31 * SECOND - 1, 2**31 * SECOND, 2**32 * SECOND, 2**62, 2**63 - 1, 2**63, 2**64,
    -(2**31) * SECOND, -(2**63), -(2**63) - 1, -2_208_988_800 * SECOND,
    -11_644_473_600 * SECOND, -12_219_292_800 * SECOND,
    -62_135_596_800 * SECOND, -62_135_596_800 * SECOND + 1, -62_104_060_800 * SECOND,
    253_402_300_799 * SECOND, 253_402_300_799_999_999_999,
)  # fmt: skip

UNWRITABLE: tuple["int | float", ...] = (
    253_402_300_800 * SECOND, -62_135_596_800 * SECOND - 1, 10**30, -(10**30), 10**400,
    -(10**399), float("nan"), float("inf"), float("-inf"),
)  # fmt: skip

# Messages for records that end within each of their characters.
TRUNCATED: dict[str, "str | bytes"] = {
    "ASCII": "abcdefghijklmnopqrst",
    "2 octets": "\u00e9" * 10,
    "3 octets": "\u20ac" * 7,
    "4 octets": "\U0001f600" * 5,
    "mixed": "a\u00e9\u20ac\U0001f600" * 2,
    "controls": "\n\u0085\u2028",
    "surrogates": "\ud800" * 7,
    "ill-formed": b"\xff\xe2\x82\xac\xf0\x9f" * 3,
}  # fmt: skip
