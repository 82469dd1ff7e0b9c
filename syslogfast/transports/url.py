"""What a URL says of a transport: udp://host:514, tcp://host:601?framing=octet, unix:///dev/log."""

import sys

from syslogfast._platform import has_transport, read_variable, system
from syslogfast._validation import reject_url, reject_url_kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STREAM_FRAMINGS = ("lf", "octet", "nul")


class Scheme:
    """What there is to know of a kind of transport before it is opened.

    port: where collectors listen if the URL does not say. framings: those it can have, the default
    first. options: what may stand after "?" beside "framing".
    """

    def __init__(
        self,
        port: "int | None",
        framings: "tuple[str | None, ...]",
        options: "tuple[str, ...]" = (),
        protocol: "str" = "rfc5424",
    ) -> "None":
        self.port = port
        self.framings = framings
        self.options = options
        self.protocol = protocol


# Every collector takes "lf" on TCP, and as the encoder escapes it no text can forge it.
SCHEMES = {
    "udp": Scheme(514, (None,), ("order",)),  # RFC 5426 3.1, 3.3: one record, one datagram
    "tcp": Scheme(601, STREAM_FRAMINGS),  # RFC 6587
    "tls": Scheme(6514, ("octet", "lf"), ("ca", "cert", "key", "name", "insecure")),  # RFC 5425
    # A stock rsyslog or journald takes RFC 5424 for a text of the sender's.
    "unix": Scheme(None, (None, *STREAM_FRAMINGS), protocol="local"),
    "vsock": Scheme(514, STREAM_FRAMINGS),
    "relp": Scheme(2514, (None,)),  # it has a framing of its own
    "fd": Scheme(None, STREAM_FRAMINGS),
}
FILES = ("ca", "cert", "key")
MAX_VSOCK = (1 << 32) - 1


class Url:
    """A URL's parts; str() gives it back.

    host: of unix the path, of vsock the context ID, of fd the number. options: what is after "?"
    but for `framing`. context: an ssl.SSLContext to use instead of one made from the options.
    uses_slow_start: whether the first datagrams are to go out slowly.
    """

    __slots__ = (
        *("context", "framing", "has_framing", "host"),
        *("uses_slow_start", "options", "port", "scheme", "text"),
    )

    def __init__(self, text: "str", scheme: "str", options: "dict[str, str]") -> "None":
        known = SCHEMES[scheme]
        self.text = text
        self.scheme = scheme
        self.host = ""
        self.port = known.port
        self.has_framing = "framing" in options  # or else it is the default
        self.framing: str | None = options.pop("framing", "") or known.framings[0]
        self.options = options
        self.context: Any = None
        self.uses_slow_start = False

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


def check_options(scheme: "str", options: "dict[str, str]", url: "str") -> "None":
    known = SCHEMES[scheme]
    framing = options.get("framing", "") or known.framings[0]
    if framing not in known.framings:
        names = ", ".join([str(name) for name in known.framings if name]) or "none"
        reject_url(f"have a framing that {scheme} can use ({names})", url)
    for name in sorted(options):
        if name != "framing" and name not in known.options:
            reject_url(f"have no option {name!r}, which {scheme} does not know", url)
    if options.get("order", "any") != "any":
        reject_url("have order=any, or no order", url)
    if options.get("insecure", "yes") != "yes":
        reject_url("have insecure=yes, or nothing of it", url)
    if "key" in options and "cert" not in options:
        reject_url("have a cert for its key", url)
    for name in FILES:
        if name in options and not system.access(options[name], system.R_OK):
            reject_url(f"have a {name} that is a file and can be read", url)


def is_number(text: "str", most: "int") -> "bool":
    return text.isdigit() and text.isascii() and len(text) < 11 and read_number(text) <= most


def read_number(text: "str") -> "int":
    """Return int(text) of up to 15 digits: that takes 20 us more for the first of a process."""
    return int(float(text))


def parse_port(text: "str", most: "int", url: "str") -> "int":
    if not is_number(text, most) or not read_number(text):
        reject_url(f"have a port in 1..{most}", url)
    return read_number(text)


def split_place(place: "str", url: "str") -> "tuple[str, str | None]":
    """Return host and port of "host:port", "host" or "[::1]:port"."""
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or (colon and colon != ":"):
            reject_url("have an IPv6 address within [ and ]", url)
    else:
        host, colon, port = place.partition(":")
        if ":" in port:
            reject_url("have an IPv6 address within [ and ]", url)
    if not host or "/" in place or "@" in place:
        reject_url("have a host, and nothing after it but a port and options", url)
    return host, port if colon else None


def parse_url(url: "str | Url") -> "Url":
    """Return the parts of a URL; ValueError says what is wrong with it.

    >>> parse_url("tcp://[::1]:6514?framing=octet").host
    '::1'
    """
    if isinstance(url, Url):
        return url
    if not isinstance(url, str):
        reject_url_kind(url)
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        known = ", ".join([name + "://" for name in SCHEMES])
        reject_url(f"begin with one of {known}", url)
    if not has_transport(scheme):
        reject_url(f"be of a transport that this system has, which lacks {scheme}", url)
    place, _, query = rest.partition("?")
    options = parse_options(query, url)
    check_options(scheme, options, url)
    parts = Url(url, scheme, options)
    if scheme == "unix":
        if not place.startswith("/"):
            reject_url("have a path from / on", url)
        try:
            place.encode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
        except UnicodeError:
            reject_url("have a path that can be encoded", url)
        parts.host = place
    elif scheme == "fd":
        if not is_number(place, (1 << 31) - 1):
            reject_url("have the number of a file descriptor", url)
        parts.host = place
    else:
        parts.host, port = split_place(place, url)
        most = MAX_VSOCK if scheme == "vsock" else 65535
        if scheme == "vsock" and not is_number(parts.host, MAX_VSOCK):
            reject_url("have the number of a context, such as 2, the hypervisor's host", url)
        if port is not None:
            parts.port = parse_port(port, most, url)
    return parts


def agree_on_framing(urls: "list[Url]", framing: "str | None") -> "str | None":
    """Give all URLs the framing that was asked for, or else that of the first; return it.

    What is queued has been framed already, for whichever transport it will go. ValueError: one of
    the URLs says otherwise, or cannot have it.
    """
    if framing is None:
        framing = urls[0].framing
    for url in urls:
        is_at_odds = url.has_framing and url.framing != framing
        if framing not in SCHEMES[url.scheme].framings or is_at_odds:
            wanted = "no framing" if framing is None else f"the framing {framing}"
            reject_url(f"have {wanted}, as is asked for elsewhere", url.text)
        url.framing = framing
    return framing


def agree_on_protocol(urls: "list[Url]") -> "str":
    """Return the protocol for which these transports are; ValueError: it is not one."""
    protocol = SCHEMES[urls[0].scheme].protocol
    for url in urls:
        if SCHEMES[url.scheme].protocol != protocol:
            reject_url(f"be for the protocol {protocol}, unless one is given", url.text)
    return protocol


def read_urls() -> "list[str]":
    """Return the URLs in the environment variable SYSLOGFAST_URL, which stand between spaces."""
    return read_variable("SYSLOGFAST_URL").split()
