"""Texts as URLs: only TypeError and ValueError, worded as the others are, and without secrets."""

from typing import Any

from given import Given

from syslogfast._options import Settings
from syslogfast.constants import FRAMINGS
from syslogfast.transports import url as urls

SECRET = "s3cr3T"
LONGEST_MESSAGE = 5000
TOKENS = [
    *["udp://", "tcp://", "tls://", "unix://", "vsock://", "relp://", "relps://", "fd://"],
    *[
        "UDP://",
        "http://",
        "syslogs://",
        "://",
        "//",
        "[",
        "[::1]",
        "127.0.0.1",
        "web1.example.com",
    ],
    *["/dev/log", "?", "&", "framing=", "octet", "lf", "nul", "bind=", "keepalive=", "retry="],
    *["resolve=", "order=any", "insecure=yes", "ca=", "cert=", "key=", "name=", "/dev/null"],
    *[":514", ":0", ":65536", "@", "%", "#", ",", " ", "\n", "0", "9" * 12, "1.5"],
    *["\u0661", "\ud800"],
    *[f"://user:{SECRET}@", f"?password={SECRET}", f"?a=b&token={SECRET}", "?key=?" + SECRET],
    *["", "\u00e9", "fe80::1%eth0"],
]


def choose_url(given: Given) -> str:
    """Return a text of tokens and of others."""
    pieces = []
    for _ in range(given.octet() % 20):
        token = given.pick(TOKENS)
        pieces.append(token or given.text())
    return "".join(pieces)


def try_input(data: bytes) -> None:
    given = Given(data)
    count = 1 + given.octet() % 3
    texts = [choose_url(given) for _ in range(count)]
    parsed: list[Any] = []
    for text in texts:
        try:
            parsed.append(urls.parse_url(text))
        except ValueError as error:
            judge_error("url", error)
            judge_field(text)
            continue
        check_parts(parsed[-1], text)
    if not parsed:
        return
    framing: Any = given.pick([None, *FRAMINGS, "crlf", 5])
    try:
        agreed = urls.agree_on_framing(parsed, framing)
        assert {url.framing for url in parsed} == {agreed}
        protocol = urls.agree_on_protocol(parsed)
        size = urls.choose_max_size(parsed, protocol)
    except (TypeError, ValueError) as error:
        judge_error("framing" if str(error).startswith("framing ") else "url", error)
    else:
        assert size is None or size >= 2048
        Settings({"hostname": "h", "app_name": "a", "protocol": protocol, "framing": agreed,
                  "max_size": size})  # fmt: skip


def judge_field(text: str) -> None:
    """The same error, told of another field."""
    try:
        urls.parse_url_as("address", text)
    except ValueError as error:
        judge_error("address", error)
    else:
        raise AssertionError("what was refused as a url is taken as an address")


def judge_error(field: str, error: Exception) -> None:
    text = str(error)
    assert text.startswith(f"{field} must "), f"{text!r} is no rule of {field}"
    assert SECRET not in text, f"{text!r} shows a secret"
    text.encode()  # which a lone surrogate would prevent
    assert len(text) < LONGEST_MESSAGE, f"{len(text)} characters: {text[:300]!r}"


def check_parts(url: Any, text: str) -> None:
    scheme = urls.SCHEMES[url.scheme]
    assert str(url) == text
    assert urls.parse_url(url) is url
    assert url.host
    assert url.framing in scheme.framings
    assert url.port is None or 1 <= url.port <= urls.MAX_VSOCK
    assert set(url.options) <= set(scheme.options)
    assert text.lower().startswith(f"{url.scheme}://")
    assert isinstance(url.opens_at_once(), bool)
