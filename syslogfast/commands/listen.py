"""`syslogfast listen`: the records that arrive, one a line, field by field, and what is wrong."""

import os
import signal
import sys

from syslogfast.commands.printer import CountLine, Filter, Printer, find_width
from syslogfast.commands.render import WIDE_ENOUGH, JsonRenderer, TextRenderer
from syslogfast.commands.server import Server
from syslogfast.commands.sockets import UnboundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from syslogfast.commands.arguments import Values
    from syslogfast.commands.certificate import Certificate
    from syslogfast.commands.sockets import Address

__all__ = ["Printer", "TextRenderer", "show_records"]

DEFAULT_ADDRESSES: "list[tuple[str, Address]]" = [
    ("udp", ("127.0.0.1", 5514)),
    ("tcp", ("127.0.0.1", 5514)),
]
SCHEMES = ("udp", "tcp", "tls", "relp", "relps", "unix", "unix-stream", "vsock")
TLS_SCHEMES = ("tls", "relps")


class Ending:
    """SIGINT or SIGTERM: the first asks for an end, which wakes the selector; the second forces it.

    `came` says whether there was one.
    """

    def __init__(self) -> None:
        self.came = False
        self.woken, waking = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self)

    def __call__(self, number: int, frame: "FrameType | None") -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True


def list_addresses(options: "Values") -> "list[tuple[str, Address]]":
    """Return where to listen, as the options say."""
    wanted = [
        (scheme, address)
        for scheme in SCHEMES
        for address in getattr(options, scheme.replace("-", "_"))
    ]
    return wanted or DEFAULT_ADDRESSES


def make_certificate(
    options: "Values", wanted: "list[tuple[str, Address]]"
) -> "Certificate | None":
    """Return what TLS needs, if an address is for it."""
    hosts = [str(address[0]) for scheme, address in wanted if scheme in TLS_SCHEMES]
    if not hosts:
        if options.cert or options.key:
            options.parser.error("--cert and --key must stand with --tls or --relps")
        return None
    if options.key and not options.cert:
        options.parser.error("--key must stand with --cert")
    from syslogfast.commands.certificate import Certificate

    return Certificate(hosts, options.cert, options.key)


def make_printer(options: "Values") -> Printer:
    is_terminal = os.isatty(1)
    can_colour = is_terminal and os.environ.get("TERM") != "dumb"
    coloured = can_colour and not os.environ.get("NO_COLOR")
    width = find_width(1, WIDE_ENOUGH) if is_terminal else WIDE_ENOUGH
    is_filtered = options.level is not None or options.grep or options.host
    wanted = Filter(options.level, options.grep, options.host) if is_filtered else None
    renderer = JsonRenderer() if options.json else TextRenderer(coloured, width)
    return Printer(renderer, wanted)


def bind_all(
    server: Server, wanted: "list[tuple[str, Address]]", certificate: "Certificate | None"
) -> None:
    """Listen on all addresses, and say so of each; UnboundError: on none."""
    urls = [server.listen(*address) for address in wanted]
    for url in urls:
        is_ours = certificate and certificate.folder and url.startswith(("tls:", "relps:"))
        query = f"?ca={certificate.path}" if certificate and is_ours else ""
        sys.stderr.write(f"listening on {url}{query}\n")


def show_records(options: "Values") -> int:
    """Do what `syslogfast listen` says; return the exit status."""
    prog = options.parser.prog
    wanted = list_addresses(options)
    certificate = None
    server = None
    try:
        os.fstat(1)  # OSError now rather than at the first record
        printer = make_printer(options)
        certificate = make_certificate(options, wanted)
        server = Server(printer, options.idle)
        if certificate:
            server.use_tls(certificate.context)
        ending = Ending()
        bind_all(server, wanted, certificate)
        printer.count_line = CountLine()
        server.run(ending)
    except UnboundError as error:
        sys.stderr.write(f"{prog}: {error}\n")
        return 1
    except BrokenPipeError:
        return 0  # whoever read it has had enough
    except OSError as error:
        sys.stderr.write(f"{prog}: cannot write to standard output: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        pass  # at once: somebody has asked twice
    finally:
        if server:
            server.remove_paths()
        if certificate:
            certificate.remove()
    printer.clear()
    sys.stderr.write(f"{printer}\n")
    return 0
