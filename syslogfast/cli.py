"""The command `syslogfast`: sends lines as syslog records, and shows records that arrive."""

import os
import sys

from syslogfast._backend import BACKEND
from syslogfast._validation import check_severity, describe
from syslogfast.commands.arguments import ArgumentError, Parser, Values, ask
from syslogfast.constants import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would take a tenth of the time that a command does
    import re
    from collections.abc import Sequence
    from typing import TypeAlias

    Commands: TypeAlias = "dict[str, Parser]"

PROG = "syslogfast"
WHAT = "send lines as syslog records, and show records that arrive"
# docs/performance/records.md has the ratio.
ENCODERS = {"c": "compiled encoder", "python": "encoder in Python, 13 times slower"}


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT", "[IPV6]:PORT", ":PORT" or "PORT"."""
    host, _, port = text.rpartition(":")
    forbidden = "[]/@ :"
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host, forbidden = host[1:-1], "[]/@ "
    is_host = host.isprintable() and not set(host) & set(forbidden)
    is_port = port.isdigit() and port.isascii() and len(port) <= 5 and int(port) < 65536
    if not (is_host and is_port):
        raise ArgumentError(f"ADDR must be HOST:PORT, got {describe(text)}")
    return host or "127.0.0.1", int(port)


def parse_context(text: str) -> tuple[int, int]:
    """Return context and port of "CID:PORT" or "PORT" (vsock(7)); without CID any context's."""
    cid, colon, port = text.rpartition(":")
    numbers = [cid, port] if colon else [port]
    highest = 0xFFFFFFFF
    if not all(n.isdigit() and n.isascii() and len(n) <= 10 and int(n) <= highest for n in numbers):
        raise ArgumentError(f"ADDR must be PORT or CID:PORT, got {describe(text)}")
    return int(cid) if colon else highest, int(port)


def parse_path(text: str) -> str:
    # unix(7): the kernel's limit, with the NUL at its end
    if not text or "\0" in text or len(os.fsencode(text)) > 107:
        raise ArgumentError(f"PATH must be 1 to 107 bytes, without NUL, got {describe(text)}")
    return text


def parse_level(text: str) -> int:
    try:
        return check_severity(text)
    except ValueError as error:
        raise ArgumentError(str(error)) from None


def parse_pattern(text: str) -> "re.Pattern[str]":
    import re

    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ArgumentError(
            f"PATTERN must be a regular expression, got {describe(text)}: {error}"
        ) from None


def parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise ArgumentError(f"SECONDS must be a number above 0, such as 600, got {describe(text)}")
    return seconds


def add_command(
    commands: "Commands",
    name: str,
    what: str,
    epilog: str = "",
    examples: "Sequence[tuple[str, str]]" = (),
) -> Parser:
    """Return the parser of a command that does what `what` says."""
    parser = commands[name] = Parser(f"{PROG} {name}", what, epilog, examples)
    return parser


def add_send(commands: "Commands") -> None:
    from syslogfast.commands.send_options import EXAMPLES, STATUSES, add_options

    send = add_command(
        commands,
        "send",
        "send one record a line, from files or standard input",
        STATUSES,
        EXAMPLES,
    )
    add_options(send)
    send.set_defaults(run=run_send)


def run_send(options: Values) -> int:
    from syslogfast.commands.send import send_lines

    return send_lines(options)


def add_listen(commands: "Commands") -> None:
    listen = add_command(
        commands,
        "listen",
        "show the records that arrive, one a line, field by field, and what is wrong with them",
        epilog="ADDR is HOST:PORT, [IPV6]:PORT, :PORT or PORT; the host is 127.0.0.1 if none is"
        " given, and port 0 is any that is free. What says where to listen may be repeated; without"
        " any of it there are UDP and TCP on 127.0.0.1:5514. SIGINT or SIGTERM ends it.",
        examples=[
            ("syslogfast listen", "what programs of this host send, by UDP or TCP"),
            ("syslogfast listen --udp 0.0.0.0:514 --level warning", "what matters, of a network"),
            ("syslogfast listen --unix /tmp/log --json", "what /dev/log would get, for a program"),
        ],
    )
    add = listen.add_argument
    for name, read, metavar, what in (
        ("--udp", parse_address, "ADDR", "take datagrams here"),
        ("--tcp", parse_address, "ADDR", "take connections here, with any framing"),
        ("--tls", parse_address, "ADDR", "take connections with TLS here"),
        ("--relp", parse_address, "ADDR", "take connections that speak RELP here"),
        ("--relps", parse_address, "ADDR", "the same, with TLS"),
        ("--unix", parse_path, "PATH", "take datagrams on this socket, as on /dev/log"),
        ("--unix-stream", parse_path, "PATH", "take connections on this socket"),
        ("--vsock", parse_context, "[CID:]PORT", "take connections of microVMs here"),
    ):
        add(name, action="append", type=read, default=[], metavar=metavar, help=what)
    add(
        "--cert",
        metavar="FILE",
        help="the certificate for TLS; default: one that openssl makes on the spot",
    )
    add("--key", metavar="FILE", help="its private key, if that is not in the same file")
    add(
        "--level",
        type=parse_level,
        metavar="SEVERITY",
        help="show these and severer ones alone, such as warning",
    )
    add(
        "--grep",
        type=parse_pattern,
        metavar="PATTERN",
        help="show records alone that have this regular expression, anywhere",
    )
    add(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="show records of this host alone, by HOSTNAME or address; may be repeated",
    )
    add(
        "--idle",
        type=parse_seconds,
        default=600.0,
        metavar="SECONDS",
        help="close a connection that brings nothing for so long; default: 600",
    )
    add("--json", action="store_true", help="print one JSON object a line")
    listen.set_defaults(run=run_listen)


def run_listen(options: Values) -> int:
    from syslogfast.commands.listen import show_records

    return show_records(options)


def parse_count(text: str) -> int:
    if not (text.isdigit() and text.isascii() and 0 < int(text) <= 10_000_000):
        raise ArgumentError(f"must be in 1..10000000, got {describe(text)}")
    return int(text)


def add_demo(commands: "Commands") -> None:
    demo = add_command(
        commands,
        "demo",
        "let many emitters send over one transport, and count what arrives",
        epilog="Each emitter has its own HOSTNAME and APP-NAME, boots, works and ends. What arrives"
        " is counted at a collector that is started in a second process, unless --to names another,"
        " which cannot be asked. Exit status 1 if a record was lost or malformed.",
        examples=[
            ("syslogfast demo --emitters 10000 --records 10", "many, with short lives"),
            ("syslogfast demo --to udp://192.0.2.1", "to a collector of yours"),
        ],
    )
    from syslogfast.transports.url import parse_url

    add = demo.add_argument
    add("--emitters", type=parse_count, default=1000, metavar="N", help="default: 1000")
    add("--records", type=parse_count, default=100, metavar="N", help="of each; default: 100")
    add("--to", type=parse_url, metavar="URL", help="as for send")
    demo.set_defaults(run=run_demo)


def run_demo(options: Values) -> int:
    from syslogfast.commands.demo import demonstrate

    return demonstrate(options)


def add_manual(commands: "Commands") -> None:
    manual = add_command(
        commands,
        "manual",
        "write the man page, or what has a shell complete the command",
        examples=[
            ("syslogfast manual | man -l -", "reads it"),
            (
                "syslogfast manual >/usr/local/share/man/man1/syslogfast.1",
                "has man find it",
            ),
            (
                "syslogfast manual --completion bash"
                " >/usr/share/bash-completion/completions/syslogfast",
                "has bash complete its options",
            ),
        ],
    )
    manual.add_argument("--completion", choices=("bash", "zsh", "fish"), metavar="SHELL")
    manual.set_defaults(run=run_manual)


def run_manual(options: Values) -> int:
    from syslogfast.commands.manual import write_manual

    return write_manual(make_parsers(), options.completion, WHAT)


COMMANDS = {"send": add_send, "listen": add_listen, "demo": add_demo, "manual": add_manual}


def make_parsers() -> "Commands":
    """Return the parser of each command, by name."""
    commands: Commands = {}
    for add in COMMANDS.values():
        add(commands)
    return commands


def describe_version() -> str:
    return f"{PROG} {VERSION} ({ENCODERS[BACKEND]})"


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, or the process's; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    name = words[0] if words else ""
    if name in COMMANDS:  # the parsers of the others are not made
        commands: Commands = {}
        COMMANDS[name](commands)
        options = commands[name].parse_args(words[1:])
        return options.run(options)  # type: ignore[no-any-return]
    parser = Parser(PROG, WHAT)
    parser.add_argument("--version", action="store_true", help="tell the version, and end")
    if name in ("-h", "--help"):
        from syslogfast.commands.manual import print_overview

        return print_overview(parser, make_parsers())
    if parser.parse_args(words[:1] if name[:1] == "-" else []).version:
        from syslogfast.commands.manual import write

        return write([describe_version()])
    known = ", ".join(COMMANDS)
    shown = f"got {describe(name)}{ask(name, COMMANDS)}" if words else f"see {PROG} --help"
    return parser.error(f"COMMAND must be one of {known}, {shown}")


def run() -> None:
    """Run the command as all of a process, which ends here.

    Nothing is left to be done then. What Python does at its end takes a tenth of the time of
    `send -m`.
    """
    status = main()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        from syslogfast.commands.manual import tell_of_output

        status = tell_of_output(error) or status
    os._exit(status)
