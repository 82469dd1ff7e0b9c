"""What a URL says of a transport: udp://host:514, tcp://host:601?framing=octet, unix:///dev/log."""

import sys

from syslogfast._options import is_address
from syslogfast._platform import has_socket_family, read_variable, system
from syslogfast._validation import check_choice, check_kind, is_number, read_number
from syslogfast.constants import FIRST_DELAY, FRAMINGS, MAX_SIZE_UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

STREAM_FRAMINGS = ("lf", "octet", "nul")
FILES = ("ca", "cert", "key")
CONTEXT_OPTIONS = (*FILES, "insecure")  # what an ssl.SSLContext says by itself
TLS_OPTIONS = (*CONTEXT_OPTIONS, "name")
CONNECTION_OPTIONS = ("bind", "keepalive", "retry")
MAX_PORT = 65535
MOST_SECONDS = 10**10
MAX_KEEPALIVE = 32767  # seconds: Linux's TCP_KEEPIDLE has no more
MAX_RETRY = 86400  # seconds: a day
MAX_FD = (1 << 31) - 1
MAX_VSOCK = (1 << 32) - 1


def reject_url(rule: "str", url: "str") -> "NoReturn":
    import syslogfast.transports.url_errors as url_errors

    url_errors.reject_url(rule, url)


def reject_address(url: "str", address: "str") -> "NoReturn":
    import syslogfast.transports.url_errors as url_errors

    url_errors.reject_address(url, address)


def always(host: "str") -> "bool":
    return True


def never(host: "str") -> "bool":
    return False


def read_path(parts: "Url", address: "str") -> "None":
    """Take a path, such as /dev/log."""
    if not address.startswith("/"):
        reject_url("have a path from / on", parts.text)
    if "\0" in address:  # where the kernel takes it to end
        reject_url("have a path without NUL", parts.text)
    try:
        address.encode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
    except UnicodeError:
        reject_url("have a path that can be encoded", parts.text)
    parts.host = address


def read_descriptor(parts: "Url", address: "str") -> "None":
    """Take the number of a file descriptor."""
    if not is_number(address, MAX_FD):
        reject_url("have the number of a file descriptor", parts.text)
    parts.host = address


def read_host(parts: "Url", address: "str") -> "None":
    """Take "host:port" or "host"."""
    parts.host, port = split_host_and_port(address, parts.text)
    if port is not None:
        parts.port = parse_port(port, MAX_PORT, parts.text)


def read_context(parts: "Url", address: "str") -> "None":
    """Take "CID:port" or "CID": vsock(7)."""
    parts.host, port = split_host_and_port(address, parts.text)
    if not is_number(parts.host, MAX_VSOCK):
        reject_url("have the number of a context, such as 2, the hypervisor's host", parts.text)
    if port is not None:
        parts.port = parse_port(port, MAX_VSOCK, parts.text)


class Scheme:
    """All that is to be known of a kind of transport before it is loaded.

    loader: module and class of the transport, "package.module:Class"; called with a Url and the
        seconds that opening may take.
    other_loader: that of a transport which is tried where the socket is of another kind.
    stream: the Scheme of URLs that have a framing, where others have none; None: this one.
    address: what stands after "://", for help texts. read_address: takes it into a Url's parts.
    port: where collectors listen if the URL does not say; None: there are no ports.
    framings: those it can have, the default first.
    options: what may stand after "?" beside "framing".
    protocol: what its collectors take; max_size: a limit that they have, unless one is given.
    family: name of the socket family that it needs, where not every system has that.
    opens_at_once: whether the transport to a host opens without waiting.
    """

    def __init__(
        self,
        *,
        loader: "str",
        other_loader: "str | None" = None,
        address: "str" = "HOST",
        read_address: "Callable[[Url, str], None]" = read_host,
        port: "int | None" = None,
        framings: "tuple[str | None, ...]",
        options: "tuple[str, ...]" = (),
        protocol: "str" = "rfc5424",
        max_size: "int | None" = None,
        family: "str | None" = None,
        opens_at_once: "Callable[[str], bool]" = never,
        stream: "Scheme | None" = None,
    ) -> "None":
        module, _, name = loader.partition(":")
        if not module or not name:
            from syslogfast._rare_validation import reject_loader

            reject_loader(loader)
        self.loader = loader
        self.other_loader = other_loader
        self.address = address
        self.read_address = read_address
        self.port = port
        self.framings = framings
        self.options = options
        self.protocol = protocol
        self.max_size = max_size
        self.family = family
        self.opens_at_once = opens_at_once
        self.stream = stream


# What is unknown, or has no loader, is refused. Every collector takes "lf" on TCP, and as the
# encoder escapes it no text can forge it.
SCHEMES = {
    "udp": Scheme(  # RFC 5426 3.1, 3.3: one record, one datagram
        loader="syslogfast.transports.datagram:UdpTransport",
        port=514,
        framings=(None,),
        options=("bind", "order", "resolve", "retry"),
        max_size=MAX_SIZE_UDP,
        opens_at_once=is_address,
    ),
    "tcp": Scheme(  # RFC 6587
        loader="syslogfast.transports.stream:TcpTransport",
        port=601,
        framings=STREAM_FRAMINGS,
        options=CONNECTION_OPTIONS,
    ),
    "tls": Scheme(  # RFC 5425
        loader="syslogfast.transports.tls:TlsTransport",
        port=6514,
        framings=("octet", "lf"),
        options=(*TLS_OPTIONS, *CONNECTION_OPTIONS),
    ),
    "unix": Scheme(
        loader="syslogfast.transports.unix_datagram:UnixTransport",
        other_loader="syslogfast.transports.unix:TerminatedStreamTransport",
        address="/PATH",
        read_address=read_path,
        framings=(None, *STREAM_FRAMINGS),
        options=("retry",),
        protocol="local",  # a stock rsyslog or journald takes RFC 5424 for a text of the sender's
        family="AF_UNIX",
        opens_at_once=always,
        stream=Scheme(
            loader="syslogfast.transports.stream:UnixStreamTransport",
            other_loader="syslogfast.transports.unix:UnframedTransport",
            framings=STREAM_FRAMINGS,
        ),
    ),
    "vsock": Scheme(
        loader="syslogfast.transports.stream:VsockTransport",
        address="CID",
        read_address=read_context,
        port=514,
        framings=STREAM_FRAMINGS,
        options=("retry",),
        family="AF_VSOCK",
    ),
    "relp": Scheme(
        loader="syslogfast.transports.relp:RelpTransport",
        port=2514,
        framings=(None,),  # it has a framing of its own
        options=CONNECTION_OPTIONS,
    ),
    "relps": Scheme(
        loader="syslogfast.transports.relps:RelpsTransport",
        port=2514,
        framings=(None,),
        options=(*TLS_OPTIONS, *CONNECTION_OPTIONS),
    ),
    "fd": Scheme(
        loader="syslogfast.transports.fd:FdTransport",
        address="NUMBER",
        read_address=read_descriptor,
        framings=STREAM_FRAMINGS,
        opens_at_once=always,
    ),
}


class Url:
    """A URL's parts; str() gives it back.

    host: of unix the path, of vsock the context ID, of fd the number. options: what is after "?"
    but for `framing`. context: an ssl.SSLContext to use instead of one made from the options.
    uses_slow_start: whether the first datagrams are to go out slowly.
    """

    def __init__(self, text: "str", scheme: "str", options: "dict[str, str]") -> "None":
        known = SCHEMES[scheme]
        self.text = text
        self.scheme = scheme
        self.host = ""
        self.port = known.port
        self.has_framing = "framing" in options  # or else it is the default
        self.framing: str | None = options.pop("framing", "").lower() or known.framings[0]
        self.options = options
        self.context: Any = None
        self.uses_slow_start = False

    def find_transport_scheme(self) -> "Scheme":
        """Return the row of SCHEMES, or of a row's streams, that says how to open this."""
        scheme = SCHEMES[self.scheme]
        return scheme.stream if scheme.stream and self.framing is not None else scheme

    def opens_at_once(self) -> "bool":
        """Return True if there is nothing to wait for: no name to look up, no connection."""
        return self.find_transport_scheme().opens_at_once(self.host)

    def __str__(self) -> "str":
        return self.text


def parse_options(query: "str", url: "str") -> "dict[str, str]":
    options: dict[str, str] = {}
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if not equals or name in options:
            reject_url("have options of the form name=value, each once", url)
        options[name] = value
    return options


def check_options(scheme: "str", options: "dict[str, str]", url: "str") -> "None":
    known = SCHEMES[scheme]
    framing = options.get("framing", "").lower() or known.framings[0]
    if framing not in known.framings:
        from syslogfast.transports.url_errors import reject_framing

        reject_framing(framing or "", scheme, known.framings, url)
    for name in sorted(options):
        if name != "framing" and name not in known.options:
            from syslogfast.transports.url_errors import reject_url_option

            reject_url_option(name, scheme, ("framing", *known.options), url)
    if options.get("order", "any") != "any":
        reject_url("have order=any, or no order", url)
    if not is_duration(options.get("resolve", "0")):
        reject_url("have a resolve in seconds, or 0 for never", url)
    if not is_address(options.get("bind", "::")):
        reject_url("have a bind that is an address of this host, such as 192.0.2.1", url)
    if not is_number(options.get("keepalive", "0"), MAX_KEEPALIVE):
        reject_url(f"have a keepalive in seconds, 1..{MAX_KEEPALIVE}, or 0 for none", url)
    retry = options.get("retry", "1")
    if not is_duration(retry) or not FIRST_DELAY <= float(retry) <= MAX_RETRY:
        reject_url(f"have a retry in seconds, {FIRST_DELAY}..{MAX_RETRY}", url)
    if options.get("insecure", "yes") != "yes":
        reject_url("have insecure=yes, or nothing of it", url)
    if "key" in options and "cert" not in options:
        reject_url("have a cert for its key", url)
    for name in FILES:
        if name in options and not can_read(options[name]):
            reject_url(f"have a {name} that is a file and can be read", url)


def can_read(path: "str") -> "bool":
    """Return True if there is such a file, and it is not kept from this process."""
    try:
        return system.access(path, system.R_OK)
    except ValueError:  # a NUL, or half of a surrogate pair, which no path can have
        return False


def is_duration(text: "str") -> "bool":
    """Return True for digits, and perhaps a point among them, at most ten of each."""
    whole, _, fraction = text.partition(".")
    return is_number(whole, MOST_SECONDS) and is_number(fraction or "0", MOST_SECONDS)


def parse_port(text: "str", most: "int", url: "str") -> "int":
    if not is_number(text, most) or not read_number(text):
        reject_url(f"have a port in 1..{most}", url)
    return read_number(text)


def split_host_and_port(address: "str", url: "str") -> "tuple[str, str | None]":
    """Return host and port of "host:port", "host" or "[::1]:port"."""
    if address.split() != [address] or any(char in address for char in "/#@,"):
        reject_address(url, address)
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or (colon and colon != ":"):
            reject_url("have an IPv6 address within [ and ]", url)
    else:
        host, colon, port = address.partition(":")
        if ":" in port:
            reject_url("have an IPv6 address within [ and ]", url)
    if not host:
        reject_address(url, address)
    return host, port if colon else None


def parse_url(url: "str | Url") -> "Url":
    """Return the parts of a URL; ValueError says what is wrong with it.

    >>> parse_url("tcp://[::1]:6514?framing=octet").host
    '::1'
    """
    if isinstance(url, Url):
        return url
    if not isinstance(url, str):
        from syslogfast.transports.url_errors import reject_url_kind

        reject_url_kind(url)
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if "://" in rest:
        from syslogfast.transports.url_errors import reject_several

        reject_several(url)
    if not separator or scheme not in SCHEMES:
        from syslogfast.transports.url_errors import reject_scheme

        reject_scheme(url, SCHEMES)
    family = SCHEMES[scheme].family
    if family and not has_socket_family(family):
        reject_url(f"be of a transport that this system has, which lacks {scheme}", url)
    address, _, query = rest.partition("?")
    options = parse_options(query, url) if query else {}
    if options:
        check_options(scheme, options, url)
    parts = Url(url, scheme, options)
    SCHEMES[scheme].read_address(parts, address)
    source = options.get("bind")
    if source and is_address(parts.host) and (":" in source) != (":" in parts.host):
        reject_url("have a bind of the kind that its host is, IPv4 or IPv6", url)
    return parts


def parse_url_as(field: "str", url: "str | Url") -> "Url":
    """Return the parts of a URL that was given as something else than a `url`, and is called so."""
    try:
        return parse_url(url)
    except (TypeError, ValueError) as error:
        from syslogfast.transports.url_errors import reject_as

        reject_as(field, error)


def is_context(value: "object") -> "bool":
    """Return True for an ssl.SSLContext; where `ssl` was not imported, there is none."""
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(value, ssl.SSLContext)


def use_context(urls: "list[Url]", context: "Any") -> "None":
    """Have the TLS of all of these made by an ssl.SSLContext.

    TypeError: it is none. ValueError: one of them has no TLS, or an option that the context has.
    """
    if not is_context(context):
        check_kind("context", context, "an ssl.SSLContext or None")
    for url in urls:
        if "ca" not in SCHEMES[url.scheme].options:
            reject_url("be of a transport with TLS, such as tls://, for a context", url.text)
        for name in CONTEXT_OPTIONS:
            if name in url.options:
                reject_url(f"have no option {name!r}, which a context has", url.text)
        url.context = context


def agree_on_framing(urls: "list[Url]", framing: "str | None") -> "str | None":
    """Give all URLs the framing that was asked for, or else that of the first; return it.

    What is queued has been framed already, for whichever transport it will go. ValueError: one of
    the URLs says otherwise, or cannot have it.
    """
    if framing is None:
        framing = urls[0].framing
    framing = check_choice("framing", framing, FRAMINGS)
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


def choose_max_size(urls: "list[Url]", protocol: "str") -> "int | None":
    """Return the most bytes of a record that all of these take, unless another is given.

    None: the encoder's own; that of RFC 3164 is lower than any of these.
    """
    limits = [SCHEMES[url.scheme].max_size for url in urls]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known and protocol != "rfc3164" else None


def read_urls() -> "list[str]":
    """Return the URLs in the environment variable SYSLOGFAST_URL, which stand between spaces."""
    return read_variable("SYSLOGFAST_URL").split()
