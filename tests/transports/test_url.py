"""URLs of transports: what they mean, and what is said of wrong ones."""

import pathlib

import pytest
from support.each import try_each

from syslogfast import connect
from syslogfast.transports import parse_url
from syslogfast.transports.url import agree_on_protocol


@try_each(
    "text, host, port, framing",
    [
        ("udp://collector", "collector", 514, None),
        ("udp://192.0.2.1:5140", "192.0.2.1", 5140, None),
        ("udp://[::1]:5140", "::1", 5140, None),
        ("udp://[2001:db8::1]", "2001:db8::1", 514, None),
        ("tcp://collector", "collector", 601, "lf"),
        ("tcp://collector:65535?framing=octet", "collector", 65535, "octet"),
        ("tcp://[::1]?framing=nul", "::1", 601, "nul"),
        ("tls://collector", "collector", 6514, "octet"),
        ("tls://192.0.2.1:6515?framing=lf", "192.0.2.1", 6515, "lf"),
        ("unix:///dev/log", "/dev/log", None, None),
        ("unix:///run/a:b?framing=lf", "/run/a:b", None, "lf"),
        ("vsock://2", "2", 514, "lf"),
        ("vsock://4294967295:4294967295", "4294967295", 4294967295, "lf"),
        ("relp://collector", "collector", 2514, None),
        ("relps://collector?insecure=yes", "collector", 2514, None),
        ("fd://1", "1", None, "lf"),
        ("fd://7?framing=octet", "7", None, "octet"),
        ("TCP://collector?framing=OCTET", "collector", 601, "octet"),
    ],
)
def test_parts_of_a_url(text: str, host: str, port: int | None, framing: str | None) -> None:
    url = parse_url(text)
    assert (url.scheme, url.host, url.port, url.framing) == (
        text.partition(":")[0].lower(),
        host,
        port,
        framing,
    )
    assert str(url) == text


@try_each(
    "text, rule",
    [
        (
            "",
            "begin with one of udp://, tcp://, tls://, unix://, vsock://, relp://, relps://, fd://",
        ),
        ("collector:514", "begin with one of"),
        ("http://collector", "begin with one of"),
        ("sctp://collector", "begin with one of"),
        ("udp://", "have a host"),
        ("udp://:514", "have a host"),
        ("tcp://collector/path", "have a host, and nothing after it"),
        ("tcp://collector:1/path", "have a host, and nothing after it"),
        ("tcp://collector:", "have a port in 1..65535"),
        ("tcp://collector:0", "have a port in 1..65535"),
        ("tcp://collector:65536", "have a port in 1..65535"),
        ("tcp://collector:x", "have a port in 1..65535"),
        ("tcp://collector:-1", "have a port in 1..65535"),
        ("tcp://collector:²", "have a port in 1..65535"),
        ("tcp://[::1]:", "have a port in 1..65535"),
        ("tcp://::1:514", "within [ and ]"),
        ("tcp://[::1", "within [ and ]"),
        ("tcp://[::1]514", "within [ and ]"),
        ("tcp://collector?framing=crlf", "have a framing that tcp can use (lf, octet, nul)"),
        ("udp://collector?framing=lf", "have a framing that udp can use (none)"),
        ("tcp://collector?framing", "have options of the form name=value"),
        ("tcp://collector?framing=lf&framing=lf", "each once"),
        ("tcp://collector?colour=red", "have no option 'colour', which tcp does not know"),
        ("tls://collector?framing=nul", "have a framing that tls can use (octet, lf)"),
        ("relps://collector?ca=/no/such/file", "have a ca that is a file and can be read"),
        ("relp://collector?framing=lf", "have a framing that relp can use (none)"),
        ("tcp://collector?ca=/etc/passwd", "have no option 'ca', which tcp does not know"),
        ("tls://collector?ca=/no/such/file", "have a ca that is a file and can be read"),
        ("tls://collector?ca=a\0b", "have a ca that is a file and can be read"),
        ("tls://collector?cert=\ud800", "have a cert that is a file and can be read"),
        ("unix:///run/log\0", "have a path without NUL"),
        ("tls://collector?key=/etc/passwd", "have a cert for its key"),
        ("udp://collector?bind=web1", "have a bind that is an address of this host"),
        ("tcp://collector?bind=", "have a bind that is an address of this host"),
        ("tls://collector?bind=[::1]", "have a bind that is an address of this host"),
        ("relp://collector?bind=127.0.0.1:514", "have a bind that is an address of this host"),
        ("udp://192.0.2.1?bind=::1", "have a bind of the kind that its host is"),
        ("tcp://[2001:db8::1]?bind=127.0.0.1", "have a bind of the kind that its host is"),
        ("unix:///dev/log?bind=127.0.0.1", "have no option 'bind', which unix does not know"),
        ("tcp://collector?keepalive=", "have a keepalive in seconds, 1..32767, or 0 for none"),
        ("tls://collector?keepalive=0.5", "have a keepalive in seconds"),
        ("relp://collector?keepalive=32768", "have a keepalive in seconds"),
        ("udp://collector?keepalive=1", "have no option 'keepalive', which udp does not know"),
        ("udp://collector?retry=0", "have a retry in seconds, 0.1..86400"),
        ("tcp://collector?retry=-1", "have a retry in seconds, 0.1..86400"),
        ("unix:///dev/log?retry=often", "have a retry in seconds, 0.1..86400"),
        ("vsock://2?retry=86400.5", "have a retry in seconds, 0.1..86400"),
        ("fd://1?retry=1", "have no option 'retry', which fd does not know"),
        ("tls://collector?insecure=no", "have insecure=yes, or nothing of it"),
        ("udp://collector?order=none", "have order=any, or no order"),
        ("unix://dev/log", "have a path from / on"),
        ("unix://", "have a path from / on"),
        ("vsock://host:514", "have the number of a context"),
        ("vsock://2:4294967296", "have a port in 1..4294967295"),
        ("vsock://2:0", "have a port in 1..4294967295"),
        ("fd://99999999999", "have the number of a file descriptor"),
        ("fd://stdout", "have the number of a file descriptor"),
        ("fd://", "have the number of a file descriptor"),
    ],
)
def test_a_wrong_url_is_refused_by_name(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=r"^url must ") as caught:
        parse_url(text)
    message = str(caught.value)
    assert rule in message
    assert f", got {text!r}" in message
    assert message.partition(f", got {text!r}")[2].partition("'")[0] in ("", ". Did you mean ")


@pytest.mark.parametrize(("size", "is_proposed"), [(999, True), (1000, True), (1001, False)])
def test_several_urls_are_proposed_up_to_a_length(size: int, is_proposed: bool) -> None:
    text = "udp://a udp://".ljust(size, "b")
    with pytest.raises(ValueError, match=r"^url must be one URL") as caught:
        parse_url(text)
    assert ("Did you mean 'udp://a', 'udp://bbb" in str(caught.value)) is is_proposed


@pytest.mark.parametrize(
    "text",
    [
        "a words " * 20_000 + "://x://y",
        "udp://web1 " * 21,
        "udp://" + "web1," * 21,
        "udp:" + "x" * 2000,
        "udp://" + "x" * 2000 + "/path",
        "tcp://user@" + "x" * 2000,
    ],
)
def test_a_message_has_its_bound(text: str) -> None:
    """What is proposed for a text of any length takes neither megabytes nor their time."""
    with pytest.raises(ValueError, match=r"^url must ") as caught:
        parse_url(text)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "example"),
    [
        ("tcp://:514", "tcp://127.0.0.1:514"),
        ("tcp://[]:514", "tcp://127.0.0.1:514"),
        ("vsock://:4294967295", "vsock://127.0.0.1:4294967295"),
        ("tcp://:514\x1b[2J", "tcp://127.0.0.1"),
        ("tcp://:\ud800", "tcp://127.0.0.1"),
        ("tcp://:" + "5" * 9000, "tcp://127.0.0.1"),
    ],
)
def test_the_example_of_a_host_has_no_more_than_the_port(text: str, example: str) -> None:
    """What stands after the host may be anything: it is shown as a repr alone, and cut."""
    with pytest.raises(ValueError, match=r"^url must have a host") as caught:
        parse_url(text)
    message = str(caught.value)
    assert message.startswith(f"url must have a host, as in {example}, got '")
    assert message.isprintable()
    assert len(message) < 200


def test_options_of_a_transport(tmp_path: pathlib.Path) -> None:
    """What stands after "?", but for the framing, is the transport's to read."""
    ca = tmp_path / "ca.pem"
    ca.touch()
    url = parse_url(f"tls://collector?ca={ca}&name=other.example&framing=lf")
    assert url.options == {"ca": str(ca), "name": "other.example"}
    assert parse_url("udp://collector?order=any").options == {"order": "any"}
    assert parse_url(url) is url


@pytest.mark.parametrize(
    ("urls", "protocol"),
    [
        (["unix:///dev/log"], "local"),
        (["unix:///dev/log?framing=lf", "unix:///run/log?framing=lf"], "local"),
        (["udp://h", "relp://h"], "rfc5424"),
        (["tcp://h", "vsock://2", "fd://1"], "rfc5424"),
    ],
)
def test_transports_agree_on_a_protocol(urls: list[str], protocol: str) -> None:
    assert agree_on_protocol([parse_url(url) for url in urls]) == protocol


def test_transports_that_do_not_agree_need_to_be_told() -> None:
    urls = ["udp://127.0.0.1:9", "unix:///dev/log"]
    with pytest.raises(ValueError, match=r"^url must be for the protocol rfc5424, unless one is"):
        connect(*urls)
    connect(*urls, protocol="rfc3164").close()


@pytest.mark.parametrize(
    ("urls", "framing", "wanted"),
    [
        (["tcp://h?framing=octet", "tcp://i?framing=lf"], None, "octet"),
        (["tcp://h", "tls://i?framing=octet"], None, "lf"),
        (["tcp://h?framing=octet"], "nul", "nul"),
    ],
)
def test_urls_that_have_another_framing(urls: list[str], framing: str | None, wanted: str) -> None:
    """What is queued is framed already: all of them have to take it."""
    with pytest.raises(ValueError, match=f"^url must have the framing {wanted}, as is asked for "):
        connect(*urls, framing=framing)
