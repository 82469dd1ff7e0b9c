"""STRUCTURED-DATA: RFC 5424 6.3."""

import array
import collections
import logging
from types import ModuleType

import pytest
from support.each import try_each
from support.grammar import CONTROLS, parse_rfc5424

pytestmark = [pytest.mark.portable, pytest.mark.native]

IDENTITY = {"hostname": "h", "app_name": "a", "procid": 1}
HEADER = b"<14>1 1970-01-01T00:00:00.000000Z h a 1 - "


def render(encoder_module: ModuleType, structured_data: object, **options: object) -> bytes:
    """Return STRUCTURED-DATA as written when constant; it is the same when a record brings it."""
    constant = encoder_module.Encoder(
        structured_data=structured_data, **IDENTITY, **options
    ).encode("info", "message", time_ns=0)
    encoder = encoder_module.Encoder(**IDENTITY, **options)
    given = encoder.encode("info", "message", time_ns=0, structured_data=structured_data)
    header = encoder.header("info", time_ns=0, structured_data=structured_data)
    assert constant == given == header + b"message"
    assert constant.startswith(HEADER)
    assert constant.endswith(b" message")
    return constant[len(HEADER) : -len(b" message")]


# --- forms ---------------------------------------------------------------------------------------


@try_each(
    "structured_data, written",
    [
        (None, b"-"),
        ({}, b"-"),
        (b"", b"-"),
        (b"-", b"-"),
        ({"a@1": {}}, b"[a@1]"),
        ({"a@1": None}, b"[a@1]"),
        ({"a@1": []}, b"[a@1]"),
        ({"a@1": ()}, b"[a@1]"),
        ({"a@1": {"b": "c"}}, b'[a@1 b="c"]'),
        ({"a@1": {"b": ""}}, b'[a@1 b=""]'),
        ({"a@1": {"b": None}}, b"[a@1]"),
        ({"a@1": {"b": None, "c": 1}, "d@1": None, "e": {}}, b'[a@1 c="1"][d@1][e]'),
        ({"a@1": [("b", None), ("b", 2)]}, b'[a@1 b="2"]'),
        ({"a@1": {"b": "c", "d": "e"}}, b'[a@1 b="c" d="e"]'),
        ({"a@1": {"b": "c"}, "d": {"e": "f"}}, b'[a@1 b="c"][d e="f"]'),
        ({"a@1": [("b", "c"), ("b", "d")]}, b'[a@1 b="c" b="d"]'),
        ({"origin": (["ip", "192.0.2.1"], ["ip", "::1"])}, b'[origin ip="192.0.2.1" ip="::1"]'),
        (b'[a@1 b="c"]', b'[a@1 b="c"]'),
        (b'[a@1 b="c"][d]', b'[a@1 b="c"][d]'),
    ],
)
def test_6_3_forms(encoder_module: ModuleType, structured_data: object, written: bytes) -> None:
    """RFC 5424 6.3.1 to 6.3.3: in the order given; a name may repeat (7.2.1 does so with ip)."""
    assert render(encoder_module, structured_data) == written


def test_6_3_subclasses_of_dict(encoder_module: ModuleType) -> None:
    """Any dict will do."""
    ordered = collections.OrderedDict(b="1", a="2")
    assert render(encoder_module, {"x": ordered}) == b'[x b="1" a="2"]'
    assert render(encoder_module, collections.OrderedDict(x=ordered, w={})) == (
        b'[x b="1" a="2"][w]'
    )
    counted = collections.Counter(["a", "a", "b"])
    assert render(encoder_module, {"x": counted}) == b'[x a="2" b="1"]'


class Unpaired:
    def __str__(self) -> str:
        return 'an "object"'


@try_each(
    "value, written",
    [
        (7, b"7"),
        (-1.5, b"-1.5"),
        (10**50, b"1" + b"0" * 50),
        (True, b"True"),
        (b"bytes", b"bytes"),
        (b"\xff\xc3\xa9", b"\xef\xbf\xbd\xc3\xa9"),
        (bytearray(b"array"), b"array"),
        (memoryview(b"view"), b"view"),
        (memoryview(b"v-i-e-w")[::2], b"view"),
        (array.array("b", [1]), b"array('b', [1\\])"),
        (["a", 1], b"['a', 1\\]"),
        ({"k": "v"}, b"{'k': 'v'}"),
        (("a", ("b",)), b"('a', ('b',))"),
        (Unpaired(), b'an \\"object\\"'),
        (ValueError("no\n"), b"no#012"),
    ],
)
def test_6_3_3_values_of_any_type(
    encoder_module: ModuleType, value: object, written: bytes
) -> None:
    """A str and octets are themselves; of all else it is what str() says."""
    assert render(encoder_module, {"a@1": {"b": value}}) == b'[a@1 b="' + written + b'"]'


def test_6_3_3_subclasses_are_read_as_they_are(encoder_module: ModuleType) -> None:
    """Names and values are what is in the object, not what its methods say."""

    class LyingStr(str):
        def __str__(self) -> str:
            return "a lie"

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: object) -> str:
            return "a lie"

        def encode(self, *arguments: object) -> bytes:
            return b"a lie"

    data = {LyingStr("id"): {LyingStr("name"): LyingStr("tr\u00fcth")}}
    assert render(encoder_module, data) == b'[id name="tr\xc3\xbcth"]'


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_6_3_3_subclasses_of_bytes_are_read_as_they_are(
    encoder_module: ModuleType, kind: type
) -> None:
    """As in a message: what `__bytes__` says does not count."""

    class Lying(kind):
        def __bytes__(self) -> bytes:
            return b"a lie"

        def __str__(self) -> str:
            return "a lie"

    assert render(encoder_module, {"id": {"name": Lying(b"truth")}}) == b'[id name="truth"]'


# --- PARAM-VALUE ---------------------------------------------------------------------------------


@try_each(
    "value, written",
    [
        ('"', b'\\"'),
        ("\\", b"\\\\"),
        ("]", b"\\]"),
        ("\\]", b"\\\\\\]"),
        ('"\\]', b'\\"\\\\\\]'),
        ('"] [x@1 y="z"] ', b'\\"\\] [x@1 y=\\"z\\"\\] '),
        ("[", b"["),
        ("=", b"="),
        ("'", b"'"),
        ("a\nb\tc\0", b"a#012b\tc#000"),
        ("\x1b\x7f\x85\u2029", b"#033#177#302#205#342#200#251"),
        ("\u00e9\u4e2d\U0001f600", "\u00e9\u4e2d\U0001f600".encode()),
        ("\ud800]", b"\xef\xbf\xbd\\]"),
        (b"\xff\\\xed\xa0\x80", b"\xef\xbf\xbd\\\\" + b"\xef\xbf\xbd" * 3),
        ("\ufeff", b"\xef\xbb\xbf"),
        ("x" * 40 + '"', b"x" * 40 + b'\\"'),
    ],
)
def test_6_3_3_escapes(encoder_module: ModuleType, value: object, written: bytes) -> None:
    """RFC 5424 6.3.3: quote, backslash and bracket MUST be escaped, and nothing else is that way.

    Control characters are treated as in a message.
    """
    assert render(encoder_module, {"a@1": {"b": value}}) == b'[a@1 b="' + written + b'"]'


def test_6_3_3_every_character_comes_back(encoder_module: ModuleType) -> None:
    """What a receiver reads is what was given, but for the control characters."""
    text = "".join(chr(code) for code in range(32, 0x3000) if not 0x7F <= code <= 0x9F)
    text = "".join(char for char in text if char not in CONTROLS)
    for start in range(0, len(text), 500):
        part = text[start : start + 500]
        record = encoder_module.Encoder(**IDENTITY).encode(
            "info", "x", structured_data={"a@1": [("b", part), ("c", part.encode())]}
        )
        assert parse_rfc5424(record).structured_data == [("a@1", [("b", part), ("c", part)])]


@pytest.mark.parametrize(
    ("framing", "written"),
    [
        (None, b'a\0\n\x1b\\"'),
        ("octet", b'a\0\n\x1b\\"'),
        ("lf", b'a\0#012\x1b\\"'),
        ("nul", b'a#000\n\x1b\\"'),
    ],
    ids=str,
)
def test_kept_controls_but_for_the_delimiter(
    encoder_module: ModuleType, framing: object, written: bytes
) -> None:
    """RFC 6587 3.4.2: no value can end a record, also with controls="keep"."""
    encoder = encoder_module.Encoder(framing=framing, controls="keep", **IDENTITY)
    record = encoder.encode("info", "x", structured_data={"a@1": {"b": 'a\0\n\x1b"'}})
    assert b'[a@1 b="' + written + b'"] x' in record


# --- merging -------------------------------------------------------------------------------------


@try_each(
    "constant, given, written",
    [
        ({"a": {"n": 1}}, None, b'[a n="1"]'),
        ({"a": {"n": 1}}, {}, b'[a n="1"]'),
        ({"a": {"n": 1}}, b"", b'[a n="1"]'),
        ({"a": {"n": 1}}, b"-", b'[a n="1"]'),
        ({}, {"b": {"n": 2}}, b'[b n="2"]'),
        ({"a": {"n": 1}}, {"b": {"n": 2}}, b'[a n="1"][b n="2"]'),
        ({"a": {"n": 1}}, {"a": {"n": 2}}, b'[a n="2"]'),
        ({"a": {"n": 1}}, {"a": {}}, b"[a]"),
        ({"a": {"n": 1}, "b": {}, "c": {}}, {"b": {"n": 2}}, b'[a n="1"][c][b n="2"]'),
        ({"a": {"n": 1}, "b": {}}, {"b": {}, "a": {}}, b"[b][a]"),
        ({"a": {"n": 1}}, {"ab": {}}, b'[a n="1"][ab]'),
        ({"ab": {"n": 1}}, {"a": {}}, b'[ab n="1"][a]'),
        ({"a": {"n": "[b]"}}, {"b": {}}, b'[a n="[b\\]"][b]'),
        ({"a": {"n": '"][b'}, "c": {}}, {"b": {}}, b'[a n="\\"\\][b"][c][b]'),
        ({"a": {"n": "\\"}, "c": {}}, {"c": {"m": 1}}, b'[a n="\\\\"][c m="1"]'),
        (b'[a n="1"][b n="2"]', {"a": {"n": 3}}, b'[b n="2"][a n="3"]'),
        (b'[a n="1"][b n="2"]', {"c": {}}, b'[a n="1"][b n="2"][c]'),
        (b'[a n="1"][b n="2"]', b'[b n="3"]', b'[a n="1"][b n="3"]'),
        (b"[a][b]", b"[b][a]", b"[b][a]"),
        ({"a": {}, "b": {}}, b"[a]", b"[b][a]"),
        ({"a": {}, "b": {}}, b'[c n="[a]"][b n="\\]"]', b'[a][c n="[a]"][b n="\\]"]'),
        (b'[a n="\\\\"][b]', {"b": {"n": 1}}, b'[a n="\\\\"][b n="1"]'),
        ({"a": {"n": "][b x"}, "c": {}}, {"b": {}}, b'[a n="\\][b x"][c][b]'),
        ({"a": {"n": "\\][b x"}, "c": {}}, {"b": {}}, b'[a n="\\\\\\][b x"][c][b]'),
        ({"b": {"m": 1}}, {"a": {"n": "][b x"}}, b'[b m="1"][a n="\\][b x"]'),
        (b"-", {"b": {}}, b"[b]"),
        (b"xab", b"yab", b"xabyab"),
        (b"xab", {"ab": {}}, b"xab[ab]"),
        ({"ab": {}}, b"xab", b"[ab]xab"),
        (b"", b"x]y", b"x]y"),
        (b"[a]x", b"[a]", b"x[a]"),
        (b"x", b"y", b"xy"),  # neither is an element, so neither replaces the other
    ],
)
def test_6_3_2_one_element_for_each_sd_id(
    encoder_module: ModuleType, constant: object, given: object, written: bytes
) -> None:
    """RFC 5424 6.3.2: no SD-ID twice. The record's element replaces the encoder's, or joins it."""
    encoder = encoder_module.Encoder(structured_data=constant, **IDENTITY)
    before = encoder.encode("info", "", time_ns=0)
    assert encoder.encode("info", "", time_ns=0, structured_data=given) == HEADER + written
    assert encoder.header("info", time_ns=0, structured_data=given) == HEADER + written + b" "
    assert encoder.encode("info", "", time_ns=0) == before


def test_raw_bytes_are_trusted(encoder_module: ModuleType) -> None:
    """Some services' tokens break the rules: what is rendered already is written as it is."""
    token = b"[" + b"t" * 36 + b'@41058 tag="x"]'
    assert render(encoder_module, token) == token
    encoder = encoder_module.Encoder(structured_data=token, **IDENTITY)
    record = encoder.encode("info", "", time_ns=0, structured_data={"a": {"b": 1}})
    assert record == HEADER + token + b'[a b="1"]'


def test_many_elements(encoder_module: ModuleType) -> None:
    """More than fits any small buffer, constant and given, some of them replaced."""
    constant = {f"c{number}": {"n": "x" * 50} for number in range(50)}
    given = {f"c{number}": {"n": "y" * 50} for number in range(25, 75)}
    encoder = encoder_module.Encoder(structured_data=constant, **IDENTITY)
    record = encoder.encode("info", "x", structured_data=given)
    elements = [(f"c{number}", [("n", "x" * 50)]) for number in range(25)]
    elements += [(f"c{number}", [("n", "y" * 50)]) for number in range(25, 75)]
    assert parse_rfc5424(record).structured_data == elements


def test_too_much_is_left_out_whole(encoder_module: ModuleType) -> None:
    """What cannot be in any record is not, neither in part: constants and given elements alike."""
    huge = {"a": {"b": "x" * 10_000}}
    expected = HEADER + b"- x"
    encoder = encoder_module.Encoder(**IDENTITY)
    assert encoder.encode("info", "x", time_ns=0, structured_data=huge) == expected
    raw = b'[a b="' + b"x" * 10_000 + b'"]'
    assert encoder.encode("info", "x", time_ns=0, structured_data=raw) == expected
    for constant in (huge, raw):
        encoder = encoder_module.Encoder(structured_data=constant, **IDENTITY)
        assert encoder.encode("info", "x", time_ns=0) == expected
        record = encoder.encode("info", "x", time_ns=0, structured_data={"b": {}})
        assert record == HEADER + b"[b] x"


def list_elements(record: bytes) -> list[str]:
    return [sd_id for sd_id, _ in parse_rfc5424(record).structured_data]


@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("msgid", [None, "SALE"])
def test_what_a_record_brings_is_left_out_first(
    encoder_module: ModuleType, bom: bool, msgid: str | None
) -> None:
    """The constant elements stay, among them a service's token, as long as there is space for them.

    Also the one that the record would have replaced.
    """
    constant = {"a": {"n": "x" * 300}, "b": {"n": "y" * 300}}
    given = {"b": {"n": "z" * 500}, "c": {}}
    options = {**IDENTITY, "bom": bom, "structured_data": constant}
    given_size = len('[b n=""]') + 500 + len("[c]")
    whole = len(encoder_module.Encoder(**options).encode("info", "", time_ns=0, msgid=msgid))
    longest = whole - len('[b n=""]') - 300 + given_size  # with what the record brings
    none = whole - 2 * (len('[a n=""]') + 300) + 1
    for size, kept in (
        *((longest + 1, ["a", "b", "c"]), (longest, ["a", "b", "c"]), (longest - 1, ["a", "b"])),
        *((whole, ["a", "b"]), (whole - 1, []), (none + 200, [])),
    ):
        encoder = encoder_module.Encoder(max_size=size, **options)
        record = encoder.encode("info", "", time_ns=0, msgid=msgid, structured_data=given)
        assert list_elements(record) == kept
        assert (b"z" in record) == ("c" in kept)
        buffer = bytearray()
        encoder.encode_into(buffer, "info", "", time_ns=0, msgid=msgid, structured_data=given)
        assert buffer == record
        lead = 4 if bom else 1
        encoder = encoder_module.Encoder(max_size=size + lead, **options)
        header = encoder.header("info", time_ns=0, msgid=msgid, structured_data=given)
        assert header[:-lead] == record
    huge = {"c": {"n": "z" * 100_000}}
    encoder = encoder_module.Encoder(**options)
    record = encoder.encode("info", "sold", time_ns=0, msgid=msgid, structured_data=huge)
    assert record == encoder.encode("info", "sold", time_ns=0, msgid=msgid)
    record = logging.makeLogRecord({"msg": "sold", "structured_data": huge})
    assert list_elements(encoder.encode_record(record)) == ["a", "b"]


# --- errors --------------------------------------------------------------------------------------

BAD_NAMES = [
    "",
    " ",
    "a b",
    "a=b",
    'a"b',
    "a]b",
    "a\nb",
    "a\0",
    "a\x7f",
    "\u00e9",
    "a" * 33,
    "\ud800",
]
NAME_RULE = 'must be 1 to 32 printable ASCII characters other than = ] " and space, got {!r}'


@try_each("name", BAD_NAMES)
def test_6_3_2_invalid_names(encoder_module: ModuleType, name: str) -> None:
    """RFC 5424 6: SD-NAME = 1*32PRINTUSASCII except = SP ] and the quote; another is refused."""
    encoder = encoder_module.Encoder(**IDENTITY)
    buffer = bytearray(b"as it was")
    for field, data in (
        ("SD-ID", {name: {}}),
        ("SD-ID", {"a": {"b": "c"}, name: {"b": "c"}}),
        ("PARAM-NAME", {"a": {name: "c"}}),
        ("PARAM-NAME", {"a": [("b", "c"), (name, "d")]}),
    ):
        expected = f"structured_data {field} " + NAME_RULE.format(name)
        for call in (
            lambda data=data: encoder_module.Encoder(structured_data=data, **IDENTITY),
            lambda data=data: encoder.replace(structured_data=data),
            lambda data=data: encoder.encode("info", "x", structured_data=data),
            lambda data=data: encoder.header("info", structured_data=data),
            lambda data=data: encoder.encode_into(buffer, "info", "x", structured_data=data),
        ):
            with pytest.raises(ValueError, match=f"^structured_data {field} must be ") as caught:
                call()
            assert str(caught.value) == expected
    assert buffer == b"as it was"


def test_6_3_2_longest_and_oddest_names(encoder_module: ModuleType) -> None:
    """All other printable characters are allowed, up to 32 of them."""
    printable = [chr(code) for code in range(33, 127) if chr(code) not in '="]@']
    for start in range(0, len(printable), 32):
        name = "".join(printable[start : start + 32])
        written = render(encoder_module, {name: {name: "v"}})
        assert written == f'[{name} {name}="v"]'.encode()


@try_each("name", [7, None, b"a", ("a",), 1.5])
def test_names_of_another_type(encoder_module: ModuleType, name: object) -> None:
    """A name is a str."""
    encoder = encoder_module.Encoder(**IDENTITY)
    for field, data in (("SD-ID", {name: {}}), ("PARAM-NAME", {"a": {name: "c"}})):
        with pytest.raises(TypeError) as caught:
            encoder.encode("info", "x", structured_data=data)
        assert str(caught.value) == f"structured_data {field} must be a str, got {name!r}"


@try_each("data", ["[a]", 7, [("a", {})], ("a",), bytearray(b"[a]"), memoryview(b"[a]"), {"a"}])
def test_structured_data_of_another_type(encoder_module: ModuleType, data: object) -> None:
    """It is a dict or bytes; the error shows nothing of it, for it may hold a token."""
    encoder = encoder_module.Encoder(**IDENTITY)
    expected = f"structured_data must be a dict or bytes, got {type(data).__name__}"
    for call in (
        lambda: encoder.encode("info", "x", structured_data=data),
        lambda: encoder.header("info", structured_data=data),
        lambda: encoder_module.Encoder(structured_data=data),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == expected


@try_each(
    "parameters, kind",
    [
        ("secret", "str"),
        (b"secret", "bytes"),
        (7, "int"),
        ({"secret"}, "set"),
        (["secret"], "str"),
        ([("secret",)], "tuple"),
        ([("b", "c", "secret")], "tuple"),
        ([("b", "c"), None], "NoneType"),
        (iter([("b", "secret")]), "list_iterator"),
    ],
)
def test_parameters_of_another_type(
    encoder_module: ModuleType, parameters: object, kind: str
) -> None:
    """Parameters are a dict, or a list or tuple of pairs; what is wrong is named, not shown."""
    encoder = encoder_module.Encoder(**IDENTITY)
    for call in (
        lambda: encoder.encode("info", "x", structured_data={"a": parameters}),
        lambda: encoder_module.Encoder(structured_data={"a": parameters}),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == (
            "structured_data parameters must be a dict or a list of (name, value) pairs,"
            f" got {kind}"
        )


class FailingError(Exception):
    """What the values below raise."""


class Failing:
    def __str__(self) -> str:
        raise FailingError


def test_errors_of_values_pass_through(encoder_module: ModuleType) -> None:
    """An error of `__str__` is the caller's; the buffer is as it was, and the encoder works on."""
    encoder = encoder_module.Encoder(structured_data={"c": {"d": 1}}, **IDENTITY)
    buffer = bytearray(b"as it was")
    view = memoryview(bytearray(b"as it was" * 100))
    for data in (
        {"a": {"b": Failing()}},
        {"a": {"b": "x" * 20_000, "c": Failing()}},
        {"a": {}, "e": [("b", "c"), ("b", Failing())]},
    ):
        for call in (
            lambda data=data: encoder.encode("info", "x", structured_data=data),
            lambda data=data: encoder.header("info", structured_data=data),
            lambda data=data: encoder.encode_into(buffer, "info", "x", 3, structured_data=data),
            lambda data=data: encoder.encode_into(view, "info", "x", 3, structured_data=data),
            lambda data=data: encoder_module.Encoder(structured_data=data),
        ):
            with pytest.raises(FailingError):
                call()
    assert buffer == b"as it was"
    assert view == b"as it was" * 100
    assert encoder.encode("info", "x", time_ns=0) == HEADER + b'[c d="1"] x'


def test_values_whose_str_is_no_str(encoder_module: ModuleType) -> None:
    """Python's own TypeError."""

    class Numeric:
        def __str__(self) -> str:
            return 7

    with pytest.raises(TypeError, match="__str__"):
        encoder_module.Encoder(**IDENTITY).encode(
            "info", "x", structured_data={"a": {"b": Numeric()}}
        )


def test_a_number_too_long_for_str(encoder_module: ModuleType) -> None:
    """Python's own ValueError, where it has a limit; no record with something else in it."""
    encoder = encoder_module.Encoder(**IDENTITY)
    with pytest.raises(ValueError, match="Exceeds the limit"):
        encoder.encode("info", "x", structured_data={"a": {"b": 10**5000}})


# --- values that call back -----------------------------------------------------------------------


class Calling:
    """A value that does something when it is asked for its text."""

    def __init__(self, action) -> None:
        self.action = action

    def __str__(self) -> str:
        self.action()
        return "called"


def test_parameters_that_change_while_they_are_read(encoder_module: ModuleType) -> None:
    """What counts is what was there when the call came, whatever a value does to it meanwhile."""
    encoder = encoder_module.Encoder(**IDENTITY)
    parameters: dict[str, object] = {}
    elements = {"a": parameters, "c": {"d": "e"}}

    def swap() -> None:
        del parameters["second"]
        parameters["third"] = "new"

    for action in (
        lambda: parameters.update({f"n{number}": number for number in range(100)}),
        parameters.clear,
        swap,
        lambda: parameters.update(second="new"),
        lambda: elements.update({f"e{number}": {} for number in range(100)}),
        elements.clear,
        lambda: elements.update(c={"new": "new"}),
        elements["c"].clear,
    ):
        parameters.clear()
        parameters.update(first=Calling(action), second="y")
        elements.clear()
        elements.update(a=parameters, c={"d": "e"})
        record = encoder.encode("info", "x", time_ns=0, structured_data=elements)
        assert record == HEADER + b'[a first="called" second="y"][c d="e"] x'


def test_a_list_that_changes_while_it_is_read(encoder_module: ModuleType) -> None:
    """The same for pairs in a list."""
    encoder = encoder_module.Encoder(**IDENTITY)
    pairs: list[object] = []
    for action in (
        pairs.clear,
        lambda: pairs.append(("third", "new")),
        lambda: pairs.__setitem__(1, None),
        pairs.reverse,
    ):
        pairs[:] = [["first", Calling(action)], ["second", "y"]]
        record = encoder.encode("info", "x", time_ns=0, structured_data={"a": pairs})
        assert record == HEADER + b'[a first="called" second="y"] x'


def test_a_pair_that_changes_while_it_is_read(encoder_module: ModuleType) -> None:
    """The name that was read stays the name."""
    pair: list[object] = []
    pair[:] = ["".join(["na", "me"]), Calling(pair.clear)]
    record = encoder_module.Encoder(**IDENTITY).encode(
        "info", "z", time_ns=0, structured_data={"a": [pair]}
    )
    assert record == HEADER + b'[a name="called"] z'


def test_a_value_that_encodes(encoder_module: ModuleType) -> None:
    """A value may log by the same encoder, into the same buffer: both records are whole."""
    encoder = encoder_module.Encoder(structured_data={"c": {"d": 1}}, **IDENTITY)
    buffer = bytearray()
    inner_record = HEADER + b'[c d="1"][e f="' + b"g" * 3000 + b'"] inner'

    class Nested:
        def __init__(self, depth: int) -> None:
            self.depth = depth

        def __str__(self) -> str:
            if self.depth:
                encoder.encode(
                    "info", "deeper", structured_data={"e": {"f": Nested(self.depth - 1)}}
                )
            encoder.encode_into(
                buffer, "info", "inner", len(buffer), time_ns=0,
                structured_data={"e": {"f": "g" * 3000}},
            )  # fmt: skip
            return "called"

    record = encoder.encode(
        "info", "outer", time_ns=0, structured_data={"a": {"b": Nested(5), "h": "i"}}
    )
    assert record == HEADER + b'[c d="1"][a b="called" h="i"] outer'
    assert buffer == inner_record * 6

    buffer.clear()
    end = encoder.encode_into(
        buffer, "info", "outer", 0, time_ns=0, structured_data={"a": {"b": Nested(0)}}
    )
    outer = HEADER + b'[c d="1"][a b="called"] outer'
    assert end == len(outer)
    assert buffer == outer + inner_record[len(outer) :]


def test_a_value_that_shrinks_the_buffer(encoder_module: ModuleType) -> None:
    """The destination is looked at after the values have been asked: the offset is checked then."""
    encoder = encoder_module.Encoder(**IDENTITY)
    buffer = bytearray(1000)

    class Shrinking:
        def __str__(self) -> str:
            buffer.clear()
            return "x"

    with pytest.raises(ValueError, match=r"^offset must be in 0\.\.0, "):
        encoder.encode_into(buffer, "info", "x", 500, structured_data={"a": {"b": Shrinking()}})
    assert buffer == b""


def test_a_value_that_changes_the_message(encoder_module: ModuleType) -> None:
    """So is the message: a bytearray is read as it is when the record is written."""
    encoder = encoder_module.Encoder(**IDENTITY)
    message = bytearray(b"x" * 5000)

    class Changing:
        def __str__(self) -> str:
            message[:] = b"changed"
            return "x"

    record = encoder.encode("info", message, time_ns=0, structured_data={"a": {"b": Changing()}})
    assert record == HEADER + b'[a b="x"] changed'
