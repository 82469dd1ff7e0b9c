"""URLs of roads: what they mean, and what is said of wrong ones."""

import pytest

from syslogfast.transports import parse_url


@pytest.mark.parametrize(
    ("text", "host", "port", "framing"),
    [
        ("udp://collector", "collector", 514, None),
        ("udp://192.0.2.1:5140", "192.0.2.1", 5140, None),
        ("udp://[::1]:5140", "::1", 5140, None),
        ("udp://[2001:db8::1]", "2001:db8::1", 514, None),
        ("tcp://collector", "collector", 601, "lf"),
        ("tcp://collector:65535?framing=octet", "collector", 65535, "octet"),
        ("tcp://[::1]?framing=nul", "::1", 601, "nul"),
        ("fd://1", "1", None, "lf"),
        ("fd://7?framing=octet", "7", None, "octet"),
    ],
)
def test_parts_of_a_url(text: str, host: str, port: int | None, framing: str | None) -> None:
    url = parse_url(text)
    assert (url.scheme, url.host, url.port, url.framing) == (
        text.partition(":")[0],
        host,
        port,
        framing,
    )
    assert str(url) == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "begin with one of udp://, tcp://, tls://, unix://, vsock://, relp://, fd://"),
        ("collector:514", "begin with one of"),
        ("http://collector", "begin with one of"),
        ("UDP://collector", "begin with one of"),
        ("udp://", "have a host"),
        ("udp://:514", "have a host"),
        ("tcp://collector/path", "have a host, and nothing after it"),
        ("tcp://collector:1/path", "have a host, and nothing after it"),
        ("tcp://user@collector", "have a host, and nothing after it"),
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
        ("fd://stdout", "have the number of a file descriptor"),
        ("fd://", "have the number of a file descriptor"),
    ],
)
def test_a_wrong_url_is_refused_by_name(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=r"^url must ") as caught:
        parse_url(text)
    message = str(caught.value)
    assert rule in message
    assert message.endswith(f", got {text!r}")
