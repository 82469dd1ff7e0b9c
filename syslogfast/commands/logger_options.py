"""Options that logger(1) has for what a URL, --sd and --protocol say here."""

import os

from syslogfast.commands.arguments import ArgumentError
from syslogfast.transports.url import parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from syslogfast.commands.arguments import Parser, Values
    from syslogfast.transports import Url

WITHOUT = ("notq", "notime", "nohost")  # what --rfc5424 may leave out


def parse_id(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return an element of structured data without parameters."""
    return text, []


def parse_parameter(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a parameter, 'NAME="VALUE"', of the element before."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentError(f"{text!r} is not NAME=VALUE")
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\]", "]").replace("\\\\", "\\")
    return "", [(name, value)]


def parse_without(text: str) -> list[str]:
    """Return what is to be left out of RFC 5424's header: time quality is not in it anyway."""
    words = text.split(",")
    for word in words:
        if word not in WITHOUT:
            raise ArgumentError(f"must be of {', '.join(WITHOUT)}, got {word!r}")
        if word == "notime":
            raise ArgumentError("a record has the time, and cannot do without; leave out notime")
    return words


def add_logger_options(parser: "Parser") -> None:
    add = parser.add_argument
    add("-n", "--server", metavar="HOST", help="--to udp://HOST, or with -T tcp://HOST")
    add("-P", "--port", metavar="PORT", help="of that; default: 514, or 601")
    add("-T", "--tcp", action="store_true", help="send over TCP to that")
    add("-d", "--udp", action="store_true", help="send over UDP to that, which is the default")
    add("-u", "--socket", metavar="PATH", help="--to unix://PATH")
    add("--octet-count", action="store_true", help="framing=octet of that URL")
    add("--rfc3164", action="store_true", help="--protocol rfc3164")
    add(
        "--rfc5424",
        nargs="?",
        const=(),
        type=parse_without,
        metavar="WITHOUT",
        help="--protocol rfc5424; notq has no effect, nohost leaves the host's name out",
    )
    add("--sd-id", action="append", dest="sd", type=parse_id, metavar="ID", help="--sd ID")
    add(
        "--sd-param",
        action="append",
        dest="sd",
        type=parse_parameter,
        metavar="'NAME=\"VALUE\"'",
        help="a parameter of that element",
    )


def join_elements(
    given: "Sequence[tuple[str, list[tuple[str, str]]]]",
) -> dict[str, list[tuple[str, str]]]:
    """Return structured data; ValueError: a parameter has no element before it."""
    elements: dict[str, list[tuple[str, str]]] = {}
    last: list[tuple[str, str]] | None = None
    for sd_id, parameters in given:
        if sd_id or last is None:
            if not sd_id and parameters:
                raise ValueError("--sd-param must have an --sd-id before it")
            last = elements.setdefault(sd_id, [])
        last.extend(parameters)
    return elements


def read_url(options: "Values") -> "Url | None":
    """Return where logger's options lead; None: none of them says that."""
    if options.socket:
        return parse_url(f"unix://{os.path.abspath(options.socket)}")
    if not options.server:
        for name in ("port", "tcp", "udp", "octet_count"):
            if getattr(options, name):
                raise ValueError(f"--{name.replace('_', '-')} must have --server, the host, too")
        return None
    host = f"[{options.server}]" if ":" in options.server else options.server
    port = f":{options.port}" if options.port else ""
    framing = "?framing=octet" if options.octet_count and options.tcp else ""
    return parse_url(f"{'tcp' if options.tcp else 'udp'}://{host}{port}{framing}")


def read_protocol(options: "Values") -> "Any":
    """Return the protocol that is asked for, if one is."""
    if options.rfc3164:
        return "rfc3164"
    return options.protocol if options.rfc5424 is None else "rfc5424"


def read_hostname(options: "Values") -> str | None:
    is_left_out = options.rfc5424 is not None and "nohost" in options.rfc5424
    return "-" if is_left_out else options.hostname
