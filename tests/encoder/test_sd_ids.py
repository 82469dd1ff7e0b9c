"""SD-IDs and their enterprise numbers: RFC 5424 6.3.2 and 7.2.2."""

import copy
import logging
import pickle
from types import ModuleType

import pytest
from support.each import try_each
from support.grammar import parse_rfc5424
from support.malicious_input import BigInt, Text

from syslogfast.constants import REGISTERED_SD_IDS

pytestmark = [pytest.mark.portable, pytest.mark.native]

IDENTITY = {"hostname": "h", "app_name": "a", "procid": 1}
HEADER = b"<14>1 1970-01-01T00:00:00.000000Z h a 1 - "
NUMBER_RULE = "structured_data SD-ID must be NAME or NAME@NUMBER, got {!r}"


def render(encoder_module: ModuleType, structured_data: object, **options: object) -> bytes:
    """Return STRUCTURED-DATA, which is the same when constant and when a record brings it."""
    encoder = encoder_module.Encoder(**IDENTITY, **options)
    given = encoder.encode(6, "x", time_ns=0, structured_data=structured_data)
    constant = encoder.replace(structured_data=structured_data)
    assert constant.encode(6, "x", time_ns=0) == given
    record = logging.makeLogRecord({"msg": "x", "levelno": 20, "structured_data": structured_data})
    record.created = 0.0
    assert encoder.encode_record(record) == given
    parse_rfc5424(given)
    return given[len(HEADER) : -len(b" x")]


@try_each("sd_id", ["a@1", "a@0", "a@32473.1.2", "a@" + "1" * 30, "a", "\\@1"])
def test_valid_sd_ids(encoder_module: ModuleType, sd_id: str) -> None:
    """A name with one number, or a name alone, which is IANA's to give."""
    assert render(encoder_module, {sd_id: {}}) == f"[{sd_id}]".encode()


@try_each(
    "sd_id", ["a@b@1", "a@@1", "x@", "@1", "@", "x@abc", "x@1a", "x@-1", "x@1.", "x@.1", "x@1..2"]
)
def test_wrong_sd_ids(encoder_module: ModuleType, sd_id: str) -> None:
    """A program is told; a PARAM-NAME has no such rule."""
    encoder = encoder_module.Encoder(**IDENTITY)
    buffer = bytearray(b"as it was")
    data = {sd_id: {"a": "b"}}
    for call in (
        lambda: encoder_module.Encoder(**IDENTITY, structured_data=data),
        lambda: encoder_module.Encoder(**IDENTITY, attributes={sd_id: {"a": "name"}}),
        lambda: encoder.replace(structured_data=data, enterprise_id=7),
        lambda: encoder.encode(6, "x", structured_data=data),
        lambda: encoder.encode_into(buffer, 6, "x", structured_data=data),
        lambda: encoder.header(6, structured_data=data),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            call()
        assert str(caught.value) == NUMBER_RULE.format(sd_id)
    assert buffer == b"as it was"
    assert render(encoder_module, {"a@1": {sd_id: "v"}}) == f'[a@1 {sd_id}="v"]'.encode()
    trusted = f"[{sd_id}]".encode()
    assert trusted in encoder.encode(6, "x", structured_data=trusted)


def test_registered_sd_ids() -> None:
    """Those of IANA's registry: RFC 5424 7, RFC 5674, RFC 5675, RFC 5848 4 and 5, RFC 6661."""
    names = "timeQuality origin meta alarm snmp ssign ssign-cert PCNNode PCNTerm"
    assert set(names.split()) == REGISTERED_SD_IDS


@pytest.mark.parametrize("number", [32473, "32473", Text("32473"), BigInt(32473)])
def test_enterprise_id(encoder_module: ModuleType, number: object) -> None:
    """It completes the names that have no number and are not IANA's."""
    for sd_id, written in (
        ("shop", "shop@32473"),
        ("shop@1", "shop@1"),
        (Text("shop"), "shop@32473"),
        ("Meta", "Meta@32473"),
        ("n" * 26, "n" * 26 + "@32473"),
        *[(registered, registered) for registered in REGISTERED_SD_IDS],
    ):
        elements = {sd_id: {"a": "b"}}
        expected = f'[{written} a="b"]'.encode()
        assert render(encoder_module, elements, enterprise_id=number) == expected
        beside = render(encoder_module, {**elements, "z@1": None}, enterprise_id=number)
        assert beside == expected + b"[z@1]"


def test_enterprise_id_with_attributes_and_octets(encoder_module: ModuleType) -> None:
    """Attributes have it, too; what is rendered already is trusted."""
    encoder = encoder_module.Encoder(
        **IDENTITY, enterprise_id="9.1", attributes={"code": {"logger": "name"}}
    )
    record = logging.makeLogRecord({"msg": "x", "name": "till"})
    elements = [("code@9.1", [("logger", "till")])]
    assert parse_rfc5424(encoder.encode_record(record)).structured_data == elements
    for own in ("code", "code@9.1"):  # which replaces what attributes name
        record.structured_data = {own: {"a": 1}}
        data = parse_rfc5424(encoder.encode_record(record)).structured_data
        assert data == [("code@9.1", [("a", "1")])]
    assert render(encoder_module, b"[shop]", enterprise_id=5) == b"[shop]"


def test_one_element_for_each_sd_id(encoder_module: ModuleType) -> None:
    """RFC 5424 6.3.2: no SD-ID twice, also after a number has come to it."""
    encoder = encoder_module.Encoder(
        **IDENTITY, enterprise_id=5, structured_data={"a": {"n": 1}, "b": {}}
    )
    for sd_id in ("a", "a@5"):
        record = encoder.encode(6, "x", structured_data={sd_id: {"n": 2}})
        assert parse_rfc5424(record).structured_data == [("b@5", []), ("a@5", [("n", "2")])]
    for data in ({"a": {}, "a@5": {}}, {"a@5": {}, "b": {}, "a": {}}):
        for call in (
            lambda data=data: encoder.encode(6, "x", structured_data=data),
            lambda data=data: encoder.replace(structured_data=data),
            lambda data=data: encoder.replace(attributes=data),
        ):
            with pytest.raises(ValueError) as caught:  # noqa: PT011
                call()
            assert str(caught.value) == "structured_data SD-ID must not occur twice, got 'a@5'"
    logged = logging.makeLogRecord({"structured_data": {"a": {"n": 1}, "a@5": {"m": 2}}})
    elements = [("b@5", []), ("a@5", [("n", "1"), ("m", "2")])]
    assert parse_rfc5424(encoder.encode_record(logged)).structured_data == elements


@pytest.mark.parametrize(
    ("sd_id", "number", "written"),
    [
        ("123", None, "123"),
        ("123", 5, "123@5"),
        ("@123", None, "_@123"),
        ("a@b@123", None, "a_b@123"),
        ("a@b", 5, "a_b@5"),
        ("a@", None, "a_"),
    ],
)
def test_sd_ids_that_are_made_to_fit(
    encoder_module: ModuleType, sd_id: str, number: int | None, written: str
) -> None:
    """What comes with a record is not refused; a name of digits alone is no number."""
    encoder = encoder_module.Encoder(**IDENTITY, enterprise_id=number)
    record = logging.makeLogRecord({"structured_data": {sd_id: {"a wrong name": 1}}})
    data = parse_rfc5424(encoder.encode_record(record)).structured_data
    assert data == [(written, [("a_wrong_name", "1")])]


def test_keys_that_are_the_same_text(encoder_module: ModuleType) -> None:
    """A subclass of str may say that it is another key: the last of those counts."""

    class Other(str):
        def __hash__(self) -> int:
            return 5

        def __eq__(self, other: object) -> bool:
            return self is other

    data = {Other("a"): {"n": 1}, "a": {"n": 2}, Other("b@1"): {}}
    assert render(encoder_module, data) == b'[a n="2"][b@1]'
    assert render(encoder_module, data, enterprise_id=3) == b'[a@3 n="2"][b@1]'


def test_names_that_a_number_makes_too_long(encoder_module: ModuleType) -> None:
    """A program is told; in a record the name is shortened."""
    encoder = encoder_module.Encoder(**IDENTITY, enterprise_id="32473.17")
    data = {"n" * 24: {}}
    with pytest.raises(ValueError, match=r"^structured_data SD-ID must be 1 to 32 .*n@32473\.17'$"):
        encoder.encode(6, "x", structured_data=data)
    for name in ("n" * 24, "n" * 99, "n" * 32):
        record = logging.makeLogRecord({"structured_data": {name: {}}})
        elements = parse_rfc5424(encoder.encode_record(record)).structured_data
        assert elements == [("n" * 23 + "@32473.17", [])]


@try_each(
    "number, kind",
    [
        *[
            (text, ValueError)
            for text in ("", "a", "1.", ".1", "1..2", "-1", " 1", "\u0661", "1@2")
        ],
        *[(value, ValueError) for value in (-1, 10**30, "1" * 31, 10**5000)],
        *[(value, TypeError) for value in (1.5, b"1", [], {})],
    ],
)
def test_wrong_enterprise_ids(encoder_module: ModuleType, number: object, kind: type) -> None:
    """RFC 5424 7.2.2: digits, and periods between them."""
    with pytest.raises(kind, match=r"^enterprise_id must be "):
        encoder_module.Encoder(**IDENTITY, enterprise_id=number)


def test_enterprise_id_is_an_option(encoder_module: ModuleType) -> None:
    """replace, copy and pickle keep it; it is in no record by itself."""
    encoder = encoder_module.Encoder(**IDENTITY, enterprise_id=77, bom=True, prefix=b"p ")
    plain = encoder_module.Encoder(**IDENTITY, bom=True, prefix=b"p ")
    for message in ("sold out, as it was", "", "caf\u00e9"):
        expected = plain.encode(6, message, time_ns=0)
        assert encoder.encode(6, message, time_ns=0) == expected
        assert encoder.header(6, time_ns=0) == plain.header(6, time_ns=0)
    for other in (
        encoder.replace(hostname="web1"),
        copy.copy(encoder),
        pickle.loads(pickle.dumps(encoder)),
    ):
        assert b"[a@77]" in other.encode(6, "x", structured_data={"a": {}})
    changed = encoder.replace(enterprise_id=78, structured_data={"a": {}})
    assert b"[a@78]" in changed.encode(6, "x")
    assert b"[a]" in changed.replace(enterprise_id=None).encode(6, "x")


def test_of_another_process(encoder_module: ModuleType) -> None:
    """The record of another process has it, too."""
    encoder = encoder_module.Encoder(hostname="h", app_name="a", enterprise_id=77)
    record = logging.makeLogRecord({"process": 5, "structured_data": {"a": {}}, "msg": "x"})
    parsed = parse_rfc5424(encoder.encode_record(record))
    assert (parsed.procid, parsed.structured_data) == ("5", [("a@77", [])])
