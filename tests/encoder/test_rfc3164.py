"""RFC 3164, and what syslog(3) writes to /dev/log: the same without HOSTNAME."""

import locale
import logging
import os
import socket
import sys
import time
from types import ModuleType

import pytest
from support.each import try_each
from support.grammar import parse_rfc3164

from syslogfast import _options

pytestmark = [pytest.mark.portable, pytest.mark.native]

IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
OCTOBER = 1_065_910_455_003_000_000  # 2003-10-11T22:14:15.003Z

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

both_protocols = pytest.mark.parametrize("protocol", ["rfc3164", "local"])


@pytest.fixture(autouse=True)
def utc(set_zone) -> None:
    """RFC 3164 4.1.2 wants local time: here it is UTC, unless a test says otherwise."""
    set_zone("UTC0")


def make_encoder(encoder_module: ModuleType, protocol: str = "rfc3164", **options: object):
    return encoder_module.Encoder(protocol=protocol, **{**IDENTITY, **options})


# --- the whole record ----------------------------------------------------------------------------


def test_5_4_example_1(encoder_module: ModuleType) -> None:
    """RFC 3164 5.4, example 1, byte for byte."""
    encoder = make_encoder(
        encoder_module, facility="auth", hostname="mymachine", app_name="su", procid="-"
    )
    record = encoder.encode("crit", "'su root' failed for lonvick on /dev/pts/8", time_ns=OCTOBER)
    assert record == (
        b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8"
    )


def test_4_1_whole_record(encoder_module: ModuleType) -> None:
    """PRI, TIMESTAMP, HOSTNAME, TAG, the process in brackets, colon and SP, CONTENT."""
    record = make_encoder(encoder_module).encode("info", "sold out", time_ns=OCTOBER)
    assert record == b"<14>Oct 11 22:14:15 web1 shop[42]: sold out"


def test_local_has_no_hostname(encoder_module: ModuleType) -> None:
    """What syslog(3) writes: the TAG follows the TIMESTAMP."""
    record = make_encoder(encoder_module, "local").encode("info", "sold out", time_ns=OCTOBER)
    assert record == b"<14>Oct 11 22:14:15 shop[42]: sold out"
    assert parse_rfc3164(record, hostname=False).tag == "shop"


@both_protocols
def test_4_1_1_every_priority(encoder_module: ModuleType, protocol: str) -> None:
    """RFC 3164 4.1.1: all 192, without leading zeros; a single 0 for kernel emergencies."""
    for facility in range(24):
        encoder = make_encoder(encoder_module, protocol, facility=facility)
        for severity in range(8):
            record = encoder.encode(severity, "x", time_ns=0)
            priority = facility * 8 + severity
            assert record.startswith(f"<{priority}>Jan  1 00:00:00 ".encode())
            assert parse_rfc3164(record, protocol == "rfc3164").priority == priority


@both_protocols
def test_msgid_structured_data_and_bom_are_left_out(
    encoder_module: ModuleType, protocol: str
) -> None:
    """RFC 3164 has no place for them: they are checked, and then not written."""
    options = {"msgid": "ID47", "structured_data": {"a@1": {"b": "c"}}, "bom": True}
    encoder = make_encoder(encoder_module, protocol, **options)
    plain = make_encoder(encoder_module, protocol)
    expected = plain.encode("info", "caf\u00e9", time_ns=OCTOBER)
    assert b"caf\xc3\xa9" in expected
    own = {"msgid": "ID48", "structured_data": {"c@1": {"d": "e"}}}
    assert encoder.encode("info", "caf\u00e9", time_ns=OCTOBER) == expected
    assert encoder.encode("info", "caf\u00e9", time_ns=OCTOBER, **own) == expected
    assert encoder.header("info", time_ns=OCTOBER, **own) == expected[: -len(b"caf\xc3\xa9")]
    with pytest.raises(ValueError, match=r"^structured_data SD-ID must be "):
        encoder.encode("info", "x", structured_data={"a b": {}})
    with pytest.raises(TypeError, match=r"^msgid must be a str, got 7$"):
        encoder.encode("info", "x", msgid=7)


@both_protocols
def test_leading_bom_of_a_message_stays_text(encoder_module: ModuleType, protocol: str) -> None:
    """Where no BOM is written, none is taken away."""
    record = make_encoder(encoder_module, protocol, bom=True).encode("info", "\ufeffx")
    assert record.endswith(b"shop[42]: \xef\xbb\xbfx")


def test_empty_message(encoder_module: ModuleType) -> None:
    """RFC 3164 4.1.3: CONTENT may be empty; TAG keeps its end."""
    record = make_encoder(encoder_module).encode("info", "", time_ns=OCTOBER)
    assert record == b"<14>Oct 11 22:14:15 web1 shop[42]: "


def test_4_1_records_end_at_1024_octets(encoder_module: ModuleType) -> None:
    """RFC 3164 4.1: "The total length of the packet MUST be 1024 bytes or less"."""
    record = make_encoder(encoder_module).encode("info", "x" * 5000, time_ns=OCTOBER)
    assert record == b"<14>Oct 11 22:14:15 web1 shop[42]: " + b"x" * (1024 - 35)


def test_local_records_end_at_8192_octets(encoder_module: ModuleType) -> None:
    """/dev/log takes more."""
    record = make_encoder(encoder_module, "local").encode("info", "x" * 9000, time_ns=OCTOBER)
    assert record == b"<14>Oct 11 22:14:15 shop[42]: " + b"x" * (8192 - 30)


# --- 4.1.2, HEADER -------------------------------------------------------------------------------


def read_hostname(encoder_module: ModuleType, name: "str | None") -> str:
    record = make_encoder(encoder_module, hostname=name).encode("info", "x", time_ns=0)
    return parse_rfc3164(record).hostname


@try_each(
    "name, written",
    [
        ("web1", "web1"),
        ("web1.example.com", "web1"),
        ("web1.", "web1"),
        ("1and1.example.com", "1and1"),
        ("web_1", "web_1"),
        ("", "-"),
        ("-", "-"),
        (".example.com", "-"),
        ("web 1", "web_1"),
        ("web\n1", "web_1"),
        ("b\u00fccher.example", "b__cher"),
        ("a\ud800", "a___"),
        ("[x]", "_x_"),
        ("h" * 300, "h" * 255),
        ("h" * 250 + ".example.com", "h" * 250),
    ],
)
def test_4_1_2_hostname_has_no_domain(encoder_module: ModuleType, name: str, written: str) -> None:
    """RFC 3164 4.1.2: "the Domain Name MUST NOT be included in the HOSTNAME field"."""
    assert read_hostname(encoder_module, name) == written


@pytest.mark.parametrize("name", [".", "1.2", "256.1.1.1", "1.2.3.4.5"])
def test_4_1_2_digits_and_dots_are_not_all_addresses(encoder_module: ModuleType, name: str) -> None:
    """Only four numbers up to 255 are an IPv4 address; another name loses its domain."""
    assert read_hostname(encoder_module, name) == (name.partition(".")[0] or "-")


@pytest.mark.parametrize("name", ["web1.example.com:514", "a:b.example.com"])
def test_4_1_2_a_colon_does_not_make_an_address(encoder_module: ModuleType, name: str) -> None:
    """A name with a port is no IPv6 address: its domain goes, too."""
    assert "." not in read_hostname(encoder_module, name)


@try_each(
    "address, written",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("2001:db8::1", "2001:db8::1"),
        ("::", "::"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::1_eth0"),
        ("fe80::1%eth0.100", "fe80::1_eth0.100"),
    ],
)
def test_4_1_2_addresses_stay_whole(encoder_module: ModuleType, address: str, written: str) -> None:
    """RFC 3164 4.1.2: HOSTNAME may be an IPv4 or IPv6 address."""
    assert read_hostname(encoder_module, address) == written


@try_each(
    "name, written",
    [
        ("web1", "web1"),
        ("web1.example.com", "web1.example.com"),
        ("web1.example.com.", "web1.example.com."),
        ("web1 .example.com", "web1_.example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("h" * 250 + ".example.com", "h" * 250 + ".exam"),
    ],
)
def test_4_1_2_fqdn_keeps_the_domain(encoder_module: ModuleType, name: str, written: str) -> None:
    """What RFC 3164 4.1.2 forbids, on request: without it, hosts of two domains are one."""
    encoder = make_encoder(encoder_module, hostname=name, fqdn=True)
    expected = f"<14>Oct 11 22:14:15 {written} shop[42]: x"
    assert encoder.encode("info", "x", time_ns=OCTOBER) == expected.encode()
    sibling = encoder.replace(app_name="till")
    assert sibling.encode("info", "x", time_ns=OCTOBER).split()[3] == written.encode()
    plain = encoder.replace(fqdn=False).encode("info", "x", time_ns=OCTOBER)
    assert plain == make_encoder(encoder_module, hostname=name).encode("info", "x", time_ns=OCTOBER)


@both_protocols
@pytest.mark.parametrize("is_full", [False, True])
def test_fqdn_of_a_record(encoder_module: ModuleType, protocol: str, is_full: bool) -> None:
    encoder = make_encoder(
        encoder_module, protocol, fqdn=is_full, header_attributes={"hostname": "host"}
    )
    values = {"msg": "x", "levelno": 20, "created": 0, "host": "db1.example.com"}
    record = encoder.encode_record(logging.makeLogRecord(values))
    host = {"rfc3164": b" db1.example.com" if is_full else b" db1", "local": b""}[protocol]
    assert record == b"<14>Jan  1 00:00:00%b shop[42]: x" % host


KNOWN = {"web1": "web1.example.com", "alone": "alone", "other": "db1.example.org"}


@try_each(
    "host, protocol, written",
    [
        ("web1", "rfc3164", "web1.example.com"),
        ("web1", "rfc5424", "web1.example.com"),
        ("web1.example.net", "rfc5424", "web1.example.net"),
        ("alone", "rfc5424", "alone"),
        ("other", "rfc5424", "other"),
        ("(none)", "rfc5424", "-"),
    ],
)
def test_fqdn_of_this_host(
    encoder_module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    protocol: str,
    written: str,
) -> None:
    """It is looked up, once; a name that another host has, or no domain, is not taken."""
    asked: list[str] = []

    def look_up(name: str) -> str:
        asked.append(name)
        return KNOWN.get(name, name)

    monkeypatch.setattr(_options.system, "uname", lambda: ("Linux", host))
    monkeypatch.setattr(socket, "getfqdn", look_up)
    monkeypatch.setattr(_options, "_full_names", {})
    for _ in range(2):
        encoder = encoder_module.Encoder(protocol=protocol, app_name="a", procid=1, fqdn=True)
        assert f" {written} a" in encoder.encode("info", "x").decode()
    assert len(asked) == (0 if "." in host else 1 if host == "web1" else 2)
    encoder_module.Encoder(app_name="a", procid=1)  # nobody else waits for DNS
    encoder_module.Encoder(hostname="h", app_name="a", procid=1, fqdn=True)
    assert len(asked) <= 2


def test_hostname_defaults_to_this_host(encoder_module: ModuleType) -> None:
    """RFC 3164 4.1.2: the name of the originator, without its domain."""
    written = read_hostname(encoder_module, None)
    assert (
        written
        == parse_rfc3164(
            make_encoder(encoder_module, hostname=socket.gethostname()).encode("info", "x")
        ).hostname
    )


def test_4_1_2_days_are_padded_with_a_space(encoder_module: ModuleType) -> None:
    """RFC 3164 4.1.2: "a space and then the number", for days below 10, all days of a leap year."""
    encoder = make_encoder(encoder_module)
    for day in range(366):
        timestamp = 951_782_400 - 59 * 86400 + day * 86400  # from 2000-01-01
        fields = time.gmtime(timestamp)
        record = encoder.encode("info", "x", time_ns=timestamp * 10**9)
        date = f"{MONTHS[fields.tm_mon - 1]} {fields.tm_mday:>2}"
        assert record == f"<14>{date} 00:00:00 web1 shop[42]: x".encode()
        assert parse_rfc3164(record).timestamp == f"{date} 00:00:00"


def test_4_1_2_months_are_english_in_any_locale(
    encoder_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3164 4.1.2: "Jan, Feb, ..."; strftime, which follows the locale, has no say in it."""
    before = locale.setlocale(locale.LC_ALL)
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "ja_JP.UTF-8", "C.UTF-8"):
        try:
            locale.setlocale(locale.LC_ALL, name)
            break
        except locale.Error:
            continue

    def refuse(*arguments: object) -> None:
        raise AssertionError("the locale has been asked")

    for module, name in ((time, "strftime"), (time, "asctime"), (time, "ctime")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(locale, "nl_langinfo", refuse)
    try:
        written = [
            encoder_module.format_timestamp((month * 31 + 14) * 86400 * 10**9, protocol="rfc3164")
            for month in range(12)
        ]
    finally:
        locale.setlocale(locale.LC_ALL, before)
    assert tuple(text[:3] for text in written) == MONTHS


@both_protocols
def test_4_1_2_time_is_local(encoder_module: ModuleType, protocol: str, set_zone) -> None:
    """RFC 3164 4.1.2: "the local time"; UTC on request."""
    set_zone("America/Los_Angeles")
    record = make_encoder(encoder_module, protocol).encode("info", "x", time_ns=OCTOBER)
    assert record.startswith(b"<14>Oct 11 15:14:15 ")
    encoder = make_encoder(encoder_module, protocol, local_time=False)
    assert encoder.encode("info", "x", time_ns=OCTOBER).startswith(b"<14>Oct 11 22:14:15 ")


@both_protocols
@pytest.mark.parametrize(
    "time_ns", [float("nan"), float("inf"), -float("inf"), 10**40, -(10**40), 253402300800 * 10**9]
)
@pytest.mark.parametrize("zone", ["UTC0", "<+0545>-5:45"])
def test_4_1_2_a_time_that_cannot_be_written_is_the_present(
    encoder_module: ModuleType, protocol: str, time_ns: object, zone: str, set_zone
) -> None:
    """RFC 3164 has no NILVALUE: a record without a time would not be one. It is local, too."""
    set_zone(zone)
    encoder = make_encoder(encoder_module, protocol)
    written = []
    present = []
    for _ in range(3):  # a second may end in between
        present.append(encoder_module.format_timestamp(protocol=protocol).encode())
        record = encoder.encode("info", "x", time_ns=time_ns)
        parse_rfc3164(record, protocol == "rfc3164")
        written.append(record[4:19])
        present.append(encoder_module.format_timestamp(protocol=protocol).encode())
    assert set(written) <= set(present)


@both_protocols
def test_4_1_2_many_in_the_first_and_last_local_hours(
    encoder_module: ModuleType, protocol: str, set_zone
) -> None:
    """Whether a time can be written is a matter of the zone where it is written."""
    for zone, seconds, written in (
        ("<+01>-1", -62135596800 - 1800, b"Jan  1 00:30:00"),
        ("<-01>1", 253402300799 + 1800, b"Dec 31 23:29:59"),
    ):
        set_zone(zone)
        buffer = bytearray()
        encoder = make_encoder(encoder_module, protocol, framing="lf")
        encoder.encode_many_into(buffer, "info", ["a", "b"], time_ns=seconds * 10**9)
        assert [record[4:19] for record in bytes(buffer).splitlines()] == [written] * 2


@both_protocols
def test_4_1_2_many_have_the_same_present(encoder_module: ModuleType, protocol: str) -> None:
    """Of `encode_many_into` all records have one time, also where that cannot be written."""
    encoder = make_encoder(encoder_module, protocol, framing="lf")
    messages = ["x"] * 50_000
    time.sleep(0.99 - time.time() % 1 % 0.99)
    while time.time() % 1 < 0.998:
        pass  # so that a second ends while they are written
    buffer = bytearray()
    encoder.encode_many_into(buffer, "info", messages, time_ns=float("nan"))
    assert len({record[4:19] for record in bytes(buffer).splitlines()}) == 1


def test_precision_is_for_rfc5424(encoder_module: ModuleType) -> None:
    """RFC 3164 4.1.2 has no fraction of a second."""
    for precision in range(7):
        record = make_encoder(encoder_module, precision=precision).encode(6, "x", time_ns=OCTOBER)
        assert record.startswith(b"<14>Oct 11 22:14:15 web1 ")


# --- 4.1.3, MSG: TAG and CONTENT -----------------------------------------------------------------


@both_protocols
@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("shop", b"shop"),
        ("AZaz09._/-", b"AZaz09._/-"),
        ("my shop", b"my_shop"),
        ("shop[1]:", b"shop_1__"),
        ("a:b", b"a_b"),
        ("a\nb", b"a_b"),
        ("\u00e9", b"__"),
        ("\U0001f600", b"____"),
        ("\udcff", b"___"),
        ("", b"-"),
        ("-", b"-"),
        ("t" * 32, b"t" * 32),
        ("t" * 33, b"t" * 32),
        ("t" * 31 + "\u00e9", b"t" * 31 + b"_"),
    ],
)
def test_4_1_3_tag(encoder_module: ModuleType, protocol: str, name: str, written: bytes) -> None:
    """RFC 3164 4.1.3: TAG ends at 32 octets; those that could end it earlier become "_"."""
    encoder = make_encoder(encoder_module, protocol, app_name=name)
    host = b"web1 " if protocol == "rfc3164" else b""
    record = encoder.encode("info", "x", time_ns=0)
    assert record == b"<14>Jan  1 00:00:00 " + host + written + b"[42]: x"
    assert parse_rfc3164(record, protocol == "rfc3164").tag == written.decode()


@both_protocols
@pytest.mark.parametrize(
    ("procid", "written"),
    [
        (7, b"[7]"),
        ("7", b"[7]"),
        ("worker-1", b"[worker-1]"),
        ("", b""),
        ("-", b""),
        ("1]: forged [", b"[1_:_forged__]"),
        ("a\nb", b"[a_b]"),
        ("\u00e9", b"[__]"),
        ("p" * 200, b"[" + b"p" * 128 + b"]"),
    ],
)
def test_5_3_process(
    encoder_module: ModuleType, protocol: str, procid: object, written: bytes
) -> None:
    """RFC 3164 5.3: the process in brackets, which it cannot close itself; none if unknown."""
    encoder = make_encoder(encoder_module, protocol, procid=procid)
    record = encoder.encode("info", "x", time_ns=0)
    host = b"web1 " if protocol == "rfc3164" else b""
    assert record == b"<14>Jan  1 00:00:00 " + host + b"shop" + written + b": x"
    assert parse_rfc3164(record, protocol == "rfc3164").pid == (written[1:-1].decode() or None)


def test_tag_defaults_to_this_program_and_process(
    encoder_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3164 4.1.3: "the name of the program or process"."""
    monkeypatch.setattr(sys, "argv", ["/opt/my shop.py"])
    record = encoder_module.Encoder(protocol="local").encode("info", "x", time_ns=0)
    assert record == f"<14>Jan  1 00:00:00 my_shop[{os.getpid()}]: x".encode()


@both_protocols
def test_content_cannot_forge_a_second_record(encoder_module: ModuleType, protocol: str) -> None:
    """A line feed is escaped, so that what follows it stays part of the text."""
    record = make_encoder(encoder_module, protocol).encode(
        "info", "a\n<0>Oct 11 22:14:15 evil evil: x"
    )
    assert record.endswith(b"shop[42]: a#012<0>Oct 11 22:14:15 evil evil: x")
