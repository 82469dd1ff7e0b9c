"""What a URL says of a road: udp://host:514, tcp://host:601?framing=octet, fd://1."""

import os

from syslogfast._checks import reject_url, reject_url_kind

# For each scheme: its port if none is given (the IANA's for syslog, RFC 5426 3.3 and RFC 6587),
# and its framings, the default first. Every collector takes "lf" on TCP, and as the encoder
# escapes it no text can forge it.
PORTS = {"udp": 514, "tcp": 601, "fd": None}
STREAM_FRAMINGS = ("lf", "octet", "nul")
FRAMINGS: "dict[str, tuple[str | None, ...]]" = {
    "udp": (None,),  # RFC 5426 3.1: one record, one datagram
    "tcp": STREAM_FRAMINGS,
    "fd": STREAM_FRAMINGS,
}


class Url:
    """A URL's scheme, host (of fd: the number), port and framing; str() gives the URL back."""

    __slots__ = ("framing", "has_framing", "host", "port", "scheme", "text")

    def __init__(
        self, text: "str", scheme: "str", host: "str", port: "int | None", framing: "str | None"
    ) -> "None":
        self.has_framing = "framing=" in text  # or else it is the default
        self.text = text
        self.scheme = scheme
        self.host = host
        self.port = port
        self.framing = framing

    def __str__(self) -> "str":
        return self.text


def parse_options(query: "str", url: "str") -> "dict[str, str]":
    options: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if not equals or name in options:
            reject_url("have options of the form name=value, each once", url)
        options[name] = value
    return options


def is_number(text: "str", digits: "int") -> "bool":
    return text.isdigit() and text.isascii() and len(text) <= digits


def parse_port(text: "str", url: "str") -> "int":
    if not (is_number(text, 5) and 0 < int(text) < 65536):
        reject_url("have a port in 1..65535", url)
    return int(text)


def parse_url(url: "str") -> "Url":
    """Return the parts of a URL; ValueError says what is wrong with it.

    >>> parse_url("tcp://[::1]:6514?framing=octet").host
    '::1'
    """
    if not isinstance(url, str):
        reject_url_kind(url)
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in PORTS:
        known = ", ".join([name + "://" for name in PORTS])
        reject_url(f"begin with one of {known}", url)
    place, _, query = rest.partition("?")
    options = parse_options(query, url)
    framing: str | None = options.pop("framing", "") or FRAMINGS[scheme][0]
    if framing not in FRAMINGS[scheme]:
        known = ", ".join([str(name) for name in FRAMINGS[scheme] if name]) or "none"
        reject_url(f"have a framing that {scheme} can use ({known})", url)
    if options:
        reject_url(f"have no option {min(options)!r}, which {scheme} does not know", url)
    if scheme == "fd":
        if not is_number(place, 9):
            reject_url("have the number of a file descriptor", url)
        return Url(url, scheme, place, None, framing)
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            reject_url("have an IPv6 address within [ and ]", url)
        port = port[1:]
        has_port = place.endswith(":") or bool(port)
    else:
        host, colon, port = place.partition(":")
        has_port = bool(colon)
        if ":" in port:
            reject_url("have an IPv6 address within [ and ]", url)
    if not host or "/" in place or "@" in place:
        reject_url("have a host, and nothing after it but a port and options", url)
    return Url(url, scheme, host, parse_port(port, url) if has_port else PORTS[scheme], framing)


def agree_on_framing(urls: "list[Url]", framing: "str | None") -> "str | None":
    """Give all URLs the framing that was asked for, or else that of the first; return it.

    What is queued has been framed already, for whichever road it will go. ValueError: one of the
    URLs says otherwise, or cannot have it.
    """
    if framing is None:
        framing = urls[0].framing
    for url in urls:
        if (framing is None) != (FRAMINGS[url.scheme][0] is None):
            kind = "for datagrams" if framing is None else "a stream"
            reject_url(f"be {kind}, as is asked for elsewhere", url.text)
        if framing not in FRAMINGS[url.scheme] or (url.has_framing and url.framing != framing):
            reject_url(f"have the framing {framing} that is asked for elsewhere", url.text)
        url.framing = framing
    return framing


def read_urls() -> "list[str]":
    """Return the URLs in the environment variable SYSLOGFAST_URL, which stand between spaces."""
    return getattr(os, "environ", {}).get("SYSLOGFAST_URL", "").split()  # type: ignore[no-any-return]
