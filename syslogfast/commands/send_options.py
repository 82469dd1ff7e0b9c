"""What `syslogfast send` takes: its options, and their values."""

from syslogfast._validation import (
    check_facility,
    check_severity,
    describe,
    is_number,
    read_number,
)
from syslogfast.commands.arguments import ArgumentError
from syslogfast.commands.logger_options import add_logger_options
from syslogfast.constants import PROTOCOLS
from syslogfast.transports.url import SCHEMES, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.commands.arguments import Parser

UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
MAX_SIZE = 1 << 30  # octets of a record
MAX_RATE = 10**9  # lines a second
MAX_PRIORITY = 191  # RFC 5424 6.2.1
STATUSES = (
    "Exit status: 0 all was sent; 1 not all was; 2 an argument is wrong; 3 all was sent,"
    " but not whole; 128 and the number of the signal that has ended it."
)
EXAMPLES = [
    ("syslogfast send --to udp://192.0.2.1 -t shop -p local0.err card refused", "one record"),
    (
        "syslogfast send --to 'tcp://collector:601?framing=octet' --retry --follow access.log",
        "what is appended to a file, for ever",
    ),
    ("journalctl -f | syslogfast send --to tls://collector --retry", "what a program writes"),
    (
        "syslogfast send --to tcp://192.0.2.1 --to tcp://192.0.2.2 access.log",
        "a file, to the second collector where the first cannot be reached",
    ),
    ("syslogfast send access.log", "to standard output: shows what would be sent"),
]


def parse_priority(text: str) -> tuple[int, int]:
    """Return facility and severity of "local0.notice"; "notice" alone means user.notice.

    As in logger(1) a number stands for either of them, as they are in PRI: "128.5". One number that
    is no severity is PRI itself: "133".
    """
    facility, dot, severity = text.partition(".")
    if not dot:
        if is_number(text, MAX_PRIORITY):
            number = read_number(text)
            return number // 8 if number >= 8 else check_facility("user"), number % 8
        facility, severity = "user", text
    code: object = facility
    if is_number(facility, MAX_PRIORITY):
        if read_number(facility) % 8:
            raise ArgumentError(
                "facility must be a keyword, or a number that 8 divides, such as 128 for local0,"
                f" got {describe(facility)}"
            )
        code = read_number(facility) // 8
    level: object = read_number(severity) if is_number(severity, MAX_PRIORITY) else severity
    try:
        return check_facility(code), check_severity(level)
    except ValueError as error:
        raise ArgumentError(f"{text!r}: {error}") from None


def parse_size(text: str) -> int:
    """Return octets of "8192", "64K", "64KiB" or "1M"."""
    digits = text.rstrip("KMGkmgiBb")
    unit = text[len(digits) :].lower().removesuffix("b").removesuffix("i")
    if unit not in UNITS or not is_number(digits, MAX_SIZE) or not read_number(digits):
        raise ArgumentError(
            f"SIZE must be a number of octets, such as 8192, 64K or 1M, got {text!r}"
        )
    size = read_number(digits) * UNITS[unit]
    if size > MAX_SIZE:
        raise ArgumentError(f"SIZE must be at most {MAX_SIZE}, got {text!r}")
    return size


def parse_rate(text: str) -> float:
    whole, _, fraction = text.partition(".")
    is_right = is_number(whole, MAX_RATE) and is_number(fraction or "0", MAX_RATE)
    rate = float(text) if is_right else 0.0
    if not rate:
        raise ArgumentError(f"N must be a number above 0, got {describe(text)}")
    return rate


def parse_element(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return SD-ID and parameters of 'shop@32473 order=17 note="two words"'."""
    import shlex

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ArgumentError(f"{text!r}: {error}") from None
    sd_id, pairs = (words[0], words[1:]) if words else ("", [])
    parameters = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ArgumentError(f"{text!r}: {pair!r} is not NAME=VALUE")
        parameters.append((name, value))
    return sd_id, parameters


def list_url_forms() -> list[str]:
    """Return the form of the URLs of each transport."""
    forms = []
    for name, scheme in SCHEMES.items():
        port = f"[:{scheme.port}]" if scheme.port else ""
        framings = "|".join([framing for framing in scheme.framings if framing])
        options = [f"framing={framings}"] if framings else []
        options += [f"{option}=..." for option in scheme.options]
        query = f"[?{'&'.join(options)}]" if options else ""
        forms.append(f"{name}://{scheme.address}{port}{query}")
    return forms


def add_options(parser: "Parser") -> None:
    parser.list_urls = list_url_forms
    add = parser.add_argument
    add(
        "words",
        nargs="*",
        metavar="FILE|TEXT",
        help="files, - for standard input, which is the default; words that are none are a text",
    )
    add("-m", "--message", metavar="TEXT", help="send one record with this text")
    add("-f", "--file", action="append", metavar="FILE", help="send the lines of this file, too")
    add(
        "-F",
        "--follow",
        action="store_true",
        help="go on with what is appended to each FILE, when it was rotated or truncated, too",
    )
    add("--from-end", action="store_true", help="with --follow: leave out what is there already")
    add(
        "--to",
        action="append",
        type=parse_url,
        metavar="URL",
        help="a collector; may be repeated: the first that can be reached is used;"
        " default: $SYSLOGFAST_URL, else standard output",
    )
    add(
        "--retry",
        action="store_true",
        help="wait for a collector that cannot be reached, or breaks off, and go on",
    )
    add(
        "-p",
        "--priority",
        type=parse_priority,
        default=(1, 5),
        metavar="[FACILITY.]SEVERITY",
        help="keywords or numbers, such as local0.notice or 128.5; or PRI itself, 133;"
        " default: user.notice",
    )
    add(
        "--prio-prefix",
        action="store_true",
        help="take a priority from <PRI> at the begin of a line",
    )
    add(
        "-t",
        "--tag",
        "--app-name",
        dest="app_name",
        default="syslogfast",
        metavar="NAME",
        help="APP-NAME, or TAG; default: syslogfast",
    )
    add("-i", action="store_true", help="write the process number of this command")
    add("--id", nargs="?", const="", metavar="ID", help="write this one, --id=$$ of a script")
    add("--hostname", metavar="NAME", help="HOSTNAME; default: this host's")
    add("--msgid", metavar="ID", help="MSGID; default: none")
    add(
        "--sd",
        action="append",
        type=parse_element,
        metavar="'ID NAME=VALUE ...'",
        help="an element of structured data; may be repeated",
    )
    add("--protocol", choices=PROTOCOLS, help="default: rfc5424, or local to unix://")
    add_logger_options(parser)
    add(
        "-S",
        "--size",
        "--max-size",
        dest="max_size",
        type=parse_size,
        metavar="SIZE",
        help="octets of a record, such as 64K; default: 8192, 2048 over UDP, 1024 for rfc3164",
    )
    add("--split", action="store_true", help="divide a longer line into records, not cut it")
    add("-e", "--skip-empty", action="store_true", help="leave out empty lines of files")
    add("--rate", type=parse_rate, metavar="N", help="send no more than N lines a second")
    add("-s", "--stderr", action="store_true", help="write the records to standard error, too")
    add("--no-act", action="store_true", help="do all but send the records")
    add("-v", "--verbose", action="store_true", help="tell at the end what was sent")
    add("-q", "--quiet", action="store_true", help="tell nothing of that on a terminal, either")
