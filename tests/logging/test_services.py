"""What hosted services want, byte for byte, against scripted receivers; and that tokens stay in."""

import logging
import pathlib
import re
import socket
from collections.abc import Callable, Iterator, Sequence

import pytest
from support.certificates import Certificates
from support.grammar import parse_rfc3164, parse_rfc5424
from support.pairwise import choose_pairs, take_turns
from support.receivers import LIMIT, Sink, TlsSink, check_counts, find_free_port, wait_until

from syslogfast import services

TIME = 1_065_910_455_003_000_000
HEADER = b"<14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - "
UUID = "2bfbea1e-10c3-4419-bdad-7e6435882e1f"
LOGGLY_UUID = "8bf8cc10-4140-4c3e-a2b4-e6f5324f1aea"
API_KEY = "0123456789abcdef0123456789abcdef"
# In the alphabets of the services: longer than an SD-ID may be, and with what base64 has.
SECRET = "s3cr3t-9HFxoa6+lXBmvSM9koPjGzvTaxXDQvJ4POE/WCURPAo_w4H7PmZm8H3mSEKxPl0Q"

# The service: what its function is given, and the line that its docstring shows.
HOSTED = {
    "logentries": ((UUID,), {}, UUID.encode() + b" " + HEADER + b"- sold out"),
    "datadog": ((API_KEY,), {}, API_KEY.encode() + b" " + HEADER + b"- sold out"),
    "loggly": (
        (LOGGLY_UUID,),
        {"tags": ["web", "eu"]},
        HEADER + b"[" + LOGGLY_UUID.encode() + b'@41058 tag="web" tag="eu"] sold out',
    ),
    "papertrail": ((), {}, HEADER + b"- sold out"),
    "solarwinds": (("TOKEN",), {}, HEADER + b"[TOKEN@41058] sold out"),
    "sumologic": (("TOKEN",), {}, HEADER + b"[TOKEN@41123] sold out"),
}
OWN = ("graylog", "splunk", "alloy")
PREFIXED = ("logentries", "datadog")
ELEMENTS = {"loggly": b"@41058", "solarwinds": b"@41058", "sumologic": b"@41123"}
WITH_TOKEN = (*PREFIXED, *ELEMENTS)

Call = Callable[..., object]


def in_turns(names: str, *axes: Sequence[object]) -> pytest.MarkDecorator:
    """Parametrize with what does not interact: the services, in turn with either backend.

    All of them are one function's calls, so that each case is tried with some service, and each
    service with some case.
    """
    rows = take_turns(*axes)
    backends = [("c", "python")[index % 2] for index in range(len(rows))]
    return pytest.mark.parametrize(
        ("backend", *names.split()),
        [(backend, *row) for backend, row in zip(backends, rows, strict=True)],
        indirect=["backend"],
    )


@pytest.fixture
def call(connect: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call a service's function, which connects with one backend, then with the other."""
    monkeypatch.setattr(services, "connect", connect)
    return lambda name, *arguments, **options: getattr(services, name)(*arguments, **options)


@pytest.fixture
def tls_sink(certificates: Certificates) -> Iterator[TlsSink]:
    receiver = TlsSink(certificates)
    yield receiver
    receiver.close()
    assert receiver.failures == []


def tls_url(sink: Sink, certificates: Certificates) -> str:
    return f"tls://127.0.0.1:{sink.port}?ca={certificates.ca}"


def tcp_url(sink: Sink) -> str:
    return f"tcp://127.0.0.1:{sink.port}"


def udp_url(receiver: socket.socket) -> str:
    return f"udp://127.0.0.1:{receiver.getsockname()[1]}"


def mark(name: str, token: str = SECRET) -> bytes:
    """Return what a record of a service with a token begins with, or its element without "]"."""
    return token.encode() + b" " if name in PREFIXED else b"[" + token.encode() + ELEMENTS[name]


def check_line(name: str, line: bytes, token: str = SECRET) -> None:
    """A line has the token once, in its place; without it, it is strictly RFC 5424."""
    assert line.count(token.encode()) == 1
    if name in PREFIXED:
        assert line.startswith(mark(name, token))
        parse_rfc5424(line.removeprefix(mark(name, token)))
    else:
        record = parse_rfc5424(line.replace(token.encode(), b"token"))
        assert record.structured_data[0][0] == f"token{ELEMENTS[name].decode()}"


def receive_lines(emitter: object, sink: Sink) -> list[bytes]:
    """Return the lines that came, once all has been sent and the transport closed."""
    emitter.close()
    sent = check_counts(emitter)["sent"]
    assert sent == emitter.stats["offered"]
    assert wait_until(lambda: sink.received.count(b"\n") >= sent)
    assert sink.received.endswith(b"\n")
    lines = sink.received[:-1].split(b"\n")
    assert len(lines) == sent
    return lines


# --- the forms -----------------------------------------------------------------------------------


@in_turns("name", list(HOSTED))
def test_hosted(name: str, call: Call, tls_sink: TlsSink, certificates: Certificates) -> None:
    """Over TLS, in lines, as the service's page says and the docstring shows."""
    arguments, options, line = HOSTED[name]
    emitter = call(name, *arguments, url=tls_url(tls_sink, certificates), **options)
    emitter.info("sold out", time_ns=TIME)
    emitter.info("sold out", time_ns=TIME)
    assert receive_lines(emitter, tls_sink) == [line, line]
    assert tls_sink.received == 2 * (line + b"\n")
    assert line.decode() in getattr(services, name).__doc__


@in_turns("name", list(OWN))
def test_own(name: str, call: Call, sink: Sink) -> None:
    """Over TCP, with octet counts."""
    emitter = call(name, "127.0.0.1", sink.port)
    emitter.info("sold out", time_ns=TIME)
    emitter.close()
    frame = b"59 " + HEADER + b"- sold out"
    assert wait_until(lambda: len(sink.received) >= len(frame))
    assert sink.received == frame
    assert frame.decode() in getattr(services, name).__doc__


PLACES = [
    ("logentries", (UUID,), {}, "tls://us.data.logs.insight.rapid7.com:443"),
    ("logentries", (UUID,), {"region": "eu"}, "tls://eu.data.logs.insight.rapid7.com:443"),
    ("datadog", (API_KEY,), {}, "tls://intake.logs.datadoghq.com:10516"),
    ("datadog", (API_KEY,), {"region": "eu"}, "tls://tcp-intake.logs.datadoghq.eu:443"),
    ("loggly", (LOGGLY_UUID,), {}, "tls://logs-01.loggly.com:6514"),
    ("papertrail", ("logs7.papertrailapp.com", 12345), {}, "tls://logs7.papertrailapp.com:12345"),
    ("solarwinds", ("TOKEN",), {}, "tls://syslog.collector.na-01.cloud.solarwinds.com:6514"),
    (
        *("solarwinds", ("TOKEN",), {"region": "ap-01"}),
        "tls://syslog.collector.ap-01.cloud.solarwinds.com:6514",
    ),
    ("sumologic", ("TOKEN",), {}, "tls://syslog.collection.us1.sumologic.com:6514"),
    ("sumologic", ("TOKEN",), {"region": "de"}, "tls://syslog.collection.de.sumologic.com:6514"),
    ("graylog", ("logs",), {}, "tcp://logs:514"),
    ("graylog", ("2001:db8::5", 1514), {}, "tcp://[2001:db8::5]:1514"),
    ("splunk", ("192.0.2.5",), {}, "tcp://192.0.2.5:601"),
    ("alloy", ("logs", 51893), {}, "tcp://logs:51893"),
]


@pytest.mark.parametrize(("name", "arguments", "options", "place"), PLACES)
def test_places(
    name: str, arguments: tuple, options: dict, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the service is, unless `url` names another place."""
    called = []
    monkeypatch.setattr(services, "connect", lambda *urls, **kept: called.append((urls, kept)))
    getattr(services, name)(*arguments, linger=0.5, **options)
    (((transport,), kept),) = called
    assert str(transport) == place
    assert kept["framing"] == ("octet" if name in OWN else "lf")
    assert kept["linger"] == 0.5
    assert not {"region", "tags", "url"} & kept.keys()


@in_turns(
    "options separator",
    ["?framing=octet", "?framing=nul", "?framing=lf", ""],
    [None, b"\0", b"\n", None],
)
def test_framing_of_the_url(options: str, separator: bytes | None, call: Call, sink: Sink) -> None:
    """What the URL says holds: one's own relay may want another framing than the service."""
    emitter = call("splunk", url=tcp_url(sink) + options)
    emitter.info("sold out", time_ns=TIME)
    emitter.close()
    record = HEADER + b"- sold out"
    frame = record + separator if separator else b"59 " + record
    assert wait_until(lambda: len(sink.received) >= len(frame))
    assert sink.received == frame


def test_framing_option(call: Call, sink: Sink) -> None:
    """Without one in the URL, that of `connect` holds; both must agree."""
    emitter = call("graylog", "127.0.0.1", sink.port, framing="nul")
    emitter.info("sold out", time_ns=TIME)
    emitter.close()
    assert wait_until(lambda: sink.received == HEADER + b"- sold out\0")
    with pytest.raises(ValueError, match="the framing lf, as is asked for elsewhere"):
        call("graylog", url=tcp_url(sink) + "?framing=nul", framing="lf")


@in_turns("name", [*HOSTED, *OWN])
def test_datagrams(name: str, call: Call, receiver: socket.socket) -> None:
    """Over UDP a datagram is a record, without delimiter or count."""
    arguments, options, line = HOSTED.get(name, ((), {}, HEADER + b"- sold out"))
    emitter = call(name, *arguments, url=udp_url(receiver), **options)
    emitter.info("sold out", time_ns=TIME)
    assert receiver.recv(65536) == line


@in_turns("name", WITH_TOKEN)
def test_unix_datagrams(name: str, call: Call, tmp_path: pathlib.Path) -> None:
    """A local relay gets the service's form, too: the older one has no place for some tokens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as relay:
        relay.bind(str(tmp_path / "log"))
        relay.settimeout(LIMIT)
        call(name, SECRET, url=f"unix://{tmp_path}/log").info("sold out")
        check_line(name, relay.recv(65536))


# --- sizes ---------------------------------------------------------------------------------------


SIZES = [
    ("papertrail", {}, 976),  # and 48 for the headers of IPv6 and UDP: 1024
    ("papertrail", {"max_size": None}, 976),
    ("papertrail", {"max_size": 700}, 700),
    ("graylog", {}, 2048),
    ("loggly", {"token": SECRET}, 2048),
    ("logentries", {"token": SECRET, "max_size": 900}, 900),
]


@in_turns("name options size", *zip(*SIZES, strict=True))
def test_size_of_datagrams(
    name: str, options: dict, size: int, call: Call, receiver: socket.socket
) -> None:
    emitter = call(name, url=udp_url(receiver), **options)
    emitter.info("x" * 5000)
    data = receiver.recv(65536)
    assert len(data) == size
    assert emitter.stats["truncated"] == 1
    if "token" in options:
        check_line(name, data)


@in_turns("name", ["datadog", "loggly", "sumologic", "graylog"])
def test_size_of_lines(name: str, call: Call, sink: Sink) -> None:
    """8192 bytes unless told otherwise, with the token; then what is told."""
    arguments, options, _ = HOSTED.get(name, ((), {}, b""))
    for given, size in (({}, 8192), ({"max_size": 65536}, 65536)):
        emitter = call(name, *arguments, url=tcp_url(sink) + "?framing=lf", **given, **options)
        emitter.info("x" * 100_000)
        emitter.close()
        assert wait_until(lambda: sink.received.endswith(b"\n"))
        assert len(sink.connections.pop()) == size + 1


@in_turns("name", list(ELEMENTS))
def test_the_token_has_space(name: str, call: Call, receiver: socket.socket) -> None:
    """A size that could make the encoder leave the token out is refused, whatever the names."""
    url = udp_url(receiver)
    with pytest.raises(ValueError, match=r"^max_size must be at least \d") as caught:
        call(name, SECRET, url=url, max_size=100)
    least = int(re.search("at least ([0-9]+)", str(caught.value))[1])
    with pytest.raises(ValueError, match=f"^max_size must be at least {least}, .* got {least - 1}"):
        call(name, SECRET, url=url, max_size=least - 1)
    names = {"hostname": "h" * 300, "app_name": "a" * 300, "procid": "p" * 300}
    emitter = call(name, SECRET, url=url, max_size=least, facility="local7", local_time=True)
    emitter.child(**names).debug("sold out", msgid="m" * 300)
    check_line(name, receiver.recv(65536))
    with pytest.raises(ValueError, match=r"^max_size must be at least \d"):
        call(name, SECRET * 40, url=url)
    with pytest.raises(TypeError, match=r"^max_size must be an int,"):
        call(name, SECRET, url=url, max_size="much")


@in_turns("name", WITH_TOKEN)
def test_a_record_with_too_much(name: str, call: Call, sink: Sink) -> None:
    """Structured data for which there is no space is left out; the token is not."""
    emitter = call(name, SECRET, url=tcp_url(sink), structured_data={"a@1": {"n": 1}})
    record = {"b@1": {"n": "x" * 9000}}
    emitter.info("sold out", time_ns=TIME, structured_data=record)
    emitter.child(hostname="vm-1").info("sold out", msgid="SALE", structured_data=record)
    emitter.emit_record(logging.makeLogRecord({"msg": "sold out", "structured_data": record}))
    first, *others = receive_lines(emitter, sink)
    given = b'[a@1 n="1"]'
    if name in PREFIXED:
        assert first == mark(name) + HEADER + given + b" sold out"
    else:
        assert first == HEADER + mark(name) + b"]" + given + b" sold out"
    for line in others:
        check_line(name, line)
        assert given in line
        assert b"b@1" not in line


# --- the token, and what else is in a record -----------------------------------------------------


DATA = [
    ({"a@1": {"n": '"\n]'}}, b'[a@1 n="\\"#012\\]"]'),
    ({"a@1": [("n", 1), ("n", 2)]}, b'[a@1 n="1" n="2"]'),
    (b'[a@1 n="1"]', b'[a@1 n="1"]'),
    (b"-", b""),
    ({}, b""),
    (None, b""),
]


@pytest.mark.parametrize(
    ("backend", "data", "name"),
    choose_pairs(["c", "python"], DATA, ["loggly", "sumologic"]),
    indirect=["backend"],
)
def test_structured_data(name: str, data: tuple[object, bytes], call: Call, sink: Sink) -> None:
    """One's own stands beside the token's, whoever brings it: the emitter, a record, a child."""
    given, rendered = data
    url = tcp_url(sink)
    element = mark(name) + b"]"
    emitter = call(name, SECRET, url=url, structured_data=given)
    emitter.info("sold out", time_ns=TIME)
    emitter.info("sold out", time_ns=TIME, structured_data={"b@1": {"m": 2}})
    child = emitter.child(structured_data=b'[c@1 k="3"]')
    child.info("sold out", time_ns=TIME)
    child.child(structured_data=given).info("sold out", time_ns=TIME)
    assert receive_lines(emitter, sink) == [
        HEADER + element + rendered + b" sold out",
        HEADER + element + rendered + b'[b@1 m="2"] sold out',
        HEADER + element + rendered + b'[c@1 k="3"] sold out',
        HEADER
        + element
        + (b'[c@1 k="3"]' + rendered if rendered else b'[c@1 k="3"]')
        + b" sold out",
    ]


@in_turns("name", list(ELEMENTS))
def test_the_same_element_again(name: str, call: Call, sink: Sink) -> None:
    """A record that brings an element of the token's own SD-ID has it once."""
    emitter = call(name, SECRET, url=tcp_url(sink))
    element = mark(name) + b' tag="own"]'
    emitter.info("sold out", time_ns=TIME, structured_data=element)
    emitter.child(structured_data=element).info("sold out", time_ns=TIME)
    assert receive_lines(emitter, sink) == 2 * [HEADER + element + b" sold out"]


@in_turns("name", WITH_TOKEN)
def test_all_records_have_the_token(name: str, call: Call, sink: Sink) -> None:
    """Whatever they come from."""
    emitter = call(name, SECRET, url=tcp_url(sink), attributes={"code@1": {"logger": "name"}})
    emitter.emit("err", "%d sold", 3, msgid="SALE")
    emitter.emit_many("info", ["a", "b", b"c"])
    try:
        raise TimeoutError("the bank is closed")
    except TimeoutError:
        emitter.exception("failed")
    record = {"msg": "sold", "name": "till", "structured_data": {"a@1": {"n": 1}}}
    emitter.emit_record(logging.makeLogRecord(record))
    child = emitter.child(app_name="till", facility="local0", msgid="ID", procid=7)
    child.info("sold")
    child.child(hostname="vm-1").info("sold", structured_data={"a@1": {}})
    child.emit_record(logging.makeLogRecord(record))
    child.child(controls="keep", bom=True, precision=3).info("sold")
    lines = receive_lines(emitter, sink)
    assert len(lines) == 10
    for line in lines:
        check_line(name, line)
    assert b'[code@1 logger="till"]' in lines[5]


@in_turns("name", WITH_TOKEN)
def test_numbered_records(name: str, call: Call, sink: Sink) -> None:
    """A sequence number, which each record brings, displaces no token."""
    emitter = call(name, SECRET, url=tcp_url(sink), sequence_ids=True)
    emitter.info("sold")
    emitter.info("sold", structured_data={"a@1": {"n": 1}})
    emitter.child(structured_data={"b@1": {}}).info("sold")
    emitter.emit_record(logging.makeLogRecord({"msg": "sold"}))
    lines = receive_lines(emitter, sink)
    for line, number in zip(lines, (b"1", b"2", b"1", b"3"), strict=True):
        check_line(name, line)
        assert line.count(b'[meta sequenceId="' + number + b'"]') == 1


@in_turns("name", WITH_TOKEN)
def test_the_report_of_drops_has_the_token(name: str, call: Call) -> None:
    port = find_free_port()
    emitter = call(name, SECRET, url=f"tcp://127.0.0.1:{port}", queue_bytes=1000)
    for _ in range(20):
        emitter.info("sold out")
    assert emitter.stats["dropped"]["full"] > 0
    receiver = Sink(port)
    try:
        assert wait_until(lambda: b" DROPPED " in receiver.received)
        emitter.close()
        for line in receiver.received.splitlines():
            check_line(name, line)
    finally:
        receiver.close()


@in_turns(
    "name option value",
    WITH_TOKEN,
    [*["prefix"] * 5, *["protocol"] * 5],
    [None, b"", b"x", "rfc5424", "rfc3164"],
)
def test_what_is_the_services(name: str, option: str, value: object, call: Call) -> None:
    """Either could displace the token."""
    with pytest.raises(ValueError, match=f"^{option} must be left out: it is the service's$"):
        call(name, SECRET, url="tcp://192.0.2.1", **{option: value})


def test_the_older_protocol(call: Call, receiver: socket.socket) -> None:
    """Papertrail takes RFC 3164 just as well."""
    call("papertrail", url=udp_url(receiver), protocol="rfc3164").info("sold out")
    assert parse_rfc3164(receiver.recv(65536)).message == "sold out"


# --- no escape -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "controls", "name"),
    choose_pairs(["c", "python"], ["escape", "keep"], WITH_TOKEN),
    indirect=["backend"],
)
def test_no_line_is_forged(name: str, controls: str, call: Call, sink: Sink) -> None:
    """Nothing that a program logs ends the line, or gets before the token."""
    other = "0" * 36
    forged = f"\n{other} <0>1 - - - - - [{other}@41058] forged\r\n"
    emitter = call(
        *(name, SECRET),
        url=tcp_url(sink),
        controls=controls,
        structured_data={"a@1": {"n": forged}},
        hostname=forged,
        msgid=forged,
    )
    emitter.info(forged)
    emitter.info(forged.encode(), msgid=forged, structured_data={"b@1": {"n": forged}})
    emitter.emit_many("info", [forged, forged.encode()])
    emitter.child(app_name=forged, procid=forged).info("%s", forged)
    emitter.emit_record(
        logging.makeLogRecord(
            {"msg": forged, "levelno": 20, "structured_data": {forged: {forged: forged}}}
        )
    )
    lines = receive_lines(emitter, sink)
    assert len(lines) == 6
    for line in lines:
        assert line.count(SECRET.encode()) == 1
        if name in PREFIXED:
            assert line.startswith(mark(name) + b"<14>1 ")
        else:
            fields = line.split(b" ", 6)
            assert fields[0] == b"<14>1"
            assert fields[6].startswith(mark(name))
        if controls == "escape":
            check_line(name, line)


def test_controls_that_are_kept(call: Call, sink: Sink) -> None:
    """One's own element has them, too, but for what would end the line."""
    options = {"controls": "keep", "structured_data": {"a@1": {"n": "\x1b\n"}}}
    emitter = call("loggly", SECRET, url=tcp_url(sink), **options)
    emitter.info("\x1b\n")
    (line,) = receive_lines(emitter, sink)
    assert line.endswith(b'[a@1 n="\x1b#012"] \x1b#012')


def test_no_tag_is_forged(call: Call, receiver: socket.socket) -> None:
    """A tag is a value, whatever is in it."""
    tags = ('a"] [b', "\n<0>1 ", "\\", "é", "")
    call("loggly", SECRET, tags=tags, url=udp_url(receiver)).info("sold out")
    record = parse_rfc5424(receiver.recv(65536).replace(SECRET.encode(), b"token"))
    assert record.structured_data == [
        (
            "token@41058",
            [("tag", 'a"] [b'), ("tag", "#012<0>1 "), ("tag", "\\"), ("tag", "é"), ("tag", "")],
        )
    ]


# --- secrets -------------------------------------------------------------------------------------

BAD_TOKENS = [
    (ValueError, ""),
    *[
        (ValueError, SECRET + end)
        for end in (" ", '"', "]", "=", "@", "@41058", "\n", "\0", "\x7f")
    ],
    *[(ValueError, SECRET + end) for end in ("é", "\u2028", "\udc80", " <0>1")],
    (TypeError, SECRET.encode()),
    (TypeError, None),
    (TypeError, 5),
    (TypeError, [SECRET]),
]


def check_secrecy(error: BaseException | None) -> None:
    """Neither an error nor those that a traceback shows with it have the token."""
    while error is not None:
        assert "s3cr3t" not in repr(error)
        error = error.__cause__ or error.__context__


@in_turns("name", WITH_TOKEN)
def test_bad_tokens(name: str, call: Call) -> None:
    """They are refused by the name of the field, and not shown."""
    field = "api_key" if name == "datadog" else "token"
    for kind, token in BAD_TOKENS:
        text = f"^{field} must be .*, got {type(token).__name__}$"
        with pytest.raises(kind, match=text) as caught:
            call(name, token, url="tcp://192.0.2.1")
        check_secrecy(caught.value)


WRONG_OPTIONS = [
    (TypeError, {"colour": 1}),
    (TypeError, {"hostname": 5}),
    (TypeError, {"structured_data": 5}),
    (ValueError, {"structured_data": {"a b": {}}}),
    (TypeError, {"attributes": 5}),
    (ValueError, {"facility": "none"}),
    (ValueError, {"controls": "lose"}),
    (ValueError, {"controls": "lose", "structured_data": {"a@1": {"n": 1}}}),
    (ValueError, {"framing": "stx"}),
    (ValueError, {"framing": "stx", "controls": "keep", "structured_data": {}}),
    (ValueError, {"max_size": 9}),
    (ValueError, {"max_size": 1 << 40}),
    (TypeError, {"max_size": "9"}),
    (ValueError, {"linger": -1}),
    (ValueError, {"overflow": "flood"}),
    (ValueError, {"prefix": b"x"}),
    (ValueError, {"url": "http://192.0.2.1"}),
    (ValueError, {"url": "tcp://192.0.2.1?framing=stx"}),
    (TypeError, {"url": b"tcp://192.0.2.1"}),
]


@pytest.mark.parametrize("name", ["datadog", "solarwinds"])
def test_errors_have_no_token(name: str, call: Call) -> None:
    """Neither one that would be at the line's start nor one in an element."""
    for kind, options in WRONG_OPTIONS:
        with pytest.raises(kind) as caught:
            call(name, SECRET, **{"url": "tcp://192.0.2.1", **options})
        check_secrecy(caught.value)


ADDRESSED = ("papertrail", *OWN)  # those that have a host and a port
WRONG_HOSTS = [
    (ValueError, ""),
    (ValueError, "h?insecure=yes"),
    (TypeError, None),
    (TypeError, b"h"),
]
OTHER_ERRORS = [
    *[
        (ValueError, "^region must be one of 'us", name, (SECRET,), {"region": "mars"})
        for name in ("logentries", "datadog", "sumologic")
    ],
    (ValueError, "^region must be one of 'na-01'", "solarwinds", (SECRET,), {"region": "us"}),
    (TypeError, "^tags must be a list or a tuple", "loggly", (SECRET,), {"tags": "web"}),
    (TypeError, "^tags must be a list or a tuple", "loggly", (SECRET,), {"tags": ["a", 5]}),
    *[
        (kind, f"^host must be a .*, got {re.escape(repr(host))}$", name, (host, 5), {})
        for name, (kind, host) in take_turns(ADDRESSED, WRONG_HOSTS)
    ],
    *[
        (ValueError, r"^port must be in 1\.\.65535", name, ("h", port), {})
        for name, port in take_turns(ADDRESSED, (0, 65536, -1))
    ],
    *[
        (TypeError, "^port must be an int unless url is given, got ", name, ("h", port), {})
        for name, port in take_turns(ADDRESSED, (None, "514", "514?framing=nul", 5.0))
    ],
    (ValueError, "^host must be a name or an address, got 'h:514'", "graylog", ("h:514",), {}),
    (ValueError, "^host must be a name or an address, got 'h/x'", "graylog", ("h/x",), {}),
]


@in_turns("kind text name arguments options", *zip(*OTHER_ERRORS, strict=True))
def test_other_errors(
    kind: type, text: str, name: str, arguments: tuple, options: dict, call: Call
) -> None:
    with pytest.raises(kind, match=text) as caught:
        call(name, *arguments, **options)
    assert "s3cr3t" not in str(caught.value)


@in_turns("name", WITH_TOKEN)
def test_nothing_shows_the_token(
    name: str, call: Call, sink: Sink, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not what is printed of an emitter, nor what it says of a collector that is not there."""
    away = f"tcp://127.0.0.1:{find_free_port()}"
    emitter = call(name, SECRET, url=away)
    emitter.info("sold out")
    assert wait_until(lambda: emitter.stats["failure"])
    child = emitter.child(hostname="vm-1")
    shown = [repr(emitter), str(emitter), repr(child), repr(emitter._encoder), f"{emitter.stats}"]
    shown += [
        repr(emitter._encoder.replace(hostname="x")),
        str(emitter._sender.retry_policy.failure),
    ]
    shown += [str(emitter._sender), str(emitter._sender.retry_policy), repr(emitter._queue)]
    emitter.close(0)
    for error in (
        lambda: child.child(structured_data=5),
        lambda: child._encoder.encode(6, "", structured_data=5),
        lambda: child.child(max_size=9),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            error()
        shown += [repr(caught.value)]
    shown += capfd.readouterr()
    assert away.removeprefix("tcp://") in "".join(shown)
    assert "s3cr3t" not in "".join(shown)


@in_turns("name", WITH_TOKEN)
def test_a_stranger_does_not_get_the_token(
    name: str,
    call: Call,
    certificates: Certificates,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whose certificate nobody vouches for; what is said of it has no token."""
    receiver = TlsSink(certificates)
    try:
        emitter = call(name, SECRET, url=f"tls://127.0.0.1:{receiver.port}", timeout=1)
        emitter.info("sold out")
        assert wait_until(lambda: receiver.failures)
        assert wait_until(lambda: emitter.stats["failure"])
        failure = str(emitter.stats["failure"])
        emitter.close(0)
        err = capfd.readouterr().err
        assert "certificate is not accepted" in err
        assert "s3cr3t" not in err + failure
        assert receiver.received == b""
    finally:
        receiver.close()


def test_little_is_imported(run_python: Callable[..., object], backend: str) -> None:
    """To open a service over UDP loads nothing heavy."""
    heavy = ["logging", "socket", "ssl", "re", "enum", "datetime", "typing", "threading", "json"]
    result = run_python(
        "import sys\n"
        "from syslogfast import services\n"
        "log = services.loggly('TOKEN', tags=['a'], url='udp://127.0.0.1:9', on_failure=False)\n"
        "log.info('sold')\n"
        "print(*sys.modules)\n",
        backend=backend,
    )
    assert result.stderr == ""
    assert not set(heavy) & set(result.stdout.split())
