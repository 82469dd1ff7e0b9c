"""The command `syslogfast`: sends lines as syslog records, and shows records that arrive."""

import argparse
import os
import stat

from syslogfast._backend import BACKEND
from syslogfast._validation import check_facility, check_severity, describe
from syslogfast.constants import PROTOCOLS, VERSION
from syslogfast.transports.url import SCHEMES, Url, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would take a tenth of the time that a command does
    import re
    from typing import NoReturn

    Commands = argparse._SubParsersAction["OneLineParser"]


# docs/performance.md has the ratio.
ENCODERS = {"c": "compiled encoder", "python": "encoder in Python, 13 times slower"}


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, as other tools do."""

    def error(self, message: str) -> "NoReturn":
        self.exit(2, f"{self.prog}: {message}\n")


def parse_priority(text: str) -> tuple[int, int]:
    """Return facility and severity of "local0.notice"; "notice" alone means user.notice."""
    facility, dot, severity = text.partition(".")
    if not dot:
        facility, severity = "user", text
    try:
        return check_facility(facility), check_severity(severity)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def parse_element(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return SD-ID and parameters of 'shop@32473 order=17 note="two words"'."""
    import shlex

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    sd_id, pairs = (words[0], words[1:]) if words else ("", [])
    parameters = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{text!r}: {pair!r} is not NAME=VALUE")
        parameters.append((name, value))
    return sd_id, parameters


def parse_target(text: str) -> Url:
    try:
        return parse_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT", "[IPV6]:PORT", ":PORT" or "PORT"."""
    host, _, port = text.rpartition(":")
    forbidden = "[]/@ :"
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host, forbidden = host[1:-1], "[]/@ "
    is_host = host.isprintable() and not set(host) & set(forbidden)
    is_port = port.isdigit() and port.isascii() and len(port) <= 5 and int(port) < 65536
    if not (is_host and is_port):
        raise argparse.ArgumentTypeError(f"ADDR must be HOST:PORT, got {describe(text)}")
    return host or "127.0.0.1", int(port)


def parse_context(text: str) -> tuple[int, int]:
    """Return context and port of "CID:PORT" or "PORT" (vsock(7)); without CID any context's."""
    cid, colon, port = text.rpartition(":")
    numbers = [cid, port] if colon else [port]
    highest = 0xFFFFFFFF
    if not all(n.isdigit() and n.isascii() and len(n) <= 10 and int(n) <= highest for n in numbers):
        raise argparse.ArgumentTypeError(f"ADDR must be PORT or CID:PORT, got {describe(text)}")
    return int(cid) if colon else highest, int(port)


def parse_path(text: str) -> str:
    # unix(7): the kernel's limit, with the NUL at its end
    if not text or "\0" in text or len(os.fsencode(text)) > 107:
        raise argparse.ArgumentTypeError(
            f"PATH must be 1 to 107 bytes, without NUL, got {describe(text)}"
        )
    return text


def parse_level(text: str) -> int:
    try:
        return check_severity(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_pattern(text: str) -> "re.Pattern[str]":
    import re

    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise argparse.ArgumentTypeError(
            f"PATTERN must be a regular expression, got {describe(text)}: {error}"
        ) from None


def parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(
            f"SECONDS must be a number above 0, such as 600, got {describe(text)}"
        )
    return seconds


def check_readable(path: str) -> str:
    """Refuse a wrong FILE before anything is sent."""
    if path != "-":
        try:
            if stat.S_ISDIR(os.stat(path).st_mode):
                raise argparse.ArgumentTypeError(f"{path}: it is a directory")
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from None
        if not os.access(path, os.R_OK):
            raise argparse.ArgumentTypeError(f"{path}: it may not be read")
    return path


def make_formatter(prog: str) -> argparse.HelpFormatter:
    """Fit help to the terminal, without the import of shutil that argparse would do for it."""
    try:
        width = os.get_terminal_size().columns
    except OSError:
        width = 100
    return argparse.HelpFormatter(prog, width=width - 2)


def add_command(
    commands: "Commands", name: str, what: str, epilog: str | None = None
) -> OneLineParser:
    """Return the parser of a command that does what `what` says."""
    parser = commands.add_parser(
        name,
        allow_abbrev=False,
        formatter_class=make_formatter,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=epilog,
    )
    parser.set_defaults(parser=parser)
    return parser


def describe_schemes() -> str:
    """Return the form of the URLs of each transport."""
    forms = []
    for name, scheme in SCHEMES.items():
        port = f"[:{scheme.port}]" if scheme.port else ""
        framings = "|".join([framing for framing in scheme.framings if framing])
        options = [f"framing={framings}"] if framings else []
        options += [f"{option}=..." for option in scheme.options]
        query = f"[?{'&'.join(options)}]" if options else ""
        forms.append(f"{name}://{scheme.address}{port}{query}")
    return ", ".join(forms)


def add_send(commands: "Commands") -> None:
    send = add_command(commands, "send", "send one record a line, from files or standard input")
    add = send.add_argument
    add("files", nargs="*", type=check_readable, metavar="FILE", help="default: -, standard input")
    add(
        "--to",
        type=parse_target,
        metavar="URL",
        help=f"{describe_schemes()}; default: $SYSLOGFAST_URL, else standard output",
    )
    add("-m", "--message", metavar="TEXT", help="send one record with this text")
    add(
        "-p",
        "--priority",
        type=parse_priority,
        default=(1, 5),
        metavar="[FACILITY.]SEVERITY",
        help="keywords, such as local0.notice; default: user.notice",
    )
    add("-t", "--tag", "--app-name", dest="app_name", default="syslogfast", metavar="NAME")
    add("-i", "--id", action="store_true", help="write the process number of this command")
    add("--hostname", metavar="NAME", help="default: this host's")
    add("--msgid", metavar="ID")
    add(
        "--sd",
        action="append",
        type=parse_element,
        default=[],
        metavar="'ID NAME=VALUE ...'",
        help="an element of structured data; may be repeated",
    )
    add("--protocol", choices=PROTOCOLS, help="default: rfc5424, or local to unix://")
    send.set_defaults(run=run_send)


def run_send(options: argparse.Namespace) -> int:
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


def run_listen(options: argparse.Namespace) -> int:
    from syslogfast.commands.listen import show_records

    return show_records(options)


def parse_count(text: str) -> int:
    if not (text.isdigit() and text.isascii() and 0 < int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError(f"must be in 1..10000000, got {describe(text)}")
    return int(text)


def add_demo(commands: "Commands") -> None:
    demo = add_command(
        commands,
        "demo",
        "let many emitters send over one transport, and count what arrives",
        epilog="Each emitter has its own HOSTNAME and APP-NAME, boots, works and ends. What arrives"
        " is counted at a collector that is started in a second process, unless --to names another,"
        " which cannot be asked. Exit status 1 if a record was lost or malformed.",
    )
    add = demo.add_argument
    add("--emitters", type=parse_count, default=1000, metavar="N", help="default: 1000")
    add("--records", type=parse_count, default=100, metavar="N", help="of each; default: 100")
    add("--to", type=parse_target, metavar="URL", help="as for send")
    demo.set_defaults(run=run_demo)


def run_demo(options: argparse.Namespace) -> int:
    from syslogfast.commands.demo import demonstrate

    return demonstrate(options)


def make_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="syslogfast",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=make_formatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {VERSION} ({ENCODERS[BACKEND]})"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_send(commands)
    add_listen(commands)
    add_demo(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, or the process's; return the exit status."""
    options = make_parser().parse_args(arguments)
    return options.run(options)  # type: ignore[no-any-return]
