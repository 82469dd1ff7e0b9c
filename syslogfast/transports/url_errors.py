"""Errors of URLs, and of what a handler takes for an address: loaded when there is one.

None of them shows what stands before "@", or the value of an option that may be a secret.
"""

from syslogfast._name_errors import ask, find_nearest
from syslogfast._rare_validation import describe_url, hide_secrets
from syslogfast._validation import describe, is_a, is_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any, NoReturn

# Schemes of other programs that mean one of ours, and have few letters in common with it.
OTHER_SCHEMES = {
    "file": "fd",
    "http": "tcp",
    "https": "tls",
    "ssl": "tls",
    "syslog": "udp",
    "syslog+tcp": "tcp",
    "syslog+tls": "tls",
    "syslogs": "tls",
    "tcp+ssl": "tls",
    "tcp+tls": "tls",
    "tcps": "tls",
}
MAX_PORT = (1 << 32) - 1  # of vsock, which has the most
LONGEST_PROPOSED = 1000  # characters; nobody has meant more, and each part may have the scheme
MOST_PROPOSED = 20
SEVERAL = ", each of several an argument of its own"
SPACES = "have spaces between its URLs"


def drop_credentials(url: "str") -> "str":
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]


def ask_for_url(url: "str") -> "str":
    """Return the end of a message that proposes a URL; empty if that has a secret, or is long."""
    return ask(url if len(url) <= LONGEST_PROPOSED and hide_secrets(url) == url else "")


def reject_url_kind(value: "Any") -> "NoReturn":
    rule, near = "a str such as udp://127.0.0.1:514", ""
    if is_a(value, list, tuple, set, frozenset):
        rule = f"a str{SEVERAL}, as in connect(*urls)"
    elif is_a(value, bytes):
        near = drop_credentials(value.decode("utf-8", "replace"))
    elif hasattr(value, "__fspath__"):
        near = f"unix://{value}" if str(value).startswith("/") else ""
    raise TypeError(f"url must be {rule}, got {describe_url(value)}{ask_for_url(near)}")


def reject_url(rule: "str", url: "str", near: "str" = "") -> "NoReturn":
    raise ValueError(f"url must {rule}, got {describe_url(url)}{near and ask_for_url(near)}")


def reject_url_option(
    option: "str", scheme: "str", known: "Iterable[str]", url: "str"
) -> "NoReturn":
    raise ValueError(
        f"url must have no option {describe(option)}, which {scheme} does not know,"
        f" got {describe_url(url)}{ask(find_nearest(option, known))}"
    )


def reject_framing(framing: "str", scheme: "str", known: "Iterable[Any]", url: "str") -> "NoReturn":
    names = [name for name in known if name]
    raise ValueError(
        f"url must have a framing that {scheme} can use ({', '.join(names) or 'none'}),"
        f" got {describe_url(url)}{ask(find_nearest(framing, names))}"
    )


def reject_scheme(url: "str", names: "Collection[str]") -> "NoReturn":
    known = ", ".join([name + "://" for name in names])
    reject_url(f"begin with one of {known}", url, propose_url(url, names))


def propose_url(url: "str", names: "Collection[str]") -> "str":
    """Return the URL that a text without a scheme that is known was probably to be."""
    text = url.strip(" \t\r\n'\"<>")
    if text.startswith("/") and not text.startswith("//"):
        return "unix://" + text
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, mark, rest = text.partition(":")  # udp:collector:514
        if scheme.lower() not in names:
            scheme, mark, rest = text.partition("//")  # udp//collector
        if not mark or scheme.lower() not in names or (rest.isdigit() and scheme != "fd"):
            scheme, rest = "udp", text
        rest = rest.rpartition("@")[2].lstrip("/")
        rest = "/" + rest if scheme == "unix" else rest.partition("/")[0]
    rest = rest.rpartition("@")[2]
    scheme = scheme.lower()
    if scheme not in names:
        scheme = OTHER_SCHEMES.get(scheme, "") or find_nearest(scheme, names)
    if not scheme or rest.split() != [rest] or "," in rest:
        return ""
    if not separator and rest.count(":") > 1 and "[" not in rest:
        rest = f"[{rest}]"  # an IPv6 address
    return f"{scheme}://{rest}"


def reject_several(url: "str") -> "NoReturn":
    """Refuse several URLs in one text; if there is a secret in it, they are not shown again."""
    end = ""
    if len(url) <= LONGEST_PROPOSED and hide_secrets(url) == url:
        parts = url.replace(",", " ").replace(";", " ").split()
        scheme = url.partition("://")[0]
        near = [describe(part if "://" in part else f"{scheme}://{part}") for part in parts]
        if 1 < len(parts) <= MOST_PROPOSED:
            end = f". Did you mean {', '.join(near)}?"
    raise ValueError(f"url must be one URL{SEVERAL}, got {describe_url(url)}{end}")


def reject_address(url: "str", address: "str") -> "NoReturn":
    """Refuse what is no host, or has something else than a port after it."""
    scheme = url.partition("://")[0]
    if "@" in address:
        near = drop_credentials(url)
        reject_url("have no user and no password, which no collector asks for", url, near)
    if not address or address[0] == ":" or address[:2] == "[]":
        port = address.lstrip("[]")
        port = port if is_number(port[1:], MAX_PORT) else ""  # it may be any text
        reject_url(f"have a host, as in {scheme}://127.0.0.1{port}", url)
    if "," in address:
        reject_several(url)
    host = address.strip().lstrip("/").partition("/")[0].partition("#")[0]
    near = f"{scheme}://{host}" + "".join(url.partition("?")[1:]) if host.split() == [host] else ""
    reject_url("have a host, and nothing after it but a port and options", url, near)


def reject_as(field: "str", error: "Exception") -> "NoReturn":
    """Raise an error of a `url` as one of what it was given as."""
    if field == "url":
        raise error
    text = str(error)
    if SEVERAL in text:
        is_variable = field == "SYSLOGFAST_URL"
        text = text.replace(", as in connect(*urls)", "").partition(". Did you mean")[0]
        text = text.replace(f"be one URL{SEVERAL}", SPACES) if is_variable else text
        text = text.replace(SEVERAL, "")
    raise type(error)(field + text[len("url") :]) from None


def reject_tls_of_url(url: "str", tls: "Any", known: "Collection[str]") -> "NoReturn":
    """Refuse options for TLS beside a URL, which has them itself."""
    options = tls if is_a(tls, dict) else {}
    scheme, separator, rest = url.partition("://")
    scheme = {"tcp": "tls", "relp": "relps"}.get(scheme, scheme)
    near = scheme + separator + rest
    for name in options:
        if name in known and options[name] not in (None, False):
            value = "yes" if options[name] is True else options[name]
            near += f"{'&' if '?' in near else '?'}{name}={value}"
    raise ValueError(
        "tls must be an ssl.SSLContext for tls:// URLs, or left out with URLs:"
        f" its options go into the URL, got {describe_url(url)}"
        f"{ask_for_url(near if near != url else '')}"
    )


def reject_handler_address(address: "Any") -> "NoReturn":
    near = ""
    if is_a(address, str) and address:
        near = propose_url(address, ("udp", "tcp", "tls", "unix"))
    elif hasattr(address, "__fspath__"):
        near = str(address)
    kind = ValueError if is_a(address, str, bytes, list, tuple) else TypeError
    raise kind(
        "address must be (host, port), with a port in 1..65535, the path of a socket, a URL such as"
        f" udp://127.0.0.1:514, or a list of URLs, got {describe_url(address)}{ask_for_url(near)}"
    )
