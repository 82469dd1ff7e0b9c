"""What rfc5424-logging-handler sends is what `SysLogHandler` sends, but for `DIFFERENCES`.

Both get the same calls, the latter by `support.rfc5424_logging_adapter`, which is made of
documented options. The tests of that package are in neither its sdist nor its wheel: the package
itself says here what it sends.
"""

import datetime
import io
import logging
import pathlib
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support import rfc5424_logging_adapter as adapted
from support.certificates import Certificates

peer = pytest.importorskip("rfc5424logging", reason="rfc5424-logging-handler is not installed")

CREATED = 946725071.111111  # 2000-01-01T11:11:11.111111Z
ZONE = "<+0545>-5:45"
OFFSET = datetime.timezone(datetime.timedelta(hours=5, minutes=45))
START = b"<14>1 2000-01-01T16:56:11.111111+05:45 "
END = b" \xef\xbb\xbfcard refused"


class Words:
    def __str__(self) -> str:
        return "two words"


# By name: options of the handler, and what one record has.
ORDER = {"order@32473": {"till": 3}}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "all": (
        {"hostname": "web1", "appname": "shop", "procid": "7", "structured_data": ORDER},
        {"msgid": "SALE", "structured_data": {"bank@32473": {"id": 5}}},
    ),
    "all of a record": (
        {"hostname": "web1", "appname": "shop", "procid": "7"},
        {"hostname": "web2", "appname": "bank", "procid": "8", "msgid": "SALE"},
    ),
    "msg_as_utf8": ({"msg_as_utf8": False}, {}),
    "utc_timestamp": ({"utc_timestamp": True}, {}),
    "facility": ({"facility": 23}, {}),
    "sd: string": ({}, {"structured_data": "a string"}),
    "sd: None": ({}, {"structured_data": None}),
    "sd: of the handler: None": ({"structured_data": None}, {}),
    "sd: the same SD-ID": ({"structured_data": ORDER}, {"structured_data": ORDER}),
    "sd: two": ({}, {"structured_data": {**ORDER, "bank@32473": {"id": 5, "name": "b"}}}),
    "sd: no parameters": ({}, {"structured_data": {"order@32473": None}}),
    "sd: None for a name": ({}, {"structured_data": {"order@32473": {None: 1}}}),
    "sd: None for a value": ({}, {"structured_data": {"order@32473": {"till": None}}}),
    "sd: an object": ({}, {"structured_data": {"order@32473": {"till": Words()}}}),
    "sd: escapes": ({}, {"structured_data": {"order@32473": {"till": 'a]\\"\n\u0394'}}}),
    "sd: a long name": ({}, {"structured_data": {"order@32473": {"n" * 40: 1}}}),
    "sd: a wrong name": ({}, {"structured_data": {"order@32473": {'a= ]"\u0394b': 1}}}),
    "sd: a long SD-ID": ({}, {"structured_data": {"n" * 40 + "@32473": {"till": 3}}}),
    "sd: a wrong SD-ID": ({}, {"structured_data": {'a= ]"\u0394\nb@32473': {"till": 3}}}),
    "sd: two @": ({}, {"structured_data": {"a@b@32473": {"till": 3}}}),
    "sd: no number": ({}, {"structured_data": {"order": {"till": 3}}}),
    "sd: a number of 31 digits": ({}, {"structured_data": {f"order@{'1' * 31}": {"till": 3}}}),
    "enterprise_id": ({"enterprise_id": 32473}, {"structured_data": {"order": {"till": 3}}}),
    "enterprise_id: periods": (
        {"enterprise_id": "32473.1.2"},
        {"structured_data": {"order": {"till": 3}}},
    ),
    "enterprise_id: a long SD-ID": (
        {"enterprise_id": 32473},
        {"structured_data": {"n" * 40: {"till": 3}}},
    ),
    "enterprise_id: IANA's": (
        {"enterprise_id": 32473},
        {"structured_data": {"timeQuality": {"isSynced": "1"}}},
    ),
    "enterprise_id: after another number": (
        {"enterprise_id": 32473},
        {"structured_data": {"bank@1": {}, "order": {"till": 3}}},
    ),
    "enterprise_id: of a record": (
        {},
        {"structured_data": {"order": {"till": 3}}, "enterprise_id": 32473},
    ),
}
MESSAGES: dict[str, object] = {
    "text": "card refused",
    "empty": "",
    "None": None,
    "not ASCII": "\u0394\u2202",
    "line end": "card\nrefused",
    "line end at the end": "card refused\n",
    "control": "card\x1b[1m\0refused",
    "an object": Words(),
    "long": "x" * 30_000,
}

# What is different, and why: what the package sends, and what this one does, without START and END.
OCTETS = "what a field cannot hold is dropped there; here it is `_`, so that one sees it"
EMPTY = "an empty text counts as none there; here None does"
NONE = "None is an empty value there; here it is no parameter"
NUMBER = "an SD-ID without a number, or with one that is too long, is a record lost there"
LEAK = "the number of one SD-ID becomes that of those after it there"
OF_A_RECORD = "only a handler has an enterprise_id here"
ZULU = "UTC is +00:00 there, and Z here"
NO_TEXT = "None is no message there; here it is the text None, as in `logging`"
DIFFERENCES: dict[str, tuple[bytes, bytes, str]] = {
    "utc_timestamp": (
        b"<14>1 2000-01-01T11:11:11.111111+00:00 here shop.till 111 - -",
        b"<14>1 2000-01-01T11:11:11.111111Z here shop.till 111 - -",
        ZULU,
    ),
}
ELEMENTS = {
    "sd: None for a value": (b'[order@32473 till=""]', b"[order@32473]", NONE),
    "sd: a wrong name": (b'[order@32473 ab="1"]', b'[order@32473 a_____b="1"]', OCTETS),
    "sd: a wrong SD-ID": (b'[ab@32473 till="3"]', b'[a______b@32473 till="3"]', OCTETS),
    "sd: two @": (b'[ab@32473 till="3"]', b'[a_b@32473 till="3"]', OCTETS),
    "sd: no number": (None, b'[order till="3"]', NUMBER),
    "sd: a number of 31 digits": (None, b'[order_%b till="3"]' % (b"1" * 26), NUMBER),
    "enterprise_id: after another number": (
        b'[bank@1][order@1 till="3"]',
        b'[bank@1][order@32473 till="3"]',
        LEAK,
    ),
    "enterprise_id: of a record": (b'[order@32473 till="3"]', b'[order till="3"]', OF_A_RECORD),
}
for name, (theirs, ours, reason) in ELEMENTS.items():
    start = b"here shop.till 111 - "
    DIFFERENCES[name] = (b"" if theirs is None else start + theirs, start + ours, reason)

METHODS = "debug", "info", "notice", "warning", "error", "critical", "alert", "emerg", "emergency"
FIELDS = {"hostname": "here", "appname": "shop.till", "procid": "111", "msgid": "-"}
VALUES = {
    "empty": "",
    "None": None,
    "-": "-",
    "int": 1234,
    "long": "n" * 300,
    "octets": "a\u0394 \nb",
    "object": Words(),
}


def show_field(field: str, text: str) -> bytes:
    """Return the header fields of a record of which one has this text."""
    return (" ".join({**FIELDS, field: text}.values()) + " -").encode()


for field in FIELDS:
    for name, value in VALUES.items():
        CASES[f"{field}: {name}"] = ({}, {field: value})
        if field != "msgid":
            CASES[f"{field} of the handler: {name}"] = ({field: value}, {})
    for where in (field, f"{field} of the handler"):
        for name, theirs, ours in (("octets", "ab", "a____b"), ("object", "twowords", "two_words")):
            if f"{where}: {name}" in CASES:
                fields = show_field(field, theirs), show_field(field, ours)
                DIFFERENCES[f"{where}: {name}"] = (*fields, OCTETS)
    if field != "msgid":
        fields = show_field(field, FIELDS[field]), show_field(field, "-")
        DIFFERENCES[f"{field}: empty"] = (*fields, EMPTY)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, set_zone: Callable[[str], None]) -> None:
    """Have a host, a zone and levels of which both know."""
    monkeypatch.setattr(socket, "gethostname", lambda: "here")
    monkeypatch.setattr("rfc5424logging.handler.get_localzone", lambda: OFFSET)
    monkeypatch.setattr(logging, "raiseExceptions", False)
    for name in ("_levelToName", "_nameToLevel"):
        monkeypatch.setattr(logging, name, getattr(logging, name).copy())
    for module in (peer, adapted):
        monkeypatch.setattr(module.Rfc5424SysLogAdapter, "_extra_levels_enabled", False)
    set_zone(ZONE)


@pytest.fixture
def collector() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(10)
        yield opened


def call(handler: logging.Handler, write: Callable[[logging.Logger], None]) -> None:
    """Have a logger with a handler written to, at one time and in one process."""

    def fix(record: logging.LogRecord) -> bool:
        record.created, record.process = CREATED, 111
        return True

    log = logging.Logger("shop.till")
    handler.addFilter(fix)
    log.addHandler(handler)
    write(log)
    log.removeHandler(handler)
    handler.close()


def send(
    collector: socket.socket, write: Callable[[logging.Logger], None], **options: Any
) -> list[bytes]:
    """Return what both handlers send by UDP; nothing is no bytes."""
    both = []
    for module in (peer, adapted):
        call(module.Rfc5424SysLogHandler(collector.getsockname(), **options), write)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"end", collector.getsockname())
        sent = []
        while (data := collector.recv(65536)) != b"end":
            sent.append(data)
        both.append(b"|".join(sent))
    return both


def test_records(collector: socket.socket) -> None:
    """Each option and each field of a record, alone and together: the same, or listed."""
    found = {}
    for name, (options, extra) in CASES.items():
        theirs, ours = send(
            collector, lambda log, x=extra: log.info("card refused", extra=x), **options
        )
        if theirs != ours:
            parts = (each.removeprefix(START).removesuffix(END) for each in (theirs, ours))
            found[name] = (*parts, DIFFERENCES.get(name, ("", "", "not listed"))[2])
    assert found == DIFFERENCES
    assert len(CASES) - len(found) == 52


def test_messages(collector: socket.socket) -> None:
    """A text is the same, whatever is in it and however long it is, but for None."""
    header = START + b"here shop.till 111 - -"
    for name, message in MESSAGES.items():
        theirs, ours = send(collector, lambda log, m=message: log.info(m))
        if name == "None":
            assert [theirs, ours] == [header, header + b" \xef\xbb\xbfNone"], NO_TEXT
        else:
            assert theirs == ours, name
            assert theirs.startswith(header)


def test_exceptions_and_formatters(collector: socket.socket) -> None:
    """A traceback follows the text, whatever the package's own docstring says; so does a format."""

    def write(log: logging.Logger) -> None:
        try:
            raise TimeoutError("the bank is closed")
        except TimeoutError:
            log.exception("%d refused", 3)
        log.handlers[0].setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        log.warning("%d refused", 3)

    theirs, ours = send(collector, write)
    assert theirs == ours
    assert b"Traceback" in theirs
    assert theirs.endswith(b"WARNING 3 refused")


def test_levels(collector: socket.socket) -> None:
    """Levels with names are the same; one without is a warning there, here of its number."""

    def write(log: logging.Logger) -> None:
        log.setLevel(1)
        for level in (10, 20, 30, 40, 50, 25, 15, 45):
            log.log(level, "")

    theirs, ours = (
        [int(record[1:3]) & 7 for record in sent.split(b"|")] for sent in send(collector, write)
    )
    assert theirs == [7, 6, 4, 3, 2, 4, 4, 4]
    assert ours == [7, 6, 4, 3, 2, 5, 7, 3]


@pytest.mark.parametrize("is_enabled", [False, True])
def test_adapter(collector: socket.socket, is_enabled: bool) -> None:
    """The adapter's fields are those of `extra`, and its levels are those of syslog."""
    both = []
    for module in (peer, adapted):

        def write(log: logging.Logger, module: Any = module) -> None:
            extra = {"structured_data": ORDER, "msgid": "SALE", "appname": "bank"}
            adapter = module.Rfc5424SysLogAdapter(log, extra, enable_extra_levels=is_enabled)
            adapter.info("card refused")
            adapter.info("card refused", msgid="CARD", procid="8", hostname="web2", appname="-")
            adapter.info("card refused", sd={"bank@32473": {"id": 5}}, extra={"msgid": "CARD"})
            for name in METHODS:
                getattr(adapter, name)("card refused")
                getattr(adapter, name)()
            adapter.log(adapted.NOTICE, "card refused")

        sent = send(collector, write)
        both.append(sent[len(both)])
    assert both[0] == both[1]
    severities = {int(record[1:].split(b">")[0]) & 7 for record in both[0].split(b"|")}
    assert severities == (set(range(8)) if is_enabled else {2, 3, 4, 6, 7})


@pytest.mark.parametrize("framing", ["FRAMING_NON_TRANSPARENT", "FRAMING_OCTET_COUNTING"])
def test_stream_socket(framing: str) -> None:
    """Over TCP the frames are the same, but for a newline in the text of those that it ends."""
    both = []
    for module in (peer, adapted):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(10)
            handler = module.Rfc5424SysLogHandler(
                server.getsockname(),
                socktype=socket.SOCK_STREAM,
                framing=getattr(module, framing),
            )

            def write(log: logging.Logger) -> None:
                log.info("card refused", extra={"msgid": "CARD", "structured_data": ORDER})
                log.info("card\nrefused")

            call(handler, write)
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as file:
                connection.settimeout(10)
                both.append(file.read())
    theirs, ours = both
    if framing == "FRAMING_NON_TRANSPARENT":
        assert ours.count(b"\n") == 2
        theirs = theirs.replace(rb"card\nrefused", b"card#012refused")
    assert theirs == ours


def send_by_tls(module: Any, certificates: Certificates, **options: Any) -> bytes:
    """Return 1 if a collector got a certificate, else 0, and what a handler sends to it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.ca)
    context.load_cert_chain(*certificates.server)
    context.verify_mode = ssl.CERT_OPTIONAL

    def receive() -> bytes:
        connection, _ = server.accept()
        connection.settimeout(10)
        with context.wrap_socket(connection, server_side=True) as wrapped:
            received = b"%d " % bool(wrapped.getpeercert())
            try:
                while data := wrapped.recv(65536):
                    received += data
            except (BrokenPipeError, ConnectionResetError):
                pass  # theirs hangs up without a word, as OpenSSL 3.5 says: all has come by then
            return received

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        server.settimeout(10)
        receiving = threads.submit(receive)
        handler = module.Rfc5424SysLogHandler(
            server.getsockname(), socktype=socket.SOCK_STREAM, tls_enable=True, **options
        )
        call(handler, lambda log: log.info("card refused"))
        return receiving.result(10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "framing", [adapted.FRAMING_NON_TRANSPARENT, adapted.FRAMING_OCTET_COUNTING]
)
def test_tls(certificates: Certificates, tmp_path: pathlib.Path, framing: int) -> None:
    """The options of TLS do the same, with a key that takes a password, too."""
    key = tmp_path / "key"
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:till", "-out", str(key)]
    subprocess.run([*command, "-in", str(certificates.client.key)], check=True)
    ca = {"tls_ca_bundle": str(certificates.ca), "framing": framing}
    certificate = {"tls_client_cert": str(certificates.client.certificate)}
    plain = {"tls_client_key": str(certificates.client.key)}
    locked = {"tls_client_key": str(key), "tls_key_password": "till"}
    for options in (ca, {**ca, **certificate, **plain}, {**ca, **certificate, **locked}):
        theirs, ours = (send_by_tls(module, certificates, **options) for module in (peer, adapted))
        assert theirs == ours
        assert theirs.startswith(b"1 " if "tls_client_cert" in options else b"0 ")


@pytest.mark.slow
def test_tls_unverified(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to verify is an error there, before anything is sent."""
    received = send_by_tls(adapted, certificates, tls_verify=False)
    assert received.endswith(b"card refused\n")
    monkeypatch.setattr("rfc5424logging.transport.TCPSocketTransport.open", lambda self: None)
    with pytest.raises(ValueError, match="check_hostname"):
        peer.Rfc5424SysLogHandler(
            ("127.0.0.1", 1), socktype=socket.SOCK_STREAM, tls_enable=True, tls_verify=False
        )


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_unix_socket(tmp_path: Any, kind: int) -> None:
    """To a socket of this machine they send the same; in a stream, theirs have no end."""
    both = []
    for module in (peer, adapted):
        path = str(tmp_path / module.__name__)
        with socket.socket(socket.AF_UNIX, kind) as server:
            server.bind(path)
            server.settimeout(10)
            if kind == socket.SOCK_STREAM:
                server.listen()
            handler = module.Rfc5424SysLogHandler(path, socktype=kind)
            call(handler, lambda log: log.info("card refused"))
            if kind == socket.SOCK_DGRAM:
                both.append(server.recv(65536))
            else:
                with server.accept()[0] as connection:
                    both.append(connection.recv(65536))
    theirs, ours = both
    assert ours == theirs + (b"\n" if kind == socket.SOCK_STREAM else b"")


@pytest.mark.parametrize("is_text", [True, False])
def test_stream(is_text: bool) -> None:
    """A file or a stream gets the same lines, but for newlines in a text, which end theirs."""
    both = []
    for make in (
        lambda stream: peer.Rfc5424SysLogHandler(stream=stream),
        adapted.make_stream_handler,
    ):
        octets = io.BytesIO()
        stream = io.TextIOWrapper(octets, "utf-8", newline="\n") if is_text else octets
        handler = make(stream)
        call(handler, lambda log: log.info("\u0394 refused", extra={"msgid": "CARD"}))
        stream.flush()
        both.append(octets.getvalue())
    assert both[0] == both[1]
    assert both[0].count(b"\n") == 1
